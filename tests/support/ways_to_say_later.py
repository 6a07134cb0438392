"""Forty ways of services to say "later", ten of them absurd, each with what it means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from openrouter_embeddings._request.refusals import take_payload
from openrouter_embeddings._request.request import Reply

CAME_AT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
EPOCH = int(CAME_AT.timestamp())
ABSENT = None


GEMINI = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}


def header(value, name="retry-after", **more):
    return {name: value, **more}, json.dumps({"error": {"code": 429, "message": "Slow down."}})


def body(**fields):
    return {}, json.dumps({"error": {"code": 429, "message": "Slow down.", **fields}})


def words(message):
    return body(message=message)


def raw(text):
    """Write what a provider said as OpenRouter passes it on."""
    return body(message="Provider returned error", metadata={"raw": text, "provider_name": "P"})


def whole(payload):
    """Write a body that is no error object of OpenRouter's."""
    return {}, payload if isinstance(payload, str) else json.dumps(payload)


WAYS = {
    # Headers
    "seconds": (header("7"), 7.0),
    "now": (header("0"), 0.0),
    "a fraction": (header("1.5"), 1.5),
    "with a unit": (header("30s"), 30.0),
    "with two units": (header("1h30m"), 5_400.0),
    "milliseconds": (header("250ms"), 0.25),
    "unit in a word": (header("2 minutes"), 120.0),
    "IMF date": (header("Fri, 20 Nov 2026 12:00:30 GMT"), 30.0),
    "RFC 850 date": (header("Friday, 20-Nov-26 12:00:30 GMT"), 30.0),
    "asctime date": (header("Fri Nov 20 12:00:30 2026"), 30.0),
    "a date that is past": (header("Fri, 20 Nov 2026 11:59:00 GMT"), 0.0),
    "a date of another clock": (
        header("Fri, 20 Nov 2026 15:00:05 GMT", date="Fri, 20 Nov 2026 15:00:00 GMT"),
        5.0,
    ),
    "a header twice": (header("2, 5"), 5.0),
    "two that disagree": (header("7", **{"retry-after-ms": "9000"}), 9.0),
    "one of two is absurd": (header("nan", **{"retry-after-ms": "1500"}), 1.5),
    "a reset": (header(str(EPOCH + 12), "x-ratelimit-reset"), 12.0),
    "a reset in milliseconds": (header(f"{EPOCH + 12}000", "x-ratelimit-reset"), 12.0),
    # Bodies
    "a field": (body(retry_after=3), 3.0),
    "a field beside the error": (
        whole({"error": {"code": 429, "message": "Slow down."}, "retry_after": 3}),
        3.0,
    ),
    "a field without an error": (whole({"message": "Slow down.", "retry_after": 3.5}), 3.5),
    "a field of metadata": (body(metadata={"retry_after_seconds": 3}), 3.0),
    "a field of milliseconds": (body(retry_after_ms=1_500), 1.5),
    "a copied header": (body(metadata={"headers": {"Retry-After": "4"}}), 4.0),
    "retryDelay": (body(details=[GEMINI]), 34.0),
    "retryDelay in a list": (whole([{"error": {"code": 429, "details": [GEMINI]}}]), 34.0),
    "retryDelay in raw": (raw(json.dumps({"error": {"details": [GEMINI]}})), 34.0),
    "words": (words("Rate limit reached. Please try again in 6s."), 6.0),
    "words in raw": (raw("Please retry in 1m30.5s."), 90.5),
    "words without an error": (whole({"detail": "Wait 20 seconds before you ask again."}), 20.0),
    "words alone": (whole("Too many requests, retry after 45 seconds.\n"), 45.0),
    # Absurd: what is none of these counts as absent.
    "negative": (header("-3"), ABSENT),
    "no number": (header("nan"), ABSENT),
    "infinity": (header("1e309"), ABSENT),
    "more than a year": (header("31622401"), ABSENT),
    "the end of time": (header("Fri, 31 Dec 9999 23:59:59 GMT"), ABSENT),
    "empty": (header(""), ABSENT),
    "garbage": (header("soon; q=\x07"), ABSENT),
    "digits of another script": (header("\u0663\u0660"), ABSENT),
    "negative in a field": (body(retry_after=-3, metadata={"retry_after_ms": -1e300}), ABSENT),
    "no number in words": (words("Try again in 9" + "9" * 400 + " seconds."), ABSENT),
}
"""By name: the headers and the body of a 429, and the seconds, or None where nothing is said."""


def reply(name):
    """Write the reply that says so."""
    (headers, text), _ = WAYS[name]
    return Reply(429, headers, text.encode(), CAME_AT)


def refusal(name):
    """Read the refusal that says so."""
    return take_payload(reply(name))
