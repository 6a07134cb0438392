"""A guard without clocks: what is allocated while a large reply is read."""

from __future__ import annotations

import base64
import json
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest

from openrouter_embeddings import EmbeddingsResponse
from openrouter_embeddings._request.lessons import Lessons
from openrouter_embeddings._request.operations import EmbedOperation
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.inputs import embedding_request

COUNT, WIDTH = 2048, 1536
MATRIX = COUNT * WIDTH * 4
# Measured: the decoded JSON, whose base64 texts are 4/3 of the matrix, and the matrix itself; then
# masks of the checks. Another copy of the matrix would be 1.0 more.
USUAL = 2.73


@pytest.fixture(scope="module")
def body():
    rows = np.random.default_rng(0).standard_normal((COUNT, WIDTH)).astype(np.float32)
    items = [
        {"object": "embedding", "index": n, "embedding": base64.b64encode(row.tobytes()).decode()}
        for n, row in enumerate(rows)
    ]
    return json.dumps({"object": "list", "data": items, "model": "m"}).encode()


def test_a_large_reply_is_read_with_few_copies(body):
    """The peak stays below one and a half times what it is."""
    request = embedding_request(input=["a"] * COUNT, model="m")
    operation = EmbedOperation.of(request, Lessons(lambda: 0.0))
    reply = Reply(200, {}, body, datetime.now(UTC))

    tracemalloc.start()
    response = operation.read(reply)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(response, EmbeddingsResponse)
    assert response.vectors.shape == (COUNT, WIDTH)
    assert 1.0 <= held / MATRIX < 1.1
    assert peak / MATRIX < 1.5 * USUAL, f"{peak / MATRIX:.2f} matrices"
