"""Count on a server what each fault costs, and compare it with what the client says it cost.

    python -m nox -s money [-- --only nan,silence]

The server charges for what it computed: it began a success that is no error, gave no status to a
request that it took whole, or said that time ran out. A row for each fault of the test kit under
which it does, once, for a single text wherever that stands, and in every reply; for `generate`,
`embed` and `stream` of both clients, with and without a cache. It exits 1 where a row breaks a
promise, and names which:

- `sum`: what is known is what was charged, where all replies came whole and said so; else what was
  charged lies between the known cost and that together with the possible one;
- `thrice`: no input was paid for more than twice;
- `lost`: each innocent input has its vector; of timeouts those fail that were in time neither alone
  nor in a part, and say so;
- `dear`: a run paid at most 1.1 times for what hits single inputs and is answered, and twice for
  what hits all of them;
- `cache`: what was delivered stands in the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve, frozen
from bounds import bounds_table

from openrouter_embeddings import (
    AsyncOpenRouter,
    Limits,
    OpenRouter,
    OpenRouterError,
    RetryConfig,
)
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import NoResponseError, ResponseError
from openrouter_embeddings.testing import FaultServer, faults
from openrouter_embeddings.testing.faults import Healthy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from openrouter_embeddings.testing.faults import Answer, Fault
    from openrouter_embeddings.values import EmbeddedBatch

PRICE = 0.01
TOKENS = 2  # of each text, by the server's own count
COUNT, WIDTH, BATCH = 2_000, 8, 100
TEXTS = [f"text {number:05}" for number in range(COUNT)]
# The last of its batch, since the faults of single vectors hit the last one.
POISON = TEXTS[11 * BATCH - 1]
LIMITS = Limits(max_batch=BATCH)
RETRIES = RetryConfig(initial=0.001, maximum=0.002)
# Healthy replies take some milliseconds; this is for machines that are busy with other things.
TIMEOUT, PATIENT = 2.0, 60.0
_TIMED_OUT = {408, 504, 524}

Times = Literal["once", "one text", "lasting"]
Kind = Literal["good", "row", "batch", "all", "slow", "free"]
"""What a fault does to the inputs of a batch:

- `good`: all get their vectors, perhaps when they are asked for in another way;
- `row`: the last one gets none;
- `batch`: none gets one, and each would get one alone;
- `all`: none gets one, in a batch or alone;
- `slow`: the same, because time runs out;
- `free`: it is refused, and nothing was computed.
"""

KINDS: Mapping[str, Kind] = {
    "status": "free",
    "error_in_200": "free",
    "no_successful_provider": "free",
    "wrapped_502": "free",
    "in_flight_budget": "free",
    "free_tier_daily": "free",
    "zod_error": "free",
    "string_error": "free",
    "provider_error": "free",
    "html": "free",
    "redirect": "free",
    "empty_body": "all",
    "whitespace_only": "all",
    "not_json": "all",
    "json_array": "all",
    "no_data": "all",
    "truncated_body": "all",
    "reset_before_body": "all",
    "reset_in_body": "all",
    "drip": "slow",
    "drip_headers": "slow",
    "silence": "slow",
    "ok": "good",
    "leading_whitespace": "good",
    "reordered": "good",
    "absent_index": "good",
    "missing_index": "good",
    "duplicate_index": "batch",
    "index_out_of_range": "all",
    "missing_vector": "all",
    "extra_vector": "all",
    "empty_data": "all",
    "nan": "row",
    "infinity": "row",
    "zero_vector": "row",
    "mixed_widths": "row",
    "wrong_width": "all",
    "floats_despite_base64": "good",
    "base64_despite_float": "good",
    "refuses_base64": "good",
    "junk_base64": "row",
    "short_base64": "row",
    "another_type": "good",
    "another_alphabet": "good",
    "one_vector": "batch",
    "one_for_all": "batch",
    "text_numbers": "row",
    "null_numbers": "row",
    "null_embedding": "row",
    "new_enum_values": "good",
    "extra_fields": "good",
    "null_usage": "good",
    "wrong_content_type": "good",
    "status: 429 with Retry-After": "free",
    "html: 200": "all",
    "error_in_200: 429": "free",
    "refuses_base64: error": "good",
    "refuses_base64: 400": "good",
    "another_type: float16": "good",
    "another_type: big-endian": "good",
}
MORE: Mapping[str, tuple[Fault, Kind]] = {
    f"status: {code}": (faults.status(code, retry_after=0), "slow") for code in _TIMED_OUT
}


def computes(answer: Answer) -> bool:
    """Say whether the server computed what it answers."""
    if answer.status in _TIMED_OUT:
        return True
    return 200 <= answer.status < 300 and not answer.body.strip().startswith(b'{"error"')


def says_cost(answer: Answer) -> bool:
    """Say whether a reply comes whole and says what it cost."""
    return answer.manner == "whole" and b'"cost"' in answer.body


class Till(FaultServer):
    """A server that counts and charges every input that it computes."""

    def __init__(self) -> None:
        """Begin with nothing charged."""
        super().__init__(cost_per_token=PRICE, dimensions=WIDTH)
        self.of_one_text: Fault | None = None
        self.paid = Counter[str]()
        self.all_said, self.any_said = True, False

    def _choose(
        self, endpoint: tuple[str, str], size: int, body: object, items: list[object]
    ) -> Fault:
        chosen = super()._choose(endpoint, size, body, items)
        return self.of_one_text if self.of_one_text and POISON in items else chosen

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Answer, and charge where that was computed."""
        answer = super().answer(method, target, headers, raw)
        if method == "POST" and computes(answer):
            with self._lock:
                self.paid.update(json.loads(raw)["input"])
                self.all_said = self.all_said and says_cost(answer)
                self.any_said = self.any_said or says_cost(answer)
        return answer


@frozen
class Told:
    """What the client says.

    Attributes:
        delivered: How many right vectors came.
        failed: Why the others are missing, by their texts.
        known: The known cost in USD, or None.
        possible: What may have been charged beside it, or None where nobody knows.
    """

    delivered: int
    failed: Mapping[str, OpenRouterError]
    known: float | None
    possible: float | None


@frozen
class Row:
    """One row of the table, and what is asked of it.

    Attributes:
        name: The fault's name.
        times: How often it strikes.
        way: The method.
        client: The client's class.
        cached: Whether there is a cache.
        broken: Which promises it broke, once it was measured.
        shown: The row as it is printed.
    """

    name: str
    times: Times
    way: Literal["generate", "embed", "stream"]
    client: type[OpenRouter | AsyncOpenRouter]
    cached: bool
    broken: tuple[str, ...] = ()
    shown: str = ""

    @property
    def fault(self) -> Fault:
        """The fault."""
        return menu()[self.name][0]

    @property
    def kind(self) -> Kind:
        """What it does to a batch."""
        return menu()[self.name][1]

    @property
    def texts(self) -> list[str]:
        """The inputs; those of a single request have the poison last."""
        start = TEXTS.index(POISON) + 1 - BATCH
        return TEXTS[start : start + BATCH] if self.way == "generate" else TEXTS

    def measure(self) -> Row:
        """Carry it out, and see what it breaks."""
        with Till() as server, tempfile.TemporaryDirectory() as folder:
            if self.times == "one text":
                server.of_one_text = self.fault
            elif self.times == "once":
                server.script(self.fault)
            else:
                server.always(self.fault)
            cache = f"{folder}/cache" if self.cached else None
            told = asyncio.run(self._ask(server, cache))
            kept = told.delivered
            if cache is not None and Path(cache).exists():
                with EmbeddingCache(cache) as opened:
                    kept = opened.info().vectors
        broken = self._broken(server, told, kept)
        return evolve(self, broken=broken, shown=self._write(server, told, broken))

    async def _ask(self, server: Till, cache: str | None) -> Told:
        timeout = TIMEOUT if self.kind == "slow" else PATIENT
        settings: Any = {"base_url": server.base_url, "retries": RETRIES, "timeout": timeout}
        client = self.client(server.api_key, **settings)
        try:
            return await self._call(client, cache, server)
        finally:
            await settle(client.close)

    async def _call(
        self, client: OpenRouter | AsyncOpenRouter, cache: str | None, server: Till
    ) -> Told:
        given: Any = {"model": "m", "dimensions": WIDTH}
        if self.way == "generate":
            try:
                reply = await settle(client.embeddings.generate, input=self.texts, **given)
            except OpenRouterError as error:
                return Told(0, dict.fromkeys(self.texts, error), error.cost, error.possible_cost)
            good = count_right(server, self.texts, reply.vectors)
            return Told(good, {}, reply.usage.cost, reply.usage.possible_cost)
        given |= {"cache": cache, "limits": LIMITS}
        if self.way == "embed":
            whole = await settle(client.embeddings.embed, TEXTS, on_error="keep", **given)
            return self._told(server, [whole], whole.usage.cost, whole.usage.possible_cost)
        stream: Any = client.embeddings.stream(TEXTS, **given)
        batches = list(stream) if self.client is OpenRouter else [batch async for batch in stream]
        return self._told(server, batches, stream.stats.cost, stream.stats.possible_cost)

    def _told(
        self,
        server: Till,
        batches: Sequence[EmbeddedBatch],
        known: float | None,
        possible: float | None,
    ) -> Told:
        failed = {TEXTS[f.position]: f.error for batch in batches for f in batch.failures}
        vectors = np.concatenate([np.asarray(b.vectors).reshape(len(b), -1) for b in batches])
        return Told(count_right(server, TEXTS, vectors), failed, known, possible)

    def _broken(self, server: Till, told: Told, kept: int) -> tuple[str, ...]:
        promises = {
            "sum": is_sum(told, server),
            "thrice": max(server.paid.values(), default=0) <= 2,
            "lost": self.way == "generate" or self._keeps_innocents(told, server),
            "dear": server.paid.total() <= self._most_paid * len(self.texts),
            "cache": kept == told.delivered,
        }
        return tuple(name for name, holds in promises.items() if not holds)

    @property
    def _most_paid(self) -> float:
        is_single = self.times != "lasting" or self.kind == "row"
        is_answered = self.kind != "slow" and self.fault.name not in {
            "truncated_body",
            "reset_before_body",
            "reset_in_body",
        }
        return 1.1 if is_single and is_answered and self.way != "generate" else 2.0

    def _keeps_innocents(self, told: Told, server: Till) -> bool:
        """Say whether nobody fails who could have been answered."""
        if told.delivered + len(told.failed) != len(TEXTS):
            return False
        if self.kind in {"good", "batch"} or (self.times == "once" and self.kind != "slow"):
            return not told.failed
        if self.kind == "slow" and self.times != "lasting":
            timed_out = all(map(is_timeout, told.failed.values()))
            return timed_out and all(server.paid[text] == 2 for text in told.failed)
        if self.times == "one text":
            return set(told.failed) <= {POISON}
        # The last ones of their batches, and of the parts of these.
        return self.kind != "row" or len(told.failed) <= COUNT / BATCH

    def _write(self, server: Till, told: Told, broken: tuple[str, ...]) -> str:
        cells = (
            self.name,
            self.times,
            self.way,
            self.client.__name__,
            "yes" if self.cached else "no",
            told.delivered,
            len(told.failed),
            server.paid.total(),
            sum(count > 1 for count in server.paid.values()),
            f"{charged_by(server):.2f}",
            show(told.known),
            show(told.possible),
            " ".join(broken),
        )
        return f"| {' | '.join(map(str, cells))} |"


def charged_by(server: Till) -> float:
    """Add up what the server charged, in USD."""
    return server.paid.total() * TOKENS * PRICE


def is_sum(told: Told, server: Till) -> bool:
    """Say whether the client's numbers hold what was charged."""
    known, charged = told.known or 0.0, charged_by(server)
    if server.all_said:
        return abs(known - charged) < 1e-6 and told.possible == 0.0
    if told.possible is None:
        # Nobody knows a price that no reply has told.
        return known == 0.0 and not server.any_said
    return known <= charged + 1e-6 and charged <= known + told.possible + 1e-6


def is_timeout(error: OpenRouterError) -> bool:
    """Say whether a failure says that time ran out."""
    if isinstance(error, NoResponseError):
        return error.timed_out
    return isinstance(error, ResponseError) and error.status_code in _TIMED_OUT


def count_right(server: Till, texts: Sequence[str], vectors: Any) -> int:  # noqa: ANN401 - of any shape
    """Count the rows that are the vectors of their texts; a wrong one is the end of the script."""
    if vectors.shape[1] == 0:
        return 0
    wanted = np.stack([server.vector(text) for text in texts])
    there = ~np.isnan(vectors).any(axis=1)
    if not np.array_equal(vectors[there], wanted[there]):
        sys.exit("a wrong vector was delivered")
    return int(there.sum())


async def settle(work: Callable[..., Any | Awaitable[Any]], *given: object, **named: object) -> Any:  # noqa: ANN401 - of both clients
    """Call a method of either client."""
    result = work(*given, **named)
    return await result if asyncio.iscoroutine(result) else result


def show(amount: float | None) -> str:
    """Write an amount, or that nobody knows it."""
    return "unknown" if amount is None else f"{amount:.2f}"


@cache
def menu() -> dict[str, tuple[Fault, Kind]]:
    """Return the faults under which the server computes, each with what it does.

    Whoever adds a fault to the kit says here what it does.
    """
    offered = faults.menu()
    if offered.keys() != KINDS.keys():
        sys.exit(f"Say in KINDS what these do: {sorted(offered.keys() ^ KINDS.keys())}")
    chosen: dict[str, tuple[Fault, Kind]] = {
        name: (fault, KINDS[name]) for name, fault in offered.items()
    }
    chosen.update(MORE)
    sample = [np.full(WIDTH, 0.5, np.float32), np.full(WIDTH, 0.25, np.float32)]
    for name, (fault, kind) in chosen.items():
        asked = (Healthy(sample, form, WIDTH, {}) for form in ("base64", "float"))
        if any(computes(fault.apply(healthy)) for healthy in asked) == (kind == "free"):
            sys.exit(f"KINDS says that {name} is {kind}, and the server charges otherwise")
    return {name: pair for name, pair in chosen.items() if pair[1] != "free"}


def rows(only: set[str]) -> Iterator[Row]:
    """Make the rows."""
    clients: tuple[type[OpenRouter | AsyncOpenRouter], ...] = (OpenRouter, AsyncOpenRouter)
    times: tuple[Times, ...] = ("once", "one text", "lasting")
    for name in menu().keys() & only if only else menu():
        for often, client in product(times, clients):
            yield Row(name, often, "generate", client, cached=False)
            for cached in (False, True):
                yield Row(name, often, "embed", client, cached)
                yield Row(name, often, "stream", client, cached)


def faults_table(only: set[str]) -> bool:
    """Print the table of faults, and say whether each row holds."""
    print(
        "| fault | times | way | client | cache | delivered | failed | inputs paid | paid twice"
        " | charged | known | possible | broken |"
    )
    print("|---" * 13 + "|", flush=True)
    todo = [row for row in rows(only) if row.kind != "good" or row.times != "one text"]
    # Those that wait for their timeouts do so side by side.
    slow = [row for row in todo if row.kind == "slow"]
    quick = [row for row in todo if row.kind != "slow"]
    done = [*measured(quick, os.cpu_count() or 1), *measured(slow, 6)]
    broken = sum(bool(row.broken) for row in done)
    print(f"{broken} of {len(done)} rows break a promise", flush=True)
    return bool(done) and not broken


def measured(todo: Sequence[Row], processes: int) -> list[Row]:
    """Measure rows in so many processes, and print each."""
    done = list[Row]()
    with ProcessPoolExecutor(processes) as pool:
        for row in pool.map(Row.measure, todo):
            print(row.shown, flush=True)
            done.append(row)
    return done


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Count what faults cost.")
    parser.add_argument("--only", default="", help="names of faults, with commas between them")
    only = {name.strip() for name in parser.parse_args().only.split(",") if name.strip()}
    kept = faults_table(only)
    return 0 if (bool(only) or bounds_table()) and kept else 1


if __name__ == "__main__":
    sys.exit(main())
