"""LanceDB: the embedding function "openrouter", whose arguments are kept in the table's schema.

    from lancedb.embeddings import get_registry
    import openrouter_embeddings.integrations.lancedb  # registers it, in each process

    function = get_registry().get("openrouter").create(model="...", dimensions=256)

Errors are raised at once: LanceDB would ask seven times more for what no repetition cures, after
requests that were repeated already where that helps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from openrouter_embeddings._base.extras import require

require("lancedb", extra="lancedb")

import numpy as np
from lancedb.embeddings.base import TextEmbeddingFunction
from lancedb.embeddings.registry import register
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, PrivateAttr

from openrouter_embeddings.client import OpenRouter  # noqa: TC001 - pydantic reads it
from openrouter_embeddings.integrations._calls import DOCUMENT, QUERY, Call, Clients

if TYPE_CHECKING:
    from openrouter_embeddings.values import EmbeddedBatch

__all__ = ["OpenRouterEmbeddings"]

Vectors = list[NDArray[np.float32] | None]
"""float32 of shape ``(dimensions,)`` each, or None for a text that is missing."""


@register("openrouter")  # type: ignore[no-untyped-call]  # LanceDB says no types here
class OpenRouterEmbeddings(TextEmbeddingFunction):
    """Embeds the source column when rows are added, and the query of a search.

    A missing or empty text has no vector, and LanceDB wants ``on_bad_vectors="null"`` for that; an
    empty query is an error. Make it with `create`, so that tables can keep its arguments.

    Attributes:
        model: The model's id.
        dimensions: The width of the vectors; without it one word is embedded to know the width,
            where a schema is made.
        query_type: What a query goes out as; None says nothing.
        document_type: What a document goes out as; None says nothing.
        query_prefix: What stands before each query.
        document_prefix: What stands before each document.
        on_error: ``"raise"``, or ``"keep"`` to leave texts that the service refuses without a
            vector; an outage is an error all the same.
        options: Others of `BulkOptions` that JSON can hold.
        api_key: The key, as ``"$var:NAME"`` of LanceDB's registry; None for the environment's.
        base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
        client: A client to send through; no table keeps it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: str
    dimensions: int | None = None
    query_type: str | None = QUERY
    document_type: str | None = DOCUMENT
    query_prefix: str = ""
    document_prefix: str = ""
    on_error: Literal["raise", "keep"] = "raise"
    options: dict[str, Any] | None = None
    api_key: str | None = Field(default=None, exclude=True, repr=False)
    base_url: str | None = None
    client: OpenRouter | None = Field(default=None, exclude=True, repr=False)
    _clients: Clients = PrivateAttr(default_factory=Clients)

    def ndims(self) -> int:
        """Return the width: `dimensions`, or what one word has, which is asked for once."""
        if self.dimensions:
            return self.dimensions
        if getattr(self, "_ndims", None) is None:  # LanceDB's own, which it leaves unset
            self._ndims = self._embed(["width"], self._documents()).dimensions
        return self._ndims

    def generate_embeddings(self, texts: Any, *_: object, **__: object) -> Vectors:  # noqa: ANN401 - lists and arrays
        """Embed documents, as `compute_source_embeddings` does."""
        call = self._documents()
        batch = self._embed(list(texts), call)
        return [None if np.isnan(row).any() or not row.size else row for row in batch.vectors]

    def compute_source_embeddings(self, texts: Any, *_: object, **__: object) -> Vectors:  # noqa: ANN401 - columns of any kind
        """Embed the texts of the source column.

        Raises:
            ConfigurationError: An argument or a text cannot be used; nothing was sent.
            PartialFailureError: The service refused some of them; `.result` has the others.
            OpenRouterError: What became of the requests, or of the only text. LanceDB's ``add``
                puts its words into a RuntimeError of its own.
        """
        return self.generate_embeddings(self.sanitize_input(texts))

    def compute_query_embeddings(self, query: str, *_: object, **__: object) -> Vectors:
        """Embed the query of a search; see `compute_source_embeddings`."""
        call = Call(self.model, self.query_type, self.query_prefix, self.dimensions, self.options)
        return list(self._embed(self.sanitize_input(query), call).vectors)

    def compute_source_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> Vectors:  # noqa: ANN401 - LanceDB's
        """Embed the source column; what helps of repetitions has been done in there."""
        return self.compute_source_embeddings(*args, **kwargs)

    def compute_query_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> Vectors:  # noqa: ANN401 - LanceDB's
        """Embed the query; see `compute_source_embeddings_with_retry`."""
        return self.compute_query_embeddings(*args, **kwargs)

    @staticmethod
    def sensitive_keys() -> list[str]:
        """Name what no table may keep."""
        return ["api_key"]

    def safe_model_dump(self) -> dict[str, Any]:
        """Return the arguments that a table keeps."""
        kept: dict[str, Any] = super().safe_model_dump()  # type: ignore[no-untyped-call]  # the same
        return {name: value for name, value in kept.items() if name != "client"}

    def _documents(self) -> Call:
        return Call(
            self.model,
            self.document_type,
            self.document_prefix,
            self.dimensions,
            self.options,
            self.on_error,
            gaps=True,
        )

    def _embed(self, texts: Any, call: Call) -> EmbeddedBatch:  # noqa: ANN401 - columns of any kind
        self._clients = self._clients.matching(self.api_key, self.base_url, self.client)
        return self._clients.embed(texts, call)

    def __hash__(self) -> int:
        """Hash what can be hashed; the options cannot."""
        return hash((type(self).__name__, self.model))

    def __getstate__(self) -> dict[Any, Any]:
        """Return what a pickle holds: everything but the key."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "api_key": None}}
