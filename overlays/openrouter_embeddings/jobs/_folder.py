"""The folder of a job that is not finished: what it is, a lock, and the files of its vectors.

``job.json`` says what the job is. It is written when the job begins and once more when the first
reply has told what its vectors are, under another name first, and then moved to its place. The id
in it stands in all that the other files say, so that nothing of another job is ever taken for this
one's. What holds vectors is deleted on purpose alone, or when the output is there.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, field, frozen
from filelock import FileLock, Timeout

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError, OpenRouterError
from openrouter_embeddings.jobs._ledger import LEDGER
from openrouter_embeddings.jobs._plan import checksum
from openrouter_embeddings.jobs._settings import FORMAT, First, check_same
from openrouter_embeddings.jobs._store import ROWS, VECTORS

if sys.platform == "darwin":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filelock import BaseFileLock

    from openrouter_embeddings.jobs._settings import JobSettings

ENDING = ".job"
SPOOL = "stdin-"
READY = "ready"
_OLD_ENDING = ".parts"
_MANIFEST, _LOCK = "job.json", "lock"
_ID_BYTES = 16
_AGAIN = "again"
_DAMAGED = "is damaged"
_CLEARS = "Add --overwrite to clear it and begin anew, or choose another --out."

# Windows opens no folder as a file.
_FOLDERS_CAN_BE_FLUSHED = os.name != "nt"


@frozen
class Manifest:
    """What a job is.

    Attributes:
        id: 16 random bytes.
        settings: What its output depends on.
        first: What the first reply said, or None as long as there is none.
    """

    id: bytes
    settings: Mapping[str, Any]
    first: First | None = None

    def written(self) -> str:
        """Write it with a checksum over all of it."""
        first = None if self.first is None else asdict(self.first)
        said = {"format": FORMAT, "id": self.id.hex(), "settings": self.settings, "first": first}
        return json.dumps({**said, "sum": _sum(said)}, indent=2, ensure_ascii=False) + "\n"


def _sum(said: Mapping[str, Any]) -> int:
    return checksum(json.dumps(said, sort_keys=True).encode())


def parse_manifest(content: bytes) -> Manifest | str:
    """Read what a job is, or say what is wrong with it. Pure."""
    try:
        said = json.loads(content)
        if said["format"] != FORMAT:
            return f"is of format {said['format']!r}, and this version knows {FORMAT}"
        if said.pop("sum") != _sum(said):
            return _DAMAGED
        first = None if said["first"] is None else First(**said["first"])
        return Manifest(bytes.fromhex(said["id"]), said["settings"], first)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _DAMAGED


@frozen
class JobFolder:
    """The folder of one job.

    Attributes:
        path: Where it is: beside the output, named like it with ``.job`` added.
    """

    path: Path
    _target: Path = field(repr=False)

    @classmethod
    def of(cls, out: str) -> JobFolder:
        """Name the folder of a job by its output; a link's is where the link leads."""
        target = Path(out).resolve()
        return cls(target.with_name(f"{target.name}{ENDING}"), target)

    @contextmanager
    def locked(self, *, overwrite: bool = False) -> Iterator[None]:
        """Keep other processes from the job; a process that dies gives the lock back.

        Args:
            overwrite: Whether what stands in the place of the lock, and is none, is deleted.

        Raises:
            ConfigurationError: Another process works on it, or the folder cannot be made or locked.
        """
        self._sweep()
        if overwrite and _is_odd(self.path / _LOCK):
            _delete(self.path / _LOCK)
        _check_kind(self.path / _LOCK)
        lock = self._locked()
        mine = (self.path / _LOCK).stat().st_ino
        try:
            yield
        finally:
            self._remove_empty(mine)
            lock.release()
            # Where an open file cannot be deleted (Windows), a folder with the lock alone is left,
            # and filelock deleted that file at its release.
            with suppress(OSError):
                self.path.rmdir()

    def _locked(self) -> BaseFileLock:
        lock = FileLock(self.path / _LOCK)
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout as exc:
            raise self._busy() from exc
        except OSError as exc:
            message = f"{self.path} cannot be made or locked: {exc.strerror or exc}."
            hint = f"Where nobody works there, its file {_LOCK} may go: it holds nothing."
            raise ConfigurationError(message, argument="out", hint=hint) from exc
        if not (self.path / _LOCK).exists():  # whoever held it has moved the folder away
            lock.release()
            raise self._busy()
        return lock

    def _busy(self) -> ConfigurationError:
        message = f"Another process works on {self.path}, or has just finished."
        return ConfigurationError(message, argument="out", hint="Wait for it, and try again.")

    def _remove_empty(self, lock: int) -> None:
        """Leave no folder behind that holds nothing paid, unless it is another process's by now."""
        with suppress(OSError):
            if (self.path / _LOCK).stat().st_ino == lock and self.is_unpaid():
                shutil.rmtree(self.path, ignore_errors=True)

    def is_unpaid(self) -> bool:
        """Say whether nothing was ever paid for here."""
        return not any(_has_content(self.path / name) for name in (VECTORS, ROWS, LEDGER))

    def look(self) -> Manifest | None:
        """Read what was begun here, and change nothing; None where nothing was.

        Raises:
            ConfigurationError: It is damaged, or of another version.
        """
        old = self._target.with_name(f"{self._target.name}{_OLD_ENDING}")
        if (old / "manifest.json").exists():
            message = f"{old} is a job of another version of this package."
            raise ConfigurationError(message, argument="out", hint=_CLEARS)
        for name in (_MANIFEST, VECTORS, ROWS, LEDGER, READY):
            _check_kind(self.path / name)
        try:
            content = (self.path / _MANIFEST).read_bytes()
        except FileNotFoundError:
            if self.is_unpaid():
                return None
            message = f"{self.path} holds vectors, and its {_MANIFEST} is gone."
            raise ConfigurationError(message, argument="out", hint=_CLEARS) from None
        except OSError as exc:
            message = f"{self.path / _MANIFEST} cannot be read: {exc.strerror or exc}."
            raise ConfigurationError(message, argument="out", hint=_CLEARS) from exc
        found = parse_manifest(content)
        if isinstance(found, Manifest):
            return found
        if self.is_unpaid():
            return None
        message = f"{self.path / _MANIFEST} {found}."
        raise ConfigurationError(message, argument="out", hint=_CLEARS)

    def begin(
        self, settings: JobSettings, *, again: bool, overwrite: bool, first: First | None
    ) -> Manifest:
        """Go on with the job, or write down what it is.

        Args:
            settings: What the job is.
            again: Whether it embeds failed rows again, and nothing else.
            overwrite: Whether what else was begun here is given up.
            first: What is known of its vectors, from an earlier output.

        Raises:
            ConfigurationError: Something else was begun here, and is not to be given up.
        """
        try:
            found = self.look()
            if found is not None:
                check_same(found.settings, settings, str(self.path))
                self._check_kind(found, again=again)
        except ConfigurationError:
            if not overwrite:
                raise
            self.clear()
            found = None
        if found is None:
            self.clear()
            said = {**settings.plain, _AGAIN: again}
            found = Manifest(secrets.token_bytes(_ID_BYTES), said, first)
            self._write(found)
        return found

    def _check_kind(self, found: Manifest, *, again: bool) -> None:
        if found.settings.get(_AGAIN) == again:
            return
        begun, other = ("embed", "retry-failed") if again else ("retry-failed", "embed")
        message = f"{self.path} is a job of {begun} that is not finished."
        hint = f"Finish it with the same command before {other}, or add --overwrite."
        raise ConfigurationError(message, argument="out", hint=hint)

    def complete(self, manifest: Manifest, first: First) -> Manifest:
        """Write down what the first reply has told."""
        manifest = evolve(manifest, first=first)
        self._write(manifest)
        return manifest

    def _write(self, manifest: Manifest) -> None:
        with published(self.path / _MANIFEST) as beside:
            beside.write_text(manifest.written(), encoding="utf-8")

    def clear(self) -> None:
        """Delete all that was begun here, but not the lock, nor what is to be read."""
        old = self._target.with_name(f"{self._target.name}{_OLD_ENDING}")
        if (old / "manifest.json").exists():
            shutil.rmtree(old)
        for path in self.path.iterdir():
            if path.name != _LOCK and not path.name.startswith(SPOOL):
                _delete(path)

    def forget_inputs(self, source: str) -> None:
        """Delete what earlier runs were given as standard input."""
        for path in self.path.glob(f"{SPOOL}*"):
            if path != Path(source):
                _delete(path)

    def retire(self) -> None:
        """Move the folder of a finished job out of the way, and delete it."""
        trash = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}{_TRASH}")
        try:
            self.path.rename(trash)
        except OSError:  # Windows moves no folder with an open file: what is in it goes
            self.clear()
        else:
            shutil.rmtree(trash, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what finished jobs of this output left that were killed while they deleted it."""
        for trash in self.path.parent.glob(f".{_glob_escape(self.path.name)}.*{_TRASH}"):
            shutil.rmtree(trash, ignore_errors=True)


_TRASH = ".trash"


def _glob_escape(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _is_odd(path: Path) -> bool:
    """Say whether a path is a link or a folder: through a link a job would write elsewhere."""
    return path.is_symlink() or (path.exists() and not path.is_file())


def _check_kind(path: Path) -> None:
    if _is_odd(path):
        message = f"{path} is no file, or a link to one."
        raise ConfigurationError(message, argument="out", hint=_CLEARS)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def published(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Hand out a name to write to, and move what was written there to its place, whole.

    When this returns, the file outlives a power cut, as far as the system can promise it: Windows
    flushes the file and not its folder, macOS is asked to empty the disk's own buffer.

    Args:
        path: The place.
        folder: Where to write before, on the same disk; None for beside the place.
    """
    beside = fresh(folder or path.parent, path)
    try:
        yield beside
        moved({beside: path})
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def fresh(folder: Path, path: Path) -> Path:
    """Name a file in a folder that is to become another, and delete what has its name."""
    beside = folder / f".{path.name}.tmp"
    if beside.is_symlink() or beside.exists():
        _delete(beside)
    return beside


def moved(files: Mapping[Path, Path]) -> None:
    """Move files to their places in this order, when they and their names outlive a power cut."""
    for beside in files:
        _flush(beside, os.O_RDWR)
    for beside, path in files.items():
        beside.replace(path)
        if _FOLDERS_CAN_BE_FLUSHED:
            _flush(path.parent, os.O_RDONLY)


def disk_error(path: Path, exc: OSError) -> OpenRouterError:
    """Say in one sentence what keeps a job from writing: a full disk, rights."""
    message = f"{path} cannot be written: {exc.strerror or exc}."
    return OpenRouterError(message, hint="Make room, or allow it.")


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


def checked_path(argument: str, value: object) -> str:
    """Read a path: text, or any object that stands for one.

    Raises:
        ConfigurationError: It is none, is empty, or holds what no path can have.
    """
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str):
        raise arguments.bad_type(argument, "a path", value)
    if not given or "\0" in given:
        raise arguments.bad_value(argument, "must be a path, without NUL characters", given)
    try:
        os.fsencode(given)
    except UnicodeEncodeError:
        problem = "holds characters that no path can have here"
        raise arguments.bad_value(argument, problem, given) from None
    return given


def check_apart(paths: Mapping[str, object]) -> None:
    """Check that no two arguments name the same file or folder, by whatever name.

    Args:
        paths: What was given, by the arguments' names; what is no path is left out.

    Raises:
        ConfigurationError: Two do; whatever is written to the one would destroy the other.
    """
    named = {name: path for name, path in paths.items() if isinstance(path, str | os.PathLike)}
    for (one, first), (other, second) in combinations(named.items(), 2):
        if _are_same(os.fspath(first), os.fspath(second)):
            message = f"{other} is the same file as {one}: {arguments.shown(second)}."
            raise ConfigurationError(message, argument=other, hint="Choose another name.")


def _are_same(one: str | bytes, other: str | bytes) -> bool:
    first, second = Path(os.fsdecode(one)), Path(os.fsdecode(other))
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return first.resolve() == second.resolve()
