"""A bulk run as a whole on a virtual clock: faults by chance, outages, lost patience."""

from __future__ import annotations

import heapq
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from attrs import define, field

from openrouter_embeddings import Limits, RetryConfig
from openrouter_embeddings._bulk.run import BulkRun, Plan
from openrouter_embeddings._request.call import Call, Label
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.cache import Hits
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    NoResponseError,
    ResponseValidationError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    VectorError,
)
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
        return self.answer

    def fallback(self, _error):
        return None


def vector(text):
    return np.array([int(text.split()[1]), 1.0], dtype=np.float32)


class Service:
    """Refuses some texts always, and some requests by chance."""

    def __init__(self, seed, *, poison=(), share=0.02, retry_after=None, down_from=None):
        self.random = random.Random(seed)
        self.poison, self.share = set(poison), share
        self.retry_after, self.down_from = retry_after, down_from
        self.requests = self.embedded = 0

    def answer(self, texts):
        self.requests += 1
        if self.down_from is not None and self.requests > self.down_from:
            return ServiceUnavailableResponseError("down", status_code=503)
        if not self.poison.isdisjoint(texts):
            return BadRequestResponseError("no", status_code=400)
        faults = [
            lambda: TooManyRequestsResponseError(
                "slow", status_code=429, retry_after=self.retry_after
            ),
            lambda: ServiceUnavailableResponseError("busy", status_code=503),
            lambda: NoResponseError("reset", sent=True),
            lambda: NoResponseError("cut off", sent=True, begun=True),
            lambda: VectorError("NaN"),
            lambda: ResponseValidationError("missing"),
        ]
        for fault in faults:
            if self.random.random() < self.share:
                return fault()
        self.embedded += len(texts)
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")


def simulate(service, texts, *, seed=0, latency=0.2, most_seconds=10_000.0):
    """Carry a run out on a virtual clock.

    Returns:
        The batches in order, and the seconds that it took.
    """
    draw, now = random.Random(seed), 0.0
    retries = RetryConfig()

    def call(request, started):
        return Call(Operation(request), retries, 60.0, 600.0, started)

    run = BulkRun(Plan(TEMPLATE, call, LIMITS), iter(texts))
    under_way, batches, serial = [], [], 0
    while now < most_seconds:
        while (chunk := run.intake.next_question()) is not None:
            run.intake.add(chunk, ())
        while (task := run.next_attempt(now)) is not None:
            serial += 1
            heapq.heappush(under_way, (now + latency * draw.uniform(0.5, 1.5), serial, task))
        if (ready := run.ready()) is not None:
            batches.append(ready.batch())
        elif run.over and not under_way:
            return batches, now
        elif under_way and under_way[0][0] <= now + run.wait(now):
            now, _, task = heapq.heappop(under_way)
            operation = task.call.operation
            operation.answer = service.answer(operation.request.wire_input)
            reply = Reply(200, {}, b"", datetime.now(UTC))
            run.conclude(task, task.outcome(reply, now, draw.random()), now)
        else:
            now += run.wait(now)
    pytest.fail(f"not over after {most_seconds:g} seconds")


OK = Reply(200, {}, b"", datetime.now(UTC))
REFUSED = Reply(429, {}, b"", datetime.now(UTC))


def run_over(texts, limits=LIMITS, **plan):
    """Begin a run whose requests are answered by hand."""

    def call(request, started):
        return Call(Operation(request), RetryConfig(), 60.0, 600.0, started)

    return BulkRun(Plan(TEMPLATE, call, limits, **plan), iter(texts))


def taken(run, now=0.0):
    """Take all requests that may begin."""
    while (chunk := run.intake.next_question()) is not None:
        run.intake.add(chunk, ())
    return list(iter(lambda: run.next_attempt(now), None))


def answer(run, task, now=0.0):
    """Answer a request with the right vectors."""
    operation = task.call.operation
    vectors = np.stack([vector(text) for text in operation.request.wire_input])
    operation.answer = EmbeddingsResponse(vectors, provider="x")
    outcome = task.outcome(OK, now, 0.5)
    run.place(task, outcome)
    run.conclude(task, outcome, now)


def test_a_reply_that_is_here_makes_room_before_it_is_read():
    """The next request does not wait for it; what waits to be read is bounded all the same."""
    run = run_over(f"input {number}" for number in range(10_000))
    first = taken(run)
    assert len(first) == 4

    run.attempts.on_reply(first[0], OK)
    assert len(taken(run)) == 1
    run.attempts.on_reply(first[0], OK)
    assert taken(run) == []
    for task in first[1:]:
        run.attempts.on_reply(task, OK)
        taken(run)
    assert run.attempts.pace.in_flight < 4

    for task in first:
        answer(run, task)
    assert run.attempts.pace.in_flight + len(taken(run)) >= 4


def test_a_refusal_makes_no_room_before_it_is_read():
    """It may mean that the run is to slow down."""
    run = run_over(f"input {number}" for number in range(10_000))
    first = taken(run)

    run.attempts.on_reply(first[0], REFUSED)
    run.attempts.on_reply(first[1], NoResponseError("reset"))

    assert taken(run) == []


def test_the_first_reply_is_read_before_others_follow_a_pinned_provider():
    """That it is here does not say yet who gave it."""
    run = run_over((f"input {number}" for number in range(1_000)), pin_provider=True)
    (first,) = taken(run)

    run.attempts.on_reply(first, OK)
    assert taken(run) == []
    answer(run, first)
    assert len(taken(run)) > 1


def test_answers_of_the_cache_come_back_in_order():
    """Two questions are under way at a time, and rows are where they belong."""
    texts = [f"input {number}" for number in range(2_000)]
    run = run_over(texts, Limits(max_batch=20, window=700), asks=True)
    chunks = [run.intake.next_question(), run.intake.next_question()]
    assert [len(chunk) for chunk in chunks] == [500, 200]
    assert run.intake.next_question() is None
    known = [[Hits(0, np.stack([vector(text) for text in chunk.entries[:50]]))] for chunk in chunks]

    assert taken(run) == []
    for chunk, found in zip(chunks, known, strict=True):
        run.intake.add(chunk, found)
    batch = run.ready().batch()

    assert batch.from_cache == len(batch) == 50
    assert np.array_equal(batch.vectors, np.stack([vector(text) for text in texts[:50]]))


def test_vectors_of_another_width_in_the_cache_are_not_taken():
    """They belong to another space, whoever put them there."""
    run = run_over(["input 1", "input 2"], asks=True)
    chunk = run.intake.next_question()

    run.intake.add(chunk, [Hits(0, np.float32([[1, 1]])), Hits(1, np.float32([[1, 1, 1]]))])
    (task,) = taken(run)

    assert task.batch.inputs == ["input 2"]


def test_inputs_that_cannot_be_sent_stand_between_those_of_the_cache():
    """A gap among the keys moves nothing."""
    run = run_over(["input 0", "", "input 2", "é", "input 4"], asks=True)
    chunk = run.intake.next_question()
    assert list(chunk.places) == [0, 2, 3, 4]

    run.intake.add(chunk, [Hits(0, np.stack([vector(f"input {n}") for n in (0, 2, 3, 4)]))])
    batch = run.ready().batch()

    assert [failure.position for failure in batch.failures] == [1]
    assert batch.vectors[[0, 2, 3, 4], 0].tolist() == [0, 2, 3, 4]
    assert np.isnan(batch.vectors[1]).all()
    assert batch.from_cache == 4


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0])
@pytest.mark.parametrize("seed", range(25))
def test_chance_harms_no_innocent_input(seed, retry_after):
    """Exactly the refused inputs fail, in bounded time, and every vector is in its place."""
    texts = [f"input {number}" for number in range(2_000)]
    poison = texts[33::100]
    service = Service(seed, poison=poison, retry_after=retry_after)

    batches, seconds = simulate(service, texts, seed=seed)

    failed = [texts[failure.position] for batch in batches for failure in batch.failures]
    vectors = np.concatenate([batch.vectors for batch in batches])
    expected = np.stack([vector(text) for text in texts])
    good = [place for place, text in enumerate(texts) if text not in set(poison)]
    assert failed == poison
    assert np.array_equal(vectors[good], expected[good])
    assert service.embedded == len(good)
    assert seconds < 600


@pytest.mark.parametrize("seed", range(10))
def test_an_outage_is_given_up_soon(seed):
    """The service is not asked for ever."""
    texts = [f"input {number}" for number in range(5_000)]
    service = Service(seed, share=0.0, down_from=10)

    batches, _ = simulate(service, texts, seed=seed)

    assert sum(len(batch) for batch in batches) == 5_000
    assert sum(len(batch.failures) for batch in batches) == 5_000 - service.embedded
    assert service.requests <= 10 + 48
    assert batches[-1].stopped is not None
