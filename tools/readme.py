"""Run the examples of README.md where the package is installed, and compare what they print.

python tools/readme.py [--local]

Without `--local` it runs those that the base install is enough for, with it those that need the
local model. It needs nothing but the package, so that an empty environment can show what an
installed one does.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


class Block(NamedTuple):
    """One example.

    Attributes:
        code: Its lines of Python.
        output: What it says that they print; empty where it says nothing.
    """

    code: str
    output: str

    @property
    def needs_local_model(self) -> bool:
        """Whether the extra `local` must be there."""
        return "LocalServer" in self.code


def blocks(text: str) -> list[Block]:
    """Find the examples of a document, each with the output that follows it."""
    found = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [Block(code, output) for code, output in found]


def printed(block: Block) -> str:
    """Run an example, and give what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.code, README.name, "exec"), {})  # noqa: S102 - the README's own lines
    return out.getvalue()


def main(arguments: list[str]) -> int:
    """Run them, and say which do not print what they show."""
    local = "--local" in arguments
    found = blocks(README.read_text(encoding="utf-8"))
    chosen = [block for block in found if block.needs_local_model is local]
    wrong = [block for block in chosen if not _holds(block)]
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} examples print what the README shows")
    return 1 if wrong or not chosen else 0


def _holds(block: Block) -> bool:
    shown, found = (text.splitlines(keepends=True) for text in (block.output, printed(block)))
    difference = list(difflib.unified_diff(shown, found, README.name, "printed"))
    sys.stderr.writelines(difference)
    return not difference


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
