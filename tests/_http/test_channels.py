"""Channels: TLS without a socket, in records and pieces as they come, and damaged ones."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading

import h11
import httpx
import pytest
from raw_peer import PEM, Last, RawPeer, reply, right, vectors

from openrouter_embeddings import NoResponseError, OpenRouter
from openrouter_embeddings._http.channels import Plain, Tls
from openrouter_embeddings._http.homes import Line
from openrouter_embeddings._http.http11 import Asked, Connection

SIZE = 17_000_000


def run(steps, peer):
    """Drive steps against a peer: a function of bytes, or of None to be read from."""
    try:
        wanted = next(steps)
        while True:
            try:
                came = peer(wanted)
            except httpx.TransportError as exc:
                wanted = steps.throw(exc)
            else:
                wanted = steps.send(came)
    except StopIteration as done:
        return done.value


ASKED = Asked(b"GET", b"/", [(b"Host", b"h")], b"")


def server_side():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing


@pytest.fixture
def pair():
    """A client's channel after its handshake, and the server's side as three parts."""
    tls, incoming, outgoing = server_side()
    channel = Tls(Plain(), ssl.create_default_context(cafile=PEM), "localhost")

    def peer(wanted):
        if wanted is not None:
            incoming.write(wanted)
            return None
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        return outgoing.read()

    run(channel.handshake(), peer)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return channel, tls, incoming, outgoing


def test_all_records_that_are_there_come_in_one_piece(pair):
    """OpenSSL gives one record at a time; each way through the layers costs."""
    channel, tls, _, outgoing = pair
    tls.write(b"x" * 100_000)

    data = run(channel.read(), lambda _wanted: outgoing.read())

    assert data == b"x" * 100_000
    assert channel.is_clean


def test_half_a_record_waits_for_its_rest(pair):
    """Packets end where they like."""
    channel, tls, _, outgoing = pair
    tls.write(b"hello")
    whole = outgoing.read()
    parts = iter([whole[:7], whole[7:]])

    assert run(channel.read(), lambda _wanted: next(parts)) == b"hello"


def test_part_of_a_record_behind_a_reply_is_not_clean(pair):
    """More has come than was asked for."""
    channel, tls, _, outgoing = pair
    tls.write(b"hello")
    first = outgoing.read()
    tls.write(b"stray")

    assert run(channel.read(), lambda _wanted: first + outgoing.read()[:9]) == b"hello"
    assert not channel.is_clean


def test_what_comes_whole_before_damage_is_good_and_the_rest_an_error(pair):
    """A damaged record is an error of the connection, and it is never used again."""
    channel, tls, _, outgoing = pair
    tls.write(b"hello")
    first = outgoing.read()
    tls.write(b"damaged")
    second = bytearray(outgoing.read())
    second[-1] ^= 1

    assert run(channel.read(), lambda _wanted: first + second) == b"hello"
    assert not channel.is_clean
    with pytest.raises(httpx.ReadError):
        run(channel.read(), lambda _wanted: b"")


def test_a_damaged_record_is_no_answer_in_both_clients(call, monkeypatch):
    """And is not asked for again as if the connection had been closed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    with RawPeer(lambda _count, request: vectors(request), tls=True) as server:
        damage = threading.Event()
        caller = call(f"https://127.0.0.1:{damaging(server.port, damage)}/v1")
        caller.generate("a")
        damage.set()

        with pytest.raises(NoResponseError, match="ReadError") as caught:
            caller.generate("b")

        assert caught.value.sent
        assert server.requests == 2


def damaging(port, damage):
    """Open a port that passes everything on, and damages what the server says from a moment on."""
    listening = socket.create_server(("127.0.0.1", 0))

    def there(connection, service):
        # The other way may be over first, and closes both.
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                service.sendall(data)

    def serve():
        connection, _ = listening.accept()
        listening.close()
        with connection, socket.create_connection(("127.0.0.1", port)) as service:
            threading.Thread(target=there, args=(connection, service), daemon=True).start()
            with contextlib.suppress(OSError):
                while data := bytearray(service.recv(65536)):
                    data[-1] ^= damage.is_set()
                    connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]


def test_large_bodies_go_both_ways(call, peer):
    """In pieces that fit what the socket takes and gives."""
    body = b'{"data": [{"index": 0, "embedding": [1.0]}], "model": "m"}' + b" " * SIZE
    asked = []

    def answer(_count, request):
        asked.append(len(request))
        return reply(body)

    server = peer(answer)

    assert call(server.base_url).generate("x" * 3_000_000).vectors.tolist() == [[1.0]]
    assert asked[0] > 3_000_000


FAILURES = [
    (OSError(errno.ENETUNREACH, "unreachable"), httpx.ReadError),
    (ConnectionResetError(errno.ECONNRESET, "reset"), httpx.ReadError),
]


@pytest.mark.parametrize(("failure", "kind"), FAILURES, ids=str)
def test_what_the_system_says_is_an_exception_of_httpx(failure, kind, monkeypatch):
    """Nothing of the layers below comes through bare."""
    with (
        RawPeer(lambda _count, _request: reply(b"{}")) as server,
        OpenRouter("k", base_url=server.base_url) as client,
    ):
        from openrouter_embeddings._http import sockets

        def fail(_self):
            raise failure

        monkeypatch.setattr(sockets.Stream, "_read", fail)
        with pytest.raises(kind):
            client.api.get_httpx_client().get("/embeddings/models")


@pytest.mark.parametrize(
    "came",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"HTTP/1.1 200 OK\r\n",
        b"",
    ],
    ids=lambda came: came[:30].decode(),
)
def test_what_h11_says_is_an_exception_of_httpx(came):
    """Whatever a peer sends."""
    connection = Connection(Plain())
    parts = iter([came, b""])

    def exchange():
        yield from connection.ask(ASKED)
        while (yield from connection.part()) is not None:
            pass

    def peer(wanted):
        return next(parts, b"") if wanted is None else None

    with pytest.raises(httpx.RemoteProtocolError):
        run(exchange(), peer)
    assert not connection.is_reusable


def test_a_request_that_cannot_be_written_is_an_exception_of_httpx():
    """As the generated functions would meet it."""
    with pytest.raises(httpx.LocalProtocolError):
        run(Connection(Plain()).ask(Asked(b"GET", b"/ x", [(b"Host", b"h")], b"")), lambda _w: b"")


def test_every_exception_of_h11_is_known():
    """A new one must not come through bare."""
    found = {
        name
        for name in h11.__all__
        if isinstance(kind := getattr(h11, name), type) and issubclass(kind, Exception)
    }

    assert found == {"ProtocolError", "LocalProtocolError", "RemoteProtocolError"}


def test_informational_replies_are_passed_over():
    """The reply comes after them."""
    connection = Connection(Plain())
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3
    head = run(connection.ask(ASKED), lambda w: hints + reply(b"{}") if w is None else None)

    assert head.status == 200


def test_headers_are_not_shown():
    """The key is one of them."""
    assert "secret" not in repr(Asked(b"GET", b"/", [(b"Authorization", b"secret")], b""))


def test_replies_of_old_servers_end_with_the_connection(call):
    """Without a length, and never to be used again."""
    with RawPeer(lambda _count, request: Last(old(vectors(request)))) as server:
        caller = call(server.base_url)

        assert all(right(caller.generate(text).vectors, text) for text in "ab")
        assert server.connections == 2


def test_a_reply_of_an_old_server_is_not_complete_before_the_end():
    """What has come could be a part of it."""
    connection, came = Connection(Plain()), iter([old(reply(b"{}"))])

    def peer(wanted):
        if wanted is not None:
            return None
        for part in came:
            return part
        raise httpx.ReadTimeout("late")

    run(connection.ask(ASKED), peer)

    assert run(connection.part(), peer) == b"{}"
    with pytest.raises(httpx.ReadTimeout):
        run(connection.part(), peer)
    assert not connection.is_reusable


def old(answer):
    return b"HTTP/1.0 200 OK\r\n\r\n" + answer.partition(b"\r\n\r\n")[2]


def test_right_knows_wrong():
    """The helper that judges vectors can fail."""
    import numpy as np

    assert not right(np.zeros((1, 2)), "a")


def test_a_refused_write_and_then_silence_is_not_repeated():
    """The time is up; another connection would have none."""
    connection = Connection(Plain())

    def peer(wanted):
        if wanted is None:
            raise httpx.ReadTimeout("late")
        refused = httpx.WriteError("gone")
        raise refused from ConnectionResetError()

    with pytest.raises(httpx.ReadTimeout) as caught:
        run(connection.ask(ASKED), peer)

    assert connection.was_closed
    assert not connection.written
    assert not Line(None, connection).is_worth_a_repeat(caught.value)
    assert Line(None, connection).is_worth_a_repeat(httpx.ReadError("reset"))
