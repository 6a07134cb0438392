"""pydantic-ai: an embedder, its settings and errors, what replaces it in tests, and spans."""

from __future__ import annotations

import asyncio

import pytest
from home_tests import MODEL, HomeTests, inputs_of
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Embedder, InstrumentationSettings, models
from pydantic_ai.embeddings import TestEmbeddingModel
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

from openrouter_embeddings import ConfigurationError, PartialFailureError, VectorError
from openrouter_embeddings.integrations.pydantic_ai import OpenRouterEmbeddingModel
from openrouter_embeddings.testing import FaultServer, faults

LOCAL = "local/wordllama-256"


class TestEveryHome(HomeTests):
    """What every home keeps."""

    module, library = "pydantic_ai", "import pydantic_ai.embeddings, pydantic_ai.models"

    def make(self, **settings):
        return OpenRouterEmbeddingModel(MODEL, **settings)

    def documents(self, home, texts):
        return asyncio.run(self.adocuments(home, texts))

    def query(self, home, text):
        return asyncio.run(self.aquery(home, text))

    async def adocuments(self, home, texts):
        return (await Embedder(home).embed_documents(texts)).embeddings

    async def aquery(self, home, text):
        return (await Embedder(home).embed_query(text)).embeddings[0]

    def own_error(self, caught):
        return caught.__cause__ if isinstance(caught, ModelAPIError) else caught


@pytest.fixture
def loop():
    """The event loop that pydantic-ai takes for its calls that are not awaited, and leaves open."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()


def test_the_local_model_embeds(local, loop):
    """Over HTTP, with the small real model, and from a place without a running event loop."""
    embedder = Embedder(OpenRouterEmbeddingModel(LOCAL, dimensions=64))
    query = embedder.embed_query_sync("pets and animals")
    documents = embedder.embed_documents_sync(["Dogs are loyal", "Stocks fell sharply"])

    near = [
        sum(a * b for a, b in zip(query.embeddings[0], row, strict=True))
        for row in documents.embeddings
    ]
    assert near[0] > near[1]
    assert documents.usage.input_tokens > 0


async def test_a_result_says_what_it_is(at_home):
    """Tokens, cost, and who answered."""
    result = await Embedder(OpenRouterEmbeddingModel(MODEL)).embed_query("a fox")

    assert result["a fox"] == at_home.vector("a fox").tolist()
    assert (result.input_type, result.provider_name) == ("query", "openrouter")
    assert result.usage.input_tokens > 0
    assert result.provider_details["cost"] > 0
    assert result.provider_details["providers"]


async def test_settings_of_pydantic_ai_go_along(at_home):
    """Those of a call before those of the model."""
    model = OpenRouterEmbeddingModel(MODEL, dimensions=3, settings={"dimensions": 4})
    embedder = Embedder(model)
    await embedder.embed_query("a")
    settings = {"dimensions": 5, "extra_headers": {"x-own": "1"}, "extra_body": {"own": 1}}
    await embedder.embed_query("a", settings=settings)

    first, second = at_home.requests
    assert (first.body["dimensions"], second.body["dimensions"]) == (4, 5)
    assert (second.headers["x-own"], second.body["own"]) == ("1", 1)


@pytest.mark.parametrize("truncate", [True, False])
async def test_truncate_cuts_texts_that_are_too_long(monkeypatch, truncate):
    """Or leaves the error to the service."""
    with FaultServer(max_characters=20) as server:
        model = OpenRouterEmbeddingModel(MODEL, api_key=server.api_key, base_url=server.base_url)
        settings = {"truncate": truncate}
        if truncate:
            result = await Embedder(model).embed_documents(["words " * 20], settings=settings)
            assert len(result.embeddings[0]) == 8
        else:
            with pytest.raises(ModelHTTPError):
                await Embedder(model).embed_documents(["words " * 20], settings=settings)
        assert model.base_url == server.base_url


async def test_errors_are_pydantic_ais_with_ours_behind(at_home):
    """With the status where there is one."""
    model = OpenRouterEmbeddingModel(MODEL, options={"retries": None})
    at_home.script(faults.status(401))
    with pytest.raises(ModelHTTPError) as refused:
        await Embedder(model).embed_query("a")
    assert (refused.value.status_code, refused.value.model_name) == (401, MODEL)

    at_home.always(faults.nan())
    with pytest.raises(ModelAPIError, match="finite") as broken:
        await Embedder(model).embed_query("a")
    assert isinstance(broken.value.__cause__, VectorError)


async def test_some_failed_texts_keep_what_was_paid_for():
    with FaultServer(poison={"poison"}) as server:
        model = OpenRouterEmbeddingModel(MODEL, api_key=server.api_key, base_url=server.base_url)
        with pytest.raises(ModelAPIError) as caught:
            await Embedder(model).embed_documents(["a fox", "poison"])

        error = caught.value.__cause__
        assert isinstance(error, PartialFailureError)
        assert error.result.vectors[0].tolist() == server.vector("a fox").tolist()


@pytest.mark.parametrize("text", ["", None])
async def test_an_empty_text_is_an_error_and_nothing_is_sent(at_home, text):
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        await Embedder(OpenRouterEmbeddingModel(MODEL)).embed_documents(["a fox", text])
    assert at_home.requests == ()


async def test_requests_can_be_forbidden_and_replaced(at_home, monkeypatch):
    """As pydantic-ai's users do in tests."""
    embedder = Embedder(OpenRouterEmbeddingModel(MODEL))
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)
    with pytest.raises(RuntimeError, match="ALLOW_MODEL_REQUESTS"):
        await embedder.embed_query("a fox")
    with embedder.override(model=TestEmbeddingModel()):
        await embedder.embed_query("a fox")
    assert inputs_of(at_home) == []


async def test_spans_say_what_was_asked(at_home):
    """By pydantic-ai's own instrumentation, and no text with it unless that asks."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = InstrumentationSettings(tracer_provider=provider, include_content=False)
    await Embedder(OpenRouterEmbeddingModel(MODEL), instrument=settings).embed_query("a fox")

    (span,) = exporter.get_finished_spans()
    said = dict(span.attributes)
    assert said["gen_ai.operation.name"] == "embeddings"
    assert said["gen_ai.provider.name"] == "openrouter"
    assert said["gen_ai.request.model"] == MODEL
    assert said["gen_ai.usage.input_tokens"] > 0
    assert "a fox" not in str(said)
