"""What callers get: replies in the service's shape, errors in its envelope. Pure.

A refusal tells clients not to ask again, in the header that openai's clients go by: whatever was
worth repeating was repeated here.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pybase64
from attrs import field, frozen

from openrouter_embeddings._request.verdicts import status_to_tell
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.proxy._access import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.errors import OpenRouterError
    from openrouter_embeddings.values import ModelInfo

JSON = "application/json"


@frozen
class Answer:
    """What a caller gets.

    Attributes:
        body: The body.
        status: The HTTP status.
        headers: Headers beside Content-Type and Content-Length.
        content_type: The media type.
    """

    body: bytes = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    content_type: str = JSON


@frozen(eq=False)
class Part:
    """The vectors of one caller, and its share of what they cost.

    Attributes:
        vectors: float32 of shape ``(n, width)``, row i for input i.
        model: The model as its provider calls it, or None.
        provider: Who served it, or None.
        tokens: Its tokens; None where the service did not say.
        cost: Its share of the cost in USD; None where the service did not say.
    """

    vectors: Vectors = field(repr=False)
    model: str | None = None
    provider: str | None = None
    tokens: int | None = 0
    cost: float | None = 0.0

    @property
    def width(self) -> int:
        """How wide its vectors are."""
        return int(self.vectors.shape[1])


def write_reply(part: Part, model: str, encoding: Literal["float", "base64"]) -> Answer:
    """Write vectors as the service does; for many numbers this takes long."""
    rows = (_as_base64 if encoding == "base64" else _as_numbers)(part.vectors)
    data = ",".join(
        f'{{"object":"embedding","embedding":{row},"index":{index}}}'
        for index, row in enumerate(rows)
    )
    rest: dict[str, object] = {"model": part.model or model}
    if part.provider is not None:
        rest["provider"] = part.provider
    if part.tokens is not None:
        usage = {"prompt_tokens": part.tokens, "total_tokens": part.tokens}
        rest["usage"] = usage if part.cost is None else {**usage, "cost": part.cost}
    return Answer(f'{{"object":"list","data":[{data}],{_to_json(rest)[1:]}'.encode())


def _as_base64(vectors: Vectors) -> Iterable[str]:
    for row in np.ascontiguousarray(vectors, dtype="<f4"):
        yield f'"{pybase64.b64encode_as_string(row.data)}"'


def _as_numbers(vectors: Vectors) -> Iterable[str]:
    """Write numbers with the nine digits that tell float32 apart."""
    template = f"[{','.join(['%.9g'] * vectors.shape[1])}]"
    for row in vectors:
        yield template % tuple(row.tolist())


def write_models(models: Sequence[ModelInfo]) -> Answer:
    """Write a listing as OpenAI does."""
    data = [
        {
            "id": model.id,
            "object": "model",
            "created": 0 if model.created is None else int(model.created.timestamp()),
            "owned_by": model.id.partition("/")[0],
        }
        for model in models
    ]
    return Answer(_to_json({"object": "list", "data": data}).encode())


def write_catalog(catalog: Catalog) -> Answer:
    """Write a listing as the service does, each entry as it was sent."""
    data = [*(model.raw for model in catalog), *(entry.raw for entry in catalog.unread)]
    total = len(data) if catalog.total_count is None else catalog.total_count
    payload = {"data": data, "total_count": total, "links": {"next": None}}
    return Answer(_to_json(payload).encode())


def write_error(error: OpenRouterError | RefusalError) -> Answer:
    """Write an error in the service's envelope, under the status that it means."""
    status = error.status if isinstance(error, RefusalError) else status_to_tell(error)
    metadata = getattr(error, "metadata", None)
    message = str(error) if isinstance(error, ConfigurationError) else error.message
    return refuse(status, message, getattr(error, "retry_after", None), metadata)


def refuse(
    status: int,
    message: str,
    retry_after: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Answer:
    """Write a refusal.

    Args:
        status: The HTTP status.
        message: The words.
        retry_after: When to come back in seconds, or None.
        metadata: The error's details, as the service sent them.
    """
    error: dict[str, object] = {"code": status, "message": message}
    error |= {"metadata": metadata} if metadata else {}
    headers = {"x-should-retry": "false"}
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    return Answer(_to_json({"error": error}).encode(), status, headers)


def _to_json(value: object) -> str:
    # Halves of surrogate pairs, which a service may send as escapes, stay escapes.
    return json.dumps(value, separators=(",", ":"))
