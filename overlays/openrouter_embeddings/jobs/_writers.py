"""The output of a job: rows with their vectors as Arrow tables, and the file made of them.

A failed row is NaN and not null: most readers of Parquet cannot take a null in a list of fixed
size, and would lose the whole file over it. Its `error` says why.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field

from openrouter_embeddings._base.memory import release_freed_memory
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import (
    DIGEST,
    EMBEDDING,
    ERROR,
    KEPT,
    TEXT,
    json_line,
    json_schema,
)
from openrouter_embeddings.jobs._finished import PREFIX, notes_of, sidecar_of, vectors_of
from openrouter_embeddings.jobs._folder import READY, JobFolder, fresh, moved, published
from openrouter_embeddings.jobs._plan import DIGEST_BYTES
from openrouter_embeddings.values import to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.jobs._plan import Words
    from openrouter_embeddings.jobs._settings import JobSettings

    Tables = Iterator[pa.Table]

# A reader holds one group at least, and its writer twice as much: with 32 MiB a job of 100,000 rows
# took 60 MB more. 16 MiB are 2,700 vectors of 1,536 numbers.
_GROUP_ROWS = 50_000
_GROUP_BYTES = 16 * 2**20


def check_output(path: str) -> None:
    """Check the name of an output before anything is paid for.

    Raises:
        ConfigurationError: The format is unknown, or the folder does not exist.
    """
    if Path(path).suffix.lower() not in _WRITERS:
        message = f"out {path!r} has a name that tells no known format."
        hint = f"Known are: {', '.join(_WRITERS)}."
        raise ConfigurationError(message, argument="out", hint=hint)
    target = Path(path).resolve()
    if target.is_dir():
        message = f"out is a folder: {path!r}."
        raise ConfigurationError(message, argument="out", hint="Give the name of a file.")
    if not target.parent.is_dir():
        message = f"out is in a folder that does not exist: {path!r}."
        raise ConfigurationError(message, argument="out")


def output_schema(source: pa.Schema, out: Path, settings: JobSettings, width: int) -> pa.Schema:
    """Lay out the columns: id, text, others, embedding, error.

    Args:
        source: The columns that were taken from the input, the text first.
        out: The output; what is no Parquet has the digests of the texts beside it in any case.
        settings: Which columns go along; digests do where the texts do not.
        width: How many numbers a vector has.
    """
    others = [field.remove_metadata() for field in list(source)[1:]]
    first = 0 if settings.id_column is None else 1
    text = [pa.field(TEXT, pa.string())] if settings.keep_text else []
    vectors = [
        pa.field(EMBEDDING, pa.list_(pa.float32(), width)),
        pa.field(ERROR, pa.string()),
    ]
    kept = [pa.field(KEPT, pa.int64())] if settings.on_long == "truncate" else []
    is_carried = not settings.keep_text or sidecar_of(out) is not None
    digest = [pa.field(DIGEST, pa.binary(16))] if is_carried else []
    return pa.schema([*others[:first], *text, *others[first:], *vectors, *kept, *digest])


def columns_in(out: Path, schema: pa.Schema) -> list[str]:
    """Name the columns that can be read from an output, and from what stands beside it."""
    if out.suffix.lower() == ".npy":
        return [name for name in schema.names if name in {EMBEDDING, ERROR, KEPT, DIGEST}]
    return list(schema.names)


def table_of(
    rows: pa.RecordBatch,
    vectors: Vectors,
    errors: Mapping[int, str],
    kept: Mapping[int, int],
    digests: Words,
    schema: pa.Schema,
) -> pa.Table:
    """Join rows of the input with their vectors.

    Args:
        rows: The rows, the text in the first column.
        vectors: float32 of shape ``(n, width)``.
        errors: Why a row has no vector, by its place among these.
        kept: How many characters were embedded where a text was cut, by place.
        digests: The digests of the texts, zeros where there is none.
        schema: The columns of the output.
    """
    columns: dict[str, Any] = {name: rows[name] for name in rows.schema.names[1:]}
    columns |= {TEXT: rows.column(0), EMBEDDING: to_arrow(vectors)}
    columns[ERROR] = _sparse_texts(errors, len(rows))
    if KEPT in schema.names:
        columns[KEPT] = _sparse_counts(kept, len(rows))
    if DIGEST in schema.names:
        columns[DIGEST] = digest_column(digests)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _sparse_texts(values: Mapping[int, str], count: int) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
    """Make a column of texts by place, null in all other places."""
    texts = {place: values[place].encode() for place in sorted(values)}
    ends = np.zeros(count + 1, np.int32)
    ends[np.fromiter(texts, np.int64, len(texts)) + 1] = list(map(len, texts.values()))
    content = [np.cumsum(ends, dtype=np.int32), b"".join(texts.values())]
    return _column(pa.string(), _places(values, count), content)


def _sparse_counts(values: Mapping[int, int], count: int) -> Any:  # noqa: ANN401 - as above
    """Make a column of whole numbers by place, null in all other places."""
    numbers = np.zeros(count, np.int64)
    numbers[list(values)] = list(values.values())
    return _column(pa.int64(), _places(values, count), [numbers])


def _places(values: Mapping[int, object], count: int) -> NDArray[np.bool_]:
    is_here = np.zeros(count, bool)
    is_here[list(values)] = True
    return is_here


def _column(kind: pa.DataType, is_here: NDArray[np.bool_], content: Sequence[Any]) -> Any:  # noqa: ANN401 - as above
    """Make a column of buffers. Not by `pyarrow.array`, see `numbers_of`."""
    known = np.packbits(is_here, bitorder="little").tobytes()
    buffers: list[pa.Buffer | None] = [pa.py_buffer(known), *map(pa.py_buffer, content)]
    return pa.Array.from_buffers(kind, len(is_here), buffers)


def digest_column(digests: Words) -> Any:  # noqa: ANN401 - as above
    """Make a column of digests, null where there is none."""
    raw = digests.astype("<u8").tobytes()
    return _column(pa.binary(DIGEST_BYTES), np.asarray(digests.any(axis=1)), [raw])


def packing_of(schema: pa.Schema) -> dict[str, Any]:
    """Choose how columns are packed in Parquet: vectors as they are, the others compressed.

    Neither a dictionary nor compression makes vectors smaller, and both take long.
    """
    flat = [name for name in schema.names if name != EMBEDDING]
    compression = dict.fromkeys(flat, "zstd")
    return {
        "use_dictionary": [name for name in flat if name != DIGEST] or False,
        "compression": compression or "none",
        "write_page_checksum": True,
    }


def write_output(out: Path, folder: Path, tables: Tables, schema: pa.Schema, rows: int) -> None:
    """Write the output, and what stands beside it; it appears whole, or not at all.

    Args:
        out: The output.
        folder: Where to write before, on the same disk.
        tables: The rows.
        schema: Their columns, with what is said of the job.
        rows: How many there are.
    """
    beside, write = sidecar_of(out), _WRITERS[out.suffix.lower()]
    new = fresh(folder, out)
    try:
        if beside is None:
            write(new, tables, schema, rows)
        else:
            with _Side(fresh(folder, beside), schema) as side:
                write(new, side.split(tables), schema, rows)
                side.finish(new.stat().st_size)
        with published(folder / READY) as path:
            path.write_text(json.dumps([_stamp(out), _stamp(new)]))
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _move_output(out, folder)


def _stamp(out: Path) -> list[int] | None:
    """Say which file is there, or None."""
    try:
        found = out.stat()
    except FileNotFoundError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _move_output(out: Path, folder: Path) -> None:
    """Move what is ready to its place, the output last."""
    places = [place for place in (sidecar_of(out), out) if place is not None]
    files = {folder / f".{place.name}.tmp": place for place in places}
    moved({new: place for new, place in files.items() if new.exists()})


def finish_output(out: str) -> None:
    """Do what is left of a job that was killed when its output was ready.

    Of two files one may be in its place and the other not: together they would tell a falsehood.

    Args:
        out: The output. Where somebody has put another there meanwhile, nothing is done.

    Raises:
        ConfigurationError: Another process works on the job, or a file cannot be moved.
    """
    target, folder = Path(out).resolve(), JobFolder.of(out)
    if not (folder.path / READY).is_file():
        return
    with folder.locked():
        try:
            if not _is_ready(target, folder.path):
                return
            _move_output(target, folder.path)
        except OSError as exc:
            message = f"{out} cannot be put in its place from {folder.path}: {exc}."
            raise ConfigurationError(message, argument="out") from exc
        folder.retire()


def _is_ready(out: Path, folder: Path) -> bool:
    """Say whether an output is there to be moved over the one of before, or was moved already."""
    try:
        before, new = json.loads((folder / READY).read_bytes())
    except ValueError:
        return False
    is_here = (folder / f".{out.name}.tmp").is_file()
    return bool(_stamp(out) == (before if is_here else new))


def try_output(out: Path, folder: Path, schema: pa.Schema) -> None:
    """Write an output without rows, and delete it: what cannot be written is to be known early.

    Raises:
        ConfigurationError: A column is of a type that the format does not have.
    """
    beside = fresh(folder, out)
    try:
        _WRITERS[out.suffix.lower()](beside, iter([pa.Table.from_batches([], schema)]), schema, 0)
    except pa.ArrowException as exc:
        message = f"out cannot hold the columns {', '.join(schema.names)}: {exc}."
        raise ConfigurationError(message, argument="keep_columns") from exc
    finally:
        beside.unlink(missing_ok=True)


def space_for(out: Path, *, todo: int, rows: int, width: int) -> int:
    """Say how many bytes a job still needs: its vectors, and those of the output. Pure.

    Args:
        out: The output; a number takes 4 bytes, and about 12 characters in JSONL.
        todo: How many vectors are still to come.
        rows: How many rows the output has.
        width: How many numbers a vector has.
    """
    each = _JSON_NUMBER if out.suffix.lower() == ".jsonl" else _NUMBER
    return width * (_NUMBER * todo + each * rows)


_NUMBER, _JSON_NUMBER = 4, 12


class _Side:
    """What stands beside an output that has no room for it."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self._notes = path, schema.metadata
        names = [name for name in (DIGEST, ERROR, KEPT) if name in schema.names]
        self._schema = pa.schema([schema.field(name) for name in names])
        self._writer = pq.ParquetWriter(path, self._schema, **packing_of(self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def split(self, tables: Tables) -> Tables:
        """Keep digest and error of each row, and hand on the rows."""
        for table in tables:
            self._writer.write_table(table.select(self._schema.names))
            yield table

    def finish(self, size: int) -> None:
        """Say what made the output, and how large it is."""
        notes = {f"{PREFIX}{name}": value for name, value in notes_of(self._notes).items()}
        self._writer.add_key_value_metadata({**notes, f"{PREFIX}size": str(size)})


@define(eq=False)
class _Groups:
    """Puts rows together to row groups that are neither large nor small, and writes them.

    Attributes:
        writer: The file.
        most: The rows with which a group is full.
    """

    writer: pq.ParquetWriter
    most: int
    _held: list[pa.Table] = field(init=False, factory=list)

    def add(self, table: pa.Table) -> None:
        """Take more rows."""
        self._held.append(table)
        rows, size = map(sum, zip(*((len(one), one.nbytes) for one in self._held), strict=True))
        if rows >= self.most or size >= 2 * _GROUP_BYTES:
            self.write()

    def write(self) -> None:
        """Write what is there as one group, and give its memory back."""
        if not self._held:
            return
        group = pa.concat_tables(self._held)
        self._held.clear()
        self.writer.write_table(group, len(group) or 1)
        # The allocators would keep what they needed, and more with each group.
        del group
        pa.default_memory_pool().release_unused()
        release_freed_memory()


def _write_parquet(path: Path, tables: Tables, schema: pa.Schema, _rows: int) -> None:
    width = schema.field(EMBEDDING).type.list_size
    with pq.ParquetWriter(path, schema, **packing_of(schema)) as writer:
        groups = _Groups(writer, max(1, min(_GROUP_ROWS, _GROUP_BYTES // (4 * width))))
        for table in tables:
            groups.add(table.replace_schema_metadata(schema.metadata))
        groups.write()


def _write_jsonl(path: Path, tables: Tables, schema: pa.Schema, _rows: int) -> None:
    """Write an object a line: columns by their names, the vector as a list or null.

    Raises:
        ConfigurationError: A column holds what JSON cannot say.
    """
    written = json_schema(schema)
    notes = notes_of(schema.metadata)
    shown = {name: notes[name] for name in ("model", "dimensions", "source") if name in notes}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for table in tables:
            rows = table.cast(written).to_pylist()
            for row, vector in zip(rows, vectors_of(table), strict=True):
                numbers = [float(str(number)) for number in vector]
                row[EMBEDDING] = None if row[ERROR] else numbers
                digest = row.pop(DIGEST)
                if TEXT not in row and digest is not None:
                    row[DIGEST] = digest.hex()
                file.write(f"{json_line(shown | row)}\n")


def _write_npy(path: Path, tables: Tables, schema: pa.Schema, rows: int) -> None:
    width = schema.field(EMBEDDING).type.list_size
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    # Not a memory map: a disk that is full would end the process there.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for table in tables:
            file.write(np.ascontiguousarray(vectors_of(table), "<f4").tobytes())
        file.flush()
        os.fsync(file.fileno())


_WRITERS: Mapping[str, Callable[[Path, Tables, pa.Schema, int], None]] = {
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
    ".npy": _write_npy,
}
