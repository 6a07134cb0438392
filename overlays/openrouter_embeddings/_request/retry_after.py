"""When the service wants to be asked again: every form of it, as seconds from now. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, cast

from openrouter_embeddings._base.dates import epoch_seconds, read_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

LONGEST = 366 * 86_400.0
"""Seconds: a wait of more than a year is no wait but a mistake, and counts as not said."""

_MOST_EPOCH = 1e20  # nanoseconds of the year 2286, and ten times that
_DEEPEST = 7  # levels of a body; provider errors inside of provider errors have five
_MOST_CHARACTERS = 20_000  # of a provider's words; what is longer is no message

_FLAGS = re.IGNORECASE | re.ASCII
# Without a sign below zero: whoever writes -1 has miscounted, and does not mean "at once".
_NUMBER = re.compile(r"\+?\d{1,20}(?:\.\d{1,15})?", re.ASCII)
_DATE = re.compile(  # RFC 9110 section 5.6.7: IMF-fixdate, RFC 850, asctime
    r"[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT"
    r"|[A-Za-z]{6,9}, \d{2}-[A-Za-z]{3}-\d{2} \d{2}:\d{2}:\d{2} GMT"
    r"|[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}",
    re.ASCII,
)
_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_STEP = re.compile(rf"(\d{{1,15}}(?:\.\d{{1,15}})?)\s*({_UNIT})(?![a-z])", _FLAGS)
_DURATION = rf"(?:\d{{1,15}}(?:\.\d{{1,15}})?\s*(?:{_UNIT})(?![a-z])(?:,?\s*(?:and\s+)?)?)+"
_WHOLE_DURATION = re.compile(_DURATION, _FLAGS)
_WORDS = re.compile(
    # OpenAI: "Please try again in 6s"; Gemini: "Please retry in 34.07s"; Mistral, Cohere and
    # others: "wait 20 seconds before", "retry after 30 seconds", "available in 2 minutes".
    rf"(?:again in|again after|retry in|retry after|wait(?: for)?|available in)\s+({_DURATION})",
    _FLAGS,
)
_FIELD = re.compile(r"retry[-_]?(?:after|delay)(?:[-_]?(ms|milliseconds|s|seconds|raw|sec)){0,2}$")


def retry_after(
    headers: Mapping[str, str],
    error: Mapping[str, object],
    *,
    now: datetime,
    body: object = None,
) -> float | None:
    """Read how long to wait, the most reliable source first.

    The sources: the header ``Retry-After`` in seconds, as a duration with units or as any of the
    three dates of RFC 9110 section 5.6.7, and ``retry-after-ms``, the longer of the two; fields
    named so in the body, ``retryDelay`` among them, however deep, and in the provider's own
    words where these are JSON; the headers that the error copies; ``X-RateLimit-Reset`` in epoch
    seconds or smaller units; and words, ``"try again in 6s"`` say. Points in time count from the
    reply's own ``Date`` where it has one, so that a wrong local clock does no harm.

    Args:
        headers: The reply's headers, names in lower case.
        error: The error object of the body, or an empty mapping.
        now: When the reply came, in UTC.
        body: The whole body, decoded or a text, where the error object is not all that it says.

    Returns:
        Seconds from now, 0 to `LONGEST`, or None where nothing readable is said.
    """
    now = _read_date(headers.get("date")) or now
    metadata = error.get("metadata")
    copied = _lower(metadata.get("headers")) if isinstance(metadata, dict) else {}
    return _first(_sources(headers, copied, error if body is None else body, now))


def _sources(
    headers: Mapping[str, object],
    copied: Mapping[str, object],
    body: object,
    now: datetime,
) -> Iterator[float | None]:
    yield _from_headers(headers, now)
    yield _longest(*_from_fields(body, now))
    yield _from_headers(copied, now)
    yield _read_reset(headers.get("x-ratelimit-reset"), now)
    yield _read_reset(copied.get("x-ratelimit-reset"), now)
    yield _longest(*_from_words(body))


def _first(found: Iterator[float | None]) -> float | None:
    seconds = next((value for value in found if value is not None and value <= LONGEST), None)
    return None if seconds is None else max(0.0, seconds)


def _from_headers(headers: Mapping[str, object], now: datetime) -> float | None:
    milliseconds = _read_number(headers.get("retry-after-ms"))
    exact = None if milliseconds is None else milliseconds / 1000
    return _longest(exact, read_wait(headers.get("retry-after"), now))


def _longest(*found: float | None) -> float | None:
    """Take the longest wait; where it is another one rounded up, that one is meant."""
    said = [value for value in found if value is not None and value <= LONGEST]
    longest = max(said, default=None)
    return next((value for value in said if math.ceil(value) == longest), longest)


def read_wait(value: object, now: datetime) -> float | None:
    """Read seconds, a duration, or a date; a header that stands twice has its longest value."""
    if not isinstance(value, str):
        return _read_number(value)
    text = value.strip()
    found = _read_one(text, now)
    if found is None and "," in text:
        return _longest(*(_read_one(part.strip(), now) for part in text.split(",")))
    return found


def _read_one(text: str, now: datetime) -> float | None:
    number = _read_number(text)
    if number is not None:
        return number
    if _WHOLE_DURATION.fullmatch(text):
        return _read_duration(text)
    date = _read_date(text)
    return None if date is None else (date - now).total_seconds()


def _read_number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST_EPOCH else None


def _read_duration(text: str) -> float:
    return sum(float(amount) * _UNITS[unit.lower()] for amount, unit in _STEP.findall(text))


def _read_reset(value: object, now: datetime) -> float | None:
    reset = _read_number(value)
    seconds = None if reset is None else epoch_seconds(reset)
    if seconds is None:
        return None
    ahead = seconds - now.timestamp()
    return ahead if ahead > 0 else None


def _read_date(value: object) -> datetime | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        return None
    return read_date(value)


def _from_fields(value: object, now: datetime, depth: int = 0) -> Iterator[float]:
    """Find fields that say when, in a body and in JSON texts inside of it."""
    if depth > _DEEPEST:
        return
    for name, inner in _members(value):
        field = _FIELD.search(name.lower().replace("retryafter", "retry_after"))
        found = read_wait(inner, now) if field else None
        if field and found is not None:
            yield found / 1000 if field[1] in {"ms", "milliseconds"} else found
        elif name != "headers":
            yield from _from_fields(inner, now, depth + 1)


def _members(value: object) -> Iterator[tuple[str, object]]:
    if (
        isinstance(value, str)
        and value.lstrip()[:1] in ("{", "[")
        and len(value) < _MOST_CHARACTERS
    ):
        value = _decode(value)
    if isinstance(value, dict):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from (("", inner) for inner in value)


def _decode(text: str) -> object:
    if text.lstrip()[:1] not in {"{", "["} or len(text) > _MOST_CHARACTERS:
        return None
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _from_words(value: object, depth: int = 0) -> Iterator[float]:
    """Find durations in the words of an error, the provider's own among them."""
    if isinstance(value, str):
        found = _WORDS.findall(value[:_MOST_CHARACTERS])
        yield from map(_read_duration, found)
    elif depth <= _DEEPEST:
        for _, inner in _members(value):
            yield from _from_words(inner, depth + 1)


def _lower(value: object) -> dict[str, object]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {str(name).lower(): inner for name, inner in pairs}
