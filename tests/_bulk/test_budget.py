"""The bound of a run's cost: what may begin, by what was spent and what is in flight."""

from __future__ import annotations

import math

import pytest
from books import Books, item

from openrouter_embeddings._bulk.budget import Account, TokenRatio
from openrouter_embeddings._bulk.items import Batch, Slot
from openrouter_embeddings._bulk.pace import Pace
from openrouter_embeddings._request.charges import Charge

ANSWER = Charge(1, 0.25, 10)


def account(most=None, listed=None, charges=(), reserved=()):
    """Make an account whose every request has 10 tokens at the most."""
    made = Account(most, listed)
    for charge in charges:
        made.book(charge, 10)
        made.on_answer(1)
    for tag, tokens in enumerate(reserved):
        made.reserve(tag, tokens)
    return made


@pytest.mark.parametrize(
    ("most", "listed", "charges", "reserved", "room"),
    [
        (None, 1.0, [], [1e9], math.inf),
        (10.0, 1.0, [], [], 10),
        (10.0, 1.0, [], [4], 0),
        (10.0, 0.0, [ANSWER], [4], 390 - 4),
        (10.0, 0.0, [Charge(1, 0.0, 10)], [4], math.inf),
        (10.0, 1.0, [ANSWER], [4], 5.75),
        (10.0, 0.02, [ANSWER], [4], 386),
        (10.0, 1.0, [Charge(1, 8.0, 4)], [], 1),
        (10.0, 1.0, [Charge(1, 8.0)], [], 2),
        (10.0, 1.0, [Charge(1, None, 4)], [], 6),
        (10.0, 0.5, [Charge(1)], [], 10),
        (10.0, 0.5, [Charge(2, 1.0, 2)], [], 8),
        (10.0, 1.0, [Charge(1, 10.0, 10)], [], 0),
        (10.0, 1.0, [Charge(1, 10.1, 10)], [], -1),
        (10.0, 1.0, [Charge()], [], 10),
    ],
    ids=str,
)
def test_what_is_known_possible_and_in_flight_stays_below_the_bound(
    most, listed, charges, reserved, room
):
    """A token costs the most that was seen or listed; nothing goes beside the first request."""
    assert account(most, listed, charges, reserved).room == pytest.approx(room, abs=1e-9)


def test_a_reservation_ends_with_its_request():
    """And only with its own."""
    budget = account(10.0, 1.0, [Charge(1, 0.0, 1)], [6])
    budget.release(2)
    assert budget.is_committed
    budget.release(0)

    assert not budget.is_committed
    assert budget.room == pytest.approx(10)


@pytest.mark.parametrize(
    ("listed", "charges", "cost", "possible", "wasted"),
    [
        (None, [], 0.0, 0.0, 0.0),
        (None, [Charge()], 0.0, 0.0, 0.0),
        (None, [ANSWER, ANSWER], 0.5, 0.0, 0.5),
        (None, [Charge(1)], 0.0, None, 0.0),
        (0.5, [Charge(1)], 0.0, 5.0, 0.0),
        (0.5, [Charge(1, None, 4)], 2.0, 0.0, 2.0),
        (0.5, [Charge(2, None, 4)], 2.0, 5.0, 2.0),
        (None, [Charge(1), ANSWER], 0.25, 0.25, 0.25),
    ],
    ids=str,
)
def test_unknown_is_never_zero(listed, charges, cost, possible, wasted):
    """Known is what was said, or follows from a listed price; the rest is possible."""
    stats = account(None, listed, charges).stats(Pace(4))

    assert (stats.cost, stats.possible_cost, stats.wasted_cost) == (cost, possible, wasted)
    assert stats.requests == len(charges)


def test_what_nobody_waits_for_is_possible():
    """It is no longer in flight, and may be charged all the same."""
    budget = account(None, 0.5, [], [4, 2])
    budget.abandon()

    assert not budget.is_committed
    assert budget.stats(Pace(4)).possible_cost == 3.0


def test_the_error_of_the_bound_names_all_amounts():
    """And the argument that set it."""
    budget = account(0.5, 0.01, [ANSWER])
    assert budget.reached().argument == "max_cost"
    assert "max_cost of 0.5 USD is reached: 0.25 USD were spent. " in str(budget.reached())

    budget.book(Charge(1), 4)
    assert "0.25 USD were spent, and 0.1 USD more may have been." in str(budget.reached())


@pytest.mark.parametrize(
    ("context", "slot", "most"),
    [
        (None, item("a", size=12), 12),
        (8, item("a", size=12), 8),
        (8, item("a", size=5), 5),
        (None, Slot([], "tokens", b"", 0, tokens=0), 1),
        (8, Slot([1], "tokens", b"", 12, tokens=1), 1),
        (8, item("a", "content", size=5), 8),
        (None, item("a", "content", size=5), 131_072),
        (None, item("a", "content", size=10**6), 10**6),
    ],
)
def test_the_most_tokens_of_an_input(context, slot, most):
    """One a byte, and no more than the context; media can have all of that."""
    assert TokenRatio(context).most(slot) == most


@pytest.mark.parametrize(("room", "counts"), [(math.inf, [3, 2]), (25, [2, 2, 1]), (10, [1] * 5)])
def test_batches_shrink_to_the_room_that_is_left(room, counts):
    """Each input has 10 tokens at the most."""
    ledger = Books("abcde", max_batch=3)
    assert ledger.least_tokens() == 10

    batches = iter(lambda: ledger.next_batch(room), None)
    assert [ledger.tokens.most_of_all(batch.entries) for batch in batches] == [
        10 * count for count in counts
    ]


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
