"""What all transports of ours share: when an exchange ends, and that a closed one says so."""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import httpx

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITTEN = "openrouter_embeddings.written"
"""Where in the extensions of a request a pool counts how often it was handed over whole."""

ONCE = "openrouter_embeddings.once"
"""Where they say that it must not be handed over whole a second time."""


class User(Protocol):
    """What sends through a transport on its own, beside its caller."""

    def before_close(self, interrupt: BaseException | None) -> None:
        """Take in what is under way: the transport is about to be closed.

        Args:
            interrupt: What interrupted the program, where that is why it is closed.
        """


class AsyncUser(Protocol):
    """What does the same in an event loop."""

    async def before_close(self, interrupt: BaseException | None) -> None:
        """Take in what is under way; see `User`."""


class Transport(httpx.BaseTransport):
    """What synchronous requests go through.

    Attributes:
        is_closed: Whether it was closed.
        has_replied: Whether anybody has replied through it.
    """

    is_closed = False
    has_replied = False

    @cached_property
    def users(self) -> list[User]:
        """What is to be told before it is closed."""
        return []


class AsyncTransport(httpx.AsyncBaseTransport):
    """What asynchronous requests go through.

    Attributes:
        is_closed: Whether it was closed.
        has_replied: Whether anybody has replied through it.
    """

    is_closed = False
    has_replied = False

    @cached_property
    def users(self) -> list[AsyncUser]:
        """What is to be told before it is closed."""
        return []

    def close(self) -> None:
        """Close it; nothing of that has to be waited for."""
        self.is_closed = True

    async def aclose(self) -> None:
        """Close it, by httpx's name."""
        self.close()


def end_of(request: httpx.Request) -> float:
    """Read when the whole exchange of a request must end, by the steady clock."""
    timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
    timeout = timeouts.get("read")
    return math.inf if timeout is None else time.monotonic() + timeout


def closed_error() -> ConfigurationError:
    """Make the error for the use of a client that was closed."""
    hint = "Make the calls inside its with block, or make a new client."
    return ConfigurationError("The client is closed.", hint=hint)
