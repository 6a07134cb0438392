"""The one lock of a cache, which a process that dies gives back; for writers alone.

The package `filelock` looks for a lock 20 times a second and empties the file that it locks; here
hundreds of puts a second take turns, and the file says what the folder is.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_SECONDS = 60.0  # a put takes milliseconds; whoever keeps the lock for longer hangs
_PAUSE_SECONDS = 0.001  # about the time of a put, so that waiters and the holder take turns
_FAR = 2**30  # Windows forbids others to read locked bytes; these are behind the end of the file
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Keep other writers out, of other threads and processes, by a lock on a file.

    Raises:
        ConfigurationError: Others keep the lock.
        OSError: The file cannot be opened for writing.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while not _acquired(file):
            if time.monotonic() > give_up:
                message = f"{path} was kept locked by others for {_PATIENCE_SECONDS:g} s."
                raise ConfigurationError(message, hint="End the process that hangs.")
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            _lock(file, release=True)  # a child may have a copy of the descriptor, and keep it
    finally:
        os.close(file)


def _acquired(file: int) -> bool:
    try:
        _lock(file)
    except OSError as exc:
        if exc.errno not in _BUSY:
            raise
        return False
    return True


def _lock(file: int, *, release: bool = False) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - each system has its own

        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK if release else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - as above

        fcntl.flock(file, fcntl.LOCK_UN if release else fcntl.LOCK_EX | fcntl.LOCK_NB)
