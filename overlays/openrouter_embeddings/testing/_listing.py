"""What the test kit's server lists: its models, page by page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from openrouter_embeddings.testing._answers import Answer, Healthy

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen(eq=False)
class Listing(Healthy):
    """A healthy listing; the faults of the menu that change vectors leave it as it is."""

    models: list[Mapping[str, object]] = field(factory=list)
    query: Mapping[str, str] = field(factory=dict)

    def answer(self, items: Any = None, **fields: object) -> Answer:  # noqa: ANN401, ARG002
        first = int(self.query.get("offset", 0))
        last = first + int(self.query["limit"]) if "limit" in self.query else len(self.models)
        more = (
            f"/api/v1/models?offset={last}&limit={last - first}"
            if last < len(self.models)
            else None
        )
        payload = {
            "data": self.models[first:last],
            "total_count": len(self.models),
            "links": {"next": more},
        }
        return Answer(json.dumps(payload | fields).encode(), paid=True)


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
