"""The output of a job: rows with their vectors as Arrow tables, and the final file made of parts.

A failed row is NaN and not null: most readers of Parquet cannot take a null in a list of fixed
size, and would lose the whole file over it. Its `error` says why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import EMBEDDING, ERROR, KEPT, TEXT
from openrouter_embeddings.jobs._folder import PREFIX, packing_of
from openrouter_embeddings.values import to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Tables = Iterator[pa.Table]


def check_output(path: str) -> None:
    """Check the name of an output before anything is paid for.

    Raises:
        ConfigurationError: The format is unknown, or the folder does not exist.
    """
    if Path(path).suffix.lower() not in WRITERS:
        message = f"out {path!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(WRITERS)}."
        raise ConfigurationError(message, argument="out", hint=hint)
    if not Path(path).resolve().parent.is_dir():
        message = f"out is in a folder that does not exist: {path!r}."
        raise ConfigurationError(message, argument="out")


def output_schema(
    source: pa.Schema, *, id_column: str | None, keep_text: bool, truncates: bool, width: int
) -> pa.Schema:
    """Lay out the columns: id, text, others, embedding, error.

    Args:
        source: The columns that were taken from the input, the text first.
        id_column: The column with the ids, or None.
        keep_text: Whether the texts go along.
        truncates: Whether texts may have been cut, which one more column then says.
        width: How many numbers a vector has.
    """
    others = [field.remove_metadata() for field in list(source)[1:]]
    first = 0 if id_column is None else 1
    text = [pa.field(TEXT, pa.string())] if keep_text else []
    vectors = [
        pa.field(EMBEDDING, pa.list_(pa.float32(), width)),
        pa.field(ERROR, pa.string()),
    ]
    kept = [pa.field(KEPT, pa.int64())] if truncates else []
    fields = [*others[:first], *text, *others[first:], *vectors, *kept]
    return pa.schema(fields)


def table_of(
    rows: pa.Table,
    vectors: NDArray[np.float32],
    errors: Sequence[str | None],
    kept: Sequence[int | None],
    schema: pa.Schema,
) -> pa.Table:
    """Join rows of the input with their vectors.

    Args:
        rows: The rows, the text in the first column.
        vectors: float32 of shape ``(n, width)``.
        errors: Why a row has no vector; None where it has one.
        kept: How many characters were embedded, where a text was cut.
        schema: The columns of the output.
    """
    columns: dict[str, Any] = {name: rows[name] for name in rows.column_names[1:]}
    columns |= {TEXT: rows.column(0), EMBEDDING: to_arrow(vectors), ERROR: list(errors)}
    columns[KEPT] = list(kept)
    chosen = {name: columns[name] for name in schema.names}
    return pa.table(chosen, schema=schema)


def widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a part whose rows all failed the width of the others."""
    if table.schema.field(EMBEDDING).type == schema.field(EMBEDDING).type:
        return table.cast(schema)
    width = schema.field(EMBEDDING).type.list_size
    empty = np.full((len(table), width), np.nan, dtype=np.float32)
    place = table.column_names.index(EMBEDDING)
    return table.set_column(place, schema.field(EMBEDDING), to_arrow(empty)).cast(schema)


def vectors_of(table: pa.Table) -> NDArray[np.float32]:
    """Return the vectors of a table, float32 of shape ``(n, width)``."""
    column = table[EMBEDDING].combine_chunks()
    flat = cast("Any", column).flatten().to_numpy()
    return np.asarray(flat, dtype=np.float32).reshape(len(table), column.type.list_size)


def _write_parquet(path: Path, tables: Tables, schema: pa.Schema, _rows: int) -> None:
    with pq.ParquetWriter(path, schema, **packing_of(schema)) as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(schema.metadata), max(1, len(table)))


def _write_jsonl(path: Path, tables: Tables, schema: pa.Schema, _rows: int) -> None:
    notes: dict[str, str] = {
        key.decode().removeprefix(PREFIX): value.decode()
        for key, value in (schema.metadata or {}).items()
    }
    shown = {name: notes[name] for name in ("model", "dimensions", "source") if name in notes}
    with path.open("w", encoding="utf-8") as file:
        for table in tables:
            for row, vector in zip(table.to_pylist(), vectors_of(table), strict=True):
                numbers = [float(str(number)) for number in vector]
                row[EMBEDDING] = None if row[ERROR] else numbers
                line = json.dumps(shown | row, ensure_ascii=False, default=str)
                file.write(f"{line}\n")


def _write_npy(path: Path, tables: Tables, schema: pa.Schema, rows: int) -> None:
    width = schema.field(EMBEDDING).type.list_size
    if not rows:
        with path.open("wb") as file:
            np.save(file, np.empty((0, width), np.float32))
        return
    matrix: Any = np.lib.format.open_memmap(path, "w+", np.float32, (rows, width))
    start = 0
    for table in tables:
        matrix[start : start + len(table)] = vectors_of(table)
        start += len(table)
    matrix.flush()


WRITERS: Mapping[str, Callable[[Path, Tables, pa.Schema, int], None]] = {
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
    ".npy": _write_npy,
}
