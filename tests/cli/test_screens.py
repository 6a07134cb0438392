"""What is said on terminals of 80 and 40 columns, and in a pipe."""

from __future__ import annotations

import os
import struct
import sys

import pytest

from openrouter_embeddings import cli
from openrouter_embeddings._base import asides
from openrouter_embeddings.cli import _app
from openrouter_embeddings.cli._index import Found
from openrouter_embeddings.cli._options import say

TEXT = "Dogs are loyal companions that have lived with people for fifteen thousand years"


def said_on_a_terminal(columns, monkeypatch, call):
    """Call with standard error on a pseudo-terminal of a width, and return its lines."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    monkeypatch.delenv("COLUMNS", raising=False)
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", terminal)
        call()
        terminal.write("end")  # or a read would wait where nothing was said
        terminal.flush()
        said = os.read(ours, 100_000).decode()
    os.close(ours)
    return said.removesuffix("end").replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [80, 40])
def test_an_error_is_broken_between_words_on_a_terminal(columns, monkeypatch, capsys):
    """Of its width; in a pipe it is one line, with the same words."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "")

    lines = said_on_a_terminal(columns, monkeypatch, lambda: cli.run(["models"]))
    cli.run(["models"])
    piped = capsys.readouterr().err

    assert piped.count("\n") == 1
    assert " ".join(lines) == piped.strip()
    assert len(lines) > 1
    assert all(len(line) <= columns or " " not in line for line in lines)


@pytest.mark.parametrize("columns", [80, 40])
def test_what_is_said_beside_is_broken_too(columns, monkeypatch):
    """The rows that failed, say."""
    lines = said_on_a_terminal(columns, monkeypatch, lambda: say(f"input 7: {TEXT}"))

    assert " ".join(lines) == f"input 7: {TEXT}"
    assert max(map(len, lines)) <= columns


def test_progress_knows_the_width_of_its_own_terminal(monkeypatch):
    """Though standard output goes into a file."""
    found = []
    said_on_a_terminal(40, monkeypatch, lambda: found.append(asides.terminal_columns()))

    assert found == [40]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("columns", [40, 80])
def test_hits_fit_the_screen(several, columns, monkeypatch, capsys):
    """Ids and files are whole; a narrow screen has lines and no table."""
    hits = [Found("of_the_last_year.parquet", row, 0.5, f"doc-{row:06}", TEXT) for row in range(3)]
    monkeypatch.setenv("COLUMNS", str(columns))

    _app._show(hits, several=several)

    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert max(map(len, lines)) <= columns
    assert ("┃" in shown) is (columns == 80)
    assert ("of_the_last_year.parquet" in shown.replace("\n", "")) is (several and columns == 40)
    assert "doc-000002" in shown
    assert len(lines) <= 3 * 6 + 4
    assert "…" not in shown
