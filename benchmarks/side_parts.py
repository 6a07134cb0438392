"""Let what stands beside a run fail, and compare the vectors delivered with those paid for.

    python -m nox -s interrupts

It exits 1 where a vector that was paid for was not delivered.
"""

from __future__ import annotations

import asyncio
import io
import logging
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from attrs import field, frozen

from openrouter_embeddings import AsyncOpenRouter, EmbeddedBatch, Limits, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import PartialFailureError
from openrouter_embeddings.testing import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXTS = [f"text {number}" for number in range(400)]
LIMITS = Limits(max_batch=20, max_in_flight=4)
DIMENSIONS = 256
SMALL = 100_000  # bytes that a file may have where the disk is full: a quarter of the vectors


@frozen
class Run:
    """One run, as its side parts have it.

    Attributes:
        folder: A folder of its own.
        options: What is passed to `embed`.
        client: What is passed to the client.
        held: What is to end with the run.
    """

    folder: Path
    options: dict[str, Any] = field(factory=dict)
    client: dict[str, Any] = field(factory=dict)
    held: ExitStack = field(factory=ExitStack)

    @property
    def cache(self) -> Path:
        """Where its cache is."""
        return self.folder / "cache"

    def add_cache(self) -> None:
        """Let it have a cache."""
        self.options["cache"] = self.cache

    def after_batches(self, act: Callable[[], None], batches: int = 2) -> None:
        """Do something once so many parts of the result are there."""
        left = [batches]

        def count(_: EmbeddedBatch) -> None:
            left[0] -= 1
            if left[0] == 0:
                act()

        self.options["progress"] = count


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond a size: what a write sees on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def full(run: Run) -> None:
    """Have the cache run out of room."""
    run.add_cache()
    run.held.enter_context(small_files())


def damage(run: Run, how: Callable[[bytes], bytes]) -> None:
    """Rewrite all files of the cache in the middle of the run."""
    run.add_cache()

    def rewrite() -> None:
        for path in run.cache.rglob("*"):
            if path.is_file():
                path.write_bytes(how(path.read_bytes()))

    run.after_batches(rewrite)


def truncated(run: Run) -> None:
    """Cut all files of the cache in half."""
    damage(run, lambda content: content[: len(content) // 2])


def overwritten(run: Run) -> None:
    """Turn each byte of the cache around."""
    damage(run, lambda content: bytes(255 - byte for byte in content))


def emptied(run: Run) -> None:
    """Empty all files of the cache."""
    damage(run, lambda _: b"")


def deleted(run: Run) -> None:
    """Delete all files of the cache."""
    run.add_cache()

    def delete() -> None:
        for path in run.cache.rglob("*"):
            if path.is_file():
                path.unlink()

    run.after_batches(delete)


HOLDER = """
import fcntl, sys
held = [open(path, "r+b") for path in sys.argv[1:]]
for file in held:
    fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def locked(run: Run) -> None:
    """Have another process keep the lock of the cache."""
    with EmbeddingCache(run.cache) as cache:
        cache.put({b"k" * 16: np.ones(DIMENSIONS, np.float32)}, model="other")
    files = [str(path) for path in run.cache.rglob("*") if path.is_file()]
    other = run.held.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    if other.stdout is None or other.stdout.readline() != b"held\n":
        raise RuntimeError("The lock was not taken.")
    run.held.callback(other.communicate)
    run.held.enter_context(patch("openrouter_embeddings.cache._lock._PATIENCE_SECONDS", 0.5))
    run.add_cache()


def failing(*_: object) -> None:
    """Fail, as functions of callers do."""
    raise ZeroDivisionError


def bad_progress(run: Run) -> None:
    """Have `progress` raise in the middle."""
    run.after_batches(failing)


def bad_source(run: Run) -> None:
    """Have the source raise in the middle."""

    def texts() -> Iterator[str]:
        yield from TEXTS[:210]
        raise ConnectionError("the cursor is closed")

    run.options["inputs"] = texts()


def bad_listener(run: Run) -> None:
    """Have `on_event` raise."""
    run.client["on_event"] = failing


class BadHandler(logging.Handler):
    """A handler of a log that fails."""

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - the signature
        """Fail."""
        raise ZeroDivisionError


def bad_log(run: Run) -> None:
    """Have the log fail as it tells that the cache is full."""
    log, handler = logging.getLogger("openrouter_embeddings"), BadHandler()
    log.addHandler(handler)
    run.held.callback(log.removeHandler, handler)
    full(run)


class Terminal(io.StringIO):
    """A terminal, of which the other end may be gone."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


class GoneTerminal(Terminal):
    """One that is not there any more."""

    def write(self, text: str) -> int:
        """Fail."""
        raise BrokenPipeError(32, text[:0])


def with_errors_to(stream: io.StringIO | None) -> Callable[[Run], None]:
    """Make a row whose progress line and notes go to a broken place."""

    def prepare(run: Run) -> None:
        run.options["progress"] = True
        full(run)
        run.held.enter_context(patch.object(sys, "stderr", stream))

    return prepare


def closed() -> Terminal:
    """Make a terminal that was closed."""
    stream = Terminal()
    stream.close()
    return stream


ROWS: dict[str, Callable[[Run], None]] = {
    "cache full": full,
    "cache truncated": truncated,
    "cache overwritten": overwritten,
    "cache emptied": emptied,
    "cache deleted": deleted,
    "cache locked": locked,
    "progress raises": bad_progress,
    "source raises": bad_source,
    "on_event raises": bad_listener,
    "log raises, cache full": bad_log,
    "no stderr, cache full": with_errors_to(None),
    "stderr closed, cache full": with_errors_to(closed()),
    "stderr gone, cache full": with_errors_to(GoneTerminal()),
}


def embed(server: FaultServer, run: Run) -> EmbeddedBatch:
    """Run with the synchronous client."""
    with OpenRouter(server.api_key, base_url=server.base_url, **run.client) as client:
        return client.embeddings.embed(**{"inputs": TEXTS, **run.options})


def aembed(server: FaultServer, run: Run) -> EmbeddedBatch:
    """Run with the asynchronous one."""

    async def work() -> EmbeddedBatch:
        kind = AsyncOpenRouter(server.api_key, base_url=server.base_url, **run.client)
        async with kind as client:
            return await client.embeddings.embed(**{"inputs": TEXTS, **run.options})

    return asyncio.run(work())


def measure(
    what: str, prepare: Callable[[Run], None], act: Callable[[FaultServer, Run], EmbeddedBatch]
) -> bool:
    """Print a row, and say whether all was delivered."""
    with (
        FaultServer(dimensions=DIMENSIONS) as server,
        tempfile.TemporaryDirectory() as folder,
        Run(Path(folder)).held as held,
    ):
        run = Run(Path(folder), held=held)
        run.options.update(model="test/embedding", limits=LIMITS)
        held.enter_context(patch.object(sys, "stderr", io.StringIO()))
        prepare(run)
        ended, result = "whole", None
        try:
            result = act(server, run)
        except PartialFailureError as exc:
            ended = f"{type(exc).__name__} from {type(exc.__cause__).__name__}"
            result = exc.result if isinstance(exc.result, EmbeddedBatch) else None
        good = count_right(server, result)
        paid, notes = server.inputs_embedded, () if result is None else result.notes
    is_kept = good == paid > 0
    print(
        f"| {what} | {act.__name__} | {paid} | {good} | {ended} | {'; '.join(notes)[:60]} |"
        f" {'' if is_kept else 'BROKEN'} |",
        flush=True,
    )
    return is_kept


def count_right(server: FaultServer, result: EmbeddedBatch | None) -> int:
    """Count the rows that are the server's vectors of their texts."""
    if result is None:
        return 0
    return sum(
        bool(np.array_equal(row, server.vector(text)))
        for row, text in zip(result.vectors, TEXTS, strict=False)
    )


def main() -> int:
    """Print the table."""
    print("| beside the run | client | paid | delivered | the run ended | notes | |")
    print("|---" * 7 + "|")
    kept = [
        measure(what, prepare, act) for what, prepare in ROWS.items() for act in (embed, aembed)
    ]
    print(f"{len(kept) - sum(kept)} of {len(kept)} rows break a promise")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
