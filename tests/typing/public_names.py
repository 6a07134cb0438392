"""What mypy and pyright must say of the public names; `nox -s typing` asks both, nobody runs it.

`assert_type` holds what a call gives. Where a call must be refused, the line ignores the error that
it makes; both checkers fail on an ignored error that is not there.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import openrouter_embeddings
from openrouter_embeddings import (
    AsyncBatchStream,
    AsyncEmbeddings,
    AsyncOpenRouter,
    Audio,
    BatchStream,
    Catalog,
    Content,
    EmbeddedBatch,
    Embeddings,
    EmbeddingsResponse,
    Estimate,
    Failure,
    Image,
    Limits,
    ModelInfo,
    OpenRouter,
    OpenRouterError,
    ResponseError,
    RetryConfig,
    Usage,
)
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.jobs import Check, JobReport, embed_file, verify_file
from openrouter_embeddings.local import LocalServer
from openrouter_embeddings.testing import FaultServer

Matrix = NDArray[np.float32]

MODEL = "test/embedding"


def clients() -> None:
    """A client opens a block and gives its own type."""
    with OpenRouter("key", timeout=10, deadline=None, retries=RetryConfig(attempts=2)) as client:
        assert_type(client, OpenRouter)
        assert_type(client.embeddings, Embeddings)
    OpenRouter(api_key=3)  # type: ignore[arg-type]  # a key is text
    OpenRouter("key", "https://example.org")  # type: ignore[call-arg]  # options have names
    assert_type(openrouter_embeddings.__version__, str)


async def async_clients() -> None:
    """So does the other one, with `async with`."""
    async with AsyncOpenRouter() as client:
        assert_type(client, AsyncOpenRouter)
        assert_type(client.embeddings, AsyncEmbeddings)


def one_request(client: OpenRouter, image: Image, audio: Audio) -> None:
    """Every kind of input gives the same kind of reply."""
    reply = client.embeddings.generate(input="a red fox", model=MODEL)
    assert_type(reply, EmbeddingsResponse)
    assert_type(reply.vectors, Matrix)
    assert_type(reply[0], Matrix)
    assert_type(reply[:2], Matrix)
    assert_type(reply.data[0].embedding, Matrix | str)
    assert_type(reply.usage, Usage)
    assert_type(reply.usage.cost, float | None)
    assert_type(reply.provider, str | None)
    assert_type(reply.to_pandas(), pd.DataFrame)
    for given in (["a", "b"], [1, 2], [[1, 2], [3]], Content("a", image), [image], [audio]):
        assert_type(client.embeddings.generate(input=given, model=MODEL), EmbeddingsResponse)
    client.embeddings.generate(input=3, model=MODEL)  # type: ignore[arg-type]  # a number is no input
    client.embeddings.generate("a", model=MODEL)  # type: ignore[call-arg]  # its arguments have names
    client.embeddings.generate(input="a")  # type: ignore[call-arg]  # there is no default model


def many_inputs(client: OpenRouter, cache: EmbeddingCache) -> None:
    """Any iterable goes in; options that do not exist are refused."""
    texts = (f"text {number}" for number in range(3))
    result = client.embeddings.embed(texts, model=MODEL, cache=cache, limits=Limits(), max_cost=1)
    assert_type(result, EmbeddedBatch)
    assert_type(result.vectors, Matrix)
    assert_type(result.failures, tuple[Failure, ...])
    assert_type(result.failures[0].error, OpenRouterError)
    assert_type(client.embeddings.embed_query("a", model=MODEL), Matrix)
    assert_type(client.embeddings.embed_documents(["a"], model=MODEL), EmbeddedBatch)
    assert_type(client.embeddings.stream(["a"], model=MODEL), BatchStream)
    assert_type(client.embeddings.estimate(["a"], model=MODEL), Estimate)
    client.embeddings.embed(["a"], model=MODEL, cash=cache)  # type: ignore[call-arg]  # a misspelt option
    client.embeddings.embed(["a"], model=MODEL, on_error="ignore")  # type: ignore[arg-type]  # one of two


async def many_inputs_async(client: AsyncOpenRouter) -> None:
    """The same names with `await` and `async for`."""
    assert_type(await client.embeddings.generate(input="a", model=MODEL), EmbeddingsResponse)
    assert_type(await client.embeddings.embed(["a"], model=MODEL), EmbeddedBatch)
    assert_type(await client.embeddings.embed_query("a", model=MODEL), Matrix)
    assert_type(client.embeddings.stream(["a"], model=MODEL), AsyncBatchStream)
    assert_type(await client.embeddings.list_models(), Catalog)


def models(client: OpenRouter) -> None:
    """Prices are exact decimals, or unknown."""
    catalog = client.embeddings.list_models()
    assert_type(catalog, Catalog)
    assert_type(catalog[0], ModelInfo)
    assert_type(catalog.find(MODEL), ModelInfo)
    assert_type(catalog.filter(max_price=0.1).by_price(), Catalog)
    assert_type(catalog[0].price_per_million, Decimal | None)


def errors(error: OpenRouterError) -> None:
    """A refusal has its status and what the service said."""
    assert_type(error.message, str)
    assert_type(error.request_id, str | None)
    if isinstance(error, ResponseError):
        assert_type(error.status_code, int)
        assert_type(error.retry_after, float | None)
        assert_type(error.headers, dict[str, str])


def files(client: OpenRouter) -> None:
    """A job reports what it did."""
    assert_type(embed_file(client, "in.txt", "out.npy", model=MODEL), JobReport)
    assert_type(verify_file("out.parquet"), list[Check])


def servers(names: Sequence[str]) -> None:
    """Both servers open a block and have what a client needs."""
    with LocalServer() as local, FaultServer(dimensions=8, poison=set(names)) as server:
        assert_type(local, LocalServer)
        assert_type(server, FaultServer)
        OpenRouter(local.api_key, base_url=server.base_url).close()
