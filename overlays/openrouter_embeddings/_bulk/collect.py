"""Many batches into one: the result of `embed`, in one matrix that is allocated once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field

from openrouter_embeddings.errors import PartialFailureError
from openrouter_embeddings.values import EmbeddedBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openrouter_embeddings._bulk.run import OnError
    from openrouter_embeddings.values import Failure, Truncation


@define(eq=False)
class Collector:
    """The result of a run as it grows.

    Attributes:
        expected: How many inputs there are, or None where that is not known beforehand.
    """

    expected: int | None
    _matrix: NDArray[np.float32] | None = field(init=False, default=None)
    _rows: int = field(init=False, default=0)
    _failures: list[Failure] = field(init=False, factory=list)
    _truncated: list[Truncation] = field(init=False, factory=list)
    _from_cache: int = field(init=False, default=0)
    _last: EmbeddedBatch | None = field(init=False, default=None)

    def whole(self, width: int) -> NDArray[np.float32] | None:
        """Return the result itself, so that vectors are written where they end; see `Whole`."""
        if self.expected is None or width == 0:
            return None
        matrix = self._room_for(0, width)
        return matrix if matrix.shape[1] == width else None

    def add(self, batch: EmbeddedBatch) -> None:
        """Take the next batch."""
        start, self._rows = self._rows, self._rows + len(batch)
        if batch.dimensions and self.expected is None:
            self._room_for(start, batch.dimensions)[start : self._rows] = batch.vectors
        self._failures += batch.failures
        self._truncated += batch.truncated
        self._from_cache += batch.from_cache
        self._last = batch

    def _room_for(self, done: int, width: int) -> NDArray[np.float32]:
        """Make room for all rows so far; rows that came before the width was known are NaN."""
        if self._matrix is None:
            self._matrix = np.empty((max(self._rows, self.expected or 0), width), np.float32)
            self._matrix[: max(done, self._rows)] = np.nan
        elif self._rows > len(self._matrix):
            grown = np.empty((max(self._rows, 2 * len(self._matrix)), width), np.float32)
            grown[:done] = self._matrix[:done]
            self._matrix = grown
        return self._matrix

    def result(self, on_error: OnError) -> EmbeddedBatch:
        """Return everything in one batch.

        Raises:
            PartialFailureError: Inputs failed and `on_error` is ``"raise"``; it carries the result.
        """
        empty = np.full((self._rows, 0), np.nan, dtype=np.float32)
        matrix = empty if self._matrix is None else self._matrix[: self._rows]
        whole = evolve(
            self._last or EmbeddedBatch(vectors=matrix),
            vectors=matrix,
            start=0,
            failures=tuple(self._failures),
            truncated=tuple(self._truncated),
            from_cache=self._from_cache,
        )
        if self._failures and on_error == "raise":
            raise _partial(whole)
        return whole


def _partial(result: EmbeddedBatch) -> PartialFailureError:
    first = result.failures[0]
    message = (
        f"{len(result.failures)} of {len(result)} inputs failed. "
        f"The first is inputs[{first.position}] ({first.shown[:40]!r}): {first.error.message}"
    )
    hint = "What succeeded is in .result; on_error='keep' returns it without raising."
    error = PartialFailureError(message, result=result, hint=hint)
    error.__cause__ = first.error
    return error
