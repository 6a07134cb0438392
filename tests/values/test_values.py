"""What a response is beside its vectors: an array, an Arrow column, a DataFrame."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from openrouter_embeddings import EmbeddedBatch, EmbeddingsResponse, MissingExtraError

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(params=[EmbeddingsResponse, EmbeddedBatch], ids=lambda kind: kind.__name__)
def response(request):
    return request.param(vectors=MATRIX, model="m")


def test_it_is_a_sequence_of_vectors(response):
    """With a length, positions, slices and an order."""
    assert len(response) == 2
    assert response.dimensions == 3
    assert response[1].tolist() == [3.0, 4.0, 5.0]
    assert response[:1].shape == (1, 3)
    assert [vector.tolist() for vector in response] == MATRIX.tolist()


def test_numpy_takes_it_for_its_matrix(response):
    """Without a copy where none is needed."""
    assert np.shares_memory(np.asarray(response), MATRIX)
    assert not np.shares_memory(np.array(response, copy=True), MATRIX)
    assert np.asarray(response, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="without a copy"):
        np.array(response, dtype=np.float64, copy=False)


def test_arrow_takes_it_for_a_column(response):
    """By method and by protocol, FixedSizeList of float32."""
    kind = pa.list_(pa.float32(), 3)

    assert response.to_arrow().type == kind
    assert pa.array(response).type == kind
    assert pa.array(response).to_pylist() == MATRIX.tolist()


def test_pandas_gets_a_row_for_each_vector(response):
    """Rows are inputs, columns are dimensions."""
    assert response.to_pandas().to_numpy().tolist() == MATRIX.tolist()


def test_what_is_missing_is_named(response, monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)

    with pytest.raises((MissingExtraError, ImportError), match="pandas"):
        response.to_pandas()


def test_the_repr_is_short(response):
    """Fifteen hundred numbers have no place in it."""
    assert "shape (" in repr(response)
    assert "model='m'" in repr(response)
