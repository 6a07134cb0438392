"""Vectors that were paid for, kept in a folder under the key of what they depend on.

The folder has segments that only grow: a flat file of float32, and one of keys and checksums. So
storing writes little more than the vectors, reading goes from file to memory in one step, and a
process that is killed at any moment leaves nothing half done. A vector that `put` has reported as
stored outlives the process; when the whole machine loses power, the last ones may be missing, and
are fetched anew. Each vector has a checksum over itself and its key: what disks and other programs
damage is a miss, and never a vector.

All keys are read when a cache is opened: 15 ms for 100,000, a second or more for 4 million, and 65
bytes of memory each. So a program that embeds often opens its cache once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.sources import canonical_source
from openrouter_embeddings.cache._folder import Folder
from openrouter_embeddings.cache._hits import Hits, Store
from openrouter_embeddings.cache._keys import KEY_BYTES, KeyMaker
from openrouter_embeddings.cache._marker import is_forbidden
from openrouter_embeddings.cache._memory import Memory
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.provider import checked_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike
    from typing import Self

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.provider import ProviderPreferences

__all__ = ["CacheInfo", "EmbeddingCache", "Hits", "KeyMaker", "Store", "cache_key"]

T = TypeVar("T")

MEMORY = ":memory:"
_LEAST_BYTES = 2**20
_BESIDE_A_VECTOR = 2**12  # its record, the header of its segment, the marker
_VOID = bytes(KEY_BYTES)


def cache_key(
    *,
    model: str,
    item: object,
    source: str | None = None,
    dimensions: int | None = None,
    input_type: str | None = None,
    provider: ProviderPreferences | Mapping[str, object] | None = None,
    extra_body: Mapping[str, object] | None = None,
) -> bytes:
    """Return the key of one input; `KeyMaker` is the faster way to many.

    Args:
        model: The model's id.
        item: The input as the contract has it: a text, a list of token ids, or a content item.
        source: The base URL of the client, or the cache's name for it; None for the service's.
        dimensions: The width that is asked for, or None.
        input_type: What the input is for, or None: queries and documents differ.
        provider: The routing preferences of the request, or None. A run with ``pin_provider`` adds
            ``only`` and ``allow_fallbacks=False``; one whose replies name no provider has keys that
            are not made here.
        extra_body: More fields of the body, or None.

    Returns:
        16 bytes of BLAKE2b, equal only when everything is equal.

    Raises:
        ConfigurationError: Something cannot be sent.
    """
    maker = KeyMaker(
        model=arguments.text("model", model),
        source=source,
        dimensions=dimensions,
        input_type=input_type,
        provider=checked_provider(provider),
        extra_body=extra_body,
    )
    return maker.key(item)


@frozen
class CacheInfo:
    """What a cache holds.

    Attributes:
        path: The folder, or ``":memory:"``.
        vectors: How many vectors are in it.
        bytes: The size of its files, or of what it has in memory.
        models: How many vectors there are of each model.
    """

    path: str
    vectors: int
    bytes: int
    models: Mapping[str, int]


class EmbeddingCache:
    """Vectors on disk by the key of what they depend on; for many threads and processes at once.

    A process that forks may go on with it on both sides. The folder belongs on a local disk:
    network file systems show what others have added late, and some have no locks. Where it cannot
    be written, it serves what is there.

    Attributes:
        path: The folder, or ``":memory:"``.
        max_bytes: The size that it stays within, or None.
        source: The name that stands in keys in place of the base URL, or None.
        corrupted: How many damaged vectors were found by this object.
        writable: Whether vectors can be stored.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        max_bytes: int | None = None,
        source: str | None = None,
    ) -> None:
        """Open a cache, or create it, readable and writable by its owner alone.

        Args:
            path: The folder, which is made where its own folder exists; ``":memory:"`` for a cache
                in memory, which ends with this object.
            max_bytes: The size in bytes, at least 1 MiB, beyond which the vectors that were stored
                first make room for new ones, an eighth of the size at once; None for no bound.
            source: What the vectors come from, where that is not what the client's base URL says:
                servers at several URLs that give the same vectors. None takes the base URL.

        Raises:
            ConfigurationError: The folder cannot be opened, or is something else.
        """
        self.path = _checked_path(path)
        if max_bytes is not None:
            max_bytes = arguments.whole_number("max_bytes", max_bytes, least=_LEAST_BYTES)
        self.max_bytes = max_bytes
        self.source = None if source is None else canonical_source(source)
        self._lock = threading.Lock()
        self._closed = False
        self._store = self._opened()
        self.writable = self._store.writable
        _OPEN.add(self)

    def _opened(self) -> Folder | Memory:
        if self.path == MEMORY:
            return Memory(self.max_bytes)
        try:
            return Folder(self.path, self.max_bytes)
        except OSError as exc:
            raise _unusable(self.path, exc) from exc

    @property
    def corrupted(self) -> int:
        """Count the damaged vectors that were found by this object."""
        return self._store.corrupted

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key.

        A vector that is damaged is counted in `corrupted`, made void and left out.

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

        What is asked for in the order in which it was stored is read in few pieces.

        Args:
            keys: Any number of keys.

        Returns:
            Vectors of keys that stand one after the other: arrays of shape ``(n, width)``, bit for
            bit as stored, not writable.

        Raises:
            ConfigurationError: A key is of another make, or the folder cannot be read.
        """
        wanted = _checked_keys(keys)
        return self._run(lambda store: store.find(wanted))

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]], *, model: str) -> None:
        """Store vectors; when this returns, they outlive the process.

        Args:
            vectors: Arrays of shape ``(width,)`` and dtype float32 by key.
            model: The model that they come from, for `info` and `clear`.

        Raises:
            ConfigurationError: A key or vector cannot be stored, a number that is not finite say,
                and nothing was; or the folder cannot be written, and some may have been.
        """
        model = arguments.text("model", model)
        _checked_keys(vectors)
        for keys, matrix in _matrices(vectors, self.max_bytes):
            self._run(partial(_put, keys, matrix, model))

    def info(self) -> CacheInfo:
        """Count what is there."""
        size, models = self._run(lambda store: store.info())
        return CacheInfo(self.path, sum(models.values()), size, models)

    def clear(self, model: str | None = None) -> int:
        """Delete the vectors of one model, or all, and give the space back.

        Args:
            model: The model, or None for all.

        Returns:
            How many vectors went.
        """
        return self._run(lambda store: store.clear(model))

    def close(self) -> None:
        """Close the files; closing twice does nothing."""
        with self._lock:
            self._closed = True
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        bound = "" if self.max_bytes is None else f", max_bytes={self.max_bytes}"
        source = "" if self.source is None else f", source={self.source!r}"
        closed = " (closed)" if self._closed else ""
        return f"<EmbeddingCache {self.path!r}{bound}{source}{closed}>"

    def _run(self, work: Callable[[Folder | Memory], T]) -> T:
        """Do something to the cache, one at a time, and put errors into words."""
        with self._lock:
            if self._closed:
                raise ConfigurationError(f"The cache {self.path} is closed.", hint="Open it again.")
            try:
                return work(self._store)
            except OSError as exc:
                raise _unusable(self.path, exc) from exc


def _checked_path(path: object) -> str:
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        raise arguments.bad_type("path", "the path of a folder", path)
    if not given or "\0" in given:
        raise arguments.bad_value("path", "must be a path, without NUL characters", given)
    try:
        os.fsencode(given)
    except UnicodeEncodeError:
        problem = "holds characters that no path can have here"
        raise arguments.bad_value("path", problem, given) from None
    return given if given == MEMORY else os.path.realpath(given)


def _checked_keys(keys: object) -> list[bytes]:
    if not isinstance(keys, Iterable):
        raise arguments.bad_type("keys", "a list of keys", keys)
    wanted = list(keys)
    if {*map(type, wanted)} <= {bytes} and {*map(len, wanted)} <= {KEY_BYTES}:
        return wanted
    fits = (type(key) is bytes and len(key) == KEY_BYTES for key in wanted)
    place = list(fits).index(False)
    make = f"{KEY_BYTES} bytes, as from cache_key"
    raise arguments.bad_type(f"keys[{place}]", make, wanted[place])


def _put(keys: list[bytes], matrix: Vectors, model: str, store: Folder | Memory) -> None:
    store.put(keys, matrix, model)


def _matrices(
    vectors: Mapping[bytes, NDArray[np.float32]], max_bytes: int | None
) -> list[tuple[list[bytes], Vectors]]:
    """Check vectors, and put those of one width together."""
    groups: dict[int, list[bytes]] = {}
    for key, vector in vectors.items():
        if not isinstance(vector, np.ndarray) or vector.dtype != np.float32 or vector.ndim != 1:
            raise arguments.bad_type(_where(key), "float32 of shape (width,)", vector)
        groups.setdefault(len(vector), []).append(key)
    return [(keys, _matrix(vectors, keys, width, max_bytes)) for width, keys in groups.items()]


def _matrix(
    vectors: Mapping[bytes, NDArray[np.float32]],
    keys: list[bytes],
    width: int,
    max_bytes: int | None,
) -> Vectors:
    most = 2**62 if max_bytes is None else max_bytes
    if not 0 < width <= (most - _BESIDE_A_VECTOR) // 4:
        problem = f"has a width of {width}, which is none or more than fits into max_bytes"
        raise arguments.bad_value(_where(keys[0]), problem, vectors[keys[0]])
    matrix = np.concatenate([vectors[key] for key in keys]).reshape(len(keys), width)
    finite = np.isfinite(matrix)
    if not finite.all():
        key = keys[int(finite.all(axis=1).argmin())]
        raise arguments.bad_value(_where(key), "holds a number that is not finite", vectors[key])
    if _VOID in vectors:
        raise arguments.bad_value(_where(_VOID), "is under the key that nothing has", _VOID)
    return matrix.astype("<f4", copy=False)


def _where(key: bytes) -> str:
    return f"vectors[{key.hex()[:8]}...]"


def _unusable(path: str, error: OSError) -> ConfigurationError:
    """Put an error of the system's into words."""
    doing = "written" if is_forbidden(error) else "used"
    message = f"The cache {path} cannot be {doing}: {error.strerror or error}."
    hint = "Give a path in a folder that exists and can be written."
    return ConfigurationError(message, argument="path", hint=hint)


_OPEN: weakref.WeakSet[EmbeddingCache] = weakref.WeakSet()
_FORK = threading.Lock()
_held: list[EmbeddingCache] = []


def _before_fork() -> None:
    """Wait for what other threads do to caches: a child would inherit it half done."""
    _FORK.acquire()
    _held.extend(_OPEN)
    for cache in _held:
        cache._lock.acquire()  # noqa: SLF001 - this module's own


def _after_fork() -> None:
    for cache in _held:
        cache._lock.release()  # noqa: SLF001 - as above
    _held.clear()
    _FORK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
