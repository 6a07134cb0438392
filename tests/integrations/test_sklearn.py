"""scikit-learn: its checks of an estimator, pipelines, searches, columns, missing texts, copies."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from home_tests import MODEL, HomeTests, inputs_of
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from openrouter_embeddings import ConfigurationError, PartialFailureError
from openrouter_embeddings.integrations.sklearn import OpenRouterVectorizer
from openrouter_embeddings.testing import FaultServer

ANIMALS = ["a red fox", "a brown dog", "a grey cat", "a black horse"]
MONEY = ["stocks fell", "bonds rose", "the bank failed", "a loan was paid"]


class TestEveryHome(HomeTests):
    """Side by side: two input types, since a transformer has one."""

    module, library = "sklearn", "import sklearn.base"
    is_async = False  # nor is the framework

    def with_prefixes(self):
        return self.make(prefix=("query: ", "passage: "))

    def make(self, query_type="search_query", document_type="search_document", **settings):
        query, document = settings.pop("prefix", ("", ""))
        self.query_side = {"input_type": query_type, "prefix": query}
        self.document_side = {"input_type": document_type, "prefix": document}
        return OpenRouterVectorizer(MODEL, **settings)

    def documents(self, home, texts):
        return home.set_params(**self.document_side).transform(texts)

    def query(self, home, text):
        return home.set_params(**self.query_side).transform([text])[0]


def test_the_estimator_passes_scikit_learns_checks(local):
    """Those that it can feed with texts; it says of the others that it left them out."""
    vectorizer = OpenRouterVectorizer("local/wordllama-256")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(vectorizer, on_fail=None)

    failed = [result["check_name"] for result in results if result["status"] == "failed"]
    passed = [result["check_name"] for result in results if result["status"] == "passed"]
    assert failed == []
    assert passed


def test_a_pipeline_learns_and_predicts(local):
    """Over HTTP, with the small real model."""
    model = make_pipeline(OpenRouterVectorizer("local/wordllama-256"), LogisticRegression())
    model.fit(ANIMALS + MONEY, [0] * 4 + [1] * 4)

    assert model.predict(["a white rabbit", "shares were sold"]).tolist() == [0, 1]


def test_a_search_runs_in_several_processes_and_pays_once(at_home, tmp_path):
    """Its workers have the key from the environment, and share a cache."""
    options = {"cache": str(tmp_path / "vectors.cache")}
    model = make_pipeline(OpenRouterVectorizer(MODEL, options=options), LogisticRegression())
    model.fit(ANIMALS + MONEY, [0] * 4 + [1] * 4)
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2, n_jobs=2)
    search.fit(ANIMALS + MONEY, [0, 1] * 4)

    assert search.best_params_
    assert at_home.inputs_embedded == 8


def test_fit_sends_nothing_and_fit_transform_once(at_home):
    """What is paid for is paid for once."""
    vectorizer = OpenRouterVectorizer(MODEL)
    vectorizer.fit(ANIMALS)
    assert at_home.requests == ()

    vectorizer.fit_transform(ANIMALS)
    assert at_home.inputs_embedded == 4


@pytest.mark.parametrize(
    "texts",
    [
        ANIMALS,
        tuple(ANIMALS),
        np.array(ANIMALS),
        np.array(ANIMALS, dtype=object).reshape(-1, 1),
        [[text] for text in ANIMALS],
        pd.Series(ANIMALS),
        pd.DataFrame({"text": ANIMALS}),
        pl.Series(ANIMALS),
        pl.DataFrame({"text": ANIMALS}),
    ],
    ids=lambda texts: f"{type(texts).__module__}.{type(texts).__name__}",
)
def test_a_column_of_any_kind_is_taken(at_home, texts):
    found = OpenRouterVectorizer(MODEL).fit_transform(texts)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [at_home.vector(text) for text in ANIMALS])
    assert inputs_of(at_home) == [ANIMALS]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ("a red fox", "X must be a column of texts"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "X has 2 columns"),
        ([["x", "y"]], "X has 2 columns"),
        (7, "X cannot be read"),
        ([1, 2], "must be text"),
    ],
)
def test_what_is_no_column_of_texts_is_refused(at_home, texts, words):
    with pytest.raises(ConfigurationError, match=words):
        OpenRouterVectorizer(MODEL).fit_transform(texts)
    assert at_home.requests == ()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, ""])
def test_missing_texts_are_an_error_or_rows_of_nan(at_home, missing):
    texts = pd.Series(["a red fox", missing], dtype=object)
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        OpenRouterVectorizer(MODEL).transform(texts)
    assert at_home.requests == ()

    found = OpenRouterVectorizer(MODEL, missing="nan", prefix="p: ").transform(texts)
    np.testing.assert_allclose(found[0], at_home.vector("p: a red fox"))
    assert np.isnan(found[1]).all()


def test_a_column_without_a_text_needs_a_width(at_home):
    with pytest.raises(ConfigurationError, match="dimensions="):
        OpenRouterVectorizer(MODEL, missing="nan").transform([None, ""])

    found = OpenRouterVectorizer(MODEL, missing="nan", dimensions=8).transform([None, ""])
    assert found.shape == (2, 8)
    assert at_home.requests == ()


def test_refused_texts_beside_missing_ones_raise(monkeypatch):
    """Their positions are those of the column, and what was paid for is in the error."""
    with FaultServer(poison={"poison"}) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        vectorizer = OpenRouterVectorizer(MODEL, missing="nan")
        with pytest.raises(
            PartialFailureError, match=r"1 of 2 texts failed.*inputs\[2\]"
        ) as caught:
            vectorizer.transform([None, "a red fox", "poison"])

    assert [failure.position for failure in caught.value.result.failures] == [2]
    assert np.isfinite(caught.value.result.vectors[1]).all()


def test_columns_of_a_table_are_embedded_side_by_side(at_home):
    """By name as a Series, in a list as a table."""
    table = pd.DataFrame({"title": ANIMALS, "body": MONEY, "price": [1.0, 2.0, 3.0, 4.0]})
    vectorizer = OpenRouterVectorizer(MODEL)
    columns = [("one", vectorizer, "title"), ("two", clone(vectorizer), ["body"])]
    found = ColumnTransformer(columns, remainder="passthrough").fit_transform(table)

    assert found.shape == (4, 17)
    np.testing.assert_allclose(found[0, :8], at_home.vector(ANIMALS[0]))
    np.testing.assert_allclose(found[0, 8:16], at_home.vector(MONEY[0]))


@pytest.mark.parametrize(("kind", "table"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_tables_come_out_where_they_are_asked_for(at_home, kind, table):
    vectorizer = OpenRouterVectorizer(MODEL).set_output(transform=kind)
    found = vectorizer.fit_transform(ANIMALS)

    assert isinstance(found, table)
    assert list(found.columns) == [f"openroutervectorizer{place}" for place in range(8)]


def test_a_clone_has_the_same_settings(at_home):
    """And none of what was made for the first."""
    vectorizer = OpenRouterVectorizer(MODEL, dimensions=4, options={"max_cost": 1.0})
    vectorizer.fit_transform(ANIMALS)

    assert clone(vectorizer).get_params() == vectorizer.get_params()
    assert "_clients" not in vars(clone(vectorizer))
