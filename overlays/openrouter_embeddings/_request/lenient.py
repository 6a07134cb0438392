"""Values of a reply, whatever type they came in: odd ones are left out, and lose nothing else."""

from __future__ import annotations

import json
import math

from openrouter_embeddings_api.types import UNSET


def decode(body: bytes | bytearray) -> object:
    """Decode a JSON body; white space around it is normal.

    Returns:
        The value, or None where the body is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def present(value: object) -> object:
    """Take what was sent; None where the field was absent."""
    return None if value is UNSET else value


def text(value: object) -> str | None:
    """Take a text, or None for anything else."""
    return value if isinstance(value, str) else None


def number(value: object) -> float | None:
    """Take a finite number; one cost that is NaN would make every sum of costs NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def count(value: object) -> int | None:
    """Take a whole number; a fraction is cut off."""
    found = number(value)
    return None if found is None else int(found)


def texts(values: object) -> tuple[str, ...]:
    """Take a list of texts, or nothing for anything else."""
    return tuple(map(str, values)) if isinstance(values, list) else ()
