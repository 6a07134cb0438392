"""The asynchronous client in an event loop that its users bring."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import uvloop

from openrouter_embeddings import AsyncOpenRouter, Limits, NoResponseError
from openrouter_embeddings.testing import faults

MODEL = "test/embedding"
TEXTS = [f"text {number % 90}" for number in range(120)]


@pytest.fixture
def run(server):
    """Run a coroutine function with a client, in a loop of uvloop's."""

    async def with_client(work):
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
            return await work(client.embeddings)

    return lambda work: uvloop.run(with_client(work))


def expected(server, texts):
    return np.stack([server.vector(text) for text in texts])


def test_calls_get_their_vectors(run, server):
    """One after the other on one connection, and many at a time."""

    async def work(embeddings):
        first = await embeddings.generate(input=TEXTS[:3], model=MODEL)
        calls = (embeddings.generate(input=text, model=MODEL) for text in TEXTS)
        return first, await asyncio.gather(*calls)

    first, others = run(work)
    assert np.array_equal(first.vectors, expected(server, TEXTS[:3]))
    assert np.array_equal(
        np.concatenate([each.vectors for each in others]), expected(server, TEXTS)
    )


def test_runs_get_their_vectors(run, server, tmp_path):
    """From a list and from an iterator, which is read in a thread; with a cache in a folder."""
    small = Limits(max_batch=20)

    async def work(embeddings):
        cache = tmp_path / "cache"
        whole = await embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=small)
        parts = embeddings.stream(iter(TEXTS), model=MODEL, cache=cache, limits=small)
        return whole, [part.vectors async for part in parts]

    whole, parts = run(work)
    assert np.array_equal(whole.vectors, expected(server, TEXTS))
    assert np.array_equal(np.concatenate(parts), expected(server, TEXTS))
    assert server.inputs_embedded == 90


def test_a_call_out_of_time_ends_as_elsewhere(run, server):
    """With our error, and the next call is answered."""
    server.script(faults.silence())

    async def work(embeddings):
        with pytest.raises(NoResponseError):
            await embeddings.generate(input="a", model=MODEL, timeout=0.2, retries=None)
        server._script.embeddings.clear()  # on a slow machine it was never asked
        return await embeddings.generate(input="b", model=MODEL)

    assert np.array_equal(run(work).vectors, expected(server, ["b"]))


def test_a_cancelled_call_leaves_nothing_behind(run, server):
    """No task of ours; the client goes on."""
    server.script(faults.silence())

    async def work(embeddings):
        task = asyncio.create_task(embeddings.generate(input="a", model=MODEL))
        while not server.requests:  # noqa: ASYNC110 - the server lives in threads
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await embeddings.generate(input="b", model=MODEL)
        return found, asyncio.all_tasks() - {asyncio.current_task()}

    found, left = run(work)
    assert np.array_equal(found.vectors, expected(server, ["b"]))
    assert left == set()
