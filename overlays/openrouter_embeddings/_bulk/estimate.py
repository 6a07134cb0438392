"""What a bulk run would take, from the inputs and the price alone. Pure but for the cache."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from openrouter_embeddings.inputs import checked_inputs, one_input
from openrouter_embeddings.values import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from openrouter_embeddings._bulk.options import Store
    from openrouter_embeddings.cache._keys import KeyMaker

_MOST_BYTES_PER_TOKEN = 6.0
_LEAST_BYTES_PER_TOKEN = 2.0
_AT_ONCE = 1_000


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
