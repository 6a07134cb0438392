"""What one request cost, shared out among those who travelled in it. Pure.

Each share is the distance between two marks on the way from nothing to the whole, so that the
shares add up to the whole by themselves.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def share_count(total: int, lengths: Sequence[int]) -> list[int]:
    """Share a number of tokens out by length; each share is off by less than one token."""
    marks = [0, *accumulate(lengths)]
    whole = marks[-1] or 1
    return [total * end // whole - total * start // whole for start, end in pairwise(marks)]


def share_amount(total: float, lengths: Sequence[int]) -> list[float]:
    """Share an amount of money out by length."""
    marks = [0, *accumulate(lengths)]
    whole = marks[-1] or 1
    return [total * (end / whole) - total * (start / whole) for start, end in pairwise(marks)]
