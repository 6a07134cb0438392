"""One exchange: connections that are kept, refused or endless, and replies that come slowly."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from openrouter_embeddings import (
    NoResponseError,
    ResponseValidationError,
)
from openrouter_embeddings._http.exchange import http_client
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
