"""What would stand in the way of every request is named, and not asked again."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

import httpx
import pytest

from openrouter_embeddings import NoResponseError, OpenRouter, RetryConfig
from openrouter_embeddings._base.obstacles import find_obstacle, obstacle_hint

URL = "https://gateway.example/v1"
NO_LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def proxy():
    """Serve a proxy that wants a login, and count what asked it."""
    asked = []

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                asked.append(connection.recv(65536))
                connection.sendall(NO_LOGIN)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_proxy_that_wants_a_login_is_named_and_asked_once(proxy, connect, monkeypatch):
    """By its variable, host and port, without what stands before them."""
    place, asked = proxy
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@{place}")

    with pytest.raises(NoResponseError) as caught:
        connect(base_url=URL).generate("a")

    assert caught.value.obstacle == "proxy"
    assert f"The proxy in HTTPS_PROXY ({place}) wants a login" in caught.value.hint
    assert "secret" not in str(caught.value)
    assert len(asked) == 1


def untrusted():
    inner = ssl.SSLCertVerificationError("CERTIFICATE_VERIFY_FAILED")
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = inner
    return error


def test_a_certificate_names_its_host_and_file_and_is_asked_once(monkeypatch):
    """No repetition makes anybody vouch for it."""
    asked = []

    def answer(_request):
        asked.append(1)
        raise untrusted()

    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own.pem")
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter("k", base_url=URL, http_client=own) as client,
        pytest.raises(NoResponseError, match=r"gateway.example .*SSL_CERT_FILE \(/etc/own.pem\)"),
    ):
        client.embeddings.list_models()

    assert asked == [1]


def unknown(number):
    error = httpx.ConnectError("not known")
    error.__cause__ = socket.gaierror(number, "not known")
    return error


class Names:
    """Answers, until a resolver knows nothing more."""

    def __init__(self, number, replies=0):
        self.number, self.replies, self.asked = number, replies, 0

    def __call__(self, _request):
        self.asked += 1
        if self.asked <= self.replies:
            return httpx.Response(200, json={"data": []})
        raise unknown(self.number)


QUICK = RetryConfig(initial=0.0)


@pytest.mark.parametrize(
    ("number", "replies", "asked"),
    [
        (socket.EAI_NONAME, 0, 1),
        (socket.EAI_NONAME, 1, 1 + 4),
        (socket.EAI_AGAIN, 0, 4),
        (socket.EAI_AGAIN, 1, 1 + 4),
    ],
)
def test_a_name_that_nobody_ever_knew_is_asked_for_once(number, replies, asked):
    """A resolver that knew it before, or asks for patience, may know it again."""
    service = Names(number, replies)
    with (
        httpx.Client(transport=httpx.MockTransport(service)) as own,
        OpenRouter("k", base_url=URL, http_client=own, retries=QUICK) as client,
    ):
        for _ in range(replies):
            client.embeddings.list_models()
        with pytest.raises(NoResponseError) as caught:
            # On the same connections.
            client.with_options(timeout=9.0).embeddings.list_models()

    assert service.asked == asked
    assert (caught.value.obstacle == "name") is (asked == 1)
    assert ("gateway.example" in caught.value.hint) is (asked == 1)


def test_a_run_ends_at_a_name_that_nobody_knows():
    """As soon as the first batch has said so."""
    service = Names(socket.EAI_NONAME)
    with (
        httpx.Client(transport=httpx.MockTransport(service)) as own,
        OpenRouter("k", base_url=URL, http_client=own) as client,
        pytest.raises(NoResponseError, match="Correct base_url"),
    ):
        client.embeddings.embed([f"text {n}" for n in range(1_000)], model="m")

    assert service.asked <= 4


def test_other_failures_may_pass():
    """A connection that breaks, a proxy that is down."""
    assert find_obstacle(httpx.ConnectError("refused")) is None
    assert find_obstacle(httpx.ProxyError("503 Service Unavailable")) is None


@pytest.mark.parametrize("value", ["", "http://[::1", "p", "socks5://user:secret@p:1080"])
def test_any_proxy_can_be_named(value, monkeypatch):
    """Without its password."""
    monkeypatch.setenv("HTTPS_PROXY", value)

    hint = obstacle_hint("proxy", URL)

    assert hint.startswith("The proxy ")
    assert "secret" not in hint
