"""How the test kit's server was set up: what it refuses, and what its healthy replies are."""

from __future__ import annotations

import json
import random
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
from attrs import frozen

from openrouter_embeddings.testing._answers import MODELS, Healthy, Listing
from openrouter_embeddings.testing.faults import provider_error, status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings.testing._answers import Fault

__all__ = ["Rules", "items_of", "vector_of"]

_MOST_DIMENSIONS = 65_536
_UNSEEN = (np.ones(1, np.float32),)


def vector_of(item: object, dimensions: int) -> NDArray[np.float32]:
    """Compute the vector that a healthy reply carries for an input.

    Args:
        item: One input: a text, a list of token ids, or a content item.
        dimensions: The width.

    Returns:
        float32 of shape ``(dimensions,)`` and unit length; it depends on the arguments alone.
    """
    canonical = json.dumps(item, sort_keys=True, ensure_ascii=False).encode()
    seed = int.from_bytes(blake2b(canonical, digest_size=8).digest(), "little")
    numbers = np.random.default_rng(seed).standard_normal(dimensions)
    return cast("NDArray[np.float32]", (numbers / np.linalg.norm(numbers)).astype(np.float32))


def items_of(value: object) -> list[object]:
    """Split the ``input`` of a request into single inputs."""
    if isinstance(value, list) and value and not isinstance(value[0], int | float):
        return cast("list[object]", value)
    return [value]


@frozen(kw_only=True)
class Rules:
    """What a server refuses and answers, as its arguments say; see `FaultServer`."""

    dimensions: int
    poison: frozenset[str]
    max_inputs: int | None
    max_bytes: int | None
    max_characters: int | None
    padding: str
    cost_per_token: float
    models: Sequence[Mapping[str, object]] | None

    def refusal(self, size: int, body: object, items: list[object]) -> Fault | None:
        """Say how a request of `size` bytes is refused, or None."""
        if self.max_bytes is not None and size > self.max_bytes:
            return status(413, f"The body is larger than {self.max_bytes} bytes")
        words = self._unusable(body, items)
        if words is not None:
            return status(400, words)
        if self.max_inputs is not None and len(items) > self.max_inputs:
            return status(422, f"input: at most {self.max_inputs} items are allowed")
        return self._unwelcome([item for item in items if isinstance(item, str)])

    def _unusable(self, body: object, items: list[object]) -> str | None:
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            return "model: a text is required"
        if self.models is not None and body["model"] not in _ids(self.models):
            return f"{body['model']} is not a valid model ID"
        if not items or None in items or "" in items:
            return "input: at least one, and none of them empty"
        if body.get("dimensions") is not None and not _is_width(body["dimensions"]):
            return f"dimensions: a number from 1 to {_MOST_DIMENSIONS}"
        return None

    def _unwelcome(self, texts: list[str]) -> Fault | None:
        longest = max(map(len, texts), default=0)
        if self.max_characters is not None and longest > self.max_characters:
            words = f"input is too long: the context length is {self.max_characters} characters"
            return status(400, words)
        if not self.poison.isdisjoint(texts):
            return provider_error('{"error": {"message": "an input is not acceptable"}}')
        return None

    def healthy(self, body: object, items: list[object]) -> Healthy:
        """Make a reply with the vectors of the items."""
        fields = body if isinstance(body, dict) else {}
        dimensions = fields.get("dimensions")
        width = dimensions if _is_width(dimensions) else self.dimensions
        vectors = [vector_of(item, width) for item in items]
        asked = "base64" if fields.get("encoding_format") == "base64" else "float"
        return Healthy(vectors, asked, dimensions, self._envelope(fields, items), self.padding)

    def listing(self, query: Mapping[str, str]) -> Listing:
        """Make a page of the listing; the vector, which nobody sees, is for faults to change."""
        models = MODELS if self.models is None else self.models
        return Listing(_UNSEEN, "float", None, {}, models=models, query=query)

    def _envelope(self, fields: Mapping[str, Any], items: list[object]) -> dict[str, object]:
        tokens = sum(max(1, len(str(item)) // 4) for item in items)
        cost = tokens * self.cost_per_token
        details = {
            "upstream_inference_cost": cost,
            "upstream_inference_prompt_cost": cost,
            "upstream_inference_completions_cost": 0,
        }
        return {
            "model": str(fields.get("model")).rpartition("/")[2],
            "usage": {
                "prompt_tokens": tokens,
                "total_tokens": tokens,
                "cost": cost,
                "is_byok": False,
                "cost_details": details,
            },
            "provider": "Example AI",
            "id": f"gen-emb-{int(time.time())}-{random.getrandbits(80):020x}",
        }


def _ids(models: Iterable[object]) -> set[object]:
    """Collect the ids of a listing, whose entries may be odd on purpose."""
    return {entry.get("id") for entry in models if isinstance(entry, dict)}


def _is_width(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _MOST_DIMENSIONS
