"""The folder of a job that is not finished: parts, manifest, vectors not yet in a part, a lock.

Everything that appears in it appears whole: it is written under another name, flushed to the disk
and then moved to its place. What a part holds is said in the part itself, so the manifest is never
needed to find out what is done; it says what the job is, who gave the vectors and what was spent.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import asdict, frozen
from filelock import FileLock, Timeout

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import EMBEDDING
from openrouter_embeddings.jobs._settings import check_same

if sys.platform == "darwin":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from filelock import BaseFileLock

    from openrouter_embeddings.jobs._settings import JobSettings
    from openrouter_embeddings.values import RunStats

PREFIX = "openrouter_embeddings."
_FORMAT = 1
_LOCK = "lock"

# Windows opens no folder as a file.
_FOLDERS_CAN_BE_FLUSHED = os.name != "nt"


@frozen
class Part:
    """A finished piece of the output.

    Attributes:
        path: Its file.
        start: The row of the input that it begins with.
        rows: How many rows it has.
        failed: How many of them have no vector.
        width: How many numbers a vector has, 0 where all rows failed.
    """

    path: Path
    start: int
    rows: int
    failed: int
    width: int


@frozen
class Progress:
    """What is known of a job across its runs.

    Attributes:
        spent: USD so far; a run that was killed may have spent a little more.
        requests: HTTP requests so far.
        sent: Inputs that were embedded so far.
        tokens: Tokens so far.
        providers: Who gave the vectors so far, the first one first.
    """

    spent: float = 0.0
    requests: int = 0
    sent: int = 0
    tokens: int = 0
    providers: tuple[str, ...] = ()

    def plus(self, stats: RunStats, providers: Iterable[str]) -> Progress:
        """Add what a run has done since."""
        return Progress(
            spent=self.spent + stats.cost,
            requests=self.requests + stats.requests,
            sent=self.sent + stats.inputs_sent,
            tokens=self.tokens + stats.prompt_tokens,
            providers=tuple(dict.fromkeys((*self.providers, *providers))),
        )


@frozen
class JobFolder:
    """The folder of one job.

    Attributes:
        path: Where it is: beside the output, named like it with ``.parts`` added.
    """

    path: Path

    @classmethod
    def of(cls, out: str) -> JobFolder:
        """Name the folder of a job by its output."""
        target = Path(out)
        return cls(target.with_name(f"{target.name}.parts"))

    @property
    def vectors(self) -> Path:
        """The cache that holds every vector until its part is there."""
        return self.path / "vectors.cache"

    @property
    def _manifest(self) -> Path:
        return self.path / "manifest.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the job; a process that dies gives the lock back.

        Raises:
            ConfigurationError: Another process works on it, or the folder cannot be made or locked.
        """
        lock = self._locked()
        try:
            yield
        finally:
            lock.release()
            # Where an open file cannot be deleted (Windows), `remove` left a folder with the lock
            # alone; filelock deleted that file at its release. A folder with anything in it stays.
            with suppress(OSError):
                self.path.rmdir()

    def _locked(self) -> BaseFileLock:
        lock = FileLock(self.path / _LOCK)
        try:
            self.path.mkdir(exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout as exc:
            message = f"Another process works on {self.path}, or has just finished."
            hint = "Wait for it, and try again."
            raise ConfigurationError(message, argument="out", hint=hint) from exc
        except OSError as exc:
            message = f"{self.path} cannot be made or locked: {exc}."
            raise ConfigurationError(message, argument="out") from exc
        return lock

    def begin(self, settings: JobSettings, *, overwrite: bool) -> Progress:
        """Go on with the job, or write down what it is.

        Args:
            settings: What the job is.
            overwrite: Whether another job that was begun here is given up.

        Raises:
            ConfigurationError: Another job was begun here, and is not to be given up.
        """
        try:
            return self._begun(settings)
        except ConfigurationError:
            if not overwrite:
                raise
        self.clear()
        return self._begun(settings)

    def _begun(self, settings: JobSettings) -> Progress:
        if not self._manifest.exists():
            self.note(settings, Progress())
            return Progress()
        manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            message = f"{self.path} has the format {manifest['format']}, {_FORMAT} is needed."
            raise ConfigurationError(message, argument="out", hint="Add --overwrite.")
        check_same(manifest["settings"], settings, str(self.path))
        kept = manifest["progress"]
        return Progress(**{**kept, "providers": tuple(kept["providers"])})

    def note(self, settings: JobSettings, progress: Progress) -> None:
        """Write the manifest."""
        manifest = {
            "format": _FORMAT,
            "settings": json.loads(settings.written),
            "progress": asdict(progress),
        }
        with published(self._manifest) as beside:
            beside.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def publish(self, table: pa.Table, start: int, *, failed: int, width: int) -> Part:
        """Add a part."""
        path = self.path / f"part-{start:012d}.parquet"
        notes = {"start": start, "failed": failed, "width": width}
        metadata = {f"{PREFIX}{name}": str(value) for name, value in notes.items()}
        noted = table.replace_schema_metadata(metadata)
        with published(path) as beside:
            pq.write_table(
                noted, beside, row_group_size=max(1, len(table)), **packing_of(noted.schema)
            )
        # Arrow's allocator would keep what it needed for a part, and more with each one.
        pa.default_memory_pool().release_unused()
        return Part(path, start, len(table), failed, width)

    def parts(self) -> list[Part]:
        """Find the parts that follow one another from the first row on."""
        found: list[Part] = []
        for path in sorted(self.path.glob("part-*.parquet")):
            part = _part(path)
            if part.start != sum(earlier.rows for earlier in found):
                break
            found.append(part)
        return found

    def clear(self) -> None:
        """Delete what a job has done so far, but not the lock."""
        for path in self.path.iterdir():
            if path.name != _LOCK:
                _delete(path)

    def remove(self) -> None:
        """Delete the folder: the job is done, or is given up."""
        shutil.rmtree(self.path, ignore_errors=True)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def give_back() -> None:
    """Return unused memory: Arrow's allocator would keep it, and more with each part."""
    pa.default_memory_pool().release_unused()


def packing_of(schema: pa.Schema) -> dict[str, Any]:
    """Choose how columns are packed in Parquet: vectors as they are, the others compressed.

    Neither a dictionary nor compression makes vectors smaller, and both take long.
    """
    flat = [name for name in schema.names if name != EMBEDDING]
    return {"use_dictionary": flat or False, "compression": dict.fromkeys(flat, "zstd")}


def _part(path: Path) -> Part:
    metadata = pq.read_metadata(path)
    notes = notes_of(metadata.metadata)
    return Part(
        path,
        start=int(notes["start"]),
        rows=metadata.num_rows,
        failed=int(notes["failed"]),
        width=int(notes["width"]),
    )


def notes_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Read what this package wrote into the metadata of a Parquet file."""
    return {
        key.decode().removeprefix(PREFIX): value.decode()
        for key, value in (metadata or {}).items()
        if key.decode().startswith(PREFIX)
    }


@contextmanager
def published(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Hand out a name to write to, and move what was written there to its place, whole.

    When this returns, the file outlives a power cut, as far as the system can promise it: Windows
    flushes the file and not its folder, macOS is asked to empty the disk's own buffer.

    Args:
        path: The place.
        folder: Where to write before, on the same disk; None for beside the place.
    """
    beside = (folder or path.parent) / f".{path.name}.tmp"
    try:
        yield beside
        _flush(beside, os.O_RDWR)
        beside.replace(path)
        if _FOLDERS_CAN_BE_FLUSHED:
            _flush(path.parent, os.O_RDONLY)
    finally:
        beside.unlink(missing_ok=True)


def _flush(path: Path, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        _flush_to_disk(handle)
    finally:
        os.close(handle)


if sys.platform == "darwin":

    def _flush_to_disk(handle: int) -> None:
        # There fsync leaves what was written in the disk's own buffer; this request empties it.
        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        except OSError:  # a disk that cannot, a network share say
            os.fsync(handle)

else:
    _flush_to_disk = os.fsync
