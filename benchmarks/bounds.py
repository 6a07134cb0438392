"""Hold `max_cost` against servers that charge, report and count in ways of their own.

A row for each server and both clients. The bound holds where a server charges tokens at the listed
price, whatever it reports; a dearer one crosses it by what was in flight when its first dear reply
was read, and no more: one request at the beginning of a run. What is known and what is possible
hold what was charged, and a run whose costs are told goes on until not even one input more would
surely fit.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    Limits,
    OpenRouter,
    RetryConfig,
)
from openrouter_embeddings.testing import FaultServer, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openrouter_embeddings.testing.faults import Answer, Fault
    from openrouter_embeddings.values import EmbeddedBatch, RunStats

MODEL = "author/model"
PRICE = 0.01
BOUND = 20.0
COUNT, MOST_IN_FLIGHT = 1_000, 16
ENGLISH = [f"the quick brown fox number {number:013}" for number in range(COUNT)]  # 40 bytes each
CHINESE = [f"敏捷的棕色狐狸跳过{number:013}" for number in range(COUNT)]  # 40 bytes, 22 characters
LONGEST = 40  # bytes, and so the most tokens, of each of them


def by_bytes(size: float) -> Callable[[str], int]:
    """Count one token for so many bytes."""
    return lambda text: math.ceil(len(text.encode()) / size)


def by_characters(text: str) -> int:
    """Count two tokens for each character of three bytes, and a quarter of one for others."""
    return math.ceil(sum(2 if len(each.encode()) == 3 else 0.25 for each in text))


def tell(cost: float) -> dict[str, object]:
    """Report the cost as it is."""
    return {"cost": cost}


@frozen
class Server:
    """A server of the table.

    Attributes:
        name: What it does.
        tokens: How many tokens it counts for a text.
        told: What its usage says of the cost.
        factor: How much dearer it is than its listing.
        dear_from: From which request on it is.
        listed: The prices of the entries of its model.
        texts: What it gets.
        fault: What it answers.
        tells_tokens: Whether its usage says the tokens.
        refused: Whether the run is refused before anything is sent.
        goes_on: Whether the run comes as near to its bound as single inputs let it.
        breaks_off: Every how many replies one breaks off, which costs all the same; 0 for none.
        batch: The most inputs of a request.
        seconds: How long it takes.
    """

    name: str
    tokens: Callable[[str], int] = by_characters
    told: Callable[[float], Mapping[str, object]] = tell
    factor: float = 1.0
    dear_from: int = 0
    listed: tuple[str | None, ...] = (str(PRICE),)
    texts: Sequence[str] = field(default=ENGLISH, repr=False)
    fault: Fault = field(factory=faults.ok)
    tells_tokens: bool = True
    refused: bool = False
    goes_on: bool = True
    breaks_off: int = 0
    batch: int = 5
    seconds: float = 0.005


SERVERS = (
    Server("cost reported"),
    Server("cost absent", told=lambda _: {}),
    Server("cost a text", told=lambda cost: {"cost": f"{cost} USD"}),
    Server("cost negative", told=lambda cost: {"cost": -cost}),
    Server("cost 10^400", told=lambda _: {"cost": 10**400}),
    Server("no usage", told=lambda _: {}, tells_tokens=False, goes_on=False),
    Server("100 times the list price", factor=100, goes_on=False),
    Server("100 times, from the 10th request on", factor=100, dear_from=10, goes_on=False),
    Server("1 byte a token", by_bytes(1)),
    Server("16 bytes a token", by_bytes(16)),
    Server("2 tokens a character of three bytes", texts=CHINESE),
    Server("English first, Chinese later", texts=[*ENGLISH[:50], *CHINESE]),
    Server("NaN in every reply", fault=faults.nan()),
    Server("breaks off every tenth reply", breaks_off=10, goes_on=False),
    Server("16 in flight", batch=2, seconds=0.03),
    Server("no price listed", listed=(None,), refused=True),
    Server("no fixed price: -1", listed=("-1",), refused=True),
    Server("price 0", listed=("0",), factor=0.0, goes_on=False),
    Server("listed twice, the dearer first", listed=(str(PRICE), str(PRICE / 10))),
    Server("listed twice, the dearer last", listed=(str(PRICE / 10), str(PRICE))),
)


class Meter(FaultServer):
    """Charges by its own count, and tells what it likes."""

    def __init__(self, server: Server) -> None:
        """Begin with nothing charged."""
        entry = {"id": MODEL, "name": "m", "context_length": 8192}
        super().__init__(
            dimensions=8, models=[entry | {"pricing": {"prompt": p}} for p in server.listed]
        )
        self.always(server.fault)
        self.server = server
        self.charged = self.first = 0.0
        self.most_in_flight = self.inputs = 0
        self._in_flight = self._numbered = 0
        self._till = threading.Lock()

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Answer and charge; a little later, so that others are in flight beside it."""
        answer = super().answer(method, target, headers, raw)
        if method != "POST":
            return answer
        texts = json.loads(raw)["input"]
        tokens = sum(map(self.server.tokens, texts))
        with self._till:
            number, self._numbered = self._numbered, self._numbered + 1
            is_dear = number >= self.server.dear_from
            cost = tokens * PRICE * (self.server.factor if is_dear else 1.0)
            self.first = self.first or cost
            self.charged, self.inputs = self.charged + cost, self.inputs + len(texts)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        time.sleep(self.server.seconds)
        with self._till:
            self._in_flight -= 1
        return self._reported(answer, tokens, cost, number)

    def _reported(self, answer: Answer, tokens: int, cost: float, number: int) -> Answer:
        payload = json.loads(answer.body)
        usage = dict(self.server.told(cost))
        if self.server.tells_tokens:
            usage |= {"prompt_tokens": tokens, "total_tokens": tokens}
        payload["usage"] = usage
        written = evolve(answer, body=json.dumps(payload).encode())
        every = self.server.breaks_off
        breaks = every and number % every == every - 1
        return evolve(written, manner="truncate") if breaks else written


async def spend(kind: type[OpenRouter | AsyncOpenRouter], server: Meter) -> EmbeddedBatch:
    """Embed with a bound of the cost."""
    retries = RetryConfig(initial=0.001, maximum=0.002)
    given: Any = {
        "model": MODEL,
        "max_cost": BOUND,
        "on_error": "keep",
        "limits": Limits(max_batch=server.server.batch, max_in_flight=MOST_IN_FLIGHT),
    }
    client = kind(server.api_key, base_url=server.base_url, retries=retries)
    if isinstance(client, OpenRouter):
        with client:
            return client.embeddings.embed(server.server.texts, **given)
    async with client:
        return await client.embeddings.embed(server.server.texts, **given)


def measure(server: Server, kind: type[OpenRouter | AsyncOpenRouter]) -> bool:
    """Print a row, and say whether all promises were kept."""
    with Meter(server) as meter:
        try:
            result = asyncio.run(spend(kind, meter))
        except ConfigurationError as error:
            named = error.argument == "max_cost" and not meter.inputs
            broken = [] if named and server.refused else ["refused"]
            cells: list[object] = ["refused", 0, f"{meter.charged:.2f}", "", "", meter.inputs]
        else:
            broken = judge(server, meter, result)
            stats = result.stats
            cells = [
                len(result) - len(result.failures),
                meter.most_in_flight,
                f"{meter.charged:.2f}",
                f"{stats.cost:.2f}",
                "unknown" if stats.possible_cost is None else f"{stats.possible_cost:.2f}",
                meter.inputs,
            ]
    row = [server.name, kind.__name__, *cells, " ".join(broken)]
    print(f"| {' | '.join(map(str, row))} |", flush=True)
    return not broken


def judge(server: Server, meter: Meter, result: EmbeddedBatch) -> list[str]:
    """Name the promises that a run broke."""
    stats, charged = result.stats, meter.charged
    possible = math.inf if stats.possible_cost is None else stats.possible_cost
    promises = {
        "refused": not server.refused,
        "bound": charged <= BOUND + allowance(server, meter, stats) + 1e-6,
        "sum": stats.cost - 1e-6 <= charged <= stats.cost + possible + 1e-6,
        "stopped": (result.stopped is None) == (server.factor == 0.0),
        "short": not server.goes_on or charged > BOUND - LONGEST * PRICE - 1e-6,
        "all": server.factor != 0.0 or not result.failures,
    }
    return [name for name, holds in promises.items() if not holds]


def allowance(server: Server, meter: Meter, stats: RunStats) -> float:
    """Return by how much a server may cross the bound, in USD."""
    if server.factor <= 1:
        return 0.0
    if not server.dear_from:
        return meter.first
    # A reply that is here makes room for the next request before it is read: a quarter more.
    requests = math.ceil(1.25 * stats.highest_concurrency) + 1
    return requests * server.batch * LONGEST / 4 * PRICE * server.factor


def bounds_table() -> bool:
    """Print the table of bounds, and say whether each row holds."""
    print(f"\nmax_cost={BOUND:g}, {LONGEST} bytes a text, {PRICE:g} USD a token as listed")
    print(
        "| server | client | delivered | most in flight | charged | known | possible"
        " | inputs paid | broken |"
    )
    print("|---" * 9 + "|", flush=True)
    clients: tuple[type[OpenRouter | AsyncOpenRouter], ...] = (OpenRouter, AsyncOpenRouter)
    kept = [measure(server, client) for server in SERVERS for client in clients]
    print(f"{len(kept) - sum(kept)} of {len(kept)} rows break a promise", flush=True)
    return all(kept)
