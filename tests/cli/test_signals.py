"""Signals: the first one ends a command in order, the second one at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pyarrow.parquet as pq
import pytest

from openrouter_embeddings.testing import FaultServer, faults

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has none of these signals")
COUNT = 60
WORD = "Ending: what is in flight is waited for and kept"


@pytest.fixture
def server():
    """A service that holds its replies after the first one, until it is told."""
    arrived, released = threading.Event(), threading.Event()

    def held(healthy):
        if len(server.requests) >= 1:
            arrived.set()
            assert released.wait(300)
        return healthy.answer()

    with FaultServer(dimensions=8) as server:
        server.always(faults.Fault("held", "It waits.", False, (), held))
        server.arrived, server.released = arrived, released
        try:
            yield server
        finally:
            released.set()


@pytest.fixture
def start(server, tmp_path):
    """Begin a job as a process of its own."""
    (tmp_path / "in.txt").write_text("".join(f"text {number}\n" for number in range(COUNT)))

    def call(before=()):
        program = [*before, sys.executable, "-m", "openrouter_embeddings"]
        command = [*program, "embed", tmp_path / "in.txt"]
        options = ["--out", tmp_path / "o.parquet", "--model", "m", "--batch-size", "4"]
        environment = {**os.environ, "OPENROUTER_API_KEY": server.api_key}
        return subprocess.Popen(
            [*command, *options, "--in-flight", "2", "--base-url", server.base_url],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    return call


def said_at_once(process):
    """Read what is said before anything else can go on."""
    lines = iter(process.stderr.readline, "")
    return next(line for line in lines if WORD in line)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_what_is_in_flight_is_kept(name, code, server, start, tmp_path):
    """The word comes at once; the same command pays for nothing twice."""
    with start() as process:
        assert server.arrived.wait(300)
        process.send_signal(getattr(signal, name))
        assert said_at_once(process)
        server.released.set()
        assert process.wait(300) == code
    paid = server.inputs_embedded

    with start() as process:
        _, said = process.communicate(timeout=300)

    assert 4 <= paid < COUNT
    assert process.returncode == 0, said
    assert server.inputs_embedded == COUNT
    assert pq.read_table(tmp_path / "o.parquet")["error"].null_count == COUNT


@pytest.mark.parametrize("second", ["SIGTERM", "SIGINT"])
def test_a_second_signal_ends_at_once(second, server, start):
    """Nothing is waited for: the replies are still held back."""
    with start() as process:
        assert server.arrived.wait(300)
        process.send_signal(signal.SIGTERM)
        assert said_at_once(process)
        process.send_signal(getattr(signal, second))
        code = process.wait(300)

    assert code == 128 + getattr(signal, second)
    assert not server.released.is_set()


def test_a_signal_that_was_ignored_stays_ignored(server, start):
    """As `nohup` has it."""
    with start(["nohup"]) as process:
        assert server.arrived.wait(300)
        process.send_signal(signal.SIGHUP)
        server.released.set()
        _, said = process.communicate(timeout=300)

    assert process.returncode == 0, said
    assert WORD not in said


def test_the_library_sets_no_handlers():
    """Importing it and running a command as a function changes nothing."""
    before = {name: signal.getsignal(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP")}

    from openrouter_embeddings import cli, jobs

    cli.run(["--help"])
    assert jobs.embed_file
    assert before == {name: signal.getsignal(getattr(signal, name)) for name in before}


def test_an_error_of_the_disk_is_a_sentence(tmp_path, capsys, monkeypatch):
    """Whatever command meets it."""
    from openrouter_embeddings import cli

    def broken(**_options):
        raise OSError(28, "No space left on device", "/some/file")

    monkeypatch.setattr("openrouter_embeddings.cli._app.connected", broken)

    assert cli.run(["models", "--local"]) == 1
    assert "/some/file: No space left on device" in capsys.readouterr().err
