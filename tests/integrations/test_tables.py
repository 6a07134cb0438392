"""Tables: columns of Arrow, pandas, polars, datasets and DuckDB; nulls, types, names, workers."""

from __future__ import annotations

import pickle

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from datasets.fingerprint import Hasher
from home_tests import MODEL, HomeTests, inputs_of, types_of

from openrouter_embeddings import (
    ConfigurationError,
    MissingExtraError,
    PartialFailureError,
    UnauthorizedResponseError,
)
from openrouter_embeddings.integrations import tables
from openrouter_embeddings.integrations.tables import ColumnEmbedder
from openrouter_embeddings.testing import FaultServer

LOCAL = "local/wordllama-256"
TEXTS = ["a red fox", None, "a brown dog", ""]
VECTOR = pa.list_(pa.float32(), 8)

datasets.disable_progress_bars()


def dense(column):
    return np.stack(column.to_pylist())


class TestEveryHome(HomeTests):
    """Side by side: two objects, since a column has one input type."""

    module, library = "tables", "import pyarrow"

    def make(self, query_type="search_query", document_type="search_document", **settings):
        query, document = settings.pop("prefixes", ("", ""))
        return {
            "query": ColumnEmbedder(MODEL, input_type=query_type, prefix=query, **settings),
            "document": ColumnEmbedder(
                MODEL, input_type=document_type, prefix=document, **settings
            ),
        }

    def with_prefixes(self):
        return self.make(prefixes=("query: ", "passage: "))

    def documents(self, home, texts):
        return dense(home["document"](texts))

    def query(self, home, text):
        return dense(home["query"]([text]))[0]

    async def adocuments(self, home, texts):
        return dense(await home["document"].aembed(texts))

    async def aquery(self, home, text):
        return dense(await home["query"].aembed([text]))[0]


def check(found, server):
    """Two vectors, and two nulls."""
    assert [value is None for value in found] == [False, True, False, True]
    np.testing.assert_allclose(np.stack([found[0], found[2]]), expected(server))


def expected(server):
    return [server.vector("a red fox"), server.vector("a brown dog")]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS).dictionary_encode(),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
        pa.array([None, *TEXTS])[1:],
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS, dtype=object),
        datasets.Dataset.from_dict({"text": TEXTS})["text"],
    ],
    ids=lambda column: f"{type(column).__module__}.{type(column).__name__}",
)
async def test_a_column_becomes_an_arrow_column(at_home, column):
    embed = ColumnEmbedder(MODEL)
    for found in (embed(column), await embed.aembed(column)):
        assert found.type == VECTOR
        assert found.null_count == 2
        check(found.to_pylist(), at_home)
    assert inputs_of(at_home) == [["a red fox", "a brown dog"]] * 2


@pytest.mark.parametrize("kind", [object, "string", "string[pyarrow]", "category"])
def test_a_series_of_pandas_keeps_name_and_index(at_home, kind):
    series = pd.Series(TEXTS, name="text", index=list("wxyz"), dtype=kind)
    found = ColumnEmbedder(MODEL)(series)

    assert isinstance(found, pd.Series)
    assert (found.name, list(found.index)) == ("text", list("wxyz"))
    assert found.dtype == pd.ArrowDtype(VECTOR)
    assert found.isna().tolist() == [False, True, False, True]
    check(pa.array(found).to_pylist(), at_home)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_whatever_pandas_calls_missing_is_null(at_home, missing):
    found = ColumnEmbedder(MODEL)(pd.Series(["a red fox", missing], dtype=object))

    assert found.isna().tolist() == [False, True]


async def test_a_series_of_polars_keeps_its_name(at_home):
    """Whether it is waited for or awaited."""
    series, embed = pl.Series("text", TEXTS), ColumnEmbedder(MODEL)
    found = embed(series)

    assert found.equals(await embed.aembed(series))
    assert (found.name, found.dtype) == ("text", pl.Array(pl.Float32, 8))
    check(found.to_list(), at_home)


def test_namespaces_are_registered_when_they_are_asked_for(at_home):
    tables.register("pandas", "polars")
    tables.register("pandas", "polars")  # a second time changes nothing, and does not warn

    found = pd.Series(TEXTS).openrouter.embed(MODEL, dimensions=4)
    assert found.dtype == pd.ArrowDtype(pa.list_(pa.float32(), 4))
    assert found.isna().tolist() == [False, True, False, True]
    check(pl.Series("text", TEXTS).openrouter.embed(MODEL).to_list(), at_home)


def test_a_lazy_frame_of_polars_knows_its_type_before(at_home):
    tables.register("polars")
    said = {"dimensions": 8, "input_type": "clustering"}
    column = pl.col("text").openrouter.embed(MODEL, **said).alias("vector")
    frame = pl.LazyFrame({"text": TEXTS}).with_columns(column)

    assert frame.collect_schema()["vector"] == pl.Array(pl.Float32, 8)
    assert at_home.requests == ()
    check(frame.collect()["vector"].to_list(), at_home)
    assert types_of(at_home) == ["clustering"]
    with pytest.raises(ConfigurationError, match="needs dimensions="):
        pl.col("text").openrouter.embed(MODEL)


def test_other_libraries_have_no_namespace(monkeypatch):
    with pytest.raises(ConfigurationError, match="libraries"):
        tables.register("dask")
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(MissingExtraError, match="pip install polars"):
        tables.register("polars")


@pytest.mark.parametrize("workers", [None, 2])
def test_a_dataset_gets_a_column(at_home, workers):
    """In one process and in several, with a fingerprint that its use does not change."""
    data = datasets.Dataset.from_dict({"text": TEXTS * 2})
    mapping = ColumnEmbedder(MODEL, dimensions=8).mapping("text", "vector")
    before = Hasher.hash(mapping)
    found = data.map(
        mapping, batched=True, features=mapping.features(data.features), num_proc=workers
    )

    assert found.features["vector"] == datasets.List(datasets.Value("float32"), length=8)
    check(found["vector"][4:], at_home)
    assert Hasher.hash(mapping) == before


def test_duckdb_gets_a_function(at_home):
    with duckdb.connect() as connection:
        ColumnEmbedder(MODEL, dimensions=8).to_duckdb(connection)
        connection.execute("CREATE TABLE texts AS SELECT unnest(?) AS text", [TEXTS])
        found = connection.execute("SELECT embed(text) AS vector FROM texts").fetchall()

        check([row[0] for row in found], at_home)
        ColumnEmbedder(MODEL, dimensions=4).to_duckdb(connection, "embed_4")
        (narrow,) = connection.execute("SELECT embed_4('a red fox')").fetchone()
        np.testing.assert_allclose(narrow, at_home.vector("a red fox", 4))
        many = "SELECT count(embed('text ' || i)) FROM range(5000) AS t(i)"
        assert connection.execute(many).fetchall() == [(5000,)]
        with pytest.raises(ConfigurationError, match="needs dimensions="):
            ColumnEmbedder(MODEL).to_duckdb(connection)


def test_a_column_of_nothing_has_the_width_that_is_said(at_home):
    assert ColumnEmbedder(MODEL, dimensions=8)([None, ""]).type == VECTOR
    assert ColumnEmbedder(MODEL)([None, ""]).type == pa.list_(pa.float32())
    assert len(ColumnEmbedder(MODEL)([])) == 0
    assert at_home.requests == ()


@pytest.mark.parametrize(
    "column",
    ["a red fox", pd.DataFrame({"text": TEXTS}), pa.table({"text": TEXTS}), 7, [1], [["a"]]],
    ids=lambda column: type(column).__name__,
)
def test_what_is_no_column_of_texts_is_refused(at_home, column):
    with pytest.raises(ConfigurationError, match=r"column|text"):
        ColumnEmbedder(MODEL)(column)
    assert at_home.requests == ()


def test_refused_texts_are_an_error_or_null(monkeypatch):
    with FaultServer(poison={"poison"}) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        texts = ["a red fox", None, "poison"]
        with pytest.raises(PartialFailureError, match=r"inputs\[2\]"):
            ColumnEmbedder(MODEL)(texts)
        found = ColumnEmbedder(MODEL, on_error="keep")(texts)

        assert found.is_null().to_pylist() == [False, True, True]
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-wrong-0123456789")
        with pytest.raises(UnauthorizedResponseError):
            ColumnEmbedder(MODEL, on_error="keep")(texts)


def test_the_local_model_embeds_a_frame(local):
    """Over HTTP, with the small real model."""
    found = ColumnEmbedder(LOCAL)(pl.Series(["a red fox", "a brown dog", None]))

    assert found.dtype == pl.Array(pl.Float32, 256)
    assert found.null_count() == 1


def test_a_column_of_a_dataset_is_called_as_is_said(at_home):
    found = ColumnEmbedder(MODEL).mapping("text", "embedding")({"text": TEXTS})

    assert list(found) == ["embedding"]


def test_settings_are_those_of_the_time_when_it_was_made(at_home):
    options = {"provider": {"only": ["here"]}}
    embed = ColumnEmbedder(MODEL, options=options)
    options.clear()
    embed(["a"])

    assert at_home.requests[0].body["provider"] == {"only": ["here"]}
    with pytest.raises(ConfigurationError, match="on_error"):
        ColumnEmbedder(MODEL, on_error="ignore")


def test_a_mapping_travels_without_the_key(at_home):
    mapping = ColumnEmbedder(MODEL).mapping("text")
    mapping({"text": TEXTS})
    written = pickle.dumps(mapping)

    assert at_home.api_key.encode() not in written
    check(pickle.loads(written)({"text": TEXTS})["vector"], at_home)
