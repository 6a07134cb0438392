"""Shares add up."""

from __future__ import annotations

import math
import random

import pytest

from openrouter_embeddings.proxy._shares import share_amount, share_count


def drawn(seed):
    """Draw a total and lengths; some of them are nothing."""
    random.seed(seed)
    lengths = [random.choice([0, 1, random.randrange(10**6)]) for _ in range(1 + seed % 50)]
    return random.randrange(10**9), [*lengths, 1 + seed]


@pytest.mark.parametrize("seed", range(200))
def test_tokens_add_up_and_follow_the_lengths(seed):
    """To the last token, and nobody is off by one or more."""
    total, lengths = drawn(seed)
    shares, whole = share_count(total, lengths), sum(lengths)

    assert sum(shares) == total
    assert min(shares) >= 0
    assert all(
        abs(share - total * length / whole) < 1 + 1e-6
        for share, length in zip(shares, lengths, strict=True)
    )


@pytest.mark.parametrize("seed", range(200))
def test_amounts_add_up(seed):
    """As far as sums of floats do."""
    total, lengths = drawn(seed)
    shares = share_amount(total / 1e9, lengths)

    assert math.isclose(math.fsum(shares), total / 1e9, rel_tol=1e-12)
    assert min(shares) >= 0


def test_whoever_has_no_length_has_no_share():
    """What failed was free."""
    assert share_count(7, [0, 3, 0, 4]) == [0, 3, 0, 4]
    assert share_amount(1.0, [0, 1]) == [0.0, 1.0]


@pytest.mark.parametrize("share", [share_count, share_amount])
def test_nobody_is_left_to_pay(share):
    """All failed, and the run has cost something: that is in the metrics alone."""
    assert share(7, [0, 0]) == [0, 0]
