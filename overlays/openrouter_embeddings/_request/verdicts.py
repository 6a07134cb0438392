"""What an error may mean, and what follows from it: every judgement over errors, in one place.

The rules that decide about sending again:

1. Only what can pass by itself is sent again: no answer, a reply that breaks the contract, and the
   statuses of `TRANSIENT_STATUSES`; never the daily limit of free models, which lasts for hours.
2. What was probably paid for is not paid for again and again: see `may_have_cost`, `would_drip`.
3. What a smaller request may cure is divided; what every other request would meet ends a run.
"""

from __future__ import annotations

import re

from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ConfigurationError,
    DeadlineExceededError,
    ForbiddenResponseError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterError,
    PayloadTooLargeResponseError,
    PaymentRequiredResponseError,
    ResponseError,
    ResponseValidationError,
    UnauthorizedResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 525), 529})
"""The statuses that can pass by themselves; so can a 402 that requests in flight caused."""

_FATAL = (UnauthorizedResponseError, PaymentRequiredResponseError, ConfigurationError)
_DIVISIBLE = (
    BadRequestResponseError,
    PayloadTooLargeResponseError,
    UnprocessableEntityResponseError,
)
_TOO_LONG_TYPES = {
    "context_length_exceeded",
    "max_tokens_exceeded",
    "token_limit_exceeded",
    "string_too_long",
}
_TOO_LONG = re.compile(
    r"too long|too many tokens|too large|context[ _](?:length|window|size)"
    r"|maximum (?:number of )?tokens|max[ _]?tokens|token limit|string_above_max_length",
    re.IGNORECASE,
)

_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE)
_NOWHERE = re.compile(
    r"404: (?:404:? )?(?:page )?"
    r"(?:not found|no reason given|the reply has no body|cannot (?:post|get) .*)\W*",
    re.IGNORECASE,
)
"""What frameworks say of a path that they do not serve, FastAPI, Go and Express among them."""

_BASE64 = re.compile(r"base64|encoding[ _]?format", re.IGNORECASE)
"""FastAPI servers name the field; vLLM says that base64 encoding is not supported (vllm#6174)."""
_REFUSING_STATUSES = {400, 404, 415, 422, 500, 501}
"""422: TEI and FastAPI servers; 501: gateways; 500: what a server says that fell over it."""


def is_transient(error: OpenRouterError) -> bool:
    """Say whether the same request can succeed later, without anybody doing anything."""
    if isinstance(error, NoResponseError):
        return error.obstacle is None
    if isinstance(error, ResponseValidationError):
        return not is_misdirected(error)
    if not isinstance(error, ResponseError):
        return False
    if error.status_code == 404:
        return is_lost_inside(error)
    source = error.metadata.get("limit_source")
    if error.status_code == 402:
        return source == "openrouter_in_flight_budget"
    return error.status_code in TRANSIENT_STATUSES and source != "openrouter_free_tier_daily"


def is_lost_inside(error: OpenRouterError) -> bool:
    """Say whether no provider answered a request that the service had begun to answer.

    It says so with a 404 inside of a 200, for a blocked host or a passing fault of a provider
    as well as for settings that the model has not.
    """
    return isinstance(error, NotFoundResponseError) and error.http_status == 200


def is_misdirected(error: OpenRouterError) -> bool:
    """Say whether there is no such endpoint where the request went: base_url is wrong.

    A 404 that speaks of a model is another matter; so is a page under a status that says that the
    network in front of the service is down.
    """
    if isinstance(error, ResponseValidationError):
        return _PAGE.match(error.body) is not None
    if not isinstance(error, ResponseError) or error.http_status not in {404, 405}:
        return False
    nowhere = _PAGE.match(error.body) or _NOWHERE.fullmatch(error.message)
    return error.http_status == 405 or nowhere is not None


def is_throttling(error: OpenRouterError) -> bool:
    """Say whether the service was asked for too much at once: everything should slow down."""
    if isinstance(error, NoResponseError):
        return error.timed_out
    return (
        isinstance(error, ResponseError)
        and error.status_code in {402, 408, 429, 529}
        and is_transient(error)
    )


def is_pushback(error: OpenRouterError) -> bool:
    """Say whether the service takes nothing more for the moment, and will take the same later.

    A 408 is none: the work had begun, and may be charged for.
    """
    if isinstance(error, DeadlineExceededError):
        return error.last_error is not None and is_pushback(error.last_error)
    return (
        isinstance(error, ResponseError)
        and error.status_code in {402, 429, 529}
        and is_transient(error)
    )


def may_have_cost(error: OpenRouterError) -> bool:
    """Say whether the service may have computed what the failed attempt asked for.

    It did where it began a success; and it may have where it took the whole request and gave no
    status, or says itself that time ran out. Every other refusal is free.
    """
    if isinstance(error, NoResponseError):
        return error.sent
    if isinstance(error, ResponseError):
        return error.status_code in {408, 504, 524}
    return isinstance(error, ResponseValidationError)


def would_drip(error: OpenRouterError) -> bool:
    """Say whether a reply had begun and ran out of time: it would be paid for, and drip, again."""
    return isinstance(error, NoResponseError) and error.begun and error.timed_out


def timed_out(error: OpenRouterError) -> bool:
    """Say whether time ran out before a complete answer came."""
    return isinstance(error, NoResponseError) and error.timed_out


def ran_out_of_time(error: OpenRouterError) -> bool:
    """Say whether the work took too long, for this client or for the service itself."""
    slow = isinstance(error, ResponseError) and error.status_code in {408, 504, 524}
    return slow or timed_out(error)


def is_aggregated(error: OpenRouterError) -> bool:
    """Say whether one vector came for a whole list, as some models answer any list."""
    return isinstance(error, VectorError) and error.vectors == 1


def may_pass(error: OpenRouterError) -> bool:
    """Say whether a batch deserves a second round: others go on, so the service is there."""
    return is_transient(error) and not would_drip(error)


def wait_named(error: OpenRouterError) -> float | None:
    """Return the seconds that the service asks to wait, or None where it does not say."""
    return error.retry_after if isinstance(error, ResponseError) else None


def is_fatal(error: OpenRouterError) -> bool:
    """Say whether every other request would end in the same way."""
    if isinstance(error, ForbiddenResponseError):
        # A limit of the key, as opposed to moderation, or to a firewall that dislikes a text.
        about_input = {"reasons", "flagged_input", "patterns"} & error.metadata.keys()
        return not about_input and not _PAGE.match(error.body)
    if isinstance(error, BadRequestResponseError) and "not a valid model" in error.message:
        return True
    if isinstance(error, ResponseError) and error.status_code in {404, 405, 407}:
        return not is_transient(error)
    if isinstance(error, NoResponseError) and error.obstacle is not None:
        return True
    daily = isinstance(error, ResponseError) and (
        error.metadata.get("limit_source") == "openrouter_free_tier_daily"
    )
    return daily or isinstance(error, _FATAL)


def is_divisible(error: OpenRouterError) -> bool:
    """Say whether a smaller request may succeed, or tell which input is to blame."""
    return isinstance(error, (*_DIVISIBLE, ForbiddenResponseError)) and not is_fatal(error)


def blames_content(error: OpenRouterError) -> bool:
    """Say whether an input of a batch must be to blame, as opposed to their number or chance."""
    return isinstance(error, BadRequestResponseError | ForbiddenResponseError)


def is_too_long(error: OpenRouterError) -> bool:
    """Say whether a refusal of one input means that it is too long."""
    if isinstance(error, PayloadTooLargeResponseError):
        return True
    if not isinstance(error, BadRequestResponseError | UnprocessableEntityResponseError):
        return False
    kind = error.metadata.get("error_type")
    return kind in _TOO_LONG_TYPES or _TOO_LONG.search(error.message) is not None


def refuses_base64(error: OpenRouterError) -> bool:
    """Recognise the ways in which models without base64 answer a request for it."""
    if isinstance(error, VectorError):
        return error.vectors == 0 or error.undecodable
    if not isinstance(error, ResponseError):
        return False
    if is_lost_inside(error):
        return "no successful provider" in error.message.lower()
    named = _BASE64.search(f"{error.message} {error.body}") is not None
    return error.status_code in _REFUSING_STATUSES and named
