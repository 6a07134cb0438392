"""The httpx clients of one key: both kinds, on connections shared by all that derive from it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
from attrs import define, evolve, field, frozen

from openrouter_embeddings._http.exchange import (
    async_http_client,
    async_transport,
    http_client,
    sync_transport,
)
from openrouter_embeddings._http.transports import closed_error
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings._http.secrets import BearerAuth
    from openrouter_embeddings._http.transports import AsyncTransport, AsyncUser, Transport, User

Borrowed = httpx.Client | httpx.AsyncClient


@define(eq=False)
class Connections:
    """What requests go through; each kind is made when it is first asked for.

    Attributes:
        base_url: Where they lead.
        borrowed: A client of the caller's to send through, or None.
    """

    base_url: str
    borrowed: Borrowed | None = field(default=None, repr=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _sync: Transport | None = field(init=False, default=None, repr=False)
    _async: AsyncTransport | None = field(init=False, default=None, repr=False)
    _is_closed: bool = field(init=False, default=False)

    def sync(self) -> Transport:
        """Return what synchronous requests go through."""
        with self._lock:
            if self._sync is None:
                self._check()
                if self._async is not None:
                    self._check_own("synchronous")
                self._sync = sync_transport(self.base_url, self.borrowed)  # type: ignore[arg-type]  # it checks the kind
            return self._sync

    def asynchronous(self) -> AsyncTransport:
        """Return what asynchronous requests go through."""
        with self._lock:
            if self._async is None:
                self._check()
                if self._sync is not None:
                    self._check_own("asynchronous")
                self._async = async_transport(self.base_url, self.borrowed)  # type: ignore[arg-type]  # it checks the kind
            return self._async

    def _check(self) -> None:
        if self._is_closed:
            raise closed_error()

    def _check_own(self, kind: str) -> None:
        """Refuse to go past the proxies and certificates of a client of the caller's."""
        if self.borrowed is not None:
            message = f"The client sends through your http_client, which has no {kind} side."
            hint = "Make a client of the other class for these functions."
            raise ConfigurationError(message, argument="http_client", hint=hint)

    @property
    def users(self) -> tuple[User, ...]:
        """What is to be told before these are closed."""
        return () if self._sync is None else tuple(self._sync.users)

    @property
    def async_users(self) -> tuple[AsyncUser, ...]:
        """The same of what is asynchronous."""
        return () if self._async is None else tuple(self._async.users)

    def close(self) -> None:
        """Close what was made; nothing of it has to be waited for."""
        self._is_closed = True
        for transport in (self._sync, self._async):
            if transport is not None:
                transport.close()


@frozen(eq=False)
class HttpClients:
    """Makes httpx clients with the key.

    Attributes:
        connections: What they send through.
        auth: What adds the key.
        headers: Headers of each request.
        timeout: Seconds for one exchange, or httpx's own.
        cookies: Cookies that a caller set.
    """

    connections: Connections
    auth: BearerAuth
    headers: Mapping[str, str] = field(repr=False)
    timeout: float | httpx.Timeout | None
    cookies: Mapping[str, str] = field(factory=dict, repr=False)

    def sync(self) -> httpx.Client:
        """Make a synchronous one."""
        return http_client(
            self.connections.base_url,
            self.auth,
            self.headers,
            self.timeout,
            transport=self.connections.sync(),
            cookies=self.cookies,
        )

    def asynchronous(self) -> httpx.AsyncClient:
        """Make an asynchronous one."""
        return async_http_client(
            self.connections.base_url,
            self.auth,
            self.headers,
            self.timeout,
            transport=self.connections.asynchronous(),
            cookies=self.cookies,
        )

    def with_headers(self, headers: Mapping[str, str]) -> HttpClients:
        """Return the same with more headers."""
        return evolve(self, headers=merged(self.headers, headers))


def merged(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Add headers to others; a name counts whatever its case."""
    replaced = {name.lower() for name in more}
    return {name: text for name, text in headers.items() if name.lower() not in replaced} | {**more}
