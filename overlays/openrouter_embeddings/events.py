"""What happened, as frozen records for listeners: pass `on_event=` to a client to receive them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from openrouter_embeddings.errors import OpenRouterError

__all__ = ["AttemptFinished", "BatchSettled", "Event", "RetryScheduled"]


@frozen
class AttemptFinished:
    """One HTTP exchange ended, well or badly.

    Attributes:
        operation: ``"generate"`` or ``"list_models"``.
        model: The model asked for, or None where the operation has none.
        inputs: How many inputs the request carried.
        attempt: 1 for the first attempt of a logical request.
        seconds: How long the attempt took, its body included.
        status: The status of the reply, or None if none came.
        error: What the attempt ended with, or None if it brought what was asked.
        request_id: The id of the exchange, if the service sent one.
        cost: What it cost in USD as far as is known, also where it failed; 0.0 for a refusal, which
            is free; None where it may have cost something and nobody said how much.
    """

    operation: str
    model: str | None
    inputs: int
    attempt: int
    seconds: float
    status: int | None = None
    error: OpenRouterError | None = None
    request_id: str | None = None
    cost: float | None = None


@frozen
class RetryScheduled:
    """An attempt failed and another follows.

    Attributes:
        operation: ``"generate"`` or ``"list_models"``.
        model: The model asked for, or None where the operation has none.
        attempt: The attempt that failed, 1 for the first.
        delay: Seconds until the next attempt begins.
        error: Why.
    """

    operation: str
    model: str | None
    attempt: int
    delay: float
    error: OpenRouterError


@frozen
class BatchSettled:
    """One batch of a bulk run is done.

    Attributes:
        model: The model asked for.
        inputs: How many inputs the batch carried.
        seconds: From its first attempt to its outcome.
        error: Why it has no vectors, or None; its inputs may be sent again in smaller batches.
        cost: What it cost in USD, as far as the service said.
    """

    model: str
    inputs: int
    seconds: float
    error: OpenRouterError | None = None
    cost: float | None = None


Event = AttemptFinished | RetryScheduled | BatchSettled
"""Everything that a listener can receive."""
