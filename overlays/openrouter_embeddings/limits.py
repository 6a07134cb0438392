"""Bounds of a bulk run: batches, concurrency, rates, memory."""

from __future__ import annotations

from attrs import frozen

from openrouter_embeddings._base import arguments

__all__ = ["Limits"]

_MOST = 10**12
"""No bound is larger, so that sums and products of bounds stay numbers that the system takes."""

# An estimate may be a quarter of the truth: a token is taken for four bytes, and may be one.
_SHARE_OF_MINUTE = 0.25
# 97 batches of texts of 110 KB, six times what is in flight; with 64 MB a job of such texts took
# 600 MB. Where texts are shorter than 3 KB the window is bounded by their number alone.
_WINDOW_BYTES = 32_000_000
_BYTES_OF_TOKEN = 4


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
            that come again. Inputs that the caller does not hold in a list are bounded in bytes
            as well, see `window_bytes`.
        requests_per_minute: The most requests that reach the service in any 60 seconds, those that
            are made again included; at least 1. None leaves it to what the run learns.
        tokens_per_minute: The most tokens in any 60 seconds, at least 1: by the service's own count
            once it is known, and until then by an estimate that is rather too large. A request has
            a quarter of that at the most; a single input that is larger travels alone, when nothing
            else counts. None leaves it to what the run learns.

    Raises:
        ConfigurationError: A bound is no integer from 1 to a million millions, or a rate no finite
            number from 1 on.
    """

    max_batch: int = 100
    max_bytes: int = 4_000_000
    max_tokens: int = 100_000
    max_in_flight: int = 16
    window: int = 10_000
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse bounds that nothing fits into."""
        for name in ("max_batch", "max_bytes", "max_tokens", "max_in_flight", "window"):
            given = getattr(self, name)
            bound = arguments.whole_number(f"Limits.{name}", given, least=1, most=_MOST)
            object.__setattr__(self, name, bound)
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) is not None:
                rate = arguments.number(f"Limits.{name}", getattr(self, name), least=1.0)
                object.__setattr__(self, name, rate)

    @property
    def batch_tokens(self) -> float:
        """The most estimated tokens in one request, `tokens_per_minute` considered."""
        if self.tokens_per_minute is None:
            return self.max_tokens
        return min(self.max_tokens, _SHARE_OF_MINUTE * self.tokens_per_minute)

    @property
    def window_bytes(self) -> int:
        """The most bytes of inputs that are held, and as many that are remembered afterwards.

        32 MB, or twice what can be in flight where that is more; what is read last may exceed it by
        some 16 MiB.
        """
        batch = min(self.max_bytes, _BYTES_OF_TOKEN * self.batch_tokens)
        return max(_WINDOW_BYTES, int(2 * self.max_in_flight * batch))
