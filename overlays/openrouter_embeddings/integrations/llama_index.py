"""LlamaIndex: an embedding model for indexes, retrievers and ingestion pipelines.

from openrouter_embeddings.integrations.llama_index import OpenRouterEmbedding

VectorStoreIndex(nodes, embed_model=OpenRouterEmbedding(model_name="..."))
"""

from __future__ import annotations

from typing import Any

from openrouter_embeddings._base.extras import require

require("llama_index.core", extra="llama-index")

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from openrouter_embeddings.client import OpenRouter  # noqa: TC001 - pydantic reads it
from openrouter_embeddings.integrations._calls import DOCUMENT, QUERY, Call, Clients

__all__ = ["OpenRouterEmbedding"]

_MOST = 2048
"""LlamaIndex's own bound of a batch: its 10 would be one request after the other."""


class OpenRouterEmbedding(BaseEmbedding):
    """Embeds nodes and queries, in threads or awaited.

    A text that is empty is an error before anything is sent, since a node must have its vector.

    Attributes:
        model_name: The model's id.
        dimensions: The width of the vectors, for models that can shorten them.
        query_type: What a query goes out as; None says nothing.
        document_type: What a node goes out as; None says nothing.
        query_prefix: What stands before each query.
        document_prefix: What stands before each node's text.
        options: Others of `BulkOptions`, ``{"cache": "vectors.cache"}`` say, which takes the place
            of ``embeddings_cache``: that one knows neither the model nor queries from documents.
        api_key: The key; None for that of the environment. No dump or pickle has it.
        base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
        client: A client to send through.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model_name: str  # pyright: ignore[reportGeneralTypeIssues] - no model is guessed
    embed_batch_size: int = Field(default=_MOST, gt=0, le=_MOST)
    dimensions: int | None = None
    query_type: str | None = QUERY
    document_type: str | None = DOCUMENT
    query_prefix: str = ""
    document_prefix: str = ""
    options: dict[str, Any] | None = None
    api_key: SecretStr | None = Field(default=None, exclude=True)
    base_url: str | None = None
    client: OpenRouter | None = Field(default=None, exclude=True)
    _clients: Clients = PrivateAttr(default_factory=Clients)

    @field_validator("embeddings_cache")
    @classmethod
    def _no_other_cache(cls, value: object) -> None:
        if value is not None:
            message = "embeddings_cache mixes models, and queries with documents; "
            raise ValueError(message + "use options={'cache': FOLDER}.")

    @classmethod
    def class_name(cls) -> str:
        """Say what LlamaIndex writes down as its class."""
        return "OpenRouterEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._connect().embed([query], self._queries()).to_list()[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (await self._connect().aembed([query], self._queries())).to_list()[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._connect().embed(texts, self._documents()).to_list()

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return (await self._connect().aembed(texts, self._documents())).to_list()

    def _connect(self) -> Clients:
        key = self.api_key.get_secret_value() if self.api_key else None
        self._clients = self._clients.matching(key, self.base_url, self.client)
        return self._clients

    def _queries(self) -> Call:
        width = self.dimensions
        return Call(self.model_name, self.query_type, self.query_prefix, width, self.options)

    def _documents(self) -> Call:
        width = self.dimensions
        return Call(self.model_name, self.document_type, self.document_prefix, width, self.options)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: everything but the key.

        Raises:
            ConfigurationError: The client cannot travel; LlamaIndex would leave it out.
        """
        if self.client is not None:
            self.client.__getstate__()
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "api_key": None}}
