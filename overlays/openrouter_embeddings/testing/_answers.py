"""What the test kit answers: a healthy reply, a page of the listing, a fault in place of either."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec

import numpy as np
import pybase64
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["MAKERS", "MODELS", "Answer", "Fault", "Healthy", "Listing", "fault", "to_json"]

P = ParamSpec("P")
JSON_TYPE = "application/json"
Manner = Literal["whole", "truncate", "reset_before", "reset_in", "drip", "drip_headers", "silence"]


@frozen
class Answer:
    """What the server sends, and how.

    Attributes:
        body: The body.
        status: The HTTP status.
        headers: Headers beside Content-Type and Content-Length.
        content_type: The media type.
        manner: ``"whole"``, or the way in which the transfer goes wrong.
        interval: Seconds between two bytes that drip, or that silence lasts.
        paid: Whether the service would charge for it.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    content_type: str = JSON_TYPE
    manner: Manner = "whole"
    interval: float = 0.0
    paid: bool = False


@frozen(eq=False)
class Healthy:
    """What a healthy reply is made of, before it is written.

    Attributes:
        vectors: One float32 vector for each input.
        asked: How they were asked for: ``"float"`` or ``"base64"``.
        dimensions: The width that was asked for, or None.
        envelope: The other fields of the reply.
        padding: White space before the JSON text.
    """

    vectors: Sequence[NDArray[np.float32]]
    asked: str
    dimensions: int | None
    envelope: Mapping[str, object]
    padding: str = ""

    def items(self, encoding: str | None = None) -> list[dict[str, object]]:
        """Write the items of ``data``."""
        write = _as_base64 if (encoding or self.asked) == "base64" else _as_numbers
        return [
            {"object": "embedding", "embedding": write(vector), "index": index}
            for index, vector in enumerate(self.vectors)
        ]

    def answer(self, items: Sequence[object] | None = None, **fields: object) -> Answer:
        """Write a success with the given items and changed fields."""
        data = self.items() if items is None else list(items)
        payload = {"object": "list", "data": data} | dict(self.envelope) | fields
        return Answer(self.padding.encode() + to_json(payload), paid=True)


@frozen(eq=False)
class Listing(Healthy):
    """A page of a healthy listing; the faults that change vectors leave it as it is.

    Attributes:
        models: The entries of the whole listing.
        query: The bounds that were asked for.
    """

    models: Sequence[Mapping[str, object]] = ()
    query: Mapping[str, str] = field(factory=dict)

    def answer(self, items: Sequence[object] | None = None, **fields: object) -> Answer:  # noqa: ARG002 - it has none
        """Write the page with changed fields."""
        first = int(self.query.get("offset", 0))
        last = first + int(self.query["limit"]) if "limit" in self.query else len(self.models)
        following = f"/api/v1/models?offset={last}&limit={last - first}"
        payload = {
            "data": list(self.models[first:last]),
            "total_count": len(self.models),
            "links": {"next": following if last < len(self.models) else None},
        }
        return Answer(to_json(payload | fields), paid=True)


@frozen
class Fault:
    """One entry of the menu, with its settings; equal settings make equal faults.

    Attributes:
        name: The name of the function that made it.
        description: What it does, in one line.
        violates_contract: Whether a service that keeps its contract would never answer so.
        settings: What it was made with.
        shape: What it does to a healthy reply.
    """

    name: str
    description: str = field(eq=False)
    violates_contract: bool = field(eq=False)
    settings: tuple[object, ...]
    shape: Callable[[Healthy], Answer] = field(eq=False, repr=False)

    def apply(self, healthy: Healthy) -> Answer:
        """Make the answer that this fault gives in place of a healthy one."""
        return self.shape(healthy)


MAKERS: dict[str, Callable[..., Fault]] = {}
"""The functions that make faults, by name, in the order of their definitions."""


def fault(
    *, violates: bool | Callable[..., bool] = True
) -> Callable[[Callable[Concatenate[Healthy, P], Answer]], Callable[P, Fault]]:
    """Turn what shapes a healthy reply into what makes the fault, and put that on the menu.

    The fault has its name from the function, its description from the first line of the docstring,
    and its settings from the arguments, defaults included.

    Args:
        violates: Whether such an answer breaks the contract; or a function of the settings.
    """

    def make(shape: Callable[Concatenate[Healthy, P], Answer]) -> Callable[P, Fault]:
        signature = _without_first(inspect.signature(shape))

        @wraps(shape)
        def made(*args: P.args, **kwargs: P.kwargs) -> Fault:
            return Fault(
                name=shape.__name__,
                description=(shape.__doc__ or "").partition("\n")[0],
                violates_contract=violates(*args, **kwargs) if callable(violates) else violates,
                settings=_settings(signature, *args, **kwargs),
                shape=lambda healthy: shape(healthy, *args, **kwargs),
            )

        made.__signature__ = signature  # type: ignore[attr-defined]  # what `help` shows
        MAKERS[shape.__name__] = made
        return made

    return make


def _without_first(signature: inspect.Signature) -> inspect.Signature:
    _, *others = signature.parameters.values()
    return signature.replace(parameters=others, return_annotation="Fault")


def _settings(signature: inspect.Signature, *args: object, **kwargs: object) -> tuple[object, ...]:
    """Return what a fault was made with; a mapping as its text, so that faults can be keys."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return tuple(
        repr(each) if isinstance(each, Mapping) else each for each in bound.arguments.values()
    )


def to_json(value: object) -> bytes:
    """Write JSON as the service does, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _as_numbers(vector: NDArray[np.float32]) -> object:
    return vector.tolist()


def _as_base64(vector: NDArray[np.float32]) -> object:
    return pybase64.b64encode_as_string(np.asarray(vector, dtype="<f4").tobytes())


def _model_entry(name: str, prompt: str, context: int) -> dict[str, object]:
    return {
        "id": name,
        "canonical_slug": f"{name}-20260101",
        "hugging_face_id": "",
        "name": name.replace("/", ": ").title(),
        "created": 1767225600,
        "description": "A model that exists for tests.",
        "context_length": context,
        "architecture": {
            "modality": "text->embeddings",
            "input_modalities": ["text"],
            "output_modalities": ["embeddings"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": {"prompt": prompt, "completion": "0"},
        "top_provider": {
            "context_length": context,
            "max_completion_tokens": None,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": [],
        "default_parameters": {},
        "supported_voices": None,
        "links": {"details": f"/api/v1/models/{name}/endpoints"},
    }


MODELS = (
    _model_entry("test/embedding", "0.00000002", 8192),
    _model_entry("test/embedding-free:free", "0", 512),
)
