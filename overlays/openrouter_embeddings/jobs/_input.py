"""The input of a job: looked through once before anything is paid, then read lazily."""

from __future__ import annotations

import hashlib
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from attrs import define, field, frozen

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import Columns, columns_of
from openrouter_embeddings.jobs._lines import ReadOptions
from openrouter_embeddings.jobs._readers import Reader, reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openrouter_embeddings.jobs._rows import Rows


_FINGERPRINT_BYTES = 16


@frozen(eq=False)
class JobInput:
    """A file that was looked through.

    Attributes:
        source: Its path.
        columns: The columns that are taken.
        reader: What reads it.
        rows: How many rows it has.
        empty: How many of them have no text.
        fingerprint: BLAKE2b over its bytes, in hexadecimal digits.
        stamp: Its size and the time of its last change.
        schema: The names and types of the columns that are taken, the text first.
    """

    source: str
    columns: Columns
    reader: Reader
    rows: int
    empty: int
    fingerprint: str
    stamp: tuple[int, int]
    schema: pa.Schema

    def read(self, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, the text in the first column."""
        with readable(self.source):
            yield from self.reader.read(self.columns, skip)

    def check_unchanged(self) -> None:
        """Check that nobody has changed the file since it was looked through.

        Raises:
            ConfigurationError: Somebody has.
        """
        with readable(self.source):
            if _stamp(self.source) != self.stamp:
                message = f"input was changed while it was read: {self.source!r}."
                hint = "Begin anew with --overwrite; with a --cache, nothing is paid for twice."
                raise ConfigurationError(message, argument="input", hint=hint)

    def texts(self) -> Iterator[str]:
        """Read the texts that are not empty."""
        for rows in self.read():
            yield from filter(None, rows.texts)


def _stamp(source: str) -> tuple[int, int]:
    found = Path(source).stat()
    return found.st_size, found.st_mtime_ns


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Name the input in what goes wrong while it is read."""
    try:
        yield
    except (OSError, UnicodeError, pa.ArrowException) as exc:
        message = f"input cannot be read: {source!r} ({exc})."
        raise ConfigurationError(message, argument="input") from exc


def look_through(
    source: str,
    *,
    column: str | None = None,
    id_column: str | None = None,
    keep_columns: Sequence[str] = (),
    options: ReadOptions | None = None,
) -> JobInput:
    """Read a file once: choose its columns, count its rows, check that all texts are text.

    Args:
        source: The path: ``.txt``, ``.jsonl``, ``.csv`` or ``.parquet``.
        column: The column with the texts; None takes ``text``, or the only one.
        id_column: The column with the ids, or None.
        keep_columns: Other columns that go along; ``*`` for all.
        options: How a file of text is read; None for the usual way.

    Raises:
        ConfigurationError: The file or a column cannot be read, or not one of its rows.
    """
    reader = reader_of(source, options or ReadOptions())
    with readable(source):
        stamp = _stamp(source)
        columns = columns_of(reader.names(), column, id_column, keep_columns)
        rows = empty = bad = 0
        problem, schema = "", None
        for read in reader.read(columns):
            rows += len(read)
            bad += len(read.problems)
            empty += sum(not text for text in read.texts) - len(read.problems)
            problem = problem or next(iter(read.problems.values()), "")
            schema = schema or read.batch.schema
        if bad and bad == rows:
            message = f"input has no row that can be read: {problem}."
            raise ConfigurationError(message, argument="input")
        with Path(source).open("rb") as file:
            digest = hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
            )
    names = (columns.text, *columns.others)
    return JobInput(
        source=source,
        columns=columns,
        reader=reader,
        rows=rows,
        empty=empty,
        fingerprint=digest.hexdigest(),
        stamp=stamp,
        schema=schema or pa.schema([(name, pa.string()) for name in names]),
    )


@define(eq=False)
class Feed:
    """Rows on their way: texts go out to be embedded, the rows wait for the vectors.

    Attributes:
        source: The rows that are still to be read.
        schema: Their columns.
        problems: Why rows cannot be read, by their position among these.
    """

    source: Iterator[Rows]
    schema: pa.Schema
    problems: dict[int, str] = field(init=False, factory=dict)
    _read: int = field(init=False, default=0)
    _waiting: deque[pa.RecordBatch] = field(init=False, factory=deque)

    def texts(self) -> Iterator[str]:
        """Hand out the texts one by one, an empty one where there is none."""
        for rows in self.source:
            self._waiting.append(rows.batch)
            self.problems |= {self._read + row: why for row, why in rows.problems.items()}
            self._read += len(rows)
            for text in rows.texts:
                yield text or ""

    def rows(self, count: int) -> pa.Table:
        """Take the next rows from those whose texts were handed out."""
        taken: list[pa.RecordBatch] = []
        while count:
            batch = self._waiting.popleft()
            if len(batch) > count:
                self._waiting.appendleft(batch.slice(count))
                batch = batch.slice(0, count)
            taken.append(batch)
            count -= len(batch)
        return pa.Table.from_batches(taken, self.schema).combine_chunks()
