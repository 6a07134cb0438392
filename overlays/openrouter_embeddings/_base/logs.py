"""The log of this package: what OPENROUTER_LOG asks for, and how an event becomes a line.

A line has the name of what happened and then fields, ``name=value``, in a fixed order; what is not
known is left out, and a value with a blank or a quote in it is written as JSON does. No key and no
input is in it. What a service says of a refusal can quote an input, so an error is named by its
class and its status alone.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import fields

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import one_line

if TYPE_CHECKING:
    from attrs import AttrsInstance

VARIABLE = "OPENROUTER_LOG"
LOGGER = "openrouter_embeddings"

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_LEFT_OUT = {"started", "base_url"}
_MOST_CHARACTERS = 200  # of a value; names and ids are shorter


def log(logger: logging.Logger, level: int, message: str, argument: object) -> None:
    """Log, with the traceback of what is being handled where it is an error.

    Handlers are others' code, and may raise: those of the standard library do where standard error
    is closed.
    """
    with suppress(Exception):
        logger.log(level, message, argument, exc_info=level >= logging.ERROR)


def follow_environment() -> None:
    """Set the level that the variable names, on our logger alone.

    Where the program has no handler of its own, lines go to standard error. Other loggers keep
    their levels.

    Raises:
        ConfigurationError: The variable names no level.
    """
    value = os.environ.get(VARIABLE, "").strip().lower()
    if not value:
        return
    level = _LEVELS[arguments.choice(VARIABLE, value, tuple(_LEVELS))]
    logging.basicConfig(format=_FORMAT)
    logging.getLogger(LOGGER).setLevel(level)


def write_line(event: AttrsInstance) -> str:
    """Write an event as one line."""
    named = ((each.name, getattr(event, each.name)) for each in fields(type(event)))
    parts = [
        f"{name}={_write(value)}"
        for name, value in named
        if value is not None and name not in _LEFT_OUT
    ]
    return " ".join([type(event).__name__, *parts])


def _write(value: object) -> str:
    if isinstance(value, BaseException):
        status = getattr(value, "status_code", None)
        return type(value).__name__ + (f"/{status}" if status is not None else "")
    text = one_line(f"{value:.6g}" if isinstance(value, float) else str(value))[:_MOST_CHARACTERS]
    return json.dumps(text) if not text or set(text) & set(' "=\\') else text
