"""What a caller asks for: a body read, checked, and told apart by all but its inputs. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, cast

from attrs import field, frozen

from openrouter_embeddings.inputs import embedding_request, one_input
from openrouter_embeddings.proxy._access import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.inputs import EmbeddingRequest, Input

MOST_INPUTS = 65_536

_OPTIONS = ("dimensions", "input_type", "provider", "user", "session_id", "trace")
_OURS = {"input", "model", "encoding_format", *_OPTIONS}
_HEADERS = {
    *("http-referer", "x-title", "x-openrouter-title", "x-openrouter-categories", "x-session-id"),
    *("x-openrouter-cache", "x-openrouter-cache-ttl", "x-openrouter-cache-clear"),
}
"""The headers that mean something to the service, and go on."""


@frozen(eq=False)
class Ask:
    """What one caller asks for.

    Attributes:
        model: The model.
        options: What `embed` is told beside the inputs and the model.
        inputs: The inputs, one by one.
        lengths: How long each of them is in bytes, about.
        encoding: How the vectors are to be written.
        likeness: What all have in common who ask for the same but for their inputs.
    """

    model: str
    options: Mapping[str, object]
    inputs: list[Input] = field(repr=False)
    lengths: list[int]
    encoding: Literal["float", "base64"]
    likeness: str = field(repr=False)


def read_ask(body: bytes, headers: Mapping[str, str]) -> Ask:
    """Read what a caller asks for.

    Args:
        body: The body.
        headers: The headers, names in lower case.

    Raises:
        RefusalError: The body is no JSON object, or has too many inputs.
        ConfigurationError: A field cannot be used; the message names it.
    """
    fields = _decode(body)
    options: dict[str, object] = {
        name: fields[name] for name in _OPTIONS if fields.get(name) is not None
    }
    extra = {name: value for name, value in fields.items() if name not in _OURS}
    sent_on = {name: value for name, value in headers.items() if name in _HEADERS}
    options |= {"extra_body": extra} if extra else {}
    options |= {"extra_headers": sent_on} if sent_on else {}
    request = embedding_request(
        input=fields.get("input"),
        model=fields.get("model"),
        encoding_format=fields.get("encoding_format"),
        **options,  # type: ignore[arg-type]  # checked in there
    )
    inputs = _split(request)
    return Ask(
        model=request.model,
        options=options,
        inputs=inputs,
        lengths=[one_input(position, value)[2] for position, value in enumerate(inputs)],
        encoding=request.encoding_format or "float",
        likeness=json.dumps([request.model, options], sort_keys=True),
    )


def _decode(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError(400, "The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise RefusalError(400, "The body must be a JSON object.")
    return fields


def _split(request: EmbeddingRequest) -> list[Input]:
    """Take the inputs of a request apart; one list of token ids is one input."""
    wire = request.wire_input
    if isinstance(wire, str) or not isinstance(wire[0], str | list | dict):
        return [cast("Input", wire)]
    if len(wire) > MOST_INPUTS:
        message = f"input has {len(wire)} items; at most {MOST_INPUTS} are allowed."
        raise RefusalError(422, message)
    return cast("list[Input]", wire)
