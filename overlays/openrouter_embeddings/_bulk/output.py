"""Settled positions become a batch to hand out: vectors in one matrix, and what failed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from attrs import evolve, frozen

from openrouter_embeddings._bulk.items import Cached
from openrouter_embeddings._request.vectors import as_index
from openrouter_embeddings.values import EmbeddedBatch, Failure, Truncation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.items import Slot

    Entries = Sequence[Slot | Cached]


class Whole(Protocol):
    """The matrix of a whole run, where there is one; row i is for position i."""

    def __call__(self, width: int) -> Vectors | None:
        """Return it, made on the first call; None where there is none of this width."""
        ...


def nothing_whole(width: int) -> None:
    """Stand for a run whose vectors are not collected in one matrix."""


@frozen(eq=False)
class Ready:
    """Positions whose outcome is known, to be handed out.

    Attributes:
        entries: The positions.
        width: How wide the vectors are; 0 while that is not known.
        whole: The matrix of the whole run, or None.
        rest: The batch but for what follows from the positions.
    """

    entries: Entries
    width: int
    whole: Vectors | None
    rest: EmbeddedBatch

    def batch(self) -> EmbeddedBatch:
        """Copy the vectors into their matrix; this part takes long, and touches nothing shared."""
        start = self.rest.start
        return evolve(
            self.rest,
            vectors=_matrix_of(self.entries, self.width, start, self.whole),
            failures=tuple(_failures_of(self.entries, start)),
            truncated=tuple(_truncations_of(self.entries, start)),
            from_cache=_cached_in(self.entries),
        )


def _matrix_of(entries: Entries, width: int, start: int, whole: Vectors | None) -> Vectors:
    """Write the vectors of positions into one matrix; those of failed ones are NaN.

    In the matrix of the whole run most of them are in their places already.
    """
    count = count_of(entries)
    matrix = np.empty((count, width), np.float32) if whole is None else whole[start : start + count]
    at = 0
    for vectors, first, last in _runs(entries):
        stop = at + last - first
        if vectors is None:
            matrix[at:stop] = np.nan
        elif vectors is not whole or first != start + at:
            matrix[at:stop] = vectors[first:last]
        at = stop
    # Whoever is told of progress must not change what equal inputs will get as well.
    matrix.flags.writeable = whole is None
    return matrix


def placed(slots: Sequence[Slot], vectors: Vectors, whole: Vectors) -> list[int]:
    """Write vectors to where they end, and return their rows there."""
    rows = [slot.position for slot in slots]
    whole[as_index(rows)] = vectors
    return rows


def count_of(entries: Entries) -> int:
    """Count the positions."""
    more = sum(len(entry.vectors) - 1 for entry in entries if isinstance(entry, Cached))
    return len(entries) + more


def _runs(entries: Entries) -> Iterator[tuple[Vectors | None, int, int]]:
    """Join neighbours whose vectors are neighbours too: a copy for each row would cost more."""
    vectors, first, last = None, 0, 0
    for entry in entries:
        row, rows = (0, len(entry.vectors)) if isinstance(entry, Cached) else (entry.row, 1)
        if entry.vectors is not vectors or (vectors is not None and row != last):
            if last > first:
                yield vectors, first, last
            vectors, first, last = entry.vectors, row, row
        last += rows
    yield vectors, first, last


def _failures_of(entries: Entries, start: int) -> Iterator[Failure]:
    """List the inputs that have no vector."""
    for position, slot in _slots(entries, start):
        if slot.error is not None:
            text = slot.wire if isinstance(slot.wire, str) else repr(slot.wire)
            yield Failure(position, text[:80], slot.error)


def _truncations_of(entries: Entries, start: int) -> Iterator[Truncation]:
    """List the inputs whose vectors stand for their beginnings."""
    for position, slot in _slots(entries, start):
        if slot.cut is not None and slot.vectors is not None:
            yield Truncation(position, len(str(slot.cut.wire)), len(str(slot.wire)))


def _cached_in(entries: Entries) -> int:
    """Count the positions whose vectors came from the cache."""
    return sum(len(e.vectors) if isinstance(e, Cached) else e.cached for e in entries)


def _slots(entries: Entries, start: int) -> Iterator[tuple[int, Slot]]:
    for entry in entries:
        if isinstance(entry, Cached):
            start += len(entry.vectors)
        else:
            yield start, entry
            start += 1
