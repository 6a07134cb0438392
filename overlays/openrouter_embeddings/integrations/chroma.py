"""Chroma: an embedding function whose settings are kept in the collection, without the key.

    from openrouter_embeddings.integrations.chroma import OpenRouterEmbeddingFunction

    client.create_collection("notes", embedding_function=OpenRouterEmbeddingFunction("..."))

A process that opens the collection again imports this module first, so that Chroma knows the name.
Chroma itself accepts another model for a collection that is there already (`get_or_create`); what
it asks about, `modify`, is refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from openrouter_embeddings._base.extras import require

require("chromadb", extra="chroma")

from chromadb.api.types import Documents, EmbeddingFunction
from chromadb.utils.embedding_functions import register_embedding_function

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.integrations._calls import DOCUMENT, QUERY, Call, Clients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chromadb.api.types import Embeddings, Space

    from openrouter_embeddings.client import OpenRouter

__all__ = ["OpenRouterEmbeddingFunction"]

_SPACE = ("model", "dimensions", "query_type", "document_type", "query_prefix", "document_prefix")
"""The settings that decide what space vectors lie in."""

_KEPT = (*_SPACE, "options", "base_url", "api_key_env_var")
"""The settings that a collection keeps."""


@register_embedding_function
class OpenRouterEmbeddingFunction(EmbeddingFunction[Documents]):
    """Embeds documents when they are added, and queries when they are asked.

    An empty text is an error before anything is sent, since Chroma takes no document without a
    vector. Chroma has no asynchronous form of it.
    """

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        query_type: str | None = QUERY,
        document_type: str | None = DOCUMENT,
        query_prefix: str = "",
        document_prefix: str = "",
        options: Mapping[str, object] | None = None,
        base_url: str | None = None,
        api_key_env_var: str = "OPENROUTER_API_KEY",
        client: OpenRouter | None = None,
    ) -> None:
        """Keep the settings; nothing is sent.

        Args:
            model: The model's id.
            dimensions: The width of the vectors, for models that can shorten them.
            query_type: What a query goes out as; None says nothing.
            document_type: What a document goes out as; None says nothing.
            query_prefix: What stands before each query.
            document_prefix: What stands before each document.
            options: Others of `BulkOptions` that JSON can hold: they are kept in the collection.
            base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
            api_key_env_var: The environment variable with the key; its name is kept, and never it.
            client: A client to send through; it is not kept in the collection.

        Raises:
            ConfigurationError: The options cannot be kept, or the client cannot be used.
        """
        self.model = model
        self.dimensions = dimensions
        self.query_type = query_type
        self.document_type = document_type
        self.query_prefix = query_prefix
        self.document_prefix = document_prefix
        self.options = arguments.json_mapping("options", options or {})
        self.base_url = base_url
        self.api_key_env_var = arguments.text("api_key_env_var", api_key_env_var)
        self._client = client
        self._clients = Clients(None, base_url, client)

    def __call__(self, input: Documents) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed documents.

        Raises:
            ConfigurationError: An argument or a text cannot be used; nothing was sent.
            PartialFailureError: The service refused some of them; `.result` has the others.
            OpenRouterError: What became of the requests, or of the only text.
        """
        return self._embed(input, self.document_type, self.document_prefix)

    def embed_query(self, input: Documents) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed queries; see `__call__`."""
        return self._embed(input, self.query_type, self.query_prefix)

    def _embed(self, texts: Documents, input_type: str | None, prefix: str) -> Embeddings:
        call = Call(self.model, input_type, prefix, self.dimensions, self.options)
        batch = self._connect().embed(texts, call)
        return cast("Embeddings", list(batch.vectors))

    def _connect(self) -> Clients:
        key = os.environ.get(self.api_key_env_var)
        if key is None and self._client is None:
            message = f"There is no API key in the environment variable {self.api_key_env_var}."
            raise ConfigurationError(message, argument="api_key_env_var")
        self._clients = self._clients.matching(key, self.base_url, self._client)
        return self._clients

    @staticmethod
    def name() -> str:
        """Say what collections call it."""
        return "openrouter"

    def default_space(self) -> Space:
        """Say how vectors are compared unless a collection says otherwise: by their angle."""
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        """Return what is kept in the collection; the key is not."""
        return {name: getattr(self, name) for name in _KEPT}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> OpenRouterEmbeddingFunction:
        """Make it again from what was kept.

        Raises:
            ConfigurationError: That is not one of these.
        """
        OpenRouterEmbeddingFunction.validate_config(config)
        return OpenRouterEmbeddingFunction(**config)

    @staticmethod
    def validate_config(config: dict[str, Any]) -> None:
        """Check what was kept.

        Raises:
            ConfigurationError: A setting is unknown, or there is no model.
        """
        arguments.text("model", config.get("model"))
        for name in config:
            if name not in _KEPT:
                raise arguments.unknown_name(name, name, _KEPT)

    def validate_config_update(
        self, old_config: dict[str, Any], new_config: dict[str, Any]
    ) -> None:
        """Refuse to change what decides the space of the vectors that are there.

        Raises:
            ConfigurationError: Such a setting is another one.
        """
        for name in _SPACE:
            if name in new_config and new_config[name] != old_config.get(name):
                message = f"{name} cannot change: the collection has vectors of another space."
                raise ConfigurationError(message, argument=name)
