"""The bound of what a key may spend."""

from __future__ import annotations

from openrouter_embeddings.proxy._budget import Budget


def test_a_run_gets_what_it_may_need():
    """And what it has cost takes the place of that."""
    budget = Budget(1.0)

    assert budget.grant(0.6) == 0.6
    assert budget.grant(0.3) == 0.3
    budget.settle(0.6, 0.1, 0.0)
    assert budget.grant(0.6) == 0.6
    assert (budget.known, budget.possible) == (0.1, 0.0)


def test_near_the_bound_a_run_waits_for_the_others():
    """They will not spend all that they reserved."""
    budget = Budget(1.0)
    granted = budget.grant(0.8)

    assert budget.grant(0.3) is None
    budget.settle(granted, 0.2, 0.0)
    assert budget.grant(0.3) == 0.3


def test_the_last_one_gets_what_is_left():
    """It sends what fits, and nothing is left for the next."""
    budget = Budget(1.0)
    granted = budget.grant(5.0)

    assert granted == 1.0
    budget.settle(granted, 1.0, 0.0)
    assert budget.grant(0.1) == 0.0


def test_what_nobody_knows_is_taken_for_all_that_it_might_be():
    """Unknown is not zero."""
    budget = Budget(1.0)
    budget.settle(budget.grant(0.4), 0.1, None)

    assert budget.known == 0.1
    assert abs(budget.possible - 0.3) < 1e-12
    assert budget.is_touched


def test_what_is_free_needs_nothing():
    """And nobody waits for it."""
    budget = Budget(0.0)

    assert budget.grant(0.0) == 0.0
    assert budget.grant(0.0) == 0.0
    assert not budget.is_touched
