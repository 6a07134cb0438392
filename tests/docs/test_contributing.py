"""The map of the package in CONTRIBUTING.md is made of the rooms' own first lines."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "overlays" / "openrouter_embeddings"


def first_line(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]


def rows():
    """List the lobby's files, then the rooms, each with what it says of itself."""
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem not in {"__init__", "_version"}:
            yield f"| `{path.name}` | {first_line(path)} |"
    for path in sorted(PACKAGE.glob("*/__init__.py")):
        yield f"| `{path.parent.name}/` | {first_line(path)} |"


def test_the_map_says_what_the_rooms_say():
    """A room that is new or says something else is put into the map."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [row for row in rows() if row not in text]

    assert not missing, "Put these rows into CONTRIBUTING.md:\n" + "\n".join(missing)
