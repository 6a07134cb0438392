"""`prefix=`: put before each text as it stands, in both clients."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, Content
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import FaultServer

PREFIX = "query: "
TEXTS = ["a red fox", "überall", "a red fox"]


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_it_stands_before_each_text(kind, server, client):
    """As it is, with no blank added; equal texts are still sent once."""
    result = client.embed(kind(TEXTS), prefix=PREFIX)

    assert np.array_equal(result.vectors, [server.vector(PREFIX + text) for text in TEXTS])
    assert [request.body["input"] for request in server.requests] == [
        ["query: a red fox", "query: überall"]
    ]


def test_every_call_takes_it(server, client):
    """Where texts go."""
    wanted = server.vector("query: a")

    assert np.array_equal(client.call("embed_query", "a", model="m", prefix=PREFIX), wanted)
    documents = client.call("embed_documents", ["a"], model="m", prefix=PREFIX)
    assert np.array_equal(documents.vectors[0], wanted)


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_put_before_a_text_without_it(nothing, server, client):
    """Nor is anything guessed from the model's name."""
    client.embed(["a"], model="intfloat/e5-base", prefix=nothing)

    assert server.requests[0].body["input"] == ["a"]


def test_the_cache_has_what_was_sent(server, client):
    """A text with its prefix written out is the same; the text alone is another one."""
    with EmbeddingCache(":memory:") as cache:
        client.embed(["a"], prefix=PREFIX, cache=cache)

        assert client.embed(["query: a"], cache=cache).from_cache == 1
        assert client.embed(["a"], prefix=PREFIX, cache=cache).from_cache == 1
        assert client.embed(["a"], cache=cache).from_cache == 0


def test_it_counts_for_limits_and_estimate(server, client):
    """It is sent, and paid for."""
    with_it = client.call("estimate", ["a"], model="test/embedding", prefix="x" * 600)
    without = client.call("estimate", ["a"], model="test/embedding")

    assert with_it.tokens[0] >= 100 > without.tokens[1]


@pytest.mark.parametrize("value", [[1, 2], Content("a"), {"content": []}, None, 7])
def test_what_is_no_text_is_refused_with_it(value, server, client):
    """Before anything is sent; where failures are kept, it is one of them."""
    with pytest.raises(ConfigurationError, match="before texts alone") as caught:
        client.embed(["a", value], prefix=PREFIX)

    assert caught.value.argument == "inputs[1]"
    assert server.requests == ()
    result = client.embed(["a", value], prefix=PREFIX, on_error="keep")
    assert [failure.position for failure in result.failures] == [1]


def test_an_empty_text_stays_empty(server, client):
    """A prefix alone is no text."""
    with pytest.raises(ConfigurationError, match="must not be empty"):
        client.embed(["a", ""], prefix=PREFIX)


@pytest.mark.parametrize("prefix", [7, b"query", ["query"], "\ud800"])
def test_what_is_no_prefix_is_named(prefix, server, client):
    """Before anything is sent."""
    for inputs in (["a"], iter(["a"]), [""]):
        with pytest.raises(ConfigurationError) as caught:
            client.embed(inputs, prefix=prefix)
        assert caught.value.argument == "prefix"
    assert server.requests == ()


def test_messages_show_the_text_without_it(connect):
    """It may be longer than what is shown."""
    prefix = "Instruct: find what answers this. " * 5
    with FaultServer(poison={f"{prefix}odd"}) as server:
        client = connect(api_key=server.api_key, base_url=server.base_url)
        result = client.embed(["a", "odd"], prefix=prefix, on_error="keep")

    assert [failure.shown for failure in result.failures] == ["odd"]


def test_what_is_cut_keeps_it(connect):
    """The text is cut, from its end; what is told counts the text alone."""
    text = "word " * 20
    with FaultServer(max_characters=60) as server:
        client = connect(api_key=server.api_key, base_url=server.base_url)
        result = client.embed([text], prefix=PREFIX, on_long="truncate")
        sent = server.requests[-1].body["input"][0]

    (cut,) = result.truncated
    assert sent == (PREFIX + text)[: len(sent)]
    assert (cut.kept, cut.of) == (len(sent) - len(PREFIX), len(text))


def test_nothing_but_it_is_no_vector_of_the_text(connect):
    """A text that fits in no part fails."""
    with FaultServer(max_characters=5) as server:
        client = connect(api_key=server.api_key, base_url=server.base_url)
        result = client.embed(["abc"], prefix=PREFIX, on_long="truncate", on_error="keep")

    assert len(result.failures) == 1
