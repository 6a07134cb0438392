"""The keys that are held: a bound of them, and nothing forgotten that counts."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import pytest

from openrouter_embeddings.proxy._access import RefusalError
from openrouter_embeddings.proxy._budget import Budget
from openrouter_embeddings.proxy._holders import Holder, Holders


def holders(most=2, bound=None):
    return Holders(most, lambda key: Holder(key, Budget(bound)))


def use(held, name, now=0.0):
    holder, gone = held.take(name, f"key of {name}", now)
    held.release(holder)
    return holder, gone


def test_a_key_is_held_once():
    """The same holder serves it, however often it comes."""
    held = holders()

    assert use(held, "a")[0] is use(held, "a")[0]
    assert len(held) == 1


def test_a_key_that_was_never_accepted_makes_room():
    """The one that was used longest ago."""
    held = holders()
    first, _ = use(held, "a")
    use(held, "b")
    use(held, "b")

    assert use(held, "c")[1] is first
    assert len(held) == 2


def test_a_key_in_use_stays():
    """What is under way needs its client."""
    held = holders(most=1)
    held.take("a", "key", 0.0)

    with pytest.raises(RefusalError, match="At most 1 keys") as caught:
        held.take("b", "key", 1e9)

    assert caught.value.status == 503
    assert caught.value.retry_after


def test_an_accepted_key_stays_until_its_last_minute_is_over():
    """Rates count by that."""
    held = holders(most=1)
    first, _ = use(held, "a", now=0.0)
    first.accepted = True

    with pytest.raises(RefusalError):
        held.take("b", "key", 60.0)
    assert use(held, "b", now=121.0)[1] is first


def test_what_was_spent_under_a_bound_is_never_forgotten():
    """Else whoever comes back could spend it again."""
    held = holders(most=1, bound=1.0)
    first, _ = use(held, "a")
    first.budget.settle(first.budget.grant(0.1), 0.1, 0.0)

    with pytest.raises(RefusalError):
        held.take("b", "key", 1e9)


def test_at_the_end_all_are_handed_back():
    """To be closed."""
    held = holders()
    first, _ = use(held, "a")

    assert held.take_all() == [first]
    assert len(held) == 0


def lines(rate, counted=0, in_flight=0):
    """Return a holder, and what lets a run of so many requests begin in its line."""
    holder, begun = Holder("client", Budget()), ExitStack()
    return holder, lambda requests=1: begun.enter_context(
        holder.in_line(requests, rate, counted, in_flight)
    )


@pytest.mark.parametrize(("counted", "taken"), [(0, 6), (1, 5), (3, 3)])
def test_no_more_wait_than_the_next_minute_holds(counted, taken):
    """Beside those of the last minute, which leave it first; the next one is told when to come."""
    holder, begin = lines(3, counted)
    for _ in range(taken):
        begin()
    with pytest.raises(RefusalError, match="for its 3 in a minute") as caught:
        begin()

    assert (caught.value.status, caught.value.retry_after) == (429, 60.0)
    assert holder.unanswered == taken


def test_whoever_is_answered_makes_room():
    """However the run has ended."""
    holder = Holder("client", Budget())
    with suppress(KeyError), holder.in_line(2, 1, 0, 0):
        assert holder.unanswered == 2
        raise KeyError
    assert holder.unanswered == 0


def test_what_is_with_the_service_does_not_wait():
    """It counts once."""
    _, begin = lines(2, counted=2, in_flight=2)
    for _ in range(4):
        begin()
    with pytest.raises(RefusalError):
        begin()


def test_a_run_that_no_minute_holds_goes_where_nobody_waits():
    """Else it could never go; without a rate, all go."""
    _, begin = lines(3)
    begin(100)
    with pytest.raises(RefusalError):
        begin()
    _, begin = lines(None)
    begin(100)
    begin(100)
