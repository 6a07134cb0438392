"""Jobs: rows in their places, bounds of failures, what is refused before anything is sent."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, SMALL, interrupted, rows_of

from openrouter_embeddings import ConfigurationError, JobStoppedError, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache, KeyMaker
from openrouter_embeddings.jobs import embed_file, estimate_file
from openrouter_embeddings.jobs._settings import most_failures
from openrouter_embeddings.testing import FaultServer, faults


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".txt"])
def test_rows_ids_and_other_columns_keep_their_places(suffix, service, client, write, tmp_path):
    """Whatever the format, row i of the output is row i of the input."""
    rows, out = rows_of(33), tmp_path / "out.parquet"
    source = write(f"in{suffix}", rows)
    has_columns = suffix != ".txt"

    report = embed_file(
        client,
        source,
        str(out),
        model=MODEL,
        id_column="id" if has_columns else None,
        keep_columns=["size"] if has_columns else [],
        limits=SMALL,
    )

    table = pq.read_table(out)
    texts = [row["text"] for row in rows]
    assert (report.rows, report.failed, report.sent) == (33, 0, len(set(texts)))
    assert service.inputs_embedded == len(set(texts))
    assert table["text"].to_pylist() == texts
    vectors = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    assert np.array_equal(vectors, np.stack([service.vector(text) for text in texts]))
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 8)
    assert table["error"].null_count == 33
    if has_columns:
        assert table.column_names == ["id", "text", "size", "embedding", "error"]
        assert table["id"].to_pylist() == [row["id"] for row in rows]
        sizes = [str(row["size"]) if suffix == ".csv" else row["size"] for row in rows]
        assert table["size"].to_pylist() == sizes
    assert list(tmp_path.glob("*.job")) == []
    assert list(tmp_path.glob(".*")) == []


def test_no_keys_are_made_where_no_cache_is_asked(client, write, tmp_path, monkeypatch):
    """A job knows its texts by their places; digests of all texts would take as long again."""
    monkeypatch.setattr(KeyMaker, "keys", lambda *_: pytest.fail("keys were made"))
    report = embed_file(client, write("in.txt", rows_of(33)), tmp_path / "out.npy", model=MODEL)
    assert (report.rows, report.failed) == (33, 0)


def writable(kinds):
    """List the types that this Arrow can write: older ones have no Parquet of views."""
    for kind in kinds:
        with suppress(pa.ArrowNotImplementedError):
            pq.write_table(pa.table({"t": pa.array(["a"]).cast(kind)}), pa.BufferOutputStream())
            yield kind


TEXTS_OF_PARQUET = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
]


@pytest.mark.parametrize("kind", list(writable(TEXTS_OF_PARQUET)), ids=str)
def test_text_of_any_encoding_is_text(kind, client, tmp_path):
    """Parquet has several."""
    table = pa.table({"t": pa.array(["a", None, "b"]).cast(kind)})
    pq.write_table(table, tmp_path / "in.parquet")

    report = embed_file(
        client, str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), model=MODEL
    )

    assert (report.failed, report.empty) == (0, 1)
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == ["a", None, "b"]


def test_all_columns_can_be_kept_and_the_texts_left_out(client, write, tmp_path):
    """The output has what was asked for."""
    source, out = write("in.parquet", rows_of(3)), tmp_path / "out.parquet"

    embed_file(client, source, str(out), model=MODEL, keep_columns=["*"], keep_text=False)

    assert pq.read_schema(out).names == ["id", "size", "embedding", "error", "text_digest"]


@pytest.mark.parametrize(
    ("suffix", "count"),
    [
        (".parquet", lambda path: len(pq.read_table(path))),
        (".npy", lambda path: len(np.load(path))),
        (".jsonl", lambda path: len(path.read_text())),
    ],
)
def test_an_empty_input_gives_an_empty_output(suffix, count, client, tmp_path):
    """No row is no error."""
    source, out = tmp_path / "in.txt", tmp_path / f"out{suffix}"
    source.write_text("")

    report = embed_file(client, str(source), str(out), model=MODEL)

    assert (report.rows, count(out)) == (0, 0)


@pytest.mark.parametrize("whole", [range(10), range(10, 20)], ids=["first", "second"])
def test_a_failed_row_is_nan_with_its_reason(whole, client, service, write, tmp_path):
    """In the middle of parts, and where a whole part has no vector."""
    rows = rows_of(25)
    for place in (*whole, 22):
        rows[place]["text"] = "poison"
    source, out = write("in.parquet", rows), tmp_path / "out.parquet"

    report = embed_file(client, source, str(out), model=MODEL, limits=SMALL)

    table = pq.read_table(out)
    failed = [error is not None for error in table["error"].to_pylist()]
    assert report.failed == sum(failed) == 11
    assert len(report.failures) == 10
    assert [row for row, yes in enumerate(failed) if yes] == [*whole, 22]
    matrix = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    assert np.isnan(matrix).all(axis=1).tolist() == failed


@pytest.mark.parametrize(
    ("bound", "rows", "expected"),
    [
        ("0.1%", 200_000, 200),
        ("0.1%", 999, 0),
        ("100%", 7, 7),
        ("5", 10, 5),
        (0, 10, 0),
        (None, 10, None),
        ("29%", 100, 29),
    ],
)
def test_bounds_of_failures_are_numbers_or_shares(bound, rows, expected):
    """A share is rounded down."""
    assert most_failures(bound, rows) == expected


@pytest.mark.parametrize("bound", ["", "many", "-1", "101%", "1.5", "nan", "inf", "%"])
def test_other_bounds_of_failures_are_refused(bound):
    """With what was given."""
    with pytest.raises(ConfigurationError, match="max_failures"):
        most_failures(bound, 10)


def test_too_many_failures_end_the_job(service, client, write, tmp_path):
    """What is done is kept; a larger bound goes on."""
    rows = rows_of(40)
    for place in (8, 9, 10):
        rows[place]["text"] = "poison"
    source, out = write("in.parquet", rows), str(tmp_path / "out.parquet")
    options = {"model": MODEL, "limits": SMALL}

    with pytest.raises(JobStoppedError, match="max_failures allows 2"):
        embed_file(client, source, out, max_failures="5%", **options)
    before = service.inputs_embedded
    report = embed_file(client, source, out, max_failures=3, **options)

    assert report.failed == 3
    assert service.inputs_embedded == len({row["text"] for row in rows} - {"poison"})
    assert before > 0


def test_rows_that_cannot_be_read_count_before_anything_is_sent(service, client, tmp_path):
    """They are known beforehand."""
    (tmp_path / "in.txt").write_bytes(b"a\n\xff\n")

    with pytest.raises(ConfigurationError, match="1 of 2 rows cannot be read; max_failures"):
        embed_file(client, tmp_path / "in.txt", tmp_path / "o.parquet", model="m", max_failures=0)

    assert service.requests == ()


def test_rows_without_a_text_are_no_failures(client, write, tmp_path):
    """They are counted apart, and said; ids that are missing or stand twice as well."""
    rows = [("a", "1"), ("", "1"), (None, None), ("b", "2")]
    source = write("in.parquet", [{"text": text, "id": name} for text, name in rows])

    report = embed_file(
        client, source, tmp_path / "o.parquet", model=MODEL, max_failures=0, id_column="id"
    )

    assert (report.rows, report.done, report.failed, report.empty) == (4, 4, 0, 2)
    assert report.notes == (
        "2 rows have no text",
        "1 row has no id",
        "1 row has the id of an earlier one",
    )
    errors = pq.read_table(tmp_path / "o.parquet")["error"].to_pylist()
    assert errors == [None, "the text is empty", "the text is empty", None]


def test_a_job_that_never_began_leaves_nothing(service, client, write, tmp_path):
    """A wrong key makes no folder."""
    service.always(faults.status(401, "User not found"))

    with pytest.raises(JobStoppedError, match="User not found"):
        embed_file(client, write("in.txt", rows_of(3)), str(tmp_path / "o.parquet"), model="m")

    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_cut_texts_say_how_much_was_embedded(write, tmp_path):
    """Nothing is cut in silence."""
    rows, out = [{"text": "a"}, {"text": "b" * 150}], tmp_path / "out.parquet"
    with (
        FaultServer(max_characters=100) as server,
        OpenRouter(server.api_key, base_url=server.base_url) as client,
    ):
        source = write("in.parquet", rows)
        report = embed_file(client, source, str(out), model=MODEL, on_long="truncate")

        table = pq.read_table(out)
        kept = table["kept_characters"].to_pylist()
        assert (report.failed, kept[0]) == (0, None)
        assert table["embedding"].to_pylist()[1] == server.vector("b" * kept[1]).tolist()


def test_a_cache_that_cannot_be_written_serves_what_it_has(service, client, write, tmp_path):
    """The job keeps its vectors itself."""
    source, path = write("in.parquet", rows_of(10)), tmp_path / "vectors.cache"
    embed_file(client, source, tmp_path / "a.parquet", model=MODEL, cache=path)
    embedded = service.inputs_embedded
    with EmbeddingCache(path) as cache:
        cache.writable = False
        report = embed_file(client, source, tmp_path / "b.parquet", model=MODEL, cache=cache)

    assert (report.failed, service.inputs_embedded) == (0, embedded)


def test_a_cache_of_the_user_is_kept(service, client, write, tmp_path):
    """And serves the next job."""
    source, path = write("in.parquet", rows_of(10)), tmp_path / "vectors.cache"
    embed_file(client, source, str(tmp_path / "a.parquet"), model=MODEL, cache=str(path))
    embedded = service.inputs_embedded

    with EmbeddingCache(path) as cache:
        embed_file(client, source, str(tmp_path / "b.parquet"), model=MODEL, cache=cache)
        assert cache.info().vectors == embedded == service.inputs_embedded


def test_the_estimate_knows_what_is_done(service, client, write, tmp_path):
    """What the journal of a begun job has costs nothing."""
    source, out = write("in.parquet", rows_of(60)), str(tmp_path / "out.parquet")
    whole = estimate_file(client, source, model=MODEL)
    interrupted(service, client, source, out)
    rest = estimate_file(client, source, model=MODEL, out=out)

    unique = len({row["text"] for row in rows_of(60)})
    assert (whole.inputs, whole.unique, whole.cached) == (60, unique, 0)
    assert rest.cached == service.inputs_embedded > 0
    assert rest.tokens[1] < whole.tokens[1]


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("in.csv", 'text\n"a', {}, "is no CSV"),
        ("in.csv", "", {}, "There is no column 'text'"),
        ("in.jsonl", '"a"\n', {"id_column": "id"}, "There is no column 'id'"),
        ("in.txt", "a\n", {"model": ""}, "model"),
        ("in.csv", "text,error\na,b\n", {"keep_columns": ["error"]}, "twice"),
        ("in.csv", "text,x\na,b\n", {"id_column": "x", "keep_columns": ["x"]}, "twice"),
        ("in.csv", "a,b\n1,2\n", {}, "Name one with --column: a, b"),
    ],
)
def test_bad_inputs_are_named_before_anything_is_sent(
    name, content, options, message, service, client, tmp_path
):
    """With the line or the column."""
    (tmp_path / name).write_text(content)
    given = {"model": MODEL, **options}

    with pytest.raises(ConfigurationError, match=message):
        embed_file(client, str(tmp_path / name), str(tmp_path / "out.parquet"), **given)

    assert service.requests == ()
    assert list(tmp_path.glob("*.job")) == []


def test_numbers_are_no_text(client, tmp_path):
    """The column is named, and its type."""
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "in.parquet")

    with pytest.raises(ConfigurationError, match="'n' holds int64, not text"):
        embed_file(client, str(tmp_path / "in.parquet"), str(tmp_path / "o.parquet"), model="m")
