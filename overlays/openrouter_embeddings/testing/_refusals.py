"""Faults of refusals and of transfer: statuses, envelopes, waits, broken and dripping bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import evolve

from openrouter_embeddings.testing._answers import Answer, fault, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.testing._answers import Fault, Healthy, Manner

DateForm = Literal["imf", "rfc850", "asctime"]


def http_date(moment: datetime, form: DateForm = "imf") -> str:
    """Write one of the three forms of dates of RFC 9110 section 5.6.7."""
    utc = moment.astimezone(UTC)
    if form == "rfc850":
        return utc.strftime("%A, %d-%b-%y %H:%M:%S GMT")
    if form == "asctime":
        return f"{utc:%a %b} {utc.day:2d} {utc:%H:%M:%S %Y}"
    return format_datetime(utc, usegmt=True)


def status(
    code: int,
    message: str = "The service says no.",
    *,
    retry_after: float | str | None = None,
    retry_after_date: float | None = None,
    date_form: DateForm = "imf",
    retry_after_ms: int | None = None,
    retry_after_field: float | None = None,
    rate_limit_reset: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Fault:
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

    def shape(_healthy: Healthy) -> Answer:
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
        error: dict[str, object] = {"code": code, "message": message}
        body = to_json({"error": error | ({"metadata": details} if details else {})})
        return Answer(body, code, headers)

    settings = (
        *(code, message, retry_after, retry_after_date, date_form, retry_after_ms),
        *(retry_after_field, rate_limit_reset, repr(metadata)),
    )
    return fault("status", "an error status", shape, *settings, violates=False)


def _refusal(
    name: str,
    description: str,
    code: int,
    payload: object,
    *settings: object,
    headers: Mapping[str, str] = MappingProxyType({}),
    violates: bool = False,
) -> Fault:
    body = payload if isinstance(payload, bytes) else to_json(payload)
    answer = Answer(body, code, headers)
    return fault(name, description, lambda _: answer, *settings, violates=violates)


def error_in_200(code: int = 500, message: str = "Internal Server Error") -> Fault:
    """Put an error into a success."""
    payload = {"error": {"message": message, "code": code}}
    return _refusal("error_in_200", "an error inside a 200", 200, payload, code, message)


def no_successful_provider() -> Fault:
    """Say inside a success that no provider could answer."""
    payload = {"error": {"message": "No successful provider responses.", "code": 404}}
    return _refusal("no_successful_provider", "a 404 inside a 200", 200, payload)


def wrapped_502() -> Fault:
    """Wrap an inner 502 into a 400."""
    payload = {"error": {"message": "Provider returned error", "code": 502}}
    return _refusal("wrapped_502", "a 502 inside a 400", 400, payload)


def in_flight_budget(retry_after: float | None = 0) -> Fault:
    """Refuse with the 402 that passes when requests in flight are done."""
    metadata = {"limit_source": "openrouter_in_flight_budget", "reason": "in_flight"}
    payload = {"error": {"code": 402, "message": "Credits are reserved.", "metadata": metadata}}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _refusal(
        "in_flight_budget", "a 402 that passes", 402, payload, retry_after, headers=headers
    )


def free_tier_daily() -> Fault:
    """Refuse with the 429 that lasts until tomorrow."""
    metadata = {"limit_source": "openrouter_free_tier_daily"}
    payload = {"error": {"code": 429, "message": "Daily limit reached.", "metadata": metadata}}
    return _refusal("free_tier_daily", "a 429 that lasts for hours", 429, payload)


def zod_error() -> Fault:
    """Refuse in the second envelope, whose message is JSON text."""
    issues = [{"code": "custom", "message": "Required", "path": ["input", 0]}]
    error = {"name": "ZodError", "message": json.dumps(issues)}
    payload = {"success": False, "error": error}
    return _refusal("zod_error", "the second error envelope", 400, payload)


def string_error(code: int = 500) -> Fault:
    """Refuse with an error that is a bare text."""
    payload = {"error": "Something went wrong"}
    return _refusal("string_error", "an error that is a bare text", code, payload, code)


def provider_error(raw: str = '{"error": {"message": "The text is too odd"}}') -> Fault:
    """Refuse with the generic message, the provider's own words hidden in the metadata."""
    metadata = {"raw": raw, "provider_name": "Example AI"}
    payload = {"error": {"code": 400, "message": "Provider returned error", "metadata": metadata}}
    return _refusal("provider_error", "words of the provider in metadata.raw", 400, payload, raw)


def html(code: int = 502) -> Fault:
    """Answer with the HTML page of a network in front of the service."""
    page = f"<!DOCTYPE html><html><head><title>example | {code}: Bad gateway</title></head></html>"
    answer = Answer(page.encode(), code, content_type="text/html")
    return fault("html", "an HTML page", lambda _: answer, code, violates=code < 300)


def redirect(to: str = "https://example.org/elsewhere") -> Fault:
    """Send the client elsewhere; a key must not go along."""
    return _refusal("redirect", "a redirect", 307, b"", to, headers={"Location": to}, violates=True)


def empty_body(code: int = 200) -> Fault:
    """Answer with nothing."""
    return _refusal("empty_body", "no body", code, b"", code, violates=True)


def whitespace_only() -> Fault:
    """Answer with the padding alone, as after an abort."""
    return _refusal("whitespace_only", "white space only", 200, b"\n   \n", violates=True)


def not_json() -> Fault:
    """Answer with a text."""
    return _refusal("not_json", "text instead of JSON", 200, b"upstream closed", violates=True)


def json_array() -> Fault:
    """Answer with JSON that is no object."""
    return _refusal("json_array", "an array instead of an object", 200, [1, 2], violates=True)


def no_data() -> Fault:
    """Answer without ``data``."""
    payload = {"object": "list", "model": "x"}
    return _refusal("no_data", "an object without data", 200, payload, violates=True)


def _manner(name: str, description: str, manner: Manner, interval: float = 0.0) -> Fault:
    def shape(healthy: Healthy) -> Answer:
        return evolve(healthy.answer(), manner=manner, interval=interval)

    return fault(name, description, shape, interval)


def truncated_body() -> Fault:
    """Close the connection in the middle of the body."""
    return _manner("truncated_body", "a body cut short", "truncate")


def reset_before_body() -> Fault:
    """Reset the connection before the reply."""
    return _manner("reset_before_body", "a reset before the reply", "reset_before")


def reset_in_body() -> Fault:
    """Reset the connection in the middle of the body."""
    return _manner("reset_in_body", "a reset within the body", "reset_in")


def drip(interval: float = 0.05) -> Fault:
    """Send the body one byte at a time, `interval` seconds apart."""
    return _manner("drip", "a body that drips", "drip", interval)


def drip_headers(interval: float = 0.05) -> Fault:
    """Send the headers one byte at a time, `interval` seconds apart."""
    return _manner("drip_headers", "headers that drip", "drip_headers", interval)


def silence(seconds: float = 30.0) -> Fault:
    """Say nothing for so many seconds, then close the connection."""
    return _manner("silence", "no reply at all", "silence", seconds)
