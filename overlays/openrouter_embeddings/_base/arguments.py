"""Say what is wrong with an argument: its name, its position, the first characters of its value."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, SupportsIndex, TypeVar, cast

from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError, OpenRouterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

MOST_SECONDS = 2_000_000.0
"""The longest time to wait, 23 days: the system's calls take milliseconds in 31 bits."""

_SHOWN_CHARACTERS = 40
_SHOWN_DIGITS = 1_000  # Python refuses to write integers of more than 4,300
_HEADER_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_RESERVED_HEADERS: Mapping[str, str] = {
    "authorization": "pass the key as api_key",
    "proxy-authorization": "put user and password into the proxy's URL",
    "accept-encoding": "what can be unpacked is asked for already",
    **dict.fromkeys(
        ("content-length", "transfer-encoding", "content-encoding"), "it follows from the request"
    ),
    **dict.fromkeys(
        ("host", "connection", "keep-alive", "proxy-connection"), "it follows from the request"
    ),
    **dict.fromkeys(
        ("te", "trailer", "upgrade", "expect", "http2-settings"), "it follows from the request"
    ),
}
"""Headers that say how a message is framed, or who sends it; a wrong one breaks the connection."""


def shown(value: object) -> str:
    """Show the type and the first characters of a value, whatever its class makes of `repr`."""
    if value is None:
        return "None"
    return f"{type(value).__name__} {_start_of(value)}"


def _start_of(value: object) -> str:
    if isinstance(value, str):
        plain = str.__str__(value)
        return ascii(_cut(plain))
    if isinstance(value, int) and abs(int.__int__(value)) >= 10**_SHOWN_DIGITS:
        return f"of more than {_SHOWN_DIGITS:,} digits"
    try:
        return _cut(one_line(repr(value)))
    except Exception:  # noqa: BLE001 - a class of the caller's own can fail in any way
        return "that cannot be shown"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def read(argument: str, check: Callable[[], T]) -> T:
    """Run a check over an object of the caller's, whose own methods can fail in any way.

    Raises:
        ConfigurationError: They failed; what they raised is the cause.
    """
    try:
        return check()
    except (OpenRouterError, MemoryError):
        raise
    except Exception as exc:
        argument = one_line(argument)
        message = f"{argument} cannot be read: it raised {type(exc).__name__}."
        raise ConfigurationError(message, argument=argument) from exc


def bad_type(argument: str, wanted: str, value: object) -> InvalidTypeError:
    """Make the error for a value of a type that cannot be used."""
    argument = one_line(argument)
    return InvalidTypeError(f"{argument} must be {wanted}, not {shown(value)}.", argument=argument)


def bad_value(argument: str, problem: str, value: object) -> ConfigurationError:
    """Make the error for a value of the right type that cannot be used."""
    argument = one_line(argument)
    return ConfigurationError(f"{argument} {problem}: {shown(value)}.", argument=argument)


def unknown_name(argument: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Make the error for a name that is none of the known ones, with the nearest of them."""
    from difflib import get_close_matches  # noqa: PLC0415 - slow to import

    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
    argument = one_line(argument)
    message = f"{argument} is unknown: {shown(name)}."
    return ConfigurationError(message, argument=argument, hint=advice)


def text(argument: str, value: object) -> str:
    """Check a text: not empty, and made of characters that UTF-8 can carry."""
    if not isinstance(value, str):
        raise bad_type(argument, "text", value)
    plain = str.__str__(value)
    if not plain:
        raise bad_value(argument, "must not be empty", value)
    if not plain.isascii() and not _fits_utf8(plain):
        problem = "holds half of a surrogate pair, which no encoding can carry"
        raise bad_value(argument, problem, value)
    return plain


def _fits_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def choice(argument: str, value: object, known: Sequence[str]) -> str:
    """Check that a value is one of a few texts."""
    if isinstance(value, str) and str.__str__(value) in known:
        return str.__str__(value)
    raise bad_value(argument, f"must be {' or '.join(map(repr, known))}", value)


def flag(argument: str, value: object) -> bool:
    """Check a switch."""
    if isinstance(value, bool) or type(value).__name__ in _BOOLEANS:
        return bool(value)
    raise bad_type(argument, "True or False", value)


_BOOLEANS = {"bool", "bool_"}  # numpy's has either name


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
    if type(value).__name__ in _BOOLEANS:
        return None
    try:
        return int.__int__(operator.index(cast("SupportsIndex", value)))
    except Exception:  # noqa: BLE001 - a class of the caller's own can fail in any way
        return None


def number(argument: str, value: object, *, least: float = 0.0, most: float = math.inf) -> float:
    """Check a finite number and its bounds; numpy's and decimal ones are taken as well."""
    found = _float(value)
    if found is None:
        raise bad_type(argument, "a number", value)
    if not math.isfinite(found) or found < least:
        raise bad_value(argument, f"must be a finite number of at least {least:g}", value)
    if found > most:
        raise bad_value(argument, f"must be at most {most:g}", value)
    return found


def _float(value: object) -> float | None:
    if type(value).__name__ in _BOOLEANS or not isinstance(value, Real | Decimal):
        return None
    try:
        return _plain_number(value)
    except OverflowError:
        return math.inf
    except Exception:  # noqa: BLE001 - a class of the caller's own can fail in any way
        return None


def _plain_number(value: Real | Decimal) -> float:
    number = float(value)
    return int(number) if isinstance(value, int) and abs(number) < _EXACT else number


_EXACT = 2**53  # smaller integers are floats exactly, and stay what they are


def seconds(argument: str, value: object) -> float | None:
    """Check a time in seconds, at most `MOST_SECONDS`; None means no bound."""
    if value is None:
        return None
    checked = number(argument, value)
    if checked <= 0:
        raise bad_value(argument, "must be more than 0 seconds, or None for no bound", value)
    if checked > MOST_SECONDS:
        problem = f"must be at most {MOST_SECONDS:,.0f} seconds, or None for no bound"
        raise bad_value(argument, problem, value)
    return checked


def mapping(argument: str, value: object) -> dict[str, object]:
    """Check a mapping with text keys, and take it apart from the caller's own."""
    if not isinstance(value, Mapping):
        raise bad_type(argument, "a mapping", value)
    found: dict[object, object] = read(argument, lambda: dict(value))
    for key in found:
        if not isinstance(key, str):
            raise bad_type(f"{argument} key", "text", key)
    return {str.__str__(cast("str", key)): item for key, item in found.items()}


def json_mapping(argument: str, value: object) -> dict[str, object]:
    """Check a mapping with text keys that JSON can carry, and copy it."""
    plain = mapping(argument, value)
    try:
        written = json.dumps(plain, allow_nan=False, ensure_ascii=False)
        written.encode()
        copy: dict[str, object] = json.loads(written)
    except MemoryError:
        raise
    except Exception as exc:  # a class of the caller's own can fail in any way
        argument = one_line(argument)
        message = f"{argument} cannot be written as JSON: {one_line(_words(exc))}."
        raise ConfigurationError(message, argument=argument) from exc
    return copy


def _words(exc: Exception) -> str:
    try:
        return _cut(str(exc))
    except Exception:  # noqa: BLE001 - the same
        return type(exc).__name__


def header(argument: str, value: object) -> str:
    """Check a header value: text without control characters, and without blanks at its ends."""
    if not isinstance(value, str):
        raise bad_type(argument, "text", value)
    plain = str.__str__(value)
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in plain):
        raise bad_value(argument, "must hold no control characters and no line ends", value)
    if plain != plain.strip():
        raise bad_value(argument, "must not begin or end with a blank", value)
    if not _fits_utf8(plain):
        problem = "holds half of a surrogate pair, which no encoding can carry"
        raise bad_value(argument, problem, value)
    return plain


def headers(argument: str, value: object) -> dict[str, str]:
    """Check header names and values; what frames a message, or says who sends it, is ours."""
    checked: dict[str, str] = {}
    for name, content in mapping(argument, {} if value is None else value).items():
        where = f"{argument}[{_cut(name)!a}]"
        if not _HEADER_NAME.fullmatch(name):
            raise bad_value(where, "is no name of a header", name)
        reason = _RESERVED_HEADERS.get(name.lower())
        if reason is not None:
            message = f"{where} cannot be set: {reason}."
            raise ConfigurationError(message, argument=where)
        checked[name] = header(where, content)
    return checked
