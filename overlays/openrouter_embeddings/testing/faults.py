"""The menu of faults, as functions that make one each; `menu` returns them all by name."""

from __future__ import annotations

from openrouter_embeddings.testing import _refusals, _vectors
from openrouter_embeddings.testing._answers import MAKERS, Answer, Fault, Healthy
from openrouter_embeddings.testing._refusals import *  # noqa: F403 - each function is a public name
from openrouter_embeddings.testing._refusals import error_in_200, html, status
from openrouter_embeddings.testing._vectors import *  # noqa: F403 - the same
from openrouter_embeddings.testing._vectors import another_type, refuses_base64

__all__ = ["Answer", "Fault", "Healthy", "menu"]
__all__ += _refusals.__all__
__all__ += _vectors.__all__


def menu() -> dict[str, Fault]:
    """Return every fault with its usual settings, by name.

    Faults with variants appear once for each, ``"refuses_base64: error"`` say.
    """
    variants = {
        "status: 429 with Retry-After": status(429, retry_after=0),
        "html: 200": html(200),
        "error_in_200: 429": error_in_200(429, "Slow down"),
        "refuses_base64: error": refuses_base64("error"),
        "refuses_base64: 400": refuses_base64("400"),
        **{f"another_type: {kind}": another_type(kind) for kind in ("float16", "big-endian")},
    }
    return {name: make() for name, make in MAKERS.items()} | variants
