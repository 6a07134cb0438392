"""How a proxy is set up: its options, checked."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from openrouter_embeddings._base import arguments, environment
from openrouter_embeddings._bulk.pace import Pace, Quota
from openrouter_embeddings._request.retry import RetryConfig
from openrouter_embeddings._request.settings import checked_retries
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.limits import Limits
from openrouter_embeddings.proxy._access import LEAST_TOKEN_CHARACTERS, Gate
from openrouter_embeddings.proxy._upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from attrs import Attribute

MAX_BODY_BYTES = 64 * 1024 * 1024
LONGEST_WINDOW = 0.01
"""Seconds; nobody waits longer for others to travel with."""

_MOST_INPUTS = 2_048  # of one request, what the largest provider takes; others say how many they do


def _by(check: Callable[[str, Any], object]) -> Callable[..., None]:
    """Make what checks a field by its name and value."""

    def validate(_made: object, attribute: Attribute[Any], value: object) -> None:
        check(attribute.name, value)

    return validate


def _optional(check: Callable[[str, Any], object]) -> Callable[[str, Any], object]:
    return lambda argument, value: None if value is None else check(argument, value)


def _path(argument: str, value: object) -> None:
    if value is not None and not isinstance(value, str | os.PathLike):
        raise arguments.bad_type(argument, "the path of a folder", value)


_rate = partial(arguments.number, least=1.0)
_window = partial(arguments.number, most=LONGEST_WINDOW)
_count = partial(arguments.whole_number, least=1)


def _retries(_argument: str, value: object) -> None:
    checked_retries(value)


@frozen(kw_only=True)
class ProxyOptions:
    """How a proxy is set up.

    Attributes:
        upstream: The base URL of the service; None takes ``OPENROUTER_BASE_URL``, else the service.
        allow_http: Whether plain http may go to other machines.
        api_key: A key of the proxy's own; None lets each caller's go on.
        tokens: What callers must show in place of a key, where the proxy has one of its own.
        cache: The folder of a cache, or None.
        max_cost: The most that may be spent with one key in USD, since the start; or None.
        requests_per_minute: The most requests that go to the service with one key in any 60
            seconds; or None. Who would wait for more than the next of them is refused with 429.
        hosts: Names by which callers may know the proxy beside those of this machine,
            ``"proxy.example"`` or ``"proxy.example:8080"``.
        window: Seconds for which a request waits for others like it, at most 0.01; 0 for none.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request to the service with its retries and waits; or None.
        retries: How failed attempts are repeated; None for single ones.
        max_body_bytes: The largest body of a request; a larger one is refused with 413.
        most_keys: The most keys that are held at one time.

    Raises:
        ConfigurationError: One cannot be used.
    """

    upstream: str | None = None
    allow_http: bool = False
    api_key: str | None = field(default=None, repr=False)
    tokens: Sequence[str] = field(default=(), repr=False)
    cache: str | PathLike[str] | None = field(default=None, validator=_by(_path))
    max_cost: float | None = field(default=None, validator=_by(_optional(arguments.number)))
    requests_per_minute: float | None = field(default=None, validator=_by(_optional(_rate)))
    hosts: Sequence[str] = ()
    window: float = field(default=0.005, validator=_by(_window))
    timeout: float | None = field(default=60.0, validator=_by(arguments.seconds))
    deadline: float | None = field(default=600.0, validator=_by(arguments.seconds))
    retries: RetryConfig | None = field(factory=RetryConfig, validator=_by(_retries))
    max_body_bytes: int = field(default=MAX_BODY_BYTES, validator=_by(_count))
    most_keys: int = field(default=256, validator=_by(_count))

    @property
    def limits(self) -> Limits:
        """The bounds of what goes to the service."""
        return Limits(max_batch=_MOST_INPUTS, requests_per_minute=self.requests_per_minute)


def make_client(options: ProxyOptions, key: str) -> Upstream:
    """Make the client of a key; all of its runs go at one pace."""
    client = Upstream(
        key,
        base_url=options.upstream,
        allow_http=options.allow_http,
        timeout=options.timeout,
        deadline=options.deadline,
        retries=options.retries,
    )
    limits = options.limits
    quota = Quota(limits.requests_per_minute, limits.tokens_per_minute)
    client.pace = Pace(limits.max_in_flight, quota, threading.RLock())
    client.turn, client.freed = asyncio.Lock(), asyncio.Event()
    client.checking = asyncio.Lock()
    return client


def make_gate(options: ProxyOptions) -> Gate:
    """Make what lets callers in.

    Raises:
        ConfigurationError: There is a key without tokens, or tokens without a key.
    """
    tokens = _texts("tokens", options.tokens)
    if options.api_key is None and tokens:
        message = "tokens are of use only with a key of the proxy's own."
        raise ConfigurationError(message, argument="tokens", hint="Give api_key as well.")
    if options.api_key is not None and not tokens:
        message = "A proxy with a key of its own needs tokens, or everybody could spend with it."
        hint = "Give tokens, each of which lets one caller in."
        raise ConfigurationError(message, argument="tokens", hint=hint)
    key = None if options.api_key is None else environment.checked_api_key(options.api_key)
    hosts = frozenset(host.lower() for host in _texts("hosts", options.hosts))
    return Gate(key, [_token(position, token) for position, token in enumerate(tokens)], hosts)


def _texts(argument: str, values: object) -> list[str]:
    if not isinstance(values, list | tuple):
        message = f"{argument} must be a list of texts."
        raise ConfigurationError(message, argument=argument)
    return [arguments.text(f"{argument}[{place}]", value) for place, value in enumerate(values)]


def _token(position: int, token: str) -> str:
    """Check a token without ever showing it."""
    argument = f"tokens[{position}]"
    environment.checked_api_key(token, argument)
    if len(token) < LEAST_TOKEN_CHARACTERS:
        message = f"{argument} must have at least {LEAST_TOKEN_CHARACTERS} characters."
        hint = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(24))"'
        raise ConfigurationError(message, argument=argument, hint=hint)
    return token
