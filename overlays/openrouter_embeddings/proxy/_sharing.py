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


@frozen(eq=False)
class Landing:
    """What came of the inputs of one caller, one by one.

    Attributes:
        vectors: float32 of shape ``(n, width)``; rows of what failed mean nothing.
        errors: Why inputs have none, by position.
    """

    vectors: Vectors = field(repr=False)
    errors: Mapping[int, OpenRouterError]

    def at(self, place: int) -> Vectors | OpenRouterError:
        """Return the vector of an input, or why it has none."""
        return self.errors.get(place) or self.vectors[place]


def land(batch: EmbeddedBatch, loads: Sequence[Load]) -> list[Landing]:
    """Say what came of each input of each caller."""
    errors = {failure.position: failure.error for failure in batch.failures}
    starts = np.cumsum([0, *(len(load.inputs) for load in loads)]).tolist()
    return [
        Landing(
            batch.vectors[start:stop],
            {place - start: error for place, error in errors.items() if start <= place < stop},
        )
        for start, stop in pairwise(starts)
    ]


def join(
    count: int, found: Mapping[int, Vectors], places: Sequence[int], part: Part | None
) -> Part:
    """Put vectors that were there, and new ones, into one matrix.

    Args:
        count: How many inputs there are.
        found: What was there, by position.
        places: The positions of the new ones.
        part: The new ones, as wide as the others; None where there are none.
    """
    width = len(next(iter(found.values()))) if part is None else part.width
    vectors = np.empty((count, width), np.float32)
    for place, row in found.items():
        vectors[place] = row
    if part is None:
        return Part(vectors)
    vectors[list(places)] = part.vectors
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
