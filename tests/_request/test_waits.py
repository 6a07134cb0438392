"""Every way to say "later", read, and obeyed by a single call on a virtual clock."""

from __future__ import annotations

import pytest
from attrs import frozen
from ways_to_say_later import WAYS, refusal, reply

from openrouter_embeddings import RetryConfig, RetryScheduled, TooManyRequestsResponseError
from openrouter_embeddings._request.call import Call, Failed, Label, Wait
from openrouter_embeddings._request.charges import make_charge
from openrouter_embeddings._request.refusals import take_payload
from openrouter_embeddings._request.request import HttpRequest

STARTED = 1_000.0


@frozen
class Asked:
    """An operation whose replies are all refusals."""

    request = HttpRequest("POST", "/", {})
    label = Label("generate")

    def read(self, reply):
        return take_payload(reply)

    def fallback(self, _error):
        return None

    def charge(self, answer, value):
        return make_charge(answer, value)


def refused(name, deadline):
    """Let a call be refused in this way until it is over; return its end, when, and its waits."""
    call = Call(Asked(), RetryConfig(), 60.0, deadline, STARTED)
    now, waits = STARTED, []
    while True:
        assert call.begin(now) == min(60.0, STARTED + deadline - now)
        step = call.proceed(reply(name), now + 0.01, 0.5)
        now += 0.01
        if isinstance(step, Failed):
            return step, now, waits
        assert isinstance(step, Wait)
        (told,) = [event for event in step.events if isinstance(event, RetryScheduled)]
        assert told.delay == step.delay
        waits.append(step.delay)
        now += step.delay


def test_the_table_has_forty_ways_and_ten_of_them_are_absurd():
    """What the issue asks for."""
    assert len(WAYS) == 40
    assert [seconds for _, seconds in WAYS.values()].count(None) == 10


@pytest.mark.parametrize("name", WAYS)
def test_every_way_is_read(name):
    """What is none of the grammars counts as absent."""
    error = refusal(name)

    assert isinstance(error, TooManyRequestsResponseError)
    assert error.retry_after == WAYS[name][1]


@pytest.mark.parametrize("deadline", [2.0, 60.0])
@pytest.mark.parametrize("name", WAYS)
def test_no_wait_of_a_call_is_begun_that_its_deadline_has_no_room_for(name, deadline):
    """It ends with the service's own error and a hint, before its deadline."""
    named = WAYS[name][1]

    end, now, waits = refused(name, deadline)

    assert type(end.error) is TooManyRequestsResponseError
    assert end.error.retry_after == named
    assert "Gave up after" in end.error.hint
    assert now < STARTED + deadline
    if named is None:
        assert waits == [0.25, 0.5, 1.0][: len(waits)] != []
    else:
        begun = [named] * 3
        assert waits == begun[: min(3, int((deadline - 0.01) / (named + 0.01)))]
