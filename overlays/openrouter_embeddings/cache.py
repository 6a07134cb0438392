"""Vectors that were paid for, kept in one SQLite file under the key of what they depend on.

Why a vector that `put` has reported as stored outlives ``kill -9``: in WAL mode a commit appends
whole pages with checksums to the log. When `put` returns, the operating system has these pages, and
does not lose them with the process. So ``synchronous=NORMAL`` suffices; ``FULL`` would only add a
flush to the disk for every commit. A commit that was cut short has no valid end in the log, and the
next one who opens the file leaves it out. When the whole machine loses power, the last commits may
be missing (they are fetched anew), but the file stays whole.

Why no "database is locked": who writes says so first (``BEGIN IMMEDIATE``), so that no transaction
turns from reading to writing halfway, which no waiting can save; all others wait their turn.

Every row has a checksum over its key and its vector, for what disks and other programs do to files.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import numpy as np
from attrs import frozen

from openrouter_embeddings import _checks
from openrouter_embeddings._keys import KeyMaker
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    Row = tuple[bytes, str, int, NDArray[np.float32]]
    Damaged = list[tuple[int, object]]

__all__ = ["CacheInfo", "EmbeddingCache", "KeyMaker", "cache_key"]

T = TypeVar("T")

_APPLICATION_ID = 0x4F52_4543  # "OREC" in the header of the file, which `file` shows as well
_SCHEMA_VERSION = 1
_SCHEMA = (
    """CREATE TABLE vectors (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        model TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        vector BLOB NOT NULL
    )""",
    "CREATE INDEX vectors_by_model ON vectors (model)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)

# Large pages hold whole vectors of every usual width, five of 1536 floats say; a vector that spills
# over is read through a chain of pages.
_PAGE_BYTES = 32_768
_LOG_BYTES = 16 * 2**20
_SETTINGS = (
    "synchronous = NORMAL",
    f"wal_autocheckpoint = {_LOG_BYTES // _PAGE_BYTES}",
    f"journal_size_limit = {_LOG_BYTES}",
    "cache_size = -32768",
)

_KEY_BYTES = 32
_ROW_BYTES = 160  # a row besides its vector: key twice, model twice, numbers, a share of the pages
_LEAST_BYTES = 2**20
_KEYS_PER_READ = 500  # below the 999 parameters of old builds of SQLite; more gains nothing
_BUSY_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0  # some locks are refused at once, whatever the timeout
_PAUSE_SECONDS = 0.02
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FLOATS = np.dtype("<f4")


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
            raise _checks.bad_type("path", "the path of a file", path)
        if max_bytes is not None:
            max_bytes = _checks.whole_number("max_bytes", max_bytes, least=_LEAST_BYTES)
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

        A row that is damaged is deleted, counted in `corrupted` and left out.

        Args:
            keys: Any number of keys.

        Returns:
            The hits alone: arrays of shape ``(width,)``, bit for bit as stored, not writable.
        """
        wanted = list(dict.fromkeys(keys))
        found, damaged = self._run(lambda connection: _read(connection, wanted))
        if damaged:
            deleted = self._run(lambda connection: _delete_damaged(connection, damaged))
            with self._lock:
                self.corrupted += deleted
        return found

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]], *, model: str) -> None:
        """Store vectors, all or none; when this returns, they outlive the process.

        Args:
            vectors: Arrays of shape ``(width,)`` and dtype float32 by key.
            model: The model that they come from, for `info` and `clear`.

        Raises:
            ConfigurationError: A key or vector cannot be stored, a number that is not finite say,
                or the file cannot be written; nothing was stored.
        """
        model = _checks.text("model", model)
        rows = [_row(key, model, vector) for key, vector in vectors.items()]
        if rows:
            self._run(lambda connection: self._store(connection, rows))

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
        return self._run(lambda connection: _clear(connection, model))

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
                if _code(exc) not in _BUSY_CODES or time.monotonic() > give_up:
                    raise _unusable(self.path, exc) from exc
            time.sleep(_PAUSE_SECONDS)

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise ConfigurationError(f"The cache {self.path} is closed.", hint="Open it again.")
        if self._connection is None:
            self._connection = _connect(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _store(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # First, so that new rows take the pages of the old ones instead of moving there later.
            self._evict(connection, sum(row[3].nbytes + _ROW_BYTES for row in rows))
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (key, model, checksum, vector) VALUES (?, ?, ?, ?)",
                rows,
            )
            self._evict(connection, 0)

    def _evict(self, connection: sqlite3.Connection, room: int) -> None:
        """Delete the oldest vectors until so many bytes more fit, and cut the file to its bound."""
        if self.max_bytes is None:
            return
        while (excess := _bytes_in_use(connection) + room - self.max_bytes) > 0:
            query = "SELECT id, length(vector) FROM vectors ORDER BY id"
            with closing(connection.execute(query)) as oldest:
                last = _last_to_go(oldest, excess)
            if last is None:
                break
            connection.execute("DELETE FROM vectors WHERE id <= ?", (last,))
        size = _pragma(connection, "page_size")
        _shrink(connection, _pragma(connection, "page_count") - self.max_bytes // size)

    def _count(self, connection: sqlite3.Connection) -> CacheInfo:
        counted = connection.execute("SELECT model, count(*) FROM vectors GROUP BY model")
        models: dict[str, int] = dict(counted.fetchall())
        size = _pragma(connection, "page_count") * _pragma(connection, "page_size")
        return CacheInfo(self.path, sum(models.values()), size, models)


def _row(key: bytes, model: str, vector: NDArray[np.float32]) -> Row:
    if not isinstance(key, bytes) or len(key) != _KEY_BYTES:
        raise _checks.bad_type("vectors key", f"{_KEY_BYTES} bytes, as from cache_key", key)
    where = f"vectors[{key.hex()[:8]}...]"
    if not isinstance(vector, np.ndarray) or vector.dtype != np.float32:
        raise _checks.bad_type(where, "an array of float32", vector)
    if vector.ndim != 1 or not vector.size:
        raise _checks.bad_value(where, "must be one vector, of shape (width,)", vector.shape)
    if not np.isfinite(vector).all():
        raise _checks.bad_value(where, "holds a number that is not finite", vector)
    stored = np.ascontiguousarray(vector, dtype=_FLOATS)
    return key, model, crc32(stored.data, crc32(key)), stored


def _read(
    connection: sqlite3.Connection, keys: Sequence[bytes]
) -> tuple[dict[bytes, NDArray[np.float32]], Damaged]:
    found: dict[bytes, NDArray[np.float32]] = {}
    damaged: Damaged = []
    for start in range(0, len(keys), _KEYS_PER_READ):
        for row, key, checksum, vector in _rows(connection, keys[start : start + _KEYS_PER_READ]):
            if _is_whole(vector) and crc32(vector, crc32(key)) == checksum:
                found[key] = np.frombuffer(vector, _FLOATS).astype(np.float32, copy=False)
            else:
                damaged.append((row, checksum))
    return found, damaged


def _rows(
    connection: sqlite3.Connection, keys: Sequence[bytes]
) -> Iterator[tuple[int, bytes, object, bytes]]:
    marks = ", ".join("?" * len(keys))
    query = f"SELECT id, key, checksum, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608
    return connection.execute(query, keys)


def _is_whole(vector: object) -> bool:
    return type(vector) is bytes and len(vector) > 0 and len(vector) % _FLOATS.itemsize == 0


def _delete_damaged(connection: sqlite3.Connection, damaged: Damaged) -> int:
    """Delete rows that are still as they were read: others may have put a whole one there."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        query = "DELETE FROM vectors WHERE id = ? AND checksum IS ?"
        return connection.executemany(query, damaged).rowcount


def _clear(connection: sqlite3.Connection, model: str | None) -> int:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if model is None:
            gone = connection.execute("DELETE FROM vectors").rowcount
        else:
            gone = connection.execute("DELETE FROM vectors WHERE model = ?", (model,)).rowcount
        _shrink(connection, _pragma(connection, "freelist_count"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return gone


def _last_to_go(oldest: Iterable[tuple[int, int]], excess: int) -> int | None:
    """Return the last row to delete so that so many bytes become free, or None if none is left."""
    last = None
    for last, width in oldest:  # noqa: B007 - the row where it stopped is the answer
        excess -= width + _ROW_BYTES
        if excess <= 0:
            break
    return last


def _bytes_in_use(connection: sqlite3.Connection) -> int:
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _shrink(connection: sqlite3.Connection, pages: int) -> None:
    # One call a page: the pragma yields no rows, so `sqlite3` takes only its first step.
    for _ in range(pages):
        connection.execute("PRAGMA incremental_vacuum(1)")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _connect(path: str) -> sqlite3.Connection:
    _create_private(path)
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_private(path: str) -> None:
    """Create the file for its owner alone; SQLite gives the log and its index the same mode.

    A file that is there is not opened here: closing it would give up the locks that this process
    has on it through other connections (POSIX, fcntl).
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as exc:
        message = f"The cache {path} cannot be created: {exc.strerror}."
        hint = "Give a path in a folder that exists and can be written."
        raise ConfigurationError(message, argument="path", hint=hint) from exc


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    if not _is_ours(connection, path):
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        _create_schema(connection, path)
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}").fetchall()


def _create_schema(connection: sqlite3.Connection, path: str) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if not _is_ours(connection, path):  # another process may have been faster
            for statement in _SCHEMA:
                connection.execute(statement)


def _is_ours(connection: sqlite3.Connection, path: str) -> bool:
    """Tell a cache from an empty file; anything else is refused before it is touched."""
    application = _pragma(connection, "application_id")
    if application == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return False
    version = _pragma(connection, "user_version")
    if application == _APPLICATION_ID and version == _SCHEMA_VERSION:
        return True
    what = "a database of something else"
    if application == _APPLICATION_ID:
        what = f"a cache of format {version}, where {_SCHEMA_VERSION} is needed"
    raise ConfigurationError(f"{path} is {what}.", argument="path", hint=_MOVE_AWAY)


_MOVE_AWAY = "Give another path, or move the file away: a new one is made in its place."


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more about the same


def _unusable(path: str, error: sqlite3.Error) -> ConfigurationError:
    problems = {
        sqlite3.SQLITE_NOTADB: (f"{path} is no SQLite database.", _MOVE_AWAY),
        sqlite3.SQLITE_CORRUPT: (f"The cache {path} is damaged ({error}).", _MOVE_AWAY),
    }
    other = f"The cache {path} cannot be used: {error}.", None
    message, hint = problems.get(_code(error), other)
    return ConfigurationError(message, argument="path", hint=hint)


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
