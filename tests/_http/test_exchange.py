"""One exchange: connections that are kept, refused or endless, and replies that come slowly."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from openrouter_embeddings import (
    NoResponseError,
    ResponseValidationError,
)
from openrouter_embeddings._http.exchange import http_client, send
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings.testing import FaultServer, faults

KEY = "sk-or-secret-42"


def test_slow_bodies_within_the_timeout_are_fine(server, client):
    """A drip that ends in time is a reply."""
    server.always(faults.drip(0.0))

    assert np.array_equal(client.generate("a", timeout=300).vectors, [server.vector("a")])


def test_the_connection_is_kept(server, client):
    """Many requests, one connection: what a pool is for."""
    for _ in range(5):
        client.generate("a")

    ports = {request.headers.get("connection", "keep-alive") for request in server.requests}
    assert ports == {"keep-alive"}


def test_cookies_are_not_sent_back():
    """Requests have nothing to do with each other."""
    seen = []

    def answer(request):
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}, json={"data": []})

    url = "http://localhost:1/v1"
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        http_client(url, httpx.Auth(), {}, 1.0, own) as http,
    ):
        for _ in range(2):
            http.get("/embeddings/models")

    assert seen == [None, None]


def test_headers_of_a_request_stand_over_those_of_the_client():
    """Whatever their case: each name goes out once, with what HTTP needs around them."""
    seen = []

    def answer(request):
        seen.append((request.headers.raw, request.content))
        return httpx.Response(200, json={})

    headers = {"User-Agent": "ours", "X-Title": "the client's"}
    wire = HttpRequest("POST", "/embeddings", {"x-title": "Maß", "Accept": "a/b"}, b"{}")
    page = HttpRequest("GET", "/embeddings/models", {}, params={"limit": 2})
    with (
        httpx.Client(transport=httpx.MockTransport(answer), headers={"Accept": "c/d"}) as own,
        http_client("http://localhost:1/v1", httpx.Auth(), headers, 1.0, own) as http,
    ):
        assert send(http, wire, 1.0).status == send(http, page, 1.0).status == 200

    (sent, content), (listed, nothing) = seen
    names = [name.lower() for name, _ in sent]
    assert (names[0], names[-1]) == (b"host", b"content-length")
    assert len(names) == len(set(names))
    assert {(b"Host", b"localhost:1"), (b"Content-Length", b"2")} <= set(sent)
    assert {(b"x-title", "Maß".encode()), (b"Accept", b"a/b"), (b"User-Agent", b"ours")} <= set(
        sent
    )
    assert b"content-length" not in [name.lower() for name, _ in listed]
    assert (content, nothing) == (b"{}", b"")


def test_nobody_is_home(connect):
    """A refused connection names what to check, after the usual attempts."""
    with FaultServer() as gone:
        url = gone.base_url

    with pytest.raises(NoResponseError, match=r"ConnectError.*Check base_url") as caught:
        connect(base_url=url).generate("a")

    assert not caught.value.sent
    assert "Gave up after 4 attempts" in str(caught.value)


def test_a_name_that_does_not_resolve(connect):
    """No network is asked: the name is reserved for never existing."""
    with pytest.raises(NoResponseError, match="ConnectError"):
        connect(base_url="https://nowhere.invalid/v1", retries=None).generate("a")


def test_an_endless_body_is_not_read_to_its_end(server, client, monkeypatch):
    """A reply larger than any honest one is refused."""
    monkeypatch.setattr("openrouter_embeddings._http.bodies.MOST_BODY_BYTES", 100)

    with pytest.raises(ResponseValidationError, match="larger than 100 bytes"):
        client.generate("a", retries=None)
