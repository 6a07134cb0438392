"""LangChain: embeddings for vector stores and retrievers.

from openrouter_embeddings.integrations.langchain import OpenRouterEmbeddings

InMemoryVectorStore(OpenRouterEmbeddings(model="..."))
"""

from __future__ import annotations

from typing import Any

from openrouter_embeddings._base.extras import require

require("langchain_core", extra="langchain")

from langchain_core.embeddings import Embeddings
from langchain_core.utils import from_env, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from openrouter_embeddings.client import OpenRouter  # noqa: TC001 - pydantic reads it
from openrouter_embeddings.integrations._calls import DOCUMENT, QUERY, Call, Clients

__all__ = ["OpenRouterEmbeddings"]


class OpenRouterEmbeddings(BaseModel, Embeddings):
    """Embeds queries and documents, in threads or awaited.

    An empty text is an error before anything is sent, since LangChain has none that are missing.

    Attributes:
        model: The model's id.
        dimensions: The width of the vectors, for models that can shorten them.
        query_type: What a query goes out as; None says nothing.
        document_type: What a document goes out as; None says nothing.
        query_prefix: What stands before each query.
        document_prefix: What stands before each document.
        options: Others of `BulkOptions`, ``{"cache": "vectors.cache"}`` say.
        api_key: The key; None for that of the environment. No dump or pickle has it.
        base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
        client: A client to send through.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: str
    dimensions: int | None = None
    query_type: str | None = QUERY
    document_type: str | None = DOCUMENT
    query_prefix: str = ""
    document_prefix: str = ""
    options: dict[str, Any] | None = None
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("OPENROUTER_API_KEY", default=None), exclude=True
    )
    base_url: str | None = Field(default_factory=from_env("OPENROUTER_BASE_URL", default=None))
    client: OpenRouter | None = Field(default=None, exclude=True)
    _clients: Clients = PrivateAttr(default_factory=Clients)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents.

        Raises:
            ConfigurationError: An argument or a text cannot be used; nothing was sent.
            PartialFailureError: The service refused some of them; `.result` has the others.
            OpenRouterError: What became of the requests, or of the only text.
        """
        return self._connect().embed(texts, self._documents()).to_list()

    def embed_query(self, text: str) -> list[float]:
        """Embed one query; see `embed_documents`."""
        return self._connect().embed([text], self._queries()).to_list()[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents; see `embed_documents`."""
        return (await self._connect().aembed(texts, self._documents())).to_list()

    async def aembed_query(self, text: str) -> list[float]:
        """Embed one query; see `embed_documents`."""
        return (await self._connect().aembed([text], self._queries())).to_list()[0]

    def _connect(self) -> Clients:
        key = self.api_key.get_secret_value() if self.api_key else None
        self._clients = self._clients.matching(key, self.base_url, self.client)
        return self._clients

    def _queries(self) -> Call:
        width = self.dimensions
        return Call(self.model, self.query_type, self.query_prefix, width, self.options)

    def _documents(self) -> Call:
        width = self.dimensions
        return Call(self.model, self.document_type, self.document_prefix, width, self.options)

    def __getstate__(self) -> dict[Any, Any]:
        """Return what a pickle holds: everything but the key."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "api_key": None}}
