"""Runs of 1,000 texts of which some are refused, whatever the refusal: the others are delivered."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from run_simulation import simulate, vector

from openrouter_embeddings import Limits
from openrouter_embeddings._request.embeddings import Verified
from openrouter_embeddings._request.vectors import Fault
from openrouter_embeddings.errors import (
    ERROR_OF_STATUS,
    NoResponseError,
    OpenRouterDefaultError,
    ResponseValidationError,
)
from openrouter_embeddings.values import EmbeddingsResponse

TEXTS = [f"input {number}" for number in range(1_000)]
LIMITS = Limits(max_batch=50, max_in_flight=8, window=500)


def status(code, words="no", **more):
    kind = ERROR_OF_STATUS.get(code, OpenRouterDefaultError)
    return lambda: kind(f"{code}: {words}", status_code=code, **more)


KINDS = {
    "odd": status(400),
    "unprocessable": status(422),
    "unknown": status(451),
    "flagged": status(403, metadata={"reasons": ["spam"]}),
    "a firewall's page": status(403, body="<!DOCTYPE html>"),
    "too long, 400": status(400, "maximum context length is 512 tokens"),
    "too long, 413": status(413, "must have less than 512 tokens"),
    "too long, 500": status(500, "input is too large to process"),
    "always a 500": status(500),
    "always a 503": status(503),
    "lost inside of a 200": status(404, http_status=200),
    "reset": lambda: NoResponseError("reset"),
}
PASSING = ("always a 500", "always a 503", "lost inside of a 200", "reset")
SLOW = {
    "silence": lambda: NoResponseError("slow", sent=True, timed_out=True),
    "408": status(408),
    "504": status(504),
    "524": status(524),
}
BROKEN = {
    "reset after all was sent": lambda: NoResponseError("reset", sent=True),
    "a body that breaks off": lambda: NoResponseError("cut off", sent=True, begun=True),
    "no JSON": lambda: ResponseValidationError("no JSON"),
}
PLACES = {
    "spread": lambda count: random.Random(count).sample(range(1_000), count),
    "first": range,
    "middle": lambda count: range(480, 480 + count),
    "last": lambda count: range(1_000 - count, 1_000),
}
MOST_BATCHES = 24  # twenty full ones; some are cut shorter where the window is full
ROWS = [(count, place) for count in (1, 3, 40) for place in PLACES]


class Guilty:
    """Fails for some texts always, whatever is sent with them."""

    def __init__(self, make_error, guilty):
        self.make_error, self.guilty = make_error, set(guilty)
        self.requests, self.sent = 0, Counter()

    def answer(self, texts, _now):
        self.requests += 1
        self.sent.update(texts)
        if not self.guilty.isdisjoint(texts):
            return self.make_error()
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")


class Nan(Guilty):
    """Answers with a vector that is no good for some texts, and with good ones for the others."""

    def answer(self, texts, _now):
        self.requests += 1
        self.sent.update(texts)
        vectors = np.stack([vector(text) for text in texts])
        faults = {row: Fault("holds NaN") for row, text in enumerate(texts) if text in self.guilty}
        return Verified(EmbeddingsResponse(vectors, provider="x"), faults)


def run(service, **more):
    """Return the texts that failed, after a look at all vectors of the others."""
    batches, _ = simulate(service, TEXTS, **{"limits": LIMITS, **more})

    assert batches[-1].stopped is None
    assert sum(map(len, batches)) == len(TEXTS)
    for batch in batches:
        own = {failure.position - batch.start for failure in batch.failures}
        right = [at for at in range(len(batch)) if at not in own]
        expected = [vector(TEXTS[batch.start + at]) for at in right]
        assert batch.vectors[right].tolist() == [each.tolist() for each in expected]
    return {TEXTS[failure.position] for batch in batches for failure in batch.failures}


def chosen(count, place):
    return {TEXTS[at] for at in PLACES[place](count)}


@pytest.mark.parametrize(("count", "place"), ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_innocent_are_delivered(kind, count, place):
    """In a bounded number of requests, and the run comes to its end."""
    service = Guilty(KINDS[kind], chosen(count, place))

    assert run(service) == service.guilty
    # Each bad input is narrowed down from 50 in two requests a halving and three
    # more, and what may pass is sent up to four times in each of two rounds.
    narrowed = count * (2 * math.log2(50) + 3)
    assert service.requests <= MOST_BATCHES + narrowed * (8 if kind in PASSING else 1)


@pytest.mark.parametrize("batch", [5, 10, 20, 100])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", PASSING)
def test_texts_that_stand_together_are_no_outage(kind, place, batch):
    """However many batches of nothing else fail in a row: others show that the service is there."""
    service = Guilty(KINDS[kind], chosen(40, place))

    assert run(service, limits=Limits(max_batch=batch)) == service.guilty


@pytest.mark.parametrize(("count", "place"), ROWS)
@pytest.mark.parametrize("kind", BROKEN)
def test_who_shares_a_batch_with_what_breaks_replies_is_paid_twice_at_the_most(kind, count, place):
    """All that was in such a batch goes out alone, once."""
    service = Guilty(BROKEN[kind], chosen(count, place))

    assert run(service, most_paid=2) == service.guilty
    assert max(service.sent.values()) == 2
    assert service.requests <= MOST_BATCHES + 50 * len(batches_of(service))


@pytest.mark.parametrize(("count", "place"), ROWS)
def test_a_bad_number_is_paid_twice_and_nothing_else(count, place):
    """The others of its batch have their vectors already."""
    service = Nan(None, chosen(count, place))

    assert run(service, most_paid=2) == service.guilty
    assert {text for text, sent in service.sent.items() if sent > 1} == service.guilty
    assert max(service.sent.values()) == 2
    assert service.requests <= MOST_BATCHES + count


@pytest.mark.parametrize(("count", "place"), ROWS)
@pytest.mark.parametrize("kind", SLOW)
def test_only_parts_that_ran_out_of_time_twice_fail(kind, count, place):
    """Nothing is paid for a third time; who was in no such part is delivered."""
    service = Slow(SLOW[kind], chosen(count, place))

    failed = run(service, most_paid=2)

    assert failed == service.twice
    assert failed >= service.guilty
    assert max(service.sent.values()) == 2
    # A part is a quarter of a batch, and the run's batches are no larger from there on.
    assert service.requests <= MOST_BATCHES + 4 * 1_000 / 12


@pytest.mark.parametrize("batch", [5, 10, 20, 100])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["silence", "524", "a body that breaks off"])
def test_what_may_have_cost_is_no_outage_where_it_stands_together(kind, place, batch):
    """However many parts of nothing else fail in a row."""
    service = Slow({**SLOW, **BROKEN}[kind], chosen(40, place))

    failed = run(service, most_paid=2, limits=Limits(max_batch=batch))

    assert failed == service.twice
    assert max(service.sent.values()) == 2


class Slow(Guilty):
    """Keeps those who were in a request twice that ran out of time."""

    def __init__(self, make_error, guilty):
        super().__init__(make_error, guilty)
        self.slow = Counter()

    def answer(self, texts, now):
        answer = super().answer(texts, now)
        if not isinstance(answer, EmbeddingsResponse):
            self.slow.update(texts)
        return answer

    @property
    def twice(self):
        return {text for text, times in self.slow.items() if times == 2}


def batches_of(service):
    """Return the batches of fifty that the guilty stand in."""
    return {TEXTS.index(text) // 50 for text in service.guilty}
