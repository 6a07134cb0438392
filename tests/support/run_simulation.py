"""A bulk run as a whole on a virtual clock, before a service that a test writes."""

from __future__ import annotations

import heapq
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from attrs import define, field

from openrouter_embeddings import Limits, RetryConfig
from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._bulk.reader import IteratedSource
from openrouter_embeddings._bulk.run import BulkRun, Plan
from openrouter_embeddings._request.call import BatchCall, Label
from openrouter_embeddings._request.charges import make_charge
from openrouter_embeddings._request.embeddings import Verified
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import ERROR_OF_STATUS, OpenRouterError
from openrouter_embeddings.inputs import embedding_request
from openrouter_embeddings.values import EmbeddingsResponse

TEMPLATE = embedding_request(input="template", model="test/embedding")
LIMITS = Limits(max_batch=20, max_in_flight=8, window=500)


@define
class Operation:
    """A request whose answer is decided by the simulated service."""

    request: object
    answer: object = field(default=None)

    @property
    def label(self):
        return Label("embed", "test/embedding", self.request.count)

    def read(self, _reply):
        good = isinstance(self.answer, EmbeddingsResponse)
        return Verified(self.answer, {}) if good else self.answer  # or vectors, some of them bad

    def fallback(self, _error):
        return None

    def charge(self, answer, value):
        error = value if isinstance(value, OpenRouterError) else None
        return make_charge(answer, error)

    def bill(self, value, _bill):
        return value


def vector(text):
    return np.array([int(text.split()[1]), 1.0], dtype=np.float32)


class Bounded:
    """Admits what a window admits, and names no wait unless it is told to."""

    def __init__(self, window, *, status=429, retry_after=None):
        self.window = window
        self.error = ERROR_OF_STATUS[status]("slow", status_code=status, retry_after=retry_after)
        self.error.metadata = {"limit_source": "openrouter_in_flight_budget"}

    def answer(self, texts, now):
        if not self.window.admits(now):
            return self.error
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")

    @property
    def requests(self):
        return len(self.window.admitted) + len(self.window.refused)


def simulate(
    service,
    texts,
    *,
    seed=0,
    latency=0.2,
    deadline=600.0,
    limits=LIMITS,
    most_seconds=10_000.0,
    most_paid=5,
):
    """Carry a run out on a virtual clock.

    Returns:
        The batches in order, and the seconds that it took.
    """
    draw, now = random.Random(seed), 0.0
    # Six faults of a hundred requests may have cost something: twice in a row is not rare enough.
    retries = RetryConfig(most_paid=most_paid)

    def call(request, started, paid):
        most = retries.most_paid - paid
        operation = Operation(request)
        return BatchCall(operation, retries, 60.0, deadline, started, most)

    run = BulkRun(
        Plan(TEMPLATE, call, limits, retries.most_paid), IteratedSource(iter(texts), lambda: 0.0)
    )
    under_way, batches, serial = [], [], 0
    while now < most_seconds:
        match run.next(now):
            case Start(attempt):
                serial, operation = serial + 1, attempt.call.operation
                operation.answer = service.answer(operation.request.wire_input, now)
                admitted = isinstance(operation.answer, EmbeddingsResponse | Verified)
                end = now + (latency if admitted else latency / 10) * draw.uniform(0.5, 1.5)
                reply = OK if admitted else REFUSED
                heapq.heappush(under_way, (end, serial, attempt, reply))
            case Ask(chunk):
                run.intake.add(chunk, ())
            case Hand(ready):
                batches.append(ready.batch())
            case Settle(attempt) as step:
                run.conclude(attempt, run.read(step, draw.random()), now)
            case Wait(seconds) if under_way and under_way[0][0] <= now + seconds:
                now, _, attempt, reply = heapq.heappop(under_way)
                run.attempts.on_reply(attempt, reply, now)
            case Wait(seconds):
                now += seconds
            case Over():
                assert not under_way
                return batches, now
    pytest.fail(f"not over after {most_seconds:g} seconds")


OK = Reply(200, {}, b"", datetime.now(UTC))
REFUSED = Reply(429, {}, b"", datetime.now(UTC))
