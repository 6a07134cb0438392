"""Bounds of a bulk run: batches, concurrency, memory."""

from __future__ import annotations

from attrs import frozen

from openrouter_embeddings._base import arguments

__all__ = ["Limits"]

_MOST = 10**12
"""No bound is larger, so that sums and products of bounds stay numbers that the system takes."""


@frozen
class Limits:
    """Bounds of a bulk run.

    Attributes:
        max_batch: The most inputs in one request.
        max_bytes: The most bytes of inputs in one request; a larger input travels alone.
        max_tokens: The most estimated tokens in one request; a larger input travels alone.
        max_in_flight: The most requests at one time; the run begins with fewer.
        window: The most inputs that are held at one time, which bounds the memory; as many vectors
            at the most, and 16 MiB of them, are remembered after they are handed out, for inputs
            that come again.

    Raises:
        ConfigurationError: A bound is no integer from 1 to a million millions.
    """

    max_batch: int = 100
    max_bytes: int = 4_000_000
    max_tokens: int = 100_000
    max_in_flight: int = 16
    window: int = 10_000

    def __attrs_post_init__(self) -> None:
        """Refuse bounds that nothing fits into."""
        for name in ("max_batch", "max_bytes", "max_tokens", "max_in_flight", "window"):
            given = getattr(self, name)
            bound = arguments.whole_number(f"Limits.{name}", given, least=1, most=_MOST)
            object.__setattr__(self, name, bound)
