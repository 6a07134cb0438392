"""What is said beside the work, on a terminal or in a log: that nobody hears it fails nothing."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress


def has_terminal() -> bool:
    """Say whether standard error is a terminal; it may be None, or closed."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, OSError, ValueError):
        return False


def write_to_terminal(text: str) -> None:
    """Write to standard error, where it is a terminal that can still be written to."""
    if has_terminal():
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def log(logger: logging.Logger, level: int, message: str, argument: object) -> None:
    """Log, with the traceback of what is being handled where it is an error.

    Handlers are others' code, and may raise: those of the standard library do where standard error
    is closed.
    """
    with suppress(Exception):
        logger.log(level, message, argument, exc_info=level >= logging.ERROR)
