"""Embeddings from OpenRouter: verified vectors, patient retries, one client for text and images.

The names are loaded on first use, so that an import costs only what is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from openrouter_embeddings._version import __version__

if TYPE_CHECKING:
    from types import ModuleType

    from openrouter_embeddings._bulk.options import BulkOptions, OnError, OnLong, RequestOptions
    from openrouter_embeddings._bulk.output import AsyncBatchStream, BatchStream
    from openrouter_embeddings._request.retry import GiveUp, Retry, RetryConfig
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.client import AsyncOpenRouter, OpenRouter
    from openrouter_embeddings.embeddings import AsyncEmbeddings, Embeddings
    from openrouter_embeddings.errors import (
        BadGatewayResponseError,
        BadRequestResponseError,
        ConfigurationError,
        DeadlineExceededError,
        EdgeNetworkTimeoutResponseError,
        ForbiddenResponseError,
        GatewayTimeoutResponseError,
        InternalServerResponseError,
        InvalidTypeError,
        JobStoppedError,
        MissingExtraError,
        NoResponseError,
        NotFoundResponseError,
        OpenRouterDefaultError,
        OpenRouterError,
        PartialFailureError,
        PayloadTooLargeResponseError,
        PaymentRequiredResponseError,
        ProviderOverloadedResponseError,
        RequestTimeoutResponseError,
        ResponseError,
        ResponseValidationError,
        ServiceUnavailableResponseError,
        TooManyRequestsResponseError,
        UnauthorizedResponseError,
        UnprocessableEntityResponseError,
        VectorError,
    )
    from openrouter_embeddings.events import (
        AttemptFinished,
        BatchSettled,
        Event,
        RetryScheduled,
        RunFinished,
    )
    from openrouter_embeddings.inputs import EncodingFormat, Input, TokenIds
    from openrouter_embeddings.limits import Limits
    from openrouter_embeddings.parts import Audio, Content, File, Image, Part, Video
    from openrouter_embeddings.provider import (
        MaxPrice,
        Percentiles,
        ProviderPreferences,
        ProviderSort,
    )
    from openrouter_embeddings.values import (
        EmbeddedBatch,
        Embedding,
        EmbeddingsResponse,
        Estimate,
        Failure,
        ModelInfo,
        Pricing,
        RunStats,
        Truncation,
        UnreadModel,
        Usage,
    )

__all__ = [
    "AsyncBatchStream",
    "AsyncEmbeddings",
    "AsyncOpenRouter",
    "AttemptFinished",
    "Audio",
    "BadGatewayResponseError",
    "BadRequestResponseError",
    "BatchSettled",
    "BatchStream",
    "BulkOptions",
    "Catalog",
    "ConfigurationError",
    "Content",
    "DeadlineExceededError",
    "EdgeNetworkTimeoutResponseError",
    "EmbeddedBatch",
    "Embedding",
    "Embeddings",
    "EmbeddingsResponse",
    "EncodingFormat",
    "Estimate",
    "Event",
    "Failure",
    "File",
    "ForbiddenResponseError",
    "GatewayTimeoutResponseError",
    "GiveUp",
    "Image",
    "Input",
    "InternalServerResponseError",
    "InvalidTypeError",
    "JobStoppedError",
    "Limits",
    "MaxPrice",
    "MissingExtraError",
    "ModelInfo",
    "NoResponseError",
    "NotFoundResponseError",
    "OnError",
    "OnLong",
    "OpenRouter",
    "OpenRouterDefaultError",
    "OpenRouterError",
    "Part",
    "PartialFailureError",
    "PayloadTooLargeResponseError",
    "PaymentRequiredResponseError",
    "Percentiles",
    "Pricing",
    "ProviderOverloadedResponseError",
    "ProviderPreferences",
    "ProviderSort",
    "RequestOptions",
    "RequestTimeoutResponseError",
    "ResponseError",
    "ResponseValidationError",
    "Retry",
    "RetryConfig",
    "RetryScheduled",
    "RunFinished",
    "RunStats",
    "ServiceUnavailableResponseError",
    "TokenIds",
    "TooManyRequestsResponseError",
    "Truncation",
    "UnauthorizedResponseError",
    "UnprocessableEntityResponseError",
    "UnreadModel",
    "Usage",
    "VectorError",
    "Video",
    "__version__",
]

# Where the names are looked for; what takes long to import comes last.
_ROOMS = (
    *("client", "errors", "events", "limits", "provider", "parts", "inputs", "catalog", "values"),
    *("_request.retry", "embeddings", "_bulk.options", "_bulk.output"),
)
_MODULES = {"cache", "contract", "errors", "events", "faults", "jobs", "local", "testing", "values"}


def __getattr__(name: str) -> object:
    """Load a name on its first use."""
    if name in _MODULES:
        return _import(name)
    if name in __all__:
        for room in map(_import, _ROOMS):
            if name in room.__all__:
                value: object = getattr(room, name)
                globals()[name] = value
                return value
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def _import(room: str) -> ModuleType:
    return import_module(f"{__name__}.{room}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
