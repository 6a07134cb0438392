"""What a job takes of memory: nothing that it does not need, and little for each row."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import fields
from job_runs import MODEL, digest, rows_of

from openrouter_embeddings.jobs import _run, _writers, embed_file
from openrouter_embeddings.jobs._input import look_through
from openrouter_embeddings.jobs._rows import numbers_of
from openrouter_embeddings.values import to_arrow

CHILD = """
import sys
from openrouter_embeddings import OpenRouter
from openrouter_embeddings.jobs import embed_file
url, key, source, out = sys.argv[1:]
with OpenRouter(key, base_url=url) as client:
    embed_file(client, source, out, model="test/embedding", id_column="id")
print(*sorted({"pandas", "pyarrow.compute"} & set(sys.modules)))
"""


def test_a_job_of_parquet_leaves_pandas_alone(service, tmp_path):
    """Its import takes 45 MB; half of Arrow's functions import it where it is installed."""
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    rows = {"id": pa.array([1, None, 3, 1], pa.int32()), "text": ["a", "poison", None, "b"]}
    pq.write_table(pa.table(rows), source)

    arguments = [service.base_url, service.api_key, source, out]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], check=True, capture_output=True, text=True
    )

    assert done.stdout.split() == []
    found = pq.read_table(out).to_pylist()
    assert [row["id"] for row in found] == [1, None, 3, 1]
    assert [bool(row["error"]) for row in found] == [False, True, True, False]


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint8", "uint64", "float32", "double"])
def test_numbers_are_read_where_they_stand(kind):
    """Those of a slice as well, and of nothing."""
    column = pa.array([3, 1, 2, 5], kind)
    assert numbers_of(column).tolist() == [3, 1, 2, 5]
    assert numbers_of(column[1:3]).tolist() == [1, 2]
    assert numbers_of(column[:0]).tolist() == []
    assert len(numbers_of(pa.nulls(2, column.type))) == 2


@pytest.mark.parametrize("kind", ["int16", "uint64", "string", "float64"])
def test_ids_are_counted_whatever_their_type(kind, tmp_path):
    """Of each nine, two are missing and three are those of earlier rows, in slices too."""
    source = tmp_path / "in.parquet"
    ids = pa.array([5, None, 6, 5, None, 7, 6, 5, 8]).cast(kind)
    columns = {"id": ids, "text": [str(place) for place in range(len(ids))]}
    pq.write_table(pa.table(columns), source, row_group_size=4)

    given = look_through(str(source), id_column="id")

    assert (given.nameless, given.repeated) == (2, 3)


def test_a_row_group_is_given_back_before_the_next_one_is_read(tmp_path, monkeypatch):
    """Vectors of one group are there at the most, and what is joined just now."""
    monkeypatch.setattr(_writers, "_GROUP_BYTES", 4 * 8 * 50)
    made = []
    schema = pa.schema([("embedding", pa.list_(pa.float32(), 8))])

    def tables():
        for _ in range(20):
            assert sum(vectors() is not None for vectors in made) <= 5
            vectors = np.ones((10, 8), np.float32)
            made.append(weakref.ref(vectors))
            yield pa.table({"embedding": to_arrow(vectors)}, schema=schema)

    out = tmp_path / "out.parquet"
    _writers._write_parquet(out, tables(), schema, 200)

    metadata = pq.read_metadata(out)
    assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [50] * 4


def test_wide_vectors_are_joined_with_few_rows_at_a_time(client, write, tmp_path, monkeypatch):
    """The output is the same, byte for byte, with failed rows and rows that cannot be read."""
    rows = [{"text": row["text"]} for row in rows_of(20)]
    rows[7] = rows[12] = {"text": ""}
    rows[14] = {"text": "poison"}
    source, out, parts = write("in.jsonl", rows), tmp_path / "a.parquet", tmp_path / "b.parquet"
    with Path(source).open("ab") as file:
        file.write(b"\nnothing\n")
    options = {"model": MODEL, "source_name": "in", "keep_text": True}
    embed_file(client, source, out, **options)

    joined, real = [], _run.table_of
    monkeypatch.setattr(_run, "_MOST_JOINED", 3 * 4 * 8)
    monkeypatch.setattr(_run, "table_of", lambda *given: joined.append(given[1]) or real(*given))
    embed_file(client, source, parts, **options)

    assert [len(vectors) for vectors in joined] == [3] * 7
    assert digest(out) == digest(parts)
    assert pq.read_table(parts)["error"].null_count == 17


@pytest.mark.parametrize("repeated", [1, 2])
def test_few_bytes_are_held_for_each_row(repeated, client, tmp_path, monkeypatch):
    """A digest of 16, seven numbers of 4, a state; digests again only of repeated texts."""
    rows, held = 3_000, {}
    source = tmp_path / "in.txt"
    source.write_text("".join(f"text {row // repeated}\n" for row in range(rows)))

    def look(run, _stats):
        for one in (run, run.given, run.given.texts, run.state, run.feed):
            for value in (getattr(one, each.name) for each in fields(type(one))):
                if isinstance(value, np.ndarray):
                    held[value.__array_interface__["data"][0]] = value.nbytes

    monkeypatch.setattr(_run.JobRun, "tell_of_writing", look)
    embed_file(client, source, tmp_path / "out.npy", model=MODEL)

    assert len(held) >= 7
    assert sum(held.values()) <= 45 * rows
