"""Embeddings from OpenRouter: verified vectors, patient retries, one client for text and images.

The names are loaded on first use, so that an import costs only what is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from openrouter_embeddings._version import __version__

if TYPE_CHECKING:
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
    from openrouter_embeddings.events import AttemptFinished, BatchSettled, Event, RetryScheduled
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
    "AsyncEmbeddings",
    "AsyncOpenRouter",
    "AttemptFinished",
    "Audio",
    "BadGatewayResponseError",
    "BadRequestResponseError",
    "BatchSettled",
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
    "RequestTimeoutResponseError",
    "ResponseError",
    "ResponseValidationError",
    "Retry",
    "RetryConfig",
    "RetryScheduled",
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

# Where each name lives; a test holds this to the imports above.
_HOMES = {
    "limits": "Limits",
    "_request.retry": "GiveUp Retry RetryConfig",
    "catalog": "Catalog",
    "client": "AsyncOpenRouter OpenRouter",
    "embeddings": "AsyncEmbeddings Embeddings",
    "errors": (
        "BadGatewayResponseError BadRequestResponseError ConfigurationError "
        "DeadlineExceededError EdgeNetworkTimeoutResponseError ForbiddenResponseError "
        "GatewayTimeoutResponseError InternalServerResponseError InvalidTypeError "
        "JobStoppedError MissingExtraError NoResponseError NotFoundResponseError "
        "OpenRouterDefaultError OpenRouterError PartialFailureError "
        "PayloadTooLargeResponseError PaymentRequiredResponseError "
        "ProviderOverloadedResponseError RequestTimeoutResponseError ResponseError "
        "ResponseValidationError ServiceUnavailableResponseError TooManyRequestsResponseError "
        "UnauthorizedResponseError UnprocessableEntityResponseError VectorError "
    ),
    "events": "AttemptFinished BatchSettled Event RetryScheduled",
    "inputs": "EncodingFormat Input TokenIds",
    "parts": "Audio Content File Image Part Video",
    "provider": "MaxPrice Percentiles ProviderPreferences ProviderSort",
    "values": (
        "EmbeddedBatch Embedding EmbeddingsResponse Estimate Failure ModelInfo Pricing RunStats "
        "Truncation UnreadModel Usage "
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
_MODULES = {"cache", "contract", "errors", "events", "faults", "jobs", "local", "testing", "values"}


def __getattr__(name: str) -> object:
    """Load a name on its first use."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
