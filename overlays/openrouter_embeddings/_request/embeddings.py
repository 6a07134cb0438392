"""The request for embeddings as bytes, and its reply as verified vectors, by the generated code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from openrouter_embeddings._base.memory import keep_freed_memory
from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.charges import bounded_cost, bounded_tokens
from openrouter_embeddings._request.plausibility import is_one_for_all
from openrouter_embeddings._request.refusals import ODD, take_payload, unreadable
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings._request.vectors import find_order, make_matrix
from openrouter_embeddings.errors import OpenRouterError, VectorError
from openrouter_embeddings.values import EmbeddingsResponse, Usage
from openrouter_embeddings_api.api.embeddings import create_embeddings
from openrouter_embeddings_api.models import (
    EmbeddingsRequest,
    MultimodalInput,
    ProviderPreferences,
    TraceConfig,
)
from openrouter_embeddings_api.models import (
    EmbeddingsResponse as GeneratedResponse,
)
from openrouter_embeddings_api.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings._request.vectors import Fault
    from openrouter_embeddings.inputs import EmbeddingRequest, EncodingFormat

keep_freed_memory()

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def write_embeddings(request: EmbeddingRequest, encoding: EncodingFormat) -> HttpRequest:
    """Write an embeddings request with the generated builder and serialise its body once.

    Properties stand in a fixed order, since the service's response cache tells bodies apart by it.
    """
    body = EmbeddingsRequest(
        input_=cast("Any", _generated_input(request)),
        model=request.model,
        encoding_format=encoding,
        dimensions=UNSET if request.dimensions is None else request.dimensions,
        **_generated_options(request.options),
    )
    kwargs = create_embeddings._get_kwargs(body=body)  # noqa: SLF001 - the seam, see the module
    fields = kwargs["json"] | dict(request.extra_body)
    content = _ENCODER.encode(fields).encode()
    headers = kwargs.get("headers", {}) | dict(request.extra_headers)
    return HttpRequest(kwargs["method"], kwargs["url"], headers, content)


def _generated_input(request: EmbeddingRequest) -> object:
    if request.kind != "content":
        return request.wire_input
    return [MultimodalInput.from_dict(cast("dict[str, Any]", item)) for item in request.wire_input]


def _generated_options(options: Mapping[str, object]) -> dict[str, Any]:
    readers = {"provider": ProviderPreferences.from_dict, "trace": TraceConfig.from_dict}
    return {
        name: readers[name](cast("dict[str, Any]", value)) if name in readers else value
        for name, value in options.items()
    }


@frozen
class Verified:
    """A reply whose vectors were looked at one by one.

    Attributes:
        response: The answer; the vectors of `faults` in it mean nothing.
        faults: What is wrong with single vectors, by their rows.
    """

    response: EmbeddingsResponse
    faults: Mapping[int, Fault]


def read_embeddings(reply: Reply, request: EmbeddingRequest) -> Verified | OpenRouterError:
    """Read the reply to an embeddings request.

    Args:
        reply: The reply, of any status.
        request: What was asked for.

    Returns:
        The vectors in the order of the inputs, all of them checked, or the error.
    """
    payload = take_payload(reply)
    if isinstance(payload, OpenRouterError):
        return payload
    try:
        return _verify(GeneratedResponse.from_dict(payload), reply, request)
    except OpenRouterError as error:
        error.request_id = reply.request_id
        return error
    except ODD as exc:
        broken = unreadable(reply, f"breaks the contract ({type(exc).__name__}: {str(exc)[:200]})")
        broken.__cause__ = exc
        return broken


def _verify(generated: GeneratedResponse, reply: Reply, request: EmbeddingRequest) -> Verified:
    embeddings: Sequence[object] = [item.embedding for item in generated.data]
    indexes = [None if item.index is UNSET else item.index for item in generated.data]
    rows = find_order(indexes, request.count)
    vectors, faults = make_matrix(embeddings, rows, request.dimensions)
    if not faults and is_one_for_all(vectors, request.wire_input):
        message = f"One and the same vector came for {len(vectors)} different inputs."
        raise VectorError(message)
    response = EmbeddingsResponse(
        vectors=vectors,
        model=lenient.text(generated.model),
        provider=lenient.text(generated.provider),
        id=lenient.text(generated.id),
        usage=_usage(lenient.present(generated.usage)),
        request_id=reply.request_id or lenient.text(generated.id),
        encoded=_pick_encoded(embeddings, rows) if request.encoding_format == "base64" else None,
        headers=reply.headers,
        extra=generated.additional_properties,
    )
    return Verified(response, faults)


def _pick_encoded(embeddings: Sequence[object], rows: Sequence[int]) -> list[str] | None:
    """Put base64 texts into the order of the inputs; None where the service sent numbers."""
    if not all(isinstance(embedding, str) for embedding in embeddings):
        return None
    by_row = dict(zip(rows, embeddings, strict=True))
    return [cast("str", by_row[row]) for row in range(len(rows))]


def _usage(generated: Any) -> Usage:  # noqa: ANN401 - from_dict keeps odd values as they are
    if not hasattr(generated, "to_dict"):
        return Usage()
    known = generated.to_dict()
    is_byok = known.get("is_byok")
    return Usage(
        prompt_tokens=bounded_tokens(known.get("prompt_tokens")),
        total_tokens=bounded_tokens(known.get("total_tokens")),
        cost=bounded_cost(known.get("cost")),
        is_byok=is_byok if isinstance(is_byok, bool) else None,
        cost_details=known.get("cost_details") or {},
        prompt_tokens_details=known.get("prompt_tokens_details") or {},
        extra=generated.additional_properties,
    )
