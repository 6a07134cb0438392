"""Connections of our own: sockets that know when the exchange ends, pools, proxies.

The socket layer is a public part of httpcore, which httpx stands on. Here a synchronous socket asks
before each wait how much time its exchange has left, since nothing can cancel it; and sockets of
both kinds read large replies in large pieces.

Names are resolved by the operating system in one blocking call, which nothing can bound.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from openrouter_embeddings._base.environment import environment_proxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, Iterable

TIMED_OUT = "the time for the whole exchange is up"
HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_WRITE_BYTES = 256 * 1024
_READ_BYTES = 256 * 1024
_MOST_CONNECTIONS = 256
_KEEPALIVE_SECONDS = 30.0


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


class Until:
    """Lets the sockets of this thread end their waits at `end`, and speak httpx's exceptions."""

    def __init__(self, end: float) -> None:
        self._end = end

    def __enter__(self) -> None:
        self._before, _clock.end = _clock.end, self._end

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        _clock.end = self._before
        if isinstance(error, HTTPCORE_ERRORS):
            raise as_httpx(error) from error


def as_httpx(exc: Exception) -> httpx.TransportError:
    """Translate an exception of httpcore into the one of httpx that has the same name."""
    kind = getattr(httpx, type(exc).__name__, httpx.TransportError)
    return cast("httpx.TransportError", kind(str(exc)))


class _Pieces:
    """How much to read at once; each piece of a large reply takes its way through all layers.

    A piece is a quarter of what has come without a pause; every layer holds a copy of it.
    """

    def __init__(self) -> None:
        self._asked = self._came = 0

    def ask(self, least: int) -> int:
        self._asked = max(least, min(self._came // 4, _READ_BYTES))
        return self._asked

    def came(self, size: int) -> None:
        self._came = self._came + size if size == self._asked else 0


class _BoundStream(httpcore.NetworkStream):
    """A connection whose every wait asks how much time the exchange has left."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._pieces = _Pieces()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _clock.left(timeout)
        if left == 0:
            raise httpcore.ReadTimeout(TIMED_OUT)
        data = self._inner.read(self._pieces.ask(max_bytes), left)
        self._pieces.came(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            left = _clock.left(timeout)
            if left == 0:
                raise httpcore.WriteTimeout(TIMED_OUT)
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
            raise httpcore.ConnectTimeout(TIMED_OUT)
        inner = self._inner.connect_tcp(address, port, left, local_address, socket_options)
        return _BoundStream(inner)


class _AsyncStream(httpcore.AsyncNetworkStream):
    """A connection that reads large replies in large pieces."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._pieces = _Pieces()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the signature of httpcore
        data = await self._inner.read(self._pieces.ask(max_bytes), timeout)
        self._pieces.came(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the signature of httpcore
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the signature of httpcore
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens connections that read large replies in large pieces."""

    def __init__(self) -> None:
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise httpcore.ConnectError(str(exc)) from exc
    return list(dict.fromkeys(str(address[4][0]) for address in found)) or [host]


def _pool_options(base_url: str) -> dict[str, Any]:
    return {
        "ssl_context": httpx.create_ssl_context() if base_url.startswith("https:") else None,
        "max_connections": _MOST_CONNECTIONS,
        "keepalive_expiry": _KEEPALIVE_SECONDS,
    }


def _proxy_options(proxy: str) -> tuple[bool, dict[str, Any]]:
    """Read the URL of a proxy: whether it is a SOCKS proxy, and what both kinds of pools take."""
    found = httpx.Proxy(proxy)
    is_socks = found.url.scheme.startswith("socks5")
    return is_socks, {"proxy_url": str(found.url), "proxy_auth": found.raw_auth}


def _pool(base_url: str) -> httpcore.ConnectionPool:
    options = {**_pool_options(base_url), "network_backend": _BoundBackend()}
    proxy = environment_proxy(base_url)
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    is_socks, given = _proxy_options(proxy)
    return (httpcore.SOCKSProxy if is_socks else httpcore.HTTPProxy)(**given, **options)


def _async_pool(base_url: str) -> httpcore.AsyncConnectionPool:
    options = {**_pool_options(base_url), "network_backend": _AsyncBackend()}
    proxy = environment_proxy(base_url)
    if proxy is None:
        return httpcore.AsyncConnectionPool(**options)
    is_socks, given = _proxy_options(proxy)
    return (httpcore.AsyncSOCKSProxy if is_socks else httpcore.AsyncHTTPProxy)(**given, **options)


def _wire(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=request.headers.raw,
        content=cast("Iterable[bytes] | AsyncIterable[bytes]", request.stream),
        extensions=request.extensions,
    )


def _response(reply: httpcore.Response) -> httpx.Response:
    return httpx.Response(
        reply.status,
        headers=reply.headers,
        stream=cast("httpx.SyncByteStream | httpx.AsyncByteStream", reply.stream),
        extensions=reply.extensions,
    )


class Pool(httpx.BaseTransport):
    """httpcore's connection pool with sockets that know the end of the exchange.

    What it raises is httpcore's; `Until` translates.
    """

    def __init__(self, base_url: str) -> None:
        self._pool = _pool(base_url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _response(self._pool.handle_request(_wire(request)))

    def close(self) -> None:
        self._pool.close()


class AsyncPool(httpx.AsyncBaseTransport):
    """httpcore's connection pool; what it raises is httpcore's."""

    def __init__(self, base_url: str) -> None:
        self._pool = _async_pool(base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _response(await self._pool.handle_async_request(_wire(request)))

    async def aclose(self) -> None:
        await self._pool.aclose()
