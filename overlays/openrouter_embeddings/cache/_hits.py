"""What a cache is asked and answers: vectors by the keys of inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen

from openrouter_embeddings._base.types import show_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors


@frozen(eq=False)
class Hits:
    """Vectors that a cache has of some keys that stand one after the other.

    Attributes:
        start: The position of the first of these keys among all that were asked for.
        vectors: float32 of shape ``(n, width)``.
    """

    start: int
    vectors: Vectors = field(repr=show_shape)

    @property
    def stop(self) -> int:
        """Return the position after the last of these keys."""
        return self.start + len(self.vectors)


@runtime_checkable
class Store(Protocol):
    """What a bulk run needs of a cache; any object that has it can be given as one.

    A text in its attribute ``source``, if it has one, stands in keys in place of the base URL.
    """

    def find(self, keys: Sequence[bytes]) -> Sequence[Hits]:
        """Return the vectors that are there, in the order of the keys."""
        ...

    def put(self, vectors: Mapping[bytes, Vectors], *, model: str) -> None:
        """Keep vectors of shape ``(width,)`` by their keys."""
        ...
