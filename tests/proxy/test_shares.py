"""Shares add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_embeddings.proxy._shares import share_amount, share_count

LENGTHS = st.lists(st.integers(0, 10**6), min_size=1, max_size=50)


@given(st.integers(0, 10**9), LENGTHS)
def test_tokens_add_up_and_follow_the_lengths(total, lengths):
    """To the last token, and nobody is off by one or more."""
    shares = share_count(total, lengths)
    whole = sum(lengths)

    assert min(shares) >= 0
    if whole:
        assert sum(shares) == total
        assert all(
            abs(s - total * n / whole) <= 1 + 1e-6 for s, n in zip(shares, lengths, strict=True)
        )


@given(st.floats(0, 1e4), LENGTHS)
def test_amounts_add_up(total, lengths):
    """As far as sums of floats do."""
    shares = share_amount(total, lengths)

    if sum(lengths):
        assert math.isclose(math.fsum(shares), total, rel_tol=1e-12)


def test_whoever_has_no_length_has_no_share():
    """What failed was free."""
    assert share_count(7, [0, 3, 0, 4]) == [0, 3, 0, 4]
    assert share_amount(1.0, [0, 1]) == [0.0, 1.0]


@pytest.mark.parametrize("share", [share_count, share_amount])
def test_nobody_is_left_to_pay(share):
    """All failed, and the run has cost something: that is in the metrics alone."""
    assert share(7, [0, 0]) == [0, 0]
