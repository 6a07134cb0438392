"""Texts from files, vectors into files: the formats of the command line."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from openrouter_embeddings import _checks
from openrouter_embeddings._extras import require
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.values import to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

DEFAULT_COLUMN = "text"


@frozen(eq=False)
class Table:
    """Texts with their vectors.

    Attributes:
        texts: One text for each row, None where the input had none.
        vectors: float32 of shape ``(n, dimensions)``; rows of failed texts are NaN.
        errors: Why a row has no vector; None where it has one.
        metadata: The model, the dimensions and the source.
        tokens: What was embedded, in tokens, as far as the service said.
        cost: What it cost in USD, as far as the service said.
    """

    texts: Sequence[str | None]
    vectors: NDArray[np.float32]
    errors: Sequence[str | None]
    metadata: Mapping[str, str]
    tokens: int = 0
    cost: float = 0.0


def _suffix(path: str, known: Mapping[str, object], argument: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        message = f"{argument} {path!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(known)}."
        raise ConfigurationError(message, argument=argument, hint=hint)
    return suffix


def read_texts(source: str, column: str | None = None) -> list[str | None]:
    """Read texts: `.txt` (one a line), `.jsonl`, `.csv`, `.parquet`, or ``-`` for standard input.

    Args:
        source: The path, or ``-`` for lines of text on standard input.
        column: The column or key that holds the text; None takes ``text``, or the only one.

    Returns:
        One text for each row or line, None where it is empty.

    Raises:
        ConfigurationError: The file or the column cannot be read.
    """
    if source == "-":
        return [line or None for line in sys.stdin.read().splitlines()]
    reader = _READERS[_suffix(source, _READERS, "input")]
    try:
        rows = reader(Path(source), column)
    except (OSError, UnicodeDecodeError) as exc:
        message = f"input cannot be read: {source!r} ({exc})."
        raise ConfigurationError(message, argument="input") from exc
    return [_text_or_none(row, f"input row {number}") for number, row in enumerate(rows, 1)]


def _text_or_none(value: object, where: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _checks.bad_type(where, "text", value)
    return value


def _read_lines(path: Path, _column: str | None) -> Iterable[object]:
    # Not splitlines(): it also breaks at characters that stand inside texts, U+2028 say.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def _read_jsonl(path: Path, column: str | None) -> Iterable[object]:
    rows: list[object] = []
    for number, line in enumerate(_read_lines(path, None), 1):
        try:
            row = json.loads(cast("str", line))
        except ValueError as exc:
            message = f"input line {number} is no JSON: {_checks.shown(line)}."
            raise ConfigurationError(message, argument="input") from exc
        rows.append(row[_column_of(list(row), column)] if isinstance(row, dict) else row)
    return rows


def _read_csv(path: Path, column: str | None) -> Iterable[object]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        name = _column_of(list(reader.fieldnames or ()), column)
        return [row[name] for row in reader]


def _read_parquet(path: Path, column: str | None) -> Iterable[object]:
    parquet = require("pyarrow.parquet", extra="cli")
    with parquet.ParquetFile(path) as file:
        name = _column_of(file.schema_arrow.names, column)
        return cast("list[object]", file.read([name]).column(0).to_pylist())


_READERS: Mapping[str, Callable[[Path, str | None], Iterable[object]]] = {
    ".txt": _read_lines,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}


def _column_of(names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    column = wanted or DEFAULT_COLUMN
    if column in names:
        return column
    message = f"There is no column {column!r}."
    hint = f"Name one with --column: {', '.join(names) or 'the file has none'}."
    raise ConfigurationError(message, argument="column", hint=hint)


def check_output(path: str) -> None:
    """Check the name of an output before anything is paid for.

    Raises:
        ConfigurationError: The format is unknown, or the folder does not exist.
    """
    _suffix(path, _WRITERS, "out")
    if not Path(path).resolve().parent.is_dir():
        message = f"out is in a folder that does not exist: {path!r}."
        raise ConfigurationError(message, argument="out")


def write_table(path: str, table: Table) -> None:
    """Write texts and vectors: `.parquet`, `.jsonl`, or `.npy` for the vectors alone.

    The file appears whole or not at all: it is written beside its place and then moved.
    """
    writer = _WRITERS[_suffix(path, _WRITERS, "out")]
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        writer(beside, table)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _write_parquet(path: Path, table: Table) -> None:
    arrow = require("pyarrow", extra="cli")
    parquet = require("pyarrow.parquet", extra="cli")
    # A failed row is NaN and not null: most readers of Parquet cannot take a null in a list of
    # fixed size, and would lose the whole file over it.
    columns = {
        "text": arrow.array(table.texts, type=arrow.string()),
        "embedding": to_arrow(table.vectors),
        "error": arrow.array(table.errors, type=arrow.string()),
    }
    metadata = {f"openrouter_embeddings.{name}": value for name, value in table.metadata.items()}
    parquet.write_table(arrow.table(columns).replace_schema_metadata(metadata), path)


def _write_jsonl(path: Path, table: Table) -> None:
    with path.open("w", encoding="utf-8") as file:
        for text, vector, error in zip(table.texts, table.vectors, table.errors, strict=True):
            row = {
                "text": text,
                "embedding": None if error else [float(str(number)) for number in vector],
                "error": error,
                **table.metadata,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_npy(path: Path, table: Table) -> None:
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    with path.open("wb") as file:
        np.save(file, table.vectors)


_WRITERS: Mapping[str, Callable[[Path, Table], None]] = {
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
    ".npy": _write_npy,
}


def read_index(path: str) -> Table:
    """Read what `write_table` wrote, for searching.

    Rows without a vector are left out. An ``.npy`` file has neither texts nor a model.

    Raises:
        ConfigurationError: The file cannot be read, or holds no vectors.
    """
    reader = _INDEX_READERS[_suffix(path, _INDEX_READERS, "index")]
    try:
        table = reader(Path(path))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        message = f"index cannot be read: {path!r} ({type(exc).__name__}: {exc})."
        raise ConfigurationError(message, argument="index") from exc
    if not len(table.vectors):
        message = f"index holds no vectors: {path!r}."
        raise ConfigurationError(message, argument="index")
    return table


def _read_index_parquet(path: Path) -> Table:
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    parquet = require("pyarrow.parquet", extra="cli")
    found: Any = parquet.read_table(path)
    if "error" in found.column_names:
        found = found.filter(found["error"].is_null())
    column = found["embedding"].combine_chunks()
    flat = column.flatten().to_numpy()
    prefix = b"openrouter_embeddings."
    raw: Mapping[bytes, bytes] = found.schema.metadata or {}
    return Table(
        texts=found["text"].to_pylist(),
        vectors=np.asarray(flat, dtype=np.float32).reshape(len(found), column.type.list_size),
        errors=[None] * len(found),
        metadata={
            key.removeprefix(prefix).decode(): value.decode()
            for key, value in raw.items()
            if key.startswith(prefix)
        },
    )


def _read_index_jsonl(path: Path) -> Table:
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    with path.open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["embedding"] is not None]
    names = ("model", "dimensions", "source")
    return Table(
        texts=[row["text"] for row in rows],
        vectors=np.array([row["embedding"] for row in rows], dtype=np.float32),
        errors=[None] * len(rows),
        metadata={name: str(row[name]) for row in rows[:1] for name in names if name in row},
    )


def _read_index_npy(path: Path) -> Table:
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    vectors = np.load(path, allow_pickle=False)
    found = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    texts = [f"row {row}" for row in found]
    return Table(texts, vectors[found].astype(np.float32), [None] * len(found), {})


_INDEX_READERS: Mapping[str, Callable[[Path], Table]] = {
    ".parquet": _read_index_parquet,
    ".jsonl": _read_index_jsonl,
    ".npy": _read_index_npy,
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
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    if vectors.shape[1] != len(query):
        message = f"The index has {vectors.shape[1]} dimensions and the query {len(query)}."
        hint = "Search with the model and the dimensions that made the index."
        raise ConfigurationError(message, argument="index", hint=hint)
    similarities = (vectors @ query) / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
    best = np.argsort(-similarities, kind="stable")[:count]
    return [(int(row), float(similarities[row])) for row in best]
