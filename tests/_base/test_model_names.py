"""Names of models in replies: one model in two ways, a version, or two models."""

from __future__ import annotations

import pytest

from openrouter_embeddings._base.model_names import Likeness, compare_names


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        (None, "m", Likeness.SAME),
        ("", "m", Likeness.SAME),
        ("text-embedding-3-small", "openai/text-embedding-3-small", Likeness.SAME),
        ("Qwen/Qwen3-Embedding-8B", "qwen3-embedding-8b", Likeness.SAME),
        ("text-embedding-ada-002", "text-embedding-ada-002-v2", Likeness.UNSURE),
        ("mistral-embed", "mistral-embed-2312", Likeness.UNSURE),
        ("gemini-embedding", "models/gemini-embedding-001", Likeness.UNSURE),
        ("nemotron-3-embed-1b", "nvidia/nemotron-3-embed-1b:free", Likeness.UNSURE),
        ("nomic-embed-text:latest", "nomic-embed-text", Likeness.UNSURE),
        ("titan-embed-text-v2", "titan-embed-text-v2:0", Likeness.UNSURE),
        ("intfloat/e5-large", "other/e5-large", Likeness.UNSURE),
        ("e5-large-v1", "e5-large-v2", Likeness.OTHER),
        ("text-embedding-3-small", "text-embedding-3-large", Likeness.OTHER),
        ("qwen3-embedding", "qwen3-embedding-8b", Likeness.OTHER),
        ("bge-m3", "bge-m3-unsupervised", Likeness.OTHER),
        ("m", "m2", Likeness.OTHER),
    ],
)
def test_two_names_are_one_model_or_two_or_that_is_not_known(one, other, likeness):
    """In either order."""
    assert compare_names(one, other) is compare_names(other, one) is likeness
