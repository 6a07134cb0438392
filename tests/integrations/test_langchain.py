"""LangChain: its own unit and integration tests, a vector store, settings and their round trip."""

from __future__ import annotations

import pytest
from home_tests import MODEL, HomeTests
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from openrouter_embeddings import ConfigurationError, PartialFailureError
from openrouter_embeddings.integrations.langchain import OpenRouterEmbeddings
from openrouter_embeddings.testing import FaultServer

LOCAL = "local/wordllama-256"


class TestEveryHome(HomeTests):
    """What every home keeps."""

    module = "langchain"
    library = (
        "from langchain_core.embeddings import Embeddings; "
        "from langchain_core.utils import secret_from_env"
    )

    def make(self, **settings):
        return OpenRouterEmbeddings(model=MODEL, **settings)

    def documents(self, home, texts):
        return home.embed_documents(texts)

    def query(self, home, text):
        return home.embed_query(text)

    async def adocuments(self, home, texts):
        return await home.aembed_documents(texts)

    async def aquery(self, home, text):
        return await home.aembed_query(text)


class TestLangChainsUnitTests(EmbeddingsUnitTests):
    """Those of langchain-tests."""

    @property
    def embeddings_class(self):
        return OpenRouterEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": LOCAL}

    @property
    def init_from_env_params(self):
        environment = {
            "OPENROUTER_API_KEY": "sk-or-of-the-environment",
            "OPENROUTER_BASE_URL": "https://gateway.example/v1",
        }
        expected = {"api_key": "sk-or-of-the-environment", "base_url": "https://gateway.example/v1"}
        return environment, {"model": LOCAL}, expected


@pytest.mark.usefixtures("local")
class TestLangChainsIntegrationTests(EmbeddingsIntegrationTests):
    """Those of langchain-tests, over HTTP, with the small real model."""

    @property
    def embeddings_class(self):
        return OpenRouterEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": LOCAL}


@pytest.mark.usefixtures("local")
async def test_a_vector_store_finds_what_is_near():
    texts = ["Dogs are loyal companions", "The cat sat on the mat", "Stocks fell sharply"]
    store = InMemoryVectorStore.from_texts(texts, OpenRouterEmbeddings(model=LOCAL))

    (found,) = store.similarity_search("pets and animals", k=1)
    (awaited,) = await store.asimilarity_search("shares and bonds", k=1)
    assert (found.page_content, awaited.page_content) == (texts[0], texts[2])


def test_settings_go_round_without_the_key(at_home):
    home = OpenRouterEmbeddings(
        model=MODEL, dimensions=4, query_prefix="q: ", options={"max_cost": 1.0}
    )
    dumped = home.model_dump()

    assert at_home.api_key not in home.model_dump_json()
    assert {"api_key", "client"}.isdisjoint(dumped)
    again = OpenRouterEmbeddings(**dumped)
    assert again.model_dump() == dumped
    assert again.embed_query("a fox") == home.embed_query("a fox")
    first, second = (request.body for request in at_home.requests if request.body)
    assert first == second


def test_a_misspelt_setting_is_refused(at_home):
    with pytest.raises(ValueError, match="dimension"):
        OpenRouterEmbeddings(model=MODEL, dimension=4)


def test_a_setting_that_changes_counts_at_the_next_call(at_home):
    home = OpenRouterEmbeddings(model=MODEL)
    home.embed_query("a fox")
    home.dimensions = 4

    assert len(home.embed_query("a fox")) == 4


async def test_no_texts_are_no_request(at_home):
    home = OpenRouterEmbeddings(model=MODEL)

    assert home.embed_documents([]) == await home.aembed_documents([]) == []
    assert at_home.requests == ()


@pytest.mark.parametrize("text", ["", None])
async def test_an_empty_text_is_an_error_and_nothing_is_sent(at_home, text):
    home = OpenRouterEmbeddings(model=MODEL)
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        home.embed_documents(["a fox", text])
    with pytest.raises(ConfigurationError, match=r"inputs\[0\]"):
        await home.aembed_query(text)
    assert at_home.requests == ()


async def test_some_failed_texts_keep_what_was_paid_for():
    with FaultServer(poison={"poison"}) as server:
        home = OpenRouterEmbeddings(model=MODEL, api_key=server.api_key, base_url=server.base_url)
        with pytest.raises(PartialFailureError) as caught:
            await home.aembed_documents(["a fox", "poison"])

        assert caught.value.result.vectors[0].tolist() == server.vector("a fox").tolist()
