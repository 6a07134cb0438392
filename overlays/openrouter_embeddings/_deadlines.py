"""Transports for httpx that bound a whole exchange, where httpx bounds each wait on the socket.

A body that drips one byte a second never times out under a timeout for each read. Here the ``read``
timeout of a request is the end of the whole exchange: connection, headers and body get what is left
of it. The asynchronous side cancels. The synchronous side cannot, so its sockets ask before each
wait how much time is left; the socket layer is a public part of httpcore, which httpx stands on.

Names are resolved by the operating system in one blocking call, which nothing can bound.
"""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from openrouter_embeddings._extras import require

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

_WRITE_BYTES = 256 * 1024
_READ_BYTES = 256 * 1024
_MOST_CONNECTIONS = 256
_KEEPALIVE_SECONDS = 30.0
_GRACE_SECONDS = 0.05
_TIMED_OUT = "the time for the whole exchange is up"
_HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class _Clock(threading.local):
    """When the exchange of this thread must end; exchanges never share a thread at one time."""

    end = math.inf

    def left(self, timeout: float | None) -> float | None:
        """Bound the timeout of one wait by what is left of the exchange."""
        if self.end == math.inf:
            return timeout
        left = max(0.0, self.end - time.monotonic())
        return left if timeout is None else min(timeout, left)


_clock = _Clock()


def _end_of(request: httpx.Request) -> float:
    timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
    timeout = timeouts.get("read")
    return math.inf if timeout is None else time.monotonic() + timeout


class _Until:
    """Lets the sockets of this thread end their waits at `end`, and speak httpx's exceptions."""

    def __init__(self, end: float) -> None:
        self._end = end

    def __enter__(self) -> None:
        self._before, _clock.end = _clock.end, self._end

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        _clock.end = self._before
        if isinstance(error, _HTTPCORE_ERRORS):
            raise as_httpx(error) from error


def as_httpx(exc: Exception) -> httpx.TransportError:
    """Translate an exception of httpcore into the one of httpx that has the same name."""
    kind = getattr(httpx, type(exc).__name__, httpx.TransportError)
    return cast("httpx.TransportError", kind(str(exc)))


class _BoundStream(httpcore.NetworkStream):
    """A connection whose every wait asks how much time the exchange has left."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._reads = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _clock.left(timeout)
        if left == 0:
            raise httpcore.ReadTimeout(_TIMED_OUT)
        # A large reply comes in large pieces: each piece takes its way through all layers.
        most = max(max_bytes, min(self._reads, _READ_BYTES))
        data = self._inner.read(most, left)
        self._reads = 4 * most if len(data) == most else 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            left = _clock.left(timeout)
            if left == 0:
                raise httpcore.WriteTimeout(_TIMED_OUT)
            self._inner.write(buffer[start : start + _WRITE_BYTES], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, _clock.left(timeout))
        return _BoundStream(inner)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the signature of httpcore
        return self._inner.get_extra_info(info)


class _BoundBackend(httpcore.NetworkBackend):
    """Opens connections whose waits are bounded by the exchange."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        # One address at a time: a timeout for each of several dead ones would add up.
        *others, last = _addresses(host, port)
        for address in others:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return self._connect(last, port, timeout, local_address, socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:
        left = _clock.left(timeout)
        if left == 0:
            raise httpcore.ConnectTimeout(_TIMED_OUT)
        inner = self._inner.connect_tcp(address, port, left, local_address, socket_options)
        return _BoundStream(inner)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise httpcore.ConnectError(str(exc)) from exc
    return list(dict.fromkeys(str(address[4][0]) for address in found)) or [host]


def environment_proxy(base_url: str) -> str | None:
    """Find the proxy that the environment names for a URL; none for this machine itself.

    The variables are those that httpx reads: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``,
    ``NO_PROXY``. A request in plain http only ever goes to this machine, and never by a proxy.

    Raises:
        MissingExtraError: It is a SOCKS proxy, and the package for these is not installed.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if proxy is None:
        return None
    if proxy.startswith("socks"):
        require("socksio")
    return proxy if "://" in proxy else f"http://{proxy}"


def _pool(base_url: str) -> httpcore.ConnectionPool:
    proxy = environment_proxy(base_url)
    options: dict[str, Any] = {
        "ssl_context": httpx.create_ssl_context() if base_url.startswith("https:") else None,
        "max_connections": _MOST_CONNECTIONS,
        "keepalive_expiry": _KEEPALIVE_SECONDS,
        "network_backend": _BoundBackend(),
    }
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    url = httpx.Proxy(proxy)
    kind = httpcore.SOCKSProxy if url.url.scheme.startswith("socks5") else httpcore.HTTPProxy
    return kind(str(url.url), proxy_auth=url.raw_auth, **options)


class DeadlineTransport(httpx.BaseTransport):
    """Bounds each exchange of another transport as a whole."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    @classmethod
    def over(cls, borrowed: httpx.Client | None, base_url: str) -> Self:
        """Send through a client of the caller's, or through connections of our own."""
        return cls(_Pool(base_url) if borrowed is None else _Borrowed(borrowed))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's exceptions, `ReadTimeout` when the time is up."""
        end = _end_of(request)
        with _Until(end):
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
        self._until = _Until(end)

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._stream)
        while True:
            with self._until:
                part = next(parts, None)
            if part is None:
                return
            # The sockets of a borrowed client do not ask how much time is left.
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout(_TIMED_OUT)
            yield part

    def close(self) -> None:
        self._stream.close()


class _Pool(httpx.BaseTransport):
    """httpcore's connection pool with sockets that know the end of the exchange."""

    def __init__(self, base_url: str) -> None:
        self._pool = _pool(base_url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        reply = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=cast("Iterable[bytes]", request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            reply.status,
            headers=reply.headers,
            stream=cast("httpx.SyncByteStream", reply.stream),
            extensions=reply.extensions,
        )

    def close(self) -> None:
        self._pool.close()


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
        if borrowed is not None:
            return cls(_AsyncBorrowed(borrowed))
        limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS, keepalive_expiry=_KEEPALIVE_SECONDS
        )
        return cls(httpx.AsyncHTTPTransport(proxy=environment_proxy(base_url), limits=limits))

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
    left = None if end == math.inf else end - time.monotonic()
    try:
        async with asyncio.timeout(left):
            yield
    except TimeoutError as exc:
        raise httpx.ReadTimeout(_TIMED_OUT) from exc
