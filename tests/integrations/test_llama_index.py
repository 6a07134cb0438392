"""LlamaIndex: batches, an index and its retriever, pipelines, settings, refused caches."""

from __future__ import annotations

import pickle

import httpx
import pytest
from home_tests import MODEL, HomeTests, inputs_of
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore

from openrouter_embeddings import ConfigurationError, OpenRouter, PartialFailureError
from openrouter_embeddings.integrations.llama_index import OpenRouterEmbedding
from openrouter_embeddings.testing import FaultServer

LOCAL = "local/wordllama-256"
TEXTS = ["Dogs are loyal companions", "The cat sat on the mat", "Stocks fell sharply"]


class TestEveryHome(HomeTests):
    """What every home keeps."""

    module, library = "llama_index", "import llama_index.core.base.embeddings.base"

    def make(self, **settings):
        return OpenRouterEmbedding(model_name=MODEL, **settings)

    def documents(self, home, texts):
        return home.get_text_embedding_batch(texts)

    def query(self, home, text):
        return home.get_query_embedding(text)

    async def adocuments(self, home, texts):
        return await home.aget_text_embedding_batch(texts)

    async def aquery(self, home, text):
        return await home.aget_query_embedding(text)


async def test_an_index_finds_what_is_near(local):
    """Over HTTP, with the small real model."""
    nodes = [TextNode(text=text) for text in TEXTS]
    index = VectorStoreIndex(nodes, embed_model=OpenRouterEmbedding(model_name=LOCAL))
    retriever = index.as_retriever(similarity_top_k=1)

    assert retriever.retrieve("pets and animals")[0].text == TEXTS[0]
    assert (await retriever.aretrieve("shares and bonds"))[0].text == TEXTS[2]


@pytest.mark.parametrize("workers", [None, 2])
def test_a_pipeline_embeds_in_its_workers(at_home, workers):
    """They have the key from the environment."""
    pipeline = IngestionPipeline(transformations=[OpenRouterEmbedding(model_name=MODEL)])
    nodes = pipeline.run(documents=[Document(text=text) for text in TEXTS], num_workers=workers)

    expected = [at_home.vector(node.get_content()).tolist() for node in nodes]
    assert [node.embedding for node in nodes] == expected
    assert len(nodes) == 3


async def test_a_thousand_texts_are_one_run(at_home):
    """Its batches of ten would be a hundred, one after the other."""
    texts = [f"text {number}" for number in range(1_000)]
    home = OpenRouterEmbedding(model_name=MODEL)
    found = home.get_text_embedding_batch(texts)

    assert len(found) == 1_000
    assert len(inputs_of(at_home)) == 10
    assert await home.aget_text_embedding_batch(texts) == found


async def test_one_text_is_a_document(at_home):
    home = OpenRouterEmbedding(model_name=MODEL)
    expected = at_home.vector("a red fox").tolist()

    assert home.get_text_embedding("a red fox") == expected
    assert await home.aget_text_embedding("a red fox") == expected
    assert {request.body["input_type"] for request in at_home.requests} == {"search_document"}


def test_settings_go_round_without_the_key(at_home):
    home = OpenRouterEmbedding(
        model_name=MODEL, api_key=at_home.api_key, dimensions=4, options={"max_cost": 1.0}
    )
    again = OpenRouterEmbedding.from_dict(home.to_dict())

    payload = getattr(home, "to_payload", dict)()  # 0.14.0 has none
    assert at_home.api_key not in home.to_json() + str(payload)
    assert {"api_key", "client"}.isdisjoint(home.to_dict())
    assert again.to_dict() == home.to_dict()
    assert again.get_query_embedding("a") == home.get_query_embedding("a")


def test_a_pickle_has_neither_a_key_nor_half_a_client(at_home):
    """LlamaIndex leaves out what cannot be pickled, with a warning."""
    key = "sk-or-another-0123456789"
    assert key.encode() not in pickle.dumps(OpenRouterEmbedding(model_name=MODEL, api_key=key))

    with httpx.Client() as http, OpenRouter(at_home.api_key, http_client=http) as client:
        home = OpenRouterEmbedding(model_name=MODEL, client=client)
        with pytest.raises(ConfigurationError, match="http_client"):
            pickle.dumps(home)
    with OpenRouter(at_home.api_key, base_url=at_home.base_url) as client:
        home = pickle.loads(pickle.dumps(OpenRouterEmbedding(model_name=MODEL, client=client)))
    assert home.client is not None


def test_a_cache_that_mixes_queries_and_documents_is_refused(at_home):
    with pytest.raises(ValueError, match=r"options=\{'cache'"):
        OpenRouterEmbedding(model_name=MODEL, embeddings_cache=SimpleKVStore())
    assert OpenRouterEmbedding(model_name=MODEL, embeddings_cache=None).embeddings_cache is None


def test_a_misspelt_setting_is_refused(at_home):
    with pytest.raises(ValueError, match="dimension"):
        OpenRouterEmbedding(model_name=MODEL, dimension=4)


async def test_an_empty_text_is_an_error_and_nothing_is_sent(at_home):
    home = OpenRouterEmbedding(model_name=MODEL)
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        home([TextNode(text="a fox"), TextNode(text="")])
    with pytest.raises(ConfigurationError, match=r"inputs\[0\]"):
        await home.aget_query_embedding("")
    assert home.get_text_embedding_batch([]) == []
    assert at_home.requests == ()


async def test_some_failed_texts_keep_what_was_paid_for():
    with FaultServer(poison={"poison"}) as server:
        home = OpenRouterEmbedding(
            model_name=MODEL, api_key=server.api_key, base_url=server.base_url
        )
        with pytest.raises(PartialFailureError) as caught:
            await home.aget_text_embedding_batch(["a fox", "poison"])

        assert caught.value.result.vectors[0].tolist() == server.vector("a fox").tolist()
