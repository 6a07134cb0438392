"""LanceDB: tables made, opened again and searched; missing texts; arguments without the key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from home_tests import MODEL, HomeTests, inputs_of, types_of
from lancedb.embeddings import get_registry
from lancedb.pydantic import LanceModel, Vector

from openrouter_embeddings import ConfigurationError, PartialFailureError
from openrouter_embeddings.integrations.lancedb import OpenRouterEmbeddings
from openrouter_embeddings.testing import FaultServer

LOCAL = "local/wordllama-256"
TEXTS = ["Dogs are loyal companions", "The cat sat on the mat", "Stocks fell sharply"]


def create(**settings):
    return get_registry().get("openrouter").create(model=MODEL, **settings)


class TestEveryHome(HomeTests):
    """What every home keeps; LanceDB calls it in threads, when it is awaited as well."""

    module, library = "lancedb", "import lancedb.embeddings.registry"
    is_async = False

    def make(self, **settings):
        return create(**settings)

    def documents(self, home, texts):
        return home.compute_source_embeddings_with_retry(texts)

    def query(self, home, text):
        return home.compute_query_embeddings_with_retry(text)[0]


def schema(function):
    class Note(LanceModel):
        text: str | None = function.SourceField(default=None)
        vector: Vector(function.ndims()) | None = function.VectorField(default=None)

    return Note


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "lance")


def make_table(folder, function, texts, **options):
    table = lancedb.connect(folder).create_table("notes", schema=schema(function))
    table.add([{"text": text} for text in texts], **options)
    return table


def ask(folder, first=""):
    """Open the table in a fresh process, and search."""
    script = f"""
{first}
import sys, lancedb
table = lancedb.connect(sys.argv[1]).open_table("notes")
print(table.search("pets and animals").limit(1).to_list()[0]["text"])
"""
    return subprocess.run(
        [sys.executable, "-c", script, folder],
        check=False,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )


def test_a_table_is_opened_again_in_a_fresh_process(local, folder):
    """With the arguments that it was made with, and the key of the environment."""
    function = get_registry().get("openrouter").create(model=LOCAL)
    table = make_table(folder, function, TEXTS)
    assert table.search("shares and bonds").limit(1).to_list()[0]["text"] == TEXTS[2]

    done = ask(folder, "import openrouter_embeddings.integrations.lancedb")
    assert done.stdout.strip() == TEXTS[0], done.stderr
    assert "KeyError: 'openrouter'" in ask(folder).stderr


async def test_a_table_is_searched_asynchronously(local, folder):
    function = get_registry().get("openrouter").create(model=LOCAL, dimensions=64)
    make_table(folder, function, TEXTS)
    table = await (await lancedb.connect_async(folder)).open_table("notes")

    found = await (await table.search("shares and bonds")).limit(1).to_list()
    assert found[0]["text"] == TEXTS[2]


def test_rows_and_queries_of_a_table_are_told_apart(at_home, folder):
    table = make_table(folder, create(dimensions=8), ["a red fox"])
    table.search("a fox").limit(1).to_list()

    assert inputs_of(at_home) == [["a red fox"], ["a fox"]]
    assert types_of(at_home) == ["search_document", "search_query"]


def test_the_width_is_asked_for_once_where_it_is_not_said(at_home):
    function = create()
    assert (function.ndims(), function.ndims()) == (8, 8)
    assert inputs_of(at_home) == [["width"]]
    assert create(dimensions=4).ndims() == 4


def test_missing_texts_have_no_vector_and_are_not_sent(at_home, folder):
    options = {"on_bad_vectors": "null"}
    table = make_table(folder, create(dimensions=8), ["a red fox", None, ""], **options)
    vectors = table.to_arrow()["vector"].to_pylist()

    assert vectors[1:] == [None, None]
    np.testing.assert_allclose(vectors[0], at_home.vector("a red fox"))
    assert inputs_of(at_home) == [["a red fox"]]


@pytest.mark.parametrize(
    "texts",
    [
        ["a red fox", None],
        pa.array(["a red fox", None]),
        pa.chunked_array([["a red fox"], [None]]),
        np.array(["a red fox", ""]),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_a_column_of_any_kind_is_taken(at_home, texts):
    found = create().compute_source_embeddings(texts)

    np.testing.assert_allclose(found[0], at_home.vector("a red fox"))
    assert found[1] is None


def test_an_empty_query_is_an_error(at_home):
    with pytest.raises(ConfigurationError, match=r"inputs\[0\]"):
        create().compute_query_embeddings("")
    assert at_home.requests == ()


def test_the_key_is_in_no_table(at_home, folder):
    """Not in the arguments either, where LanceDB wants the name of a variable."""
    with pytest.raises(ValueError, match="api_key"):
        create(api_key=at_home.api_key)
    get_registry().set_var("key", at_home.api_key)
    make_table(folder, create(api_key="$var:key", dimensions=8), ["a red fox"])
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files)

    assert b"$var:key" in kept
    assert at_home.api_key.encode() not in kept


def test_arguments_go_round(at_home):
    function = create(dimensions=4, query_prefix="q: ", options={"max_cost": 1.0})
    again = OpenRouterEmbeddings.create(**function.safe_model_dump())

    np.testing.assert_array_equal(
        again.compute_query_embeddings("a"), function.compute_query_embeddings("a")
    )
    assert hash(again) == hash(function)
    with pytest.raises(ValueError, match="dimension"):
        create(dimension=4)


def test_refused_texts_are_an_error_at_once_or_have_no_vector(monkeypatch, folder):
    """LanceDB would ask seven more times, with waits, and hide the error."""
    with FaultServer(poison={"poison"}) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        texts = ["a red fox", "poison"]
        with pytest.raises(PartialFailureError):
            create().compute_source_embeddings_with_retry(texts)
        assert server.requests_refused == 2  # together, and alone
        assert create(on_error="keep").compute_source_embeddings(texts)[1] is None
        with pytest.raises(RuntimeError, match=r"BadRequestResponseError: 400: .*not acceptable"):
            make_table(folder, create(dimensions=8), ["poison"])
