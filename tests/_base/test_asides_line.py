"""The line that says how far something is."""

from __future__ import annotations

import pytest

from openrouter_embeddings._base.asides import ProgressLine, fitting, silence


@pytest.fixture
def now():
    """A clock that is set by hand."""
    return [0.0]


def line(now, **options):
    """Make a line of which nothing but what is told moves the time."""
    return ProgressLine(
        lambda columns, idle: f"{idle:.0f} s in {columns}",
        clock=lambda: now[0],
        **{"seldom": 10.0, "is_kept": True, **options},
    )


def test_lines_of_a_pipe_are_seldom_and_whole(now, capsys):
    """Each with its end, and the last one in any case."""
    shown = line(now)
    for now[0] in (1.0, 9.0, 10.0, 11.0, 25.0):
        shown.draw()
    shown.__exit__()

    assert capsys.readouterr().err == "10 s in 1000\n25 s in 1000\n0 s in 1000\n"


def test_a_terminal_is_drawn_over_and_says_how_long_nothing_came(now, monkeypatch, capsys):
    """One column is left free."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    shown = line(now, is_kept=False)
    now[0] = 1.0
    shown.tell()
    now[0] = 6.0
    shown.draw()
    shown.__exit__()

    assert capsys.readouterr().err.split("\r\x1b[2K") == ["", "0 s in 39", "5 s in 39", ""]


def test_nothing_is_drawn_after_the_end(now, capsys):
    """The thread that draws may be late."""
    shown = line(now)
    shown.__exit__()
    capsys.readouterr()
    now[0] = 100.0
    shown.tell()

    assert capsys.readouterr().err == ""


def test_who_hears_nothing_is_no_failure(now, monkeypatch):
    """Standard error may be closed, or None."""
    monkeypatch.setattr("sys.stderr", None)
    with line(now) as shown:
        shown.tell(at_once=True)


def test_what_does_not_fit_is_left_out():
    """The first part is cut where even that is too long."""
    assert fitting(["first", "", "a long one", "last"], 15) == "first · last"
    assert fitting(["first", "x"], 3) == "fir"


def test_a_short_silence_is_none():
    """A reply takes its time."""
    assert (silence(2.9), silence(12.3)) == ("", "waiting 12 s")


def test_a_system_without_threads_ends_nothing(now, monkeypatch, capsys):
    """What is told is drawn all the same."""

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", fail)
    with line(now) as shown:
        now[0] = 11.0
        shown.tell()

    assert capsys.readouterr().err == "0 s in 1000\n0 s in 1000\n"
