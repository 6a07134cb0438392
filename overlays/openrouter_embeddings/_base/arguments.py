"""Say what is wrong with an argument: its name, its position, the first characters of its value."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHOWN_CHARACTERS = 40


def shown(value: object) -> str:
    """Show the type and the first characters of a value."""
    if value is None:
        return "None"
    text = value if isinstance(value, str) else repr(value)
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return f"{type(value).__name__} {ascii(cut) if isinstance(value, str) else cut}"


def bad_type(argument: str, wanted: str, value: object) -> InvalidTypeError:
    """Make the error for a value of a type that cannot be used."""
    return InvalidTypeError(f"{argument} must be {wanted}, not {shown(value)}.", argument=argument)


def bad_value(argument: str, problem: str, value: object) -> ConfigurationError:
    """Make the error for a value of the right type that cannot be used."""
    return ConfigurationError(f"{argument} {problem}: {shown(value)}.", argument=argument)


def unknown_name(argument: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Make the error for a name that is none of the known ones, with the nearest of them."""
    from difflib import get_close_matches  # noqa: PLC0415 - slow to import

    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
    message = f"{argument} is unknown: {shown(name)}."
    return ConfigurationError(message, argument=argument, hint=advice)


def text(argument: str, value: object) -> str:
    """Check a text: not empty, and made of characters that UTF-8 can carry."""
    if not isinstance(value, str):
        raise bad_type(argument, "text", value)
    if not value:
        raise bad_value(argument, "must not be empty", value)
    if not value.isascii() and not _fits_utf8(value):
        problem = "holds half of a surrogate pair, which no encoding can carry"
        raise bad_value(argument, problem, value)
    return value


def _fits_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_number(argument: str, value: object, *, least: int, most: int | None = None) -> int:
    """Check an integer and its bounds; booleans and floating numbers are refused."""
    number = _index(value)
    if number is None:
        raise bad_type(argument, "an integer", value)
    if number < least:
        raise bad_value(argument, f"must be at least {least}", value)
    if most is not None and number > most:
        raise bad_value(argument, f"must be at most {most}", value)
    return number


def _index(value: object) -> int | None:
    """Read an integer of any make, numpy's included."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:
        return None
    index = getattr(value, "__index__", None)
    return None if index is None else int(index())


def number(argument: str, value: object, *, least: float = 0.0) -> float:
    """Check a finite number that is at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_type(argument, "a number", value)
    if not math.isfinite(value) or value < least:
        raise bad_value(argument, f"must be a finite number of at least {least:g}", value)
    return value


def seconds(argument: str, value: object) -> float | None:
    """Check a time in seconds; None means no bound."""
    if value is None:
        return None
    checked = number(argument, value)
    if checked <= 0:
        raise bad_value(argument, "must be more than 0 seconds, or None for no bound", value)
    return checked


def json_mapping(argument: str, value: object) -> dict[str, object]:
    """Check a mapping with text keys that JSON can carry."""
    from collections.abc import Mapping  # noqa: PLC0415 - shadows the name for type checkers

    if not isinstance(value, Mapping):
        raise bad_type(argument, "a mapping", value)
    for key in value:
        if not isinstance(key, str):
            raise bad_type(f"{argument} key", "text", key)
    plain = dict(value)
    try:
        json.dumps(plain, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        message = f"{argument} cannot be written as JSON: {exc}."
        raise ConfigurationError(message, argument=argument) from exc
    return plain


def header(argument: str, value: object) -> str:
    """Check a header value: text of printable Latin-1 characters."""
    if not isinstance(value, str):
        raise bad_type(argument, "text", value)
    if any(ord(letter) < 32 or ord(letter) == 127 or ord(letter) > 255 for letter in value):
        raise bad_value(argument, "must hold printable Latin-1 characters only", value)
    return value


def headers(argument: str, value: Mapping[str, str] | None) -> dict[str, str]:
    """Check header names and values; the key's own header cannot be replaced."""
    checked: dict[str, str] = {}
    for name, content in ({} if value is None else value).items():
        where = f"{argument}[{name!r}]"
        if not isinstance(name, str) or not name.isascii() or not name.replace("-", "").isalnum():
            raise bad_value(where, "is no name of a header", name)
        if name.lower() == "authorization":
            message = f"{where} cannot be set: pass the key as api_key."
            raise ConfigurationError(message, argument=where)
        checked[name] = header(where, content)
    return checked
