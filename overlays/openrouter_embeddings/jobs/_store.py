"""The vectors of a job on the disk, each at its place, with a record that says whose it is.

``vectors.f32`` has the vectors alone, one after the other. ``rows`` has a record of 28 bytes for
each place: what is known of the text, how much of it was embedded, its digest, and a checksum over
the job's id, the place, all that, and the vector. A record is written behind its vector, and counts
only where its checksum is right. So whatever was half written, damaged, or is of another job is
nothing, and never a wrong vector.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from attrs import define, field, frozen

from openrouter_embeddings.jobs._plan import State, checksum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.jobs._plan import Places, Words

RECORD = np.dtype([("state", "<u4"), ("kept", "<u4"), ("digest", "<u8", 2), ("sum", "<u4")])
VECTORS, ROWS = "vectors.f32", "rows"
_HEAD = np.dtype(
    [("job", "<u8", 2), ("place", "<u8"), ("state", "<u4"), ("kept", "<u4"), ("digest", "<u8", 2)]
)
# Bytes of vectors that are read at one time: what stays in a processor's cache until it is summed.
_AT_ONCE = 2**20


@frozen(eq=False)
class Entries:
    """What is known of some texts.

    Attributes:
        places: Where they stand, ascending, shape ``(n,)``.
        records: Their records, without checksums.
        vectors: float32 of shape ``(n, width)``; None where they have none.
    """

    places: Places
    records: NDArray[np.void]
    vectors: Vectors | None


def make_records(state: State, digests: Words, kept: Sequence[int | None]) -> NDArray[np.void]:
    """Make records that are all of one state, their checksums still to come.

    Args:
        state: The state.
        digests: The digests of the texts, shape ``(n, 2)``.
        kept: How many characters of each were embedded, None for all; nothing for all of each.
    """
    records = np.zeros(len(digests), RECORD)
    records["state"] = state
    records["digest"] = digests
    if kept:
        records["kept"] = [count or 0 for count in kept]
    return records


def checksums(job: bytes, entries: Entries) -> NDArray[np.uint32]:
    """Return crc32 over whose each entry is, its place, what is known of it, and its vector."""
    heads = np.zeros(len(entries.places), _HEAD)
    heads["job"] = np.frombuffer(job, "<u8")
    heads["place"] = entries.places
    for name in ("state", "kept", "digest"):
        heads[name] = entries.records[name]
    sums = map(checksum, heads.view(np.uint8).reshape(len(heads), _HEAD.itemsize))
    if entries.vectors is not None:
        sums = map(checksum, np.ascontiguousarray(entries.vectors), sums)
    return np.fromiter(sums, np.uint32, len(heads))


@define(eq=False)
class VectorStore:
    """The two files, open.

    Attributes:
        job: The id of the job, 16 bytes.
        width: How many numbers a vector has, 0 as long as nobody knows.
        damaged: How many records were found damaged, or of another job.
    """

    job: bytes
    _vectors: BinaryIO
    _rows: BinaryIO
    width: int = 0
    damaged: int = field(init=False, default=0)

    @classmethod
    def open(cls, folder: Path, job: bytes, width: int, *, writable: bool = True) -> VectorStore:
        """Open the files of a folder; they are made where they are to be written.

        Raises:
            OSError: They cannot be opened, or are not there to be read.
        """
        vectors = _open(folder / VECTORS, writable=writable)
        try:
            return cls(job, vectors, _open(folder / ROWS, writable=writable), width)
        except BaseException:
            vectors.close()
            raise

    def close(self) -> None:
        """Close the files."""
        self._vectors.close()
        self._rows.close()

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was ever kept."""
        return not _size(self._rows)

    def write(self, entries: Entries) -> None:
        """Write vectors, and then the records that vouch for them."""
        if not len(entries.places):
            return
        if entries.vectors is not None:
            size = 4 * self.width
            for start, end in _stretches(entries.places):
                at = int(entries.places[start]) * size
                _write_at(self._vectors, at, entries.vectors[start:end])
        records = entries.records
        records["sum"] = checksums(self.job, entries)
        for start, end in _stretches(entries.places):
            at = int(entries.places[start]) * RECORD.itemsize
            _write_at(self._rows, at, records[start:end])

    def load(self) -> NDArray[np.void]:
        """Read all records by place, and void those that are damaged or of another job."""
        records = np.empty(_size(self._rows) // RECORD.itemsize, RECORD)
        _read_into(self._rows, 0, records)
        for entries in self._entries(records):
            bad = ~self.verify(entries)
            records[entries.places[bad]] = np.zeros(1, RECORD)
            self.damaged += int(bad.sum())
        return records

    def _entries(self, records: NDArray[np.void]) -> Iterator[Entries]:
        said = records["state"] != State.WANTED
        done = np.flatnonzero(said & (records["state"] != State.FAILED))
        failed = np.flatnonzero(records["state"] == State.FAILED)
        yield Entries(failed, records[failed], None)
        step = max(1, _AT_ONCE // max(1, 4 * self.width))
        for start in range(0, len(done), step):
            places = done[start : start + step]
            yield Entries(places, records[places], self.read(places))

    def read(self, places: Places) -> Vectors:
        """Read vectors; what is not in the file is zeros."""
        found, size = np.empty((len(places), self.width), np.float32), 4 * self.width
        for start, end in _stretches(places) if size else ():
            _read_into(self._vectors, int(places[start]) * size, found[start:end])
        return found

    def verify(self, entries: Entries) -> NDArray[np.bool_]:
        """Say which vectors are what their records vouch for."""
        return np.asarray(entries.records["sum"] == checksums(self.job, entries))


def _open(path: Path, *, writable: bool) -> BinaryIO:
    """Open a file to be read and written at any place, for its owner alone."""
    if not writable:
        return path.open("rb", buffering=0)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _stretches(places: Places) -> list[tuple[int, int]]:
    """Divide ascending places into those that follow one another."""
    if not len(places):
        return []
    breaks = (np.flatnonzero(np.diff(places) != 1) + 1).tolist()
    return list(zip([0, *breaks], [*breaks, len(places)], strict=True))


def _write_at(file: BinaryIO, at: int, content: NDArray[np.generic]) -> None:
    file.seek(at)
    rest = np.ascontiguousarray(content).data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


def _read_into(file: BinaryIO, at: int, target: NDArray[Any]) -> None:
    """Fill an array from a file; what is not in the file is zeros."""
    file.seek(at)
    rest = target.data.cast("B")
    while rest and (count := file.readinto(rest)):  # type: ignore[attr-defined]  # unbuffered files have it
        rest = rest[count:]
    rest[:] = bytes(len(rest))
