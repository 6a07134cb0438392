"""The HTTP client below ours: key, headers, the size of replies, and what must not leak."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

import httpx

from openrouter_embeddings._base.frames import errors_behind, forget_frames
from openrouter_embeddings._base.obstacles import find_obstacle, obstacle_hint
from openrouter_embeddings._base.printable import counted, one_line
from openrouter_embeddings._http.bodies import ACCEPTED, Body, PackedBodyError
from openrouter_embeddings._http.secrets import BearerAuth, bound_to_a_process, forget_key
from openrouter_embeddings._http.transports import ONCE, WRITTEN, closed_error
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import NoResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Mapping

    from openrouter_embeddings._http.transports import AsyncTransport, AsyncUser, Transport, User
    from openrouter_embeddings._request.request import HttpRequest
    from openrouter_embeddings.errors import Obstacle


def check_open(http: httpx.Client | httpx.AsyncClient) -> None:
    """Refuse to use a client that was closed.

    Raises:
        ConfigurationError: It was closed.
    """
    if http.is_closed:
        raise closed_error()


def users_of(http: httpx.Client) -> list[User]:
    """Return what is to be told before the connections of a client are closed."""
    return http.users if isinstance(http, _Client) else []


def async_users_of(http: httpx.AsyncClient) -> list[AsyncUser]:
    """Return the same of a client that is asynchronous."""
    return http.users if isinstance(http, _AsyncClient) else []


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

    @property
    def has_replied(self) -> bool:
        """Whether anybody has replied, to it or to another client on the same connections."""
        return self._shared.has_replied

    @property
    def users(self) -> list[User]:
        """What is to be told before the connections are closed."""
        return self._shared.users

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise bound_to_a_process()

    def send(
        self, request: httpx.Request, *, stream: bool = False, **_options: object
    ) -> httpx.Response:
        """Send a request with the key, and read the reply unless it is to be streamed."""
        check_open(self)
        response = self._shared.handle_request(next(self._auth_flow(request)))
        self._shared.has_replied = True
        response.request = request
        if stream:
            return response
        try:
            body = Body(_plain(response.headers))
            for chunk in cast("Iterable[bytes]", response.stream):
                body.take(chunk)
            return _complete(response, body.finish())
        except PackedBodyError as exc:
            raise _undecodable(exc, request) from exc
        finally:
            response.close()


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

    @property
    def has_replied(self) -> bool:
        """Whether anybody has replied, to it or to another client on the same connections."""
        return self._shared.has_replied

    @property
    def users(self) -> list[AsyncUser]:
        """What is to be told before the connections are closed."""
        return self._shared.users

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise bound_to_a_process()

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_options: object
    ) -> httpx.Response:
        """Send a request with the key, and read the reply unless it is to be streamed."""
        check_open(self)
        response = await self._shared.handle_async_request(next(self._auth_flow(request)))
        self._shared.has_replied = True
        response.request = request
        if stream:
            return response
        try:
            body = Body(_plain(response.headers))
            async for chunk in cast("AsyncIterable[bytes]", response.stream):
                body.take(chunk)
            return _complete(response, body.finish())
        except PackedBodyError as exc:
            raise _undecodable(exc, request) from exc
        finally:
            await response.aclose()


def _complete(response: httpx.Response, body: bytearray) -> httpx.Response:
    """Make a response of the body as it was unpacked here."""
    left_out = {b"content-encoding", b"content-length", b"transfer-encoding"}
    kept = [(name, text) for name, text in response.headers.raw if name.lower() not in left_out]
    return httpx.Response(
        response.status_code,
        headers=kept,
        content=bytes(body),
        request=response.request,
        extensions=response.extensions,
    )


def _undecodable(exc: PackedBodyError, request: httpx.Request) -> httpx.DecodingError:
    return httpx.DecodingError(f"The body {exc}.", request=request)


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
        headers=encode({"Accept-Encoding": ACCEPTED, **headers}),
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
        headers=encode({"Accept-Encoding": ACCEPTED, **headers}),
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
    exchange = _Exchange(timeout, request, http)
    try:
        response = http.send(request, stream=True)
        try:
            body = exchange.begin(response)
            for chunk in cast("Iterable[bytes]", response.stream):
                body.take(chunk)
            return exchange.reply(response, body.finish())
        except PackedBodyError as exc:
            return exchange.reply(response, bytearray(), problem=str(exc))
        finally:
            response.close()
    except _FAILURES as exc:
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
    exchange = _Exchange(timeout, request, http)
    try:
        response = await http.send(request, stream=True)
        try:
            body = exchange.begin(response)
            async for chunk in cast("AsyncIterable[bytes]", response.stream):
                body.take(chunk)
            return exchange.reply(response, body.finish())
        except PackedBodyError as exc:
            return exchange.reply(response, bytearray(), problem=str(exc))
        finally:
            await response.aclose()
    except _FAILURES as exc:
        return exchange.failed(exc)
    finally:
        forget_key(request)


def _request(
    http: httpx.Client | httpx.AsyncClient, wire: HttpRequest, timeout: float | None
) -> httpx.Request:
    url = _absolute(str(http.base_url), wire.url)
    request = httpx.Request(
        wire.method,
        url,
        headers=_headers(http.headers.raw, url, wire),
        stream=httpx.ByteStream(wire.content or b""),
        params=dict(wire.params) or None,
        extensions={
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout),
            ONCE: wire.once,
        },
    )
    request.read()  # so that hooks of a borrowed client find its content
    return request


def _headers(
    client: Iterable[tuple[bytes, bytes]], url: httpx.URL, wire: HttpRequest
) -> list[tuple[bytes, bytes]]:
    """Put a client's headers and a request's together, the latter over the former.

    httpx does it in five steps, and goes through all of them in each.
    """
    headers = {b"host": (b"Host", url.netloc)}
    headers |= {name.lower(): (name, value) for name, value in client}
    headers |= {name.lower(): (name, value) for name, value in encode(wire.headers).items()}
    if wire.content is not None:
        length = b"Content-Length", b"%d" % len(wire.content)
        headers.setdefault(b"content-length", length)
    return list(headers.values())


def encode(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Write headers as bytes, in UTF-8: httpx refuses what ASCII lacks, as titles may have."""
    return {name.encode(): value.encode() for name, value in headers.items()}


@functools.lru_cache(maxsize=64)
def _absolute(base_url: str, path: str) -> httpx.URL:
    """Join the base URL and a path; httpx parses both anew for every request."""
    return httpx.URL(base_url.rstrip("/") + path)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Write headers as plain texts, names in lower case; what stands twice is joined by commas."""
    raw = headers.raw
    try:
        return _decoded(raw, "utf-8")
    except UnicodeDecodeError:
        return _decoded(raw, "latin-1")  # the choice that httpx makes in three turns


def _decoded(raw: Iterable[tuple[bytes, bytes]], encoding: str) -> dict[str, str]:
    plain = dict[str, str]()
    for raw_name, raw_value in raw:
        name, value = raw_name.decode(encoding).lower(), raw_value.decode(encoding)
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError)
"""What the layers below raise where there is no complete answer."""


class _Exchange:
    """What both senders know of one exchange: how far it came, and what that means."""

    def __init__(
        self,
        timeout: float | None,
        request: httpx.Request,
        http: httpx.Client | httpx.AsyncClient,
    ) -> None:
        self._timeout, self._base_url = timeout, str(http.base_url).rstrip("/")
        self._auth, self._http = http.auth, http
        self._extensions = request.extensions
        self._headers: dict[str, str] = {}
        self._body: Body | None = None
        self.begun = False

    def begin(self, response: httpx.Response) -> Body:
        """Note that a reply has begun.

        Returns:
            What takes its body.

        Raises:
            PackedBodyError: It is packed in a way that was not asked for.
        """
        self.begun = response.is_success
        plain = self._headers = _plain(response.headers)
        if isinstance(self._auth, BearerAuth):
            self._headers = self._auth.mask_headers(plain)
        try:
            self._body = Body(plain)  # a short key can be the name of an encoding
        except PackedBodyError:
            self._body = Body(self._headers)  # which fails as well, and is quoted
        return self._body

    def reply(self, response: httpx.Response, body: bytearray, problem: str | None = None) -> Reply:
        """Make the reply, with the key masked where the service quotes it."""
        whole: bytes | bytearray = body
        if isinstance(self._auth, BearerAuth):
            whole = self._auth.mask_body(body, is_success=response.is_success)
        return Reply(
            response.status_code,
            self._headers,
            whole,
            datetime.now(UTC),
            self._written if self._written is not None else 1,
            base_url=self._base_url,
            problem=problem,
        )

    @property
    def _written(self) -> int | None:
        """How often the request was handed over whole; None where a borrowed client knows it."""
        written: int | None = self._extensions.get(WRITTEN)
        return written

    def failed(self, exc: Exception) -> NoResponseError:
        """Make the error that takes the place of a reply."""
        likely = self.begun or isinstance(exc, httpx.ReadError | httpx.ReadTimeout)
        written = int(likely) if self._written is None else self._written
        http = self._http
        replied = isinstance(http, _Client | _AsyncClient) and http.has_replied
        obstacle = find_obstacle(exc, replied=replied)
        error = NoResponseError(
            one_line(self._description(exc)),
            sent=written > 0,
            written=written,
            begun=self.begun,
            timed_out=isinstance(exc, httpx.TimeoutException),
            obstacle=obstacle,
            hint=self._hint(exc, obstacle),
        )
        forget_frames(exc)
        # What a peer wrote in place of a reply can quote the key.
        quoted = any(self._mask(text) != text for text in map(str, errors_behind(exc)))
        error.__cause__ = None if quoted else exc
        return error

    def _hint(self, exc: Exception, obstacle: Obstacle | None) -> str | None:
        if obstacle is not None:
            return obstacle_hint(obstacle, self._base_url)
        return _HINTS.get(type(exc))

    def _mask(self, text: str) -> str:
        return self._auth.mask(text) if isinstance(self._auth, BearerAuth) else text

    def _description(self, exc: Exception) -> str:
        if isinstance(exc, httpx.TimeoutException):
            size = 0 if self._body is None else self._body.size
            far = (
                f"{counted(size, 'byte')} of a reply had come"
                if self.begun
                else "no reply had begun"
            )
            within = "in time" if self._timeout is None else f"within {self._timeout:g} s"
            return f"No complete answer {within}: {far}."
        return f"No complete answer: {type(exc).__name__} ({self._mask(str(exc)) or 'no details'})."


_HINTS: Mapping[type[Exception], str] = {
    httpx.ConnectError: "Check base_url, the network and the proxy settings.",
    httpx.ConnectTimeout: "Check base_url, the network and the proxy settings.",
    httpx.ReadTimeout: "Allow more time with timeout=, or send fewer inputs at once.",
    httpx.PoolTimeout: "Too many requests at once are waiting for a connection.",
}
