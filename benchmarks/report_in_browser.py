"""Open a report in a browser, use it, and look at it: the check that tests without one cannot make.

    apt-get install chromium chromium-driver
    pip install selenium
    python benchmarks/report_in_browser.py REPORT.html --output pictures

The page is opened at the widths of a phone, a laptop and a large screen, in light and dark. The
dividers are dragged and moved by keys, nothing may be loaded from elsewhere, nothing may be wider
than the screen, and the console has to stay empty. Pictures of all, and the print as PDF, are
written; a sentence for each thing that is wrong ends it with exit code 1.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTHS = {390: 844, 1024: 768, 1920: 1080}  # px: height by width of a screen
THEMES = ("light", "dark")
_SPLIT = "return parseFloat(getComputedStyle(arguments[0]).getPropertyValue('--split'))"
_EXCESS = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
_LOADED = "return performance.getEntriesByType('resource').map(e => e.name)"
_BACKGROUND = "return getComputedStyle(document.body).backgroundColor"
_HEIGHT = "return document.documentElement.scrollHeight"
_BROKEN = "return [...document.images].filter(i => !i.naturalWidth).map(i => i.alt)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--output", type=Path, default=Path("report_pictures"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    browser = open_browser()
    try:
        wrong = list(check(browser, arguments.report.resolve(), arguments.output))
    finally:
        browser.quit()
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(f"pictures: {arguments.output}; {len(wrong)} things are wrong")
    return 1 if wrong else 0


def open_browser() -> webdriver.Chrome:
    """Start Chromium without a window and without a network."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("headless=new", "no-sandbox", "hide-scrollbars", "disable-gpu"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    return browser


def check(browser: webdriver.Chrome, report: Path, output: Path) -> Iterator[str]:
    """Yield what is wrong with a report, one sentence each."""
    backgrounds = set()
    for theme in THEMES:
        _emulate(browser, theme)
        for width, height in WIDTHS.items():
            where = f"{width} px, {theme}"
            _resize(browser, width, height)
            browser.get(report.as_uri())
            backgrounds.add(browser.execute_script(_BACKGROUND))
            if excess := browser.execute_script(_EXCESS):
                yield f"{where}: the page is {excess} px wider than the screen"
            for loaded in browser.execute_script(_LOADED):
                if not loaded.startswith("data:"):
                    yield f"{where}: {loaded} is loaded from elsewhere"
            for alt in browser.execute_script(_BROKEN):
                yield f"{where}: the picture {alt!r} is not shown"
            yield from (f"{where}: {sentence}" for sentence in _dividers(browser))
            _take(browser, width, output / f"{width}-{theme}.png")
            for entry in browser.get_log("browser"):  # type: ignore[no-untyped-call]
                yield f"{where}: the console says {entry['message']}"
    if len(backgrounds) != len(THEMES):
        yield f"Light and dark have the same background: {backgrounds}"
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    (output / "print.pdf").write_bytes(base64.b64decode(pdf["data"]))


def _dividers(browser: webdriver.Chrome) -> Iterator[str]:
    """Drag each divider, and move it by keys."""
    compares = browser.find_elements(By.CSS_SELECTOR, ".compare")
    for number, compare in enumerate(compares, start=1):
        quarter = round(compare.size["width"] / 4)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", compare)
        drag = ActionChains(browser).move_to_element(compare).click_and_hold()
        drag.move_by_offset(-quarter, 0).release().perform()
        if abs(browser.execute_script(_SPLIT, compare) - 25.0) > 2.0:
            yield f"divider {number} does not follow the pointer"
        ActionChains(browser).send_keys(Keys.ARROW_RIGHT * 5).perform()
        if abs(browser.execute_script(_SPLIT, compare) - 30.0) > 2.0:
            yield f"divider {number} does not follow the arrow keys"


def _emulate(browser: webdriver.Chrome, theme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": theme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def _resize(browser: webdriver.Chrome, width: int, height: int) -> None:
    size: dict[str, Any] = {"width": width, "height": height, "deviceScaleFactor": 1}
    is_phone = width < 500
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "mobile": is_phone})


def _take(browser: webdriver.Chrome, width: int, path: Path) -> None:
    """Write a picture of the whole page."""
    clip = {"x": 0, "y": 0, "width": width, "height": browser.execute_script(_HEIGHT), "scale": 1}
    picture = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    path.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    sys.exit(main())
