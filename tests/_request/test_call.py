"""The course of one logical request: its attempts, waits and events, and when it is over."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from attrs import frozen

from openrouter_embeddings import (
    AttemptFinished,
    DeadlineExceededError,
    NoResponseError,
    OpenRouterError,
    ResponseValidationError,
    RetryConfig,
    RetryScheduled,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
)
from openrouter_embeddings._request.call import BatchCall, Call, Failed, Label, Wait
from openrouter_embeddings._request.charges import make_charge
from openrouter_embeddings._request.request import HttpRequest, Reply
from openrouter_embeddings.testing import faults


def test_every_attempt_sends_the_same_bytes(server, client):
    """The service's response cache tells bodies apart by them."""
    server.script(faults.status(503), faults.status(503))

    client.generate(["a", "b"])

    first, *others = server.requests
    assert [request.body for request in others] == [first.body] * 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(429, retry_after=0.05),
        faults.status(429, retry_after_ms=50),
        faults.status(429, retry_after_field=0.05),
        faults.status(429, retry_after_date=-1, date_form="imf"),
        faults.status(429, retry_after_date=-1, date_form="rfc850"),
        faults.status(429, retry_after_date=-1, date_form="asctime"),
        faults.in_flight_budget(0.05),
    ],
    ids=["seconds", "ms", "body", "imf", "rfc850", "asctime", "in flight"],
)
def test_the_wait_that_the_service_names_is_kept(fault, server, connect):
    """With a backoff of minutes, only the service's own word can let the second attempt begin."""
    server.script(fault)
    events = []
    slow = RetryConfig(initial=600.0, maximum=600.0)

    connect(retries=slow, on_event=events.append).generate("a", deadline=300)

    (scheduled,) = [event for event in events if isinstance(event, RetryScheduled)]
    assert 0.0 <= scheduled.delay <= 0.051
    assert len(server.requests) == 2


def test_a_wait_beyond_the_deadline_is_not_begun(server, client):
    """The service's own error comes at once, and says why it was not tried again."""
    server.always(faults.status(429, "Slow down", retry_after=3600))

    with pytest.raises(TooManyRequestsResponseError, match="Slow down") as caught:
        client.generate("a", deadline=60)

    assert caught.value.retry_after == 3600.0
    assert "Gave up after 1 attempt: the next attempt could begin in 3.6e+03 s" in str(caught.value)
    assert len(server.requests) == 1


def test_retries_can_be_switched_off(server, client):
    """None means one attempt."""
    server.always(faults.status(503))

    with pytest.raises(ServiceUnavailableResponseError):
        client.generate("a", retries=None)

    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [faults.drip(5), faults.silence(600)], ids=["drip", "silence"])
def test_the_deadline_covers_everything(fault, server, client):
    """A reply that has begun and one that never does: when the time is over, the call is."""
    server.always(fault)

    with pytest.raises(DeadlineExceededError, match=r"The deadline of 0\.2 s is over") as caught:
        client.generate("a", timeout=None, deadline=0.2)

    assert caught.value.timed_out


def test_a_deadline_that_is_over_before_the_next_attempt_is_an_error(server, connect, told_time):
    """No attempt begins after the deadline."""
    server.always(faults.status(503, retry_after=0))

    def move_on(event):
        told_time.now = 61.0 * (isinstance(event, RetryScheduled) and event.attempt == 2)

    client = connect(retries=RetryConfig(attempts=9), on_event=move_on)
    with pytest.raises(DeadlineExceededError, match="over after 2 attempts") as caught:
        client.generate("a", deadline=60)

    assert isinstance(caught.value.last_error, ServiceUnavailableResponseError)
    assert len(server.requests) == 2


def test_events_tell_the_course(server, connect):
    """Each attempt and each wait is told once, with what is known of it."""
    server.script(faults.status(503, retry_after=0))
    events = []

    connect(on_event=events.append).generate(["a", "b"])

    first, wait, second = events
    assert isinstance(first, AttemptFinished)
    assert (first.operation, first.model, first.inputs) == ("generate", "test/embedding", 2)
    assert (first.attempt, first.status) == (1, 503)
    assert isinstance(first.error, ServiceUnavailableResponseError)
    assert isinstance(wait, RetryScheduled)
    assert (wait.attempt, wait.delay) == (1, 0.0)
    assert (second.attempt, second.status, second.error) == (2, 200, None)
    assert second.seconds > 0


def test_time_is_kept_by_a_steady_clock(server, client, monkeypatch):
    """A wall clock that jumps does no harm."""
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert len(client.generate("a", deadline=300)) == 1


SAID_NO = Reply(503, {}, b'{"error": {"code": 503, "message": "Down."}}', datetime.now(UTC))
SILENCE = NoResponseError("No complete answer.", sent=True, timed_out=True)


class Asked:
    """An operation whose replies are all refusals."""

    label = Label("generate", "m", 2)
    request = HttpRequest("GET", "/", {})

    def read(self, reply):
        return ServiceUnavailableResponseError("Down.", status_code=reply.status)

    def fallback(self, error):
        return None

    def charge(self, answer, value):
        error = value if isinstance(value, OpenRouterError) else None
        return make_charge(answer, error)

    def bill(self, value, _bill):
        return value


def call_of(kind=Call, **bounds):
    given = {"retries": RetryConfig(initial=0.0), "timeout": 60.0, "deadline": None} | bounds
    return kind(Asked(), started=100.0, **given)


@pytest.mark.parametrize(
    ("timeout", "deadline", "now", "seconds"),
    [
        (60.0, None, 500.0, 60.0),
        (None, None, 500.0, None),
        (60.0, 90.0, 100.0, 60.0),
        (60.0, 90.0, 150.0, 40.0),
        (None, 90.0, 150.0, 40.0),
    ],
)
def test_an_attempt_gets_its_timeout_or_what_is_left(timeout, deadline, now, seconds):
    """Whichever is less; None is no bound."""
    assert call_of(timeout=timeout, deadline=deadline).begin(now) == seconds


def test_no_attempt_begins_after_the_deadline():
    """The error says how many there were, and what the last one said."""
    call = call_of(deadline=10.0)
    call.begin(100.0)
    assert isinstance(call.proceed(SAID_NO, 101.0, 0.5), Wait)
    error = call.begin(110.0)

    assert isinstance(error, DeadlineExceededError)
    assert (error.attempts, error.timed_out) == (1, True)
    assert "The deadline of 10 s is over after 1 attempt. The last one said: Down." in str(error)


def test_an_attempt_that_fills_the_deadline_ends_in_what_was_said_before():
    """Silence says nothing; the refusal before it does too, if it is all there is."""
    call = call_of(deadline=10.0)
    call.begin(100.0)
    call.proceed(SAID_NO, 101.0, 0.5)
    call.begin(101.0)
    step = call.proceed(SILENCE, 110.0, 0.5)

    assert isinstance(step, Failed)
    assert isinstance(step.error, DeadlineExceededError)
    assert (step.error.attempts, step.error.last_error) == (2, SILENCE)


def test_events_say_how_long_an_attempt_took():
    """By the clock that the call is told."""
    call = call_of(retries=None)
    call.begin(103.0)
    step = call.proceed(SAID_NO, 105.5, 0.5)

    (event,) = step.events
    assert (event.operation, event.model, event.inputs) == ("generate", "m", 2)
    assert (event.attempt, event.seconds, event.status) == (1, 2.5, 503)


REPLY = Reply(200, {"x-request-id": "r\x1b1"}, b"{}", datetime(2026, 11, 20, tzinfo=UTC))


@frozen
class Surprised:
    """An operation whose reading raises what nobody foresaw."""

    error: Exception
    request = HttpRequest("POST", "/", {})
    label = Label("generate")

    def read(self, _reply):
        raise self.error

    def fallback(self, _error):
        return None

    def charge(self, answer, value):
        return make_charge(answer, value)


@pytest.mark.parametrize("raised", [OverflowError("x"), ZeroDivisionError(), RuntimeError()])
def test_a_reply_that_surprises_is_one_failure(raised):
    """It is asked for once more, and then it is an error of ours with its cause."""
    call = Call(Surprised(raised), RetryConfig(), None, None, 0.0)

    first, second = call.proceed(REPLY, 1.0, 0.5), call.proceed(REPLY, 2.0, 0.5)

    assert isinstance(first, Wait)
    assert isinstance(second, Failed)
    assert type(second.error) is ResponseValidationError
    assert second.error.__cause__ is raised
    assert second.error.request_id == "r\\x1b1"


@pytest.mark.parametrize(
    ("kind", "retries", "paid", "once"),
    [
        (Call, RetryConfig(), 0, False),
        (Call, RetryConfig(), 1, True),
        (Call, RetryConfig(most_paid=3), 1, False),
        (BatchCall, RetryConfig(), 0, True),
        (Call, None, 0, False),
        (BatchCall, None, 0, False),
    ],
)
def test_the_last_time_that_may_cost_is_handed_over_once(kind, retries, paid, once):
    """A pool that repeats it on a new connection would have it paid for three times."""
    most_paid = 2 if retries is None else retries.most_paid
    call = call_of(kind=kind, retries=retries, most_paid=most_paid)
    call.paid = paid

    assert call.request == HttpRequest("GET", "/", {}, once=once)
