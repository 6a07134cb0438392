"""What came of a run, taken apart for those who travelled in it. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import evolve, field, frozen

from openrouter_embeddings.proxy._envelope import Part
from openrouter_embeddings.proxy._shares import share_amount, share_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.errors import OpenRouterError
    from openrouter_embeddings.inputs import Input
    from openrouter_embeddings.values import EmbeddedBatch

N = TypeVar("N", int, float)


@frozen(eq=False)
class Load:
    """What one caller brings along.

    Attributes:
        inputs: Its inputs.
        lengths: How long each of them is in bytes, about.
    """

    inputs: Sequence[Input] = field(repr=False)
    lengths: Sequence[int]


def take_apart(batch: EmbeddedBatch, loads: Sequence[Load]) -> list[Part | OpenRouterError]:
    """Give each caller its vectors and its share of the cost, or the error of its first failure.

    What failed was refused, and so was free, or its cost falls to those who travelled along: the
    shares add up to what the run has cost.
    """
    errors = {failure.position: failure.error for failure in reversed(batch.failures)}
    starts = np.cumsum([0, *(len(load.inputs) for load in loads)]).tolist()
    outcomes: list[OpenRouterError | None] = [
        next((errors[place] for place in range(start, stop) if place in errors), None)
        for start, stop in pairwise(starts)
    ]
    lengths = [
        0 if error else sum(load.lengths) for load, error in zip(loads, outcomes, strict=True)
    ]
    cost, tokens = batch.usage.cost, batch.stats.prompt_tokens
    is_said = tokens > 0 or cost is not None
    tokens_of = share_count(tokens, lengths)
    cost_of = share_amount(cost or 0.0, lengths)
    return [
        error
        or Part(
            vectors=batch.vectors[starts[at] : starts[at + 1]],
            model=batch.model,
            provider=batch.providers[0] if len(batch.providers) == 1 else None,
            tokens=tokens_of[at] if is_said else None,
            cost=None if cost is None else cost_of[at],
        )
        for at, error in enumerate(outcomes)
    ]


def join(count: int, hits: Mapping[int, Vectors], places: Sequence[int], part: Part) -> Part:
    """Put vectors of the cache and new ones into one matrix.

    Args:
        count: How many inputs there are.
        hits: What the cache had, by position.
        places: The positions of the new ones.
        part: The new ones, as wide as the others.
    """
    vectors = np.empty((count, part.vectors.shape[1]), np.float32)
    vectors[list(places)] = part.vectors
    for place, row in hits.items():
        vectors[place] = row
    return evolve(part, vectors=vectors)


def add(one: Part, other: Part) -> Part:
    """Put two parts one after the other; they are equally wide."""
    return evolve(
        one,
        vectors=np.concatenate([one.vectors, other.vectors]),
        tokens=_sum(one.tokens, other.tokens),
        cost=_sum(one.cost, other.cost),
    )


def _sum(one: N | None, other: N | None) -> N | None:
    """Add what is known; what is not known of one is not known of both."""
    return None if one is None or other is None else one + other
