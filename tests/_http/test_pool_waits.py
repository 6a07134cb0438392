"""Pools: waiting for a place, and exchanges that are cancelled, late or closed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from pool_calls import honest, places
from raw_peer import HANG_UP, RawPeer, right, vectors

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    NoResponseError,
    OpenRouter,
)


def never(waiting):
    def answer(_count, _request):
        waiting.wait(60)
        return HANG_UP

    return answer


async def by_task(calling):
    task = asyncio.ensure_future(calling)
    await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def by_timeout(calling):
    try:
        async with asyncio.timeout(0.001):
            await calling
    except TimeoutError:
        return True
    return False


async def by_scope(calling):
    with anyio.move_on_after(0.001) as scope:
        await calling
    return scope.cancelled_caught


@pytest.mark.parametrize("cancel", [by_task, by_timeout, by_scope])
async def test_a_cancelled_call_gives_its_place_back(cancel, peer):
    """At once, whatever it waited for, and the next calls are right."""
    waiting = threading.Event()
    slow = True

    def answer(_count, request):
        if slow:
            waiting.wait(60)
            return HANG_UP
        return vectors(request)

    server = peer(answer)
    async with AsyncOpenRouter("key", base_url=server.base_url, retries=None) as client:
        held = [cancel(client.embeddings.generate(input="a", model="m")) for _ in range(40)]
        assert all(await asyncio.gather(*held))
        assert places(client).open == 0
        slow = False
        waiting.set()
        results = await asyncio.gather(
            *(client.embeddings.generate(input=str(n), model="m") for n in range(40))
        )

    assert all(right(result.vectors, str(n)) for n, result in enumerate(results))


async def test_a_place_that_is_handed_over_to_a_cancelled_call_goes_on(monkeypatch):
    """Both happen in one turn of the loop: the hand-over, and then the cancellation."""
    with RawPeer(honest) as server:
        async with AsyncOpenRouter("key", base_url=server.base_url, retries=None) as client:
            await client.embeddings.generate(input="a", model="m")
            held = places(client)
            held.bound = 1
            found = held.take(0.0)
            first, second = (
                asyncio.ensure_future(client.embeddings.generate(input=text, model="m"))
                for text in "bc"
            )
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(held._waiters) == 2
            held.give(found, 0.0)
            first.cancel()

            result = await second

            assert first.cancelled()
            assert right(result.vectors, "c")


def test_time_that_runs_out_gives_the_place_back(call, peer):
    """Waiting for a connection is part of the time, too."""
    waiting = threading.Event()
    server = peer(never(waiting))
    caller = call(server.base_url)

    for _ in range(3):
        with pytest.raises(NoResponseError, match=r"within 0\.05 s"):
            caller.generate("a", timeout=0.05)
    waiting.set()
    assert places(caller.client).open == 0


def test_waiting_for_a_place_ends_in_time():
    """With all places taken, and says what it waited for."""
    with RawPeer(honest) as server, OpenRouter("key", base_url=server.base_url) as client:
        held = places(client)
        held.bound = 0

        with pytest.raises(NoResponseError, match="Too many requests at once"):
            client.embeddings.generate(input="a", model="m", timeout=0.05, retries=None)

        assert not held._waiters


def test_threads_wait_for_each_other():
    """Two places for many threads."""
    with RawPeer(honest) as server, OpenRouter("key", base_url=server.base_url) as client:
        places(client).bound = 2
        texts = [f"t{number}" for number in range(60)]

        def one(text):
            return right(client.embeddings.generate(input=text, model="m").vectors, text)

        with ThreadPoolExecutor(12) as threads:
            assert all(threads.map(one, texts))

        assert server.connections <= 2


async def test_many_at_once_open_no_more_connections_than_calls():
    """And keep them."""
    with RawPeer(honest) as server:
        async with AsyncOpenRouter("key", base_url=server.base_url, retries=None) as client:
            for _ in range(3):
                results = await asyncio.gather(
                    *(client.embeddings.generate(input=str(n), model="m") for n in range(100))
                )
                assert all(right(result.vectors, str(n)) for n, result in enumerate(results))

    assert server.connections <= 110


def test_closing_ends_the_calls_that_are_going_on():
    """Instead of leaving them to their timeouts; their sockets are not given away under them."""
    waiting = threading.Event()
    with RawPeer(never(waiting)) as server:
        client = OpenRouter("key", base_url=server.base_url, retries=None, timeout=None)
        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(client.embeddings.generate, input="a", model="m")
            while not server.requests:
                pass
            client.close()
            with pytest.raises((NoResponseError, ConfigurationError)):
                future.result(60)
        waiting.set()


async def test_closing_ends_the_tasks_that_are_going_on():
    """The same in an event loop."""
    waiting = threading.Event()
    with RawPeer(never(waiting)) as server:
        client = AsyncOpenRouter("key", base_url=server.base_url, retries=None, timeout=None)
        task = asyncio.ensure_future(client.embeddings.generate(input="a", model="m"))
        while not server.requests:  # noqa: ASYNC110 - the server lives in threads
            await asyncio.sleep(0.001)
        await client.close()
        with pytest.raises(NoResponseError, match="closed on this side"):
            await task
        waiting.set()


class Completing(asyncio.SelectorEventLoop):
    """A loop that carries operations out and cannot tell readiness, as Windows' default one."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


def test_a_loop_that_cannot_tell_readiness_serves_too(peer):
    """Windows' default loop is one; calls, timeouts and cancellations."""
    waiting = threading.Event()

    def answer(_count, request):
        if b"slow" in request:
            waiting.wait(60)
        return vectors(request)

    server = peer(answer)

    async def calls():
        async with AsyncOpenRouter("key", base_url=server.base_url, retries=None) as client:
            for text in "abc":
                result = await client.embeddings.generate(input=text, model="m")
                assert right(result.vectors, text)
            with pytest.raises(NoResponseError, match="no reply had begun"):
                await client.embeddings.generate(input="slow", model="m", timeout=0.1)
            assert await by_timeout(client.embeddings.generate(input="slow", model="m"))
            assert places(client).open == 0
        waiting.set()

    with asyncio.Runner(loop_factory=Completing) as runner:
        runner.run(calls())
