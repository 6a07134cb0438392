"""Texts made fit to show: what a terminal would obey is written out, and counts have their noun."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed, ANSI's escape among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029\ufeff"  # separators of lines, and a mark that nobody sees
    "\ud800-\udfff"  # halves of surrogate pairs, which no encoding can carry
    "\U000e0000-\U000e007f]"  # tags, which nobody sees
)


def printable(text: str) -> str:
    """Write out the characters that a terminal would obey, or that nobody sees, as escapes.

    Tabs and the ends of lines stay, a carriage return before a line feed is dropped.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Do what `printable` does, and put the text into one line."""
    return printable(" ".join(text.split()))


def wrapped(text: str, columns: int, indent: str = "") -> str:
    """Break lines at their blanks where they are longer; a word that is longer stays whole.

    Args:
        text: The lines.
        columns: How many characters a line may have.
        indent: What each line begins with.
    """
    return "\n".join(
        broken
        for line in text.split("\n")
        for broken in _broken(f"{indent}{line}", columns, indent)
    )


def _broken(line: str, columns: int, indent: str) -> Iterator[str]:
    while len(line) > columns:
        # The last blank that fits, or the first one behind a word that does not.
        place = line.rfind(" ", len(indent) + 1, columns + 1)
        place = line.find(" ", len(indent) + 1) if place < 0 else place
        if place < 0:
            break
        yield line[:place]
        line = f"{indent}{line[place + 1 :]}"
    yield line


def counted(count: int, one: str, many: str | None = None) -> str:
    """Say how many there are: "1 row", "2,000 rows".

    Args:
        count: How many.
        one: What one of them is called, and what is said of it.
        many: What several are called, or none; None for `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
