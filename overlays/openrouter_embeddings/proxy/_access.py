"""Who may ask: the host that is meant, the kind of body, the key or the token. Pure.

A page in somebody's browser can send requests to this machine. It must not spend: it cannot say
`Content-Type: application/json` without asking first, which is never allowed, and a name that leads
here and is not ours (DNS rebinding) is refused.
"""

from __future__ import annotations

import hmac
import os
from hashlib import blake2b
from typing import TYPE_CHECKING

from attrs import field, frozen

from openrouter_embeddings._base.environment import checked_api_key
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
_SECRET = os.urandom(16)  # so that what stands for a key here means nothing elsewhere

LEAST_TOKEN_CHARACTERS = 16
"""A token stands between a neighbour and somebody's money: it is not to be guessed."""


class RefusalError(Exception):
    """A request that is refused here, with the status that says why.

    Attributes:
        status: The HTTP status.
        message: The words.
        retry_after: When to come back in seconds, or None.
    """

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


@frozen
class Caller:
    """Who asks.

    Attributes:
        id: What tells callers apart; nobody can read the key or token from it.
        holder: The same for the key that the service is asked with.
        key: The key that the service is asked with.
        is_known: Whether the caller showed a token, which is as good as an accepted key.
    """

    id: bytes
    holder: bytes
    key: str = field(repr=False)
    is_known: bool


@frozen
class Gate:
    """Who is let in.

    Attributes:
        key: The key of the proxy's own; None where each caller's goes on.
        tokens: What callers must show in its place.
        hosts: Names by which the proxy is known beside those of this machine, with or without port.
    """

    key: str | None = field(default=None, repr=False)
    tokens: Sequence[str] = field(default=(), repr=False)
    hosts: frozenset[str] = frozenset()

    def check_host(self, headers: Mapping[str, str], server: tuple[str, int | None]) -> None:
        """Refuse a request that is meant for somebody else.

        Args:
            headers: The headers, names in lower case.
            server: The address and the port that the request came in at.

        Raises:
            RefusalError: 421, the host is not ours.
        """
        given = headers.get("host", "").lower()
        host, port = _split(given)
        ours = host in {*_LOOPBACK_NAMES, server[0].lower()} and port in {"", str(server[1])}
        if not ours and given not in self.hosts and host not in self.hosts:
            raise RefusalError(421, "This is another host than the one that was asked for.")

    def check_type(self, headers: Mapping[str, str]) -> None:
        """Refuse a body that does not say that it is JSON.

        Raises:
            RefusalError: 415.
        """
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RefusalError(415, "Content-Type must be application/json.")

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """Say who asks.

        Raises:
            RefusalError: 401, there is no key, or no token where one is needed.
        """
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        shown = shown.strip()
        if scheme.lower() != "bearer" or not shown:
            raise RefusalError(401, "Missing Authentication header")
        if self.key is None:
            return _with_own_key(shown)
        known = [hmac.compare_digest(shown.encode(), token.encode()) for token in self.tokens]
        if not any(known):
            raise RefusalError(401, "This token is not known here.")
        return Caller(_digest(shown), _digest(self.key), self.key, is_known=True)


def _with_own_key(key: str) -> Caller:
    try:
        checked_api_key(key)
    except ConfigurationError:
        raise RefusalError(401, "The key holds characters that no key has.") from None
    return Caller(_digest(key), _digest(key), key, is_known=False)


def _digest(secret: str) -> bytes:
    return blake2b(secret.encode(), key=_SECRET, digest_size=16).digest()


def _split(host: str) -> tuple[str, str]:
    """Split a host from its port; an address of IPv6 stands in brackets."""
    if host.startswith("[") and "]" in host:
        address, _, rest = host[1:].partition("]")
        return address, rest.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port
