"""List every sentence that the program says to a person: to be read and edited in one go.

    python docs/list_sentences.py [WORD ...]

Notes, warnings, errors, tooltips, help texts and outcomes, by the file that says them; with words,
those that contain one of them. Values that are filled in are shown as {...}.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src"
_FEWEST_WORDS = 3


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the sentences in a Python file, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in ast.walk(node) if part is not node)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in skipped:
            text = _text(node)
            if len(text.split()) >= _FEWEST_WORDS and text[:1] not in "<%":
                yield node.lineno, " ".join(text.split())


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of strings that stand alone: nobody is told them."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _text(node: ast.expr) -> str:
    """Return a string with its gaps; empty of other constants."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    value = node.value if isinstance(node, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def main(words: list[str]) -> None:
    """Print the list."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.stem.endswith("limits"):
            continue  # for developers: said by nobody
        found = list(sentences(path))
        chosen = [(n, t) for n, t in found if not words or any(word in t for word in words)]
        if chosen:
            print(f"\n{path.relative_to(SOURCE)}")
        for line, text in sorted(set(chosen)):
            print(f"  {line:4} {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
