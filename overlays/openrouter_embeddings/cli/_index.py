"""Embedded files, read for searching: texts with their vectors, and the nearest of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from attrs import frozen

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import EMBEDDING, ERROR, TEXT
from openrouter_embeddings.jobs._finished import notes_of, vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


@frozen(eq=False)
class Index:
    """Texts with their vectors.

    Attributes:
        rows: The rows of the file that have a vector, counted from 0.
        texts: The text of each, empty where the file has none.
        vectors: float32 of shape ``(n, dimensions)``.
        metadata: The model, the dimensions and the source.
    """

    rows: Sequence[int]
    texts: Sequence[str]
    vectors: NDArray[np.float32]
    metadata: Mapping[str, str]


def read_index(path: str) -> Index:
    """Read an embedded file: `.parquet`, `.jsonl`, or `.npy`.

    Rows without a vector are left out. An ``.npy`` file has neither texts nor a model.

    Raises:
        ConfigurationError: The file cannot be read, or holds no vectors.
    """
    read = _READERS.get(Path(path).suffix.lower())
    if read is None:
        message = f"index {path!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(_READERS)}."
        raise ConfigurationError(message, argument="index", hint=hint)
    try:
        index = read(Path(path))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        message = f"index cannot be read: {path!r} ({type(exc).__name__}: {exc})."
        raise ConfigurationError(message, argument="index") from exc
    if not len(index.vectors):
        message = f"index holds no vectors: {path!r}."
        raise ConfigurationError(message, argument="index")
    return index


def _read_parquet(path: Path) -> Index:
    found: Any = pq.read_table(path)
    vectors, names = vectors_of(found), found.column_names
    embedded = (
        found[ERROR].is_null().to_numpy() if ERROR in names else np.isfinite(vectors).all(axis=1)
    )
    rows = np.flatnonzero(embedded).tolist()
    texts = found[TEXT].take(rows).to_pylist() if TEXT in names else [None] * len(rows)
    notes = notes_of(found.schema.metadata)
    return Index(rows, [text or "" for text in texts], vectors[rows], notes)


def _read_jsonl(path: Path) -> Index:
    with path.open(encoding="utf-8") as file:
        numbered = enumerate(map(json.loads, file))
        found = {row: line for row, line in numbered if line[EMBEDDING] is not None}
    names = ("model", "dimensions", "source")
    lines = list(found.values())
    return Index(
        rows=list(found),
        texts=[line.get(TEXT) or "" for line in lines],
        vectors=np.array([line[EMBEDDING] for line in lines], dtype=np.float32),
        metadata={name: str(line[name]) for line in lines[:1] for name in names if name in line},
    )


def _read_npy(path: Path) -> Index:
    vectors = np.load(path, allow_pickle=False)
    rows = np.flatnonzero(np.isfinite(vectors).all(axis=1)).tolist()
    return Index(rows, [""] * len(rows), vectors[rows].astype(np.float32), {})


_READERS: Mapping[str, Callable[[Path], Index]] = {
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".npy": _read_npy,
}


def most_similar(
    vectors: NDArray[np.float32], query: NDArray[np.float32], count: int
) -> list[tuple[int, float]]:
    """Find the rows nearest to a query by cosine similarity.

    Args:
        vectors: float32 of shape ``(n, dimensions)``, none of them all zeros.
        query: float32 of shape ``(dimensions,)``.
        count: The most rows to return.

    Returns:
        Pairs of row and similarity, the most similar first.
    """
    if vectors.shape[1] != len(query):
        message = f"The index has {vectors.shape[1]} dimensions and the query {len(query)}."
        hint = "Search with the model and the dimensions that made the index."
        raise ConfigurationError(message, argument="index", hint=hint)
    similarities = (vectors @ query) / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
    best = np.argsort(-similarities, kind="stable")[:count]
    return [(int(row), float(similarities[row])) for row in best]
