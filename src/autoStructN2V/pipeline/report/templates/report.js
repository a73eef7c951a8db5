"use strict";
for (const compare of document.querySelectorAll(".compare")) {
  const range = compare.querySelector("input");
  const show = () => compare.style.setProperty("--split", `${range.value}%`);
  const follow = (event) => {
    const box = compare.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    show();
  };
  range.addEventListener("input", show);
  compare.addEventListener("pointerdown", (event) => {
    compare.setPointerCapture(event.pointerId);
    follow(event);
  });
  compare.addEventListener("lostpointercapture", () => range.focus({ preventScroll: true }));
  compare.addEventListener("pointermove", (event) => {
    if (compare.hasPointerCapture(event.pointerId)) follow(event);
  });
}
for (const details of document.querySelectorAll("details")) {
  addEventListener("beforeprint", () => { details.open = true; });
}
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const parts = button.dataset.copies.split(" ").map((id) => document.getElementById(id));
    const status = button.parentElement.querySelector("[role=status]");
    const numbered = (list) => [...list.children].map((item, i) => `[${i + 1}] ${item.textContent.trim()}`).join("\n");
    const text = parts.map((part) => (part.tagName === "OL" ? numbered(part) : part.textContent)).join("\n\n");
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(parts[0]);
      status.textContent = "Selected: copy it with Ctrl+C.";
    }
  });
}
