"""Transports for httpx that bound a whole exchange, where httpx bounds each wait on the socket.

A body that drips one byte a second never times out under a timeout for each read. Here the ``read``
timeout of a request is the end of the whole exchange: connection, headers and body get what is left
of it. The asynchronous side cancels; the synchronous side cannot, see `_connections`.
"""

from __future__ import annotations

import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, cast

import httpx

from openrouter_embeddings._http.sockets import (
    HTTPCORE_ERRORS,
    TIMED_OUT,
    AsyncPool,
    Pool,
    Until,
    as_httpx,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

_GRACE_SECONDS = 0.05


def _end_of(request: httpx.Request) -> float:
    timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
    timeout = timeouts.get("read")
    return math.inf if timeout is None else time.monotonic() + timeout


class DeadlineTransport(httpx.BaseTransport):
    """Bounds each exchange of another transport as a whole."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    @classmethod
    def over(cls, borrowed: httpx.Client | None, base_url: str) -> Self:
        """Send through a client of the caller's, or through connections of our own."""
        return cls(Pool(base_url) if borrowed is None else _Borrowed(borrowed))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        end = _end_of(request)
        with Until(end):
            response = self._inner.handle_request(request)
        response.stream = _Body(cast("httpx.SyncByteStream", response.stream), end)
        return response

    def close(self) -> None:
        """Close the connections that are our own."""
        self._inner.close()


class _Body(httpx.SyncByteStream):
    """The body of a reply, ending with the exchange."""

    def __init__(self, stream: httpx.SyncByteStream, end: float) -> None:
        self._stream = stream
        self._end = end
        self._until = Until(end)

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._stream)
        while True:
            with self._until:
                part = next(parts, None)
            if part is None:
                return
            # The sockets of a borrowed client do not ask how much time is left.
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout(TIMED_OUT)
            yield part

    def close(self) -> None:
        self._stream.close()


class _Borrowed(httpx.BaseTransport):
    """A client of the caller's, with its proxies, certificates and hooks; never closed here."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._client.send(request, stream=True, auth=None, follow_redirects=False)


class AsyncDeadlineTransport(httpx.AsyncBaseTransport):
    """Bounds each exchange of another asynchronous transport as a whole."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    @classmethod
    def over(cls, borrowed: httpx.AsyncClient | None, base_url: str) -> Self:
        """Send through a client of the caller's, or through connections of our own."""
        return cls(AsyncPool(base_url) if borrowed is None else _AsyncBorrowed(borrowed))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        end = _end_of(request)
        # The waits inside are bounded too and know what they wait for, so they may speak first.
        async with _cancelled_at(end + _GRACE_SECONDS):
            response = await self._inner.handle_async_request(request)
        response.stream = _AsyncBody(cast("httpx.AsyncByteStream", response.stream), end)
        return response

    async def aclose(self) -> None:
        """Close the connections that are our own."""
        await self._inner.aclose()


class _AsyncBody(httpx.AsyncByteStream):
    """The body of a reply, ending with the exchange."""

    def __init__(self, stream: httpx.AsyncByteStream, end: float) -> None:
        self._stream = stream
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._stream)
        while True:
            async with _cancelled_at(self._end):
                part = await anext(parts, None)
            if part is None:
                return
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class _AsyncBorrowed(httpx.AsyncBaseTransport):
    """A client of the caller's, with its proxies, certificates and hooks; never closed here."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, stream=True, auth=None, follow_redirects=False)


@asynccontextmanager
async def _cancelled_at(end: float) -> AsyncIterator[None]:
    import asyncio  # noqa: PLC0415 - the synchronous side needs none of it

    left = None if end == math.inf else end - time.monotonic()
    try:
        async with asyncio.timeout(left):
            yield
    except TimeoutError as exc:
        raise httpx.ReadTimeout(TIMED_OUT) from exc
    except HTTPCORE_ERRORS as exc:
        raise as_httpx(exc) from exc
