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
from typing import TYPE_CHECKING

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
    Places = NDArray[np.int64]

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


def find_texts(digests: Words, has_text: NDArray[np.bool_]) -> Texts:
    """Find the different texts by their digests."""
    rows = np.flatnonzero(has_text)
    of_rows = np.full(len(digests), NOWHERE, np.int64)
    if not len(rows):
        return Texts(of_rows, rows)
    order, begins = _groups(digests[rows])
    firsts = rows[order[begins]]
    by_first = np.argsort(firsts, kind="stable")
    rank = np.empty(len(firsts), np.int64)
    rank[by_first] = np.arange(len(firsts))
    of_rows[rows[order]] = rank[np.cumsum(begins) - 1]
    return Texts(of_rows, firsts[by_first])


def _groups(digests: Words) -> tuple[Places, NDArray[np.bool_]]:
    """Sort digests, the first of equal ones first, and say where each group begins."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    inside = digests[order]
    begins = np.empty(len(order), bool)
    begins[0] = True
    np.any(inside[1:] != inside[:-1], axis=1, out=begins[1:])
    return order, begins


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
