"""When the service wants to be asked again: every form of it, as seconds from now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

from openrouter_embeddings._base.dates import epoch_seconds, read_date

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_MOST_SECONDS = 366 * 86_400.0
"""A longer wait is not believed: daily, weekly and monthly limits all end sooner."""


def retry_after(
    headers: Mapping[str, str], error: Mapping[str, object], *, now: datetime
) -> float | None:
    """Read how long to wait, the most precise source first.

    The sources: ``retry-after-ms``; ``Retry-After`` in seconds or as any of the three dates of
    RFC 9110 section 5.6.7; ``metadata.retry_after_seconds`` and the headers that the error copies;
    ``availability.retry_after``; ``X-RateLimit-Reset`` in epoch seconds or smaller units. Points in
    time count from the reply's own ``Date`` where it has one, so that a wrong local clock does no
    harm.

    Args:
        headers: The reply's headers, names in lower case.
        error: The error object of the body, or an empty mapping.
        now: When the reply came, in UTC.

    Returns:
        Seconds from now, from 0 to a year, or None where nothing readable is said.
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
    return next((max(0.0, value) for value in seconds if _is_credible(value)), None)


def _is_credible(seconds: float | None) -> TypeGuard[float]:
    return seconds is not None and seconds <= _MOST_SECONDS


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
    seconds = None if reset is None else epoch_seconds(reset)
    if seconds is None:
        return None
    ahead = seconds - now.timestamp()
    return ahead if ahead > 0 else None


def _date(value: object) -> datetime | None:
    return read_date(value) if isinstance(value, str) else None
