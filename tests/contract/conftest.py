"""The contract, decoded once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture(scope="session")
def document():
    return yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))


COUNTS = {}


@pytest.fixture(scope="session")
def counted():
    """Count what was tried, for the summary."""

    def count(what):
        COUNTS[what] = COUNTS.get(what, 0) + 1

    return count


def pytest_terminal_summary(terminalreporter):
    """Say how many requests and replies were tried."""
    for what, number in sorted(COUNTS.items()):
        terminalreporter.write_line(f"contract: {number:,} {what}")
