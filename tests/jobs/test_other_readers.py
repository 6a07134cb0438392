"""Outputs read by other programs: polars and DuckDB."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from openrouter_embeddings.jobs import embed_file

ROWS = [{"id": "a", "text": "one"}, {"id": "b", "text": "poison"}, {"id": "c", "text": "three"}]


@pytest.fixture
def out(client, write, tmp_path):
    """An output with a failed row."""
    path = str(tmp_path / "out.parquet")
    embed_file(client, write("in.parquet", ROWS), path, model="test/embedding", id_column="id")
    return path


def test_polars_reads_an_array_column(out, service):
    """Of the right width, with the failed row in its place."""
    frame = pl.read_parquet(out)

    assert frame.schema["embedding"] == pl.Array(pl.Float32, 8)
    assert frame["id"].to_list() == ["a", "b", "c"]
    matrix = frame["embedding"].to_numpy()
    assert np.array_equal(matrix[2], service.vector("three"))
    assert np.isnan(matrix[1]).all()
    assert frame["error"].is_null().to_list() == [True, False, True]


def test_duckdb_reads_lists(out, service):
    """And finds the nearest."""
    found = duckdb.execute(
        "SELECT id FROM read_parquet(?) WHERE error IS NULL "
        "ORDER BY list_cosine_similarity(embedding, ?::FLOAT[]) DESC",
        [out, service.vector("three").tolist()],
    ).fetchall()

    assert found == [("c",), ("a",)]
