"""What is sent and what comes back: one HTTP request and one HTTP reply, as plain values."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from openrouter_embeddings._base.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


_MOST_ID_CHARACTERS = 200  # the ids in use have at most 64


@frozen
class HttpRequest:
    """One HTTP request, ready to be sent as often as needed.

    Attributes:
        method: The method.
        url: The path below the base URL.
        headers: Headers of this request.
        content: The body, serialised once.
        params: The query.
        once: Whether it must not be handed over whole a second time, however a kept connection
            ends: what follows is not for the pool to decide.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = field(default=None, repr=False)
    params: Mapping[str, Any] = MappingProxyType({})
    once: bool = False


@frozen
class Reply:
    """One complete HTTP reply.

    Attributes:
        status: The HTTP status.
        headers: The headers, names in lower case.
        body: The body, decompressed.
        received_at: When it came, in UTC; what relative times in it count from.
        written: How often the request was handed over whole until it came: twice where a kept
            connection turned out closed.
        base_url: Where the request went, or None where that is not known.
        problem: Why the body is not here, as the end of a sentence: "the body ..."; None if it is.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray = field(repr=False)
    received_at: datetime
    written: int = 1
    base_url: str | None = None
    problem: str | None = None

    @property
    def request_id(self) -> str | None:
        """The first of the ids by which the service's support finds an exchange."""
        names = ("x-generation-id", "request-id", "x-request-id", "cf-ray")
        found = next((self.headers[name] for name in names if self.headers.get(name)), None)
        return None if found is None else one_line(found)[:_MOST_ID_CHARACTERS]
