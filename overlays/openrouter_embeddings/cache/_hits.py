"""What a cache answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from openrouter_embeddings._base.types import show_shape

if TYPE_CHECKING:
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
