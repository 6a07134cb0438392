"""Names of models in replies: whether two of them may be names of one model. Pure.

Services write one model in several ways: ``openai/text-embedding-3-small`` is asked for and
``text-embedding-3-small`` answers; a variant (``:free``, ``:latest``) or a version (``-002``,
``-v2``, ``-2024-01-25``) is there or not. A version may also be another model, whose vectors mean
something else: so that is neither taken for the same nor for a mix.
"""

from __future__ import annotations

import re
from enum import Enum

# A variant or tag, or a number with nothing behind it: a size (`-8b`) or a word is another model.
_VERSION = re.compile(r"[:@][\w.:-]+|[-_]v?\d[\d.:_-]*")


class Likeness(Enum):
    """What two names say of their models."""

    SAME = "one model"
    UNSURE = "one model, by its name in two ways; or two versions of it"
    OTHER = "two models"


def compare_names(one: str | None, other: str | None) -> Likeness:
    """Compare the names of models in two replies; no name contradicts none."""
    if not one or not other:
        return Likeness.SAME
    (author, name), (other_author, other_name) = _split(one), _split(other)
    if name != other_name:
        return Likeness.UNSURE if _is_version(name, other_name) else Likeness.OTHER
    is_same = author == other_author or not (author and other_author)
    return Likeness.SAME if is_same else Likeness.UNSURE


def _split(model: str) -> tuple[str, str]:
    author, _, name = model.strip().lower().rpartition("/")
    return author, name


def _is_version(one: str, other: str) -> bool:
    """Say whether one name is the other with a version or a variant behind it."""
    short, long = sorted((one, other), key=len)
    rest = long[len(short) :] if long.startswith(short) else ""
    return _VERSION.fullmatch(rest) is not None
