"""The file in a cache's folder that says what it is: made first, recognised, mended, locked."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from openrouter_embeddings.cache._lock import locked
from openrouter_embeddings.cache._segments import NAME, read_header, write_at
from openrouter_embeddings.errors import ConfigurationError

MARKER = "cache.json"
CONTENT = b'{"what": "openrouter-embeddings cache", "format": 3}\n'
_ANY_FORMAT = CONTENT.partition(b"3")[0]
_SQLITE = b"SQLite format 3\0"
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def is_forbidden(error: OSError) -> bool:
    """Say whether it is writing that is not allowed."""
    return error.errno in _FORBIDDEN


def prepare(path: str) -> bool:
    """Make a folder a cache, or recognise it as one.

    Returns:
        Whether it can be written.

    Raises:
        ConfigurationError: It is something else.
        OSError: It cannot be read, or not be made.
    """
    if not os.path.exists(path):
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(path, 0o700)
    if not stat.S_ISDIR(mode := os.stat(path).st_mode):
        start = _read(path) if stat.S_ISREG(mode) else None
        sqlite = start is not None and start.startswith(_SQLITE)
        raise _refusal(path, "an SQLite file, as caches once were" if sqlite else "no folder")
    # Listed before the marker is looked for: who finds more than nothing finds the marker too,
    # since it is always made first.
    names = os.listdir(path)
    content = _read(f"{path}/{MARKER}")
    if content == CONTENT:
        return os.access(path, os.W_OK) and os.access(f"{path}/{MARKER}", os.W_OK)
    ours = any(_is_segment(path, name) for name in names)
    if not ours and (content or (content is None and names)):
        other = (content or b"").startswith(_ANY_FORMAT)
        raise _refusal(path, "a cache of another format" if other else "a folder of something else")
    return _mended(path, empty=not ours and content is None)


def _read(path: str) -> bytes | None:
    with suppress(FileNotFoundError), open(path, "rb", buffering=0) as file:
        return file.read(2 * len(CONTENT))
    return None


def _is_segment(path: str, name: str) -> bool:
    with suppress(FileNotFoundError):
        ours = name.endswith(".keys") and NAME.fullmatch(name[:-5])
        return bool(ours) and read_header(f"{path}/{name}") is not None
    return False


def _refusal(path: str, what: str) -> ConfigurationError:
    hint = "Give another path, or move it away: a new cache is made in its place."
    message = f"{path} is {what}; a cache is a folder of its own."
    return ConfigurationError(message, argument="path", hint=hint)


def _mended(path: str, *, empty: bool) -> bool:
    """Write the marker, which is missing, empty after a kill, or damaged beside good segments."""
    marker = f"{path}/{MARKER}"
    try:
        with locked(marker):
            if _read(marker) != CONTENT:
                write_at(marker, CONTENT, 0)
                os.truncate(marker, len(CONTENT))
    except OSError as exc:
        if empty or not is_forbidden(exc):
            raise
        return False
    return True
