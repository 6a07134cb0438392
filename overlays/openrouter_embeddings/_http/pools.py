"""Pools of connections as transports for httpx: who owns them, and how an exchange goes through.

A pool belongs to a process, and the asynchronous one has connections for each event loop: a forked
child begins with none, and those of a closed loop are dropped. However an exchange ends before its
reply is complete, its connection is closed at once and its place handed on, in one step that waits
for nothing.

A kept connection can turn out closed just when it is used. If not a byte of a reply had come, the
request goes out once more on a new connection, unless it was handed over whole and that must not
be twice; the request's extensions say so, and count how often it was.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, cast

import httpx

from openrouter_embeddings._base.environment import certificates, environment_proxy
from openrouter_embeddings._http.connecting import connect, connect_async
from openrouter_embeddings._http.homes import Home, Line, S, drop, renew_locks
from openrouter_embeddings._http.http11 import Asked
from openrouter_embeddings._http.places import NewPlace, Waiter
from openrouter_embeddings._http.routes import Route, establish
from openrouter_embeddings._http.sockets import (
    TIMED_OUT,
    Alarm,
    AsyncStream,
    CompletionStream,
    Stream,
    left_until,
    tells_readiness,
)
from openrouter_embeddings._http.transports import (
    ONCE,
    WRITTEN,
    AsyncTransport,
    Transport,
    closed_error,
    end_of,
)
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

    from openrouter_embeddings._http.http11 import Head

_pools: weakref.WeakSet[Pool | AsyncPool] = weakref.WeakSet()


def _begin_anew() -> None:
    for pool in list(_pools):
        pool.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs.

    Raises:
        ConfigurationError: None of asyncio's does.
    """
    from asyncio import get_running_loop  # noqa: PLC0415 - the synchronous side needs none of it

    try:
        return get_running_loop()
    except RuntimeError as exc:
        message = "The asynchronous client needs a running event loop of asyncio."
        hint = "With trio or without a loop, call the synchronous client in a thread."
        raise ConfigurationError(message, hint=hint) from exc


def _route(base_url: str) -> Route:
    url, proxy = httpx.URL(base_url), environment_proxy(base_url)
    # Written out in other letters it could be asked for under another name.
    host = url.raw_host.decode("ascii")
    if url.scheme != "https":
        return Route("http", host, url.port or 80)
    context = certificates()
    context.set_alpn_protocols(["http/1.1"])
    return Route("https", host, url.port or 443, context, proxy)


def _check_route(route: Route, request: httpx.Request) -> None:
    if not route.leads_to(request.url):
        message = f"This client sends its key to {route.scheme}://{route.host}:{route.port} alone."
        hint = "Make another client, with another base_url, for another service."
        raise ConfigurationError(message, argument="url", hint=hint)


def _asked(request: httpx.Request, body: bytes) -> Asked:
    return Asked(request.method.encode(), request.url.raw_path, request.headers.raw, body)


def _count(request: httpx.Request, line: Line[S]) -> None:
    """Count that a request was handed over, for whoever keeps account of what may cost."""
    request.extensions[WRITTEN] = request.extensions.get(WRITTEN, 0) + line.connection.written


def _is_worth_a_repeat(line: Line[S], exc: Exception, request: httpx.Request) -> bool:
    """Say whether a new connection will do better, and whether it may."""
    may_be_paid = line.connection.written and request.extensions.get(ONCE, False)
    return line.is_worth_a_repeat(exc) and not may_be_paid


def _response(head: Head, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": head.reason}
    return httpx.Response(head.status, headers=head.headers, stream=stream, extensions=extensions)


class Pool(Transport):
    """Connections of the synchronous client, shared by its threads."""

    def __init__(self, base_url: str) -> None:
        self._route = _route(base_url)
        self._homes: list[Home[Stream]] = [Home()]
        weakref.finalize(self, drop, self._homes)
        _pools.add(self)

    def begin_anew(self) -> None:
        """Begin without connections, in a process that was forked."""
        renew_locks(self._homes)
        self._homes[:] = [Home()]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        _check_route(self._route, request)
        end, asked = end_of(request), _asked(request, request.read())
        home = self._homes[0]
        found = _wait_for_turn(home, end)
        try:
            if isinstance(found, Line):
                try:
                    return self._answered(home, found, request, asked, end)
                except httpx.TransportError as exc:
                    if not _is_worth_a_repeat(found, exc, request):
                        raise
            return self._answered(home, self._opened(home, end), request, asked, end)
        except BaseException:
            home.give_up(None)
            raise

    def _opened(self, home: Home[Stream], end: float) -> Line[Stream]:
        stream = Stream(connect(home.resolver, *self._route.peer, end), end)
        try:
            line = Line(stream, stream.run(establish(self._route)))
            home.add(line)
        except BaseException:
            stream.close()
            raise
        return line

    def _answered(
        self,
        home: Home[Stream],
        line: Line[Stream],
        request: httpx.Request,
        asked: Asked,
        end: float,
    ) -> httpx.Response:
        line.stream.end = end
        try:
            head = line.stream.run(line.connection.ask(asked))
        except BaseException:
            home.close_line(line)
            raise
        finally:
            _count(request, line)
        return _response(head, _Body(self, home, line))

    def close(self) -> None:
        """Close the connections; exchanges that are going on fail."""
        self.is_closed = True
        self._homes[0].close()


def _wait_for_turn(home: Home[Stream], end: float) -> Line[Stream] | NewPlace:
    gate = threading.Lock()
    waiter: Waiter[Line[Stream]] = Waiter(gate.release)
    gate.acquire()
    if (found := home.take(waiter)) is not None:
        return found
    left = left_until(end)
    try:
        gate.acquire(timeout=-1 if left is None else left)
        found, waiter.handed = waiter.handed, None
    finally:
        home.leave(waiter)
    if found is None:
        raise httpx.PoolTimeout(TIMED_OUT)
    return found


class _Body(httpx.SyncByteStream):
    """The body of a reply; when it is complete, its connection goes back to the pool."""

    def __init__(self, pool: Pool, home: Home[Stream], line: Line[Stream]) -> None:
        self._pool, self._home = pool, home
        self._line: Line[Stream] | None = line

    def __iter__(self) -> Iterator[bytes]:
        while (line := self._line) is not None:
            try:
                part = line.stream.run(line.connection.part())
            except BaseException:
                self.close()
                raise
            if part is None:
                self._line = None
                self._home.release(line)
                return
            yield cast("bytes", part)

    def close(self) -> None:
        """Close the connection unless the reply is complete."""
        line, self._line = self._line, None
        if line is not None:
            self._home.give_up(line)


class AsyncPool(AsyncTransport):
    """Connections of the asynchronous client, some for each event loop."""

    def __init__(self, base_url: str) -> None:
        self._route = _route(base_url)
        self._homes: dict[asyncio.AbstractEventLoop, Home[AsyncStream]] = {}
        weakref.finalize(self, drop, self._homes)
        _pools.add(self)

    def begin_anew(self) -> None:
        """Begin without connections, in a process that was forked."""
        renew_locks(self._homes.values())
        self._homes.clear()

    def _home(self, loop: asyncio.AbstractEventLoop) -> Home[AsyncStream]:
        if self.is_closed:
            raise closed_error()
        home = self._homes.get(loop)
        if home is None:
            closed = [other for other in list(self._homes) if other.is_closed()]
            drop([self._homes.pop(other) for other in closed if other in self._homes])
            home = self._homes.setdefault(loop, Home())
        return home

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        _check_route(self._route, request)
        loop = running_loop()
        end, asked = end_of(request), _asked(request, await request.aread())
        home, alarm = self._home(loop), Alarm(loop, end)
        try:
            return await self._handled(home, request, asked, alarm)
        except BaseException:
            alarm.stop()
            raise

    async def _handled(
        self, home: Home[AsyncStream], request: httpx.Request, asked: Asked, alarm: Alarm
    ) -> httpx.Response:
        found = await _await_turn(home, alarm)
        try:
            if isinstance(found, Line):
                try:
                    return await self._answered(home, found, request, asked, alarm)
                except httpx.TransportError as exc:
                    if not _is_worth_a_repeat(found, exc, request):
                        raise
            line = await self._opened(home, alarm)
            return await self._answered(home, line, request, asked, alarm)
        except BaseException:
            home.give_up(None)
            raise

    async def _opened(self, home: Home[AsyncStream], alarm: Alarm) -> Line[AsyncStream]:
        sock = await connect_async(home.resolver, *self._route.peer, alarm)
        stream = (AsyncStream if tells_readiness(alarm.loop) else CompletionStream)(sock, alarm)
        try:
            line = Line(stream, await stream.run(establish(self._route)))
            home.add(line)
        except BaseException:
            stream.close()
            raise
        return line

    async def _answered(
        self,
        home: Home[AsyncStream],
        line: Line[AsyncStream],
        request: httpx.Request,
        asked: Asked,
        alarm: Alarm,
    ) -> httpx.Response:
        line.stream.alarm = alarm
        try:
            head = await line.stream.run(line.connection.ask(asked))
        except BaseException:
            home.close_line(line)
            raise
        finally:
            _count(request, line)
        return _response(head, _AsyncBody(self, home, line))

    def close(self) -> None:
        """Close the connections of all loops; exchanges that are going on fail."""
        self.is_closed = True
        for home in list(self._homes.values()):
            home.close()


async def _await_turn(home: Home[AsyncStream], alarm: Alarm) -> Line[AsyncStream] | NewPlace:
    waiter: Waiter[Line[AsyncStream]] = Waiter(alarm.wake)
    if (found := home.take(waiter)) is not None:
        return found
    try:
        while waiter.handed is None:
            await alarm.sleep()
        found, waiter.handed = waiter.handed, None
    except TimeoutError as exc:
        raise httpx.PoolTimeout(TIMED_OUT) from exc
    finally:
        home.leave(waiter)
    return found


class _AsyncBody(httpx.AsyncByteStream):
    """The body of a reply; when it is complete, its connection goes back to the pool."""

    def __init__(self, pool: AsyncPool, home: Home[AsyncStream], line: Line[AsyncStream]) -> None:
        self._pool, self._home = pool, home
        self._line: Line[AsyncStream] | None = line

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        line = self._line
        if line is None:
            raise StopAsyncIteration
        line.stream.check_loop()
        try:
            part = await line.stream.run(line.connection.part())
        except BaseException:
            self._end()
            raise
        if part is not None:
            return cast("bytes", part)
        self._line = None
        line.stream.alarm.stop()
        self._home.release(line)
        raise StopAsyncIteration

    def _end(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.stream.alarm.stop()
            self._home.give_up(line)

    async def aclose(self) -> None:
        """Close the connection unless the reply is complete."""
        self._end()
