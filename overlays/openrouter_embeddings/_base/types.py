"""Names of types that stand in many signatures, and how vectors are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """float32: many vectors of shape ``(n, width)``, or one of shape ``(width,)``."""

Kind = Literal["text", "tokens", "content"]
"""The kinds of inputs; a request carries one of them."""


def show_shape(value: object) -> str:
    """Show vectors by their type and shape, and never by their numbers."""
    if isinstance(value, str):
        return f"<base64, {len(value)} characters>"
    return f"<{getattr(value, 'dtype', '?')}, shape {getattr(value, 'shape', '?')}>"
