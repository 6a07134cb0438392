"""What a reply holds: the object of a success, or the error that it is, whatever its status says.

The service puts errors into replies of every status, 200 included, in several envelopes:

    {"error": {"code": 429, "message": "...", "metadata": {...}}, "user_id": "..."}
    {"success": false, "error": {"name": "ZodError", "message": "[{...}]"}}
    {"error": "a bare text"}
    an HTML page of the network in front of it

`read_error` makes one `ResponseError` of any of them, with the words that explain most.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from openrouter_embeddings._base.environment import DEFAULT_BASE_URL
from openrouter_embeddings._base.printable import one_line, printable
from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.retry_after import retry_after
from openrouter_embeddings._request.verdicts import is_misdirected, named_argument
from openrouter_embeddings.errors import (
    ERROR_OF_STATUS,
    OpenRouterDefaultError,
    OpenRouterError,
    ResponseError,
    ResponseValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings._request.request import Reply


_ERROR_TYPE_STATUS = {
    "authentication": 401,
    "payment_required": 402,
    "permission_denied": 403,
    "content_policy_violation": 403,
    "not_found": 404,
    "timeout": 408,
    "payload_too_large": 413,
    "unprocessable": 422,
    "rate_limit_exceeded": 429,
    "server": 500,
    "provider_unavailable": 503,
    "provider_overloaded": 529,
    "context_length_exceeded": 400,
    "string_too_long": 400,
    "token_limit_exceeded": 400,
    "invalid_request": 400,
    "invalid_prompt": 400,
    "invalid_image": 400,
}

_HINTS = {
    401: "Check the key: https://openrouter.ai/settings/keys",
    402: "Add credits or raise the key's limit: https://openrouter.ai/settings/credits",
    403: "Check the key's spending limit and the account's guardrails.",
    404: "Check the model id with list_models() and loosen provider preferences that exclude it.",
    407: "A proxy on the way wants a login: put user and password into the URL in HTTPS_PROXY.",
    413: "Send fewer or shorter inputs in one request.",
    422: "Send fewer inputs in one request.",
}

_HINTS_ELSEWHERE = _HINTS | {
    401: "Check that the key is one of the service that base_url names.",
    402: "Add credits, or raise the budget of the key, at the service that base_url names.",
    403: "Check what the key may do at the service that base_url names.",
    404: "Check the model id, as the service that base_url names spells it.",
}
"""Another service has no settings pages of OpenRouter's, and none of its preferences."""

_ARGUMENT_HINTS = {
    "dimensions": "Leave dimensions= out, or name a width that the model has.",
    "encoding_format": "Leave encoding_format= out: then whatever the model has is asked for.",
    "input_type": (
        "Models have words of their own for input_type=: search_query and search_document "
        "(Cohere), query and passage (NVIDIA), query and document (Voyage)."
    ),
}

_PREFIXED = re.compile(r"\bopenrouter/([-.:\w]+/[-.:\w]+) is not a valid model", re.IGNORECASE)

_MOST_CHARACTERS = 2_000
_SHOWN_BODY, _SHOWN_TYPE = 500, 80  # characters

ODD = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What the generated readers raise where a body is not of the contract's shape."""
_MOST_HINT_CHARACTERS = 500


def error_object(payload: object) -> Mapping[str, object] | str | None:
    """Find the error in a decoded body, whatever the status of its reply says.

    Returns:
        The error object, the bare text, or None where the body carries no error.
    """
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, dict) and (error or "data" not in payload):
        return cast("dict[str, object]", error)
    if isinstance(error, str) and error:
        return error
    if payload.get("success") is False:
        return str(payload.get("message") or "The service reported a failure without saying why.")
    return None


def read_error(reply: Reply, payload: object) -> ResponseError:
    """Make the error that a refusal means.

    Args:
        reply: The reply.
        payload: Its decoded JSON body, or None where it is not JSON.

    Returns:
        An error of the class that belongs to the real status.
    """
    found = error_object(payload)
    details = found if isinstance(found, dict) else {}
    metadata = _mapping(details.get("metadata"))
    status = _real_status(reply.status, details, metadata)
    error = ERROR_OF_STATUS.get(status, OpenRouterDefaultError)(
        f"{status}: {_message(reply, payload, found, metadata)}",
        status_code=status,
        http_status=reply.status,
        code=_code(details.get("code")),
        metadata=metadata,
        headers=reply.headers,
        body=reply.body.decode("utf-8", "replace"),
        retry_after=retry_after(
            reply.headers,
            details,
            now=reply.received_at,
            body=_text_of(reply) if payload is None else payload,
        ),
        request_id=reply.request_id,
    )
    error.hint = _hint(error, reply)
    return error


def _text_of(reply: Reply) -> str | None:
    """Return a body that is neither JSON nor a page: what pages say is meant for people."""
    text = reply.body.decode("utf-8", "replace").lstrip()
    return None if text.startswith("<") else text


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _code(value: object) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _real_status(status: int, error: Mapping[str, object], metadata: Mapping[str, object]) -> int:
    for value in (error.get("code"), error.get("http_status"), error.get("status")):
        number = _status_number(value)
        if number is not None:
            return number
    if status < 400:
        kind = error.get("error_type") or metadata.get("error_type") or error.get("code")
        return _ERROR_TYPE_STATUS.get(str(kind), status)
    return status


def _status_number(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{3}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    return None


def _message(
    reply: Reply,
    payload: object,
    found: Mapping[str, object] | str | None,
    metadata: Mapping[str, object],
) -> str:
    if found is None:
        return _shorten(_message_without_error(reply, payload))
    if isinstance(found, str):
        return _shorten(found)
    message = _issues(found.get("message")) or _text(found.get("name")) or "no reason given"
    provider = _text(metadata.get("provider_name"))
    raw = _innermost(metadata.get("raw"))
    if raw and raw not in message:
        message = f"{message}: {raw}"
    return _shorten(f"{message} (provider {provider})" if provider else message)


def _message_without_error(reply: Reply, payload: object) -> str:
    if reply.problem:
        return f"the body {reply.problem}"
    text = reply.body.decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    if title:
        return f"an HTML page instead of JSON, titled {' '.join(title[1].split())!r}"
    if isinstance(payload, dict):
        for name in ("message", "detail", "msg"):
            words = _text(payload.get(name)) or _details(payload.get(name))
            if words:
                return words
    if 300 <= reply.status < 400:
        return f"a redirect to {reply.headers.get('location', 'an unnamed place')!r}"
    return " ".join(text.split())[:300] or "the reply has no body"


def _details(detail: object) -> str:
    """Read what FastAPI says: a list of issues, each with its place and a message."""
    if not isinstance(detail, list):
        return ""
    found = [each for each in detail if isinstance(each, dict) and _text(each.get("msg"))]
    return "; ".join(_issue({"path": each.get("loc"), "message": each["msg"]}) for each in found)


def _issues(message: object) -> str:
    """Read a validation error whose message is a JSON list of issues; other texts stay."""
    text = _text(message)
    try:
        issues = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        return text
    if not isinstance(issues, list):
        return text
    return "; ".join(filter(None, map(_issue, issues))) or text


def _issue(issue: object) -> str:
    if not isinstance(issue, dict):
        return _text(issue)
    path = issue.get("path")
    where = ".".join(map(str, path)) if isinstance(path, list) else ""
    words = _text(issue.get("message"))
    return f"{where}: {words}" if where else words


def _innermost(raw: object) -> str:
    """Find the provider's own words: a text, often JSON with a message somewhere inside."""
    try:
        return _words_in(raw)
    except RecursionError:  # Python's parser goes deeper than its functions may.
        return ""


def _words_in(raw: object) -> str:
    if isinstance(raw, str):
        try:
            return _words_in(json.loads(raw)) or " ".join(raw.split())
        except (ValueError, RecursionError):
            return " ".join(raw.split())
    if isinstance(raw, list):
        return _words_in(raw[0]) if raw else ""
    if not isinstance(raw, dict):
        return ""
    for name in ("message", "error", "detail", "msg", "errors"):
        words = _words_in(raw.get(name))
        if words:
            return words
    return ""


def _hint(error: ResponseError, reply: Reply) -> str | None:
    remedy = one_line(_text(error.metadata.get("remedy_hint")))
    if remedy:
        return remedy[:_MOST_HINT_CHARACTERS]
    if is_misdirected(error):
        return misdirected_hint(reply)
    if 300 <= error.status_code < 400:
        return "Redirects are not followed, since the key would travel along: correct base_url."
    if reply.status == 200 and error.status_code == 404:
        return (
            "No provider could answer this request: the model may not support the dimensions, "
            "the encoding or the kind of input that was asked for."
        )
    return _hint_of_words(error) or (_HINTS if _is_openrouter(reply) else _HINTS_ELSEWHERE).get(
        error.status_code
    )


def _hint_of_words(error: ResponseError) -> str | None:
    """Say what to do where the words name an argument, or the model."""
    argument = named_argument(error)
    if argument is not None:
        return _ARGUMENT_HINTS[argument]
    prefixed = _PREFIXED.search(error.message) if error.status_code == 400 else None
    if prefixed:
        return f"Did you mean {prefixed[1]!r}? Ids carry no 'openrouter/' before them."
    return None


def misdirected_hint(reply: Reply) -> str:
    """Say what to do where there is no such endpoint."""
    where = f" ({reply.base_url})" if reply.base_url else ""
    return (
        f"There is no such endpoint: check base_url{where}, "
        "which must be the base of the endpoints, like https://openrouter.ai/api/v1."
    )


def _is_openrouter(reply: Reply) -> bool:
    host = urlsplit(reply.base_url or DEFAULT_BASE_URL).hostname or ""
    return host == "openrouter.ai" or host.endswith(".openrouter.ai")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _shorten(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return one_line(text)
    return f"{one_line(text[:_MOST_CHARACTERS])}... ({len(text)} characters, all in .body)"


def take_payload(reply: Reply) -> dict[str, Any] | OpenRouterError:
    """Take the object of a success, or the error that the reply is."""
    payload = lenient.decode(reply.body)
    if not 200 <= reply.status < 300 or error_object(payload) is not None:
        return read_error(reply, payload)
    if isinstance(payload, dict):
        return cast("dict[str, Any]", payload)
    return unreadable(reply, reply.problem or "is no JSON object")


def unreadable(reply: Reply, why: str) -> ResponseValidationError:
    """Make the error for a success that is not what the contract promises."""
    start = printable(reply.body[:_SHOWN_BODY].decode("utf-8", "replace")).strip()
    kind = one_line(reply.headers.get("content-type", "no content type"))[:_SHOWN_TYPE]
    shown = f" It begins: {start[:80]!r} ({kind})." if start else " It is empty."
    if reply.problem:
        shown = ""
    error = ResponseValidationError(
        one_line(f"A success ({reply.status}) that cannot be read: the body {why}.{shown}"),
        body=start,
        request_id=reply.request_id,
    )
    if is_misdirected(error):
        error.hint = misdirected_hint(reply)
    return error
