"""Connecting: names and their addresses, dead ones among them, and all within the time."""

from __future__ import annotations

import errno
import math
import socket
import threading

import pytest
from raw_peer import RawPeer, right, vectors

from openrouter_embeddings import NoResponseError
from openrouter_embeddings._http import connecting


def address(host, port):
    return socket.AF_INET, (host, port)


@pytest.fixture
def black_hole():
    """An address that answers nothing: its backlog is full."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.fixture
def name(monkeypatch):
    """Let a name stand for some addresses."""

    def stand_for(*addresses):
        real = connecting._addresses

        def found(host, port, flags=0):
            if host == "service.localhost":
                if flags:
                    raise socket.gaierror(socket.EAI_NONAME, "not an address")
                return list(addresses)
            return real(host, port, flags)

        monkeypatch.setattr(connecting, "_addresses", found)

    return stand_for


def test_a_refused_address_is_followed_by_the_next(call, name):
    """A name may stand for several machines."""
    with RawPeer(lambda _count, request: vectors(request)) as server:
        name(address("127.0.0.9", server.port), address("127.0.0.1", server.port))
        caller = call(f"http://service.localhost:{server.port}/v1")

        assert right(caller.generate("a").vectors, "a")


def test_a_dead_address_does_not_eat_the_time_of_the_next(call, name, black_hole, monkeypatch):
    """The next one is tried beside it; without that, all of the time would go by."""
    monkeypatch.setattr(connecting, "_STAGGER_SECONDS", 0.01)
    with RawPeer(lambda _count, request: vectors(request)) as server:
        name(address("127.0.0.1", black_hole), address("127.0.0.1", server.port))
        caller = call(f"http://service.localhost:{server.port}/v1")

        assert right(caller.generate("a").vectors, "a")


def test_a_black_hole_ends_with_the_time(call, name, black_hole):
    """And says that nothing was sent."""
    name(address("127.0.0.1", black_hole))

    with pytest.raises(NoResponseError, match=r"within 0\.2 s") as caught:
        call("http://service.localhost:1/v1", timeout=0.2).generate("a")

    assert caught.value.timed_out
    assert not caught.value.sent


def test_a_name_that_is_not_answered_for_ends_with_the_time(call, monkeypatch):
    """The operating system's call cannot be ended, so it is not waited for."""
    never = threading.Event()

    def found(_host, _port, flags=0):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        never.wait(60)
        return []

    monkeypatch.setattr(connecting, "_addresses", found)
    with pytest.raises(NoResponseError, match=r"within 0\.1 s"):
        call("http://service.localhost:1/v1", timeout=0.1).generate("a")
    never.set()


def test_a_name_is_looked_up_once_for_all_who_wait(monkeypatch):
    """A hundred calls at once are one question."""
    asked, go = [], threading.Event()

    def found(host, _port, flags=0):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        asked.append(host)
        go.wait(60)
        return [address("127.0.0.1", 1)]

    monkeypatch.setattr(connecting, "_addresses", found)
    resolver = connecting.Resolver()
    futures = [resolver.look_up("name", 1) for _ in range(100)]
    go.set()

    assert {str(future.result(60)) for future in futures} == {str([address("127.0.0.1", 1)])}
    assert asked == ["name"]


def test_a_name_without_an_address_is_an_error(call, name):
    """Not a wait."""
    name()

    with pytest.raises(NoResponseError, match="the name has no address"):
        call("http://service.localhost:1/v1").generate("a")


def test_an_address_that_no_socket_can_reach_is_passed_over():
    """A machine without IPv6 has such."""
    with RawPeer(lambda _count, request: vectors(request)) as server:
        found = [(12345, ("nowhere", 1)), address("127.0.0.1", server.port)]

        sock = connecting._connect_blocking(connecting.attempts(found), math.inf)

        assert sock.getpeername() == ("127.0.0.1", server.port)
        sock.close()


def test_what_failed_last_is_said():
    """With the words of the operating system."""
    steps = connecting.attempts([address("127.0.0.1", 1)])

    with pytest.raises(Exception, match=r"Connection refused") as caught:
        connecting._connect_blocking(steps, math.inf)

    assert caught.value.__cause__.errno == errno.ECONNREFUSED
