"""The failed rows of a finished output, embedded again; all other rows stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from openrouter_embeddings.errors import ConfigurationError, VectorError
from openrouter_embeddings.jobs._columns import EMBEDDING, ERROR, KEPT, TEXT
from openrouter_embeddings.jobs._folder import PREFIX, notes_of, packing_of, published
from openrouter_embeddings.jobs._input import look_through
from openrouter_embeddings.jobs._lines import ReadOptions
from openrouter_embeddings.jobs._run import EMPTY, words_of
from openrouter_embeddings.jobs._writers import vectors_of
from openrouter_embeddings.values import to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from openrouter_embeddings.values import EmbeddedBatch


@frozen(eq=False)
class Output:
    """A finished Parquet file of a job.

    Attributes:
        path: Where it is.
        schema: Its columns and metadata.
        notes: What the job wrote into the metadata.
        job: The settings of the job.
        rows: How many rows it has.
    """

    path: Path
    schema: pa.Schema
    notes: Mapping[str, str]
    job: Mapping[str, Any]
    rows: int

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self.schema.field(EMBEDDING).type.list_size)

    @property
    def provider(self) -> dict[str, object] | None:
        """The job's preferences, and what keeps to the provider of a pinned one."""
        first = self.notes.get("providers", "").partition(", ")[0]
        given: dict[str, object] | None = self.job["provider"]
        pinned = self.job["pin_provider"] and first
        return {**(given or {}), "only": [first], "allow_fallbacks": False} if pinned else given

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Read the rows, a row group at a time."""
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)


def finished_output(out: str) -> Output:
    """Open a finished output.

    Raises:
        ConfigurationError: It is not there, or was not made by a job.
    """
    try:
        metadata = pq.read_metadata(out)
    except (OSError, pa.ArrowException) as exc:
        message = f"out cannot be read as Parquet: {out!r} ({exc})."
        raise ConfigurationError(message, argument="out") from exc
    schema = metadata.schema.to_arrow_schema()
    notes = notes_of(metadata.metadata)
    if "job" not in notes or EMBEDDING not in schema.names or ERROR not in schema.names:
        message = f"out was not written by the command embed: {out!r}."
        raise ConfigurationError(message, argument="out")
    return Output(Path(out), schema, notes, json.loads(notes["job"]), metadata.num_rows)


def failed_texts(output: Output, source: str | None) -> dict[int, str]:
    """Find the rows that have a text and no vector, with their texts.

    Args:
        output: The output.
        source: The input, which is needed where the output has no texts.

    Raises:
        ConfigurationError: The texts are neither in the output nor in the input.
    """
    rows: list[int] = []
    start = 0
    for table in output.tables([ERROR]):
        errors = table[ERROR].to_pylist()
        rows += [start + row for row, error in enumerate(errors) if error not in {None, EMPTY}]
        start += len(table)
    wanted = set(rows)
    return {row: text for row, text in texts_of(output, source) if row in wanted} if rows else {}


def texts_of(output: Output, source: str | None) -> Iterator[tuple[int, str]]:
    """Read the texts of an output with their rows: its own, or those of its input."""
    row = 0
    for column in _text_columns(output, source):
        for text in column.to_pylist():
            yield row, text
            row += 1


def _text_columns(output: Output, source: str | None) -> Iterator[Any]:
    if source is not None:
        options = ReadOptions(**output.job["reading"])
        given = look_through(source, column=output.job["column"], options=options)
        if given.fingerprint != output.job["input"]:
            message = f"input is not what {output.path} was made of: {source!r}."
            raise ConfigurationError(message, argument="input")
        yield from (rows.batch.column(0) for rows in given.read())
    elif TEXT in output.schema.names:
        yield from (table[TEXT] for table in output.tables([TEXT]))
    else:
        message = f"{output.path} holds no texts."
        raise ConfigurationError(message, argument="input", hint="Name the input with --input.")


def put_back(output: Output, rows: list[int], result: EmbeddedBatch) -> int:
    """Write the output anew, with what was embedded in its place.

    Args:
        output: The output.
        rows: The rows that were sent, in order.
        result: What came back; a row that was not sent keeps its error.

    Returns:
        How many rows have no vector now.

    Raises:
        VectorError: The vectors are of another width than the others.
    """
    width = _common_width(output, result)
    errors = _new_errors(rows, result)
    failed = int(output.notes["failed"]) - sum(error is None for error in errors.values())
    patch = _Patch(
        schema=_schema(output, width, failed),
        width=width,
        vectors=dict(zip(rows, result.vectors, strict=True)),
        errors=errors,
        kept={rows[cut.position]: cut.kept for cut in result.truncated},
    )
    packing = packing_of(patch.schema)
    with (
        published(output.path) as beside,
        pq.ParquetWriter(beside, patch.schema, **packing) as writer,
    ):
        start = 0
        for table in output.tables():
            writer.write_table(patch.applied(table, start), max(1, len(table)))
            start += len(table)
    return failed


def _common_width(output: Output, result: EmbeddedBatch) -> int:
    all_failed = int(output.notes["failed"]) == output.rows
    width = result.dimensions if all_failed and result.dimensions else output.width
    if result.dimensions not in {0, width}:
        message = f"The vectors of {output.path} are {width} wide, now {result.dimensions} came."
        raise VectorError(message, hint="They were not written.")
    return width


def _new_errors(rows: list[int], result: EmbeddedBatch) -> dict[int, str | None]:
    errors: dict[int, str | None] = dict.fromkeys(rows)
    for failure in result.failures:
        row = rows[failure.position]
        if failure.error is result.stopped:
            del errors[row]
        else:
            errors[row] = words_of(failure)
    return errors


def _schema(output: Output, width: int, failed: int) -> pa.Schema:
    place = output.schema.names.index(EMBEDDING)
    vectors = pa.field(EMBEDDING, pa.list_(pa.float32(), width))
    notes = {**output.notes, "failed": str(failed), "dimensions": str(width)}
    named = {f"{PREFIX}{name}": value for name, value in notes.items()}
    return output.schema.set(place, vectors).with_metadata(named)


@frozen(eq=False)
class _Patch:
    """What changes in an output, by row."""

    schema: pa.Schema
    width: int
    vectors: Mapping[int, NDArray[np.float32]]
    errors: Mapping[int, str | None]
    kept: Mapping[int, int]

    def applied(self, table: pa.Table, start: int) -> pa.Table:
        """Change the rows of a table whose first row is `start`."""
        columns: dict[str, Any] = {name: table[name] for name in self.schema.names}
        errors = columns[ERROR].to_pylist()
        kept: list[int | None] = (
            columns[KEPT].to_pylist() if KEPT in columns else [None] * len(table)
        )
        matrix = np.full((len(table), self.width), np.nan, dtype=np.float32)
        matrix[:, : table.schema.field(EMBEDDING).type.list_size] = vectors_of(table)
        for row in range(start, start + len(table)):
            if row in self.errors:
                errors[row - start] = self.errors[row]
                kept[row - start] = self.kept.get(row)
            if row in self.errors and self.errors[row] is None:
                matrix[row - start] = self.vectors[row]
        columns |= {EMBEDDING: to_arrow(matrix), ERROR: pa.array(errors, pa.string())}
        columns |= {KEPT: pa.array(kept, pa.int64())} if KEPT in columns else {}
        return pa.table(columns, schema=self.schema)
