"""What happened, as frozen records for listeners: pass `on_event=` to a client to receive them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from openrouter_embeddings.errors import OpenRouterError

__all__ = ["AttemptFinished", "BatchSettled", "Event", "RetryScheduled", "RunFinished"]


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
        tokens: How many tokens the service counted, as far as it said.
        response_model: The model as its provider calls it, or None.
        provider: Who answered, or None where the service did not say.
        dimensions: How many numbers each vector has; None where there is none.
        encoding: How the vectors were asked for, ``"base64"`` or ``"float"``; None for a listing.
        started: When it began, in seconds of `time.monotonic`.
        base_url: Where it went, or None where that is not known.
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
    tokens: int | None = None
    response_model: str | None = None
    provider: str | None = None
    dimensions: int | None = None
    encoding: str | None = None
    started: float = 0.0
    base_url: str | None = None


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


@frozen
class RunFinished:
    """A run of `embed` or `stream` is over, or was ended early.

    Attributes:
        model: The model asked for.
        inputs: How many inputs were handed out, failed ones included.
        seconds: How long it took.
        hits: How many of them the cache had.
        failures: How many of them have no vector.
        requests: How many HTTP requests were sent, retries included.
        tokens: How many tokens the service counted, as far as it said.
        cost: What is known of the cost in USD.
        possible_cost: What may have been charged beside it; None where nobody knows how much.
        response_model: The model as the provider that answered first calls it, or None.
        provider: Who answered first, or None.
        dimensions: How many numbers each vector has; None where there is none.
        started: When it began, in seconds of `time.monotonic`.
    """

    model: str
    inputs: int
    seconds: float
    hits: int = 0
    failures: int = 0
    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    possible_cost: float | None = 0.0
    response_model: str | None = None
    provider: str | None = None
    dimensions: int | None = None
    started: float = 0.0


Event = AttemptFinished | RetryScheduled | BatchSettled | RunFinished
"""Everything that a listener can receive."""
