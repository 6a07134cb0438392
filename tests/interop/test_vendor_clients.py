"""Other clients on the local server: the vendor's for Python and JavaScript, and openai."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import openai
import openrouter
import pytest
from openrouter import errors as vendor_errors

from openrouter_embeddings.local import MODEL_ID, LocalModel, LocalServer

NPM_PACKAGE = "@openrouter/sdk@1.3.19"
SCRIPT = Path(__file__).with_name("vendor_client.mjs")
TEXTS = ["Dogs are loyal companions", "The cat sat on the mat", "a red fox"]


@pytest.fixture(scope="module")
def server():
    with LocalServer() as running:
        yield running


@pytest.fixture(scope="module")
def expected():
    return LocalModel.load().embed(TEXTS)


@pytest.fixture
def vendor(server):
    with openrouter.OpenRouter(api_key="any", server_url=server.base_url) as client:
        yield client


@pytest.fixture
def other(server):
    with openai.OpenAI(api_key="any", base_url=server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def javascript(server, tmp_path_factory):
    """Install the npm package, run the script beside it, and read what it wrote."""
    folder = tmp_path_factory.mktemp("npm")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", NPM_PACKAGE]
    subprocess.run(npm, cwd=folder, check=True, timeout=300)
    shutil.copy(SCRIPT, folder)
    node = ["node", SCRIPT.name, server.base_url, MODEL_ID, *TEXTS]
    done = subprocess.run(node, cwd=folder, check=True, timeout=60, capture_output=True, text=True)
    return json.loads(done.stdout)


def from_base64(texts):
    return np.stack([np.frombuffer(base64.b64decode(text), "<f4") for text in texts])


def numbers(vectors):
    return np.array(vectors, dtype=np.float32)


def test_vendor_python_gets_our_vectors(vendor, expected):
    """The vendor's client for Python gets the model's vectors, as numbers and as base64."""
    reply = vendor.embeddings.generate(input=TEXTS, model=MODEL_ID)
    encoded = vendor.embeddings.generate(input=TEXTS, model=MODEL_ID, encoding_format="base64")

    assert expected.shape == (3, 256)
    assert (numbers([item.embedding for item in reply.data]) == expected).all()
    assert (from_base64([item.embedding for item in encoded.data]) == expected).all()
    assert reply.usage.prompt_tokens == sum(LocalModel.load().count_tokens(TEXTS))


def test_vendor_python_sends_tokens_that_are_understood(vendor, expected):
    """The vendor's client writes token ids as floating numbers, and they are taken."""
    ids = [tokens.tolist() for tokens in LocalModel.load().tokenize(TEXTS)]
    reply = vendor.embeddings.generate(input=ids, model=MODEL_ID)

    assert (numbers([item.embedding for item in reply.data]) == expected).all()


def test_vendor_python_reads_the_listing(vendor):
    """The vendor's client for Python, which insists on many fields, reads the listing."""
    models = vendor.embeddings.list_models().result.data

    assert [(model.id, model.context_length) for model in models] == [(MODEL_ID, 8192)]


def test_vendor_python_understands_refusals(vendor):
    """An unknown model and an image become the vendor's own errors."""
    with pytest.raises(vendor_errors.BadRequestResponseError, match="not a valid model ID"):
        vendor.embeddings.generate(input="a", model="nobody/none")
    with pytest.raises(vendor_errors.NotFoundResponseError, match="embeds text only"):
        vendor.embeddings.generate(
            input=[{"content": [{"type": "image_url", "image_url": {"url": "https://x.org"}}]}],
            model=MODEL_ID,
        )


def test_openai_gets_our_vectors(other, expected):
    """The openai client, which asks for base64 by itself, gets the model's vectors."""
    reply = other.embeddings.create(input=TEXTS, model=MODEL_ID)
    floats = other.embeddings.create(input=TEXTS, model=MODEL_ID, encoding_format="float")
    narrow = other.embeddings.create(input=TEXTS, model=MODEL_ID, dimensions=64)

    assert (numbers([item.embedding for item in reply.data]) == expected).all()
    assert (numbers([item.embedding for item in floats.data]) == expected).all()
    assert [len(item.embedding) for item in narrow.data] == [64, 64, 64]


def test_openai_reads_the_listing(server):
    """The openai client finds the model in the listing."""
    with openai.OpenAI(api_key="any", base_url=f"{server.base_url}/embeddings") as client:
        assert [model.id for model in client.models.list()] == [MODEL_ID]


def test_openai_understands_refusals(other):
    """An unknown model becomes the openai client's own error."""
    with pytest.raises(openai.BadRequestError, match="not a valid model ID"):
        other.embeddings.create(input="a", model="nobody/none")


def test_vendor_javascript_gets_our_vectors(javascript, expected):
    """The vendor's client for JavaScript gets the model's vectors, as numbers and as base64."""
    assert (numbers(javascript["numbers"]["vectors"]) == expected).all()
    assert (from_base64(javascript["base64"]["vectors"]) == expected).all()
    assert [len(vector) for vector in javascript["narrow"]["vectors"]] == [64, 64, 64]
    assert javascript["numbers"]["usage"]["promptTokens"] == sum(
        LocalModel.load().count_tokens(TEXTS)
    )


def test_vendor_javascript_reads_the_listing(javascript):
    """The vendor's client for JavaScript, which insists on many fields, reads the listing."""
    assert javascript["listed"] == [{"id": MODEL_ID, "contextLength": 8192}]


def test_vendor_javascript_understands_refusals(javascript):
    """An unknown model becomes the vendor's own error."""
    assert javascript["refusal"]["name"] == "BadRequestResponseError"
    assert javascript["refusal"]["status"] == 400
    assert "not a valid model ID" in javascript["refusal"]["message"]
