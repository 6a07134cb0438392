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
        ({"retry-after": "-3"}, {}, None),
        ({"retry-after": "31622401", "retry-after-ms": "1500"}, {}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, {}, 7.0),
        ({"retry-after-ms": "1250", "retry-after": "2"}, {}, 1.25),
        ({"retry-after-ms": "9000", "retry-after": "7"}, {}, 9.0),
        ({"retry-after": "2, 5"}, {}, 5.0),
        ({"retry-after": "30s"}, {}, 30.0),
        ({"retry-after": "1m30s"}, {}, 90.0),
        ({"retry-after": "2m59s"}, {}, 179.0),
        ({"retry-after": "0m2s"}, {}, 2.0),
        ({"retry-after": "250ms"}, {}, 0.25),
        ({"retry-after": "2 minutes"}, {}, 120.0),
        ({"retry-after": "1 minute and 5 seconds"}, {}, 65.0),
        ({"retry-after": "1H"}, {}, 3600.0),
        ({"retry-after": "1d"}, {}, 86400.0),
        ({"retry-after": "10 s please"}, {}, None),
        ({"retry-after": "infinity"}, {}, None),
        ({"retry-after": "1e400"}, {}, None),
        ({"retry-after": "1e3"}, {}, None),
        ({"retry-after": "\u0663"}, {}, None),
        ({"retry-after": "9" * 400}, {}, None),
        ({"retry-after": "99999999999"}, {}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, {}, None),
        ({"retry-after": "2026-11-20"}, {}, None),
        ({"retry-after": "12"}, {"retry_after": 3}, 12.0),
        ({"x-ratelimit-reset": "1000000000000000"}, {}, None),
        ({"x-ratelimit-reset": "9" * 400}, {}, None),
        ({}, {"retry_after": 3}, 3.0),
        ({}, {"retry_after": 10**400}, None),
        ({}, {"retry_after": float("nan")}, None),
        ({}, {"retryAfter": "3s"}, 3.0),
        ({}, {"retryAfterSeconds": 3}, 3.0),
        ({}, {"retry_after_ms": 1500}, 1.5),
        ({}, {"metadata": {"raw": '{"error":{"details":[{"retryDelay":"34s"}]}}'}}, 34.0),
        ({}, {"metadata": {"raw": "Please retry in 34.07s."}}, 34.07),
        ({}, {"metadata": {"raw": '{"error": {"message": "try again in 1m30.5s"}}'}}, 90.5),
        ({}, {"message": "Rate limit reached. Please try again in 6s. Visit us."}, 6.0),
        ({}, {"message": "Please wait 20 seconds before the next request."}, 20.0),
        ({}, {"message": "Try again in 6 apples."}, None),
        ({}, {"message": "It took 6s."}, None),
        ({}, {"retry_after": {"retry_after": {"retry_after": 4}}}, 4.0),
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
        ({"retry-after": "1e30"}, {}, None),
        ({"retry-after": "1e30", "x-ratelimit-reset": str(int(EPOCH + 9))}, {}, 9.0),
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
