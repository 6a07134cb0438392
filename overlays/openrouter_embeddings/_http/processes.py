"""What was begun before a fork and is used in the child: it says so, where it would hang."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

_left_alone: list[object] = []  # or the garbage collection of the child would close them


def of_another_process(what: str) -> ConfigurationError:
    """Make the error for something that was begun before a fork, and is used in the child."""
    message = f"This {what} was begun in another process, before a fork."
    hint = "The client itself can be used here: make the call anew."
    return ConfigurationError(message, hint=hint)


def check_process(process: int) -> None:
    """Check that a run goes on in the process that began it.

    Raises:
        ConfigurationError: It does not; its threads and tasks are not here.
    """
    if process != os.getpid():
        raise of_another_process("run")


def of_one_process(parts: Generator[T, None, None]) -> Generator[T, None, None]:
    """Yield what a generator does, as long as it is in the process that began it, and close it.

    In another process it is left as it is: its threads are not here, and its files are another's.
    """
    process = os.getpid()
    try:
        for part in parts:
            yield part
            check_process(process)
    finally:
        if process == os.getpid():
            parts.close()
        else:
            _left_alone.append(parts)
