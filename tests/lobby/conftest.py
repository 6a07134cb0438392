"""A count of what was drawn, for the summary."""

from __future__ import annotations

import pytest

COUNTS = {}


@pytest.fixture(scope="session")
def counted():
    """Count what was drawn, for the summary."""

    def count(what):
        COUNTS[what] = COUNTS.get(what, 0) + 1

    return count


def pytest_terminal_summary(terminalreporter):
    """Say how many arguments and replies were drawn, and what became of them."""
    for what, number in sorted(COUNTS.items()):
        terminalreporter.write_line(f"borders: {number:,} {what}")
