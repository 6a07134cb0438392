"""What the page on the generated layer shows is what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from readme import blocks, printed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "generated-layer.md"
BLOCKS = blocks(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_prints_what_it_shows(block):
    """Character by character."""
    assert len(BLOCKS) == 2
    assert block.output
    assert printed(block) == block.output
