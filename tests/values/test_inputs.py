"""Tables and columns of other packages as inputs."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.inputs import checked_inputs, embedding_request

TABLES = [
    pd.DataFrame({"id": ["1"], "text": ["a"]}),
    pl.DataFrame({"id": ["1"], "text": ["a"]}),
    pl.LazyFrame({"id": ["1"], "text": ["a"]}),
    pa.table({"id": ["1"], "text": ["a"]}),
    pa.record_batch({"text": ["a"]}),
]
COLUMNS = [
    pd.Series(["a", "b"]),
    pd.Index(["a", "b"]),
    pd.DataFrame({"text": ["a", "b"]})["text"],
    pl.Series(["a", "b"]),
    pa.array(["a", "b"]),
    pa.table({"text": ["a", "b"]})["text"],
]
KIND = "{0.__class__.__module__}.{0.__class__.__name__}".format


@pytest.mark.parametrize("table", TABLES, ids=KIND)
def test_a_table_is_refused_with_what_to_write_instead(table):
    """Its items are the names of its columns, or its rows."""
    with pytest.raises(ConfigurationError) as caught:
        checked_inputs(table)

    assert caught.value.argument == "inputs"
    assert 'Write inputs["text"]' in str(caught.value)


@pytest.mark.parametrize("table", TABLES, ids=KIND)
def test_a_table_is_no_list_of_inputs_for_one_request(table):
    """`generate` says the same."""
    with pytest.raises(ConfigurationError, match="with the name of the column"):
        embedding_request(input=table, model="m")


@pytest.mark.parametrize("column", COLUMNS, ids=KIND)
def test_a_column_is_many_inputs(column):
    """In its own order."""
    assert list(checked_inputs(column)) == ["a", "b"]
    assert embedding_request(input=column, model="m").wire_input == ["a", "b"]
