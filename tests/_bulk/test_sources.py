"""Sources that take their time: what is here goes out, and an event loop waits for none of them."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from run_simulation import OK, TEMPLATE, Operation

from openrouter_embeddings import (
    AsyncOpenRouter,
    Limits,
    PartialFailureError,
    RetryConfig,
)
from openrouter_embeddings._bulk.attempts import Ask, Hand, Settle, Start, Wait
from openrouter_embeddings._bulk.reader import (
    PATIENCE,
    FedSource,
    IteratedSource,
    Taken,
    make_source,
)
from openrouter_embeddings._bulk.run import BulkRun, Plan
from openrouter_embeddings._request.call import BatchCall
from openrouter_embeddings.values import EmbeddingsResponse

TEXTS = [f"text {number}" for number in range(300)]
LIMITS = Limits(max_batch=10)


class Ticking:
    """A clock that a source moves on."""

    now = 0.0

    def __call__(self):
        return self.now

    def through(self, values, seconds):
        for value in values:
            self.now += seconds
            yield value


def test_a_quick_source_is_read_to_the_number_and_a_slow_one_for_a_moment():
    """Fewer are not the end; the end says so."""
    clock = Ticking()
    quick = IteratedSource(clock.through(range(700), 0.0), clock)
    assert quick.take(500) == Taken(list(range(500)))
    assert quick.take(500) == Taken(list(range(500, 700)), over=True)

    slow = IteratedSource(clock.through(range(5), PATIENCE * 2), clock)
    assert [slow.take(500) for _ in range(6)] == [
        *(Taken([number], is_slow=True) for number in range(5)),
        Taken([], over=True),
    ]


def test_a_source_that_was_quick_is_left_soon_after_it_is_slow():
    """It is looked at the clock after 64 at the most."""
    clock = Ticking()

    def values():
        yield from range(1_000)
        yield from clock.through(range(1_000), PATIENCE)

    source = IteratedSource(values(), clock)
    assert len(source.take(1_000).values) == 1_000
    assert len(source.take(500).values) <= 64
    assert len(source.take(500).values) <= 3


def test_a_fed_source_says_what_it_wants_and_gives_what_is_here():
    """Nobody waits in it; its failure comes behind what came before."""
    source = FedSource(iter(()))
    assert source.take(5) == Taken([], is_slow=True)
    assert source.wanted == 5
    assert [source.add("a"), source.add("b")] == [True, False]
    assert source.wanted == 0
    failure = ValueError("the end")
    source.add("c")
    source.end_turn(over=True, failure=failure)
    assert source.take(2) == Taken(["a", "b"], is_slow=True)
    assert source.take(2) == Taken(["c"], over=True, failure=failure)


@pytest.mark.parametrize(
    ("inputs", "in_loop", "kind"),
    [([], True, IteratedSource), ((), False, IteratedSource), (iter("a"), False, IteratedSource)],
)
def test_what_is_in_memory_is_read_at_once(inputs, in_loop, kind):
    """Only what may wait is read elsewhere."""
    assert type(make_source(inputs, Ticking(), in_loop=in_loop)) is kind
    assert type(make_source(iter("a"), Ticking(), in_loop=True)) is FedSource


def begin_call(request, started, paid):
    return BatchCall(Operation(request), RetryConfig(), 60.0, 600.0, started, 2 - paid)


def test_inputs_of_a_slow_source_go_out_without_a_full_batch_after_a_while():
    """While nothing else is under way, and not before."""
    source = FedSource(iter(()))
    run = BulkRun(Plan(TEMPLATE, begin_call, LIMITS, 2), source)
    assert run.next(0.0) == Wait(3_600.0)
    source.add("a")
    source.add("b")
    step = run.next(0.0)
    assert isinstance(step, Ask)
    run.intake.add(step.chunk, ())

    assert run.next(0.0) == Wait(0.5)
    assert run.next(0.4) == Wait(pytest.approx(0.1))
    step = run.next(0.5)
    assert isinstance(step, Start)
    assert step.attempt.batch.inputs == ["a", "b"]
    source.add("c")
    step = run.next(0.6)
    run.intake.add(step.chunk, ())
    assert run.next(9.0) == Wait(3_600.0)


class Gate:
    """A source that yields the last text only when it is let."""

    def __init__(self, open_at):
        self.open_at, self.opened, self.reading = open_at, threading.Event(), set()

    def __iter__(self):
        for number, text in enumerate(TEXTS):
            self.reading.add(threading.get_ident())
            if number == self.open_at:
                assert self.opened.wait(60)
            yield text


def test_replies_that_are_here_do_not_wait_for_a_slow_source():
    """They are read and handed out before the next input is waited for."""
    clock, steps = Ticking(), []
    source = IteratedSource(clock.through(TEXTS, PATIENCE * 2), clock)
    run = BulkRun(Plan(TEMPLATE, begin_call, LIMITS, 2), source)
    while not steps or steps[-1] is not Hand:
        step = run.next(clock.now)
        steps.append(type(step))
        match step:
            case Ask(chunk):
                run.intake.add(chunk, ())
            case Start(attempt):
                vectors = np.ones((len(attempt.batch.slots), 2), np.float32)
                attempt.call.operation.answer = EmbeddingsResponse(vectors, provider="x")
                run.attempts.on_reply(attempt, OK, clock.now)
            case Settle(attempt) as step:
                run.conclude(attempt, run.read(step, 0.5), clock.now)

    assert steps == [*[Ask] * 10, Start, Settle, Hand]


async def test_an_event_loop_goes_on_while_a_source_waits(server):
    """It is read in another thread; the batches before it come out meanwhile."""
    gate, rows = Gate(open_at=95), 0
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        async for batch in client.embeddings.stream(gate, model="m", limits=LIMITS):
            assert np.array_equal(
                batch.vectors, [server.vector(text) for text in TEXTS[rows : rows + len(batch)]]
            )
            rows += len(batch)
            if rows >= 90:
                gate.opened.set()

    assert rows == len(TEXTS)
    assert threading.get_ident() not in gate.reading


@pytest.mark.parametrize("in_thread", [True, False])
async def test_a_turn_ends_with_its_bytes_and_not_the_source(server, in_thread):
    """In an event loop as well, whether the source is asynchronous or not: all long texts come."""
    taken = []

    def long():
        for number in range(20):
            taken.append(number)
            yield f"{number}{'x' * 1_000_000}"

    async def arriving_long():
        for text in long():
            yield text

    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        limits = Limits(max_in_flight=1, max_batch=1, window=9)
        texts = long() if in_thread else arriving_long()
        stream = client.embeddings.stream(texts, model="m", limits=limits)
        assert sum([len(batch) async for batch in stream]) == 20
    assert taken == list(range(20))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("x" * 100_000, 127),
        ({"type": "image_url"}, 127),
        ([1] * 100_000, 15),
        ("漢" * 100_000, 63),
        ("short", 500),
        ([1], 500),
        (1, 500),
    ],
    ids=["text", "image", "tokens", "wide", "short", "few tokens", "number"],
)
def test_a_source_is_read_by_bytes_as_well(value, count):
    """Up to 8 MiB, and what is read together; what is no text is taken for an image."""
    taken = IteratedSource(iter([value] * 500), lambda: 0.0).take(500)

    assert len(taken.values) == count
    assert not taken.over


async def arriving(count, fails_at=None):
    for number, text in enumerate(TEXTS[:count]):
        if number == fails_at:
            raise ConnectionError("the cursor is closed")
        if number % 7 == 0:
            await asyncio.sleep(0)
        yield text


async def test_inputs_may_come_asynchronously(server):
    """In their order, and each once."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        result = await client.embeddings.embed(arriving(300), model="m", limits=LIMITS)

    assert np.array_equal(result.vectors, [server.vector(text) for text in TEXTS])
    assert server.inputs_embedded == len(TEXTS)


async def test_an_asynchronous_source_that_fails_ends_with_all_that_came(server):
    """As any other does."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        with pytest.raises(PartialFailureError) as caught:
            await client.embeddings.embed(arriving(300, fails_at=250), model="m", limits=LIMITS)

    assert isinstance(caught.value.__cause__, ConnectionError)
    assert len(caught.value.result) == server.inputs_embedded == 250


async def test_ending_early_stops_the_reading(server):
    """A source that never goes on keeps nobody."""

    async def endless():
        yield "a"
        await asyncio.Event().wait()

    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        stream = client.embeddings.stream(endless(), model="m", limits=LIMITS)
        assert len(await anext(stream)) == 1
        await stream.aclose()
        await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
