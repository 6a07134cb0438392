"""The HTTP client below ours: key, headers, the size of replies, and what must not leak."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

import httpx

from openrouter_embeddings._http.transports import WRITTEN, closed_error
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import ConfigurationError, NoResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Generator, Iterable, Mapping

    from openrouter_embeddings._http.transports import AsyncTransport, Transport
    from openrouter_embeddings._request.request import HttpRequest

MOST_BODY_BYTES = 512 * 1024 * 1024
"""A larger reply is refused: 2,048 vectors of 4,096 numbers take 180 MB even as JSON numbers."""

_MOST_ROOM_BYTES = 32 * 1024 * 1024


class BearerAuth(httpx.Auth):
    """Puts the key into each request, and shows it to nobody."""

    def __init__(self, api_key: str) -> None:
        self._header = f"Bearer {api_key}"

    def __repr__(self) -> str:
        """Hide the key."""
        return "BearerAuth('***')"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: the key would be in it."""
        raise bound_to_a_process()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; httpx calls it for each request."""
        request.headers["Authorization"] = self._header
        yield request


def check_open(http: httpx.Client | httpx.AsyncClient) -> None:
    """Refuse to use a client that was closed.

    Raises:
        ConfigurationError: It was closed.
    """
    if http.is_closed:
        raise closed_error()


class _Client(httpx.Client):
    """Sends without cookies, redirects and hooks, which nothing here needs.

    httpx goes through all of them for every request; for a short text that is a fifth of the work.
    """

    def __init__(self, transport: Transport, auth: httpx.Auth, **options: Any) -> None:  # noqa: ANN401 - httpx's own, unchanged
        super().__init__(transport=transport, auth=auth, **options)
        self._shared, self._auth_flow = transport, auth.auth_flow

    @property
    def is_closed(self) -> bool:
        """Whether it, or another client on the same connections, was closed."""
        return self._shared.is_closed or super().is_closed

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise bound_to_a_process()

    def send(
        self, request: httpx.Request, *, stream: bool = False, **_options: object
    ) -> httpx.Response:
        """Send a request with the key, and read the reply unless it is to be streamed."""
        check_open(self)
        response = self._shared.handle_request(next(self._auth_flow(request)))
        response.request = request
        if not stream:
            try:
                response.read()
            finally:
                response.close()
        return response


class _AsyncClient(httpx.AsyncClient):
    """Does what `_Client` does, in an event loop."""

    def __init__(
        self,
        transport: AsyncTransport,
        auth: httpx.Auth,
        **options: Any,  # noqa: ANN401 - httpx's own, unchanged
    ) -> None:
        super().__init__(transport=transport, auth=auth, **options)
        self._shared, self._auth_flow = transport, auth.auth_flow

    @property
    def is_closed(self) -> bool:
        """Whether it, or another client on the same connections, was closed."""
        return self._shared.is_closed or super().is_closed

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise bound_to_a_process()

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_options: object
    ) -> httpx.Response:
        """Send a request with the key, and read the reply unless it is to be streamed."""
        check_open(self)
        response = await self._shared.handle_async_request(next(self._auth_flow(request)))
        response.request = request
        if not stream:
            try:
                await response.aread()
            finally:
                await response.aclose()
        return response


def bound_to_a_process() -> ConfigurationError:
    """Make the error for a copy or a pickle of a part of a client."""
    message = "Connections and keys cannot be copied or pickled by themselves."
    hint = "Copy or pickle the client, OpenRouter or AsyncOpenRouter."
    return ConfigurationError(message, hint=hint)


def sync_transport(base_url: str, borrowed: httpx.Client | None = None) -> Transport:
    """Make what requests go through: connections of our own, or a client of the caller's."""
    from openrouter_embeddings._http.deadlines import Borrowed, check_borrowed  # noqa: PLC0415 - slow to import
    from openrouter_embeddings._http.pools import Pool  # noqa: PLC0415 - slow to import

    if borrowed is None:
        return Pool(base_url)
    check_borrowed(borrowed, httpx.Client)
    return Borrowed(borrowed)


def async_transport(base_url: str, borrowed: httpx.AsyncClient | None = None) -> AsyncTransport:
    """Make what requests go through in an event loop."""
    from openrouter_embeddings._http.deadlines import AsyncBorrowed, check_borrowed  # noqa: PLC0415 - slow to import
    from openrouter_embeddings._http.pools import AsyncPool  # noqa: PLC0415 - slow to import

    if borrowed is None:
        return AsyncPool(base_url)
    check_borrowed(borrowed, httpx.AsyncClient)
    return AsyncBorrowed(borrowed)


def http_client(
    base_url: str,
    auth: httpx.Auth,
    headers: Mapping[str, str],
    timeout: float | httpx.Timeout | None,
    borrowed: httpx.Client | None = None,
    *,
    transport: Transport | None = None,
    cookies: Mapping[str, str] | None = None,
) -> httpx.Client:
    """Make the synchronous HTTP client.

    Args:
        base_url: Where requests go, checked.
        auth: What adds the key.
        headers: Headers of each request.
        timeout: Seconds for one whole exchange where a request does not say; None for no bound.
        borrowed: A client of the caller's to send through; it is never closed here.
        transport: What to send through, shared with other clients; None makes one.
        cookies: Cookies that the caller of a generated function set; none are ever learnt.
    """
    return _Client(
        transport or sync_transport(base_url, borrowed),
        auth,
        base_url=base_url,
        headers={"Accept-Encoding": "gzip, deflate", **headers},
        timeout=timeout,
        cookies=dict(cookies or {}),
    )


def async_http_client(
    base_url: str,
    auth: httpx.Auth,
    headers: Mapping[str, str],
    timeout: float | httpx.Timeout | None,
    borrowed: httpx.AsyncClient | None = None,
    *,
    transport: AsyncTransport | None = None,
    cookies: Mapping[str, str] | None = None,
) -> httpx.AsyncClient:
    """Make the asynchronous HTTP client; the arguments are those of `http_client`."""
    return _AsyncClient(
        transport or async_transport(base_url, borrowed),
        auth,
        base_url=base_url,
        headers={"Accept-Encoding": "gzip, deflate", **headers},
        timeout=timeout,
        cookies=dict(cookies or {}),
    )


def send(http: httpx.Client, wire: HttpRequest, timeout: float | None) -> Reply | NoResponseError:
    """Exchange one request for one complete reply.

    Args:
        http: The client of `http_client`.
        wire: What to send.
        timeout: Seconds for the whole exchange; None for no bound.

    Returns:
        The reply, or the error that takes its place.
    """
    request = _request(http, wire, timeout)
    exchange = _Exchange(timeout, request)
    try:
        response = http.send(request, stream=True)
        try:
            parts = response.stream if exchange.begin(response) else response.iter_bytes()
            for chunk in cast("Iterable[bytes]", parts):
                exchange.take(chunk)
        finally:
            response.close()
        return exchange.reply(response)
    except (httpx.HTTPError, _TooLargeError) as exc:
        return exchange.failed(exc)
    finally:
        forget_key(request)


async def asend(
    http: httpx.AsyncClient,
    wire: HttpRequest,
    timeout: float | None,  # noqa: ASYNC109 - httpx's own name for it
) -> Reply | NoResponseError:
    """Do what `send` does, in an event loop."""
    request = _request(http, wire, timeout)
    exchange = _Exchange(timeout, request)
    try:
        response = await http.send(request, stream=True)
        try:
            parts = response.stream if exchange.begin(response) else response.aiter_bytes()
            async for chunk in cast("AsyncIterable[bytes]", parts):
                exchange.take(chunk)
        finally:
            await response.aclose()
        return exchange.reply(response)
    except (httpx.HTTPError, _TooLargeError) as exc:
        return exchange.failed(exc)
    finally:
        forget_key(request)


def _request(
    http: httpx.Client | httpx.AsyncClient, wire: HttpRequest, timeout: float | None
) -> httpx.Request:
    headers = http.headers.copy()
    headers.update(wire.headers)
    return httpx.Request(
        wire.method,
        _absolute(str(http.base_url), wire.url),
        headers=headers,
        content=wire.content,
        params=dict(wire.params) or None,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)},
    )


@functools.lru_cache(maxsize=64)
def _absolute(base_url: str, path: str) -> httpx.URL:
    """Join the base URL and a path; httpx parses both anew for every request."""
    return httpx.URL(base_url.rstrip("/") + path)


def forget_key(request: httpx.Request) -> None:
    """Take the key out of a finished request, which exceptions and tracebacks keep alive."""
    request.headers = httpx.Headers()


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Write headers as plain texts, names in lower case; what stands twice is joined by commas."""
    encoding, plain = headers.encoding, dict[str, str]()
    for raw_name, raw_value in headers.raw:
        name, value = raw_name.decode(encoding).lower(), raw_value.decode(encoding)
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


class _TooLargeError(Exception):
    """More came than any honest reply holds."""


class _Exchange:
    """What both senders know of one exchange: how far it came, and what that means."""

    def __init__(self, timeout: float | None, request: httpx.Request) -> None:
        self._timeout = timeout
        self._extensions = request.extensions
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._size = 0
        self.begun = False

    def begin(self, response: httpx.Response) -> bool:
        """Note that a reply has begun, and make room for as much of its body as it announces.

        Returns:
            Whether the body comes as it is, with nothing to be decompressed.
        """
        self.begun = response.is_success
        self._headers = _plain(response.headers)
        announced, plain = self._headers.get("content-length", ""), self._is_plain()
        if plain and announced.isdecimal():
            self._body = bytearray(min(int(announced), _MOST_ROOM_BYTES))
        return plain

    def _is_plain(self) -> bool:
        return self._headers.get("content-encoding", "identity") == "identity"

    def take(self, chunk: bytes) -> None:
        start, self._size = self._size, self._size + len(chunk)
        if self._size > MOST_BODY_BYTES:
            raise _TooLargeError
        self._body[start : self._size] = chunk

    def reply(self, response: httpx.Response) -> Reply:
        del self._body[self._size :]
        return Reply(
            response.status_code,
            self._headers,
            self._body,
            datetime.now(UTC),
            self._written if self._written is not None else 1,
        )

    @property
    def _written(self) -> int | None:
        """How often the request was handed over whole; None where a borrowed client knows it."""
        written: int | None = self._extensions.get(WRITTEN)
        return written

    def failed(self, exc: httpx.HTTPError | _TooLargeError) -> NoResponseError:
        likely = self.begun or isinstance(exc, httpx.ReadError | httpx.ReadTimeout)
        written = int(likely) if self._written is None else self._written
        error = NoResponseError(
            self._description(exc),
            sent=written > 0,
            written=written,
            begun=self.begun,
            timed_out=isinstance(exc, httpx.TimeoutException),
            hint=_HINTS.get(type(exc)),
        )
        error.__cause__ = exc
        return error

    def _description(self, exc: httpx.HTTPError | _TooLargeError) -> str:
        if isinstance(exc, _TooLargeError):
            return f"The reply is larger than {MOST_BODY_BYTES:,} bytes and was not read further."
        if isinstance(exc, httpx.TimeoutException):
            far = (
                f"{self._size:,} bytes of a reply had come" if self.begun else "no reply had begun"
            )
            return f"No complete answer within {self._timeout:g} s: {far}."
        return f"No complete answer: {type(exc).__name__} ({exc or 'no details'})."


_HINTS: Mapping[type[Exception], str] = {
    httpx.ConnectError: "Check base_url, the network and the proxy settings.",
    httpx.ConnectTimeout: "Check base_url, the network and the proxy settings.",
    httpx.ReadTimeout: "Allow more time with timeout=, or send fewer inputs at once.",
    httpx.PoolTimeout: "Too many requests at once are waiting for a connection.",
}
