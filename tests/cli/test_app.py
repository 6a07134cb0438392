"""The command line: files in, files out, exit codes, and what it says."""

from __future__ import annotations

import csv
import importlib
import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from openrouter_embeddings import cli, jobs
from openrouter_embeddings.local import LocalModel
from openrouter_embeddings.testing import FaultServer, faults

LOCAL = pytest.mark.local_model
TEXTS = ["dogs are loyal", "the cat sat", "stocks fell", "für Elise  und mehr"]


@pytest.fixture
def run(capsys):
    """Run a command; give its code, its output and what it said aside."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write(path, texts=TEXTS):
    """Write texts in the format that the name tells."""
    if path.suffix == ".txt":
        path.write_text("".join(f"{text or ''}\n" for text in texts), encoding="utf-8")
    elif path.suffix == ".jsonl":
        rows = [json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)]
        path.write_text("\n".join(rows), encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows(enumerate(texts))
    else:
        pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path)
    return path


@LOCAL
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv", ".parquet"])
def test_every_input_becomes_vectors(suffix, tmp_path, run):
    """Row i of the output is the vector of row i of the input."""
    source, out = write(tmp_path / f"in{suffix}"), tmp_path / "out.parquet"

    code, _, said = run("embed", source, "--out", out, "--local", "--dimensions", 64)

    table = pq.read_table(out)
    column = table["embedding"]
    assert code == 0
    assert "4 of 4 texts embedded" in said
    assert column.type == pa.list_(pa.float32(), 64)
    assert table["text"].to_pylist() == TEXTS
    assert np.allclose(column.to_pylist(), LocalModel.load().embed(TEXTS, 64), atol=1e-6)
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["openrouter_embeddings.model"] == "local/wordllama-256"
    assert metadata["openrouter_embeddings.dimensions"] == "64"
    assert metadata["openrouter_embeddings.source"] == str(source)


@LOCAL
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".npy"])
def test_every_output_can_be_searched(suffix, tmp_path, run):
    """The nearest text comes first."""
    source, out = write(tmp_path / "in.txt"), tmp_path / f"out{suffix}"
    run("embed", source, "--out", out, "--local")

    code, shown, _ = run("search", "pets that bark", "--index", out, "--local", "-k", 2)

    first = next(line for line in shown.splitlines() if "│" in line or "|" in line)
    assert code == 0
    assert "dogs are loyal" in first if suffix != ".npy" else " 1 " in first
    assert shown.count("0.") == 2


@LOCAL
def test_standard_input_is_read(tmp_path, run, monkeypatch):
    """A text a line."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))

    code, _, said = run("embed", "-", "--out", tmp_path / "out.npy", "--local")

    assert (code, np.load(tmp_path / "out.npy").shape) == (0, (2, 256))
    assert "2 of 2" in said


def test_a_line_of_standard_input_that_is_no_text_fails_alone(service, tmp_path, run, monkeypatch):
    """Whatever the terminal's encoding is."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff\nb\n")))

    code, _, said = run("embed", "-", "--out", tmp_path / "out.npy", "--model", "m")

    assert code == 3
    assert "input 2: line 2 is no UTF-8" in said
    assert "2 of 3 texts" in said


@LOCAL
def test_empty_rows_are_no_failures(tmp_path, run):
    """Exit code 0, NaN and the reason in the row, nothing shifted."""
    source, out = write(tmp_path / "in.txt", ["a", None, "b"]), tmp_path / "out.parquet"

    code, _, said = run("embed", source, "--out", out, "--local")

    table = pq.read_table(out)
    assert code == 0
    assert "2 of 2 texts embedded into" in said
    assert "1 row has no text" in said
    finite = np.isfinite(table["embedding"].to_pylist()).all(axis=1)
    assert finite.tolist() == [True, False, True]
    assert table["error"].to_pylist() == [None, "the text is empty", None]
    assert table["text"].to_pylist() == ["a", "", "b"]


@pytest.fixture
def service(monkeypatch):
    """A faulty service in the place of the real one."""
    with FaultServer(poison={"poison"}, max_inputs=4) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        yield server


@pytest.mark.parametrize("command", ["embed", "retry-failed"])
def test_rates_reach_the_job(command, tmp_path, run, monkeypatch):
    """Both bounds of a minute, as they were given; a minute that holds nothing is refused."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-test")
    given = []

    def job(*_, limits, **__):
        given.append((limits.requests_per_minute, limits.tokens_per_minute))
        return jobs.JobReport("out.parquet", 0, 0, 0)

    for name in ("embed_file", "retry_failed"):
        monkeypatch.setattr(jobs, name, job)
    words = [command, tmp_path / "out.parquet"]
    if command == "embed":
        words = [command, write(tmp_path / "in.txt"), "--out", words[1], "--model", "m"]

    run(*words)
    run(*words, "--requests-per-minute", 60, "--tokens-per-minute", 1_000_000)
    code, _, said = run(*words, "--requests-per-minute", 0)
    assert (code, "--requests-per-minute" in said) == (2, True)
    code, _, said = run(*words, "--tokens-per-minute", "nan")

    assert code != 0
    assert "Limits.tokens_per_minute" in said
    assert given == [(None, None), (60, 1_000_000)]


def test_a_refused_text_does_not_sink_the_others(service, tmp_path, run):
    """The batch is halved until the guilty text stands alone."""
    texts = [f"text {n}" for n in range(9)]
    texts[5] = "poison"
    source, out = write(tmp_path / "in.txt", texts), tmp_path / "out.jsonl"

    code, _, said = run("embed", source, "--out", out, "--model", "test/m", "--batch-size", 9)

    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert code == 3
    assert "input 6: 400: Provider returned error: an input is not acceptable" in said
    assert [row["embedding"] is None for row in rows] == [text == "poison" for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if text != "poison":
            assert np.float32(row["embedding"]).tolist() == service.vector(text).tolist()


def test_an_outage_keeps_what_was_paid_for(service, tmp_path, run):
    """Exit code 1 and the service's words; the same command goes on and pays for the rest alone."""
    source, out = write(tmp_path / "in.txt", list("abcdefgh")), tmp_path / "out.parquet"
    service.script(faults.ok())
    service.script(faults.status(403, "Key limit exceeded"))
    command = ("embed", source, "--out", out, "--model", "m", "--batch-size", 2, "--in-flight", 1)

    code, _, said = run(*command)
    paid = service.inputs_embedded
    again, _, _ = run(*command)

    assert (code, again, paid) == (1, 0, 2)
    assert "Key limit exceeded" in said
    assert "the same command goes on from there" in said
    assert service.inputs_embedded == 8
    assert pq.read_table(out)["error"].null_count == 8


def test_an_outage_from_the_start_is_a_failure(service, tmp_path, run):
    """Exit code 1, the service's words, no file."""
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.parquet"
    service.always(faults.status(403, "Key limit exceeded"))

    code, _, said = run("embed", source, "--out", out, "--model", "test/m")

    assert code == 1
    assert "Key limit exceeded" in said
    assert not list(tmp_path.glob("*out*"))


def test_the_models_are_listed(service, run):
    """Cheapest first, with prices for a million tokens."""
    code, shown, _ = run("models")

    rows = [line for line in shown.splitlines() if "test/" in line]
    assert code == 0
    assert "test/embedding-free:free" in rows[0]
    assert "0.02" in rows[1]
    assert len([line for line in run("models", "--free")[1].splitlines() if "test/" in line]) == 1


def test_an_id_is_whole_in_a_narrow_window(service, run, monkeypatch):
    """It takes several lines: one that is cut cannot be copied."""
    monkeypatch.setenv("COLUMNS", "40")
    cells = [line.split("│")[1].strip() for line in run("models")[1].splitlines() if "│" in line]

    assert "test/embedding-free:free" in "".join(cells)
    assert "…" not in "".join(cells)


@LOCAL
def test_the_local_model_is_listed(run):
    """Without a key and without a network."""
    assert "local/wordllama-256" in run("models", "--local")[1]


@pytest.mark.parametrize("command", [("embed", "IN", "--out", "OUT", "--model", "m"), ("models",)])
def test_without_a_key_both_ways_on_are_named(command, tmp_path, run):
    """A key, or the local model."""
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.npy"
    words = [{"IN": source, "OUT": out}.get(word, word) for word in command]

    code, _, said = run(*words)

    assert code == 2
    assert "OPENROUTER_API_KEY" in said
    assert "--local" in said


WRONG_USAGE = [
    (("embed", "IN.txt", "--out", "out.xyz", "--local"), "tells no known format"),
    (("embed", "IN.txt", "--out", "nowhere/out.npy", "--local"), "does not exist"),
    (("embed", "missing.txt", "--out", "out.npy", "--local"), "is not there"),
    (("embed", "IN.xyz", "--out", "out.npy", "--local"), "tells no known format"),
    (("embed", "IN.txt", "--out", "out.npy"), "model is missing"),
    (("embed", "IN.csv", "--out", "o.npy", "--local", "--column", "x"), "There is no column"),
    (("embed", "bad.jsonl", "--out", "o.npy", "--local"), "line 1 is no JSON"),
    (("embed", "numbers.jsonl", "--out", "o.npy", "--local"), "line 1 must be text"),
    (("embed", "IN.txt"), "Missing option '--out'"),
    (("embed", "IN.txt", "--out", "o.npy", "--batch-size", "0"), "Invalid value"),
    (("search", "x", "--index", "missing.parquet", "--local"), "cannot be read"),
    (("search", "x", "--index", "IN.txt", "--local"), "tells no known format"),
    (("nonsense",), "No such command"),
    (("serve", "--host", "256.0.0.1"), "Cannot listen"),
]
START_THE_SERVER = {"--local", "serve"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(*row, marks=LOCAL if START_THE_SERVER & {*row[0]} else ())
        for row in WRONG_USAGE
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_named(words, message, tmp_path, run, monkeypatch):
    """Exit code 2, before anything is sent."""
    monkeypatch.chdir(tmp_path)
    for suffix in (".txt", ".csv"):
        write(tmp_path / f"IN{suffix}")
    (tmp_path / "bad.jsonl").write_text("{")
    (tmp_path / "numbers.jsonl").write_text('{"text": 3}')

    code, _, said = run(*words)

    assert code == 2
    assert message in " ".join(said.replace("│", " ").split())


@LOCAL
def test_an_index_of_the_local_model_needs_it(tmp_path, run, monkeypatch):
    """Other models' vectors mean nothing beside its own."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-x")
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.parquet"
    run("embed", source, "--out", out, "--local")

    code, _, said = run("search", "x", "--index", out)

    assert code == 2
    assert "--local" in said


def test_widths_must_agree(service, tmp_path, run):
    """A search in another space is refused."""
    out = tmp_path / "out.npy"
    np.save(out, np.ones((2, 4), np.float32))

    code, _, said = run("search", "x", "--index", out, "--model", "m")

    assert code == 2
    assert "The index has 4 dimensions and the query 8" in said


def test_the_width_of_an_index_is_remembered(service, tmp_path, run):
    """A shortened index is searched with vectors of the same width."""
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.parquet"
    run("embed", source, "--out", out, "--model", "m", "--dimensions", 4, "--input-type", "doc")

    assert run("search", "the cat sat", "--index", out)[0] == 0
    assert service.requests[0].body["input_type"] == "doc"
    assert service.requests[-1].body["dimensions"] == 4


def test_a_prefix_is_put_before_each_text(service, tmp_path, run):
    """By every command that embeds; the output keeps the texts, and another one is refused."""
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.parquet"
    words, prefix = ("embed", source, "--out", out, "--model", "test/embedding"), "passage: "

    def tokens(*asked):
        return json.loads(run(*asked, "--model", "test/embedding", "--json")[1])["tokens"]

    estimate = ("estimate", source)
    assert tokens(*words, "--dry-run", "--prefix", "p" * 700)[0] >= 400
    assert tokens(*estimate, "--prefix", "p" * 700)[0] > tokens(*estimate)[1]
    assert run(*words, "--prefix", prefix)[0] == 0
    assert run("verify", out, "--input", source)[0] == 0
    code, _, said = run(*words)

    sent = [request.body["input"] for request in service.requests if request.body]
    assert [sorted(each) for each in sent] == [sorted(prefix + text for text in TEXTS)] * 2
    assert pq.read_table(out)["text"].to_pylist() == TEXTS
    assert code == 2
    assert "begun with prefix = 'passage: ', now it is None" in said


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.npy"])
def test_a_prefix_is_put_before_the_query(name, service, tmp_path, run):
    """What the command says comes before what the index says."""
    source, out = write(tmp_path / "in.txt"), tmp_path / name
    words = ("embed", source, "--out", out, "--model", "m")
    run(*words, "--prefix", "passage: ", "--query-prefix", "query: ")

    assert run("search", "cats", "--index", out)[0] == 0
    assert run("search", "cats", "--index", out, "--query-prefix", "q ")[0] == 0
    assert [request.body["input"] for request in service.requests[1:]] == ["query: cats", "q cats"]
    code, _, said = run(*words, "--prefix", "passage: ")
    assert code == 2
    assert "begun with query_prefix = 'query: ', now it is None" in said


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.npy"])
def test_no_prefix_of_a_query_is_guessed(name, service, tmp_path, run):
    """Where the texts have one, that of a query must be said; that there is none as well."""
    source, out = write(tmp_path / "in.txt"), tmp_path / name
    words = ("embed", source, "--out", out, "--model", "m", "--prefix", "passage: ")
    search = ("search", "cats", "--index", out)
    run(*words)
    asked = len(service.requests)

    code, _, said = run(*search)
    assert (code, len(service.requests)) == (2, asked)
    assert "index has 'passage: ' before each text, and says none for a query" in said
    assert "--query-prefix" in said

    assert run(*search, "--query-prefix", "")[0] == 0
    assert run(*words, "--query-prefix", "", "--overwrite")[0] == 0
    assert run(*search)[0] == 0
    sent = [request.body["input"] for request in service.requests]
    assert (sent[1], sent[3]) == ("cats", "cats")


def test_files_that_ask_for_several_prefixes_are_not_searched(service, tmp_path, run):
    """Until it is said which one is meant."""
    source, outs = write(tmp_path / "in.txt"), [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for out, prefix in zip(outs, ("query: ", "q "), strict=True):
        run("embed", source, "--out", out, "--model", "m", "--query-prefix", prefix)
    search = ("search", "cats", "--index", outs[0], "--index", outs[1])

    code, _, said = run(*search)
    assert code == 2
    assert "several prefixes of a query" in said
    assert run(*search, "--query-prefix", "q ")[0] == 0


@LOCAL
def test_lines_break_at_line_feeds_only(tmp_path, run):
    """Other separators stand inside texts."""
    source, out = tmp_path / "in.txt", tmp_path / "out.parquet"
    source.write_bytes("a\u2028b\r\nc\x0bd".encode())

    run("embed", source, "--out", out, "--local")

    assert pq.read_table(out)["text"].to_pylist() == ["a\u2028b", "c\x0bd"]


@LOCAL
def test_the_demo_answers_right(run):
    """Three questions, and each first hit from the right topic."""
    code, shown, _ = run("demo")

    assert code == 0
    for topic in ("break", "return", "binary"):
        assert topic in shown
    assert "vectors of 256 numbers" in shown
    assert "a second" in shown
    assert "Cost: $0" in shown


@LOCAL
def test_the_demo_answers_programs(run):
    """With one object, and nothing beside it."""
    code, shown, _ = run("demo", "--json")

    found = json.loads(shown)
    assert (code, found["dimensions"], found["cost"]) == (0, 256, 0.0)
    assert [answer["hits"][0]["topic"] for answer in found["answers"]] == [
        answer["expected"] for answer in found["answers"]
    ]
    assert all(answer["is_right"] for answer in found["answers"])


def commands_of(group):
    for command in group.commands.values():
        yield from commands_of(command) if hasattr(command, "commands") else [command]


def test_every_command_has_json():
    """That of `contract` names a file, and its report stays on the screen."""
    app = importlib.import_module("openrouter_embeddings.cli._app").app
    commands = list(commands_of(typer.main.get_command(app)))

    assert len(commands) == 11
    for command in commands:
        assert "--json" in [name for option in command.params for name in option.opts], command.name


@LOCAL
def test_the_demo_says_when_it_is_wrong(run, monkeypatch):
    """It checks its own answers."""
    monkeypatch.setattr("openrouter_embeddings.cli._demo.QUESTIONS", {"What is a loop?": "nothing"})

    code, shown, _ = run("demo")

    assert code == 1
    assert "not what was expected: What is a loop?" in shown


@LOCAL
def test_the_command_is_installed(tmp_path):
    """As a program of its own, quiet in a pipe."""
    command = [sys.executable, "-m", "openrouter_embeddings", "embed", "-"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out.npy"), "--local"],
        input="a\nb\n",
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"2 of 2 texts embedded into {tmp_path / 'out.npy'}",
        "2 sent in 1 request, 2 tokens, $0.000000",
    ]


def test_ctrl_c_ends_quietly(monkeypatch, run):
    """With the code that shells expect, and no traceback."""
    monkeypatch.setattr("openrouter_embeddings.cli._app.connected", _interrupting)

    assert run("models", "--local")[0] == 130


def _interrupting(**_options):
    raise KeyboardInterrupt


def test_bugs_are_not_hidden(monkeypatch, run):
    """What nobody expected keeps its traceback."""
    monkeypatch.setattr("openrouter_embeddings.cli._app.connected", _broken)

    with pytest.raises(ZeroDivisionError):
        run("models", "--local")


def _broken(**_options):
    raise ZeroDivisionError
