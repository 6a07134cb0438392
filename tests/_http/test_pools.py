"""Pools: whose a connection is, when it is used again, and how an exchange ends early."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from raw_peer import HANG_UP, RawPeer, reply, right, vectors

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    NoResponseError,
    OpenRouter,
    PayloadTooLargeResponseError,
)
from openrouter_embeddings._http.exchange import asend, send
from openrouter_embeddings._http.pools import _route
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings_api.api.embeddings import list_embeddings_models

WIRE = HttpRequest("POST", "/embeddings", {"content-type": "application/json"}, b'{"input": "a"}')


def honest(_count, request):
    return vectors(request)


def places(client):
    pool = client._http._shared
    homes = pool._homes
    (home,) = homes.values() if isinstance(homes, dict) else homes
    return home.places


def test_a_connection_is_used_again(call, peer):
    """One after the other needs one."""
    server = peer(honest)
    caller = call(server.base_url)

    assert all(right(caller.generate(text).vectors, text) for text in ("a", "b", "c"))
    assert server.connections == 1


EVIL = reply(b'{"data": [{"index": 0, "embedding": [9, 9]}], "model": "m"}')


@pytest.mark.parametrize(
    "behind", [EVIL, b"H", b"\r\n\r\n" + EVIL], ids=["reply", "byte", "blank lines"]
)
def test_bytes_behind_a_reply_end_the_connection(call, peer, behind):
    """They would be taken as the reply of the next request."""
    server = peer(lambda _count, request: vectors(request) + behind)
    caller = call(server.base_url)

    assert all(right(caller.generate(text).vectors, text) for text in ("a", "b", "c"))
    assert server.connections == 3


def test_bytes_that_come_while_nobody_asks_end_the_connection(call, peer):
    """The socket is looked at before it is used."""
    server = peer(honest)
    caller = call(server.base_url)
    caller.generate("a")
    (connection,) = server._open
    connection.sendall(EVIL)

    assert right(caller.generate("b").vectors, "b")
    assert server.connections == 2


def hangs_up_on_the_second(count, request):
    return HANG_UP if count == 2 else vectors(request)


def test_a_kept_connection_that_turns_out_closed_is_replaced_at_once(call, peer):
    """With no retries at all, as often as it happens, and it is no attempt."""
    server = peer(hangs_up_on_the_second)
    caller = call(server.base_url)

    assert all(right(caller.generate(text).vectors, text) for text in "abcd")
    assert server.connections == 4


def test_a_fresh_connection_that_turns_out_closed_is_an_error(call, peer):
    """Once is enough: it is the retry policy's to ask again."""
    server = peer(lambda _count, _request: HANG_UP)

    with pytest.raises(NoResponseError, match="closed the connection without a reply") as caught:
        call(server.base_url).generate("a")

    assert server.connections == 1
    assert caught.value.sent
    assert caught.value.written == 1


async def test_a_repeat_is_counted():
    """Where the request had been handed over, it may have been paid for."""
    with RawPeer(hangs_up_on_the_second) as server:
        with OpenRouter("key", base_url=server.base_url) as client:
            assert [send(client._http, WIRE, 20).written for _ in range(3)] == [1, 2, 2]
        async with AsyncOpenRouter("key", base_url=server.base_url) as client:
            assert [(await asend(client._http, WIRE, 20)).written for _ in range(3)] == [1, 2, 2]


def test_generated_functions_repeat_too():
    """The transport does it, whoever calls."""
    answers = iter([reply(b'{"data": []}'), HANG_UP, reply(b'{"data": []}')])
    with (
        RawPeer(lambda _count, _request: next(answers)) as server,
        OpenRouter("key", base_url=server.base_url) as client,
    ):
        for _ in range(2):
            response = list_embeddings_models.sync_detailed(client=client.api)
            assert response.status_code == 200

    assert server.requests == 3


def test_a_reply_that_had_begun_is_not_asked_for_again(call, peer):
    """It may have been paid for: the error says so."""

    def answer_and_close(count, request):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12" if count == 2 else vectors(request)

    server = peer(answer_and_close)
    caller = call(server.base_url, timeout=0.3)
    caller.generate("a")

    with pytest.raises(NoResponseError, match="bytes of a reply had come") as caught:
        caller.generate("b")
    assert caught.value.begun
    assert server.requests == 2


def test_a_timeout_on_a_kept_connection_is_not_repeated(call, peer):
    """The service may be at work on it."""
    waiting = threading.Event()

    def answer(count, request):
        if count == 2:
            waiting.wait(10)
        return vectors(request)

    server = peer(answer)
    caller = call(server.base_url)
    caller.generate("a")

    with pytest.raises(NoResponseError, match="no reply had begun") as caught:
        caller.generate("b", timeout=0.2)
    waiting.set()
    assert caught.value.sent
    assert server.requests == 2


def test_what_a_peer_says_before_it_hangs_up_in_mid_request_is_read(call):
    """A request too large is refused while it is being sent."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with (
        RawPeer(lambda _count, _request: HANG_UP, after=refusal) as server,
        pytest.raises(PayloadTooLargeResponseError),
    ):
        call(server.base_url).generate(["x" * 1000] * 10)


def test_another_service_never_gets_the_key():
    """An absolute URL in a request of the generated client's."""
    with OpenRouter("key", base_url="http://127.0.0.1:9/v1") as client:
        http = client.api.get_httpx_client()

        with pytest.raises(ConfigurationError, match="alone"):
            http.get("http://127.0.0.2:9/v1/embeddings/models")


# --- whose connections they are


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


# --- cancellation and time


def never(waiting):
    def answer(_count, _request):
        waiting.wait(20)
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
            waiting.wait(20)
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
                future.result(20)
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
            waiting.wait(20)
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


def test_a_name_of_other_letters_is_asked_for_as_it_was_checked():
    """An older standard would take the sharp s for two, and ask another machine."""
    route = _route("https://xn--strae-oqa.example/v1")

    assert route.host == "xn--strae-oqa.example"
    assert route.leads_to(httpx.URL("https://stra\u00dfe.example/v1/embeddings"))
