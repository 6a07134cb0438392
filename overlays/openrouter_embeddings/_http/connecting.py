"""How a socket is connected: names looked up with a bound, addresses tried side by side.

A name may stand for several machines, and one of them may be a black hole. The next address is
tried when one fails, or after a short while beside it; the first that answers is taken (RFC 8305).

The operating system looks names up in one blocking call that nothing can end. It runs in a thread
of its own, and whoever waits for it stops waiting when its time is up.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from openrouter_embeddings._http.sockets import (
    TIMED_OUT,
    left_until,
    new_socket,
    ready,
    tells_readiness,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from openrouter_embeddings._http.sockets import Alarm

    Address = tuple[int, tuple[str, int] | tuple[str, int, int, int]]
    Found = list[Address]
    Attempts = Generator[tuple[list[socket.socket], float | None], None, socket.socket]

_STAGGER_SECONDS = 0.25
"""How long an address is waited for before the next one is tried too: RFC 8305's own value."""

_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}


def _addresses(host: str, port: int, flags: int = 0) -> Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    pairs = [(int(family), address) for family, _, _, _, address in found]
    return list(dict.fromkeys(pairs))  # type: ignore[arg-type]  # no address of TCP has other parts


class Resolver:
    """Looks names up, each once at a time however many wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Future[Found]] = {}

    def look_up(self, host: str, port: int) -> Future[Found]:
        """Begin to look a name up; what is an address already takes no time."""
        future: Future[Found] = Future()
        with suppress(OSError, UnicodeError):
            future.set_result(_addresses(host, port, socket.AI_NUMERICHOST))
            return future
        with self._lock:
            known = self._running.setdefault((host, port), future)
        if known is future:
            threading.Thread(
                target=self._work, args=(host, port, future), name="look-up", daemon=True
            ).start()
        return known

    def _work(self, host: str, port: int, future: Future[Found]) -> None:
        try:
            found = _addresses(host, port)
        except (OSError, UnicodeError) as exc:
            self._forget(host, port)
            future.set_exception(exc)
        else:
            self._forget(host, port)
            future.set_result(found)

    def _forget(self, host: str, port: int) -> None:
        with self._lock:
            self._running.pop((host, port), None)


def attempts(addresses: Found) -> Attempts:
    """Yield the sockets that may connect, and for how long to wait for them; return the first."""
    waiting, trying = list(addresses), list[socket.socket]()
    failure: OSError = OSError("the name has no address")
    try:
        while True:
            if waiting:
                failure = _begin(waiting.pop(0), trying) or failure
            elif not trying:
                raise httpx.ConnectError(str(failure)) from failure
            if trying:
                yield trying, _STAGGER_SECONDS if waiting else None
            for sock in [sock for sock in trying if ready([sock], 0, write=True)]:
                trying.remove(sock)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return sock
                failure = OSError(code, os.strerror(code))
                sock.close()
    finally:
        for sock in trying:
            sock.close()


def _begin(address: Address, trying: list[socket.socket]) -> OSError | None:
    """Begin to connect a socket; return why that is impossible."""
    family, where = address
    try:
        sock = new_socket(family)
    except OSError as exc:
        return exc
    try:
        code = sock.connect_ex(where)
    except OSError as exc:
        sock.close()
        return exc
    if code and code not in _UNDER_WAY:
        sock.close()
        return OSError(code, os.strerror(code))
    trying.append(sock)
    return None


def connect(resolver: Resolver, host: str, port: int, end: float) -> socket.socket:
    """Connect a socket, waiting until `end` at most."""
    try:
        found = resolver.look_up(host, port).result(left_until(end))
    except TimeoutError as exc:
        raise httpx.ConnectTimeout(TIMED_OUT) from exc
    except (OSError, UnicodeError) as exc:
        raise httpx.ConnectError(str(exc)) from exc
    return _connect_blocking(attempts(found), end)


def _connect_blocking(steps: Attempts, end: float) -> socket.socket:
    try:
        trying, patience = next(steps)
        while True:
            left = left_until(end)
            if left == 0:
                raise httpx.ConnectTimeout(TIMED_OUT)
            ready(
                trying,
                min((t for t in (left, patience) if t is not None), default=None),
                write=True,
            )
            trying, patience = next(steps)
    except StopIteration as done:
        return _connected(done)
    finally:
        steps.close()


def _connected(done: StopIteration) -> socket.socket:
    sock: socket.socket = done.value
    return sock


async def connect_async(resolver: Resolver, host: str, port: int, alarm: Alarm) -> socket.socket:
    """Connect a socket, waiting until the alarm rings."""
    try:
        found = await _looked_up(resolver.look_up(host, port), alarm)
        if tells_readiness(alarm.loop):
            return await _connect_waiting(attempts(found), alarm)
        return await _connect_elsewhere(found, alarm)
    except TimeoutError as exc:
        raise httpx.ConnectTimeout(TIMED_OUT) from exc
    except (OSError, UnicodeError) as exc:
        raise httpx.ConnectError(str(exc)) from exc


async def _looked_up(future: Future[Found], alarm: Alarm) -> Found:
    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the loop may be closed by then
            alarm.loop.call_soon_threadsafe(alarm.wake)

    if not future.done():
        future.add_done_callback(wake)
    while not future.done():
        await alarm.sleep()
    return future.result()


async def _connect_waiting(steps: Attempts, alarm: Alarm) -> socket.socket:
    try:
        while True:
            await _any_writable(*next(steps), alarm)
    except StopIteration as done:
        return _connected(done)
    finally:
        steps.close()


async def _any_writable(
    trying: Sequence[socket.socket], patience: float | None, alarm: Alarm
) -> None:
    loop = alarm.loop
    timer = None if patience is None else loop.call_later(patience, alarm.wake)
    numbers = [sock.fileno() for sock in trying]
    for number in numbers:
        loop.add_writer(number, alarm.wake)
    try:
        await alarm.sleep()
    finally:
        # In a forked process the sockets are closed, and the numbers not ours any more.
        for number in [sock.fileno() for sock in trying if sock.fileno() >= 0]:
            loop.remove_writer(number)
        if timer is not None:
            timer.cancel()


async def _connect_elsewhere(found: Found, alarm: Alarm) -> socket.socket:
    """Connect one address after the other where a loop cannot tell which one is ready."""
    import asyncio  # noqa: PLC0415 - the synchronous side needs none of it

    failure: OSError = OSError("the name has no address")
    for family, where in found:
        sock = new_socket(family)
        try:
            async with asyncio.timeout_at(alarm.when):
                await alarm.loop.sock_connect(sock, where)
        except BaseException as exc:
            sock.close()
            if not isinstance(exc, OSError) or isinstance(exc, TimeoutError):
                raise
            failure = exc
        else:
            return sock
    raise failure
