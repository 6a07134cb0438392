"""Chroma: collections kept and opened again, queries, settings without the key, changes refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings
from home_tests import MODEL, HomeTests, inputs_of, types_of

from openrouter_embeddings import ConfigurationError, PartialFailureError
from openrouter_embeddings.integrations.chroma import OpenRouterEmbeddingFunction
from openrouter_embeddings.testing import FaultServer

LOCAL = "local/wordllama-256"
TEXTS = ["Dogs are loyal companions", "The cat sat on the mat", "Stocks fell sharply"]
QUIET = Settings(anonymized_telemetry=False)


class TestEveryHome(HomeTests):
    """What every home keeps; Chroma calls it in threads alone."""

    module, library = "chroma", "import chromadb.utils.embedding_functions"
    is_async = False

    def make(self, **settings):
        return OpenRouterEmbeddingFunction(MODEL, **settings)

    def documents(self, home, texts):
        return home(texts)

    def query(self, home, text):
        return home.embed_query([text])[0]


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "chroma")


def ask(folder, first=""):
    """Open the collection in a fresh process, and search."""
    script = f"""
{first}
import sys, chromadb
from chromadb.config import Settings
store = chromadb.PersistentClient(sys.argv[1], Settings(anonymized_telemetry=False))
found = store.get_collection("notes").query(query_texts=["pets and animals"], n_results=1)
print(found["documents"][0][0])
"""
    return subprocess.run(
        [sys.executable, "-c", script, folder],
        check=False,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )


def make_collection(folder, function):
    store = chromadb.PersistentClient(folder, QUIET)
    return store.create_collection("notes", embedding_function=function)


def test_a_collection_is_opened_again_in_a_fresh_process(local, folder):
    """With the settings that it was made with, and the key of the environment."""
    notes = make_collection(folder, OpenRouterEmbeddingFunction(LOCAL, dimensions=64))
    notes.add(ids=list("abc"), documents=TEXTS)
    (found,) = notes.query(query_texts=["shares and bonds"], n_results=1)["documents"]
    assert found == [TEXTS[2]]

    done = ask(folder, "import openrouter_embeddings.integrations.chroma")
    assert done.stdout.strip() == TEXTS[0], done.stderr
    done = ask(folder)
    assert "Embedding function openrouter not found" in done.stderr


def test_the_key_is_not_in_the_collection(at_home, folder):
    notes = make_collection(folder, OpenRouterEmbeddingFunction(MODEL))
    notes.add(ids=["a"], documents=["a red fox"])
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files)

    assert MODEL.encode() in kept
    assert at_home.api_key.encode() not in kept


def test_it_is_one_of_todays_functions(at_home):
    """Chroma tells the older ones, which it keeps no settings of."""
    function = OpenRouterEmbeddingFunction(MODEL)

    assert not function.is_legacy()
    assert function.default_space() == "cosine"
    assert (function.name(), at_home.requests) == ("openrouter", ())


def test_settings_go_round_without_the_key(at_home):
    function = OpenRouterEmbeddingFunction(
        MODEL, dimensions=4, query_prefix="q: ", options={"max_cost": 1.0}
    )
    again = OpenRouterEmbeddingFunction.build_from_config(function.get_config())

    assert again.get_config() == function.get_config()
    assert at_home.api_key not in str(function.get_config())
    np.testing.assert_array_equal(again.embed_query(["a"]), function.embed_query(["a"]))


def test_documents_and_queries_of_a_collection_are_told_apart(at_home):
    notes = chromadb.EphemeralClient(QUIET).create_collection(
        "kinds", embedding_function=OpenRouterEmbeddingFunction(MODEL)
    )
    notes.add(ids=["a"], documents=["a red fox"])
    notes.query(query_texts=["a fox"], n_results=1)

    assert inputs_of(at_home) == [["a red fox"], ["a fox"]]
    assert types_of(at_home) == ["search_document", "search_query"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model": MODEL, "api_key": "k"}, "api_key"),
        ({}, "model"),
        ({"model": MODEL, "options": {"limits": object()}}, "options cannot be written"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(config, words):
    with pytest.raises(ConfigurationError, match=words):
        OpenRouterEmbeddingFunction.build_from_config(config)


def test_another_model_for_the_same_collection_is_refused(at_home):
    function = OpenRouterEmbeddingFunction(MODEL)
    old = function.get_config()

    function.validate_config_update(old, {**old, "base_url": "https://gateway.example/v1"})
    for change in ({"model": "another/model"}, {"dimensions": 4}, {"document_prefix": "p: "}):
        with pytest.raises(ConfigurationError, match="cannot change"):
            function.validate_config_update(old, {**old, **change})


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_text_is_an_error_and_nothing_is_sent(at_home, text):
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        OpenRouterEmbeddingFunction(MODEL)(["a fox", text])
    assert at_home.requests == ()


def test_no_texts_are_chromas_own_error(at_home):
    with pytest.raises(ValueError, match="non-empty"):
        OpenRouterEmbeddingFunction(MODEL)([])
    assert OpenRouterEmbeddingFunction(MODEL).embed_query([]) == []
    assert at_home.requests == ()


def test_some_failed_texts_add_nothing_and_keep_what_was_paid_for(monkeypatch):
    with FaultServer(poison={"poison"}) as server:
        monkeypatch.setenv("OTHER_KEY", server.api_key)
        function = OpenRouterEmbeddingFunction(
            MODEL, api_key_env_var="OTHER_KEY", base_url=server.base_url
        )
        notes = chromadb.EphemeralClient(QUIET).create_collection(
            "failing", embedding_function=function
        )
        with pytest.raises(PartialFailureError) as caught:
            notes.add(ids=["a", "b"], documents=["a fox", "poison"])

        assert notes.count() == 0
        np.testing.assert_allclose(caught.value.result.vectors[0], server.vector("a fox"))
