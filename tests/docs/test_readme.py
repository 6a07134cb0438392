"""What the README shows is what comes out: every block of Python is run and compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme import blocks, printed

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(TEXT)
CASES = [
    pytest.param(block, marks=pytest.mark.local_model if block.needs_local_model else ())
    for block in BLOCKS
]


def test_there_are_blocks():
    """The pattern finds them."""
    assert len(BLOCKS) == 6
    assert sum(bool(block.output) for block in BLOCKS) == 5
    assert [block.needs_local_model for block in BLOCKS] == [True, False, False, False, True, False]


@pytest.mark.parametrize("block", CASES, ids=range(len(CASES)))
def test_a_block_prints_what_it_shows(block):
    """Character by character."""
    assert printed(block) == block.output


def test_every_command_that_is_named_exists():
    """Sessions of nox and commands of the command line."""
    sessions = set(
        re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    )
    others = (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "releasing.md")
    texts = TEXT + "".join(path.read_text(encoding="utf-8") for path in others)
    named = {name for words in re.findall(r"nox -s ([a-z_ ]+)", texts) for name in words.split()}

    assert named
    assert named <= sessions


def test_every_link_leads_somewhere():
    """Files that are linked exist."""
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/releasing.md"):
        document = ROOT / name
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), target
