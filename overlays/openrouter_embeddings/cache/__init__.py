"""Vectors that were paid for, kept in one SQLite file under the key of what they depend on.

Why a vector that `put` has reported as stored outlives ``kill -9``: in WAL mode a commit appends
whole pages with checksums to the log. When `put` returns, the operating system has these pages, and
does not lose them with the process. So ``synchronous=NORMAL`` suffices; ``FULL`` would only add a
flush to the disk for every commit. A commit that was cut short has no valid end in the log, and the
next one who opens the file leaves it out. When the whole machine loses power, the last commits may
be missing (they are fetched anew), but the file stays whole.

Why no "database is locked": who writes says so first (``BEGIN IMMEDIATE``), so that no transaction
turns from reading to writing halfway, which no waiting can save; all others wait their turn.

Every vector has a checksum, for what disks and other programs do to files; `_cache_blocks` has the
format.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.cache._blocks import (
    KEY_BYTES,
    ROW_BYTES,
    Search,
    delete_model,
    delete_oldest,
    insert,
    packed,
    remove,
    repair,
)
from openrouter_embeddings.cache._file import (
    bytes_in_use,
    connect,
    free_pages,
    is_busy,
    page_bytes,
    pages,
    shrink,
    unusable,
)
from openrouter_embeddings.cache._hits import Hits
from openrouter_embeddings.cache._keys import KeyMaker
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

__all__ = ["CacheInfo", "EmbeddingCache", "Hits", "KeyMaker", "cache_key"]

T = TypeVar("T")

_LEAST_BYTES = 2**20
_PATIENCE_SECONDS = 60.0  # some locks are refused at once, whatever the timeout
_PAUSE_SECONDS = 0.02


def cache_key(
    *,
    model: str,
    item: object,
    dimensions: int | None = None,
    input_type: str | None = None,
    provider: str | None = None,
) -> bytes:
    """Return the key of one input; `KeyMaker` is the faster way to many.

    Args:
        model: The model's id.
        item: The input as the contract has it: a text, a list of token ids, or a content item.
        dimensions: The width that is asked for, or None.
        input_type: What the input is for, or None: queries and documents differ.
        provider: The provider that requests are pinned to, or None.

    Returns:
        32 bytes of BLAKE2b, equal only when everything is equal.
    """
    maker = KeyMaker(model=model, dimensions=dimensions, input_type=input_type, provider=provider)
    return maker.key(item)


@frozen
class CacheInfo:
    """What a cache holds.

    Attributes:
        path: The file.
        vectors: How many vectors are in it.
        bytes: The size of the file, in which the log beside it (16 MiB or so) ends up.
        models: How many vectors there are of each model.
    """

    path: str
    vectors: int
    bytes: int
    models: Mapping[str, int]


class EmbeddingCache:
    """Vectors on disk by the key of what they depend on; for many threads and processes at once.

    A process that forks may go on with it on both sides. The file belongs on a local disk: network
    file systems lack the locks and the shared memory that SQLite needs.

    Attributes:
        path: The file.
        max_bytes: The size that the file stays within, or None.
        corrupted: How many damaged rows were found and deleted by this object.
    """

    def __init__(self, path: str | PathLike[str], *, max_bytes: int | None = None) -> None:
        """Open a cache, or create it, readable and writable by its owner alone.

        Args:
            path: The file; its folder must exist.
            max_bytes: The size in bytes, at least 1 MiB, beyond which the vectors that were stored
                first make room for new ones; None for no bound.

        Raises:
            ConfigurationError: The file cannot be opened, or is something else.
        """
        if not isinstance(path, str | os.PathLike):
            raise arguments.bad_type("path", "the path of a file", path)
        if max_bytes is not None:
            max_bytes = arguments.whole_number("max_bytes", max_bytes, least=_LEAST_BYTES)
        self.path = str(Path(path).absolute())
        self.max_bytes = max_bytes
        self.corrupted = 0
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._run(lambda _: None)
        _OPEN.add(self)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key.

        A vector that is damaged is deleted, counted in `corrupted` and left out.

        Args:
            keys: Any number of keys.

        Returns:
            The hits alone: arrays of shape ``(width,)``, bit for bit as stored, not writable.
        """
        wanted = list(dict.fromkeys(keys))
        return {
            key: vector
            for hits in self.find(wanted)
            for key, vector in zip(wanted[hits.start : hits.stop], hits.vectors, strict=True)
        }

    def find(self, keys: Sequence[bytes]) -> list[Hits]:
        """Return the vectors that are there, in the order of the keys; the fast way to many.

        What is asked for in the order in which it was stored comes in few pieces.

        Args:
            keys: Any number of keys.

        Returns:
            Vectors of keys that stand one after the other: arrays of shape ``(n, width)``, bit for
            bit as stored, not writable.
        """
        search = self._run(lambda connection: _searched(connection, keys))
        if search.damaged:
            lost = self._run(lambda connection: _repaired(connection, search.damaged))
            with self._lock:
                self.corrupted += lost
        return search.hits

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]], *, model: str) -> None:
        """Store vectors, all or none; when this returns, they outlive the process.

        Args:
            vectors: Arrays of shape ``(width,)`` and dtype float32 by key.
            model: The model that they come from, for `info` and `clear`.

        Raises:
            ConfigurationError: A key or vector cannot be stored, a number that is not finite say,
                or the file cannot be written; nothing was stored.
        """
        model = arguments.text("model", model)
        for key, vector in vectors.items():
            _check(key, vector)
        if vectors:
            self._run(lambda connection: self._store(connection, model, vectors))

    def info(self) -> CacheInfo:
        """Count what is there."""
        return self._run(self._count)

    def clear(self, model: str | None = None) -> int:
        """Delete the vectors of one model, or all, and give the space back.

        Args:
            model: The model, or None for all.

        Returns:
            How many vectors went.
        """
        return self._run(lambda connection: _cleared(connection, model))

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        bound = "" if self.max_bytes is None else f", max_bytes={self.max_bytes}"
        closed = " (closed)" if self._closed else ""
        return f"<EmbeddingCache {self.path!r}{bound}{closed}>"

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something to the file, again when others kept it locked, and put errors into words."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with self._lock:
                    return work(self._connected())
            except sqlite3.Error as exc:
                if not is_busy(exc) or time.monotonic() > give_up:
                    raise unusable(self.path, exc) from exc
            time.sleep(_PAUSE_SECONDS)

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise ConfigurationError(f"The cache {self.path} is closed.", hint="Open it again.")
        if self._connection is None:
            self._connection = connect(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _store(
        self,
        connection: sqlite3.Connection,
        model: str,
        vectors: Mapping[bytes, NDArray[np.float32]],
    ) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # First, so that new blocks take the pages of old ones instead of moving there later.
            self._evict(connection, sum(each.nbytes + ROW_BYTES for each in vectors.values()))
            remove(connection, list(vectors))
            insert(connection, model, packed(vectors))
            self._evict(connection, 0)

    def _evict(self, connection: sqlite3.Connection, room: int) -> None:
        """Delete the oldest blocks until so many bytes more fit, and cut the file to its bound."""
        if self.max_bytes is None:
            return
        while (excess := bytes_in_use(connection) + room - self.max_bytes) > 0:
            if not delete_oldest(connection, excess):
                break
        shrink(connection, pages(connection) - self.max_bytes // page_bytes(connection))

    def _count(self, connection: sqlite3.Connection) -> CacheInfo:
        counted = connection.execute("SELECT model, sum(size) FROM blocks GROUP BY model")
        models: dict[str, int] = dict(counted.fetchall())
        size = pages(connection) * page_bytes(connection)
        return CacheInfo(self.path, sum(models.values()), size, models)


def _check(key: object, vector: object) -> None:
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise arguments.bad_type("vectors key", f"{KEY_BYTES} bytes, as from cache_key", key)
    where = f"vectors[{key.hex()[:8]}...]"
    if not isinstance(vector, np.ndarray) or vector.dtype != np.float32:
        raise arguments.bad_type(where, "an array of float32", vector)
    if vector.ndim != 1 or not vector.size:
        raise arguments.bad_value(where, "must be one vector, of shape (width,)", vector.shape)
    if not np.isfinite(vector).all():
        raise arguments.bad_value(where, "holds a number that is not finite", vector)


def _searched(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Search:
    # In one transaction, since a block that others change between two steps would seem damaged.
    with connection:
        connection.execute("BEGIN")
        return Search(connection, keys)


def _repaired(connection: sqlite3.Connection, damaged: Iterable[int]) -> int:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        return repair(connection, damaged)


def _cleared(connection: sqlite3.Connection, model: str | None) -> int:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        gone = delete_model(connection, model)
        shrink(connection, free_pages(connection))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return gone


_OPEN: weakref.WeakSet[EmbeddingCache] = weakref.WeakSet()
_FORK = threading.Lock()
_held: list[EmbeddingCache] = []


def _before_fork() -> None:
    """Close all files, since a child that inherits one believes to hold locks that it has not.

    SQLite could then remove the log under the child's writes. Both sides open the file again when
    they next need it.
    """
    _FORK.acquire()
    _held.extend(_OPEN)
    for cache in _held:
        cache._lock.acquire()  # noqa: SLF001 - this module's own
        cache._disconnect()  # noqa: SLF001


def _after_fork() -> None:
    for cache in _held:
        cache._lock.release()  # noqa: SLF001
    _held.clear()
    _FORK.release()


if sys.platform != "win32":
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
