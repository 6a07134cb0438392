"""What is handed out: vectors in one matrix, NaN where there is none; the result as it grows."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import EmbeddedBatch, Failure, PartialFailureError, VectorError
from openrouter_embeddings._bulk.items import Cached, Slot
from openrouter_embeddings._bulk.output import Course, Ready, Result, no_matrix

TWO = np.float32([[1, 2], [3, 4]])


def slot(text, row=None, error=None):
    made = Slot(text, "text", text, len(text), error=error)
    made.vectors, made.row = (None if row is None else TWO), row or 0
    return made


def batch_of(rows, start=0, failures=()):
    return EmbeddedBatch(np.float32(rows), start=start, failures=failures)


def test_rows_keep_the_order_of_the_positions():
    """Those of failed inputs are NaN and named; those of the cache are counted."""
    error = VectorError("NaN")
    entries = [slot("b", 1), slot("x", error=error), Cached(TWO), slot("a", 0)]
    batch = Ready(entries, 2, None, batch_of(np.empty((0, 2)), start=10)).batch()

    assert batch.vectors[[0, 2, 3, 4]].tolist() == [[3, 4], [1, 2], [3, 4], [1, 2]]
    assert np.isnan(batch.vectors[1]).all()
    assert [(each.position, each.error) for each in batch.failures] == [(11, error)]
    assert batch.from_cache == 2


def test_a_result_of_known_length_is_the_matrix_that_is_written_to():
    """Nobody copies it again; another width has none."""
    result = Result(2)
    matrix = result.matrix(2)
    matrix[:] = TWO
    result.add(batch_of(matrix))

    assert result.matrix(3) is None
    assert result.finish("raise", Course()).vectors.base is matrix
    assert no_matrix(2) is None


def test_a_result_of_unknown_length_grows():
    """Rows that came before the width was known are NaN."""
    failed = Failure(0, "x", VectorError("NaN"))
    result = Result(None)
    result.add(EmbeddedBatch(np.empty((1, 0), np.float32), failures=(failed,)))
    for start in (1, 3, 5):
        result.add(batch_of(TWO, start))
    whole = result.finish("keep", Course())

    assert np.isnan(whole.vectors[0]).all()
    assert whole.vectors[1:].tolist() == TWO.tolist() * 3
    assert whole.failures == (failed,)
    with pytest.raises(PartialFailureError, match="1 of 7 inputs failed"):
        result.finish("raise", Course())


def test_a_result_of_nothing_has_no_rows():
    """And is no error."""
    assert Result(0).finish("raise", Course()).vectors.shape == (0, 0)
