"""Finished outputs: failed rows embedded again, checks that find damage, commands about files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from job_runs import rows_of

from openrouter_embeddings import ConfigurationError, JobStoppedError, Limits, cli
from openrouter_embeddings.jobs import JobProgress, embed_file, retry_failed, verify_file
from openrouter_embeddings.jobs._run import line_of
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
SMALL = Limits(max_batch=32, max_in_flight=1)


def accept_all(service):
    """Let the service take the text that it refused."""
    service._rules = evolve(service._rules, poison=frozenset())


@pytest.fixture
def rows():
    """Rows of which two are refused and one is empty."""
    rows = [{"id": number, "text": f"text {number}"} for number in range(20)]
    for place, text in ((3, "poison"), (7, ""), (15, "poison")):
        rows[place]["text"] = text
    return rows


@pytest.fixture
def made(client, write, rows, tmp_path):
    """An input and its output, in parts of six rows."""
    source, out = write("in.parquet", rows), str(tmp_path / "out.parquet")
    embed_file(client, source, out, model=MODEL, id_column="id")
    return source, out


def errors_of(out):
    return {
        row: error for row, error in enumerate(pq.read_table(out)["error"].to_pylist()) if error
    }


def vectors(out):
    return np.stack(pq.read_table(out)["embedding"].to_numpy(zero_copy_only=False))


def test_failed_rows_are_embedded_again_and_nothing_else(made, client, service, rows):
    """Rows without a text stay as they are."""
    _, out = made
    before, embedded = vectors(out), service.inputs_embedded
    accept_all(service)

    report = retry_failed(client, out)

    assert (report.rows, report.failed, report.sent) == (2, 0, 1)
    assert service.inputs_embedded == embedded + 1
    assert errors_of(out) == {7: "the text is empty"}
    after = vectors(out)
    assert np.array_equal(after[3], service.vector("poison"))
    assert np.array_equal(after[15], service.vector("poison"))
    others = [row for row in range(20) if row not in {3, 7, 15}]
    assert np.array_equal(after[others], before[others])
    assert pq.read_table(out)["id"].to_pylist() == [row["id"] for row in rows]
    assert all(check.holds for check in verify_file(out))


def test_rows_that_fail_again_say_why(made, client, service):
    """With the newest reason."""
    _, out = made
    accept_all(service)
    service.always(faults.status(400, "not today"))

    report = retry_failed(client, out)

    assert report.failures == ((3, "400: not today"), (15, "400: not today"))
    assert errors_of(out)[3] == "400: not today"


def test_texts_that_are_refused_for_ever_are_failures_and_no_outage(
    client, service, write, tmp_path
):
    """The rest of the output says that the settings are good, with a cache or without."""
    service._rules = evolve(service._rules, poison=frozenset(f"odd {n}" for n in range(32)))
    rows = [{"text": f"{'odd' if n < 32 else 'fine'} {n}"} for n in range(64)]
    out = str(tmp_path / "out.parquet")
    embed_file(client, write("in.parquet", rows), out, model=MODEL)

    report = retry_failed(client, out)

    assert (report.rows, report.failed, report.sent) == (32, 32, 0)
    assert len(errors_of(out)) == 32


def test_a_job_that_goes_on_knows_that_its_settings_are_good(client, service, write, tmp_path):
    """All that is left of it are texts that are refused."""
    service._rules = evolve(service._rules, poison=frozenset(f"odd {n}" for n in range(64)))
    rows = [{"text": f"{'fine' if n < 32 else 'odd'} {n}"} for n in range(64)]
    source, out = write("in.parquet", rows), str(tmp_path / "out.parquet")

    def stop(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_file(client, source, out, model=MODEL, progress=stop, limits=SMALL)
    asked = len(service.requests)
    report = embed_file(client, source, out, model=MODEL, limits=SMALL)

    assert (report.done, report.failed) == (64, 32)
    assert len(service.requests) > asked


def test_settings_that_nothing_survives_make_no_output(client, service, write, tmp_path):
    """The job ends with the service's error after a few requests, and leaves nothing."""
    service.always(faults.status(400, "input_type must be query or passage"))
    rows = [{"text": f"text {number}"} for number in range(1_000)]
    out = tmp_path / "out.parquet"

    with pytest.raises(JobStoppedError, match="must be query or passage") as caught:
        embed_file(
            client, write("in.parquet", rows), str(out), model=MODEL, input_type="search_query"
        )

    assert "input_type=" in caught.value.hint
    assert len(service.requests) <= 12
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_an_outage_leaves_the_old_reasons(made, client, service):
    """And the output whole."""
    _, out = made
    before = errors_of(out)
    accept_all(service)
    service.always(faults.status(402, "Insufficient credits"))

    with pytest.raises(JobStoppedError, match="Insufficient credits"):
        retry_failed(client, out)

    assert errors_of(out) == before
    assert all(check.holds for check in verify_file(out))


def test_nothing_is_sent_where_nothing_failed(client, service, write, tmp_path):
    """There is nothing to do."""
    out = str(tmp_path / "out.parquet")
    embed_file(client, write("in.parquet", [{"text": "a"}]), out, model=MODEL)
    asked = len(service.requests)

    assert retry_failed(client, out).rows == 0
    assert len(service.requests) == asked


def test_texts_that_are_not_in_the_output_come_from_the_input(
    client, service, write, rows, tmp_path
):
    """Which must be the same."""
    source, out = write("in.parquet", rows), str(tmp_path / "out.parquet")
    embed_file(client, source, out, model=MODEL, keep_text=False)
    accept_all(service)

    with pytest.raises(ConfigurationError, match="holds no texts"):
        retry_failed(client, out)
    with pytest.raises(ConfigurationError, match="is not what"):
        retry_failed(client, out, source=write("other.parquet", rows[::-1]))
    assert retry_failed(client, out, source=source).failed == 0


def test_an_output_that_failed_as_a_whole_gets_its_width_late(client, service, write, tmp_path):
    """Nobody knew it before."""
    out = str(tmp_path / "out.parquet")
    embed_file(client, write("in.parquet", [{"text": "poison"}]), out, model=MODEL)
    accept_all(service)

    retry_failed(client, out)

    assert np.array_equal(vectors(out)[0], service.vector("poison"))
    assert all(check.holds for check in verify_file(out))


def test_other_widths_are_not_written(made, client, service):
    """The output stays as it was."""
    _, out = made
    before = vectors(out)
    accept_all(service)
    service.always(faults.wrong_width())

    with pytest.raises(Exception, match="8 wide before, now they are 9"):
        retry_failed(client, out)

    assert np.array_equal(vectors(out), before, equal_nan=True)


def test_a_good_output_passes_every_check(made, client):
    """Rows, ids, texts, numbers, and a sample embedded again."""
    source, out = made

    checks = verify_file(out, source=source, client=client, sample=20)

    assert [check.name for check in checks] == [
        *("rows", "failed rows", "widths", "finite", "failed rows are NaN", "norms"),
        *("input", "column id", "column text", "sample"),
    ]
    assert all(check.holds for check in checks)
    assert "17 rows embedded again" in checks[-1].found


def damaged(table, what):
    """Break a table in one way."""
    matrix = np.stack(table["embedding"].to_numpy(zero_copy_only=False)).copy()
    ids, errors = table["id"].to_pylist(), table["error"].to_pylist()
    if what == "rows":
        return table.slice(0, 19)
    if what == "failed rows":
        errors[0] = "made up"
    if what == "finite":
        matrix[0, 3] = np.inf
    if what == "failed rows are NaN":
        matrix[3] = 1.0
    if what == "norms":
        matrix[0] *= 7
    if what == "column id":
        ids[2], ids[4] = ids[4], ids[2]
    if what == "sample":
        matrix[[0, 1]] = matrix[[1, 0]]
    flat = pa.array(matrix.reshape(-1), pa.float32())
    columns = {
        "id": pa.array(ids),
        "text": table["text"],
        "embedding": pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1]),
        "error": pa.array(errors, pa.string()),
    }
    return pa.table(columns, schema=table.schema)


@pytest.mark.parametrize(
    "what",
    ["rows", "failed rows", "finite", "failed rows are NaN", "norms", "column id", "sample"],
)
def test_damage_is_found_by_name(what, made, client):
    """Each check can fail."""
    source, out = made
    pq.write_table(damaged(pq.read_table(out), what), out)

    checks = verify_file(out, source=source, client=client)

    assert what in {check.name for check in checks if not check.holds}


def test_a_file_of_somebody_else_is_refused(client, tmp_path):
    """Nobody knows what it should hold."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_text("no parquet")

    with pytest.raises(ConfigurationError, match="was not written by the command embed"):
        verify_file(str(tmp_path / "x.parquet"))
    with pytest.raises(ConfigurationError, match="was not written by the command embed"):
        retry_failed(client, str(tmp_path / "y.parquet"))


@pytest.fixture
def run(capsys, service, monkeypatch):
    """Run a command against the service; give its code, its output and what it said aside."""
    monkeypatch.setenv("OPENROUTER_API_KEY", service.api_key)
    monkeypatch.setenv("OPENROUTER_BASE_URL", service.base_url)

    def call(*words):
        code = cli.run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_commands_tell_what_they_did(run, service, write, rows, tmp_path):
    """From the estimate to the check."""
    source, out = write("in.parquet", rows), tmp_path / "out.parquet"
    command = ("embed", source, "--out", out, "--model", MODEL, "--id-column", "id")

    dry, shown, _ = run(*command, "--dry-run")
    assert (dry, service.inputs_embedded) == (0, 0)
    assert "texts:   19, 18 different ones" in shown
    assert not out.exists()

    failed, _, said = run(*command, "--max-failures", "50%")
    assert failed == 3
    assert "17 of 19 texts embedded into" in said
    assert "input 4: 400" in said

    wrong, _, said = run("retry-failed", out)
    assert (wrong, "0 of 2 texts embedded again" in said) == (3, True)
    accept_all(service)
    good, _, said = run("retry-failed", out)
    assert (good, "2 of 2 texts embedded again" in said) == (0, True)
    none, _, said = run("retry-failed", out)
    assert (none, "no row to embed again" in said) == (0, True)

    fine, shown, _ = run("verify", out, "--input", source, "--sample", 3)
    assert (fine, shown.count("ok ")) == (0, len(shown.splitlines()))
    pq.write_table(damaged(pq.read_table(out), "norms"), out)
    bad, shown, _ = run("verify", out, "--sample", 0)
    assert (bad, "WRONG  norms" in shown) == (1, True)


def test_the_cache_can_be_looked_into_and_emptied(run, write, rows, tmp_path):
    """By model."""
    source, cache = write("in.parquet", rows), tmp_path / "vectors.cache"
    for number, model in enumerate(["test/a", "test/b"]):
        out = tmp_path / f"{number}.npy"
        run("embed", source, "--out", out, "--model", model, "--cache", cache)

    _, shown, _ = run("cache", "info", cache)
    assert "34 vectors" in shown
    assert "17  test/a" in shown
    _, shown, _ = run("estimate", source, "--model", MODEL, "--cache", cache)
    assert "cached:  0" in shown
    _, shown, _ = run("cache", "clear", cache, "--model", "test/a")
    assert shown == "17 vectors deleted\n"
    _, shown, _ = run("cache", "clear", cache)
    assert shown == "17 vectors deleted\n"
    code, _, said = run("cache", "info", tmp_path / "misspelt.cache")
    assert (code, "There is no cache" in said) == (2, True)
    assert not (tmp_path / "misspelt.cache").exists()
    (tmp_path / "empty").mkdir()
    code, _, said = run("cache", "info", tmp_path / "empty")
    assert (code, "There is no cache" in said) == (2, True)
    code, _, said = run("cache", "clear", source)
    assert (code, "is no folder" in said) == (2, True)


def test_jsonl_outputs_have_all_columns(client, write, rows, tmp_path):
    """A failed row has no vector and its reason."""
    out = tmp_path / "out.jsonl"
    embed_file(client, write("in.parquet", rows), str(out), model=MODEL, id_column="id")

    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == list(range(20))
    assert [line["embedding"] is None for line in lines] == [
        row["text"] in {"", "poison"} for row in rows
    ]


LINE = "2,500 of 10,000 rows · 1:40:00 left · throttled 12 s · 3 failed · spent $0.0123"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (110, f"{LINE} · 1,250/s · 7 in flight"),
        (79, LINE),
        (39, "2,500 of 10,000 rows · 1:40:00 left"),
        (21, "2,500 of 10,000 rows"),
        (10, "2,500 of 1"),
    ],
)
def test_progress_is_one_line_of_any_width(columns, line):
    """What matters most stays: rows, time left, failures, money, pace."""
    progress = JobProgress(
        rows=10_000,
        done=2_500,
        failed=3,
        in_flight=7,
        rate=1_250.4,
        throttled_seconds=12.3,
        spent=0.01234,
        seconds_left=5_999.6,
    )

    assert line_of(progress, columns) == line
    assert len(line) <= columns


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (79, "writing the output · 10,000 of 10,000 rows · 2 retries · spent $0.0123 · 90/s"),
        (50, "writing the output · 10,000 of 10,000 rows · 90/s"),
        (39, "writing the output · 2 retries · 90/s"),
    ],
)
def test_progress_says_that_the_output_is_written(columns, line):
    """No time is left by then, and nothing is in flight."""
    progress = JobProgress(10_000, 10_000, 0, 0, 90.0, 0.0, 0.01234, 0.0, 2, is_writing=True)

    assert line_of(progress, columns) == line
    assert len(line) <= columns


def test_a_job_tells_its_retries_and_that_it_writes_the_output(client, service, write, tmp_path):
    """The latter once, when all is known and the output is not there."""
    source, out, told = write("in.parquet", rows_of(12)), tmp_path / "o.parquet", []
    service.script(faults.ok(), faults.status(503), faults.status(503))

    def tell(progress):
        told.append((progress, out.exists()))

    embed_file(client, source, out, model=MODEL, limits=evolve(SMALL, max_batch=4), progress=tell)

    assert [progress.is_writing for progress, _ in told] == [False] * (len(told) - 1) + [True]
    last, was_there = told[-1]
    assert (last.done, last.retries, was_there) == (12, 2, False)


def test_progress_is_shown_on_a_terminal(monkeypatch, capsys, client, write, rows, tmp_path):
    """And wiped away at the end."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with FaultServer() as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        source, out = write("in.parquet", rows), tmp_path / "out.parquet"
        cli.run(["embed", source, "--out", str(out), "--model", MODEL])

    said = capsys.readouterr().err
    assert "20 of 20 rows" in said
    assert "writing the output · 20 of 20 rows" in said
    assert said.startswith("\r\x1b[2Kwaiting for the first reply")
    assert said.index("\x1b[2K") < said.index("20 of 20 rows") < said.rindex("\x1b[2K")


def test_silence_takes_the_place_of_the_time_that_is_left():
    """Which nobody knows while nothing comes."""
    progress = JobProgress(10_000, 2_500, 0, 7, 90.0, 0.0, 0.01234, 60.0)

    assert line_of(progress, 39, 12.3) == "waiting 12 s · 2,500 of 10,000 rows"
    assert "left" not in line_of(progress, 79, 12.3)


def test_progress_of_a_call_is_a_line_with_an_end(made, client, service, rows, tmp_path, capsys):
    """In a pipe or a notebook too, of `embed_file` and of `retry_failed`."""
    source, out = made
    embed_file(client, source, tmp_path / "o.parquet", model=MODEL, progress=True)
    accept_all(service)
    retry_failed(client, out, progress=True)

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("writing the output · 20 of 20 rows · 2 failed · spent $")
    assert second.startswith("writing the output · 20 of 20 rows · spent $")


def test_progress_is_a_switch_or_a_function(client, write, rows, tmp_path):
    """Anything else is refused before anything is sent."""
    source = write("in.parquet", rows)
    with pytest.raises(ConfigurationError, match="progress"):
        embed_file(client, source, tmp_path / "o.parquet", model=MODEL, progress="yes")
