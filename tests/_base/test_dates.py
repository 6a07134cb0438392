"""Points in time as services write them, the odd ones included."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openrouter_embeddings._base.dates import epoch_seconds, from_epoch, read_date

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-20T12:00:00Z", "Fri, 20 Nov 2026 12:00:00 GMT", "2026-11-20 13:00:00+01:00"),
        *("20 Nov 2026 12:00:00 XYZ", " 2026-11-20 12:00 "),
    ],
)
def test_dates_of_any_usual_form_are_read(text):
    """What names no zone, or one that nobody knows, is UTC."""
    assert read_date(text) == NOW


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "soon",
            "1" * 5000,
            "1" * 40,
            "Fri, 31 Dec 9999 23:59:59 -2300",
            "0001-01-01 +2300",
        ),
        *("2026-11-20T12:00:00+99:99", "\ud800", "\x00", "1e400", "10:99", "June 1e9999999999"),
    ],
)
def test_what_is_no_date_is_none(text):
    """No text ends in an exception of the parser or of the clock."""
    assert read_date(text) is None


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_the_unit_follows_from_the_size(unit):
    """Seconds, milliseconds, microseconds and nanoseconds are all in use."""
    assert from_epoch(int(NOW.timestamp()) * unit) == NOW


@pytest.mark.parametrize("value", [10**400, 1e400, 1e30, float("nan"), -(10**400)])
def test_numbers_of_no_date_are_none(value):
    """They are none of any unit."""
    assert epoch_seconds(value) is None
    assert from_epoch(value) is None
