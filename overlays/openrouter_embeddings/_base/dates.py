"""Points in time as services write them, bounded to those that a clock of today can mean."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import SupportsFloat

_MOST_CHARACTERS = 64  # the longest of the usual forms has 40
_UNITS = (1.0, 1e3, 1e6, 1e9)  # seconds, and what clocks of other languages count
_MOST_EPOCH_SECONDS = 10_000_000_000.0  # the year 2286; a number above it counts smaller units


def read_date(text: str) -> datetime | None:
    """Read a date of any usual form; UTC unless it says.

    Returns:
        The point in time, in UTC, or None where the text is no date.
    """
    from dateutil import parser, tz  # noqa: PLC0415 - slow to import, and such dates are rare

    def zone(_name: str | None, offset: int | None) -> tzinfo:
        return UTC if offset is None else tz.tzoffset(None, offset)

    if not text.strip() or len(text) > _MOST_CHARACTERS:
        return None
    try:
        found = parser.parse(text, tzinfos=zone)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except Exception:  # noqa: BLE001 - the parser fails over odd texts in many ways, none of them said
        return None


def epoch_seconds(value: SupportsFloat) -> float | None:
    """Read a number that counts from 1970, in seconds or smaller units, as seconds.

    Returns:
        The seconds, or None where no unit makes a year before 2286 of it.
    """
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return next(
        (number / unit for unit in _UNITS if abs(number / unit) < _MOST_EPOCH_SECONDS), None
    )


def from_epoch(value: SupportsFloat) -> datetime | None:
    """Read a number that counts from 1970 as a point in time, or None where it is none."""
    seconds = epoch_seconds(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
