"""The bound of a run's cost: what may begin, by what was spent and what is in flight."""

from __future__ import annotations

import pytest
from books import Books, item

from openrouter_embeddings._bulk.budget import Budget, TokenRatio
from openrouter_embeddings._bulk.items import Batch, Slot


@pytest.mark.parametrize(
    ("most", "listed", "charged", "reserved", "tokens", "allowed"),
    [
        (None, 1.0, (0, 0.0), 0, 1e9, True),
        (10.0, 1.0, (0, 0.0), 0, 10, True),
        (10.0, 1.0, (0, 0.0), 0, 11, False),
        (10.0, 1.0, (0, 0.0), 4, 7, False),
        (10.0, 1.0, (4, 8.0), 0, 1, True),
        (10.0, 1.0, (4, 8.0), 0, 2, False),
        (10.0, None, (0, 0.0), 0, 1e9, True),
        (10.0, None, (5, 5.0), 0, 6, False),
    ],
    ids=str,
)
def test_what_is_spent_in_flight_and_next_stays_below_the_bound(
    most, listed, charged, reserved, tokens, allowed
):
    """A token costs what the service has charged so far, and before that what is listed."""
    budget = Budget(most, listed)
    budget.reserve(1, reserved)
    budget.charge(*charged)

    assert budget.allows(tokens) is allowed


def test_a_reservation_ends_with_its_request():
    """And only with its own."""
    budget = Budget(10.0, 1.0)
    budget.reserve(1, 6)
    budget.release(2)
    assert budget.is_committed
    budget.release(1)

    assert not budget.is_committed
    assert budget.allows(10)


def test_the_error_of_the_bound_names_both_amounts():
    """And the argument that set it."""
    budget = Budget(0.5)
    budget.charge(10, 0.25)

    assert budget.reached().argument == "max_cost"
    assert "max_cost of 0.5 USD is reached: 0.25 USD were spent" in str(budget.reached())


@pytest.mark.parametrize(
    ("kind", "counts", "ratio"),
    [
        ("text", [], 4.0),
        ("text", [20], 1.0),
        ("text", [4], 5.0),
        ("text", [20, 4], 40 / 24),
        ("text", [None, 0], 4.0),
        ("text", [20, None], 1.0),
        ("text", [10**400], 0.25),
        ("text", [-5, 20], 1.0),
        ("content", [20], 4.0),
    ],
)
def test_the_ratio_is_that_of_all_counts(kind, counts, ratio):
    """Of texts alone; a service that does not count teaches nothing."""
    tokens = TokenRatio()
    for count in counts:
        tokens.learn(Batch([item("a", kind), item("b", kind)]), count)

    assert tokens.characters_per_token == ratio


def test_a_known_length_is_not_estimated():
    """Token ids are counted when they are read."""
    assert TokenRatio().estimate(Slot([1, 2, 3], "tokens", b"", 12, tokens=5)) == 5
    assert TokenRatio().estimate(item("a", size=12)) == 3.0


def test_characters_per_token_are_learnt():
    """From what the service counted."""
    ledger = Books("abcd")
    batch = ledger.next_batch()
    ledger.tokens.learn(batch, 20)

    assert ledger.tokens.characters_per_token == 2.0
    ledger.tokens.learn(batch, None)
    assert ledger.tokens.estimate(item("x", size=10)) == 5.0
