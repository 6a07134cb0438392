"""What others write is shown, and obeyed by no terminal."""

from __future__ import annotations

import pytest

from openrouter_embeddings._base.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("für 日本 👩‍💻", "für 日本 👩‍💻"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("half \ud800", "half \\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("over\rwritten", "over\\rwritten"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    """Letters of any script stay; escapes, turns of direction and half surrogates do not."""
    assert printable(text) == shown


def test_one_line_is_one_line():
    """A line of a log cannot be made up."""
    assert one_line("a\nERROR made up\r\n\x1b[1A") == "a ERROR made up \\x1b[1A"
