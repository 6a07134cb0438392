"""Standard input: kept in the folder of its job, so that a killed job loses nothing."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest

from openrouter_embeddings import cli
from openrouter_embeddings.testing import FaultServer, faults

TEXTS = [f"text {number}" for number in range(40)]
KILLED = """
import os, signal, sys
from openrouter_embeddings import cli
from openrouter_embeddings.jobs import _ledger
real, seen = _ledger.Ledger.append, []
def append(*args):
    seen.append(args)
    if len(seen) == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
_ledger.Ledger.append = append
cli.run(sys.argv[1:])
"""


@pytest.fixture
def service(monkeypatch):
    """A service in the place of the real one."""
    with FaultServer() as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def words(tmp_path):
    """The command, whose output is in a folder of its own."""
    (tmp_path / "place").mkdir()
    out = tmp_path / "place" / "out.npy"
    options = ["--model", "m", "--batch-size", "4", "--in-flight", "2"]
    return ["embed", "-", "--out", str(out), *options]


@pytest.fixture
def place(words, tmp_path):
    """The folder of the output."""
    return tmp_path / "place"


def lines(texts):
    return "".join(f"{text}\n" for text in texts).encode()


@pytest.fixture
def feed(monkeypatch, capsys):
    """Run a command with a standard input; give its code and what it said."""

    def call(command, content):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        code = cli.run(command)
        return code, capsys.readouterr().err

    return call


def killed(words, content):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words], input=content, check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def inputs_in(place):
    return [path.read_bytes() for path in place.glob("out.npy.job/stdin-*.txt")]


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
def test_a_killed_job_leaves_its_input_and_goes_on(service, words, place, feed):
    """In its own folder, for its owner alone; the same input goes on."""
    killed(words, lines(TEXTS))

    folder = place / "out.npy.job"
    (spool,) = folder.glob("stdin-*.txt")
    assert spool.read_bytes() == lines(TEXTS)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(spool.stat().st_mode) == 0o600
    assert 0 < service.inputs_embedded < 40
    code, said = feed(words, lines(TEXTS))

    assert (code, "40 of 40 texts" in said) == (0, True)
    # Of two requests in flight one may have been paid for without a word.
    assert 40 <= service.inputs_embedded <= 48
    assert {path.name for path in place.iterdir()} == {"out.npy", "out.npy.rows.parquet"}


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
def test_another_input_is_a_changed_one(service, words, place, feed):
    """What it has of the texts that were paid for is not paid for again."""
    killed(words, lines(TEXTS))

    changed = ["new", *TEXTS[:20], "newer"]
    code, _ = feed(words, lines(changed))

    assert code == 0
    assert service.inputs_embedded <= 40 + 2 + 8
    wanted = np.stack([service.vector(text) for text in changed])
    assert np.array_equal(np.load(place / "out.npy"), wanted)


def test_a_job_that_stops_keeps_one_input(service, words, place, feed):
    """That of its last run; what was refused leaves what is there."""
    service.script(faults.ok(), *[faults.status(402, "Insufficient credits")] * 40)
    assert feed(words, lines(TEXTS))[0] == 1
    assert inputs_in(place) == [lines(TEXTS)]

    assert feed([*words, "--dimensions", "4"], b"other\n")[0] == 2
    assert inputs_in(place) == [lines(TEXTS)]
    assert feed(words, lines(TEXTS[::-1]))[0] == 1
    assert inputs_in(place) == [lines(TEXTS[::-1])]
    service._script.embeddings.clear()

    assert feed(words, lines(TEXTS))[0] == 0
    assert service.inputs_embedded == 40


def test_a_finished_job_is_found_again(service, words, place, feed):
    """Nothing is sent, and nothing is left beside the output."""
    feed(words, lines(TEXTS))
    asked = len(service.requests)

    code, said = feed(words, lines(TEXTS))

    assert (code, "40 of 40 texts" in said) == (0, True)
    assert len(service.requests) == asked
    assert {path.name for path in place.iterdir()} == {"out.npy", "out.npy.rows.parquet"}


@pytest.mark.parametrize("more", [["--dry-run"], ["--column", "x"], ["--max-failures", "x"]])
def test_what_pays_for_nothing_leaves_nothing(more, service, words, place, feed):
    """An estimate and a refusal."""
    feed([*words, *more], lines(TEXTS))

    assert list(place.iterdir()) == []
    assert service.inputs_embedded == 0


def test_an_input_that_cannot_be_kept_is_a_sentence(service, words, place, feed):
    """Nothing is sent."""
    (place / "out.npy.job").write_text("a file")

    code, said = feed(words, lines(TEXTS))

    assert (code, service.requests) == (1, ())
    assert "Standard input cannot be kept in" in said
    assert (place / "out.npy.job").read_text() == "a file"


def test_a_closed_standard_input_is_a_sentence(service, words, capsys, monkeypatch):
    """Python has None for it."""
    monkeypatch.setattr("sys.stdin", None)

    assert cli.run(words) == 2
    assert "standard input is closed" in capsys.readouterr().err
