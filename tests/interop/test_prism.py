"""A mock that another project builds from `openapi.yaml`, with our client talking to it."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from openrouter_embeddings import OpenRouter, OpenRouterError
from openrouter_embeddings.errors import ERROR_OF_STATUS

NPM_PACKAGE = "@stoplight/prism-cli@5.16.0"
CONTRACT = Path(__file__).resolve().parents[2] / "openapi.yaml"
MODEL = "openai/text-embedding-3-small"


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """Install the mock from npm and run it on loopback."""
    folder = tmp_path_factory.mktemp("npm")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", NPM_PACKAGE]
    subprocess.run(npm, cwd=folder, check=True, timeout=300)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [folder / "node_modules" / ".bin" / "prism", "mock", CONTRACT]
    options = ["--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the mock does not answer")


@pytest.fixture
def client(mock):
    with OpenRouter("any", base_url=mock, retries=None) as client:
        yield client


def test_our_requests_pass_the_validator_and_the_reply_is_read(client):
    """The example of the contract: two vectors, one as numbers and one as base64."""
    response = client.embeddings.generate(
        input=["Dogs are loyal companions", "The cat sat on the mat"],
        model=MODEL,
        dimensions=2,
        provider={"data_collection": "deny", "max_price": {"prompt": 0.05}, "sort": "price"},
        user="user-1",
        session_id="session-7",
        trace={"trace_id": "t"},
    )

    assert response.vectors.shape == (2, 2)
    assert np.allclose(response.vectors[0], [0.6, -0.8])
    assert response.provider == "OpenAI"


def test_the_listing_is_read(client):
    """As the contract shows it."""
    models = client.embeddings.list_models()

    assert models.find(MODEL).price_per_million is not None
    assert models.unread == ()


@pytest.mark.parametrize("status", sorted(ERROR_OF_STATUS))
def test_each_status_of_the_contract_is_its_own_error(status, client):
    """The mock answers with the example of the status that it is asked for."""
    with pytest.raises(OpenRouterError) as caught:
        client.embeddings.generate(
            input="a", model=MODEL, extra_headers={"Prefer": f"code={status}"}
        )

    # The examples carry codes of their own, and the code in the body is the real status.
    assert caught.value.http_status == status
    assert caught.value.message


def test_the_validator_refuses_what_the_contract_forbids(mock):
    """So that passing it means something."""
    key = {"authorization": "Bearer any"}
    body = {"model": 5, "input": []}

    with httpx.Client(base_url=mock, headers=key, trust_env=False) as http:
        assert http.post("/embeddings", json=body).status_code in {400, 422}
        assert http.post("/embeddings", json={"model": "m", "input": "a"}).status_code == 200
