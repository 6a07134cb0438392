"""Runs of 1,000 texts of which some are refused, whatever the refusal: the others are delivered."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from run_simulation import simulate, vector

from openrouter_embeddings import Limits
from openrouter_embeddings.errors import (
    ERROR_OF_STATUS,
    NoResponseError,
)
from openrouter_embeddings.values import EmbeddingsResponse

TEXTS = [f"input {number}" for number in range(1_000)]
LIMITS = Limits(max_batch=50, max_in_flight=8, window=500)


def status(code, words="no", **more):
    return lambda: ERROR_OF_STATUS[code](f"{code}: {words}", status_code=code, **more)


KINDS = {
    "odd": status(400),
    "unprocessable": status(422),
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
PASSING = {"always a 500", "always a 503", "lost inside of a 200", "reset"}
PLACES = {
    "spread": lambda count: random.Random(count).sample(range(1_000), count),
    "first": range,
    "last": lambda count: range(1_000 - count, 1_000),
}


class Guilty:
    """Fails for some texts always, whatever is sent with them."""

    def __init__(self, make_error, guilty):
        self.make_error, self.guilty, self.requests = make_error, set(guilty), 0

    def answer(self, texts, _now):
        self.requests += 1
        if not self.guilty.isdisjoint(texts):
            return self.make_error()
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")


# What may pass by itself and fails forty times in a row is an outage: nothing tells the two apart.
ROWS = [
    (kind, count, place)
    for kind in KINDS
    for count in (1, 3, 40)
    for place in PLACES
    if count < 40 or place == "spread" or kind not in PASSING
]


@pytest.mark.parametrize(("kind", "count", "place"), ROWS)
def test_the_innocent_are_delivered(kind, count, place):
    """In a bounded number of requests, and the run comes to its end."""
    guilty = {TEXTS[at] for at in PLACES[place](count)}
    service = Guilty(KINDS[kind], guilty)

    batches, _ = simulate(service, TEXTS, limits=LIMITS)

    failed = {TEXTS[failure.position] for batch in batches for failure in batch.failures}
    assert batches[-1].stopped is None
    assert failed == guilty
    for batch in batches:
        own = {failure.position - batch.start for failure in batch.failures}
        right = [at for at in range(len(batch)) if at not in own]
        expected = [vector(TEXTS[batch.start + at]) for at in right]
        assert batch.vectors[right].tolist() == [each.tolist() for each in expected]
    # Twenty batches; each bad input is narrowed down from 50 in two requests a halving and three
    # more, and what may pass is sent up to four times in each of two rounds.
    narrowed = count * (2 * math.log2(50) + 3)
    assert service.requests <= 20 + narrowed * (8 if kind in PASSING else 1)
