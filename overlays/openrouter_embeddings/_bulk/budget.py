"""Tokens and cost of a bulk run: estimated before it, learnt and bounded on its way. Pure.

`estimate` alone does something: it reads the inputs and asks the cache.
"""

from __future__ import annotations

import math
import sys
from itertools import islice
from typing import TYPE_CHECKING, cast

from attrs import define, evolve, field

from openrouter_embeddings._bulk.items import Slot, sizes_of
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import checked_inputs, one_input
from openrouter_embeddings.values import Estimate, RunStats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from openrouter_embeddings._bulk.items import Batch, Item, Run
    from openrouter_embeddings._bulk.pace import Pace
    from openrouter_embeddings._request.charges import Charge
    from openrouter_embeddings.cache import KeyMaker, Store
    from openrouter_embeddings.errors import OpenRouterError

# What English prose has with most tokenizers; the first answer takes its place.
_CHARACTERS_PER_TOKEN = 4.0
# Tokens of single bytes are the shortest; a count beyond four a character is none of these texts.
_LEAST_CHARACTERS_PER_TOKEN = 0.25
_MOST_BYTES_PER_TOKEN = 6.0
_LEAST_BYTES_PER_TOKEN = 2.0
_AT_ONCE = 1_000
# The longest context of an embedding model that was listed in 2026.
_LONGEST_CONTEXT = 131_072


@define(eq=False)
class TokenRatio:
    """How long a token is, learnt from the service's own counts.

    Attributes:
        context: The most tokens of an input, or None where that is not known.
        characters_per_token: What is known of the ratio.
    """

    context: int | None = None
    characters_per_token: float = field(init=False, default=_CHARACTERS_PER_TOKEN)
    _characters: int = field(init=False, default=0)
    _tokens: int = field(init=False, default=0)

    def estimate(self, item: Item) -> float:
        """Estimate the tokens of an input."""
        return item.size / self.characters_per_token if item.tokens is None else item.tokens

    def most(self, item: Item) -> int:
        """Return the most tokens that an input can have: one a byte, and those of the context."""
        if item.kind == "content":
            return self.context or max(item.size, _LONGEST_CONTEXT)
        tokens = max(1, item.size if item.tokens is None else item.tokens)
        return tokens if self.context is None else min(tokens, self.context)

    def bounds(
        self, entry: Run | Slot, count: int | None = None
    ) -> tuple[list[int], Sequence[float], list[int]]:
        """Return sizes, estimated and most tokens of the first inputs of a place, or of all."""
        if isinstance(entry, Slot):
            return [entry.sent.size], [self.estimate(entry.sent)], [self.most(entry.sent)]
        sizes, ratio = sizes_of(entry.texts[:count]), self.characters_per_token
        return sizes, [size / ratio for size in sizes], self._most_of(sizes)

    def _most_of(self, sizes: list[int]) -> list[int]:
        return [min(size, self.context) for size in sizes] if self.context else sizes

    def estimate_all(self, entries: Iterable[Run | Slot], count: int = sys.maxsize) -> float:
        """Estimate the tokens of places, or of so many of their inputs."""
        tokens = 0.0
        for entry in entries:
            likely = self.bounds(entry, count)[1]
            tokens, count = tokens + sum(likely), count - len(likely)
            if count <= 0:
                break
        return tokens

    def most_of_all(self, entries: Iterable[Run | Slot]) -> int:
        """Return the most tokens that the inputs of places can have."""
        most = 0
        for entry in entries:
            if isinstance(entry, Slot):
                most += self.most(entry.sent)
            else:
                most += sum(self._most_of(entry.sizes))
        return most

    def learn(self, batch: Batch, tokens: int | None) -> None:
        """Learn from what the service counted for a batch; None where it does not say."""
        if tokens is None or tokens <= 0 or batch.kind != "text":
            return
        self._characters += sum([sum(entry.sizes) for entry in batch.entries])
        self._tokens += tokens
        ratio = self._characters / self._tokens
        self.characters_per_token = max(_LEAST_CHARACTERS_PER_TOKEN, ratio)


@define(eq=False)
class Account:
    """What a run has spent, may have spent, and may spend.

    The theory. What replies say that they cost is known. What was handed over and never told the
    cost of is possible: the most tokens that it can have, at the dearest price seen or listed. What
    is in flight is reserved in the same way, so that with a bound nothing goes out that could cross
    it. A service that is dearer than its listing is found out by its first reply, which therefore
    goes out alone.

    Attributes:
        most: The most to spend in USD, or None.
        listed: What a token costs by the listing in USD, or None where that is not known.
        counts: What was counted so far.
    """

    most: float | None = None
    listed: float | None = None
    counts: RunStats = field(init=False, factory=RunStats)
    _dearest: float | None = field(init=False)
    _known: float = field(init=False, default=0.0)
    _wasted: float = field(init=False, default=0.0)
    _unsaid_tokens: int = field(init=False, default=0)
    _answered: bool = field(init=False, default=False)
    _reserved: dict[int, int] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin with the listed price."""
        self._dearest = self.listed

    @property
    def is_committed(self) -> bool:
        """Say whether something in flight has yet to be charged."""
        return bool(self._reserved)

    def reserve(self, tag: int, tokens: int) -> OpenRouterError | None:
        """Set aside the most tokens that a request can have while it is not over.

        Returns:
            Why it may not go out, where the books cannot be kept; None for a request that may.
        """
        self._reserved[tag] = tokens
        return None

    def release(self, tag: int) -> None:
        """Note that a request is over."""
        self._reserved.pop(tag, None)

    def abandon(self) -> None:
        """Book what is in flight as possible: nobody waits for its answers."""
        self._unsaid_tokens += sum(self._reserved.values())
        self._reserved.clear()

    def book(self, charge: Charge, most_tokens: int, *, wasted: float = 1.0) -> None:
        """Note what an attempt has cost.

        Args:
            charge: What its reply says.
            most_tokens: The most tokens that it can have.
            wasted: The share of its inputs that it brought no vector for.
        """
        cost, unsaid = charge.cost, charge.unsaid
        if cost is None and charge.computed and charge.tokens and self.listed is not None:
            cost, unsaid = charge.tokens * self.listed, unsaid - 1
        if cost is not None:
            self._known += cost
            self._wasted += wasted * cost
            self._dearest = max(self._dearest or 0.0, cost / (charge.tokens or most_tokens))
        self._unsaid_tokens += unsaid * most_tokens
        tokens = self.counts.prompt_tokens + (charge.tokens or 0)
        self.counts = evolve(self.counts, requests=self.counts.requests + 1, prompt_tokens=tokens)

    def on_answer(self, inputs: int) -> None:
        """Note an answer with vectors for so many inputs; the first one tells the price."""
        self._answered = True
        self.counts = evolve(self.counts, inputs_sent=self.counts.inputs_sent + inputs)

    def on_retry(self) -> None:
        """Note that a request is made again."""
        self.counts = evolve(self.counts, retries=self.counts.retries + 1)

    @property
    def room(self) -> float:
        """How many tokens more surely stay within the bound; infinity where there is none."""
        if self.most is None:
            return math.inf
        if self.is_committed and not self._answered:
            return 0.0
        tokens = self._unsaid_tokens + sum(self._reserved.values())
        price = self._dearest or 0.0
        # Sums of costs are off by some 1e-16 of themselves, and the bound may be their exact sum.
        left = self.most * (1 + 1e-12) - self._known - tokens * price
        if left < 0:
            return -1.0
        return left / price if price else math.inf

    def stats(self, pace: Pace) -> RunStats:
        """Return what the run has done so far, and at which pace."""
        unsaid = self._unsaid_tokens > 0
        possible = None if self._dearest is None else self._unsaid_tokens * self._dearest
        return evolve(
            self.counts,
            cost=self._known,
            possible_cost=possible if unsaid else 0.0,
            wasted_cost=self._wasted,
            in_flight=pace.in_flight,
            refusals=pace.refusals,
            throttled_seconds=pace.throttled,
            highest_concurrency=pace.highest,
        )

    def reached(self) -> ConfigurationError:
        """Make the error that ends the run."""
        possible = self._unsaid_tokens * (self._dearest or 0.0)
        more = f", and {possible:.6g} USD more may have been" if possible else ""
        return ConfigurationError(
            f"max_cost of {self.most:g} USD is reached: {self._known:.6g} USD were spent{more}. "
            "The next request could cross it.",
            argument="max_cost",
            hint="What is done is kept; with a cache, a larger bound goes on from here.",
        )


def estimate(
    inputs: Iterable[object],
    keys: KeyMaker,
    store: Store | None,
    price: Decimal | None,
    prefix: str = "",
) -> Estimate:
    """Estimate a run.

    A token is taken for 2 to 6 bytes of text, which holds for most prose and code.

    Args:
        inputs: The inputs; they are read to their end.
        keys: What tells them apart.
        store: The cache, or None.
        price: What a token costs in USD, or None where that is not fixed.
        prefix: What is put before each text.

    Raises:
        ConfigurationError: An input cannot be used.
    """
    total, cached, least, most = 0, 0, 0.0, 0.0
    seen: set[bytes] = set()
    source = enumerate(cast("Iterable[object]", checked_inputs(inputs)))
    while chunk := list(islice(source, _AT_ONCE)):
        new: dict[bytes, tuple[float, float]] = {}
        for position, value in chunk:
            wire, _, size, tokens = one_input(position, value, prefix)
            key = keys.key(wire)
            if key not in seen:
                seen.add(key)
                new[key] = _bounds(size, tokens)
        total += len(chunk)
        hits = _known(store, list(new)) if store is not None else set()
        cached += len(hits)
        least += sum(low for key, (low, _) in new.items() if key not in hits)
        most += sum(high for key, (_, high) in new.items() if key not in hits)
    tokens_of_all = round(least), round(most)
    cost = None if price is None else (price * tokens_of_all[0], price * tokens_of_all[1])
    return Estimate(total, len(seen), cached, tokens_of_all, cost)


def _known(store: Store, keys: Sequence[bytes]) -> set[bytes]:
    return {key for hits in store.find(keys) for key in keys[hits.start : hits.stop]}


def _bounds(size: int, tokens: int | None) -> tuple[float, float]:
    if tokens is not None:
        return float(tokens), float(tokens)
    return max(1.0, size / _MOST_BYTES_PER_TOKEN), max(1.0, size / _LEAST_BYTES_PER_TOKEN)
