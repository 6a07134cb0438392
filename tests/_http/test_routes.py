"""Routes: proxies are asked for a tunnel and see no key; handshakes are bounded and judged."""

from __future__ import annotations

import contextlib
import socket
import threading
from base64 import b64encode

import pytest
from raw_peer import PEM, RawPeer, right, vectors

from openrouter_embeddings import NoResponseError


def honest(_count, request):
    return vectors(request)


class Proxy:
    """A proxy that follows a script of what it expects and says, and then pipes to a server."""

    def __init__(self, script, port=None):
        self.script, self.port, self.seen = script, port, []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.number = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        # Who asked may have given up, or nobody came.
        with contextlib.suppress(OSError):
            self._talk()

    def _talk(self):
        connection, _ = self._listening.accept()
        with connection:
            for answer in self.script:
                self.seen.append(connection.recv(65536))
                connection.sendall(answer)
            if self.port is None:
                return
            with socket.create_connection(("127.0.0.1", self.port)) as service:
                there = threading.Thread(target=pipe, args=(connection, service), daemon=True)
                there.start()
                pipe(service, connection)

    def close(self):
        self._listening.close()


def pipe(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def proxy(monkeypatch):
    made = []

    def make(scheme, script, port=None, user=""):
        made.append(Proxy(script, port))
        monkeypatch.setenv("https_proxy", f"{scheme}://{user}127.0.0.1:{made[-1].number}")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        return made[-1]

    yield make
    for one in made:
        one.close()


OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_a_tunnel_through_an_http_proxy(call, proxy):
    """It sees the name of the service and the user of its URL, and never a key."""
    with RawPeer(honest, tls=True) as server:
        between = proxy("http", [OK], server.port, "user:p%40ss@")
        caller = call("https://localhost:443/v1")

        assert right(caller.generate("a").vectors, "a")

    (asked,) = between.seen
    assert asked.startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
    assert b"Basic " + b64encode(b"user:p@ss") in asked
    assert b"Bearer" not in asked


def test_a_proxy_that_refuses_is_named(call, proxy):
    """Nothing was sent to the service."""
    proxy("http", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"])

    with pytest.raises(NoResponseError, match=r"ProxyError \(The proxy answered 403") as caught:
        call("https://localhost/v1").generate("a")

    assert not caught.value.sent


CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_tunnel_through_a_socks_proxy(call, proxy, scheme):
    """The proxy resolves the name."""
    with RawPeer(honest, tls=True) as server:
        between = proxy(scheme, [b"\x05\x00", CONNECTED], server.port)
        caller = call("https://localhost/v1")

        assert right(caller.generate("a").vectors, "a")

    assert between.seen == [b"\x05\x01\x00", b"\x05\x01\x00\x03\x09localhost\x01\xbb"]


def test_a_socks_proxy_is_told_user_and_password(call, proxy):
    """And an address goes as one."""
    named = b"\x05\x00\x00\x03\x04name\x00\x01"
    with RawPeer(honest, tls=True) as server:
        between = proxy("socks5", [b"\x05\x02", b"\x01\x00", named], server.port, "me:pw@")
        caller = call("https://127.0.0.1/v1")

        assert right(caller.generate("a").vectors, "a")

    assert between.seen[1] == b"\x01\x02me\x02pw"
    assert between.seen[2] == b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbb"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([b"\x05\xff"], "way of signing in"),
        ([b"\x05\x00", b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"], "connection refused"),
        ([b"\x05\x00", b"\x05\x63\x00\x01\x00\x00\x00\x00\x00\x00"], "code 99"),
        ([b"\x05\x00", CONNECTED + b"x"], "more than it should"),
        ([b"\x05\x00", b"\x05\x00"], "closed the connection"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "way of signing in"),
    ],
    ids=str,
)
def test_a_socks_proxy_that_refuses_or_babbles_is_named(call, proxy, script, words):
    """In words, and with nothing sent."""
    proxy("socks5", script)

    with pytest.raises(NoResponseError, match=words) as caught:
        call("https://localhost/v1").generate("a")

    assert not caught.value.sent


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_silent_proxy_ends_with_the_time(call, listener, monkeypatch, scheme):
    """Its handshakes are part of the exchange."""
    monkeypatch.setenv("https_proxy", f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")

    with pytest.raises(NoResponseError, match=r"within 0\.2 s") as caught:
        call("https://service.example/v1", timeout=0.2).generate("a")

    assert not caught.value.sent


def test_a_tls_handshake_that_never_ends_times_out(call, listener):
    """The peer accepts and stays silent."""
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"

    with pytest.raises(NoResponseError, match=r"within 0\.2 s") as caught:
        call(url, timeout=0.2).generate("a")

    assert caught.value.timed_out
    assert not caught.value.begun


def test_a_peer_that_is_no_tls_server_is_an_error(call):
    """Plain words where a handshake should be."""
    with (
        RawPeer(honest, after=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server,
        pytest.raises(NoResponseError, match="ConnectError"),
    ):
        call(f"https://127.0.0.1:{server.port}/v1").generate("a")


def test_a_certificate_that_nobody_vouches_for_is_refused(call):
    """Nothing is sent."""
    with (
        RawPeer(honest, tls=True) as server,
        pytest.raises(NoResponseError, match="certificate verify failed") as caught,
    ):
        call(server.base_url).generate("a")

    assert not caught.value.sent
    assert server.requests == 0
