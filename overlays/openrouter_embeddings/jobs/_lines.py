"""Files that are read row by row: lines of text, CSV, JSONL. A bad row never ends the file."""

from __future__ import annotations

import codecs
import csv
import json
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import DEFAULT_COLUMN
from openrouter_embeddings.jobs._rows import (
    AT_ONCE,
    Kind,
    Line,
    Rows,
    batched,
    fitted,
    is_encodable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    import pyarrow as pa

    from openrouter_embeddings.jobs._columns import Columns

_LONGEST_FIELD = 2**31 - 1
_LOOKED_AT = 100
_OTHER_DELIMITERS = {";": '";"', "\t": "tab", "|": '"|"'}
_ADD = "Add --delimiter {} where its columns are divided so"
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t"}
# Characters of one row of CSV: beyond that a quotation mark was left open.
_LONGEST_ROW = 64 * 2**20
# Enough to tell letters from NULs between them, where a file begins with a few odd ones.
_FIRST_BYTES = 512

_MARKS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
"""Byte order marks; a file that begins with one says its encoding."""

_WIDE: Mapping[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
"""Which of each four bytes are NUL where most characters are ASCII (RFC 4627, section 3)."""


@frozen
class ReadOptions:
    """How a file of text is read.

    Attributes:
        delimiter: What stands between the fields of CSV, one character or ``"tab"``; None for a
            comma.
        header: Whether the first line of CSV has the names of its columns; they are ``"1"``,
            ``"2"`` and so on where it does not.
        encoding: The encoding of the file; None for UTF-8, or what its byte order mark says.
    """

    delimiter: str | None = None
    header: bool = True
    encoding: str | None = None

    def check(self, suffix: str) -> None:
        """Check the options, and that they say something about the format.

        Raises:
            ConfigurationError: One cannot be used, or does not.
        """
        if suffix != ".csv" and (self.delimiter is not None or not self.header):
            name = "delimiter" if self.delimiter is not None else "header"
            raise arguments.bad_value(name, "is about .csv alone, and the input is", suffix)
        if suffix == ".parquet" and self.encoding is not None:
            raise arguments.bad_value("encoding", "says nothing about .parquet", self.encoding)
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise arguments.bad_value("delimiter", "must be one character, or tab", self.delimiter)
        try:
            "".encode(self.encoding or "utf-8")
        except (LookupError, ValueError, TypeError):  # unknown, or none of texts
            raise arguments.bad_value("encoding", "is unknown", self.encoding) from None

    @property
    def separator(self) -> str:
        """What stands between the fields of CSV."""
        given = "," if self.delimiter is None else self.delimiter
        return _NAMED_DELIMITERS.get(given, given)


def _open(path: Path, options: ReadOptions) -> TextIO:
    """Open a file of text; bytes that are none of its encoding show as halves of surrogates.

    Lines end as any system has them, with CR as well, and keep their ends.
    """
    with path.open("rb") as start:
        encoding = encoding_of(start.read(_FIRST_BYTES), options.encoding)
    file = path.open(encoding=encoding, errors="surrogateescape", newline="")
    if file.read(1) != "\ufeff":  # a mark is no text
        file.seek(0)
    return file


def encoding_of(start: bytes, said: str | None) -> str:
    """Choose the encoding of a file.

    Args:
        start: Its first bytes, `_FIRST_BYTES` of them or all.
        said: The encoding that was asked for, a known one, or None.

    Raises:
        ConfigurationError: It begins with the mark of another one than was said; or nothing is
            said, there is no mark, and NULs stand between its letters.
    """
    marks = {mark: name for mark, name in _MARKS if start.startswith(mark)}
    if said is not None:
        _check_marks(marks, said)
        return said
    wide = None if marks else _wide(start)
    if wide is not None:
        message = "input has NULs between its letters, and no mark of an encoding."
        hint = f"Say which one it is: --encoding {wide}, as it seems."
        raise ConfigurationError(message, argument="encoding", hint=hint)
    return next(iter(marks.values()), "utf-8-sig")


def _check_marks(marks: dict[bytes, str], said: str) -> None:
    if marks and not any(mark.decode(said, "replace") in {"", "\ufeff"} for mark in marks):
        name = next(iter(marks.values())).removesuffix("-sig")
        message = f"input begins with the mark of {name}, and encoding is {said!r}."
        hint = "Leave --encoding out, or name the one of the mark."
        raise ConfigurationError(message, argument="encoding", hint=hint)


def _wide(start: bytes) -> str | None:
    places = [start[place::4] for place in range(4)]
    return _WIDE.get(tuple(2 * found.count(0) > len(found) for found in places))


def _undecodable(number: int, options: ReadOptions) -> str:
    encoding = options.encoding or "UTF-8"
    return f"line {number} is no {encoding}; another encoding is named with --encoding"


@frozen
class TextReader:
    """Lines of text."""

    path: Path
    options: ReadOptions = field(factory=ReadOptions)

    def names(self) -> list[str]:
        """Return the names of the columns."""
        return [DEFAULT_COLUMN]

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        # Not splitlines(): it also breaks at characters that stand inside texts, U+2028 say.
        with _open(self.path, self.options) as file:
            lines = islice(enumerate(file, 1), skip, None)
            yield from batched(map(self._line, lines), columns.all, {})

    def _line(self, numbered: tuple[int, str]) -> Line:
        number, line = numbered
        text = line.removesuffix("\n").removesuffix("\r")
        # Said in case that it cannot be written, which is found out later.
        return Line([text], number, _undecodable(number, self.options), len(text))


@define(eq=False)
class _Lines:
    """The lines of a file, some of which may be taken once more."""

    file: Iterator[str]
    taken: list[str] = field(factory=list)
    number: int = 0
    _size: int = 0
    _again: deque[str] = field(factory=deque)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > _LONGEST_ROW:
            raise StopIteration
        line = self._again.popleft() if self._again else next(self.file)
        self.taken.append(line)
        self._size += len(line)
        return line

    def end_row(self, *, good: bool) -> None:
        """Begin the next row; behind the first line of a bad one."""
        if not good:
            self._again.extendleft(reversed(self.taken[1:]))
        self.number += len(self.taken) if good else 1
        self.taken, self._size = [], 0


@frozen
class CsvReader:
    """Values with a delimiter between them; all of them are text."""

    path: Path
    options: ReadOptions = field(factory=ReadOptions)

    def names(self) -> list[str]:
        """Return the names of the columns.

        Raises:
            ConfigurationError: The only one holds another delimiter.
        """
        first = self._first_row(self.options.separator)
        if first.values is None:
            message = f"input {first.problem}."
            raise ConfigurationError(message, argument="input", hint=self._other_delimiter())
        if not self.options.header:
            return [str(number) for number in range(1, len(first.values) + 1)]
        names = [str(name) for name in first.values]
        self._check_delimiter(names)
        return names

    def _first_row(self, separator: str) -> Line:
        with self._open() as file:
            return next(self._rows(file, separator), Line([], 1))

    def _check_delimiter(self, names: list[str]) -> None:
        if len(names) != 1 or self.options.delimiter is not None:
            return
        for delimiter, name in _OTHER_DELIMITERS.items():
            if delimiter in names[0]:
                message = f"input has one column, called {arguments.shown(names[0])}."
                hint = f'{_ADD.format(name)}, else --delimiter ",".'
                raise ConfigurationError(message, argument="delimiter", hint=hint)

    def _other_delimiter(self) -> str | None:
        """Say which other delimiter divides a first row that cannot be read with a comma."""
        if self.options.delimiter is not None:
            return None
        for delimiter, name in _OTHER_DELIMITERS.items():
            if len(self._first_row(delimiter).values or ()) > 1:
                return f"{_ADD.format(name)}."
        return None

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        names = self.names()
        places = [names.index(name) for name in columns.all]
        with self._open() as file:
            rows = islice(
                self._rows(file, self.options.separator), skip + self.options.header, None
            )
            picked = (_picked(row, places, len(names)) for row in rows)
            yield from batched(picked, columns.all, {})

    def _open(self) -> TextIO:
        csv.field_size_limit(_LONGEST_FIELD)
        return _open(self.path, self.options)

    def _rows(self, file: Iterable[str], separator: str) -> Iterator[Line]:
        """Read rows; where one cannot be read, the next line begins another."""
        lines = _Lines(iter(file))
        while True:
            number = lines.number + 1
            try:
                row = next(csv.reader(lines, strict=True, delimiter=separator), None)
            except csv.Error as exc:
                lines.end_row(good=False)
                yield Line(None, number, f"line {number} is no CSV ({exc})")
                continue
            if row is None and not lines.taken:
                return
            size = sum(map(len, lines.taken))
            lines.end_row(good=True)
            if row:
                yield Line(row, number, _undecodable(number, self.options), size)


def _picked(line: Line, places: list[int], width: int) -> Line:
    if line.values is None:
        return line
    if len(line.values) != width:
        wrong = f"line {line.number} has {counted(len(line.values), 'field')}, the header {width}"
        return Line(None, line.number, wrong, line.size)
    return Line([line.values[place] for place in places], line.number, line.problem, line.size)


@frozen
class JsonReader:
    """A JSON object, or a text, on each line; empty lines are none."""

    path: Path
    options: ReadOptions = field(factory=ReadOptions)
    _types: dict[Columns, dict[str, pa.DataType]] = field(init=False, factory=dict, repr=False)

    def names(self) -> list[str]:
        """Return the names of the columns.

        Raises:
            ConfigurationError: None of the first lines can be read.
        """
        found: dict[str, None] = {}
        problem = ""
        with _open(self.path, self.options) as file:
            for number, line in islice(_written(file), _LOOKED_AT):
                row = _parsed(number, line, self.options)
                if isinstance(row, Line):
                    problem = problem or row.problem
                else:
                    found |= dict.fromkeys(row[0] if isinstance(row[0], dict) else [DEFAULT_COLUMN])
        if problem and not found:
            raise ConfigurationError(f"input {problem}.", argument="input")
        return list(found)

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        if columns not in self._types:
            self._types[columns] = self._find_types(columns)
        types = self._types[columns]
        yield from batched(self._lines(columns, types, skip), columns.all, types)

    def _lines(
        self, columns: Columns, types: Mapping[str, pa.DataType], skip: int
    ) -> Iterator[Line]:
        with _open(self.path, self.options) as file:
            for number, line in islice(_written(file), skip, None):
                yield _chosen(number, line, columns, types, self.options)

    def _find_types(self, columns: Columns) -> dict[str, pa.DataType]:
        """Find one type for each column that all its values fit into."""
        kinds = {name: Kind() for name in columns.others}
        lines = self._lines(columns, {}, 0) if kinds else iter(())
        while chunk := list(islice(lines, AT_ONCE)):
            for place, kind in enumerate(kinds.values(), 1):
                kind.add([line.values[place] for line in chunk if line.values is not None])
        return {name: kind.type for name, kind in kinds.items()}


def _written(file: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Number the lines, and leave out those that hold nothing."""
    return ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _parsed(number: int, line: str, options: ReadOptions) -> tuple[Any] | Line:
    if not line.isascii() and not is_encodable(line):
        return Line(None, number, _undecodable(number, options), len(line))
    try:
        return (json.loads(line),)
    except (ValueError, RecursionError):
        shown = arguments.shown(line.rstrip())
        return Line(None, number, f"line {number} is no JSON: {shown}", len(line))


def _chosen(
    number: int,
    line: str,
    columns: Columns,
    types: Mapping[str, pa.DataType],
    options: ReadOptions,
) -> Line:
    parsed = _parsed(number, line, options)
    if isinstance(parsed, Line):
        return parsed
    row = parsed[0] if isinstance(parsed[0], dict) else {DEFAULT_COLUMN: parsed[0]}
    if columns.text not in row:
        wrong = f"line {number} has no {columns.text!r}: {arguments.shown(parsed[0])}"
        return Line(None, number, wrong, len(line))
    text = row[columns.text]
    if not isinstance(text, str | None):
        wrong = f"line {number} must be text, not {arguments.shown(text)}"
        return Line(None, number, wrong, len(line))
    others = (
        fitted([row.get(name)], types[name])[0] if types else row.get(name)
        for name in columns.others
    )
    return Line([text, *others], number, size=len(line))
