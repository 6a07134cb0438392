"""The contract, decoded once, and a count of what was tried against it."""

from __future__ import annotations

import pytest
from contract_fixtures import document

__all__ = ["document"]

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
