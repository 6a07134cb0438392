"""Rows of a file in record batches, never the whole file: Parquet, CSV, JSONL, lines of text."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    Row = Sequence[object]

AT_ONCE = 2_000
DEFAULT_COLUMN = "text"
TEXT, EMBEDDING, ERROR, KEPT = "text", "embedding", "error", "kept_characters"
_RESERVED = (TEXT, EMBEDDING, ERROR, KEPT)
_LONGEST_FIELD = 2**31 - 1
_LOOKED_AT = 100


@frozen
class Columns:
    """Which columns of the input are taken.

    Attributes:
        text: The column with the texts.
        id: The column with the ids, or None.
        keep: Other columns that go along.
    """

    text: str
    id: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The columns beside the text, ids first."""
        return self.keep if self.id is None else (self.id, *self.keep)


class Reader(Protocol):
    """One format of input."""

    def names(self) -> list[str]:
        """Return the names of the columns."""
        ...

    def batches(self, columns: Columns, skip: int) -> Iterator[pa.RecordBatch]:
        """Read rows in order: the text, under its own name, and the other columns."""
        ...


def reader_of(source: str) -> Reader:
    """Choose the reader by the name of the file.

    Raises:
        ConfigurationError: The name tells no known format, or there is no such file.
    """
    make = _READERS.get(Path(source).suffix.lower())
    if make is None:
        message = f"input {source!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(_READERS)}."
        raise ConfigurationError(message, argument="input", hint=hint)
    if not Path(source).is_file():
        message = f"input is not there: {source!r}."
        raise ConfigurationError(message, argument="input", hint="Give the path of a file.")
    return make(Path(source))


def columns_of(
    names: Sequence[str], text: str | None, id_column: str | None, keep: Sequence[str]
) -> Columns:
    """Choose columns by what was asked for; ``*`` keeps all.

    Raises:
        ConfigurationError: There is no such column, or two would have one name in the output.
    """
    chosen = _text_column(names, text)
    for argument, name in (("id_column", id_column), *(("keep_columns", name) for name in keep)):
        if name is not None and name != "*" and name not in names:
            raise _no_column(argument, name, names)
    kept = [name for name in names if name not in {chosen, id_column}] if "*" in keep else keep
    found = Columns(chosen, id_column, tuple(dict.fromkeys(kept)))
    _check_names(found)
    return found


def _text_column(names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    column = wanted or DEFAULT_COLUMN
    if column not in names:
        raise _no_column("column", column, names)
    return column


def _no_column(argument: str, name: str, names: Sequence[str]) -> ConfigurationError:
    message = f"There is no column {name!r}."
    option = argument.replace("_", "-")
    hint = f"Name one with --{option}: {', '.join(names) or 'the file has none'}."
    return ConfigurationError(message, argument=argument, hint=hint)


def _check_names(columns: Columns) -> None:
    for name in columns.others:
        if name in _RESERVED or columns.others.count(name) > 1 or name == columns.text:
            message = f"The column {name!r} would be in the output twice."
            hint = f"{', '.join(_RESERVED)} are columns of the output; rename it in the input."
            raise ConfigurationError(message, argument="keep_columns", hint=hint)


@frozen
class _ParquetReader:
    path: Path

    def names(self) -> list[str]:
        with self._open() as file:
            return list(file.schema_arrow.names)

    def batches(self, columns: Columns, skip: int) -> Iterator[pa.RecordBatch]:
        names = [columns.text, *columns.others]
        with self._open() as file:
            groups, first = _groups_after(file.metadata, skip)
            read = file.iter_batches(AT_ONCE, row_groups=groups, columns=names)
            for batch in _without_first(read, skip - first):
                yield _with_text(batch.select(names), columns.text)

    def _open(self) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
        # Without this a whole row group is fetched before its first row is handed out.
        return pq.ParquetFile(self.path, pre_buffer=False)


def _groups_after(metadata: Any, skip: int) -> tuple[list[int], int]:  # noqa: ANN401 - as above
    """Return the row groups that hold rows after the first `skip`, and where they begin."""
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if first + rows > skip:
            return list(range(group, metadata.num_row_groups)), first
        first += rows
    return [], skip


def _without_first(batches: Iterable[Any], skip: int) -> Iterator[Any]:
    for batch in batches:
        if skip < len(batch):
            yield batch.slice(skip)
        skip = max(0, skip - len(batch))


def _with_text(batch: Any, name: str) -> pa.RecordBatch:  # noqa: ANN401 - as above
    """Make sure that the first column is text, whatever encoding of text it has."""
    column = batch.column(0)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(holds(kind) for holds in _TEXT_TYPES):
        message = f"The column {name!r} holds {kind}, not text."
        hint = "Name the column that holds the text with --column."
        raise ConfigurationError(message, argument="column", hint=hint)
    columns = [column.cast(pa.string()), *batch.columns[1:]]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
)


@frozen
class _TextReader:
    """Lines of text."""

    path: Path

    def names(self) -> list[str]:
        return [DEFAULT_COLUMN]

    def batches(self, columns: Columns, skip: int) -> Iterator[pa.RecordBatch]:
        # Not splitlines(): it also breaks at characters that stand inside texts, U+2028 say.
        with self.path.open(encoding="utf-8", newline="\n") as file:
            lines = (
                line.removesuffix("\n").removesuffix("\r") for line in islice(file, skip, None)
            )
            yield from _batched(([line] for line in lines), [columns.text], {})


@frozen
class _CsvReader:
    """Comma-separated values with a header; all of them are text."""

    path: Path

    def names(self) -> list[str]:
        with self._open() as file:
            return next(csv.reader(file, strict=True), [])

    def batches(self, columns: Columns, skip: int) -> Iterator[pa.RecordBatch]:
        names = [columns.text, *columns.others]
        with self._open() as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            places = [header.index(name) for name in names]
            picked = ([row[place] for place in places] for row in _whole_rows(rows, len(header)))
            yield from _batched(islice(picked, skip, None), names, {})

    def _open(self) -> TextIO:
        csv.field_size_limit(_LONGEST_FIELD)
        return self.path.open(newline="", encoding="utf-8-sig")


def _whole_rows(rows: Any, width: int) -> Iterator[list[str]]:  # noqa: ANN401 - csv's reader
    try:
        for row in rows:
            if row and len(row) != width:
                message = f"input line {rows.line_num} has {len(row)} fields, the header {width}."
                raise ConfigurationError(message, argument="input")
            if row:
                yield row
    except csv.Error as exc:
        message = f"input line {rows.line_num} is no CSV ({exc})."
        raise ConfigurationError(message, argument="input") from exc


@frozen
class _JsonReader:
    """A JSON object, or a text, on each line."""

    path: Path
    _types: dict[Columns, dict[str, pa.DataType]] = field(init=False, factory=dict, repr=False)

    def names(self) -> list[str]:
        found: dict[str, None] = {}
        for _, row in islice(self._rows(), _LOOKED_AT):
            found |= dict.fromkeys(row if isinstance(row, dict) else [DEFAULT_COLUMN])
        return list(found)

    def batches(self, columns: Columns, skip: int) -> Iterator[pa.RecordBatch]:
        if columns not in self._types:
            self._types[columns] = _types_of(self._picked(columns, 0), columns.others)
        names = [columns.text, *columns.others]
        yield from _batched(self._picked(columns, skip), names, self._types[columns])

    def _rows(self) -> Iterator[tuple[int, object]]:
        with self.path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield number, json.loads(line)
                except ValueError as exc:
                    message = f"input line {number} is no JSON: {arguments.shown(line.rstrip())}."
                    raise ConfigurationError(message, argument="input") from exc

    def _picked(self, columns: Columns, skip: int) -> Iterator[Row]:
        for number, row in islice(self._rows(), skip, None):
            if isinstance(row, dict) and columns.text in row:
                text = row[columns.text]
                others = [row.get(name) for name in columns.others]
            elif isinstance(row, dict) or columns.others:
                raise _missing(number, columns, row)
            else:
                text, others = row, []
            if not isinstance(text, str | None):
                raise arguments.bad_type(f"input line {number}", "text", text)
            yield [text, *others]


def _missing(number: int, columns: Columns, row: object) -> ConfigurationError:
    name = columns.text if isinstance(row, dict) else columns.others[0]
    message = f"input line {number} has no {name!r}: {arguments.shown(row)}."
    return ConfigurationError(message, argument="input")


def _types_of(rows: Iterable[Row], names: Sequence[str]) -> dict[str, pa.DataType]:
    """Find one type for each column that all its values fit into."""
    found = pa.schema([(name, pa.null()) for name in names])
    rows = iter(rows) if names else iter(())
    while chunk := list(islice(rows, AT_ONCE)):
        for place, name in enumerate(names):
            try:
                # `infer_type` would overlook a text among numbers.
                values: list[Any] = [row[place + 1] for row in chunk]
                one = pa.schema([(name, pa.array(values).type)])
                found = pa.unify_schemas([found, one], promote_options="permissive")
            except pa.ArrowException as exc:
                message = f"The column {name!r} holds values of several types ({exc})."
                raise ConfigurationError(message, argument="keep_columns") from exc
    return {name: found.field(name).type for name in names}


def _batched(
    rows: Iterable[Row], names: Sequence[str], types: Mapping[str, pa.DataType]
) -> Iterator[pa.RecordBatch]:
    rows = iter(rows)
    while chunk := list(islice(rows, AT_ONCE)):
        columns = [
            pa.array([row[place] for row in chunk], type=types.get(name, pa.string()))
            for place, name in enumerate(names)
        ]
        yield pa.RecordBatch.from_arrays(columns, list(names))


_READERS: Mapping[str, Callable[[Path], Reader]] = {
    ".txt": _TextReader,
    ".jsonl": _JsonReader,
    ".csv": _CsvReader,
    ".parquet": _ParquetReader,
}
