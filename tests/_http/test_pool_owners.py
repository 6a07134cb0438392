"""Pools: whose a connection is, a process's and an event loop's."""

from __future__ import annotations

import asyncio
import gc
import os
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from pool_calls import honest, places
from raw_peer import reply, right

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    OpenRouter,
)


def in_a_child(check):
    """Run a check in a forked process, and say whether it passed."""
    child = os.fork()
    if not child:
        try:
            check()
        except BaseException:  # noqa: BLE001 - nothing may go on in the child
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_with_no_connection(call, peer):
    """Parent and children each have their own, and the parent's stay in order."""
    server = peer(honest)
    caller = call(server.base_url)
    caller.generate("a")

    def check():
        with OpenRouter("key", base_url=server.base_url, retries=None) as fresh:
            assert right(fresh.embeddings.generate(input="c", model="m").vectors, "c")
        if isinstance(caller.client, OpenRouter):
            assert not places(caller.client).connections
            assert all(right(caller.generate(f"c{n}").vectors, f"c{n}") for n in range(20))
        else:
            assert not caller.client._http._shared._homes

    assert in_a_child(check)
    assert in_a_child(check)
    assert all(right(caller.generate(f"p{n}").vectors, f"p{n}") for n in range(20))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_reply_that_was_begun_before_a_fork_says_so_in_the_child(peer):
    """And the parent reads it to its end."""
    server = peer(lambda _count, _request: reply(b"x" * 2_000_000))
    with OpenRouter("key", base_url=server.base_url) as client:
        http = client.api.get_httpx_client()
        with http.stream("GET", "/embeddings/models") as response:
            parts = response.iter_bytes()
            first = next(parts)

            def check():
                with pytest.raises(ConfigurationError, match="before a fork"):
                    list(parts)

            assert in_a_child(check)
            assert len(first) + sum(map(len, parts)) == 2_000_000


def test_every_event_loop_has_connections_of_its_own(peer):
    """Loops that come and go leave nothing behind; 30 times."""
    server = peer(honest)
    client = AsyncOpenRouter("key", base_url=server.base_url, retries=None)
    counts = []

    async def calls(number):
        texts = [f"{number}-{position}" for position in range(3)]
        results = await asyncio.gather(
            *(client.embeddings.generate(input=text, model="m") for text in texts)
        )
        assert all(right(r.vectors, t) for r, t in zip(results, texts, strict=True))

    for number in range(30):
        asyncio.run(calls(number))
        counts.append(len(client._http._shared._homes))

    assert set(counts) == {1}
    asyncio.run(client.close())


def test_several_loops_at_once_share_a_client(peer):
    """In threads of their own."""
    server = peer(honest)
    client = AsyncOpenRouter("key", base_url=server.base_url, retries=None)

    async def calls(name):
        for number in range(20):
            text = f"{name}-{number}"
            result = await client.embeddings.generate(input=text, model="m")
            assert right(result.vectors, text)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: asyncio.run(calls(name)), "abcd"))
    asyncio.run(client.close())


def test_a_reply_is_read_in_the_loop_that_asked_for_it(peer):
    """Its socket belongs to that loop."""
    server = peer(lambda _count, _request: reply(b"x" * 2_000_000))
    client = AsyncOpenRouter("key", base_url=server.base_url)
    http = client.api.get_async_httpx_client()

    async def begin():
        request = http.build_request("GET", "/embeddings/models")
        return await http.send(request, stream=True)

    response = asyncio.run(begin())
    with pytest.raises(ConfigurationError, match="another event loop"):
        asyncio.run(response.aread())
    asyncio.run(client.close())


def test_without_asyncio_the_async_client_says_so():
    """Another kind of loop drives coroutines too, and this is what it would meet."""
    client = AsyncOpenRouter("key", base_url="http://127.0.0.1:9/v1")
    calling = client.embeddings.generate(input="a", model="m")

    with pytest.raises(ConfigurationError, match="asyncio"):
        calling.send(None)


def test_clients_that_nobody_closes_leave_no_warning(peer):
    """Warnings are errors here; descriptors come back."""
    server = peer(honest)
    OpenRouter("k", base_url=server.base_url).embeddings.generate(input="a", model="m")

    async def one():
        client = AsyncOpenRouter("k", base_url=server.base_url)
        await client.embeddings.generate(input="a", model="m")

    asyncio.run(one())
    gc.collect()
