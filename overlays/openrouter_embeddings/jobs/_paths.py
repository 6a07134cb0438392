"""Where a job reads and writes: paths of every kind, and no two of them the same file."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_path(argument: str, value: object) -> str:
    """Read a path: text, or any object that stands for one.

    Raises:
        ConfigurationError: It is none, is empty, or holds what no path can have.
    """
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str):
        raise arguments.bad_type(argument, "a path", value)
    if not given or "\0" in given:
        raise arguments.bad_value(argument, "must be a path, without NUL characters", given)
    try:
        os.fsencode(given)
    except UnicodeEncodeError:
        problem = "holds characters that no path can have here"
        raise arguments.bad_value(argument, problem, given) from None
    return given


def check_apart(paths: Mapping[str, object]) -> None:
    """Check that no two arguments name the same file or folder, by whatever name.

    Args:
        paths: What was given, by the arguments' names; what is no path is left out.

    Raises:
        ConfigurationError: Two do; whatever is written to the one would destroy the other.
    """
    named = {name: path for name, path in paths.items() if isinstance(path, str | os.PathLike)}
    for (one, first), (other, second) in combinations(named.items(), 2):
        if _are_same(os.fspath(first), os.fspath(second)):
            message = f"{other} is the same file as {one}: {arguments.shown(second)}."
            raise ConfigurationError(message, argument=other, hint="Choose another name.")


def _are_same(one: str | bytes, other: str | bytes) -> bool:
    first, second = Path(os.fsdecode(one)), Path(os.fsdecode(other))
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return first.resolve() == second.resolve()
