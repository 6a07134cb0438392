"""What an attempt cost: what its reply says, and how often more may have been charged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openrouter_embeddings import (
    AttemptFinished,
    DeadlineExceededError,
    NoResponseError,
    OpenRouterError,
    ResponseValidationError,
    RetryConfig,
    RetryScheduled,
    ServiceUnavailableResponseError,
    Usage,
    VectorError,
)
from openrouter_embeddings._request.charges import Bill, Charge, make_charge
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import GatewayTimeoutResponseError
from openrouter_embeddings.testing import faults

SAID = b'{"usage": {"prompt_tokens": 7, "cost": 0.25}}'
BROKEN = ResponseValidationError("broken")
REFUSED = ServiceUnavailableResponseError("no", status_code=503)
LATE = GatewayTimeoutResponseError("late", status_code=504)


def reply(body=b"", written=1):
    return Reply(200, {}, body, datetime.now(UTC), written)


@pytest.mark.parametrize(
    ("answer", "error", "usage", "charge", "unsaid"),
    [
        (reply(), None, Usage(prompt_tokens=7, cost=0.25), Charge(1, 0.25, 7), 0),
        (reply(), None, Usage(prompt_tokens=7), Charge(1, None, 7), 1),
        (reply(), None, Usage(cost=0), Charge(1, 0, None), 0),
        (reply(written=2), None, Usage(cost=0.25), Charge(2, 0.25), 1),
        (reply(written=0), None, Usage(cost=0.25), Charge(1, 0.25), 0),
        (reply(SAID), BROKEN, None, Charge(1, 0.25, 7), 0),
        (reply(SAID + b"x"), BROKEN, None, Charge(1, 0.25, 7), 0),
        (reply(b'{"data": [{"embed' + SAID[1:]), BROKEN, None, Charge(1, 0.25, 7), 0),
        (reply(SAID[:-4]), BROKEN, None, Charge(1), 1),
        (reply(b'{"usage": [1]}'), BROKEN, None, Charge(1), 1),
        (reply(b'{"usage":'), BROKEN, None, Charge(1), 1),
        (reply(b"[" * 100_000 + b'"usage":' + b"[" * 100_000), BROKEN, None, Charge(1), 1),
        (reply(), REFUSED, None, Charge(), 0),
        (reply(written=2), REFUSED, None, Charge(1), 1),
        (reply(SAID), REFUSED, None, Charge(1, 0.25, 7), 0),
        (reply(), LATE, None, Charge(1), 1),
        (NoResponseError("x"), None, None, Charge(), 0),
        (NoResponseError("x", sent=True), None, None, Charge(1), 1),
        (NoResponseError("x", sent=True, written=2), None, None, Charge(2), 2),
    ],
)
def test_what_an_attempt_cost(answer, error, usage, charge, unsaid):
    """A refusal is free; what nobody told the cost of is counted, and is not zero."""
    found = make_charge(answer, error, usage)

    assert found == charge
    assert found.unsaid == unsaid


@pytest.mark.parametrize(
    ("cost", "tokens", "read"),
    [
        (b"0", b"0", (0, 0)),
        (b"1e4", b"1000000000", (1e4, 10**9)),
        (b"-0.001", b"-1", (None, None)),
        (b"10001", b"1000000001", (None, None)),
        (b"1" + b"0" * 400, b"1" + b"0" * 400, (None, None)),
        (b"NaN", b"Infinity", (None, None)),
        (b'"0.25"', b'"7"', (None, None)),
        (b"true", b"null", (None, None)),
    ],
)
def test_numbers_that_nobody_can_have_charged_are_not_taken(cost, tokens, read):
    """Neither negative nor absurd ones: they say nothing."""
    body = b'{"usage": {"cost": ' + cost + b', "prompt_tokens": ' + tokens + b"}}"
    charge = make_charge(reply(body), BROKEN)

    assert (charge.cost, charge.tokens) == read


@pytest.mark.parametrize(
    ("charges", "known", "possible", "wasted"),
    [
        ([], 0.0, 0.0, 0.0),
        ([(Charge(), True)], 0.0, 0.0, 0.0),
        ([(Charge(1, 0.5), True), (Charge(1, 0.25), False)], 0.75, 0.0, 0.5),
        ([(Charge(1), True)], None, None, 0.0),
        ([(Charge(1), True), (Charge(1, 0.25), False)], 0.25, 0.25, 0.0),
        ([(Charge(1), True), (Charge(1, 0.0), False)], 0.0, None, 0.0),
        ([(Charge(3, 0.5), True), (Charge(1, 0.25), False)], 0.75, 1.0, 0.5),
    ],
)
def test_a_bill_adds_up(charges, known, possible, wasted):
    """None where something may have been charged and nobody said how much."""
    bill = Bill()
    for charge, brings_nothing in charges:
        bill = bill.plus(charge, wasted=brings_nothing)

    assert (bill.known, bill.possible, bill.wasted) == (known, possible, wasted)


ONE = 3 * 2e-08  # "a red fox!!!": 12 characters, 4 a token


def test_a_reply_that_was_thrown_away_is_in_the_usage(server, client):
    """The first one was paid for as well, and brought nothing."""
    server.script(faults.nan())

    usage = client.generate("a red fox!!!").usage

    assert usage.cost == pytest.approx(2 * ONE)
    assert usage.wasted_cost == pytest.approx(ONE)
    assert usage.possible_cost == 0.0


def test_a_reply_that_broke_off_may_have_cost_something(server, client):
    """As much as the one that came whole, which was for the same."""
    server.script(faults.truncated_body())

    usage = client.generate("a red fox!!!").usage

    assert usage.cost == pytest.approx(ONE)
    assert usage.possible_cost == pytest.approx(ONE)


@pytest.mark.parametrize(
    ("fault", "known", "possible"),
    [
        (faults.nan(), 2 * ONE, 0.0),
        (faults.truncated_body(), None, None),
        (faults.status(503), 0.0, 0.0),
    ],
    ids=["nan", "truncated", "503"],
)
def test_an_error_says_what_was_paid_for_it(fault, known, possible, server, connect):
    """And each attempt says so where it is told."""
    server.always(fault)
    events = []

    with pytest.raises(OpenRouterError) as caught:
        connect(on_event=events.append).generate("a red fox!!!")

    costs = [event.cost for event in events if isinstance(event, AttemptFinished)]
    assert caught.value.cost == pytest.approx(known)
    assert caught.value.possible_cost == possible
    assert costs == pytest.approx([None if known is None else known / len(costs)] * len(costs))


def test_a_listing_is_free(server, client):
    """Whatever becomes of it."""
    server.script_models(*[faults.truncated_body()] * 4)

    with pytest.raises(NoResponseError) as caught:
        client.list_models()

    assert (caught.value.cost, caught.value.possible_cost) == (0.0, 0.0)


def test_the_error_of_a_deadline_says_what_was_paid(server, connect, told_time):
    """Whatever its last attempt said."""
    server.script(faults.nan())
    server.always(faults.status(503, retry_after=0.0))

    def move_on(event):
        told_time.now = 61.0 * (isinstance(event, RetryScheduled) and event.attempt == 2)

    policy = RetryConfig(attempts=9, initial=0.0, maximum=0.0)
    with pytest.raises(DeadlineExceededError, match="over after 2 attempts") as caught:
        connect(retries=policy, on_event=move_on).generate("a red fox!!!", deadline=60)

    assert caught.value.cost == pytest.approx(ONE)


def test_vectors_of_another_width_are_charged(server, client):
    """They are no use here, and cost as much as others."""
    client.generate("a"), client.generate("b")
    server.always(faults.wrong_width())

    with pytest.raises(VectorError) as caught:
        client.generate("a red fox!!!")

    assert caught.value.cost == pytest.approx(2 * ONE)
