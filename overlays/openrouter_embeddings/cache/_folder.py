"""A cache on disk: a folder of segments, found through an index in memory.

Who writes holds the lock of the folder; who reads needs none. Each call first takes in what others
have added: one look at the folder's time, and one at the length of each file that may grow. A
segment is full when a newer one of its model and width is there.

Nothing is flushed to the disk: what `put` has reported is the operating system's, which does not
lose it with the process. After a loss of power the checksums tell what is not there.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from openrouter_embeddings.cache._hits import Hits
from openrouter_embeddings.cache._index import Index, words_of
from openrouter_embeddings.cache._lock import locked
from openrouter_embeddings.cache._marker import MARKER, prepare
from openrouter_embeddings.cache._segments import (
    HEAD_BYTES,
    NAME,
    RECORD,
    SLOT_BITS,
    Segment,
    checksums,
    header,
    read_header,
    read_vectors,
    remove,
    write_at,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.cache._segments import Words

_SEGMENT_BYTES = 256 * 2**20  # what is deleted at once, and how many files there are
_SEGMENTS = 8  # the least of a bounded cache: one of eight makes room for new vectors
# A change may leave the folder's time as it was when the clock that it is taken from has not moved
# on: 4 ms on Linux, 2 s on FAT. Until the time is older, the folder is listed anew.
_CLOCK_TICK_NS = 3 * 10**9


@define(eq=False)
class Folder:
    """The folder, its segments and the index; one call at a time.

    Attributes:
        path: Where it is.
        max_bytes: The size that it stays within, or None.
        writable: Whether vectors can be stored.
        corrupted: How many damaged vectors were found.
    """

    path: str
    max_bytes: int | None
    writable: bool = field(init=False)
    corrupted: int = field(init=False, default=0)
    _segments: list[Segment] = field(init=False, factory=list)
    _names: dict[str, int] = field(init=False, factory=dict)  # numbers of those that are there
    _newest: dict[tuple[str | None, int], int] = field(init=False, factory=dict)
    _growing: set[int] = field(init=False, factory=set)  # those that are not known to be full
    _listed_at: int | None = field(init=False, default=None)
    _index: Index = field(init=False, factory=Index)

    def __attrs_post_init__(self) -> None:
        """Open the folder, and read all keys."""
        self.writable = prepare(self.path)
        self._refresh()

    @property
    def _marker(self) -> str:
        return f"{self.path}/{MARKER}"

    def find(self, keys: Sequence[bytes]) -> list[Hits]:
        """Return the vectors that are there, in the order of the keys."""
        words = words_of(keys)
        self._refresh()
        if not len(keys) or not self._index.size:
            return []
        rows = self._index.rows(keys, words)
        asked = np.flatnonzero(rows >= 0)
        rows = rows[asked]
        places, sums = self._index.places[rows], self._index.sums[rows]
        widths = {width for _, width in self._newest}
        if len(widths) == 1:
            return self._read(widths.pop(), asked, places, sums, words)
        of_segments = np.array([segment.width for segment in self._segments])
        hits: list[Hits] = []
        for width in widths:
            some = of_segments[places >> SLOT_BITS] == width
            hits += self._read(width, asked[some], places[some], sums[some], words)
        return sorted(hits, key=lambda each: each.start)

    def _read(
        self,
        width: int,
        asked: NDArray[np.intp],
        places: NDArray[np.int64],
        sums: NDArray[np.uint32],
        words: Words,
    ) -> list[Hits]:
        """Read vectors of one width, and leave out those that are damaged."""
        if not len(asked):
            return []
        pieces = read_vectors(self._segments, places, width)
        matrix = np.frombuffer(b"".join(pieces), "<f4").reshape(-1, width)
        known = words if len(words) == len(asked) else words[asked]
        found = checksums(known, pieces if len(pieces) == len(asked) else matrix)
        if found != sums.tolist():
            good = found == sums
            self._lose(places[~good & known.any(axis=1)])  # no void record is damaged
            asked, matrix = asked[good], matrix[good]
        return _stretches(asked, matrix)

    def _lose(self, places: NDArray[np.int64]) -> None:
        """Make damaged vectors void, unless their segment was deleted by others meanwhile."""
        self._listed_at = None
        self._refresh()
        lost = [(self._segments[at >> SLOT_BITS], at % 2**SLOT_BITS) for at in places.tolist()]
        lost = [(segment, slot) for segment, slot in lost if segment.alive]
        self.corrupted += len(lost)
        self._index.forget(places)
        if self.writable and lost:
            with locked(self._marker):
                for segment, slot in lost:
                    with suppress(FileNotFoundError):
                        segment.void(slot)

    def put(self, keys: Sequence[bytes], matrix: Vectors, model: str) -> None:
        """Store vectors of one width."""
        words = words_of(keys)
        sums = checksums(words, matrix)
        head = header(model, matrix.shape[1])
        most = min(_SEGMENT_BYTES, (self.max_bytes or 2**62) // _SEGMENTS)
        step = max(1, most // (matrix[0].nbytes + RECORD.itemsize))
        with locked(self._marker):
            for start in range(0, len(keys), step):
                some = slice(start, start + step)
                self._refresh()
                newest = self._newest.get((model, matrix.shape[1]))
                if newest is None or self._segments[newest].count + len(words[some]) > step:
                    newest = None
                self._evict(len(words[some]) * (matrix[0].nbytes + RECORD.itemsize), newest)
                segment = self._segments[self._create(head) if newest is None else newest]
                segment.append(words[some], matrix[some], sums[some])

    def _create(self, head: bytes) -> int:
        """Begin a segment, and return its number."""
        self._remove_remains()
        last = max((int(name[:16], 16) for name in self._names), default=0)
        name = f"{max(time.time_ns(), last + 1):016x}{secrets.token_hex(4)}"
        stem = f"{self.path}/{name}"
        for ending, content in ((".f32", b""), (".new", head)):
            write_at(stem + ending, content, 0, os.O_CREAT | os.O_EXCL)
        os.rename(f"{stem}.new", f"{stem}.keys")
        self._listed_at = None
        self._refresh()
        return self._names[name]

    def _remove_remains(self) -> None:
        """Delete what processes have left that were killed between two steps."""
        for name in os.listdir(self.path):
            stem, ending = os.path.splitext(name)
            if ending in {".f32", ".new"} and NAME.fullmatch(stem) and stem not in self._names:
                remove(f"{self.path}/{name}")

    def _evict(self, room: int, spared: int | None) -> None:
        """Delete the oldest segments until so many bytes more fit."""
        if self.max_bytes is None:
            return
        excess, going = room + HEAD_BYTES + self._bytes() - self.max_bytes, []
        for number in self._by_age():
            if excess > 0 and number != spared:
                excess -= self._segments[number].size()
                going.append(number)
        self._delete(going)

    def _by_age(self) -> list[int]:
        return [self._names[name] for name in sorted(self._names)]

    def _bytes(self) -> int:
        sizes = (self._segments[number].size() for number in self._names.values())
        return sum(sizes) + os.stat(self._marker).st_size

    def _delete(self, numbers: Collection[int]) -> None:
        for number in numbers:
            self._segments[number].delete()
        self._drop(numbers)

    def info(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of all files, and how many vectors there are of each model."""
        self._refresh()
        models: dict[str, int] = {}
        for segment, count in zip(self._segments, self._counts(), strict=True):
            if segment.model is not None and count:
                models[segment.model] = models.get(segment.model, 0) + count
        return self._bytes(), models

    def _counts(self) -> list[int]:
        return self._index.counts(len(self._segments))

    def clear(self, model: str | None) -> int:
        """Delete the segments of a model, or all; return how many vectors went."""
        with locked(self._marker):
            self._refresh()
            counts, numbers = self._counts(), list(self._names.values())
            if model is not None:
                numbers = [number for number in numbers if self._segments[number].model == model]
            self._delete(numbers)
            self._remove_remains()
        return sum(counts[number] for number in numbers)

    def close(self) -> None:
        """Forget the index; no file is open between calls."""
        self._index = Index()

    def _refresh(self) -> None:
        """Take in what was added, and what is gone."""
        changed_at = os.stat(self.path).st_mtime_ns
        listed = changed_at != self._listed_at
        if listed:
            self._list()
            settled = time.time_ns() - changed_at > _CLOCK_TICK_NS
            self._listed_at = changed_at if settled else None
        gone = [number for number in self._growing if not self._read_records(number)]
        self._index.settle()
        if listed:
            self._growing = set(self._newest.values())
        self._drop(gone)

    def _read_records(self, number: int) -> bool:
        """Read the new records of a segment; return False where it is gone."""
        segment = self._segments[number]
        start = segment.count
        try:
            records = segment.new_records()
        except FileNotFoundError:
            return False
        if len(records):
            slots = np.arange(start, segment.count, dtype=np.int64)
            self._index.add(records["words"], slots | (number << SLOT_BITS), records["sum"])
        return True

    def _list(self) -> None:
        """Compare the folder with what is known of it.

        Segments that are new here are read to their end once, and those that were the newest so far
        once more: others may have added to them before they began a newer one.
        """
        stems = {name[:-5] for name in os.listdir(self.path) if name.endswith(".keys")}
        self._drop([number for name, number in self._names.items() if name not in stems])
        for name in sorted(filter(NAME.fullmatch, stems - self._names.keys())):
            with suppress(FileNotFoundError):
                told = read_header(f"{self.path}/{name}.keys") or (None, 0)
                self._names[name] = len(self._segments)
                self._growing.add(len(self._segments))
                self._segments.append(Segment(f"{self.path}/{name}", *told))
        segments = ((self._segments[number], number) for number in self._by_age())
        self._newest = {(each.model, each.width): number for each, number in segments}

    def _drop(self, numbers: Collection[int]) -> None:
        """Forget segments that are gone."""
        if not numbers:
            return
        for number in numbers:
            self._segments[number].alive = False
        self._names = {name: n for name, n in self._names.items() if self._segments[n].alive}
        self._newest = {kind: n for kind, n in self._newest.items() if self._segments[n].alive}
        self._growing = {number for number in self._growing if self._segments[number].alive}
        self._index.keep(np.array([segment.alive for segment in self._segments]))


def _stretches(asked: NDArray[np.intp], matrix: Vectors) -> list[Hits]:
    """Divide vectors where the positions of their keys are not one after the other."""
    matrix.flags.writeable = False
    cuts = [0, *(np.flatnonzero(np.diff(asked) != 1) + 1).tolist(), len(asked)]
    return [Hits(int(asked[at]), matrix[at:end]) for at, end in pairwise(cuts) if end > at]
