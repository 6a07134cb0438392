"""Clients of the caller's: refused where they cannot be used, bounded, their bodies taken whole."""

from __future__ import annotations

import gzip
import types

import httpx
import pytest

from openrouter_embeddings import AsyncOpenRouter, ConfigurationError, OpenRouter

BODY = b'{"data": [{"embedding": [0.5, -1.0], "index": 0}], "model": "m"}'
URL = "https://service.example/v1"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        ({"content-encoding": "identity"}, BODY),
        ({"content-encoding": "gzip"}, gzip.compress(BODY, mtime=0)),
        ({"content-length": "1"}, BODY),
        ({"content-length": "100000"}, BODY),
        ({"content-length": "many"}, BODY),
    ],
    ids=str,
)
def test_bodies_are_taken_whole_however_they_come(headers, body):
    """Compressed or not, announced rightly, wrongly or not at all."""

    def answer(_request):
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        OpenRouter("key", base_url=URL, http_client=http) as client,
    ):
        response = client.embeddings.generate(input="a", model="m")

    assert response.vectors.tolist() == [[0.5, -1.0]]


def closed_client():
    client = httpx.Client()
    client.close()
    return client


def client_of_httpx2():
    """A client of the package that follows httpx, which has the same names."""
    made = types.ModuleType("httpx2")
    made.Client = type("Client", (), {"__module__": "httpx2", "is_closed": False})
    return made.Client()


@pytest.mark.parametrize(
    ("borrowed", "words"),
    [
        (closed_client, "http_client is closed"),
        (httpx.AsyncClient, r"must be an httpx\.Client, not httpx\.AsyncClient"),
        (client_of_httpx2, r"must be an httpx\.Client, not httpx2\.Client"),
        (lambda: "http://proxy", r"must be an httpx\.Client, not builtins\.str"),
    ],
    ids=["closed", "other kind", "httpx2", "text"],
)
def test_a_client_that_cannot_be_used_is_refused_when_ours_is_made(borrowed, words):
    """Not at the first call, and with what it is."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        OpenRouter("key", base_url=URL, http_client=borrowed())

    assert caught.value.argument == "http_client"


async def test_a_sync_client_in_the_async_one_is_refused():
    """The other way round too."""
    with (
        httpx.Client() as own,
        pytest.raises(ConfigurationError, match=r"must be an httpx\.AsyncClient"),
    ):
        AsyncOpenRouter("key", base_url=URL, http_client=own)


def test_a_borrowed_client_that_is_closed_later_says_so():
    """It is the caller's to close."""
    own = httpx.Client()
    client = OpenRouter("key", base_url=URL, http_client=own)
    own.close()

    with pytest.raises(ConfigurationError, match="The client is closed"):
        client.embeddings.generate(input="a", model="m")


def test_the_default_headers_of_a_borrowed_client_are_sent(server):
    """Where ours says nothing else."""
    own_headers = {"X-Team": "search", "User-Agent": "theirs"}
    with (
        httpx.Client(headers=own_headers) as own,
        OpenRouter(server.api_key, base_url=server.base_url, http_client=own) as client,
    ):
        client.embeddings.generate(input="a", model="m")

    (request,) = server.requests
    assert request.headers["x-team"] == "search"
    assert request.headers["user-agent"].startswith("openrouter-embeddings/")
