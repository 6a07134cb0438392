"""What the README shows is what comes out: every block of Python is run and compared."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FOUND = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", TEXT, re.DOTALL)
BLOCKS = [
    pytest.param(*block, marks=pytest.mark.local_model if "LocalServer" in block[0] else ())
    for block in FOUND
]


def test_there_are_blocks():
    """The pattern finds them."""
    assert len(FOUND) == 4
    assert sum(bool(output) for _, output in FOUND) == 3


@pytest.mark.parametrize(("code", "output"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_prints_what_it_shows(code, output):
    """Character by character."""
    printed = io.StringIO()

    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})

    assert printed.getvalue() == output


def test_every_command_that_is_named_exists():
    """Sessions of nox and commands of the command line."""
    sessions = set(
        re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    )
    texts = TEXT + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {name for words in re.findall(r"nox -s ([a-z_ ]+)", texts) for name in words.split()}

    assert named
    assert named <= sessions


def test_every_link_leads_somewhere():
    """Files that are linked exist."""
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (ROOT / target).exists(), target
