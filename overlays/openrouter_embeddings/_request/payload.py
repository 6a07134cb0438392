"""The object inside of a success, or the error that the reply is, whatever its status says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.refusals import error_object, read_error
from openrouter_embeddings.errors import OpenRouterError, ResponseValidationError

if TYPE_CHECKING:
    from openrouter_embeddings._request.request import Reply

ODD = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What the generated readers raise where a body is not of the contract's shape."""

_SHOWN_BODY = 500


def take_payload(reply: Reply) -> dict[str, Any] | OpenRouterError:
    """Take the object of a success, or the error that the reply is."""
    payload = lenient.decode(reply.body)
    if not 200 <= reply.status < 300 or error_object(payload) is not None:
        return read_error(reply, payload)
    if isinstance(payload, dict):
        return cast("dict[str, Any]", payload)
    return unreadable(reply, "is no JSON object")


def unreadable(reply: Reply, why: str) -> ResponseValidationError:
    """Make the error for a success that is not what the contract promises."""
    start = reply.body[:_SHOWN_BODY].decode("utf-8", "replace").strip()
    kind = reply.headers.get("content-type", "no content type")
    shown = f" It begins: {start[:80]!r} ({kind})." if start else " It is empty."
    return ResponseValidationError(
        f"A success ({reply.status}) that cannot be read: the body {why}.{shown}",
        body=start,
        request_id=reply.request_id,
    )
