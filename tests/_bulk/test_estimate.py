"""What a run would take: tokens and cost as intervals, equal inputs and cached ones once."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings._bulk.budget import estimate
from openrouter_embeddings._bulk.space import keys_of
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.inputs import embedding_request

KEYS = keys_of(embedding_request(input="template", model="m"), None)


@pytest.mark.parametrize(
    ("inputs", "unique", "tokens"),
    [
        ([], 0, (0, 0)),
        (["a"], 1, (1, 1)),
        (["x" * 12], 1, (2, 6)),
        (["x" * 12] * 3, 1, (2, 6)),
        ([[1, 2, 3]], 1, (3, 3)),
        (["x" * 12, [1, 2, 3]], 2, (5, 9)),
        ([f"{number:012}" for number in range(2_500)], 2_500, (5_000, 15_000)),
    ],
    ids=["none", "short", "text", "equal", "token ids", "both", "many"],
)
def test_tokens_are_between_two_and_six_bytes(inputs, unique, tokens):
    """At least one an input; token ids are counted."""
    found = estimate(inputs, KEYS, None, Decimal("0.5"))

    assert (found.inputs, found.unique, found.tokens) == (len(inputs), unique, tokens)
    assert found.cost == (tokens[0] * Decimal("0.5"), tokens[1] * Decimal("0.5"))


def test_what_the_cache_has_costs_nothing(tmp_path):
    """And without a fixed price there is no cost to name."""
    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        cache.put({KEYS.key("x" * 12): np.ones(4, np.float32)}, model="m")
        found = estimate(["x" * 12, "y" * 12], KEYS, cache, None)

    assert (found.cached, found.tokens, found.cost) == (1, (2, 6), None)


def test_an_input_that_cannot_be_used_is_named():
    """With its position."""
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        estimate(["a", ""], KEYS, None, None)
