"""A cache in a folder and in memory."""

from __future__ import annotations

import pytest

from openrouter_embeddings.cache import EmbeddingCache


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.cache"


@pytest.fixture(params=["folder", "memory"])
def cache(request, path):
    with EmbeddingCache(path if request.param == "folder" else ":memory:") as opened:
        yield opened
