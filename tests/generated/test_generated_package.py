"""The generated package by itself: every status, odd bodies, requests as written."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from openrouter_embeddings_api import AuthenticatedClient
from openrouter_embeddings_api.api.embeddings import create_embeddings, list_embeddings_models
from openrouter_embeddings_api.models import (
    EmbeddingsRequest,
    EmbeddingsResponse,
    ErrorResponse,
    ModelsListResponse,
    MultimodalInput,
    ProviderPreferences,
)

STATUSES = [400, 401, 402, 403, 404, 408, 413, 422, 429, 499, 500, 502, 503, 504, 520, 524, 529]
ERROR = {"error": {"code": 1, "message": "no", "metadata": {"raw": "x"}}, "user_id": "user_1"}
SECOND = {"success": False, "error": {"name": "ZodError", "message": "[]"}}
VECTORS = {"object": "list", "data": [{"embedding": [0.5], "index": 0}, {"embedding": "AAAAPw=="}]}
PAGE = "<html><title>Bad gateway</title></html>"


class Canned(BaseHTTPRequestHandler):
    """Answers with what the test has put down."""

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.path, self.headers, self.rfile.read(length)))
        status, body = self.server.answer
        self.send_response_only(status, "Status")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Canned) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(params=["sync", "async"])
def call(request, server):
    """Call an operation against a canned answer, in either way."""
    client = AuthenticatedClient(base_url=f"http://127.0.0.1:{server.server_address[1]}", token="t")

    async def awaited(operation, arguments):
        async with client as running:
            return await operation.asyncio_detailed(client=running, **arguments)

    def run(operation, status, payload, **arguments):
        body = payload if isinstance(payload, str) else json.dumps(payload)
        server.seen, server.answer = [], (status, body.encode())
        if request.param == "async":
            return asyncio.run(awaited(operation, arguments))
        with client as running:
            return operation.sync_detailed(client=running, **arguments)

    return run


def text_request():
    return EmbeddingsRequest(input_="a", model="m")


OPERATIONS = {
    "post": (create_embeddings, lambda: {"body": text_request()}),
    "get": (list_embeddings_models, dict),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("payload", [ERROR, SECOND], ids=["first", "second"])
def test_every_status_gives_a_response(name, status, payload, call):
    """Status as a plain int, headers, content, and the parsed error."""
    operation, arguments = OPERATIONS[name]

    response = call(operation, status, payload, **arguments())

    assert (type(response.status_code), response.status_code) == (int, status)
    assert isinstance(response.headers, httpx.Headers)
    assert json.loads(response.content) == payload
    assert isinstance(response.parsed, ErrorResponse)
    assert response.parsed.to_dict() == payload


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("status", [200, *STATUSES])
@pytest.mark.parametrize("body", [PAGE, "", "[1]", "null", "[" * 5], ids=repr)
def test_a_body_that_cannot_be_read_gives_a_response(name, status, body, call):
    """`parsed` is None, and everything else is there."""
    operation, arguments = OPERATIONS[name]

    response = call(operation, status, body, **arguments())

    assert response.status_code == status
    assert response.content == body.encode()
    assert response.parsed is None


def test_vectors_are_parsed_in_both_encodings(call):
    """Numbers stay numbers, base64 stays text."""
    response = call(create_embeddings, 200, VECTORS, body=text_request())

    assert isinstance(response.parsed, EmbeddingsResponse)
    assert [item.embedding for item in response.parsed.data] == [[0.5], "AAAAPw=="]


def test_an_error_in_a_200_is_parsed_as_an_error(call):
    """The status says nothing about it."""
    response = call(create_embeddings, 200, ERROR, body=text_request())

    assert response.status_code == 200
    assert isinstance(response.parsed, ErrorResponse)


def test_a_listing_with_new_values_is_parsed(call):
    """Enums are open, unknown fields are kept."""
    entry = {
        "id": "a/b",
        "architecture": {"tokenizer": "Tomorrow", "input_modalities": ["smell", "text"]},
        "supported_parameters": ["mood", "seed"],
        "novelty": 1,
    }

    response = call(list_embeddings_models, 200, {"data": [entry]})

    assert isinstance(response.parsed, ModelsListResponse)
    assert response.parsed.data[0].to_dict() == entry


@pytest.mark.parametrize(
    "value",
    [
        "a",
        ["a", "b"],
        [1, 2],
        [[1, 2], [3]],
        [{"content": [{"type": "text", "text": "a"}]}],
        [
            {
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://example.org"}},
                    {"type": "input_audio", "input_audio": {"data": "d", "format": "wav"}},
                    {"type": "input_video", "input_video": {"data": "d"}},
                    {"type": "input_file", "input_file": {"data": "d"}},
                ]
            }
        ],
    ],
    ids=json.dumps,
)
def test_inputs_travel_as_they_are(value, call, server):
    """Token ids stay integers, parts keep their type."""
    items = (
        [MultimodalInput.from_dict(item) for item in value]
        if isinstance(value, list) and isinstance(value[0], dict)
        else value
    )

    call(create_embeddings, 200, VECTORS, body=EmbeddingsRequest(input_=items, model="m"))

    _, headers, body = server.seen[-1]
    assert json.loads(body) == {"input": value, "model": "m"}
    assert "1.0" not in body.decode()
    assert headers["Authorization"] == "Bearer t"


PROVIDER = {
    "allow_fallbacks": False,
    "data_collection": "deny",
    "enforce_distillable_text": None,
    "ignore": ["azure"],
    "only": None,
    "order": ["openai", "Google AI Studio"],
    "max_price": {"prompt": "0.05", "completion": 1},
    "options": {"openai": {"store": False}},
    "preferred_max_latency": {"p50": 1, "p99": None},
    "preferred_min_throughput": 100,
    "quantizations": ["fp8"],
    "require_parameters": True,
    "sort": {"by": "price", "partition": None},
    "zdr": True,
}


def test_preferences_make_the_round_trip(call, server):
    """Nothing is added, lost or changed."""
    request = EmbeddingsRequest(
        input_="a", model="m", provider=ProviderPreferences.from_dict(PROVIDER)
    )

    call(create_embeddings, 200, VECTORS, body=request)

    assert json.loads(server.seen[-1][2])["provider"] == PROVIDER


def test_bounds_and_headers_travel(call, server):
    """Query and header parameters are arguments."""
    call(list_embeddings_models, 200, {"data": []}, offset=5, limit=10, http_referer="https://a.b")

    path, headers, _ = server.seen[-1]
    assert path == "/embeddings/models?offset=5&limit=10"
    assert headers["HTTP-Referer"] == "https://a.b"


def test_our_client_hands_out_the_generated_one(server):
    """Configured with its key, headers and connections; the key is not in its repr."""
    from openrouter_embeddings import OpenRouter

    server.seen, server.answer = [], (524, PAGE.encode())
    base_url = f"http://127.0.0.1:{server.server_address[1]}"
    with OpenRouter("sk-or-secret", base_url=base_url, title="T") as client:
        response = create_embeddings.sync_detailed(client=client.api, body=text_request())
        shown = repr(client.api)

    assert (response.status_code, response.parsed) == (524, None)
    _, headers, _ = server.seen[-1]
    assert headers["Authorization"] == "Bearer sk-or-secret"
    assert headers["X-OpenRouter-Title"] == "T"
    assert "sk-or-secret" not in shown


async def test_our_async_client_hands_out_the_generated_one(server):
    """For the asynchronous functions."""
    from openrouter_embeddings import AsyncOpenRouter

    server.seen, server.answer = [], (200, json.dumps({"data": []}).encode())
    base_url = f"http://127.0.0.1:{server.server_address[1]}"
    async with AsyncOpenRouter("sk-or-secret", base_url=base_url) as client:
        response = await list_embeddings_models.asyncio_detailed(client=client.api)

    assert response.parsed.data == []
    assert server.seen[-1][1]["Authorization"] == "Bearer sk-or-secret"


def test_a_token_is_not_shown():
    """Neither before nor after a request, when it is in the headers too."""
    client = AuthenticatedClient(base_url="http://127.0.0.1:9", token="sk-or-v1-secret")
    before = repr(client)
    client.get_httpx_client().close()

    assert "secret" not in before + repr(client)
