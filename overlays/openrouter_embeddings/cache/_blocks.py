"""How a cache file holds vectors: neighbours share blocks of a few pages.

What is stored together is asked for together, and in the same order: the parts of a document, the
rows of a file. So the vectors of one `put` share blocks, each with the keys of its vectors and a
checksum for each. To read many is to go from block to block, with no work of SQLite's or Python's
for the single vector; of a block whose vectors are not all asked for, only those that are leave the
file. A second table says which block has a key; it is asked for the first key of each block that is
not the one after the last, and for all keys that are left where one is not there.

The checksum of a vector is the sum of its 64-bit words and those of its key, each times an odd
number of its own, modulo 2**64. Every change of one word changes it, and other damage does so but
for one case in 2**63 or so; numpy computes it for a whole block in one call.
"""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache
from itertools import groupby, islice
from posixpath import commonprefix
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from openrouter_embeddings.cache._hits import Hits

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors

KEY_BYTES = 32
PAGE_BYTES = 8_192  # of larger ones, more is written for each new key than reading gains
SCHEMA = (
    """CREATE TABLE blocks (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,
        size INTEGER NOT NULL,
        keys BLOB NOT NULL,
        checksums BLOB NOT NULL,
        vectors BLOB NOT NULL
    )""",
    "CREATE INDEX blocks_by_model ON blocks (model, size)",
    "CREATE TABLE places (key BLOB PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID",
)
ROW_BYTES = 160  # a vector besides its numbers: its key twice, its checksum, shares of the rest

_BLOCK_BYTES = 16 * PAGE_BYTES - 1024  # the rest is for the model and SQLite's own notes
_BESIDE_A_VECTOR = KEY_BYTES + 8
_AT_ONCE = 500  # keys in one query, below the 999 parameters of old builds of SQLite
_FLOATS, _WORDS = np.dtype("<f4"), np.dtype("<u8")


@frozen(eq=False)
class Block:
    """Some vectors as they stand in the file; what is in it can be anything.

    Attributes:
        id: Its number; later ones were stored later.
        keys: The keys of the vectors, one after the other.
        checksums: Their checksums, as little-endian 64-bit numbers.
        vectors: The vectors, as little-endian float32.
    """

    id: int
    keys: bytes
    checksums: bytes
    vectors: bytes

    @property
    def size(self) -> int:
        """How many vectors there should be."""
        return len(self.keys) // KEY_BYTES

    def names(self) -> list[bytes]:
        """List the keys."""
        return [
            self.keys[start : start + KEY_BYTES] for start in range(0, len(self.keys), KEY_BYTES)
        ]

    def matrix(self) -> Vectors | None:
        """Return the vectors, not writable; None where their bytes make no vectors."""
        if not all(type(part) is bytes for part in (self.keys, self.checksums, self.vectors)):
            return None
        each = self.size * _FLOATS.itemsize
        if not each or not self.vectors or len(self.vectors) % each:
            return None
        if len(self.keys) % KEY_BYTES or len(self.checksums) != 8 * self.size:
            return None
        return np.frombuffer(self.vectors, _FLOATS).reshape(self.size, -1)

    def whole(self, matrix: Vectors) -> NDArray[np.bool_]:
        """Say of each vector whether it has its checksum."""
        return np.equal(checksums(self.keys, matrix), np.frombuffer(self.checksums, _WORDS))


@frozen(eq=False)
class Head:
    """A block without its vectors; what is in it can be anything.

    Attributes:
        id: Its number.
        keys: The keys of the vectors, one after the other.
        checksums: Their checksums, as little-endian 64-bit numbers.
        length: How many bytes the vectors have; None where they are no bytes.
    """

    id: int
    keys: bytes
    checksums: bytes
    length: int | None

    @property
    def size(self) -> int:
        """How many vectors there should be."""
        return len(self.keys) // KEY_BYTES

    def row_of(self, key: bytes) -> int | None:
        """Return the row of a key, None where it is not here."""
        if type(self.keys) is not bytes:
            return None
        start = self.keys.find(key)
        return start // KEY_BYTES if start >= 0 and start % KEY_BYTES == 0 else None

    def read(self, connection: sqlite3.Connection, first: int, last: int) -> Block | None:
        """Read the vectors of some rows; None where keys, checksums and vectors do not fit.

        It is for the transaction in which the head was read.
        """
        if self.length is None or type(self.checksums) is not bytes:
            return None
        each, over = divmod(self.length, self.size)
        if over or len(self.keys) % KEY_BYTES or len(self.checksums) != 8 * self.size:
            return None
        with connection.blobopen("blocks", "vectors", self.id, readonly=True) as vectors:
            vectors.seek(first * each)
            return Block(
                self.id,
                self.keys[first * KEY_BYTES : last * KEY_BYTES],
                self.checksums[8 * first : 8 * last],
                vectors.read((last - first) * each),
            )


def checksums(keys: bytes, matrix: Vectors) -> NDArray[np.uint64]:
    """Compute the checksums of vectors with their keys."""
    words = matrix if matrix.shape[1] % 2 == 0 else np.pad(matrix, ((0, 0), (0, 1)))
    numbers = words.view(_WORDS)
    of_keys = np.frombuffer(keys, _WORDS).reshape(len(matrix), -1)
    factors = _factors(of_keys.shape[1] + numbers.shape[1])
    split = of_keys.shape[1]
    return of_keys @ factors[:split] + numbers @ factors[split:]


@lru_cache(maxsize=16)
def _factors(count: int) -> NDArray[np.uint64]:
    """Draw odd numbers, always the same (the finaliser of SplitMix64)."""
    drawn = np.arange(1, count + 1, dtype=_WORDS) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        drawn = (drawn ^ (drawn >> np.uint64(shift))) * np.uint64(factor)
    return drawn ^ (drawn >> np.uint64(31)) | np.uint64(1)


def packed(vectors: Mapping[bytes, Vectors]) -> Iterator[Block]:
    """Pack vectors of one width into blocks, those of different ones into different blocks.

    Args:
        vectors: float32 of shape ``(width,)`` by key, checked.
    """
    for width, group in groupby(vectors.items(), lambda each: len(each[1])):
        most = max(1, _BLOCK_BYTES // (width * _FLOATS.itemsize + _BESIDE_A_VECTOR))
        while rows := list(islice(group, most)):
            yield _packed(rows)


def _packed(rows: Sequence[tuple[bytes, Vectors]]) -> Block:
    keys = b"".join(key for key, _ in rows)
    matrix = np.stack([vector for _, vector in rows]).astype(_FLOATS, copy=False)
    return Block(0, keys, checksums(keys, matrix).astype(_WORDS).tobytes(), matrix.tobytes())


def insert(connection: sqlite3.Connection, model: str, blocks: Iterable[Block]) -> None:
    """Store blocks, and let their keys lead to them."""
    for block in blocks:
        added = connection.execute(
            "INSERT INTO blocks (model, size, keys, checksums, vectors) VALUES (?, ?, ?, ?, ?)",
            (model, block.size, block.keys, block.checksums, block.vectors),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO places (key, block) VALUES (?, ?)",
            [(name, added.lastrowid) for name in block.names()],
        )


@define(eq=False)
class Search:
    """The search for keys in a cache file, in one transaction.

    Attributes:
        connection: The file.
        keys: What is looked for.
        hits: What was found, in the order of the keys.
        damaged: Blocks with something that is not as it was stored.
    """

    connection: sqlite3.Connection
    keys: Sequence[bytes]
    hits: list[Hits] = field(init=False, factory=list)
    damaged: set[int] = field(init=False, factory=set)
    _joined: bytes = field(init=False)
    _places: dict[bytes, int] | None = field(init=False, default=None)
    _head: Head | None = field(init=False, default=None)
    _following: int | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Go through all keys."""
        self._joined = b"".join(self.keys)
        at = 0
        while at < len(self.keys):
            at += self._step(at)

    def _step(self, at: int) -> int:
        """Take the longest run of keys that one block has one after the other, or leave one out."""
        head = self._head = self._head_of(at)
        if head is None:
            return 1
        row = head.row_of(self.keys[at])
        block = None if row is None else head.read(self.connection, row, self._last(at, head, row))
        matrix = None if block is None else block.matrix()
        if row is None or block is None or matrix is None:
            self.damaged.add(head.id)
            return 1
        self._following = head.id + 1 if row + len(matrix) == head.size else None
        whole = block.whole(matrix)
        if whole.all():
            self.hits.append(Hits(at, matrix))
            return len(matrix)
        self.damaged.add(head.id)
        if whole[0]:
            self.hits.append(Hits(at, matrix[:1]))
        return 1

    def _last(self, at: int, head: Head, row: int) -> int:
        """Return the row after the last one that has the key that is asked for next."""
        most = min(head.size - row, len(self.keys) - at)
        here = head.keys[row * KEY_BYTES : (row + most) * KEY_BYTES]
        there = self._joined[at * KEY_BYTES : (at + most) * KEY_BYTES]
        same = most if here == there else len(commonprefix([here, there])) // KEY_BYTES
        return row + same

    def _head_of(self, at: int) -> Head | None:
        """Return the block that has a key, the one at hand if possible; None where none has it."""
        key = self.keys[at]
        if self._head is not None and self._head.row_of(key) is not None:
            return self._head
        if self._places is not None:
            return _head(self.connection, self._places[key]) if key in self._places else None
        if self._following is not None:
            head = _head(self.connection, self._following)
            if head is not None and head.row_of(key) is not None:
                return head
        query = f"{_HEADS} JOIN places ON blocks.id = places.block WHERE places.key = ?"
        row = self.connection.execute(query, (key,)).fetchone()
        if row is None:
            self._places = dict(_places_of(self.connection, self.keys[at:]))
        return None if row is None else Head(*row)


_LENGTH = "CASE typeof(blocks.vectors) WHEN 'blob' THEN length(blocks.vectors) END"
_HEADS = f"SELECT blocks.id, blocks.keys, blocks.checksums, {_LENGTH} FROM blocks"  # noqa: S608 - constants


def _head(connection: sqlite3.Connection, number: int) -> Head | None:
    row = connection.execute(f"{_HEADS} WHERE id = ?", (number,)).fetchone()
    return None if row is None else Head(*row)


def _places_of(
    connection: sqlite3.Connection, keys: Sequence[bytes]
) -> Iterator[tuple[bytes, int]]:
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        yield from connection.execute(
            f"SELECT key, block FROM places WHERE key IN ({marks})",  # noqa: S608 - question marks
            some,
        )


def remove(connection: sqlite3.Connection, keys: Sequence[bytes]) -> None:
    """Take vectors out of their blocks, by their keys, where they are there."""
    by_block: dict[int, set[bytes]] = {}
    for key, number in _places_of(connection, keys):
        by_block.setdefault(number, set()).add(key)
    for number, gone in by_block.items():
        block = _block(connection, number)
        if block is not None:
            _keep(connection, block, [name not in gone for name in block.names()])


def repair(connection: sqlite3.Connection, numbers: Iterable[int]) -> int:
    """Take out of blocks what is damaged; others may have done so, or stored it anew.

    Returns:
        How many vectors are lost.
    """
    lost = 0
    for number in numbers:
        block = _block(connection, number)
        if block is not None:
            matrix = block.matrix()
            good = [] if matrix is None else block.whole(matrix).tolist()
            lost += _keep(connection, block, good)
    return lost


def _block(connection: sqlite3.Connection, number: int) -> Block | None:
    query = "SELECT id, keys, checksums, vectors FROM blocks WHERE id = ?"
    row = connection.execute(query, (number,)).fetchone()
    return None if row is None else Block(*row)


def _keep(connection: sqlite3.Connection, block: Block, wanted: Sequence[bool]) -> int:
    """Leave some vectors of a block, and forget the places of all that it has no more.

    Returns:
        How many places were forgotten.
    """
    parts = [_some(part, wanted) for part in (block.keys, block.checksums, block.vectors)]
    if any(wanted):
        connection.execute(
            "UPDATE blocks SET size = ?, keys = ?, checksums = ?, vectors = ? WHERE id = ?",
            (sum(wanted), *parts, block.id),
        )
    else:
        connection.execute("DELETE FROM blocks WHERE id = ?", (block.id,))
    left = set(Block(block.id, *parts).names())
    places = connection.execute("SELECT key FROM places WHERE block = ?", (block.id,)).fetchall()
    gone = [place for place in places if place[0] not in left]
    connection.executemany("DELETE FROM places WHERE key = ?", gone)
    return len(gone)


def _some(part: bytes, wanted: Sequence[bool]) -> bytes:
    each = len(part) // max(1, len(wanted))
    return b"".join(part[row * each : (row + 1) * each] for row, good in enumerate(wanted) if good)


def delete_model(connection: sqlite3.Connection, model: str | None) -> int:
    """Delete the vectors of one model, or all; return how many there were."""
    where, values = ("", ()) if model is None else (" WHERE model = ?", (model,))
    count = connection.execute(f"SELECT sum(size) FROM blocks{where}", values).fetchone()[0]  # noqa: S608 - see above
    if model is None:
        connection.execute("DELETE FROM places")
    else:
        connection.execute(
            "DELETE FROM places WHERE block IN (SELECT id FROM blocks WHERE model = ?)", values
        )
    connection.execute(f"DELETE FROM blocks{where}", values)  # noqa: S608 - see above
    return int(count or 0)


def delete_oldest(connection: sqlite3.Connection, excess: int) -> bool:
    """Delete the blocks that were stored first, so that so many bytes become free.

    Returns:
        False where there is none.
    """
    query = "SELECT id, size, length(vectors) FROM blocks ORDER BY id"
    last = None
    with closing(connection.execute(query)) as oldest:
        for last, size, width in oldest:  # noqa: B007 - the block where it stops is the answer
            excess -= width + size * ROW_BYTES
            if excess <= 0:
                break
    if last is None:
        return False
    going = connection.execute("SELECT keys FROM blocks WHERE id <= ?", (last,)).fetchall()
    names = [(name,) for (keys,) in going for name in Block(0, keys, b"", b"").names()]
    connection.executemany("DELETE FROM places WHERE key = ?", names)
    connection.execute("DELETE FROM blocks WHERE id <= ?", (last,))
    return True
