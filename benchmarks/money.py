"""Count on the server what each fault costs, and compare it with what the client says it cost.

A row for each fault under which the server computes, once and in every reply, for `generate`,
`embed` and `stream` of both clients, with and without a cache. It exits 1 where an input was paid
for more than twice, or where what was charged is not between the known and the possible cost.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

from attrs import frozen

from openrouter_embeddings import (
    AsyncOpenRouter,
    Limits,
    OpenRouter,
    OpenRouterError,
    RetryConfig,
)
from openrouter_embeddings.testing import FaultServer, faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openrouter_embeddings.testing.faults import Fault

PRICE = 0.01
TOKENS = 2  # of each text, by the server's own count
TEXTS = [f"text {number:05}" for number in range(2_000)]
LIMITS = Limits(max_batch=100)
FAULTS = (
    faults.nan(),
    faults.missing_vector(),
    faults.truncated_body(),
    faults.reset_before_body(),
    faults.reset_in_body(),
    faults.status(504),
)
WHOLE = {"nan", "missing_vector"}  # these replies come whole, and say what they cost


@frozen
class Told:
    """What the client says.

    Attributes:
        delivered: How many vectors came.
        known: The known cost in USD, or None.
        possible: What may have been charged beside it, or None where nobody knows.
    """

    delivered: int
    known: float | None
    possible: float | None


async def call(client: OpenRouter | AsyncOpenRouter, way: str, cache: str | None) -> Told:
    """Embed in one way."""
    try:
        if way == "generate":
            reply = await settle(client.embeddings.generate, input=TEXTS[:100], model="m")
            return Told(len(reply), reply.usage.cost, reply.usage.possible_cost)
        more: Any = {"model": "m", "cache": cache, "limits": LIMITS}
        if way == "embed":
            batches = [await settle(client.embeddings.embed, TEXTS, on_error="keep", **more)]
        elif isinstance(client, OpenRouter):
            batches = list(client.embeddings.stream(TEXTS, **more))
        else:
            batches = [batch async for batch in client.embeddings.stream(TEXTS, **more)]
    except OpenRouterError as error:
        return Told(0, error.cost, error.possible_cost)
    delivered = sum(len(batch) - len(batch.failures) for batch in batches)
    return Told(delivered, batches[-1].usage.cost, batches[-1].usage.possible_cost)


async def settle(work: Callable[..., Any | Awaitable[Any]], *given: object, **named: object) -> Any:  # noqa: ANN401 - of both clients
    """Call a method of either client."""
    result = work(*given, **named)
    return await result if asyncio.iscoroutine(result) else result


async def measure(fault: Fault, times: str, way: str, kind: type[Any], *, cached: bool) -> bool:
    """Print a row, and say whether all promises were kept."""
    with FaultServer(cost_per_token=PRICE) as server, tempfile.TemporaryDirectory() as folder:
        server.script(fault) if times == "once" else server.always(fault)
        retries = RetryConfig(initial=0.001, maximum=0.002)
        client = kind(server.api_key, base_url=server.base_url, retries=retries, timeout=10.0)
        told = await call(client, way, f"{folder}/cache" if cached else None)
        await settle(client.close)
        paid = Counter(text for request in server.requests for text in request.body["input"])
    charged = paid.total() * TOKENS * PRICE
    most = max(paid.values())
    kept = most <= 2 and is_told(told, charged, whole=fault.name in WHOLE)
    asked = 100 if way == "generate" else len(TEXTS)
    print(
        f"| {fault.name} | {times} | {way} | {kind.__name__} | {'yes' if cached else 'no'}"
        f" | {told.delivered} | {asked - told.delivered} | {paid.total()}"
        f" | {sum(count > 1 for count in paid.values())} | {charged:.2f}"
        f" | {show(told.known)} | {show(told.possible)} | {'' if kept else 'BROKEN'} |",
        flush=True,
    )
    return kept


def is_told(told: Told, charged: float, *, whole: bool) -> bool:
    """Say whether the client's numbers hold what was charged."""
    known = told.known or 0.0
    if whole:
        return abs(known - charged) < 1e-6
    return known <= charged + 1e-6 and (
        told.possible is None or charged <= known + told.possible + 1e-6
    )


def show(amount: float | None) -> str:
    """Write an amount, or that nobody knows it."""
    return "unknown" if amount is None else f"{amount:.2f}"


def main() -> int:
    """Print the table."""
    print(
        "| fault | times | way | client | cache | delivered | failed | inputs paid | paid twice"
        " | charged | known | possible | |"
    )
    print("|---" * 13 + "|")
    clients = (OpenRouter, AsyncOpenRouter)
    kept = [
        asyncio.run(measure(fault, times, way, kind, cached=cached))
        for fault, times, way, kind, cached in product(
            FAULTS, ("once", "lasting"), ("generate", "embed", "stream"), clients, (False, True)
        )
        if not (way == "generate" and cached)
    ]
    print(f"{len(kept) - sum(kept)} of {len(kept)} rows break a promise")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
