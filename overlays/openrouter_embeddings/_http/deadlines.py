"""Clients of the caller's own as transports, bounded as a whole as far as they allow.

The asynchronous side cancels. The synchronous one cannot: the sockets of a borrowed client decide
how a wait for the head of a reply ends; between the parts of its body the time is looked at.
"""

from __future__ import annotations

import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import httpx

from openrouter_embeddings._http.pools import running_loop
from openrouter_embeddings._http.sockets import TIMED_OUT
from openrouter_embeddings._http.transports import (
    AsyncTransport,
    Transport,
    closed_error,
    end_of,
)
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def check_borrowed(client: object, kind: type[httpx.Client | httpx.AsyncClient]) -> None:
    """Check a client of the caller's when ours is made on it.

    Raises:
        ConfigurationError: It is of another kind or make, or closed.
    """
    if not isinstance(client, kind):
        made = f"{type(client).__module__.partition('.')[0]}.{type(client).__name__}"
        message = f"http_client must be an httpx.{kind.__name__}, not {made}."
        raise ConfigurationError(message, argument="http_client")
    if client.is_closed:
        message = "http_client is closed."
        raise ConfigurationError(message, argument="http_client")


def _add_defaults(client: httpx.Client | httpx.AsyncClient, request: httpx.Request) -> None:
    """Add the default headers of a borrowed client; what ours says stands."""
    if client.is_closed:
        raise closed_error()
    for name, value in client.headers.items():
        request.headers.setdefault(name, value)


class Borrowed(Transport):
    """A client of the caller's, with its proxies, certificates and hooks; never closed here."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions."""
        end = end_of(request)
        _add_defaults(self._client, request)
        response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
        response.stream = _Body(cast("httpx.SyncByteStream", response.stream), end)
        return response

    def close(self) -> None:
        """Use it no more; the client itself stays open."""
        self.is_closed = True


class _Body(httpx.SyncByteStream):
    """The body of a reply, ending with the exchange."""

    def __init__(self, stream: httpx.SyncByteStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout(TIMED_OUT)
            yield part

    def close(self) -> None:
        self._stream.close()


class AsyncBorrowed(AsyncTransport):
    """A client of the caller's, with its proxies, certificates and hooks; never closed here."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        running_loop()
        end = end_of(request)
        _add_defaults(self._client, request)
        async with _cancelled_at(end):
            response = await self._client.send(
                request, stream=True, auth=None, follow_redirects=False
            )
        response.stream = _AsyncBody(cast("httpx.AsyncByteStream", response.stream), end)
        return response


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


@asynccontextmanager
async def _cancelled_at(end: float) -> AsyncIterator[None]:
    import asyncio  # noqa: PLC0415 - the synchronous side needs none of it

    left = None if end == math.inf else end - time.monotonic()
    try:
        async with asyncio.timeout(left):
            yield
    except TimeoutError as exc:
        raise httpx.ReadTimeout(TIMED_OUT) from exc
