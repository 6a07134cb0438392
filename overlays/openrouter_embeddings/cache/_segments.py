"""A segment of a cache: vectors of one model and width in a flat file, their keys in another.

``T.keys`` begins with a header, twice, and goes on with a record for each vector: the key, 16
bytes, and a checksum, 4 bytes. ``T.f32`` has the vectors alone, vector i of record i: where a
vector stands is written nowhere, so it cannot be written wrong. The name T is the time of creation,
by which the oldest go first, and a random number, so that no name is ever used again.

Vectors are written before their records, so a record that is there whole has its vector; what a
process left that was killed between the two is written over by the next. Files only grow, and a
record changes once at the most: it becomes void when its vector turns out to be damaged.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import counted

try:
    # The same numbers as zlib's, 6 to 10 times faster: of what reading in the order of storing
    # cost at 256 numbers, zlib's were two thirds.
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors

    Words = NDArray[np.uint64]

NAME = re.compile(r"[0-9a-f]{24}")
RECORD = np.dtype([("words", "<u8", 2), ("sum", "<u4")])
HEAD_BYTES = 1024  # two copies, each for an id of 460 bytes or so
SLOT_BITS = 32  # a place is the number of a segment and, in these bits, a slot in it
_MAGIC = b"OREC\0\0\0\3"
_READ_BYTES = 64 * 2**20  # a single read gives 2 GiB at the most, and less on some systems
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends


def checksums(words: Words, vectors: Iterable[bytes] | Vectors) -> list[int]:
    """Return crc32 of each vector, begun with the first 4 bytes of its key.

    It finds all damage of up to three bits in vectors of up to 2,800 numbers, and any other but for
    one case in 2**32.
    """
    return list(map(crc32, vectors, (words[:, 0] & 0xFFFFFFFF).tolist()))


def write_at(path: str, content: bytes | memoryview, at: int, flags: int = 0) -> None:
    """Write all of something into a file; one that is made is for its owner alone."""
    file = os.open(path, os.O_WRONLY | _BINARY | flags, 0o600)
    try:
        os.lseek(file, at, os.SEEK_SET)  # Windows knows no `pwrite`
        rest = memoryview(content).cast("B")
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def header(model: str, width: int) -> bytes:
    """Write the header of a segment.

    Raises:
        ConfigurationError: The model's id is too long.
    """
    text = json.dumps({"model": model, "width": width}, ensure_ascii=False).encode()
    copy = _begin(text) + text
    most = HEAD_BYTES // 2
    if len(copy) > most:
        raise arguments.bad_value(
            "model", f"is {counted(len(copy) - most, 'byte')} too long", model
        )
    return copy.ljust(most, b"\0") * 2


def _begin(text: bytes) -> bytes:
    return _MAGIC + len(text).to_bytes(4, "little") + crc32(text).to_bytes(4, "little")


def read_header(path: str) -> tuple[str, int] | None:
    """Return model and width by the first copy that is whole, or None."""
    with open(path, "rb", buffering=0) as file:
        content = file.read(HEAD_BYTES)
    for copy in (content[: HEAD_BYTES // 2], content[HEAD_BYTES // 2 :]):
        text = copy[16 : 16 + int.from_bytes(copy[8:12], "little")]
        with suppress(ValueError, KeyError, TypeError, OverflowError):  # whole, and of another make
            told = json.loads(text) if copy[:16] == _begin(text) else {}
            if 0 < int(told["width"]) < 2**SLOT_BITS:
                return str(told["model"]), int(told["width"])
    return None


@define(eq=False)
class Segment:
    """One segment, as far as this process has read its records.

    Attributes:
        stem: The path of both files, without their endings.
        model: The model of its vectors; None where the header is damaged.
        width: How many numbers a vector has; 0 where the header is damaged.
        count: How many records were read.
        alive: Whether it is there, as far as is known.
    """

    stem: str
    model: str | None
    width: int
    count: int = field(init=False, default=0)
    alive: bool = field(init=False, default=True)

    def new_records(self) -> NDArray[np.void]:
        """Read the records that were added since the last call: dtype `RECORD`.

        Raises:
            FileNotFoundError: The segment is gone.
        """
        path, start = f"{self.stem}.keys", HEAD_BYTES + self.count * RECORD.itemsize
        there = (os.stat(path).st_size - start) // RECORD.itemsize
        if self.model is None or there <= 0:
            return np.empty(0, RECORD)
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            raw = file.read(there * RECORD.itemsize)
        found = np.frombuffer(raw, RECORD, len(raw) // RECORD.itemsize)
        self.count += len(found)
        return found

    def append(self, words: Words, matrix: Vectors, sums: Sequence[int]) -> None:
        """Write vectors and then their records behind those that are there."""
        records = np.empty(len(words), RECORD)
        records["words"], records["sum"] = words, sums
        write_at(f"{self.stem}.f32", matrix.data, self.count * self.width * 4)
        write_at(f"{self.stem}.keys", records.data, HEAD_BYTES + self.count * RECORD.itemsize)

    def void(self, slot: int) -> None:
        """Make the record of a damaged vector void.

        Raises:
            FileNotFoundError: The segment is gone.
        """
        at = HEAD_BYTES + slot * RECORD.itemsize
        write_at(f"{self.stem}.keys", bytes(RECORD.itemsize), at)

    def read(self, sizes: Iterable[int], starts: Iterable[int]) -> list[bytes]:
        """Read stretches of the vectors' file; short where it is, empty where it is gone."""
        try:
            with open(f"{self.stem}.f32", "rb", buffering=0) as file:
                return list(map(_read_at, repeat(file.fileno()), sizes, starts))
        except FileNotFoundError:
            return [b"" for _ in sizes]

    def size(self) -> int:
        """Return the bytes of both files, as far as they are there."""
        size = 0
        for ending in (".keys", ".f32"):
            with suppress(FileNotFoundError):
                size += os.stat(self.stem + ending).st_size
        return size

    def delete(self) -> None:
        """Delete both files; where others have vectors open that Windows keeps, later."""
        for ending in (".keys", ".f32"):
            remove(self.stem + ending)


def remove(path: str) -> None:
    """Delete a file, if it is there; Windows keeps vectors that somebody reads at the moment."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except PermissionError:
        if not path.endswith(".f32"):
            raise


def _seek_and_read(file: int, size: int, at: int) -> bytes:
    os.lseek(file, at, os.SEEK_SET)
    return os.read(file, size)


_read_at = getattr(os, "pread", _seek_and_read)  # Windows has none


def read_vectors(segments: Sequence[Segment], places: NDArray[np.int64], width: int) -> list[bytes]:
    """Read vectors of one width in the order of their places, neighbours in one piece.

    Returns:
        Pieces of whole vectors; zeros stand for what is not there.
    """
    each = 4 * width
    apart = np.diff(places) != 1
    most = max(1, _READ_BYTES // each)
    apart[most - 1 :: most] = True
    starts = np.concatenate(([0], np.flatnonzero(apart) + 1))
    sizes: list[int] = (np.diff(starts, append=len(places)) * each).tolist()
    numbers, slots = places[starts] >> SLOT_BITS, places[starts] & (2**SLOT_BITS - 1)
    offsets: list[int] = (slots * each).tolist()
    pieces = [b""] * len(sizes)
    if (numbers == numbers[0]).all():  # as mostly
        pieces = segments[int(numbers[0])].read(sizes, offsets)
    else:
        for number in set(numbers.tolist()):
            some = np.flatnonzero(numbers == number).tolist()
            found = segments[number].read([sizes[i] for i in some], [offsets[i] for i in some])
            for i, piece in zip(some, found, strict=True):
                pieces[i] = piece
    if sum(map(len, pieces)) < len(places) * each:
        return [piece.ljust(size, b"\0") for piece, size in zip(pieces, sizes, strict=True)]
    return pieces
