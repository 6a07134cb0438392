"""The border to the generated code: checked request to bytes, reply to verified value or error.

This is the one module that imports the generated package (beside `client.api`, which hands it out).
It takes two things from it: what builds a request (`_get_kwargs`) and what reads a reply
(`from_dict`). The latter raises bare exceptions on odd bodies; here they become named errors.
"""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from attrs import evolve, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._request.memory import keep_freed_memory
from openrouter_embeddings._request.pages import Bounds, ModelsPage
from openrouter_embeddings._request.refusals import error_object, read_error
from openrouter_embeddings._request.vectors import matrix_of, order_of
from openrouter_embeddings._request.verdicts import refuses_base64
from openrouter_embeddings.errors import (
    OpenRouterError,
    ResponseValidationError,
)
from openrouter_embeddings.values import (
    EmbeddingsResponse,
    ModelInfo,
    Pricing,
    UnreadModel,
    Usage,
    moment,
    price,
)
from openrouter_embeddings_api.api.embeddings import create_embeddings, list_embeddings_models
from openrouter_embeddings_api.models import (
    EmbeddingsRequest,
    Model,
    ModelsListResponse,
    MultimodalInput,
    ProviderPreferences,
    TraceConfig,
)
from openrouter_embeddings_api.models import (
    EmbeddingsResponse as GeneratedResponse,
)
from openrouter_embeddings_api.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableSet, Sequence

    from openrouter_embeddings._request.refusals import Reply
    from openrouter_embeddings.inputs import EmbeddingRequest, EncodingFormat

_ODD = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
_SHOWN_BODY = 500

keep_freed_memory()


@frozen
class WireRequest:
    """One HTTP request, ready to be sent as often as needed.

    Attributes:
        method: The method.
        url: The path below the base URL.
        headers: Headers of this request.
        content: The body, serialised once.
        params: The query.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = field(default=None, repr=False)
    params: Mapping[str, Any] = MappingProxyType({})


@frozen
class EmbedOperation:
    """Embedding the inputs of one request.

    Attributes:
        request: What the caller asked for.
        encoding: How the vectors are asked for.
    """

    request: EmbeddingRequest
    encoding: EncodingFormat
    _float_only: MutableSet[tuple[str, str]] = field(repr=False)
    _wire: WireRequest = field(repr=False)

    @classmethod
    def of(cls, request: EmbeddingRequest, float_only: MutableSet[tuple[str, str]]) -> Self:
        """Choose the encoding and write the request.

        Args:
            request: What the caller asked for.
            float_only: The models, with the kind of input, that are known to have no base64.
        """
        known = (request.model, request.kind) in float_only
        encoding = request.encoding_format or ("float" if known else "base64")
        return cls(request, encoding, float_only, embeddings_wire(request, encoding))

    @property
    def name(self) -> str:
        """The name of the method."""
        return "generate"

    @property
    def model(self) -> str | None:
        """The model asked for."""
        return self.request.model

    @property
    def inputs(self) -> int:
        """How many inputs it carries."""
        return self.request.count

    def wire(self) -> WireRequest:
        """Return the request; the same bytes serve every attempt."""
        return self._wire

    def read(self, reply: Reply) -> EmbeddingsResponse | OpenRouterError:
        """Read a reply into verified vectors, or into the error that it is."""
        value = read_embeddings(reply, self.request)
        if isinstance(value, EmbeddingsResponse) and self._chose("float"):
            self._float_only.add((self.request.model, self.request.kind))
        return value

    def instead(self, error: OpenRouterError) -> Self | None:
        """Ask for numbers where our own choice of base64 may be what was refused."""
        if not self._chose("base64") or not refuses_base64(error):
            return None
        return evolve(self, encoding="float", wire=embeddings_wire(self.request, "float"))

    def _chose(self, encoding: EncodingFormat) -> bool:
        return self.request.encoding_format is None and self.encoding == encoding


def embeddings_wire(request: EmbeddingRequest, encoding: EncodingFormat) -> WireRequest:
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
    content = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    headers = kwargs.get("headers", {}) | dict(request.extra_headers)
    return WireRequest(kwargs["method"], kwargs["url"], headers, content)


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


def decoded(body: bytes | bytearray) -> object:
    """Decode a JSON body; white space around it is normal.

    Returns:
        The value, or None where the body is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _payload(reply: Reply) -> dict[str, Any] | OpenRouterError:
    """Take the object of a success, or the error that the reply is."""
    payload = decoded(reply.body)
    if not 200 <= reply.status < 300 or error_object(payload) is not None:
        return read_error(reply, payload)
    if isinstance(payload, dict):
        return cast("dict[str, Any]", payload)
    return _unreadable(reply, "is no JSON object")


def _unreadable(reply: Reply, why: str) -> ResponseValidationError:
    start = reply.body[:_SHOWN_BODY].decode("utf-8", "replace").strip()
    kind = reply.headers.get("content-type", "no content type")
    shown = f" It begins: {start[:80]!r} ({kind})." if start else " It is empty."
    return ResponseValidationError(
        f"A success ({reply.status}) that cannot be read: the body {why}.{shown}",
        body=start,
        request_id=reply.request_id,
    )


def read_embeddings(
    reply: Reply, request: EmbeddingRequest
) -> EmbeddingsResponse | OpenRouterError:
    """Read the reply to an embeddings request.

    Args:
        reply: The reply, of any status.
        request: What was asked for.

    Returns:
        The vectors in the order of the inputs, all of them checked, or the error.
    """
    payload = _payload(reply)
    if isinstance(payload, OpenRouterError):
        return payload
    try:
        return _embeddings(GeneratedResponse.from_dict(payload), reply, request)
    except OpenRouterError as error:
        error.request_id = reply.request_id
        return error
    except _ODD as exc:
        unreadable = _unreadable(reply, f"breaks the contract ({type(exc).__name__}: {exc})")
        unreadable.__cause__ = exc
        return unreadable


def _embeddings(
    generated: GeneratedResponse, reply: Reply, request: EmbeddingRequest
) -> EmbeddingsResponse:
    embeddings: Sequence[object] = [item.embedding for item in generated.data]
    rows = order_of([_present(item.index) for item in generated.data], request.count)
    return EmbeddingsResponse(
        vectors=matrix_of(embeddings, rows, request.dimensions),
        model=_text(generated.model),
        provider=_text(generated.provider),
        id=_text(generated.id),
        usage=_usage(_present(generated.usage)),
        request_id=reply.request_id or _text(generated.id),
        encoded=_encoded(embeddings, rows) if request.encoding_format == "base64" else None,
        headers=reply.headers,
        extra=generated.additional_properties,
    )


def _encoded(embeddings: Sequence[object], rows: Sequence[int]) -> list[str] | None:
    """Put base64 texts into the order of the inputs; None where the service sent numbers."""
    if not all(isinstance(embedding, str) for embedding in embeddings):
        return None
    by_row = dict(zip(rows, embeddings, strict=True))
    return [cast("str", by_row[row]) for row in range(len(rows))]


def _present(value: object) -> object:
    return None if value is UNSET else value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    """Take a finite number; one cost that is NaN would make every sum of costs NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _usage(generated: Any) -> Usage:  # noqa: ANN401 - from_dict keeps odd values as they are
    if not hasattr(generated, "to_dict"):
        return Usage()
    known = generated.to_dict()
    is_byok = known.get("is_byok")
    return Usage(
        prompt_tokens=_count(known.get("prompt_tokens")),
        total_tokens=_count(known.get("total_tokens")),
        cost=_number(known.get("cost")),
        is_byok=is_byok if isinstance(is_byok, bool) else None,
        cost_details=known.get("cost_details") or {},
        prompt_tokens_details=known.get("prompt_tokens_details") or {},
        extra=generated.additional_properties,
    )


@frozen
class ListOperation:
    """Listing one page of models; without bounds the service sends all of them."""

    bounds: Bounds

    @property
    def name(self) -> str:
        """The name of the method."""
        return "list_models"

    @property
    def model(self) -> str | None:
        """No model is asked for."""
        return None

    @property
    def inputs(self) -> int:
        """No inputs are sent."""
        return 0

    def wire(self) -> WireRequest:
        """Write the request with the generated builder."""
        kwargs = list_embeddings_models._get_kwargs(  # noqa: SLF001 - the seam, see the module
            offset=UNSET if self.bounds.offset is None else self.bounds.offset,
            limit=UNSET if self.bounds.limit is None else self.bounds.limit,
        )
        headers, params = kwargs.get("headers", {}), kwargs.get("params", {})
        return WireRequest(kwargs["method"], kwargs["url"], headers, params=params)

    def read(self, reply: Reply) -> ModelsPage | OpenRouterError:
        """Read a page, or the error that the reply is."""
        return read_models(reply)

    def instead(self, error: OpenRouterError) -> Self | None:  # noqa: ARG002 - the protocol's
        """Return None: there is one way of asking for a page."""
        return None


def read_models(reply: Reply) -> ModelsPage | OpenRouterError:
    """Read the reply to a listing; an odd entry is kept as sent and does not lose the others."""
    payload = _payload(reply)
    if isinstance(payload, OpenRouterError):
        return payload
    entries = payload.get("data")
    if not isinstance(entries, list):
        return _unreadable(reply, "has no list of models in 'data'")
    read = [_model(entry) for entry in entries]
    try:
        envelope = ModelsListResponse.from_dict(payload | {"data": []})
        following = _next_page(envelope)
    except _ODD as exc:
        return _unreadable(reply, f"has links that cannot be followed ({exc})")
    return ModelsPage(
        models=tuple(model for model in read if isinstance(model, ModelInfo)),
        unread=tuple(model for model in read if isinstance(model, UnreadModel)),
        total_count=_count(_present(envelope.total_count)),
        following=following,
    )


def _next_page(envelope: ModelsListResponse) -> Bounds | None:
    """Read where the next page begins from ``links.next``.

    The link itself is not followed: it names the listing of all models, not of those for
    embeddings, and a key goes nowhere that a reply says.
    """
    link = getattr(envelope.links, "next_", None)
    if not isinstance(link, str) or not link:
        return None
    query = parse_qs(urlsplit(link).query)
    limit = int(query["limit"][0]) if "limit" in query else None
    return Bounds(int(query["offset"][0]), limit)


def _model(entry: object) -> ModelInfo | UnreadModel:
    try:
        return _model_info(cast("dict[str, Any]", entry))
    except _ODD as exc:
        return UnreadModel(entry, f"{type(exc).__name__}: {exc}")


def _model_info(entry: dict[str, Any]) -> ModelInfo:
    model = Model.from_dict(entry)
    architecture = entry.get("architecture") or {}
    expires = moment(_present(model.expiration_date))
    return ModelInfo(
        id=arguments.text("id", model.id),
        name=_text(model.name) or "",
        canonical_slug=_text(model.canonical_slug) or None,
        created=moment(_present(model.created)),
        description=_text(model.description) or "",
        context_length=_count(_present(model.context_length)),
        input_modalities=_texts(architecture.get("input_modalities")),
        output_modalities=_texts(architecture.get("output_modalities")),
        pricing=_pricing(entry.get("pricing") or {}),
        supported_parameters=_texts(entry.get("supported_parameters")),
        hugging_face_id=_text(model.hugging_face_id) or None,
        expires=expires.date() if expires else None,
        raw=entry,
    )


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else ()


def _pricing(prices: Mapping[str, object]) -> Pricing:
    names = ("prompt", "completion", "request", "image")
    return Pricing(**{name: price(prices.get(name)) for name in names}, raw=prices)
