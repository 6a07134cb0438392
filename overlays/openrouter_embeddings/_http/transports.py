"""What all transports of ours share: when an exchange ends, and that a closed one says so."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, cast

import httpx

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITTEN = "openrouter_embeddings.written"
"""Where in the extensions of a request a pool counts how often it was handed over whole."""

ONCE = "openrouter_embeddings.once"
"""Where they say that it must not be handed over whole a second time."""


class Transport(httpx.BaseTransport):
    """What synchronous requests go through.

    Attributes:
        is_closed: Whether it was closed.
        has_replied: Whether anybody has replied through it.
    """

    is_closed = False
    has_replied = False


class AsyncTransport(httpx.AsyncBaseTransport):
    """What asynchronous requests go through.

    Attributes:
        is_closed: Whether it was closed.
        has_replied: Whether anybody has replied through it.
    """

    is_closed = False
    has_replied = False

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
