"""Jobs from file to file: rows and ids, parts and resuming, bounds, what is refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve

from openrouter_embeddings import ConfigurationError, JobStoppedError, Limits, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.jobs import embed_file, estimate_file
from openrouter_embeddings.jobs._settings import most_failures
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
SMALL = Limits(max_batch=4, max_in_flight=2)


def rows_of(count):
    """Make rows in which every fifth text is a repetition, and some are odd."""
    odd = {3: "zwei\u2028Zeilen", 5: 'a "quoted", text', 8: "日本語"}
    return [
        {
            "id": f"{number:04d}",
            "text": odd.get(number, f"text {number - number % 5 if number % 5 == 4 else number}"),
            "size": number,
        }
        for number in range(count)
    ]


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


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
        rows_per_part=10,
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
    assert list(tmp_path.glob("*.parts")) == []
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_of_any_encoding_is_text(kind, client, tmp_path):
    """Parquet has several."""
    table = pa.table({"t": pa.array(["a", None, "b"]).cast(kind)})
    pq.write_table(table, tmp_path / "in.parquet")

    report = embed_file(
        client, str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), model=MODEL
    )

    assert report.failures == ((1, "the text is empty"),)
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == ["a", None, "b"]


def test_all_columns_can_be_kept_and_the_texts_left_out(client, write, tmp_path):
    """The output has what was asked for."""
    source, out = write("in.parquet", rows_of(3)), tmp_path / "out.parquet"

    embed_file(client, source, str(out), model=MODEL, keep_columns=["*"], keep_text=False)

    assert pq.read_schema(out).names == ["id", "size", "embedding", "error"]


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

    report = embed_file(client, source, str(out), model=MODEL, limits=SMALL, rows_per_part=10)

    table = pq.read_table(out)
    failed = [error is not None for error in table["error"].to_pylist()]
    assert report.failed == sum(failed) == 11
    assert len(report.failures) == 10
    assert [row for row, yes in enumerate(failed) if yes] == [*whole, 22]
    matrix = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    assert np.isnan(matrix).all(axis=1).tolist() == failed


def interrupted(service, client, source, out, **options):
    """Run a job until the service says that there are no credits left: after four batches."""
    service.script(*[faults.ok()] * 4, *[faults.status(402, "Insufficient credits")] * 40)
    one_by_one = evolve(SMALL, max_in_flight=1)
    with pytest.raises(JobStoppedError, match="Insufficient credits") as caught:
        embed_file(client, source, out, model=MODEL, limits=one_by_one, rows_per_part=5, **options)
    service._script.embeddings.clear()
    return caught.value


def test_a_job_goes_on_where_it_stopped(service, client, write, tmp_path):
    """Nothing is paid for twice, and the file is that of a run without an interruption."""
    rows = rows_of(60)
    source, out, other = write("in.parquet", rows), tmp_path / "a.parquet", tmp_path / "b.parquet"
    options = {"model": MODEL, "id_column": "id", "limits": SMALL, "rows_per_part": 5}

    error = interrupted(service, client, source, str(out), id_column="id")
    before = service.inputs_embedded
    assert not out.exists()
    assert 0 < error.report.done < 60
    report = embed_file(client, source, str(out), **options)
    embedded = service.inputs_embedded
    embed_file(client, source, str(other), **options)

    assert 0 < before < embedded == len({row["text"] for row in rows}) == report.sent
    assert report.spent == pytest.approx(report.tokens * 2e-08)
    assert digest(out) == digest(other)


def test_an_interrupted_job_counts_what_came_after_its_last_batch(write, tmp_path):
    """Requests that were in flight at the interruption are in the journal, and in the report."""
    texts = [f"text {number}" for number in range(60)]
    source, out = (
        write("in.parquet", [{"text": text} for text in texts]),
        str(tmp_path / "o.parquet"),
    )
    arrived, released = threading.Event(), threading.Event()
    options = {"model": MODEL, "limits": SMALL}

    def held(healthy):
        if not np.array_equal(healthy.vectors[0], server.vector(texts[0])):
            arrived.set()
            released.wait(60)
        return healthy.answer()

    def interrupt(_progress):
        assert arrived.wait(60)
        released.set()
        raise KeyboardInterrupt

    with (
        FaultServer(dimensions=8) as server,
        OpenRouter(server.api_key, base_url=server.base_url) as client,
    ):
        server.always(faults.Fault("held", "It waits.", False, (), held))
        with pytest.raises(KeyboardInterrupt):
            embed_file(client, source, out, progress=interrupt, **options)
        assert 4 < server.inputs_embedded < 60
        report = embed_file(client, source, out, **options)

    assert report.sent == server.inputs_embedded == 60
    assert report.requests == len(server.requests)


def test_a_finished_job_is_not_begun_again(service, client, write, tmp_path):
    """The same call finds its output and sends nothing."""
    source, out = write("in.parquet", rows_of(6)), str(tmp_path / "out.parquet")
    embed_file(client, source, out, model=MODEL)
    asked = len(service.requests)

    again = embed_file(client, source, out, model=MODEL)

    assert len(service.requests) == asked
    assert (again.rows, again.requests) == (6, 0)


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "begun"])
def test_other_settings_are_refused_with_both_values(finished, service, client, write, tmp_path):
    """And can be begun anew on purpose."""
    source, out = write("in.parquet", rows_of(20)), str(tmp_path / "out.parquet")
    if finished:
        embed_file(client, source, out, model=MODEL)
    else:
        interrupted(service, client, source, out)
    asked = len(service.requests)

    with pytest.raises(ConfigurationError, match=r"dimensions = None, now it is 4") as caught:
        embed_file(client, source, out, model=MODEL, dimensions=4)
    with pytest.raises(ConfigurationError, match="model = 'test/embedding', now it is 'other/m'"):
        embed_file(client, source, out, model="other/m")
    assert len(service.requests) == asked
    assert "--overwrite" in caught.value.hint
    embed_file(client, source, out, model=MODEL, dimensions=4, overwrite=True)

    assert pq.read_schema(out).field("embedding").type.list_size == 4


def test_another_input_is_refused(client, write, tmp_path):
    """The fingerprint tells."""
    out = str(tmp_path / "out.parquet")
    embed_file(client, write("in.parquet", rows_of(6)), out, model=MODEL)

    with pytest.raises(ConfigurationError, match="was begun with input"):
        embed_file(client, write("in.parquet", rows_of(6)[::-1]), out, model=MODEL)


def test_a_strangers_file_is_not_replaced(client, write, tmp_path):
    """It is nobody's to overwrite."""
    out = tmp_path / "out.npy"
    out.write_text("precious")

    with pytest.raises(ConfigurationError, match="is there already"):
        embed_file(client, write("in.parquet", rows_of(3)), str(out), model=MODEL)

    assert out.read_text() == "precious"


def test_an_input_that_changes_meanwhile_is_noticed(client, write, tmp_path):
    """Its rows may have moved."""
    source, out = write("in.txt", rows_of(30)), tmp_path / "out.parquet"

    def append(_progress):
        with Path(source).open("a") as file:
            file.write("more\n")

    with pytest.raises(ConfigurationError, match="was changed while it was read"):
        embed_file(client, source, str(out), model=MODEL, progress=append)

    assert not out.exists()


def test_two_processes_do_not_work_on_one_job(client, service, write, tmp_path):
    """The second is told so."""
    source, out = write("in.parquet", rows_of(20)), str(tmp_path / "out.parquet")
    said = []

    def second(_progress):
        with pytest.raises(ConfigurationError) as caught:
            embed_file(client, source, out, model=MODEL)
        said.append(str(caught.value))

    embed_file(client, source, out, model=MODEL, limits=SMALL, progress=second)

    assert "Another process works on" in said[0]


def test_the_cost_is_bounded_over_all_runs(service, client, write, tmp_path):
    """What an earlier run spent counts."""
    rows = [{"text": f"{number:08}"} for number in range(200)]
    source, out, price = write("in.parquet", rows), str(tmp_path / "out.parquet"), 2e-08 * 2
    options = {"model": MODEL, "limits": Limits(max_batch=10), "rows_per_part": 20}

    with pytest.raises(JobStoppedError, match="max_cost") as first:
        embed_file(client, source, out, max_cost=price * 100, **options)
    with pytest.raises(JobStoppedError, match="max_cost"):
        embed_file(client, source, out, max_cost=price * 100, **options)
    assert 70 <= service.inputs_embedded <= 100
    assert first.value.report.spent <= price * 100
    report = embed_file(client, source, out, max_cost=price * 210, **options)

    assert service.inputs_embedded == report.sent == 200
    assert report.spent == pytest.approx(price * 200)


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
    options = {"model": MODEL, "limits": SMALL, "rows_per_part": 4}

    with pytest.raises(JobStoppedError, match="max_failures allows 2"):
        embed_file(client, source, out, max_failures="5%", **options)
    before = service.inputs_embedded
    report = embed_file(client, source, out, max_failures=3, **options)

    assert report.failed == 3
    assert service.inputs_embedded == len({row["text"] for row in rows} - {"poison"})
    assert before > 0


def test_rows_without_text_count_before_anything_is_sent(service, client, write, tmp_path):
    """They are known beforehand."""
    rows = [{"text": ""}, {"text": "a"}]

    with pytest.raises(ConfigurationError, match="1 of 2 rows have no text"):
        embed_file(
            client,
            write("in.parquet", rows),
            str(tmp_path / "o.parquet"),
            model="m",
            max_failures=0,
        )

    assert service.requests == ()


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


def test_a_pinned_job_keeps_its_provider_over_runs(service, client, write, tmp_path):
    """The second run asks for the provider of the first."""
    source, out = write("in.parquet", rows_of(60)), str(tmp_path / "out.parquet")
    interrupted(service, client, source, out, pin_provider=True)
    asked, embedded = len(service.requests), service.inputs_embedded

    embed_file(client, source, out, model=MODEL, limits=SMALL, rows_per_part=5, pin_provider=True)

    named = {"only": ["Example AI"], "allow_fallbacks": False}
    assert all(request.body["provider"] == named for request in service.requests[asked:])
    assert service.inputs_embedded == len({row["text"] for row in rows_of(60)}) > embedded


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "parts"])
def test_widths_do_not_mix_over_runs(journal, service, client, write, tmp_path):
    """A model that changed meanwhile is noticed, by the kept vectors or by the parts."""
    source, out = write("in.parquet", rows_of(60)), str(tmp_path / "out.parquet")
    first, second = (None if journal else str(tmp_path / name) for name in ("a", "b"))
    interrupted(service, client, source, out, cache=first)
    service.always(faults.wrong_width())
    options = {"model": MODEL, "limits": SMALL, "rows_per_part": 5, "cache": second}

    with pytest.raises(JobStoppedError, match="those before had 8" if journal else "wide before"):
        embed_file(client, source, out, **options)


def test_a_job_needs_a_cache_that_can_be_written(service, client, write, tmp_path):
    """A killed job would have lost what it had paid for."""
    source, out = write("in.parquet", rows_of(3)), str(tmp_path / "out.parquet")
    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        cache.writable = False
        with pytest.raises(ConfigurationError, match="written, and a job keeps each") as caught:
            embed_file(client, source, out, model=MODEL, cache=cache)

    assert caught.value.argument == "cache"
    assert service.inputs_embedded == 0


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
        ("in.csv", "id,text\n1,a\n2\n", {}, "line 3 has 1 fields, the header 2"),
        ("in.csv", 'text\n"a', {}, "is no CSV"),
        ("in.csv", "", {}, "There is no column 'text'"),
        ("in.jsonl", '{"text": "a"}\n{"x": 1}\n', {}, "line 2 has no 'text'"),
        ("in.jsonl", '"a"\n', {"id_column": "id"}, "There is no column 'id'"),
        (
            "in.jsonl",
            '{"text": "a", "k": 1}\n{"text": "b", "k": "x"}',
            {"keep_columns": "k"},
            "'k'",
        ),
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
    assert list(tmp_path.glob("*.parts")) == []


def test_bytes_that_are_no_utf8_are_named(client, tmp_path):
    """Before anything is sent."""
    (tmp_path / "in.txt").write_bytes(b"a\n\xff\n")

    with pytest.raises(ConfigurationError, match="input cannot be read"):
        embed_file(client, str(tmp_path / "in.txt"), str(tmp_path / "o.parquet"), model="m")


def test_numbers_are_no_text(client, tmp_path):
    """The column is named, and its type."""
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "in.parquet")

    with pytest.raises(ConfigurationError, match="'n' holds int64, not text"):
        embed_file(client, str(tmp_path / "in.parquet"), str(tmp_path / "o.parquet"), model="m")


def test_a_killed_job_goes_on(write, tmp_path):
    """However often it is killed, the file is the same, and little is embedded twice."""
    texts = [f"text {number % 900}" for number in range(1_000)]
    source = write("in.parquet", [{"id": n, "text": text} for n, text in enumerate(texts)])
    outs = [str(tmp_path / name) for name in ("killed.parquet", "whole.parquet")]
    with FaultServer(dimensions=8, delay=0.01) as server:
        kills = run_and_kill(server, source, outs[0], after=[0.1, 0.3, 0.5])
        embedded = server.inputs_embedded
        run_and_kill(server, source, outs[1], after=[])

    assert digest(outs[0]) == digest(outs[1])
    # What was in flight, and what had come and was still to be read: two batches at the most.
    assert 900 <= embedded <= 900 + kills * 10 * (4 + 2)


def run_and_kill(server, source, out, *, after):
    """Run a job as a process, kill it a while after its first request, and let it finish."""
    command = [sys.executable, "-m", "openrouter_embeddings", "embed", source, "--out", out]
    options = ["--id-column", "id", "--model", MODEL, "--batch-size", "10", "--in-flight", "4"]
    environment = {
        "OPENROUTER_API_KEY": server.api_key,
        "OPENROUTER_BASE_URL": server.base_url,
        "PATH": "",
    }
    kills = 0
    for seconds in [*after, None]:
        asked = len(server.requests)
        process = subprocess.Popen([*command, *options], env=environment, stderr=subprocess.PIPE)
        while process.poll() is None and len(server.requests) == asked and seconds is not None:
            time.sleep(0.01)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        _, said = process.communicate()
    assert process.returncode == 0, said
    return kills
