"""Some rows of an input, as every reader gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

AT_ONCE = 2_000
# Bytes of input that are held at one time; texts may be long.
MOST_BYTES = 8 * 2**20
NO_UTF8 = "no UTF-8"
_HALF = "holds half of a surrogate pair, which no encoding can carry"


@frozen(eq=False)
class Rows:
    """Some rows that follow one another.

    Attributes:
        batch: Their columns, the text first.
        texts: The texts; None where there is none, or the row cannot be read.
        problems: What is wrong with rows that cannot be read, by their place among these.
    """

    batch: pa.RecordBatch
    texts: Sequence[str | None] = field(repr=False)
    problems: Mapping[int, str]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.texts)


@frozen
class Line:
    """One row of a file that is read row by row.

    Attributes:
        values: Its values, the text first; or None where it cannot be read.
        number: The number of its line, from 1.
        problem: Why it cannot be read.
        size: How many characters it has, about.
    """

    values: Sequence[Any] | None
    number: int
    problem: str = ""
    size: int = 0


def batched(
    lines: Iterable[Line], names: Sequence[str], types: Mapping[str, pa.DataType]
) -> Iterator[Rows]:
    """Put rows together, as many as are held at one time.

    Args:
        lines: The rows.
        names: The columns.
        types: The types of those that are no texts.
    """
    for chunk in _chunks(lines):
        yield _rows(chunk, names, types)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += line.size
        if len(chunk) == AT_ONCE or size >= MOST_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _rows(chunk: list[Line], names: Sequence[str], types: Mapping[str, pa.DataType]) -> Rows:
    try:
        return _joined(chunk, names, types)
    except UnicodeEncodeError:
        return _joined([_encodable(line) for line in chunk], names, types)


def _joined(chunk: list[Line], names: Sequence[str], types: Mapping[str, pa.DataType]) -> Rows:
    nothing = [None] * len(names)
    values = [nothing if line.values is None else line.values for line in chunk]
    columns = [
        pa.array([row[place] for row in values], type=types.get(name, pa.string()))
        for place, name in enumerate(names)
    ]
    problems = {place: line.problem for place, line in enumerate(chunk) if line.values is None}
    texts = [row[0] for row in values]
    return Rows(pa.RecordBatch.from_arrays(columns, list(names)), texts, problems)


def _encodable(line: Line) -> Line:
    """Take a row that no encoding can carry for one that cannot be read."""
    if line.values is None or is_encodable(line.values):
        return line
    why = line.problem or f"line {line.number} {_HALF}"
    return Line(None, line.number, why, line.size)


def is_encodable(value: object) -> bool:
    """Say whether all texts in a value can be written."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
        return True
    if isinstance(value, dict):
        return all(map(is_encodable, (*value, *value.values())))
    return not isinstance(value, list | tuple) or all(map(is_encodable, value))
