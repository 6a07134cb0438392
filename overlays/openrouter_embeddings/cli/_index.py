"""Embedded files, searched: the nearest rows to a query, some rows at a time."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import EMBEDDING, TEXT
from openrouter_embeddings.jobs._finished import find_output, notes_of, vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_AT_ONCE = 2_000


@frozen
class Found:
    """A row that is near to the query.

    Attributes:
        index: The file that it is in.
        row: Its row there, counted from 0.
        similarity: The cosine of the angle between its vector and the query's.
        id: Its id, or None where the file has none.
        text: Its text, or None where the file has none.
    """

    index: str
    row: int
    similarity: float
    id: object
    text: str | None


@frozen(eq=False)
class Rows:
    """Some rows of an index; those without a vector are not finite.

    Attributes:
        start: The first of them.
        vectors: float32 of shape ``(n, dimensions)``.
        describe: Gives id and text of one of them.
    """

    start: int
    vectors: Vectors
    describe: Callable[[int], tuple[object, str | None]]


@frozen(eq=False)
class Index:
    """An embedded file.

    Attributes:
        path: Where it is.
        notes: The model, the dimensions and what else is said of it.
    """

    path: str
    notes: Mapping[str, str]

    @property
    def job(self) -> Mapping[str, Any]:
        """The settings of the job that made it, or nothing."""
        job: dict[str, Any] = json.loads(self.notes.get("job", "{}"))
        return job

    def rows(self) -> Iterator[Rows]:
        """Read the rows, some at a time.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        read = _READERS[Path(self.path).suffix.lower()]
        try:
            yield from read(Path(self.path), self.job.get("id_column"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise _unreadable(self.path, exc) from exc


def _unreadable(path: str, exc: Exception) -> ConfigurationError:
    message = f"index cannot be read: {path!r} ({type(exc).__name__}: {exc})."
    return ConfigurationError(message, argument="index")


def open_index(path: str) -> Index:
    """Open an embedded file: `.parquet`, `.jsonl`, or `.npy`.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        message = f"index {path!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(_READERS)}."
        raise ConfigurationError(message, argument="index", hint=hint)
    try:
        output = find_output(path)
        if output is not None:
            return Index(path, output.notes)
        if suffix == ".parquet":
            return Index(path, notes_of(pq.read_schema(path).metadata))
        Path(path).open("rb").close()
    except (OSError, pa.ArrowException) as exc:
        raise _unreadable(path, exc) from exc
    return Index(path, {})


def _read_parquet(path: Path, id_column: str | None) -> Iterator[Rows]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        others = [name for name in (TEXT, id_column) if name in file.schema_arrow.names]
        start = 0
        for batch in file.iter_batches(_AT_ONCE, columns=[EMBEDDING, *others]):
            table = pa.Table.from_batches([batch])
            yield Rows(start, vectors_of(table), _describing(table, id_column))
            start += len(batch)


def _describing(
    table: pa.Table, id_column: str | None
) -> Callable[[int], tuple[object, str | None]]:
    names = table.column_names

    def describe(row: int) -> tuple[object, str | None]:
        name: object = table[id_column][row].as_py() if id_column in names else None
        text: Any = table[TEXT][row].as_py() if TEXT in names else None
        return name, text

    return describe


def _read_jsonl(path: Path, id_column: str | None) -> Iterator[Rows]:
    start = 0
    with path.open(encoding="utf-8", newline="\n") as file:
        while lines := list(map(json.loads, islice(file, _AT_ONCE))):
            width = max((len(line[EMBEDDING] or ()) for line in lines), default=0)
            void = [float("nan")] * width
            vectors = np.array([line[EMBEDDING] or void for line in lines], np.float32)
            described = [(line.get(id_column), line.get(TEXT)) for line in lines]
            yield Rows(start, vectors.reshape(len(lines), width), described.__getitem__)
            start += len(lines)


def _read_npy(path: Path, _id_column: str | None) -> Iterator[Rows]:
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    for start in range(0, len(matrix), _AT_ONCE):
        rows = np.array(matrix[start : start + _AT_ONCE], np.float32)
        yield Rows(start, rows, lambda _row: (None, None))


_READERS: Mapping[str, Callable[[Path, str | None], Iterator[Rows]]] = {
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".npy": _read_npy,
}


def nearest(indexes: Sequence[Index], query: Vectors, count: int) -> list[Found]:
    """Find the rows nearest to a query by cosine similarity; the first of equal ones.

    Args:
        indexes: The files.
        query: float32 of shape ``(dimensions,)``.
        count: The most rows to return.

    Returns:
        The rows, the most similar first.

    Raises:
        ConfigurationError: A file cannot be read, holds no vectors, or vectors of another width.
    """
    best: list[Found] = []
    for index in indexes:
        found = 0
        for rows in index.rows():
            usable = np.flatnonzero(np.isfinite(rows.vectors).all(axis=1))
            found += len(usable) if rows.vectors.shape[1] else 0
            if len(usable):
                hits = most_similar(rows.vectors[usable], query, count)
                new = [(int(usable[row]), near) for row, near in hits]
                best += [
                    Found(index.path, rows.start + row, near, *rows.describe(row))
                    for row, near in new
                ]
                best = sorted(best, key=lambda one: -one.similarity)[:count]
        if not found:
            message = f"index holds no vectors: {index.path!r}."
            hint = "All its rows failed, or it has none; verify says which."
            raise ConfigurationError(message, argument="index", hint=hint)
    return best


def most_similar(vectors: Vectors, query: Vectors, count: int) -> list[tuple[int, float]]:
    """Find the vectors nearest to a query by cosine similarity.

    Args:
        vectors: float32 of shape ``(n, dimensions)``, none of them all zeros.
        query: float32 of shape ``(dimensions,)``.
        count: The most to return.

    Returns:
        Pairs of row and similarity, the most similar first.
    """
    if vectors.shape[1] != len(query):
        message = (
            f"The index has {counted(vectors.shape[1], 'dimension')} and the query {len(query)}."
        )
        hint = "Search with the model and the dimensions that made the index."
        raise ConfigurationError(message, argument="index", hint=hint)
    similarities = (vectors @ query) / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
    best = np.argsort(-similarities, kind="stable")[:count]
    return [(int(row), float(similarities[row])) for row in best]
