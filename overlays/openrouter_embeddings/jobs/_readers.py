"""Rows of a file in record batches, never the whole file: the formats, and Parquet.

No reader changes a value. A row that cannot be read is a row all the same: it keeps its place, and
says what is wrong with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import ERROR
from openrouter_embeddings.jobs._finished import EMPTY
from openrouter_embeddings.jobs._lines import CsvReader, JsonReader, ReadOptions, TextReader
from openrouter_embeddings.jobs._rows import AT_ONCE, MOST_BYTES, NO_UTF8, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from openrouter_embeddings.jobs._columns import Columns
    from openrouter_embeddings.jobs._finished import Output


class Reader(Protocol):
    """One format of input."""

    def names(self) -> list[str]:
        """Return the names of the columns."""
        ...

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        ...


def reader_of(source: str, options: ReadOptions) -> Reader:
    """Choose the reader by the name of the file.

    Raises:
        ConfigurationError: The name tells no known format, there is no such file, or an option
            says nothing about its format.
    """
    suffix = Path(source).suffix.lower()
    make = _READERS.get(suffix)
    if make is None:
        message = f"input {source!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(_READERS)}."
        raise ConfigurationError(message, argument="input", hint=hint)
    if not Path(source).is_file():
        message = f"input is not there: {source!r}."
        raise ConfigurationError(message, argument="input", hint="Give the path of a file.")
    options.check(suffix)
    return make(Path(source), options)


@frozen
class ParquetReader:
    """Columns of Parquet."""

    path: Path
    options: ReadOptions = field(factory=ReadOptions)

    def names(self) -> list[str]:
        """Return the names of the columns."""
        with self._open() as file:
            return list(file.schema_arrow.names)

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        names = list(columns.all)
        with self._open() as file:
            groups, first = _groups_after(file.metadata, skip)
            for group in groups:
                count = _rows_at_once(file.metadata.row_group(group))
                read = file.iter_batches(count, row_groups=[group], columns=names)
                for batch in _without_first(read, skip - first):
                    yield _rows_of(batch.select(names), columns.text)
                skip, first = 0, 0

    def _open(self) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
        # Without this a whole row group is fetched before its first row is handed out.
        return pq.ParquetFile(self.path, pre_buffer=False)


@frozen
class OutputReader:
    """A finished output, as the input of the job that brings it up to date."""

    output: Output

    def names(self) -> list[str]:
        """Return the names of the columns."""
        return self.output.names

    def read(self, columns: Columns, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, in order."""
        names = list(columns.all)
        for table in _without_first(self.output.tables([*names, ERROR]), skip):
            batch = table.select(names).combine_chunks().to_batches()[0]
            texts, errors = table[columns.text].to_pylist(), table[ERROR].to_pylist()
            problems = {
                place: error
                for place, (text, error) in enumerate(zip(texts, errors, strict=True))
                if not text and error not in {None, EMPTY}
            }
            yield Rows(batch, problems)


def _groups_after(metadata: Any, skip: int) -> tuple[list[int], int]:  # noqa: ANN401 - as above
    """Return the row groups that hold rows after the first `skip`, and where they begin."""
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if first + rows > skip:
            return list(range(group, metadata.num_row_groups)), first
        first += rows
    return [], skip


def _rows_at_once(group: Any) -> int:  # noqa: ANN401 - as above
    """Say how many rows of a group are read at once, so that long texts stay few."""
    size = max(1, group.total_byte_size // max(1, group.num_rows))
    return int(max(1, min(AT_ONCE, MOST_BYTES // size)))


def _without_first(batches: Iterable[Any], skip: int) -> Iterator[Any]:
    for batch in batches:
        if skip < len(batch):
            yield batch.slice(skip)
        skip = max(0, skip - len(batch))


def _rows_of(batch: Any, name: str) -> Rows:  # noqa: ANN401 - as above
    """Make sure that the first column is text, whatever encoding of text it has."""
    column = _as_text(batch.column(0), name)
    problems: dict[int, str] = {}
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        texts, problems = _decoded(column.cast(pa.binary()).to_pylist())
        column = pa.array(texts, pa.string())
    names = batch.schema.names
    for other, values in zip(names[1:], batch.columns[1:], strict=True):
        _check_values(other, values)
    return Rows(pa.RecordBatch.from_arrays([column, *batch.columns[1:]], names), problems)


def _check_values(name: str, values: Any) -> None:  # noqa: ANN401 - as above
    """Check that what a column calls text is some: not every reader of the output could take it."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as exc:
        message = f"The column {name!r} holds what is none of its type ({exc})."
        hint = "Leave that column out, or mend it."
        raise ConfigurationError(message, argument="keep_columns", hint=hint) from exc


def _as_text(column: Any, name: str) -> Any:  # noqa: ANN401 - as above
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(holds(kind) for holds in _TEXT_TYPES):
        message = f"The column {name!r} holds {kind}, not text."
        hint = "Name the column that holds the text with --column."
        raise ConfigurationError(message, argument="column", hint=hint)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _decoded(values: list[bytes | None]) -> tuple[list[str | None], dict[int, str]]:
    """Decode what Parquet calls text, and note what is none."""
    texts: list[str | None] = []
    problems: dict[int, str] = {}
    for place, value in enumerate(values):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            problems[place] = f"the text is {NO_UTF8}: {arguments.shown(value)}"
    return texts, problems


_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
)

_READERS: Mapping[str, Callable[[Path, ReadOptions], Reader]] = {
    ".txt": TextReader,
    ".jsonl": JsonReader,
    ".csv": CsvReader,
    ".parquet": ParquetReader,
}
