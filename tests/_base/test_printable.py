"""What others write is shown, and obeyed by no terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import openrouter_embeddings
from openrouter_embeddings._base.printable import counted, one_line, printable, wrapped


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


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2_000, ("row",), "2,000 rows"),
        (1, ("retry", "retries"), "1 retry"),
        (2, ("retry", "retries"), "2 retries"),
        (1, ("row has none", "rows have none"), "1 row has none"),
    ],
)
def test_a_count_has_its_noun(count, words, said):
    """One of it, or many."""
    assert counted(count, *words) == said


NOUNS = (
    "row|text|input|vector|request|retrie|token|number|dimension|model|field|byte|attempt|entrie"
)
ALWAYS_MANY = (
    "at most {",  # bounds, none of them one
    "more than {",
    "larger than {",
    "{KEY_BYTES} bytes",
    "made = ",  # the demonstration, and the model of this machine: of one size
    "{self.vocabulary} tokens",
    "_MOST_INCOMPLETE",
    "{self._incomplete} requests in a row",
    "{widths} numbers in one reply",  # lists of several
    "The {width} numbers of a vector are",
    "{len(items)} items; at most",
)


def test_every_count_of_a_message_has_its_noun():
    """A count is put before a plural by `counted` alone, which knows how one of it is called."""
    package = Path(openrouter_embeddings.__file__).parent
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(rf"\{{[^{{}}]+\}} (new |failed )?({NOUNS})s\b", line)
        and not any(words in line.lower() or words in line for words in ALWAYS_MANY)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "columns", "indent", "lines"),
    [
        ("a few words", 20, "", ["a few words"]),
        ("a few words", 11, "", ["a few words"]),
        ("a few words", 10, "", ["a few", "words"]),
        (
            "/a/very/long/path.txt is not there",
            10,
            "",
            ["/a/very/long/path.txt", "is not", "there"],
        ),
        ("see /a/very/long/path.txt", 10, "", ["see", "/a/very/long/path.txt"]),
        ("one\ntwo three", 5, "", ["one", "two", "three"]),
        ("two words", 7, "  ", ["  two", "  words"]),
        ("wholeword", 4, "  ", ["  wholeword"]),
        ("", 4, "", [""]),
        ("a  b", 3, "", ["a ", "b"]),
    ],
)
def test_lines_are_broken_between_words(text, columns, indent, lines):
    """Of no character is there more or less than of the text, but for blanks at the ends."""
    assert wrapped(text, columns, indent).split("\n") == lines
