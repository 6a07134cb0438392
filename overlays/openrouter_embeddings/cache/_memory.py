"""A cache in memory alone, for as long as it is open."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from openrouter_embeddings.cache._hits import Hits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openrouter_embeddings._base.types import Vectors

_BESIDE = 300  # bytes for each vector: an array's own, its key, its share of two dicts


@define(eq=False)
class Memory:
    """Vectors by key, the oldest first; it has what `Folder` has."""

    max_bytes: int | None
    writable: bool = field(init=False, default=True)
    corrupted: int = field(init=False, default=0)
    _vectors: dict[bytes, tuple[str, Vectors]] = field(init=False, factory=dict)
    _bytes: int = field(init=False, default=0)

    def find(self, keys: Sequence[bytes]) -> list[Hits]:
        """Return the vectors that are there, in the order of the keys."""
        hits = []
        for width, group in groupby(enumerate(keys), lambda each: self._width(each[1])):
            places, some = zip(*group, strict=True)
            if width:
                matrix = np.stack([self._vectors[key][1] for key in some])
                matrix.flags.writeable = False
                hits.append(Hits(places[0], matrix))
        return hits

    def _width(self, key: bytes) -> int:
        return len(self._vectors[key][1]) if key in self._vectors else 0

    def put(self, keys: Sequence[bytes], matrix: Vectors, model: str) -> None:
        """Store vectors of one width."""
        for key, vector in zip(keys, matrix, strict=True):
            self._drop(key)
            self._vectors[key] = model, vector.copy()
            self._bytes += vector.nbytes + _BESIDE
        while self.max_bytes is not None and self._bytes > self.max_bytes:
            self._drop(next(iter(self._vectors)))

    def _drop(self, key: bytes) -> None:
        if key in self._vectors:
            self._bytes -= self._vectors.pop(key)[1].nbytes + _BESIDE

    def info(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of all vectors, and how many there are of each model."""
        models: dict[str, int] = {}
        for model, _ in self._vectors.values():
            models[model] = models.get(model, 0) + 1
        return self._bytes, models

    def clear(self, model: str | None) -> int:
        """Delete the vectors of a model, or all; return how many went."""
        going = [key for key, each in self._vectors.items() if model in {None, each[0]}]
        for key in going:
            self._drop(key)
        return len(going)

    def close(self) -> None:
        """Forget everything."""
        self.clear(None)
