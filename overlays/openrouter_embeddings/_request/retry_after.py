"""When the service wants to be asked again: every form of it, as seconds from now."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH_MILLISECONDS_FROM = 10_000_000_000


def retry_after(
    headers: Mapping[str, str], error: Mapping[str, object], *, now: datetime
) -> float | None:
    """Read how long to wait, the most precise source first.

    The sources: ``retry-after-ms``; ``Retry-After`` in seconds or as any of the three dates of
    RFC 9110 section 5.6.7; ``metadata.retry_after_seconds`` and the headers that the error copies;
    ``availability.retry_after``; ``X-RateLimit-Reset`` in epoch seconds or milliseconds. Points in
    time count from the reply's own ``Date`` where it has one, so that a wrong local clock does no
    harm.

    Args:
        headers: The reply's headers, names in lower case.
        error: The error object of the body, or an empty mapping.
        now: When the reply came, in UTC.

    Returns:
        Seconds from now, at least 0, or None where nothing readable is said.
    """
    metadata = _mapping(error.get("metadata"))
    availability = _mapping(error.get("availability"))
    copied = {str(k).lower(): v for k, v in _mapping(metadata.get("headers")).items()}
    now = _date(headers.get("date")) or now
    seconds = (
        _thousandth(_number(headers.get("retry-after-ms"))),
        _seconds_or_date(headers.get("retry-after"), now),
        _number(metadata.get("retry_after_seconds_raw")),
        _number(metadata.get("retry_after_seconds")),
        _seconds_or_date(copied.get("retry-after"), now),
        _number(availability.get("retry_after")),
        _until(_number(headers.get("x-ratelimit-reset")), now),
        _until(_number(copied.get("x-ratelimit-reset")), now),
    )
    return next((max(0.0, value) for value in seconds if value is not None), None)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _seconds_or_date(value: object, now: datetime) -> float | None:
    number = _number(value)
    if number is not None:
        return number
    date = _date(value)
    return None if date is None else (date - now).total_seconds()


def _until(reset: float | None, now: datetime) -> float | None:
    if reset is None:
        return None
    seconds = reset / 1000 if reset >= _EPOCH_MILLISECONDS_FROM else reset
    ahead = seconds - now.timestamp()
    return ahead if ahead > 0 else None


def _date(value: object) -> datetime | None:
    if not isinstance(value, str) or not value.strip():
        return None
    from dateutil import parser  # noqa: PLC0415 - slow to import, and dates are rare

    try:
        date = parser.parse(value)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
