"""The input of a job: looked through once before anything is paid, then read lazily."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen

from openrouter_embeddings._base.memory import release_freed_memory
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import columns_of
from openrouter_embeddings.jobs._lines import ReadOptions
from openrouter_embeddings.jobs._plan import differ_from_last, digests_of, find_texts
from openrouter_embeddings.jobs._readers import reader_of
from openrouter_embeddings.jobs._rows import is_there, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings.jobs._columns import Columns
    from openrouter_embeddings.jobs._plan import Texts, Words
    from openrouter_embeddings.jobs._readers import Reader
    from openrouter_embeddings.jobs._rows import Rows


MOST_SHOWN = 10
_FINGERPRINT_BYTES = 16


@frozen(eq=False)
class Seen:
    """What a file was when it was looked through.

    Attributes:
        stamp: Its size and the time of its last change.
        seals: How many rows were read together, and their seal, by the first of them; see `Rows`.
    """

    stamp: tuple[int, int]
    seals: Mapping[int, tuple[int, bytes | None]] = field(repr=False)

    def fits(self, start: int, rows: Rows) -> bool:
        """Say whether rows surely have the texts that they had; what cannot be told does not."""
        count, seal = self.seals.get(start, (0, None))
        return seal is not None and count == len(rows) and seal == rows.seal


@frozen(eq=False)
class JobInput:
    """A file that was looked through.

    Attributes:
        source: Its path.
        columns: The columns that are taken.
        reader: What reads it.
        digests: The digests of its texts by row, zeros where there is none.
        texts: Its different texts.
        bad: How many rows cannot be read.
        problems: The first of them, with the reasons.
        nameless: How many rows have no id.
        repeated: How many rows have the id of an earlier one.
        fingerprint: BLAKE2b over its bytes, in hexadecimal digits.
        seen: What it was when it was looked through.
        schema: The names and types of the columns that are taken, the text first.
    """

    source: str
    columns: Columns
    reader: Reader
    digests: Words = field(repr=False)
    texts: Texts = field(repr=False)
    bad: int
    problems: tuple[tuple[int, str], ...]
    nameless: int
    repeated: int
    fingerprint: str
    seen: Seen
    schema: pa.Schema

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.digests)

    @property
    def empty(self) -> int:
        """How many rows have no text."""
        return int((self.texts.of_rows < 0).sum()) - self.bad

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about it, and no failure."""
        said = {
            "no text": self.empty,
            "no id": self.nameless,
            "the id of an earlier one": self.repeated,
        }
        return tuple(
            counted(count, f"row has {what}", f"rows have {what}")
            for what, count in said.items()
            if count
        )

    def read(self, skip: int = 0) -> Iterator[Rows]:
        """Read the rows after the first `skip`, the text in the first column."""
        with readable(self.source):
            yield from self.reader.read(self.columns, skip)

    def begin_of(self, row: int) -> int:
        """Return the first of the rows that were read together with this one."""
        return max((start for start in self.seen.seals if start <= row), default=0)

    def check(self, start: int, rows: Rows) -> None:
        """Check that rows still have the texts that they had.

        Args:
            start: The first of the rows.
            rows: The rows, as they are now.

        Raises:
            ConfigurationError: They have others, or there are more of them.
        """
        if self.seen.fits(start, rows):
            return
        before = self.digests[start : start + len(rows)]
        if len(before) != len(rows) or (before != digests_of(rows.texts)).any():
            raise self._changed()

    def check_unchanged(self, rows: int) -> None:
        """Check that nobody has changed the file since it was looked through.

        Args:
            rows: How many rows were read.

        Raises:
            ConfigurationError: Somebody has.
        """
        with readable(self.source):
            if rows != self.rows or _stamp(self.source) != self.seen.stamp:
                raise self._changed()

    def _changed(self) -> ConfigurationError:
        message = f"input was changed while it was read: {self.source!r}."
        hint = "The same command goes on with what it is now; equal texts are not paid for again."
        return ConfigurationError(message, argument="input", hint=hint)


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


def _hashes(ids: Any) -> NDArray[np.int64]:  # noqa: ANN401 - pyarrow has no types of its own
    """Return a number for each id that is there, equal ones for equal ids."""
    if pa.types.is_integer(ids.type):
        numbers = numbers_of(ids).astype(np.int64)
        return numbers[is_there(ids)] if ids.null_count else numbers
    here = [value for value in ids.to_pylist() if value is not None]
    values = here if pa.types.is_string(ids.type) else map(repr, here)
    return np.fromiter(map(hash, values), np.int64, len(here))


@define(eq=False)
class _Look:
    """What is found out about an input on the way through it."""

    digests: list[Words] = field(factory=list)
    seals: dict[int, tuple[int, bytes | None]] = field(factory=dict)
    ids: list[NDArray[np.int64]] = field(factory=list)
    bad: int = 0
    nameless: int = 0
    rows: int = 0
    problems: list[tuple[int, str]] = field(factory=list)
    schema: pa.Schema | None = None

    def add(self, rows: Rows, id_column: str | None) -> None:
        """Look at some rows."""
        self.digests.append(digests_of(rows.texts))
        self.seals[self.rows] = len(rows), rows.seal
        self.bad += len(rows.problems)
        if len(self.problems) < MOST_SHOWN:
            self.problems += [(self.rows + place, why) for place, why in rows.problems.items()]
        self.rows += len(rows)
        self.schema = self.schema or rows.batch.schema
        if id_column is not None:
            ids = rows.batch[id_column]
            known = _hashes(ids)
            # Of rows that cannot be read, some formats have the id all the same.
            bad = sum(ids[place].as_py() is None for place in rows.problems)
            self.nameless += len(rows) - len(known) - bad
            self.ids.append(known)

    @property
    def repeated(self) -> int:
        """How many rows have the id of an earlier one."""
        ids = np.concatenate([*self.ids, np.empty(0, np.int64)])
        # Not by `unique`, which takes ten times as long.
        ids.sort()
        return len(ids) - int(differ_from_last(ids).sum())

    def take_digests(self) -> Words:
        """Return the digests of all rows, and hold them no longer."""
        digests = np.concatenate([*self.digests, np.empty((0, 2), np.uint64)])
        self.digests.clear()
        return digests


def look_through(
    source: str,
    *,
    column: str | None = None,
    id_column: str | None = None,
    keep_columns: Sequence[str] = (),
    options: ReadOptions | None = None,
) -> JobInput:
    """Read a file once: choose its columns, count its rows, tell its texts apart.

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
        names = reader.names()
        return look_at(reader, source, columns_of(names, column, id_column, keep_columns))


def look_at(reader: Reader, source: str, columns: Columns) -> JobInput:
    """Look through what a reader reads, see `look_through`."""
    with readable(source):
        stamp, look = _stamp(source), _Look()
        for rows in reader.read(columns):
            look.add(rows, columns.id)
        digests = look.take_digests()
        if look.bad and look.bad == len(digests):
            message = f"input has no row that can be read: {look.problems[0][1]}."
            raise ConfigurationError(message, argument="input")
        with Path(source).open("rb") as file:
            digest = hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
            )
    texts = find_texts(digests, np.asarray(digests.any(axis=1)))
    release_freed_memory()
    return JobInput(
        source=source,
        columns=columns,
        reader=reader,
        digests=digests,
        texts=texts,
        bad=look.bad,
        problems=tuple(look.problems[:MOST_SHOWN]),
        nameless=look.nameless,
        repeated=look.repeated,
        fingerprint=digest.hexdigest(),
        seen=Seen(stamp, look.seals),
        schema=look.schema or pa.schema([(name, pa.string()) for name in columns.all]),
    )
