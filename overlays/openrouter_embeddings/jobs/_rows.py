"""Some rows of an input, as every reader gives them, and the types of their columns. Pure."""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen

from openrouter_embeddings.jobs._plan import DIGEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

AT_ONCE = 2_000
# Bytes of input that are held at one time; texts may be long.
MOST_BYTES = 8 * 2**20
# Bytes of a text, on average: beyond that its digest costs what hashing costs, whoever asks for it.
_MOST_SEALED = 1_000
NO_UTF8 = "no UTF-8"
_HALF = "holds half of a surrogate pair, which no encoding can carry"


@frozen(eq=False)
class Rows:
    """Some rows that follow one another.

    Attributes:
        batch: Their columns, the text first; it is null where there is none, or the row cannot be
            read.
        problems: What is wrong with rows that cannot be read, by their place among these.
    """

    batch: pa.RecordBatch
    problems: Mapping[int, str]

    def __len__(self) -> int:
        """Count the rows."""
        return self.batch.num_rows

    def part(self, first: int, count: int) -> Rows:
        """Return some of them."""
        places = range(first, first + count)
        problems = {at - first: why for at, why in self.problems.items() if at in places}
        return Rows(self.batch.slice(first, count), problems)

    @cached_property
    def texts(self) -> list[str | None]:
        """The texts; None where there is none."""
        texts: list[str | None] = self.batch.column(0).to_pylist()
        return texts

    @property
    def seal(self) -> bytes | None:
        """One digest over all texts; None where they are so long that each may have its own."""
        column: Any = self.batch.column(0)
        if column.nbytes > _MOST_SEALED * len(column):
            return None
        hasher, stop = blake2b(digest_size=DIGEST_BYTES), column.offset + len(column)
        _, ends, content = column.buffers()
        if column.null_count:
            hasher.update(np.flatnonzero(~is_there(column)).tobytes())
        if len(column):
            # Not by Arrow's own functions: to set these up takes 35 MB.
            found = np.frombuffer(ends, np.int32)[column.offset : stop + 1]
            hasher.update(found - found[0])
            hasher.update(memoryview(content or b"")[found[0] : found[-1]])
        return hasher.digest()


def is_there(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - pyarrow has no types of its own
    """Say of each value of an Arrow array whether it is there; some are null."""
    stop = column.offset + len(column)
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(bits, count=stop, bitorder="little")[column.offset :].view(bool)


def numbers_of(column: Any) -> NDArray[np.generic]:  # noqa: ANN401 - as above
    """Return the numbers of an Arrow array, whatever stands where one is null.

    Without a copy, and not by Arrow's own functions: these import pandas where it is installed,
    which takes 45 MB and a quarter of a second.
    """
    kind = _NUMPY_NAMES.get(str(column.type), str(column.type))
    content = column.buffers()[1]
    if content is None:
        return np.zeros(len(column), kind)
    return np.frombuffer(content, kind)[column.offset : column.offset + len(column)]


_NUMPY_NAMES = {"float": "float32", "double": "float64", "halffloat": "float16"}


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
    return Rows(pa.RecordBatch.from_arrays(columns, list(names)), problems)


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


# Beyond these a whole number is not itself in the type.
_LEAST_INT, _MOST_INT, _MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_EXACT_FLOAT = 2**53


@define(eq=False)
class Kind:
    """What the values of a column are like, as far as they were seen.

    What has one type keeps it: truth values, whole numbers of 64 bits, numbers, texts, lists and
    objects of one make. Anything else, a number of 65 bits or ids of which some are texts, is
    written as text: each value as JSON has it, and a text as it is.
    """

    _plain: set[type] = field(factory=set)
    _least: int = 0
    _most: int = 0
    _nested: list[pa.DataType] = field(factory=list)
    _odd: bool = False

    def add(self, values: list[Any]) -> None:
        """Look at some values."""
        kinds = set(map(type, values)) - {type(None)}
        self._plain |= kinds
        if int in kinds:
            whole = [value for value in values if type(value) is int]
            self._least, self._most = min(self._least, *whole), max(self._most, *whole)
        if kinds & {list, dict}:
            self._add_nested(values)

    def _add_nested(self, values: list[Any]) -> None:
        try:
            found = pa.array(values).type
            known = [pa.schema([("", one)]) for one in (*self._nested, found)]
            self._nested = [pa.unify_schemas(known, promote_options="permissive").field(0).type]
        except (pa.ArrowException, OverflowError, UnicodeError):
            self._odd = True

    @property
    def type(self) -> pa.DataType:
        """The type that all of them fit into."""
        fits_float = self._least >= -_EXACT_FLOAT and self._most <= _EXACT_FLOAT
        if not self._plain:
            return pa.null()
        if self._plain == {bool}:
            return pa.bool_()
        if self._plain == {int}:
            return self._whole_type
        if self._plain == {float} or (self._plain == {int, float} and fits_float):
            return pa.float64()
        if len(self._plain) == 1 and self._nested and not self._odd:
            return self._nested[0]
        return pa.string()

    @property
    def _whole_type(self) -> pa.DataType:
        if self._least >= _LEAST_INT and self._most <= _MOST_INT:
            return pa.int64()
        return pa.uint64() if self._least >= 0 and self._most <= _MOST_UNSIGNED else pa.string()


def fitted(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Write the values as their column has them."""
    return [as_text(value) for value in values] if pa.types.is_string(kind) else values


def as_text(value: object) -> str | None:
    """Write a value as text: a text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def unspelt(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Read one of the words that an output has for what is no finite number in JSON."""
    return float(value) if isinstance(value, str) and value in _NO_NUMBERS else value


_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
