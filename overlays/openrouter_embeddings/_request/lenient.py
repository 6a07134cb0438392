"""Values of a reply, whatever type they came in: odd ones are left out, and lose nothing else."""

from __future__ import annotations

import json

from openrouter_embeddings._base.printable import printable


def decode(body: bytes | bytearray) -> object:
    """Decode a JSON body; white space around it is normal.

    msgspec is stricter than the standard library, and refuses NaN, 1e999, half surrogates, a byte
    order mark and UTF-16: what it refuses is read once more, so that no body means another thing.

    Returns:
        The value, or None where the body is not JSON.
    """
    import msgspec  # noqa: PLC0415 - with the first reply

    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _decode_leniently(body)


def _decode_leniently(body: bytes | bytearray) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def present(value: object) -> object:
    """Take what was sent; None where the field was absent."""
    from openrouter_embeddings_api.types import UNSET  # noqa: PLC0415 - with the first call

    return None if value is UNSET else value


def text(value: object) -> str | None:
    """Take a text in one line, made safe to show; None for anything else."""
    return _plain(value) if isinstance(value, str) else None


def prose(value: object) -> str | None:
    """Take a text of several lines, made safe to show; None for anything else."""
    return printable(value) if isinstance(value, str) else None


def _plain(value: str) -> str:
    return printable(value).replace("\n", " ").replace("\t", " ")


def number(value: object) -> float | None:
    """Take a number that can be an amount; a cost that is NaN would make every sum NaN.

    Returns:
        The number, or None where it is none, negative, or more than any service charges or counts.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _MOST else None


_MOST = 10**15
"""A million times the tokens of everything that was ever written; sums of it stay exact."""


def count(value: object) -> int | None:
    """Take a whole number; a fraction is cut off."""
    found = number(value)
    return None if found is None else int(found)


def texts(values: object) -> tuple[str, ...]:
    """Take a list of texts, made safe to show, or nothing for anything else."""
    if not isinstance(values, list):
        return ()
    return tuple(_plain(value) for value in values if isinstance(value, str))
