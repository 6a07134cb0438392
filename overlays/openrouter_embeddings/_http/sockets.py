"""Sockets of our own that never block, and the drivers of steps: how both clients wait.

Each wait knows when its exchange ends, so that time runs out inside one wait, as an exception, and
nothing else has to be undone. The asynchronous driver asks the event loop only to tell when a
socket is ready: no transport and no task stands between. Where a loop cannot tell (Windows'
Proactor), it carries the single operation out.

A process that was forked has a copy of each descriptor. Closing the copy is the one thing that the
child may do with it: even to take it out of the event loop would take it out of the parent's.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import time
import weakref
from typing import TYPE_CHECKING, TypeVar

import httpx

from openrouter_embeddings._http.processes import of_another_process
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from openrouter_embeddings._http.channels import Data, Steps

T = TypeVar("T")

TIMED_OUT = "the time for the whole exchange is up"

_FIRST_BYTES = 64 * 1024
"""How much is read at first: below the size from which malloc maps fresh pages (128 KB)."""

_MOST_BYTES = 256 * 1024
"""How much is read at once of a large reply: four times as much was no faster."""

_ours: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def _forget_the_parents() -> None:
    for sock in list(_ours):
        sock.close()
    _ours.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents)


def new_socket(family: int) -> socket.socket:
    """Make a socket for TCP that never blocks, and that a forked process closes."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    _ours.add(sock)
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def ready(socks: Sequence[socket.socket], seconds: float | None, *, write: bool) -> bool:
    """Wait until one of some sockets is ready, or for some seconds; None for no bound."""
    # Looked for at each call: what makes threads cooperative takes poll away, or puts its own.
    if not hasattr(select, "poll"):
        readers, writers = ([], socks) if write else (socks, [])
        return any(select.select(readers, writers, socks, seconds))
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLOUT if write else select.POLLIN)
    return bool(poll.poll(None if seconds is None else math.ceil(seconds * 1000)))


def left_until(end: float) -> float | None:
    """Return the seconds that are left until a time of the steady clock; None for no end."""
    return None if end == math.inf else max(0.0, end - time.monotonic())


class _Socket:
    """What the streams of both kinds know: how much to read, and whose they are."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._process = os.getpid()
        self._size = _FIRST_BYTES

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come, the end included, while nobody asked."""
        return self._sock.fileno() >= 0 and not ready([self._sock], 0, write=False)

    def _read(self) -> bytes:
        data = self._sock.recv(self._size)
        self._size = _MOST_BYTES if len(data) == self._size else _FIRST_BYTES
        return data

    def _failed(self, kind: type[httpx.NetworkError], exc: OSError) -> Exception:
        if self._process != os.getpid():
            return of_another_process("reply")
        words = "the connection was closed on this side" if self._sock.fileno() < 0 else str(exc)
        failure = kind(words or type(exc).__name__)
        failure.__cause__ = exc
        return failure


class Stream(_Socket):
    """A connected socket of the synchronous client.

    Attributes:
        end: When the exchange that is going on must end, by the steady clock.
    """

    def __init__(self, sock: socket.socket, end: float) -> None:
        super().__init__(sock)
        self.end = end

    def run(self, steps: Steps[T]) -> T:
        """Carry steps out, waiting for the peer where they need it."""
        try:
            wanted = next(steps)
            while True:
                try:
                    came = self._step(wanted)
                except httpx.TransportError as exc:
                    wanted = steps.throw(exc)
                else:
                    wanted = steps.send(came)
        except StopIteration as done:
            value: T = done.value
            return value

    def _step(self, wanted: Data | None) -> bytes | None:
        if wanted is None:
            return self._receive()
        self._send(wanted)
        return None

    def _receive(self) -> bytes:
        while True:
            try:
                self._wait(httpx.ReadTimeout, write=False)
                return self._read()
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as exc:
                raise self._failed(httpx.ReadError, exc) from exc

    def _send(self, data: Data) -> None:
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                try:
                    if left_until(self.end) == 0:
                        raise httpx.WriteTimeout(TIMED_OUT)
                    sent += self._sock.send(view[sent:])
                except (BlockingIOError, InterruptedError):
                    self._wait(httpx.WriteTimeout, write=True)
                except OSError as exc:
                    raise self._failed(httpx.WriteError, exc) from exc

    def _wait(self, late: type[httpx.TimeoutException], *, write: bool) -> None:
        if self._sock.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        left = left_until(self.end)
        if left == 0 or not ready([self._sock], left, write=write):
            raise late(TIMED_OUT)

    def interrupt(self) -> None:
        """End the exchange that another thread waits for; that thread closes the descriptor.

        To close it here would give its number away while the other still reads by it.
        """
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Close the descriptor; nothing is written."""
        self._sock.close()


class Alarm:
    """The one timer of an exchange in an event loop: it ends the wait that is going on.

    Attributes:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, end: float) -> None:
        self.loop = loop
        self._future: asyncio.Future[None] | None = None
        self._has_rung = False
        self._timer = None
        if (left := left_until(end)) is not None:
            self._timer = loop.call_at(loop.time() + left, self._ring)
            self._has_rung = left == 0

    @property
    def when(self) -> float | None:
        """When it rings, by the loop's clock; None for never."""
        return None if self._timer is None else self._timer.when()

    def check(self) -> None:
        """Raise `TimeoutError` if the time is up."""
        if self._has_rung:
            raise TimeoutError(TIMED_OUT)

    async def sleep(self) -> None:
        """Wait until woken; raise `TimeoutError` when the time is up."""
        self.check()
        self._future = self.loop.create_future()
        try:
            await self._future
        finally:
            self._future = None
        self.check()

    def wake(self) -> None:
        """End the wait that is going on, if there is one."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def stop(self) -> None:
        """Take the timer back."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._has_rung = True
        self.wake()


def tells_readiness(loop: asyncio.AbstractEventLoop) -> bool:
    """Say whether a loop can tell when a socket is ready; Windows' default one cannot."""
    from asyncio import AbstractEventLoop  # noqa: PLC0415 - the synchronous side needs none of it

    return type(loop).add_reader is not AbstractEventLoop.add_reader


class AsyncStream(_Socket):
    """A connected socket of the asynchronous client.

    Attributes:
        alarm: The timer of the exchange that is going on.
    """

    def __init__(self, sock: socket.socket, alarm: Alarm) -> None:
        super().__init__(sock)
        self.alarm = alarm
        self._loop = alarm.loop
        self._expects_a_pause = False

    def check_loop(self) -> None:
        """Refuse to go on in another event loop than the exchange began in.

        Raises:
            ConfigurationError: It is another one.
        """
        from asyncio import get_running_loop  # noqa: PLC0415 - as above

        if get_running_loop() is not self._loop:
            message = "This reply was begun in another event loop."
            raise ConfigurationError(message, hint="Read it in the loop that made the call.")

    async def run(self, steps: Steps[T]) -> T:
        """Carry steps out, waiting for the peer where they need it."""
        try:
            wanted = next(steps)
            while True:
                try:
                    came = await (self._receive() if wanted is None else self._send(wanted))
                except httpx.TransportError as exc:
                    wanted = steps.throw(exc)
                else:
                    wanted = steps.send(came)
        except StopIteration as done:
            value: T = done.value
            return value

    async def _receive(self) -> bytes:
        try:
            if self._expects_a_pause:
                self._expects_a_pause = False
                await self._readable()
            while True:
                try:
                    self.alarm.check()
                    return self._read()
                except (BlockingIOError, InterruptedError):
                    await self._readable()
        except TimeoutError as exc:
            raise httpx.ReadTimeout(TIMED_OUT) from exc
        except OSError as exc:
            raise self._failed(httpx.ReadError, exc) from exc

    async def _send(self, data: Data) -> None:
        self._expects_a_pause = True
        try:
            with memoryview(data) as view:
                sent = 0
                while sent < len(view):
                    try:
                        self.alarm.check()
                        sent += self._sock.send(view[sent:])
                    except (BlockingIOError, InterruptedError):
                        await self._writable()
        except TimeoutError as exc:
            raise httpx.WriteTimeout(TIMED_OUT) from exc
        except OSError as exc:
            raise self._failed(httpx.WriteError, exc) from exc

    async def _readable(self) -> None:
        await wait_for(self._sock, self._loop.add_reader, self._loop.remove_reader, self.alarm)

    async def _writable(self) -> None:
        await wait_for(self._sock, self._loop.add_writer, self._loop.remove_writer, self.alarm)

    def interrupt(self) -> None:
        """End the exchange that a task waits for, from whichever thread."""
        if self._loop.is_closed():
            self.close()
            return
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        if self._sock.fileno() >= 0:
            self._stop_waiting(self._sock.fileno())
        self.close()
        self.alarm.wake()

    def _stop_waiting(self, number: int) -> None:
        # Before the number is free: under the same number another socket would never be told.
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)

    def close(self) -> None:
        """Close the descriptor; nothing is written."""
        self._sock.close()


class CompletionStream(AsyncStream):
    """A socket in a loop that carries operations out itself, as Windows' Proactor does."""

    async def _receive(self) -> bytes:
        from asyncio import timeout_at  # noqa: PLC0415 - as above

        try:
            async with timeout_at(self.alarm.when):
                return await self._loop.sock_recv(self._sock, _MOST_BYTES)
        except TimeoutError as exc:
            raise httpx.ReadTimeout(TIMED_OUT) from exc
        except OSError as exc:
            raise self._failed(httpx.ReadError, exc) from exc

    async def _send(self, data: Data) -> None:
        from asyncio import timeout_at  # noqa: PLC0415 - as above

        try:
            async with timeout_at(self.alarm.when):
                await self._loop.sock_sendall(self._sock, data)
        except TimeoutError as exc:
            raise httpx.WriteTimeout(TIMED_OUT) from exc
        except OSError as exc:
            raise self._failed(httpx.WriteError, exc) from exc

    def _stop_waiting(self, number: int) -> None:
        """Closing ends the operation that is going on."""


async def wait_for(
    sock: socket.socket,
    add: Callable[[int, Callable[[], None]], object],
    remove: Callable[[int], object],
    alarm: Alarm,
) -> None:
    """Wait until an event loop says that a socket is ready, or until woken."""
    # By number: handing the socket over costs two calls of the system for a text nobody reads.
    number = sock.fileno()
    if number < 0:
        return
    add(number, alarm.wake)
    try:
        await alarm.sleep()
    finally:
        # Closed meanwhile, by `interrupt` or in a forked process: the number is not ours any more.
        if sock.fileno() >= 0:
            remove(number)
