"""Where each key's vector is, in memory: rows in the order of storing, found by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from openrouter_embeddings.cache._segments import SLOT_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings.cache._segments import Words

    Rows = NDArray[np.intp]

_ROW = np.dtype([("words", "<u8", 2), ("place", np.int64), ("sum", np.uint32)])
_NO_KEY = bytes(16)  # of a record that is void
# A dict takes a new key 20 times as fast as the arrays, and 5 times the memory: 200 bytes. So it
# has the newest keys alone, more of them where merging is dearer.
_TAIL = 20_000
_TAIL_SHARE = 8


def words_of(keys: Sequence[bytes]) -> Words:
    """See keys as pairs of 64-bit words: shape ``(n, 2)``."""
    return np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)


@define(eq=False)
class Index:
    """Rows of key, place and checksum; the newest row of a key counts, older ones become void."""

    size: int = field(init=False, default=0)
    _table: NDArray[np.void] = field(init=False, factory=lambda: np.empty(0, _ROW))  # and room
    _ranked: Words = field(init=False, factory=lambda: np.empty(0, "<u8"))  # keys' first words
    _order: NDArray[np.uint32] = field(init=False, factory=lambda: np.empty(0, np.uint32))
    _tail: dict[bytes, int] = field(init=False, factory=dict)  # rows that are not in `_ranked`
    _settled: int = field(init=False, default=0)

    @property
    def words(self) -> Words:
        """The keys as pairs of words; zeros where a row is void."""
        return self._table["words"][: self.size]

    @property
    def places(self) -> NDArray[np.int64]:
        """Where the vectors are."""
        return self._table["place"][: self.size]

    @property
    def sums(self) -> NDArray[np.uint32]:
        """The checksums of the vectors."""
        return self._table["sum"][: self.size]

    def add(self, words: Words, places: NDArray[np.int64], sums: NDArray[np.uint32]) -> None:
        """Append rows; they are found after `settle`."""
        start, self.size = self.size, self.size + len(words)
        if self.size > len(self._table):
            more = np.empty(self.size // _TAIL_SHARE + len(words) + 1_000, _ROW)
            self._table = np.concatenate((self._table[:start], more))
        self.words[start:], self.places[start:], self.sums[start:] = words, places, sums

    def settle(self) -> None:
        """Let the rows be found that were added."""
        start, self._settled = self._settled, self.size
        if start == self.size:
            return
        known = len(self._tail) + self.size - start
        if known <= max(_TAIL, len(self._ranked) // _TAIL_SHARE):
            self._note(start)
        if len(self._tail) < known:  # too many, a key twice, or a void row
            self._merge()

    def _note(self, start: int) -> None:
        """Take new rows into the dict."""
        words = self.words[start:]
        raw = words.tobytes()
        keys = [raw[at : at + 16] for at in range(0, len(raw), 16)]
        older = self._search(keys, words)
        self._tail.update(zip(keys, range(start, self.size), strict=True))
        self._tail.pop(_NO_KEY, None)
        self.words[older[older >= 0]] = 0

    def _merge(self) -> None:
        start = len(self._ranked)
        if start == self.size:
            return
        first = np.ascontiguousarray(self.words[start:, 0])
        new = np.argsort(first, kind="stable")
        ranked, order = first[new], (new + start).astype(np.uint32)
        if start:
            at = np.searchsorted(self._ranked, ranked, "right")
            ranked = np.insert(self._ranked, at, ranked)
            order = np.insert(self._order, at, order)
        self._ranked, self._order, self._tail = ranked, order, {}
        self.words[order[:-1][ranked[1:] == ranked[:-1]]] = 0  # a newer one follows

    def rows(self, keys: Sequence[bytes], words: Words) -> Rows:
        """Return the row of each key, -1 where there is none."""
        first = int(self._search(keys[:1], words[:1])[0])
        if first >= 0 and np.array_equal(self.words[first : first + len(keys)], words):
            return np.arange(first, first + len(keys))  # asked for as it was stored
        return self._search(keys, words)

    def _search(self, keys: Sequence[bytes], words: Words) -> Rows:
        rows = np.full(len(keys), -1, np.intp)
        if len(self._ranked):
            at = np.searchsorted(self._ranked, np.ascontiguousarray(words[:, 0]), "right")
            found = self._order[at - 1].astype(np.intp)  # the last one of all, where it is below
            rows = np.where((self.words[found] == words).all(1), found, rows)
        if self._tail:
            newer = np.array([self._tail.get(key, -1) for key in keys], np.intp)
            rows = np.where(newer >= 0, newer, rows)
        return rows

    def keep(self, alive: NDArray[np.bool_]) -> None:
        """Forget the rows of segments that are gone; `alive` is by the number of the segment."""
        self._merge()
        keep = alive[self.places >> SLOT_BITS]
        number = np.cumsum(keep, dtype=np.uint32) - 1
        stay = keep[self._order]
        self._ranked, self._order = self._ranked[stay], number[self._order[stay]]
        self._table = self._table[: self.size][keep]
        self.size = self._settled = len(self._table)

    def forget(self, places: NDArray[np.int64]) -> None:
        """Make the rows of some places void."""
        self._merge()
        self.words[np.isin(self.places, places)] = 0

    def counts(self, segments: int) -> list[int]:
        """Count the keys by the number of the segment that has their vectors."""
        numbers = self.places[self.words.any(axis=1)] >> SLOT_BITS
        counted: list[int] = np.bincount(numbers, minlength=segments).tolist()
        return counted
