"""Texts that are too long: recognised, and cut where that is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import PartialFailureError
from openrouter_embeddings._bulk.halving import MOST_CUTS, Cutting
from openrouter_embeddings.testing import FaultServer

MODEL = "test/embedding"


@pytest.fixture
def server():
    """A service that takes texts of at most 100 characters."""
    with FaultServer(dimensions=8, max_characters=100) as server:
        yield server


def test_a_text_that_is_too_long_is_a_failure(client):
    """Unless the caller says otherwise; the others are embedded."""
    result = client.embed(["a", "b" * 101, "c"], on_error="keep")

    assert [failure.position for failure in result.failures] == [1]
    assert "too long" in str(result.failures[0].error)
    assert result.truncated == ()


def test_long_texts_are_cut_where_that_is_wanted(server, client):
    """What was kept is said, and the vector is that of what was kept."""
    texts = ["a", "b" * 101, "c", "d" * 40_000, "e" * 100]

    result = client.embed(texts, on_long="truncate")

    assert result.failures == ()
    assert [(cut.position, cut.of) for cut in result.truncated] == [(1, 101), (3, 40_000)]
    kept = {cut.position: cut.kept for cut in result.truncated}
    assert all(0 < length <= 100 for length in kept.values())
    for position, text in enumerate(texts):
        sent = text[: kept.get(position, len(text))]
        assert np.array_equal(result.vectors[position], server.vector(sent))


def test_a_cut_text_is_cached_as_what_it_is(server, client, tmp_path):
    """The whole text stays unknown to the cache; the cut one is not paid for again."""
    path, texts = tmp_path / "vectors.cache", ["b" * 120, "c"]
    first = client.embed(texts, on_long="truncate", cache=path)
    embedded = server.inputs_embedded

    again = client.embed(texts, on_long="truncate", cache=path)

    assert server.inputs_embedded == embedded
    assert np.array_equal(again.vectors, first.vectors)
    assert again.truncated == first.truncated
    with pytest.raises(PartialFailureError, match="too long"):
        client.embed(texts, cache=path)


def test_cutting_ends():
    """A text that no cut makes acceptable is given up."""
    text, cuts = "a b " * 100_000, 0
    while (shorter := Cutting(100_000).shorter(text, 4.0, cuts)) is not None:
        assert len(shorter) < len(text)
        text, cuts = shorter, cuts + 1

    assert cuts == MOST_CUTS
    assert Cutting().shorter("a", 4.0, 0) is None
    assert Cutting(10).shorter("x" * 1_000, 4.0, 0) == "x" * 38
