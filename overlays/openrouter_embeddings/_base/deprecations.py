"""What the contract has marked as deprecated, and the one warning of a call that uses it."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PACKAGE = str(Path(__file__).parents[1])


@frozen
class Deprecation:
    """An argument that will go.

    Attributes:
        since: The version of ours that says so first.
        gone_in: The version of ours that will not have it.
        instead: What to use instead, as the end of a sentence.
    """

    since: str
    gone_in: str
    instead: str


DEPRECATED: Mapping[str, Deprecation] = MappingProxyType({})
"""By argument, or ``provider.`` and a preference; a test compares what the contract marks."""


def warn_of(given: Iterable[str]) -> None:
    """Warn once of everything deprecated that a call was given, at the caller's own line."""
    found = [
        f"{name} (since {each.since}, gone in {each.gone_in}: {each.instead})"
        for name in given
        if (each := DEPRECATED.get(name))
    ]
    if found:
        message = f"Deprecated by the service: {'; '.join(found)}."
        warnings.warn(message, DeprecationWarning, stacklevel=_outside())


def _outside() -> int:
    """Count the frames from the warning to the first that is not ours."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    # `_outside` itself is no longer there when the warning is given.
    return max(1, level)
