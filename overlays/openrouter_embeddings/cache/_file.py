"""The SQLite file of a cache: opened or created, recognised, measured, cut to size; its errors."""

from __future__ import annotations

import os
import sqlite3

from openrouter_embeddings.cache._blocks import PAGE_BYTES, SCHEMA
from openrouter_embeddings.errors import ConfigurationError

_APPLICATION_ID = 0x4F52_4543  # "OREC" in the header of the file, which `file` shows as well
_FORMAT = 2
_LOG_BYTES = 16 * 2**20
_SETTINGS = (
    "synchronous = NORMAL",
    f"wal_autocheckpoint = {_LOG_BYTES // PAGE_BYTES}",
    f"journal_size_limit = {_LOG_BYTES}",
    "cache_size = -8192",
)
_BUSY_SECONDS = 30.0
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """Measure what is in the file, without the pages that are free."""
    return (pages(connection) - free_pages(connection)) * page_bytes(connection)


def page_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of the file's pages, which other versions may have made."""
    return _pragma(connection, "page_size")


def pages(connection: sqlite3.Connection) -> int:
    """Count the pages of the file."""
    return _pragma(connection, "page_count")


def free_pages(connection: sqlite3.Connection) -> int:
    """Count the pages of the file that nothing is in."""
    return _pragma(connection, "freelist_count")


def shrink(connection: sqlite3.Connection, count: int) -> None:
    """Give free pages back to the file system, so many at the most."""
    # One call a page: the pragma yields no rows, so `sqlite3` takes only its first step.
    for _ in range(count):
        connection.execute("PRAGMA incremental_vacuum(1)")


def connect(path: str) -> sqlite3.Connection:
    """Open a cache file, or create it.

    Raises:
        ConfigurationError: It cannot be created, or is something else.
    """
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


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


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
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        _create_schema(connection, path)
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}").fetchall()


def _create_schema(connection: sqlite3.Connection, path: str) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if not _is_ours(connection, path):  # another process may have been faster
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _is_ours(connection: sqlite3.Connection, path: str) -> bool:
    """Tell a cache from an empty file; anything else is refused before it is touched."""
    application = _pragma(connection, "application_id")
    if application == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return False
    version = _pragma(connection, "user_version")
    if application == _APPLICATION_ID and version == _FORMAT:
        return True
    what = "a database of something else"
    if application == _APPLICATION_ID:
        what = f"a cache of format {version}, where {_FORMAT} is needed"
    raise ConfigurationError(f"{path} is {what}.", argument="path", hint=_MOVE_AWAY)


_MOVE_AWAY = "Give another path, or move the file away: a new one is made in its place."


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether others hold a lock, so that the same may succeed later."""
    return _code(error) in _BUSY_CODES


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more about the same


def unusable(path: str, error: sqlite3.Error) -> ConfigurationError:
    """Put an error of SQLite's into words."""
    problems = {
        sqlite3.SQLITE_NOTADB: (f"{path} is no SQLite database.", _MOVE_AWAY),
        sqlite3.SQLITE_CORRUPT: (f"The cache {path} is damaged ({error}).", _MOVE_AWAY),
    }
    other = f"The cache {path} cannot be used: {error}.", None
    message, hint = problems.get(_code(error), other)
    return ConfigurationError(message, argument="path", hint=hint)
