"""Options of a run: checked, written as a template; what counts as a cache, who is told."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, EmbeddedBatch, InvalidTypeError, OpenRouter
from openrouter_embeddings._bulk.options import choose_reporter, prepare_result, write_template
from openrouter_embeddings.cache import EmbeddingCache, Hits, KeyMaker
from openrouter_embeddings.testing import FaultServer

MODEL = "test/embedding"


def test_a_template_carries_what_each_request_carries():
    """But for its inputs."""
    template = write_template("m", {"dimensions": 4, "input_type": "a"})

    assert (template.model, template.dimensions) == ("m", 4)
    assert template.options["input_type"] == "a"


@pytest.mark.parametrize(
    ("given", "argument"),
    [({"dimension": 4}, "dimension"), ({"dimensions": 0}, "dimensions"), ({"cache": "x"}, "cache")],
)
def test_what_no_request_carries_is_named(given, argument):
    """A typing error is never passed over in silence."""
    with pytest.raises(ConfigurationError) as caught:
        write_template("m", given)

    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("inputs", "on_error", "expected"),
    [
        (["a", "b"], "raise", 2),
        (("a",), "raise", 1),
        (["a", ""], "keep", 2),
        (iter("ab"), "raise", None),
    ],
    ids=["list", "tuple", "kept", "iterator"],
)
def test_lists_are_checked_and_measured_beforehand(inputs, on_error, expected):
    """What is read as it comes has no length yet."""
    assert prepare_result(inputs, on_error).expected == expected


@pytest.mark.parametrize(("on_error", "words"), [("raise", r"inputs\[1\]"), ("skip", "on_error")])
def test_lists_with_bad_inputs_and_unknown_ways_are_refused(on_error, words):
    """Before anything is sent or paid."""
    with pytest.raises(ConfigurationError, match=words):
        prepare_result(["a", ""], on_error)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(("total", "of"), [(10, " of 10"), (None, "")])
def test_progress_is_a_line_with_a_total_and_an_end(terminal, total, of, monkeypatch, capsys):
    """In a pipe and a notebook as well, where it is not overwritten."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    shown = choose_reporter(progress=True, total=total)
    with shown.line:
        shown(EmbeddedBatch([[1.0]], start=9))

    said = capsys.readouterr().err
    assert said.endswith(f"10{of} inputs · $0.000000\n")
    assert ("\r" in said) is terminal
    assert ("waiting for the first reply" in said) is terminal


def test_a_function_is_told_of_each_batch():
    """Itself; and nobody where progress is off."""
    seen = []

    assert choose_reporter(seen.append) == seen.append
    assert choose_reporter(progress=False)(EmbeddedBatch([[1.0]])) is None


def embed_by(server, cache, **options):
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        return client.embeddings.embed(["a", "b"], model=MODEL, cache=cache, **options)


@pytest.fixture
def other():
    """A server at another port, with the same vectors."""
    with FaultServer(dimensions=8) as running:
        yield running


def test_vectors_of_one_server_do_not_serve_another(server, other, tmp_path):
    """A test server's vectors are none of the service's."""
    path = tmp_path / "vectors.cache"

    found = [embed_by(each, path).from_cache for each in (server, other, server, other)]

    assert found == [0, 0, 2, 2]


def test_servers_that_share_a_name_share_vectors(server, other, tmp_path):
    """The cache's `source` stands in place of their URLs, in runs and in estimates."""
    with EmbeddingCache(tmp_path / "vectors.cache", source="two of one kind") as cache:
        found = [embed_by(each, cache).from_cache for each in (server, other)]
        with OpenRouter(other.api_key, base_url=other.base_url) as client:
            estimate = client.embeddings.estimate(["a", "b"], model=MODEL, cache=cache)
        keys = KeyMaker(model=MODEL, source="two of one kind").keys(["a", "b"])
        vectors = cache.get(keys)

    assert (found, estimate.cached) == ([0, 2], 2)
    assert [vectors[key].tolist() for key in keys] == [
        server.vector(text).tolist() for text in ("a", "b")
    ]


def copied(client):
    return copy.deepcopy(client)


def unpickled(client):
    return pickle.loads(pickle.dumps(client))


def derived(client):
    return client.with_options(timeout=5)


@pytest.mark.parametrize("way", [copied, unpickled, derived])
def test_clients_made_of_another_share_its_vectors(way, server, other, tmp_path, monkeypatch):
    """Where requests go comes along, into the keys as well."""
    monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
    monkeypatch.setenv("OPENROUTER_BASE_URL", other.base_url)
    path = tmp_path / "vectors.cache"
    embed_by(server, path)

    with OpenRouter(base_url=server.base_url) as client, way(client) as made:
        assert made.embeddings.embed(["a", "b"], model=MODEL, cache=path).from_cache == 2


class Shelf:
    """A cache of somebody else's making."""

    def __init__(self):
        self.kept = {}

    def find(self, keys):
        return [
            Hits(place, self.kept[key][None]) for place, key in enumerate(keys) if key in self.kept
        ]

    def put(self, vectors, *, model):
        assert model == MODEL
        self.kept |= vectors


def test_any_object_with_find_and_put_is_a_cache(server, client):
    """Of both clients; engines bring theirs."""
    shelf = Shelf()

    found = [client.embed(["a", "b"], cache=shelf).from_cache for _ in range(2)]

    assert (found, len(shelf.kept)) == ([0, 2], 2)
    estimate = client.call("estimate", ["a", "c"], model=MODEL, cache=shelf)
    assert (estimate.unique, estimate.cached) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [([Hits(1, np.ones((2, 8), np.float32))], "place among 2 keys"), ({"a": 1}, "must be Hits")],
)
def test_what_another_cache_answers_is_checked_before_it_is_used(answer, words, server, client):
    """In runs and in estimates: nothing is taken for the vector of another input."""
    shelf = Shelf()
    shelf.find = lambda _keys: answer

    with pytest.raises(ConfigurationError, match=words):
        client.embed(["a", "b"], cache=shelf)
    with pytest.raises(ConfigurationError, match=words):
        client.call("estimate", ["a", "b"], model=MODEL, cache=shelf)

    assert server.inputs_embedded == 0


def test_a_vector_of_another_cache_that_is_not_finite_is_paid_for_anew(server, client):
    """And kept in its place."""
    shelf = Shelf()
    client.embed(["a", "b"], cache=shelf)
    damaged = next(iter(shelf.kept))
    shelf.kept[damaged] = np.full(8, np.nan, np.float32)

    result = client.embed(["a", "b"], cache=shelf)

    assert result.from_cache == 1
    assert np.isfinite(result.vectors).all()
    assert np.isfinite(shelf.kept[damaged]).all()


@pytest.mark.parametrize("cache", [7, b"path", {}, [], EmbeddingCache, True], ids=repr)
def test_what_is_no_cache_is_refused_before_anything_is_sent(server, client, cache):
    """The error says what would do."""
    with pytest.raises(InvalidTypeError, match="cache must be an EmbeddingCache, an object with"):
        client.embed(["a"], cache=cache)
    with pytest.raises(InvalidTypeError, match="cache must be"):
        client.call("estimate", ["a"], model=MODEL, cache=cache)

    assert server.requests == ()


def test_a_cache_in_memory_serves_until_it_is_closed(server, client):
    """As an object; by its name alone it ends with the run."""
    with EmbeddingCache(":memory:") as cache:
        found = [client.embed(["a", "b"], cache=cache).from_cache for _ in range(2)]
    assert found == [0, 2]
    assert [client.embed(["a"], cache=":memory:").from_cache for _ in range(2)] == [0, 0]


def test_a_cache_that_cannot_be_written_serves_what_it_has(server, client, tmp_path, caplog):
    """What it lacks is paid for and delivered, and the log says that it is not kept."""
    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        client.embed(["a"], cache=cache)
        cache.writable = False
        with caplog.at_level(logging.WARNING, "openrouter_embeddings"):
            result = client.embed(["a", "b"], cache=cache)

        assert (result.from_cache, cache.info().vectors) == (1, 1)
    assert np.array_equal(result.vectors, [server.vector(text) for text in ("a", "b")])
    assert "cannot be written" in caplog.text
