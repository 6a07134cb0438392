"""When the service wants to be asked again, in every form that it uses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openrouter_embeddings._request.retry_after import retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
EPOCH = NOW.timestamp()


@pytest.mark.parametrize(
    ("headers", "error", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7.0),
        ({"retry-after": "0"}, {}, 0.0),
        ({"retry-after": "1.5"}, {}, 1.5),
        ({"retry-after": "-3"}, {}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, {}, 0.25),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, {}, 30.0),
        ({"retry-after": "Friday, 20-Nov-26 12:00:30 GMT"}, {}, 30.0),
        ({"retry-after": "Fri Nov 20 12:00:30 2026"}, {}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, {}, 0.0),
        ({"retry-after": "soon"}, {}, None),
        ({"retry-after": ""}, {}, None),
        ({"retry-after": "nan"}, {}, None),
        ({}, {"metadata": {"retry_after_seconds": 3}}, 3.0),
        ({}, {"metadata": {"retry_after_seconds_raw": 2.4, "retry_after_seconds": 3}}, 2.4),
        ({}, {"metadata": {"headers": {"Retry-After": "4"}}}, 4.0),
        ({}, {"metadata": {"headers": {"X-RateLimit-Reset": str(int((EPOCH + 9) * 1000))}}}, 9.0),
        ({}, {"availability": {"retry_after": 5}}, 5.0),
        ({"x-ratelimit-reset": str(int(EPOCH + 12))}, {}, 12.0),
        ({"x-ratelimit-reset": str(int((EPOCH + 12) * 1000))}, {}, 12.0),
        ({"x-ratelimit-reset": str(int(EPOCH - 12))}, {}, None),
        ({"retry-after": "2", "x-ratelimit-reset": str(int(EPOCH + 12))}, {}, 2.0),
        ({}, {"metadata": {"retry_after_seconds": True}}, None),
        ({}, {"metadata": "odd"}, None),
        ({"x-ratelimit-reset": str(int((EPOCH + 9) * 1_000_000))}, {}, 9.0),
        ({"x-ratelimit-reset": str(int((EPOCH + 9) * 1_000_000_000))}, {}, 9.0),
        ({"x-ratelimit-reset": "1e30"}, {}, None),
        ({"x-ratelimit-reset": "9" * 400}, {}, None),
        ({"retry-after": "1e30"}, {}, None),
        ({"retry-after": "1e30", "x-ratelimit-reset": str(int(EPOCH + 9))}, {}, 9.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, {}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2300"}, {}, None),
        ({"date": "Mon, 01 Jan 0001 00:00:00 +2300", "retry-after": "7"}, {}, 7.0),
        ({}, {"metadata": {"retry_after_seconds": 10**400}}, None),
        ({}, {"metadata": {"retry_after_seconds": 1e300}}, None),
        ({}, {}, None),
    ],
)
def test_every_form_is_read(headers, error, seconds):
    """Seconds, dates, milliseconds, body fields and resets all become seconds from now."""
    assert retry_after(headers, error, now=NOW) == seconds


def test_a_date_counts_from_the_servers_own_clock():
    """A local clock that is an hour off does no harm."""
    headers = {
        "retry-after": "Fri, 20 Nov 2026 13:00:10 GMT",
        "date": "Fri, 20 Nov 2026 13:00:00 GMT",
    }

    assert retry_after(headers, {}, now=NOW) == 10.0
