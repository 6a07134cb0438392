"""Bulk runs with long texts, with pinned providers and a cache, and with early ends."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, Limits, PartialFailureError
from openrouter_embeddings._bulk.truncation import MOST_CUTS, Cutting
from openrouter_embeddings._request.verdicts import is_too_long
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ForbiddenResponseError,
    PayloadTooLargeResponseError,
)
from openrouter_embeddings.testing import FaultServer, faults

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
    path, texts = tmp_path / "cache.sqlite", ["b" * 120, "c"]
    first = client.embed(texts, on_long="truncate", cache=path)
    embedded = server.inputs_embedded

    again = client.embed(texts, on_long="truncate", cache=path)

    assert server.inputs_embedded == embedded
    assert np.array_equal(again.vectors, first.vectors)
    assert again.truncated == first.truncated
    with pytest.raises(PartialFailureError, match="too long"):
        client.embed(texts, cache=path)


@pytest.mark.parametrize("on_long", ["cut", None, 1])
def test_unknown_ways_with_long_texts_are_refused(client, on_long):
    """Nothing is guessed."""
    with pytest.raises(ConfigurationError, match="on_long"):
        client.embed(["a"], on_long=on_long)


def test_cutting_ends():
    """A text that no cut makes acceptable is given up."""
    text, cuts = "a b " * 100_000, 0
    while (shorter := Cutting(100_000).shorter(text, 4.0, cuts)) is not None:
        assert len(shorter) < len(text)
        text, cuts = shorter, cuts + 1

    assert cuts == MOST_CUTS
    assert Cutting().shorter("a", 4.0, 0) is None
    assert Cutting(10).shorter("x" * 1_000, 4.0, 0) == "x" * 38


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadRequestResponseError("This model's maximum context length is 8192 tokens"), True),
        (BadRequestResponseError("input[0] is too long"), True),
        (BadRequestResponseError("no", metadata={"error_type": "string_too_long"}), True),
        (BadRequestResponseError("X is not a valid model ID"), False),
        (PayloadTooLargeResponseError("Payload Too Large"), True),
        (ForbiddenResponseError("too long"), False),
    ],
)
def test_what_too_long_means(error, expected):
    """The service says it by its type, or in words."""
    assert is_too_long(error) is expected


def test_a_bound_of_the_cost_shortens_nothing(client):
    """Every input has its row, whatever was sent."""
    texts = [f"{number:08}" for number in range(3_000)]
    limits = Limits(max_batch=20, window=100)

    result = client.embed(texts, max_cost=2e-08 * 200, on_error="keep", limits=limits)

    assert len(result) == 3_000
    assert "max_cost" in str(result.stopped)
    assert result.failures[-1].position == 2_999
    assert result.failures[-1].error is result.stopped


def test_a_pinned_run_takes_nothing_of_others_from_the_cache(server, client, tmp_path):
    """Vectors that nobody was pinned for are not taken; those of the pinned provider are."""
    path, limits = tmp_path / "cache.sqlite", Limits(max_batch=2)
    texts = list("abcdef")
    client.embed(texts, cache=path, limits=limits)

    pinned = client.embed(texts, cache=path, limits=limits, pin_provider=True)
    again = client.embed(texts, cache=path, limits=limits, pin_provider=True)

    assert (pinned.from_cache, again.from_cache) == (0, 4)
    with EmbeddingCache(path) as cache:
        assert cache.info().vectors == 12
    named = {"only": ["Example AI"]}
    assert client.embed(texts, cache=path, provider=named).from_cache == 6


def test_a_pinned_run_goes_on_when_its_first_batch_fails(server, client):
    """Inputs that cannot be sent settle nothing about the provider."""
    result = client.embed(
        ["", "", "a"], limits=Limits(max_batch=2), pin_provider=True, on_error="keep"
    )

    assert [failure.position for failure in result.failures] == [0, 1]
    assert np.array_equal(result.vectors[2], server.vector("a"))


def test_an_outage_is_named_in_the_result(server, client):
    """Callers can tell what was refused from what was never sent."""
    server.always(faults.status(402, "Insufficient credits"))

    result = client.embed(list("abc"), on_error="keep")

    assert "Insufficient credits" in str(result.stopped)
