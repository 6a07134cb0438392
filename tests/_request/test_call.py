"""The course of one logical request: its attempts, waits and events, and when it is over."""

from __future__ import annotations

import time

import pytest

from openrouter_embeddings import (
    AttemptFinished,
    DeadlineExceededError,
    OpenRouterError,
    RetryConfig,
    RetryScheduled,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
)
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


def test_a_deadline_that_is_over_before_the_next_attempt_is_an_error(server, connect):
    """No attempt begins after the deadline."""
    server.always(faults.status(503, retry_after=0))

    with pytest.raises(OpenRouterError) as caught:
        connect(retries=RetryConfig(attempts=1_000_000)).generate("a", deadline=0.2)

    assert isinstance(caught.value, DeadlineExceededError | ServiceUnavailableResponseError)


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
