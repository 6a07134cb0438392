"""What `stream` returns: still a generator, whose counters stay readable after its end."""

from __future__ import annotations

import asyncio
import inspect
import threading

import numpy as np
import pytest

from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
TEXTS = [f"text {number}" for number in range(40)]
LIMITS = Limits(max_batch=4, max_in_flight=4)


class Held:
    """All replies but that to the first batch wait until they are let go."""

    def __init__(self):
        self.arrived, self.released = threading.Event(), threading.Event()
        self.server = FaultServer(dimensions=8)
        self.server.always(faults.Fault("held", "It waits.", False, (), self._shape))

    def _shape(self, healthy):
        if not np.array_equal(healthy.vectors[0], self.server.vector(TEXTS[0])):
            self.arrived.set()
            self.released.wait(60)
        return healthy.answer()


@pytest.fixture
def held():
    held = Held()
    with held.server:
        yield held
        held.released.set()


def test_replies_after_the_last_batch_are_counted_and_kept(held, tmp_path):
    """They were paid for, whether anybody takes their vectors or not."""
    with (
        OpenRouter(held.server.api_key, base_url=held.server.base_url) as client,
        EmbeddingCache(tmp_path / "vectors.cache") as cache,
    ):
        stream = client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS, cache=cache)
        assert stream.stats.requests == 0
        first = next(stream)
        assert held.arrived.wait(60)
        held.released.set()
        stream.close()
        kept = cache.info().vectors

    assert first.stats.inputs_sent == 4
    assert stream.stats.inputs_sent == held.server.inputs_embedded > 4
    assert stream.stats.requests == len(held.server.requests)
    assert stream.stats.in_flight == 0
    assert kept == held.server.inputs_embedded
    assert stream.course.providers == ("Example AI",)


async def test_replies_after_the_last_batch_are_counted_asynchronously(held):
    """The same for the other client."""
    async with AsyncOpenRouter(held.server.api_key, base_url=held.server.base_url) as client:
        stream = client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS)
        assert stream.stats.requests == 0
        first = await anext(stream)
        assert await asyncio.to_thread(held.arrived.wait, 60)
        held.released.set()
        await stream.aclose()

    assert first.stats.inputs_sent == 4
    assert stream.stats.inputs_sent == held.server.inputs_embedded > 4
    assert stream.stats.requests == len(held.server.requests)


def test_a_stream_is_a_generator(server):
    """It can be sent to, thrown into and closed, and then it is over."""
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        stream = client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS)
        assert iter(stream) is stream
        assert len(stream.send(None)) > 0
        with pytest.raises(ZeroDivisionError):
            stream.throw(ZeroDivisionError, ZeroDivisionError("in the middle"))

        assert list(stream) == []
        assert stream.stats.inputs_sent == server.inputs_embedded


async def test_an_async_stream_is_an_async_generator(server):
    """The same for the other client."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        stream = client.embeddings.stream(TEXTS, model=MODEL, limits=LIMITS)
        assert aiter(stream) is stream
        assert len(await stream.asend(None)) > 0
        with pytest.raises(ZeroDivisionError):
            await stream.athrow(ZeroDivisionError())

        assert [batch async for batch in stream] == []
        assert stream.stats.inputs_sent == server.inputs_embedded
        assert not inspect.iscoroutinefunction(client.embeddings.stream)
