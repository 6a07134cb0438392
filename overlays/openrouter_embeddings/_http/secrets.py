"""The key where it must be, and nowhere else: veiled in memory, masked in what comes back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NoReturn

import httpx

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_LEAST_CHARACTERS = 12
"""Shorter keys are words, ``local`` or ``test``, which stand in honest replies."""

_MASK = b"***"


class BearerAuth(httpx.Auth):
    """Puts the key into each request, and shows it to nobody.

    Errors keep frames alive, and trackers of errors go through all that these hold. So the key is
    kept under a one-time pad, and stands in plain in a request only while it is under way.
    """

    def __init__(self, api_key: str) -> None:
        self._size = len(api_key)
        self._pad = int.from_bytes(os.urandom(self._size), "big")
        self._veiled = int.from_bytes(api_key.encode(), "big") ^ self._pad

    def __repr__(self) -> str:
        """Hide the key."""
        return "BearerAuth('***')"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: the key would be in it."""
        raise bound_to_a_process()

    def _key(self) -> bytes:
        return (self._veiled ^ self._pad).to_bytes(self._size, "big")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; httpx calls it for each request."""
        request.headers["Authorization"] = f"Bearer {self._key().decode()}"
        yield request

    def mask_body(self, body: bytearray) -> bytes | bytearray:
        """Mask the key in the body of a reply: services quote what they were sent."""
        if self._size < _LEAST_CHARACTERS:
            return body
        for written in {self._key(), json.dumps(self._key().decode())[1:-1].encode()}:
            if written in body:
                body = body.replace(written, _MASK)
        return body

    def mask_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Mask the key in the headers of a reply."""
        return {self.mask(name): self.mask(value) for name, value in headers.items()}

    def mask(self, text: str) -> str:
        """Mask the key in a text."""
        if self._size < _LEAST_CHARACTERS:
            return text
        return text.replace(self._key().decode(), _MASK.decode())


def bound_to_a_process() -> ConfigurationError:
    """Make the error for a copy or a pickle of a part of a client."""
    message = "Connections and keys cannot be copied or pickled by themselves."
    hint = "Copy or pickle the client, OpenRouter or AsyncOpenRouter."
    return ConfigurationError(message, hint=hint)


def forget_key(request: httpx.Request) -> None:
    """Take the key out of a finished request, which exceptions and tracebacks keep alive."""
    request.headers = httpx.Headers()
