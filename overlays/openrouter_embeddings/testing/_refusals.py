"""Faults of refusals and of transfer: statuses, envelopes, waits, broken and dripping bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from attrs import evolve

from openrouter_embeddings.testing._answers import Answer, fault, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.testing._answers import Healthy

__all__ = [
    "drip",
    "drip_headers",
    "empty_body",
    "error_in_200",
    "free_tier_daily",
    "html",
    "http_date",
    "in_flight_budget",
    "json_array",
    "no_data",
    "no_successful_provider",
    "not_json",
    "provider_error",
    "redirect",
    "reset_before_body",
    "reset_in_body",
    "silence",
    "status",
    "string_error",
    "truncated_body",
    "whitespace_only",
    "wrapped_502",
    "zod_error",
]

DateForm = Literal["imf", "rfc850", "asctime"]


def http_date(moment: datetime, form: DateForm = "imf") -> str:
    """Write one of the three forms of dates of RFC 9110 section 5.6.7."""
    utc = moment.astimezone(UTC)
    if form == "rfc850":
        return utc.strftime("%A, %d-%b-%y %H:%M:%S GMT")
    if form == "asctime":
        return f"{utc:%a %b} {utc.day:2d} {utc:%H:%M:%S %Y}"
    return format_datetime(utc, usegmt=True)


@fault(violates=False)
def status(
    _: Healthy,
    code: int = 503,
    message: str = "The service says no.",
    *,
    retry_after: float | str | None = None,
    retry_after_date: float | None = None,
    date_form: DateForm = "imf",
    retry_after_ms: int | None = None,
    retry_after_field: float | None = None,
    rate_limit_reset: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Answer:
    """Refuse with a status and the service's error object.

    Args:
        code: The HTTP status.
        message: The words.
        retry_after: ``Retry-After`` as it is, seconds or any text.
        retry_after_date: ``Retry-After`` as a date, so many seconds ahead.
        date_form: Which of the three forms that date has.
        retry_after_ms: ``retry-after-ms``.
        retry_after_field: ``metadata.retry_after_seconds`` of the body.
        rate_limit_reset: ``X-RateLimit-Reset``, so many seconds ahead, in epoch milliseconds.
        metadata: More of the error's metadata.
    """
    now = datetime.now(UTC)
    headers: dict[str, str] = {}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if retry_after_date is not None:
        headers["Retry-After"] = http_date(now + timedelta(seconds=retry_after_date), date_form)
    if retry_after_ms is not None:
        headers["retry-after-ms"] = str(retry_after_ms)
    if rate_limit_reset is not None:
        headers["X-RateLimit-Reset"] = str(int((now.timestamp() + rate_limit_reset) * 1000))
    details = dict(metadata or {})
    if retry_after_field is not None:
        details["retry_after_seconds"] = retry_after_field
    error = _error(code, message, **({"metadata": details} if details else {}))
    return Answer(to_json(error), code, headers)


def _error(code: int, message: str, **more: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, **more}}


@fault(violates=False)
def error_in_200(_: Healthy, code: int = 500, message: str = "Internal Server Error") -> Answer:
    """Put an error into a success."""
    return Answer(to_json(_error(code, message)))


@fault(violates=False)
def no_successful_provider(_: Healthy) -> Answer:
    """Say inside a success that no provider could answer."""
    return Answer(to_json(_error(404, "No successful provider responses.")))


@fault(violates=False)
def wrapped_502(_: Healthy) -> Answer:
    """Wrap an inner 502 into a 400."""
    return Answer(to_json(_error(502, "Provider returned error")), 400)


@fault(violates=False)
def in_flight_budget(_: Healthy, retry_after: float | None = 0) -> Answer:
    """Refuse with the 402 that passes when requests in flight are done."""
    metadata = {"limit_source": "openrouter_in_flight_budget", "reason": "in_flight"}
    payload = _error(402, "Credits are reserved.", metadata=metadata)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(to_json(payload), 402, headers)


@fault(violates=False)
def free_tier_daily(_: Healthy) -> Answer:
    """Refuse with the 429 that lasts until tomorrow."""
    metadata = {"limit_source": "openrouter_free_tier_daily"}
    return Answer(to_json(_error(429, "Daily limit reached.", metadata=metadata)), 429)


@fault(violates=False)
def zod_error(_: Healthy) -> Answer:
    """Refuse in the second envelope, whose message is JSON text."""
    issues = [{"code": "custom", "message": "Required", "path": ["input", 0]}]
    error = {"name": "ZodError", "message": json.dumps(issues)}
    return Answer(to_json({"success": False, "error": error}), 400)


@fault(violates=False)
def string_error(_: Healthy, code: int = 500) -> Answer:
    """Refuse with an error that is a bare text."""
    return Answer(to_json({"error": "Something went wrong"}), code)


@fault(violates=False)
def provider_error(
    _: Healthy, raw: str = '{"error": {"message": "The text is too odd"}}'
) -> Answer:
    """Refuse with the generic message, the provider's own words hidden in the metadata."""
    metadata = {"raw": raw, "provider_name": "Example AI"}
    return Answer(to_json(_error(400, "Provider returned error", metadata=metadata)), 400)


@fault(violates=lambda code=502: code < 300)
def html(_: Healthy, code: int = 502) -> Answer:
    """Answer with the HTML page of a network in front of the service."""
    page = f"<!DOCTYPE html><html><head><title>example | {code}: Bad gateway</title></head></html>"
    return Answer(page.encode(), code, content_type="text/html")


@fault()
def redirect(_: Healthy, to: str = "https://example.org/elsewhere") -> Answer:
    """Send the client elsewhere; a key must not go along."""
    return Answer(b"", 307, {"Location": to})


@fault()
def empty_body(_: Healthy, code: int = 200) -> Answer:
    """Answer with nothing."""
    return Answer(b"", code)


@fault()
def whitespace_only(_: Healthy) -> Answer:
    """Answer with the padding alone, as after an abort."""
    return Answer(b"\n   \n")


@fault()
def not_json(_: Healthy) -> Answer:
    """Answer with a text."""
    return Answer(b"upstream closed")


@fault()
def json_array(_: Healthy) -> Answer:
    """Answer with JSON that is no object."""
    return Answer(to_json([1, 2]))


@fault()
def no_data(_: Healthy) -> Answer:
    """Answer without ``data``."""
    return Answer(to_json({"object": "list", "model": "x"}))


@fault()
def truncated_body(healthy: Healthy) -> Answer:
    """Close the connection in the middle of the body."""
    return evolve(healthy.answer(), manner="truncate")


@fault()
def reset_before_body(healthy: Healthy) -> Answer:
    """Reset the connection before the reply."""
    return evolve(healthy.answer(), manner="reset_before")


@fault()
def reset_in_body(healthy: Healthy) -> Answer:
    """Reset the connection in the middle of the body."""
    return evolve(healthy.answer(), manner="reset_in")


@fault()
def drip(healthy: Healthy, interval: float = 0.05) -> Answer:
    """Send the body one byte at a time, `interval` seconds apart."""
    return evolve(healthy.answer(), manner="drip", interval=interval)


@fault()
def drip_headers(healthy: Healthy, interval: float = 0.05) -> Answer:
    """Send the headers one byte at a time, `interval` seconds apart."""
    return evolve(healthy.answer(), manner="drip_headers", interval=interval)


@fault()
def silence(healthy: Healthy, seconds: float = 30.0) -> Answer:
    """Say nothing for so many seconds, then close the connection."""
    return evolve(healthy.answer(), manner="silence", interval=seconds)
