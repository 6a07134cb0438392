"""Ctrl-C, cancellation and the end of the interpreter: what was paid for is kept."""

from __future__ import annotations

import asyncio
import gc
import io
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.events import BatchSettled
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
TEXTS = [f"text {number}" for number in range(40)]
LIMITS = Limits(max_batch=4, max_in_flight=4)
HAS_SIGNALS = hasattr(signal, "pthread_kill")


class Held:
    """All replies but that to the first batch wait until they are let go.

    Once the first batch is done, and another waits, it does something.
    """

    def __init__(self, on_arrival):
        self.on_arrival, self.arrived = on_arrival, threading.Event()
        self.settled = threading.Event()
        self.released = threading.Event()
        self.server = FaultServer(dimensions=8)
        self.server.always(faults.Fault("held", "It waits.", False, (), self._shape))

    def _shape(self, healthy):
        if not np.array_equal(healthy.vectors[0], self.server.vector(TEXTS[0])):
            if not self.arrived.is_set():
                self.arrived.set()
                assert self.settled.wait(60)
                self.on_arrival(self)
            assert self.released.wait(60)
        return healthy.answer()

    def listen(self, event):
        if isinstance(event, BatchSettled):
            self.settled.set()

    def connect(self, kind):
        server = self.server
        return kind(server.api_key, base_url=server.base_url, on_event=self.listen)


def press_ctrl_c(_held=None):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupt(number, frame):
    """Raise as Python does, but not where it would ignore that: in callbacks of the collection."""
    while frame is not None:
        if frame.f_code.co_name in {"_remove", "__del__"}:
            threading.Timer(0.01, press_ctrl_c).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def interrupting():
    """Let Ctrl-C raise in any case, and put back what was there."""
    before = signal.signal(signal.SIGINT, interrupt)
    yield
    signal.signal(signal.SIGINT, before)


class Terminal(io.StringIO):
    """A terminal that does something when it is written to."""

    def __init__(self, on_write):
        super().__init__()
        self.on_write = on_write

    def isatty(self):
        return True

    def write(self, text):
        super().write(text)
        self.on_write()
        return len(text)


needs_signals = pytest.mark.skipif(not HAS_SIGNALS, reason="signals cannot be sent to a thread")


@needs_signals
def test_what_is_in_flight_after_ctrl_c_is_waited_for_and_kept(tmp_path, monkeypatch):
    """It was paid for; a terminal is told at once what the program waits for."""
    held = Held(press_ctrl_c)
    terminal = Terminal(held.released.set)
    monkeypatch.setattr(sys, "stderr", terminal)
    with (
        held.server as server,
        EmbeddingCache(tmp_path / "cache") as cache,
        held.connect(OpenRouter) as client,
    ):
        with pytest.raises(KeyboardInterrupt) as caught:
            client.embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=LIMITS)

        assert cache.info().vectors == server.inputs_embedded > 4
    assert "Waiting for what is paid for: " in terminal.getvalue()
    assert caught.value.__notes__[0].startswith(f"{server.inputs_embedded} inputs were embedded")


@needs_signals
def test_a_second_ctrl_c_ends_at_once_and_keeps_what_had_come(tmp_path, monkeypatch):
    """The replies that wait never come; the note says what they may have cost."""
    held = Held(press_ctrl_c)
    monkeypatch.setattr(sys, "stderr", Terminal(press_ctrl_c))
    with (
        held.server,
        EmbeddingCache(tmp_path / "cache") as cache,
        held.connect(OpenRouter) as client,
    ):
        with pytest.raises(KeyboardInterrupt) as caught:
            client.embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=LIMITS)

        assert cache.info().vectors >= 4
        assert "more for what was in flight" in caught.value.__notes__[0]
        held.released.set()


@needs_signals
def test_without_a_cache_nothing_is_waited_for_after_ctrl_c():
    """Nobody would get the vectors; the exception says what was paid."""
    held = Held(press_ctrl_c)
    with held.server, held.connect(OpenRouter) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            client.embeddings.embed(TEXTS, model=MODEL, limits=LIMITS)

        assert not held.released.is_set()
        assert "USD" in caught.value.__notes__[0]
        held.released.set()


def cancels(held):
    held.loop.call_soon_threadsafe(held.run.cancel)


async def cancelled(held, **options):
    """Begin a run that is cancelled once a reply waits; return the cancellation."""
    held.loop = asyncio.get_running_loop()
    async with held.connect(AsyncOpenRouter) as client:
        run = client.embeddings.embed(TEXTS, model=MODEL, limits=LIMITS, **options)
        held.run = asyncio.create_task(run)
        with pytest.raises(asyncio.CancelledError) as caught:
            await held.run
    return caught.value


async def test_what_is_in_flight_after_a_cancellation_is_kept(tmp_path, monkeypatch):
    """The same for the other client."""
    held = Held(cancels)
    monkeypatch.setattr(sys, "stderr", Terminal(held.released.set))
    with held.server as server, EmbeddingCache(tmp_path / "cache") as cache:
        await cancelled(held, cache=cache)

        assert cache.info().vectors == server.inputs_embedded > 4


async def test_a_second_cancellation_ends_at_once(tmp_path, monkeypatch):
    """What had come is kept."""
    held = Held(cancels)
    monkeypatch.setattr(sys, "stderr", Terminal(lambda: cancels(held)))
    with held.server, EmbeddingCache(tmp_path / "cache") as cache:
        await cancelled(held, cache=cache)

        assert cache.info().vectors >= 4
        held.released.set()


async def test_without_a_cache_nothing_is_waited_for_after_a_cancellation():
    """Its tasks end with it."""
    held = Held(cancels)
    with held.server:
        await cancelled(held)

        assert asyncio.all_tasks() == {asyncio.current_task()}
        held.released.set()


def waits(_held):
    """Let the replies wait until the test lets them go."""


async def read_one(held, cache, leaving):
    """Leave the client's block with a stream that is half read; return what is read afterwards."""
    async with held.connect(AsyncOpenRouter) as client:
        stream = client.embeddings.stream(TEXTS, model=MODEL, cache=cache, limits=LIMITS)
        await anext(stream)
        await asyncio.to_thread(held.arrived.wait, 60)
        leaving()
    return [batch async for batch in stream]


def read_one_in_threads(held, cache, leaving):
    """Do the same with the other client."""
    with held.connect(OpenRouter) as client:
        stream = client.embeddings.stream(TEXTS, model=MODEL, cache=cache, limits=LIMITS)
        next(stream)
        held.arrived.wait(60)
        leaving()
    return list(stream)


def read_in_tasks(*arguments):
    """Run the asynchronous one."""
    return asyncio.run(read_one(*arguments))


READERS = pytest.mark.parametrize("read", [read_one_in_threads, read_in_tasks])


@READERS
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_a_client_takes_in_what_is_in_flight_before_it_closes(read, error, tmp_path, monkeypatch):
    """The caller's own code fails while replies are under way: they were paid for."""

    def leave():
        held.released.set()
        raise error

    held = Held(waits)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with held.server as server, EmbeddingCache(tmp_path / "cache") as cache:
        with pytest.raises(error) as caught:
            read(held, cache, leave)

        assert cache.info().vectors == server.inputs_embedded > 4
    notes = getattr(caught.value, "__notes__", [])
    assert len(notes) == (error is not ValueError)


@READERS
def test_a_stream_that_is_read_on_gives_what_had_come(read, tmp_path):
    """What was not sent says that the client is closed; no vector that was paid for is missing."""
    held = Held(waits)
    with held.server as server, EmbeddingCache(tmp_path / "cache") as cache:
        rest = read(held, cache, held.released.set)

        good = sum(len(batch) - len(batch.failures) for batch in rest)
        assert good == server.inputs_embedded - 4 > 0
    assert sum(map(len, rest)) == len(TEXTS) - 4
    assert "closed" in str(rest[-1].failures[-1].error)


async def give_up(held, streams):
    """Leave a half-read stream behind, by a cancellation."""
    async with held.connect(AsyncOpenRouter) as client:
        streams.append(client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS))
        await anext(streams[0])
        await asyncio.to_thread(held.arrived.wait, 60)
        raise asyncio.CancelledError


async def test_a_run_that_was_given_up_is_not_read_on_for_ever():
    """Without a cache nobody waits for the replies of an interrupted run, nor does who reads on."""
    held, streams = Held(waits), []
    with held.server:
        with pytest.raises(asyncio.CancelledError):
            await give_up(held, streams)
        with pytest.raises(ConfigurationError, match="closed"):
            [batch async for batch in streams[0]]
        held.released.set()


def give_up_in_threads(held, streams):
    """Leave one behind, by Ctrl-C."""
    with held.connect(OpenRouter) as client:
        streams.append(client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS))
        next(streams[0])
        held.arrived.wait(60)
        raise KeyboardInterrupt


def test_requests_of_threads_end_with_their_connections():
    """Who reads on learns that the client is closed."""
    held, streams = Held(waits), []
    with held.server:
        with pytest.raises(KeyboardInterrupt):
            give_up_in_threads(held, streams)
        rest = list(streams[0])
        held.released.set()

    assert sum(map(len, rest)) == len(TEXTS) - 4
    assert "closed" in str(rest[-1].failures[-1].error)


@needs_signals
def test_a_second_ctrl_c_under_asyncio_run_is_raised_in_no_task(tmp_path, monkeypatch):
    """It would be lost with the reply that the task had just received."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    held = Held(press_ctrl_c)
    monkeypatch.setattr(sys, "stderr", Terminal(press_ctrl_c))
    with held.server, EmbeddingCache(tmp_path / "cache") as cache:

        async def embed():
            asyncio.get_running_loop().set_exception_handler(lambda _, told: problems.append(told))
            async with held.connect(AsyncOpenRouter) as client:
                await client.embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=LIMITS)

        problems = []
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(embed())

        assert cache.info().vectors >= 4
        held.released.set()
    gc.collect()
    assert problems == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


HALF_READ = """
import asyncio, sys
from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter
texts = [f"text {{number}}" for number in range(2000)]
limits = Limits(max_batch=10, max_in_flight=8)

def begin(kind):
    client = kind("{server.api_key}", base_url="{server.base_url}")
    return client.embeddings.stream(texts, model="m", cache=sys.argv[1], limits=limits)

async def read():
    stream = begin(AsyncOpenRouter)
    print(len(await anext(stream)))
    return stream if sys.argv[2] == "kept" else None

if sys.argv[2] == "sync":
    stream = begin(OpenRouter)
    print(len(next(stream)))
else:
    asyncio.run(read())
"""


@pytest.mark.parametrize("way", ["sync", "kept", "dropped"])
def test_a_stream_that_nobody_ends_is_ended_with_the_interpreter(way, tmp_path):
    """What is in flight at exit is waited for and kept, and nothing is printed beside."""
    with FaultServer(dimensions=8, delay=0.05) as server:
        script = HALF_READ.format(server=server)
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "cache"), way],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        embedded = server.inputs_embedded

    assert (done.returncode, done.stderr) == (0, "")
    with EmbeddingCache(tmp_path / "cache") as cache:
        assert cache.info().vectors == embedded > 0
