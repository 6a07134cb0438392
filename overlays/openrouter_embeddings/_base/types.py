"""Names of types that stand in many signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """float32: many vectors of shape ``(n, width)``, or one of shape ``(width,)``."""

Kind = Literal["text", "tokens", "content"]
"""The kinds of inputs; a request carries one of them."""
