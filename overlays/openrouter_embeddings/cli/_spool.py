"""Standard input, kept in the folder of its job: it comes once, and a job reads it twice.

Each run keeps its own; those of earlier runs go when it has the lock. A job that is killed leaves
its input there, beside the vectors that were paid for.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from openrouter_embeddings.errors import ConfigurationError, OpenRouterError
from openrouter_embeddings.jobs._folder import SPOOL, JobFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def spooled(out: str, source: BinaryIO) -> Iterator[str]:
    """Write what comes to a file in the folder of a job, and hand out its path.

    It stays there where the job has paid for something and is not finished.

    Args:
        out: The output of the job.
        source: What comes, to its end.

    Raises:
        OpenRouterError: It cannot be written.
    """
    folder = JobFolder.of(out)
    path = folder.path / f"{SPOOL}{secrets.token_hex(4)}.txt"
    try:
        _write(path, source)
        yield str(path)
    except ConfigurationError:
        # Nothing was sent: what is there is of an earlier run, or of another process.
        path.unlink(missing_ok=True)
        raise
    finally:
        if folder.is_unpaid():
            with suppress(OSError):
                path.unlink(missing_ok=True)
                folder.path.rmdir()


def _write(path: Path, source: BinaryIO) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            shutil.copyfileobj(source, file)
    except OSError as exc:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        message = f"Standard input cannot be kept in {path.parent}: {exc.strerror or exc}."
        raise OpenRouterError(message, hint="Nothing was sent.") from exc
