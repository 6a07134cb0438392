"""Tokens and cost of a bulk run: estimated before it, learnt and bounded on its way. Pure.

`estimate` alone does something: it reads the inputs and asks the cache.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import checked_inputs, one_input
from openrouter_embeddings.values import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from openrouter_embeddings._bulk.items import Batch, Item
    from openrouter_embeddings.cache import KeyMaker, Store

# What English prose has with most tokenizers; the first answer takes its place.
_CHARACTERS_PER_TOKEN = 4.0
# Tokens of single bytes are the shortest; a count beyond four a character is none of these texts.
_LEAST_CHARACTERS_PER_TOKEN = 0.25
_MOST_BYTES_PER_TOKEN = 6.0
_LEAST_BYTES_PER_TOKEN = 2.0
_AT_ONCE = 1_000


@define(eq=False)
class TokenRatio:
    """How long a token is, learnt from the service's own counts.

    Attributes:
        characters_per_token: What is known of the ratio.
    """

    characters_per_token: float = field(init=False, default=_CHARACTERS_PER_TOKEN)
    _characters: int = field(init=False, default=0)
    _tokens: int = field(init=False, default=0)

    def estimate(self, item: Item) -> float:
        """Estimate the tokens of an input."""
        return item.size / self.characters_per_token if item.tokens is None else item.tokens

    def learn(self, batch: Batch, tokens: int | None) -> None:
        """Learn from what the service counted for a batch; None where it does not say."""
        if tokens is None or tokens <= 0 or batch.kind != "text":
            return
        self._characters += sum(slot.sent.size for slot in batch.slots)
        self._tokens += tokens
        ratio = self._characters / self._tokens
        self.characters_per_token = max(_LEAST_CHARACTERS_PER_TOKEN, ratio)


@define
class Budget:
    """What a run has spent, and may spend.

    Attributes:
        most: The most to spend in USD, or None.
        listed: What a token costs by the listing in USD, or None where that is not fixed.
        spent: USD, as far as the service said.
        tokens: Tokens, as far as the service said.
    """

    most: float | None = None
    listed: float | None = None
    spent: float = field(init=False, default=0.0)
    tokens: int = field(init=False, default=0)
    _reserved: dict[int, float] = field(init=False, factory=dict)

    @property
    def is_committed(self) -> bool:
        """Say whether something in flight has yet to be charged."""
        return bool(self._reserved)

    def reserve(self, tag: int, tokens: float) -> None:
        """Set the cost of a request aside while it is in flight."""
        self._reserved[tag] = self._price() * tokens

    def release(self, tag: int) -> None:
        """Note that a request is no longer in flight."""
        self._reserved.pop(tag, None)

    def charge(self, tokens: int, cost: float) -> None:
        """Note what an answer has cost."""
        self.tokens += tokens
        self.spent += cost

    def allows(self, tokens: float) -> bool:
        """Say whether so many tokens more surely stay within the bound."""
        if self.most is None:
            return True
        return self.spent + sum(self._reserved.values()) + self._price() * tokens <= self.most

    def reached(self) -> ConfigurationError:
        """Make the error that ends the run."""
        return ConfigurationError(
            f"max_cost of {self.most:g} USD is reached: {self.spent:.6g} USD were spent.",
            argument="max_cost",
            hint="What is done is kept; with a cache, a larger bound goes on from here.",
        )

    def _price(self) -> float:
        """Return what a token costs: as the service charged so far, else as it is listed."""
        return self.spent / self.tokens if self.tokens else self.listed or 0.0


def estimate(
    inputs: Iterable[object], keys: KeyMaker, store: Store | None, price: Decimal | None
) -> Estimate:
    """Estimate a run.

    A token is taken for 2 to 6 bytes of text, which holds for most prose and code.

    Args:
        inputs: The inputs; they are read to their end.
        keys: What tells them apart.
        store: The cache, or None.
        price: What a token costs in USD, or None where that is not fixed.

    Raises:
        ConfigurationError: An input cannot be used.
    """
    total, cached, least, most = 0, 0, 0.0, 0.0
    seen: set[bytes] = set()
    source = enumerate(checked_inputs(inputs))
    while chunk := list(islice(source, _AT_ONCE)):
        new: dict[bytes, tuple[float, float]] = {}
        for position, value in chunk:
            wire, _, size, tokens = one_input(position, value)
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
