"""Finished outputs of every format: what made them, and their rows.

Parquet says in its metadata which job made it. The other formats have no room for that: beside them
stands ``OUTPUT.rows.parquet``, which has the metadata, and the digest and error of each row.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import field, frozen

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import DIGEST, EMBEDDING, ERROR, KEPT, TEXT
from openrouter_embeddings.jobs._plan import DIGEST_BYTES, digests_of
from openrouter_embeddings.jobs._rows import Kind, fitted, is_there, numbers_of, unspelt
from openrouter_embeddings.jobs._settings import First
from openrouter_embeddings.values import to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.jobs._plan import Words

PREFIX = "openrouter_embeddings."
EMPTY = "the text is empty"
_AT_ONCE = 2_000
_NEEDED = {"job", "failed", "empty", "dimensions", "columns", "size"}


def notes_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Read what this package wrote into the metadata of a Parquet file."""
    return {
        key.decode().removeprefix(PREFIX): value.decode()
        for key, value in (metadata or {}).items()
        if key.decode(errors="replace").startswith(PREFIX)
    }


def sidecar_of(out: Path) -> Path | None:
    """Name the file beside an output that says what made it; None where the output says it."""
    is_parquet = out.suffix.lower() == ".parquet"
    return None if is_parquet else out.with_name(f"{out.name}.rows.parquet")


@frozen(eq=False)
class Output:
    """A finished output of a job.

    Attributes:
        path: Where it is.
        notes: What the job wrote about it.
        job: The settings of the job, with the fingerprint and the rows of its input.
        rows: How many rows it has.
    """

    path: Path
    notes: Mapping[str, str] = field(repr=False)
    job: Mapping[str, Any] = field(repr=False)
    rows: int

    @property
    def width(self) -> int:
        """How many numbers a vector has; 1 where nobody knows, since all rows failed."""
        return int(self.notes["dimensions"])

    @property
    def failed(self) -> int:
        """How many rows have a text and no vector."""
        return int(self.notes["failed"])

    @property
    def empty(self) -> int:
        """How many rows have no text."""
        return int(self.notes["empty"])

    @property
    def prefix(self) -> str | None:
        """What was put before each text, or None; its texts and digests are without it."""
        prefix: str | None = self.job.get("prefix")
        return prefix

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        names: list[str] = json.loads(self.notes["columns"])
        return names

    @property
    def providers(self) -> list[str]:
        """Who gave the vectors."""
        return [name for name in self.notes.get("providers", "").split(", ") if name]

    @property
    def first(self) -> First | None:
        """What is known of its vectors; None where it has none."""
        if self.failed + self.empty == self.rows:
            return None
        return First(self.width, None, next(iter(self.providers), None))

    @property
    def provider(self) -> dict[str, object] | None:
        """The job's preferences, and what keeps to the provider of a pinned one."""
        given: dict[str, object] | None = self.job["provider"]
        if not self.job["pin_provider"] or not self.providers:
            return given
        return {**(given or {}), "only": [self.providers[0]], "allow_fallbacks": False}

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Read the rows, some at a time.

        Args:
            columns: The columns that are wanted, or None for all.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        wanted = list(self.names if columns is None else columns)
        try:
            if self.path.suffix.lower() == ".parquet":
                yield from _tables_of_parquet(self.path, wanted)
            else:
                yield from self._tables_beside(wanted)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as exc:
            message = f"{self.path} cannot be read: {type(exc).__name__}: {exc}."
            raise ConfigurationError(message, argument="out") from exc

    def _tables_beside(self, wanted: list[str]) -> Iterator[pa.Table]:
        beside = sidecar_of(self.path)
        own = [name for name in wanted if name in _BESIDE]
        read = _rows_of_npy if self.path.suffix.lower() == ".npy" else _rows_of_jsonl
        rest = [name for name in wanted if name not in _BESIDE]
        found = read(self.path, rest, max(1, self.width)) if rest else None
        for table in _tables_of_parquet(beside, own) if beside and own else self._blank():
            columns: dict[str, Any] = {name: table[name] for name in table.column_names}
            if found is not None:
                columns |= found(len(table))
            yield pa.table({name: columns[name] for name in wanted})

    def _blank(self) -> Iterator[pa.Table]:
        for start in range(0, self.rows, _AT_ONCE):
            yield pa.table({ERROR: pa.nulls(min(_AT_ONCE, self.rows - start))})

    def digests(self) -> Iterator[Words]:
        """Read the digests of the texts: those that it carries, or those of its texts."""
        for table in self.tables([self._digested]):
            yield _digests(table, self._digested)

    def pieces(self) -> Iterator[Piece]:
        """Read the rows with their vectors."""
        kept = [KEPT] if KEPT in self.names else []
        for table in self.tables([self._digested, EMBEDDING, ERROR, *kept]):
            yield Piece(
                digests=_digests(table, self._digested),
                vectors=vectors_of(table),
                errors=table[ERROR].to_pylist(),
                kept=table[KEPT].to_pylist() if kept else [None] * len(table),
            )

    @property
    def _digested(self) -> str:
        return DIGEST if DIGEST in self.names else TEXT


@frozen(eq=False)
class Piece:
    """Some rows of an output.

    Attributes:
        digests: The digests of their texts, zeros where there is none.
        vectors: Their vectors, float32 of shape ``(n, width)``, NaN where there is none.
        errors: Why there is none, or None.
        kept: How many characters were embedded where a text was cut, or None.
    """

    digests: Words
    vectors: Vectors
    errors: Sequence[str | None]
    kept: Sequence[int | None]


_BESIDE = (DIGEST, ERROR, KEPT)


def _digests(table: pa.Table, column: str) -> Words:
    values = table[column].to_pylist()
    if column == TEXT:
        return digests_of(values)
    void = bytes(DIGEST_BYTES)
    return np.frombuffer(b"".join(value or void for value in values), "<u8").reshape(-1, 2)


def vectors_of(table: pa.Table) -> Vectors:
    """Return the vectors of a table, float32 of shape ``(n, width)``."""
    column: Any = table[EMBEDDING].combine_chunks()
    flat = column.flatten()
    numbers = np.asarray(numbers_of(flat), dtype=np.float32)
    if flat.null_count:
        numbers = np.where(is_there(flat), numbers, np.float32("nan"))
    return numbers.reshape(len(table), column.type.list_size)


def _tables_of_parquet(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_AT_ONCE, columns=columns):
            yield pa.Table.from_batches([batch.select(columns)])


def _rows_of_npy(path: Path, _columns: list[str], _width: int) -> Any:  # noqa: ANN401 - a function
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    start = 0

    def take(count: int) -> dict[str, Any]:
        nonlocal start
        rows = np.array(matrix[start : start + count])
        start += count
        return {EMBEDDING: to_arrow(rows)}

    return take


def _rows_of_jsonl(path: Path, columns: list[str], width: int) -> Any:  # noqa: ANN401 - as above
    lines, types = _json_lines(path), _types_in(path, columns)

    def take(count: int) -> dict[str, Any]:
        rows = list(islice(lines, count))
        found: dict[str, Any] = {name: [row[name] for row in rows] for name in columns}
        found |= {name: _typed(found[name], kind) for name, kind in types.items()}
        if EMBEDDING in found:
            void = [float("nan")] * width
            matrix = np.array([vector or void for vector in found[EMBEDDING]], np.float32)
            found[EMBEDDING] = to_arrow(matrix.reshape(len(rows), width))
        return found

    return take


def _types_in(path: Path, columns: list[str]) -> dict[str, pa.DataType]:
    """Find one type for each kept column, whatever the rows that are read together hold of it."""
    kinds = {name: Kind() for name in columns if name not in {TEXT, EMBEDDING}}
    lines = _json_lines(path) if kinds else iter(())
    while rows := list(islice(lines, _AT_ONCE)):
        for name, kind in kinds.items():
            kind.add([unspelt(row[name]) for row in rows])
    return {name: kind.type for name, kind in kinds.items()} | dict.fromkeys(
        {TEXT} & set(columns), pa.string()
    )


def _typed(values: list[Any], kind: pa.DataType) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
    """Make a column of what JSON holds; its words for NaN are numbers beside other numbers."""
    if pa.types.is_floating(kind):
        return pa.array(map(unspelt, values), kind)
    return pa.array(fitted(values, kind), kind)


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


def find_output(out: str) -> Output | None:
    """Open an output, or return None where it is not there or no job made it as it is now."""
    path = Path(out)
    beside = sidecar_of(path)
    try:
        size = path.stat().st_size
        metadata = pq.read_metadata(beside or path)
        notes = notes_of(metadata.metadata)
        is_own = notes.keys() >= _NEEDED - ({"size"} if beside is None else set())
        if not is_own or (beside is not None and int(notes["size"]) != size):
            return None
        return Output(path, notes, json.loads(notes["job"]), metadata.num_rows)
    except (OSError, ValueError, pa.ArrowException):
        return None


def finished_output(out: str) -> Output:
    """Open a finished output.

    Raises:
        ConfigurationError: It is not there, or no job made it as it is now.
    """
    found = find_output(out)
    if found is not None:
        return found
    if not Path(out).exists():
        message = f"out is not there: {out!r}."
    else:
        message = f"out was not written by the command embed, or was changed since: {out!r}."
    raise ConfigurationError(message, argument="out")
