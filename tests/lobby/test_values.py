"""What a caller gets back, as it is shown."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import EmbeddedBatch, Embedding, EmbeddingsResponse
from openrouter_embeddings.cache import Hits

MATRIX = np.full((2, 1536), 0.123, np.float32)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (EmbeddingsResponse(MATRIX), "shape (2, 1536)"),
        (EmbeddedBatch(MATRIX), "shape (2, 1536)"),
        (Embedding(0, MATRIX[0]), "shape (1536,)"),
        (Hits(0, MATRIX), "shape (2, 1536)"),
        (Embedding(0, "MATRIX0123"), "10 characters"),
    ],
    ids=["response", "batch", "vector", "hits", "base64"],
)
def test_results_show_shapes_and_never_numbers(value, shape):
    """Vectors in a log are of use to nobody, and can be turned back into texts."""
    shown = repr(value)

    assert shape in shown
    assert "0.123" not in shown
    assert "MATRIX" not in shown
