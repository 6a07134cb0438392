"""Pools: when a connection is used again, when it is replaced, and where it leads."""

from __future__ import annotations

import threading

import httpx
import pytest
from attrs import evolve
from pool_calls import WIRE, honest, places
from raw_peer import HANG_UP, Last, RawPeer, reply, right, vectors

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    NoResponseError,
    OpenRouter,
    PayloadTooLargeResponseError,
)
from openrouter_embeddings._http import sockets
from openrouter_embeddings._http.exchange import asend, send
from openrouter_embeddings._http.pools import _route
from openrouter_embeddings._http.sockets import TIMED_OUT
from openrouter_embeddings_api.api.embeddings import list_embeddings_models


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
    (line,) = places(caller.client).connections
    connection.sendall(EVIL)
    assert sockets.ready([line.stream._sock], 60, write=False)

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
            assert [send(client._http, WIRE, 60).written for _ in range(3)] == [1, 2, 2]
        async with AsyncOpenRouter("key", base_url=server.base_url) as client:
            assert [(await asend(client._http, WIRE, 60)).written for _ in range(3)] == [1, 2, 2]


async def test_what_may_be_paid_for_once_is_not_repeated():
    """A service that falls over a text has computed it, however long the connection was kept."""
    once = evolve(WIRE, once=True)
    with RawPeer(hangs_up_on_the_second) as server:
        with OpenRouter("key", base_url=server.base_url) as client:
            send(client._http, once, 60)
            error = send(client._http, once, 60)
        assert (error.sent, error.written, server.requests) == (True, 1, 2)
        async with AsyncOpenRouter("key", base_url=server.base_url) as client:
            await asend(client._http, once, 60)
            error = await asend(client._http, once, 60)
        assert (error.sent, error.written, server.requests) == (True, 1, 4)


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
    half = Last(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12")
    server = peer(lambda count, request: half if count == 2 else vectors(request))
    caller = call(server.base_url)
    caller.generate("a")

    with pytest.raises(NoResponseError, match="peer closed connection") as caught:
        caller.generate("b")
    assert caught.value.begun
    assert caught.value.written == 1
    assert server.requests == 2


def test_a_timeout_on_a_kept_connection_is_not_repeated(call, peer, monkeypatch):
    """The service may be at work on it."""
    arrived = threading.Event()

    def answer(count, request):
        if count == 1:
            return vectors(request)
        arrived.set()
        server.hung_up.wait(60)
        return HANG_UP

    def run_out(_stream):
        assert arrived.wait(60)
        raise httpx.ReadTimeout(TIMED_OUT)

    server = peer(answer)
    caller = call(server.base_url)
    caller.generate("a")
    # Time that runs out by itself could do so before the request is on its way.
    for kind in (sockets.Stream, sockets.AsyncStream):
        monkeypatch.setattr(kind, "_receive", run_out)

    with pytest.raises(NoResponseError, match="no reply had begun") as caught:
        caller.generate("b")
    assert caught.value.timed_out
    assert caught.value.written == 1
    assert (server.connections, server.requests) == (1, 2)


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


def test_a_name_of_other_letters_is_asked_for_as_it_was_checked():
    """An older standard would take the sharp s for two, and ask another machine."""
    route = _route("https://xn--strae-oqa.example/v1")

    assert route.host == "xn--strae-oqa.example"
    assert route.leads_to(httpx.URL("https://stra\u00dfe.example/v1/embeddings"))
