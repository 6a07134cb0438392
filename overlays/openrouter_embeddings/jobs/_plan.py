"""Which texts of a job are equal, which are done, and where each vector stands. Pure.

The theory. A job keeps the vector of each different text in a place of its own: in the order of
their first rows, where nothing was there before. What tells texts apart is a digest of 16 bytes;
with 8 bytes for its place that is all that is held for a row. A job that goes on finds its texts
among those that are kept, wherever they stand now: rows may have come, gone or moved. Places that
are taken stay what they are, and new texts get those that are free.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

try:
    # The same numbers as zlib's, several times faster.
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Places = NDArray[np.signedinteger[Any]]

checksum: Callable[..., int] = crc32

DIGEST_BYTES = 16  # among 2**40 texts two digests are equal once in 2**49
NOWHERE = -1
_HASHER = blake2b(digest_size=DIGEST_BYTES)


class State(IntEnum):
    """What is known of a text."""

    WANTED = 0
    DONE = 1
    FAILED = 2


def _digest(text: str) -> bytes:
    # To copy one that was set up takes half of the time that setting one up takes.
    hasher = _HASHER.copy()
    hasher.update(text.encode())
    return hasher.digest()


def digests_of(texts: Iterable[str | None]) -> Words:
    """Return the digests of texts as two numbers each, shape ``(n, 2)``; zeros where none is."""
    void = bytes(DIGEST_BYTES)
    found = [_digest(text) if text else void for text in texts]
    return np.frombuffer(b"".join(found), "<u8").reshape(-1, 2)


@frozen(eq=False)
class Texts:
    """The different texts of an input.

    Attributes:
        of_rows: Which of them each row has, shape ``(rows,)``; -1 where it has none.
        first_rows: The first row of each, ascending, shape ``(texts,)``.
    """

    of_rows: Places
    first_rows: Places

    def __len__(self) -> int:
        """Count the different texts."""
        return len(self.first_rows)


def compact(places: Places, most: int) -> Places:
    """Hold places in 32 bits where all of them, up to `most`, fit: there are five for each row."""
    return places.astype(np.int32 if most < _MOST_INT32 else np.int64, copy=False)


_MOST_INT32 = 2**31 - 1


def find_texts(digests: Words, has_text: NDArray[np.bool_]) -> Texts:
    """Find the different texts by their digests."""
    count = len(digests)
    rows = compact(np.flatnonzero(has_text), count)
    of_rows = compact(np.full(count, NOWHERE, np.int32), count)
    if len(rows):
        of_rows[rows], rows = _told_apart(digests if len(rows) == count else digests[rows], rows)
    return Texts(of_rows, rows)


def _told_apart(digests: Words, rows: Places) -> tuple[Places, Places]:
    """Return which text each row has, and the first row of each text."""
    order, begins = _groups(digests)
    if begins.all():
        # Nothing is repeated: by far the largest jobs are like that.
        return np.arange(len(rows), dtype=rows.dtype), rows
    firsts = rows[order[begins]]
    by_first = np.argsort(firsts, kind="stable")
    rank = np.empty(len(firsts), rows.dtype)
    rank[by_first] = np.arange(len(firsts))
    texts = np.empty(len(rows), rows.dtype)
    texts[order] = rank[np.cumsum(begins) - 1]
    return texts, firsts[by_first]


def _groups(digests: Words) -> tuple[Places, NDArray[np.bool_]]:
    """Sort digests, the first of equal ones first, and say where each group begins."""
    order: Places = np.argsort(digests[:, 0], kind="stable")
    first, second = (differ_from_last(digests[order, at]) for at in (0, 1))
    if (second & ~first)[1:].any():
        # Two that begin alike: among a million texts once in 2**25. By both halves it takes longer.
        order = np.lexsort((digests[:, 1], digests[:, 0]))
        first, second = (differ_from_last(digests[order, at]) for at in (0, 1))
    return order, first | second


def between(values: Places, start: int, stop: int) -> tuple[int, int]:
    """Return where those of ascending values begin and end that are from `start` up to `stop`."""
    # Bounds of another type would make a copy of all values.
    first, last = np.searchsorted(values, np.array((start, stop), values.dtype)).tolist()
    return first, last


def differ_from_last(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each value whether it is another than the one before; the first one is."""
    found = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def find_places(wanted: Words, kept: Words) -> Places:
    """Find where texts stand among those that are kept; -1 where they do not.

    Args:
        wanted: Digests, all different.
        kept: The digests that are kept, by place; zeros where a place is free.
    """
    common = min(len(wanted), len(kept))
    if (wanted[:common] == kept[:common]).all() and not kept[common:].any():
        # The usual case: nothing has moved.
        found = np.full(len(wanted), NOWHERE, np.int64)
        found[:common] = np.arange(common)
        return found
    order, begins = _groups(np.concatenate([kept, wanted]))
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(begins) - 1
    first = order[begins]
    found = first[group[len(kept) :]]
    found[found >= len(kept)] = NOWHERE
    return found


def fill_places(found: Places, kept: Words) -> Places:
    """Give the texts that stand nowhere the first places that are free.

    Args:
        found: Where each text stands, -1 where it does not.
        kept: The digests that are kept, by place; zeros where a place is free.
    """
    new = np.flatnonzero(found == NOWHERE)
    free = np.flatnonzero(~kept.any(axis=1))[: len(new)]
    places = found.copy()
    places[new[: len(free)]] = free
    places[new[len(free) :]] = len(kept) + np.arange(len(new) - len(free))
    return places


@frozen(eq=False)
class Finder:
    """Finds texts by their digests; of two that begin alike it may miss one, and takes none for it.

    Attributes:
        digests: The digests of the texts, shape ``(texts, 2)``.
    """

    digests: Words
    _order: Places

    @classmethod
    def of(cls, digests: Words) -> Finder:
        """Prepare to find any of these."""
        return cls(digests, np.argsort(digests[:, 0], kind="stable"))

    def find(self, digests: Words) -> Places:
        """Return which text each digest is of; -1 where it is of none."""
        if not len(self.digests):
            return np.full(len(digests), NOWHERE, np.int64)
        firsts = self.digests[:, 0]
        near = np.searchsorted(firsts, digests[:, 0], sorter=self._order)
        found = self._order[np.minimum(near, len(firsts) - 1)]
        same = (self.digests[found] == digests).all(axis=1)
        places: Places = np.where(same, found, NOWHERE)
        return places
