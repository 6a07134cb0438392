"""Requests to a server under test: raw, counted, bounded in number and in cost."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import httpx
from attrs import define, field

from openrouter_embeddings._base.environment import checked_base_url
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._http.exchange import http_client, send
from openrouter_embeddings._http.secrets import BearerAuth
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings.contract._judge import RawReply
from openrouter_embeddings.errors import NoResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from openrouter_embeddings._request.request import Reply

_MOST_INCOMPLETE = 3
_SHOWN = 2_000


class ExhaustedError(Exception):
    """No more requests may be made; why is in the message."""


@define(eq=False)
class Probe:
    """A bounded supply of requests.

    Attributes:
        base_url: Where the server is.
        api_key: The key, or None.
        max_requests: The most requests.
        max_cost: The most to spend in USD, as far as the server says.
        timeout: Seconds for one request, its body included.
        requests: How many were made.
        spent: USD so far, as far as the server said.
        statuses: How often each status came, by operation.
        last: How to repeat the last request, the key left out.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    max_requests: int
    max_cost: float
    timeout: float
    requests: int = field(init=False, default=0)
    spent: float = field(init=False, default=0.0)
    statuses: dict[tuple[str, int], int] = field(init=False, factory=dict)
    last: str = field(init=False, default="")
    _incomplete: int = field(init=False, default=0)
    _http: httpx.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Connect to nobody yet."""
        self.base_url = checked_base_url(self.base_url)
        self._http = http_client(self.base_url, httpx.Auth(), {}, self.timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def check_left(self) -> None:
        """Check that one more request may be made.

        Raises:
            ExhaustedError: It may not.
        """
        if self.requests >= self.max_requests:
            message = f"the bound of {counted(self.max_requests, 'request')} is reached"
            raise ExhaustedError(message)
        if self.spent >= self.max_cost > 0:
            message = f"the bound of {self.max_cost:g} USD is reached"
            raise ExhaustedError(message)
        if self._incomplete >= _MOST_INCOMPLETE:
            message = f"{self._incomplete} requests in a row got no complete reply"
            raise ExhaustedError(message)

    def post(
        self, body: object, *, api_key: str | None = None, anonymous: bool = False
    ) -> RawReply:
        """Ask for vectors."""
        content = json.dumps(body, ensure_ascii=False).encode()
        key = None if anonymous else api_key or self.api_key
        return self.send("POST", "/embeddings", content=content, api_key=key)

    def get(self, path: str, **params: int) -> RawReply:
        """Ask for the listing."""
        return self.send("GET", path, params=params, api_key=self.api_key)

    def send(
        self,
        method: str,
        path: str,
        *,
        api_key: str | None,
        content: bytes | None = None,
        params: dict[str, int] | None = None,
    ) -> RawReply:
        """Make one request.

        Raises:
            ExhaustedError: No more may be made.
        """
        self.check_left()
        self.requests += 1
        headers = {} if content is None else {"content-type": "application/json"}
        self.last = _command(method, f"{self.base_url}{path}", headers, content, params, api_key)
        if api_key is not None:
            headers["authorization"] = f"Bearer {api_key}"
        request = HttpRequest(method, path, headers, content, params or {})
        reply = _raw(send(self._http, request, self.timeout), api_key)
        self._note(f"{method} {path}", reply)
        return reply

    def _note(self, operation: str, reply: RawReply) -> None:
        self._incomplete = 0 if reply.failure is None else self._incomplete + 1
        if reply.failure is None:
            key = operation, reply.status
            self.statuses[key] = self.statuses.get(key, 0) + 1
        self.spent += _cost(reply.body)


def _raw(reply: Reply | NoResponseError, api_key: str | None) -> RawReply:
    """Take of a reply what is judged, with the key masked where the server quotes it."""
    veiled = None if api_key is None else BearerAuth(api_key)
    if isinstance(reply, NoResponseError):
        return RawReply(0, "", b"", veiled.mask(reply.message) if veiled else reply.message)
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = reply.body
    if veiled is not None:
        kind = veiled.mask(kind)
        body = veiled.mask_body(bytearray(body), is_success=200 <= reply.status < 300)
    return RawReply(reply.status, kind, bytes(body))


def _command(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    params: Mapping[str, int] | None,
    api_key: str | None,
) -> str:
    """Write a request as a command that repeats it, without the key."""
    words = ["curl", f"-X {method}"]
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    words += ['-H "Authorization: Bearer $OPENROUTER_API_KEY"'] if api_key is not None else []
    words += [f"-d {shlex.quote(content[:_SHOWN].decode(errors='ignore'))}"] if content else []
    query = "&".join(f"{name}={value}" for name, value in (params or {}).items())
    return " ".join([*words, shlex.quote(f"{url}?{query}" if query else url)])


def _cost(body: bytes) -> float:
    try:
        usage: Any = json.loads(body)["usage"]
        cost = usage["cost"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0
    usable = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e6
    return float(cost) if usable else 0.0
