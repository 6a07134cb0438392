"""The transports: whole-exchange deadlines over TLS and proxies, translated exceptions."""

from __future__ import annotations

import gzip
import socket
import threading
import time

import httpcore
import httpx
import pytest

from openrouter_embeddings import NoResponseError, OpenRouter
from openrouter_embeddings._http.sockets import (
    HTTPCORE_ERRORS,
    _addresses,
    _async_pool,
    _pool,
    as_httpx,
)


@pytest.fixture
def listener():
    """Accept connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def port_of(listener):
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for name in httpcore.__all__
        if isinstance(kind := getattr(httpcore, name), type)
        and issubclass(kind, Exception)
        and kind is not httpcore.ConnectionNotAvailable
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_exception_below_is_translated(kind):
    """A new one in httpcore must not come through bare."""
    translated = as_httpx(kind("words"))

    assert issubclass(kind, HTTPCORE_ERRORS)
    assert isinstance(translated, httpx.TransportError)
    assert type(translated).__name__ == kind.__name__
    assert str(translated) == "words"


def test_a_tls_handshake_that_never_ends_times_out(listener):
    """The peer accepts and stays silent."""
    url = f"https://127.0.0.1:{port_of(listener)}/v1"
    with (
        OpenRouter("k", base_url=url, timeout=0.2, retries=None) as client,
        pytest.raises(NoResponseError, match=r"within 0.2 s") as caught,
    ):
        client.embeddings.list_models()

    assert caught.value.timed_out
    assert not caught.value.begun


def test_a_peer_that_is_no_tls_server_is_an_error(server):
    """Plain words where a handshake should be."""
    url = server.base_url.replace("http:", "https:")
    with (
        OpenRouter("k", base_url=url, retries=None) as client,
        pytest.raises(NoResponseError, match="ConnectError"),
    ):
        client.embeddings.list_models()


def test_a_body_that_is_not_taken_times_out(listener):
    """A large request against a peer that never reads."""
    url = f"http://127.0.0.1:{port_of(listener)}/v1"
    with (
        OpenRouter("k", base_url=url, timeout=0.3, retries=None) as client,
        pytest.raises(NoResponseError, match=r"within 0.3 s"),
    ):
        client.embeddings.generate(input=["x" * 1_000_000] * 20, model="m")


def test_all_addresses_of_a_name_are_tried():
    """One after the other, within one time."""
    assert _addresses("127.0.0.1", 80) == ["127.0.0.1"]
    assert set(_addresses("localhost", 80)) <= {"127.0.0.1", "::1"}


def test_a_dead_address_is_followed_by_a_live_one(server, monkeypatch):
    """A name may stand for several machines."""
    monkeypatch.setattr(
        "openrouter_embeddings._http.sockets._addresses",
        lambda _host, _port: ["127.0.0.9", "127.0.0.1"],
    )
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        assert len(client.embeddings.generate(input="a", model="m")) == 1


def test_a_proxy_has_a_pool_of_its_own(monkeypatch):
    """With the credentials of its URL."""
    monkeypatch.setenv("https_proxy", "http://user:pass@127.0.0.1:9")

    with _pool("https://example.org/v1") as pool:
        assert isinstance(pool, httpcore.HTTPProxy)
    assert isinstance(_async_pool("https://example.org/v1"), httpcore.AsyncHTTPProxy)


def test_a_proxy_is_asked_to_connect(listener, monkeypatch):
    """The key never reaches it in the clear: it sees the name of the service and nothing else."""
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port_of(listener)}")
    seen = []

    def refuse():
        connection, _ = listener.accept()
        with connection:
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=refuse)
    thread.start()
    with (
        OpenRouter("sk-or-secret", base_url="https://example.org/v1", retries=None) as client,
        pytest.raises(NoResponseError, match="ProxyError"),
    ):
        client.embeddings.list_models()
    thread.join()

    assert seen[0].startswith(b"CONNECT example.org:443 HTTP/1.1\r\n")
    assert b"sk-or-secret" not in seen[0]


def test_a_generated_function_is_bounded_as_a_whole(server):
    """The transport is shared, so its deadline is as well."""
    from openrouter_embeddings.testing import faults
    from openrouter_embeddings_api.api.embeddings import create_embeddings
    from openrouter_embeddings_api.models import EmbeddingsRequest

    server.always(faults.drip(0.02))
    with (
        OpenRouter(server.api_key, base_url=server.base_url, timeout=0.3) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        create_embeddings.sync_detailed(
            client=client.api, body=EmbeddingsRequest(input_="a", model="m")
        )


def test_time_that_is_up_is_not_waited_for(server):
    """An attempt without time ends before it touches the socket."""
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        client.embeddings.list_models()
        began = time.monotonic()
        with pytest.raises(NoResponseError):
            client.embeddings.list_models(timeout=1e-9, retries=None)

    assert began <= time.monotonic()


BODY = b'{"data": [{"embedding": [0.5, -1.0], "index": 0}], "model": "m"}'


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
        OpenRouter("key", base_url="https://service.example/v1", http_client=http) as client,
    ):
        response = client.embeddings.generate(input="a", model="m")

    assert response.vectors.tolist() == [[0.5, -1.0]]
