"""pydantic-ai: an embedding model for its `Embedder`.

    from openrouter_embeddings.integrations.pydantic_ai import OpenRouterEmbeddingModel

    Embedder(OpenRouterEmbeddingModel("..."))

The name ``"openrouter:..."`` of pydantic-ai itself is another class, without input types or checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from openrouter_embeddings._base.extras import require

require("pydantic_ai", extra="pydantic-ai")

from attrs import evolve
from pydantic_ai.embeddings import EmbeddingModel, EmbeddingResult
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.models import check_allow_model_requests
from pydantic_ai.usage import RequestUsage

from openrouter_embeddings.errors import ConfigurationError, OpenRouterError
from openrouter_embeddings.integrations._calls import DOCUMENT, QUERY, Call, Clients

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_ai.embeddings import EmbeddingSettings
    from pydantic_ai.embeddings.result import EmbedInputType

    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.values import EmbeddedBatch

__all__ = ["OpenRouterEmbeddingModel"]

_ALONG = ("extra_headers", "extra_body")


class OpenRouterEmbeddingModel(EmbeddingModel):
    """Embeds queries and documents, awaited.

    Of pydantic-ai's settings it takes `dimensions`, `truncate` (which cuts texts that the service
    refuses as too long), `extra_headers` and `extra_body`. An empty text is an error before
    anything is sent. What the service said of the cost is in the result's `provider_details`.
    """

    def __init__(
        self,
        model_name: str,
        *,
        query_type: str | None = QUERY,
        document_type: str | None = DOCUMENT,
        query_prefix: str = "",
        document_prefix: str = "",
        dimensions: int | None = None,
        options: Mapping[str, object] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        client: OpenRouter | None = None,
        settings: EmbeddingSettings | None = None,
    ) -> None:
        """Keep the settings; nothing is sent.

        Args:
            model_name: The model's id.
            query_type: What a query goes out as; None says nothing.
            document_type: What a document goes out as; None says nothing.
            query_prefix: What stands before each query.
            document_prefix: What stands before each document.
            dimensions: The width of the vectors, where no settings say another.
            options: Others of `BulkOptions`, ``{"cache": "vectors.cache"}`` say.
            api_key: The key; None for that of the environment. No pickle has it.
            base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
            client: A client to send through, in threads.
            settings: Settings of pydantic-ai for all calls.

        Raises:
            ConfigurationError: The client cannot be used.
        """
        super().__init__(settings=settings)
        kept = dict(options) if options else None
        self._calls = {
            "query": Call(model_name, query_type, query_prefix, dimensions, kept),
            "document": Call(model_name, document_type, document_prefix, dimensions, kept),
        }
        self._clients = Clients(api_key, base_url, client)

    @property
    def model_name(self) -> str:
        """The model's id."""
        return self._calls["query"].model

    @property
    def system(self) -> str:
        """Who serves it."""
        return "openrouter"

    @property
    def base_url(self) -> str | None:
        """Where requests go, where that was said."""
        return self._clients.base_url

    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        input_type: EmbedInputType,
        settings: EmbeddingSettings | None = None,
    ) -> EmbeddingResult:
        """Embed queries or documents.

        Raises:
            ConfigurationError: An argument or a text cannot be used; nothing was sent.
            ModelHTTPError: The service refused; our own error is its cause.
            ModelAPIError: Anything else; our own error is its cause, a `PartialFailureError` with
                what was paid for, say.
        """
        check_allow_model_requests()
        texts, merged = self.prepare_embed(inputs, settings)
        call = _with_settings(self._calls[input_type], merged)
        try:
            batch = await self._clients.aembed(texts, call)
        except ConfigurationError:
            raise
        except OpenRouterError as error:
            self._raise(error)
        return self._result(texts, input_type, batch)

    def _raise(self, error: OpenRouterError) -> NoReturn:
        status = getattr(error, "status_code", None)
        if status is None:
            raise ModelAPIError(self.model_name, str(error)) from error
        headers = getattr(error, "headers", None)
        raise ModelHTTPError(status, self.model_name, str(error), headers=headers) from error

    def _result(
        self, texts: list[str], input_type: EmbedInputType, batch: EmbeddedBatch
    ) -> EmbeddingResult:
        usage = batch.usage
        details = {
            "cost": usage.cost,
            "possible_cost": usage.possible_cost,
            "providers": list(batch.providers),
            "from_cache": batch.from_cache,
        }
        return EmbeddingResult(
            batch.to_list(),
            inputs=texts,
            input_type=input_type,
            model_name=batch.model or self.model_name,
            provider_name=self.system,
            usage=RequestUsage(input_tokens=usage.prompt_tokens or 0),
            provider_details=details,
        )


def _with_settings(call: Call, settings: EmbeddingSettings) -> Call:
    """Put settings of pydantic-ai into a call; those of other models are left out, as they do."""
    given = cast("dict[str, Any]", settings)
    options = dict(call.options or {})
    options |= {name: given[name] for name in _ALONG if given.get(name) is not None}
    if "truncate" in given:
        options["on_long"] = "truncate" if given["truncate"] else "error"
    width = given.get("dimensions", call.dimensions)
    return evolve(call, dimensions=width, options=options)
