"""The local server: both endpoints over a real socket, by the contract."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import numpy as np
import pybase64
import pytest

from openrouter_embeddings import ConfigurationError, OpenRouter
from openrouter_embeddings import local as local_module
from openrouter_embeddings._base import serving
from openrouter_embeddings.cache import EmbeddingCache, KeyMaker
from openrouter_embeddings.local import MODEL_ID, SOURCE, LocalModel, LocalServer

pytestmark = pytest.mark.local_model

KEY = {"Authorization": "Bearer any"}


@pytest.fixture(scope="module")
def server():
    with LocalServer(max_body_bytes=400_000, max_inputs=200) as running:
        yield running


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.base_url, headers=KEY, trust_env=False) as client:
        yield client


@pytest.fixture
def post(http):
    def send(**fields):
        return http.post("/embeddings", json={"input": "a red fox", "model": MODEL_ID} | fields)

    return send


def error(response):
    """Read the envelope; its code is the status."""
    body = response.json()
    assert list(body) == ["error"]
    assert response.headers["content-type"] == "application/json"
    assert body["error"]["code"] == response.status_code
    return response.status_code, body["error"]["message"]


def port_of(server):
    """Read the port from the base URL."""
    return int(server.base_url.split(":")[2].split("/")[0])


def decoded(response):
    """Read vectors as numbers."""
    return np.array([item["embedding"] for item in response.json()["data"]], dtype=np.float32)


def test_reply_has_the_fields_of_the_service(post):
    """A success has every field that the service sends, in its order."""
    response = post(input=["a red fox", "hello world"])
    body = response.json()
    tokens = sum(LocalModel.load().count_tokens(["a red fox", "hello world"]))

    assert response.status_code == 200
    assert list(body) == ["object", "data", "model", "usage", "provider", "id"]
    assert [body[name] for name in ("object", "model", "provider")] == [
        *("list", "wordllama-256", "Local"),
    ]
    assert [(item["object"], item["index"]) for item in body["data"]] == [
        *(("embedding", 0), ("embedding", 1)),
    ]
    assert body["usage"] == {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "cost": 0,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": 0,
            "upstream_inference_completions_cost": 0,
        },
    }
    assert re.fullmatch(r"gen-emb-\d{10}-[A-Za-z0-9]{20}", body["id"])
    assert response.headers["X-Generation-Id"] == body["id"]


@pytest.mark.parametrize("width", [64, 128, 256])
def test_both_encodings_carry_the_same_bits(post, width):
    """Numbers and base64 give exactly the model's vectors, at every width."""
    texts = ["a red fox", "Dogs are loyal companions", "🦊"]
    numbers = post(input=texts, dimensions=width, encoding_format="float")
    encoded = post(input=texts, dimensions=width, encoding_format="base64").json()["data"]
    from_base64 = [np.frombuffer(pybase64.b64decode(item["embedding"]), "<f4") for item in encoded]

    expected = LocalModel.load().embed(texts, width)
    assert (decoded(numbers) == expected).all()
    assert (np.stack(from_base64) == expected).all()


def test_floats_are_the_default(post):
    """Without an encoding the vectors are 256 numbers."""
    assert decoded(post()).shape == (1, 256)


@pytest.mark.parametrize(
    "given",
    [
        lambda ids: ids,
        lambda ids: [float(token) for token in ids],
        lambda ids: [ids],
        lambda _: [{"content": [{"type": "text", "text": "a red fox"}]}],
    ],
    ids=["tokens", "floating tokens", "list of tokens", "content"],
)
def test_every_kind_of_text_input_gives_the_same_vector(post, given):
    """Text, its token ids and a text part are one input with one vector and one count."""
    ids = LocalModel.load().tokenize(["a red fox"])[0].tolist()
    response = post(input=given(ids))

    assert (decoded(response) == decoded(post())).all()
    assert response.json()["usage"]["prompt_tokens"] == len(ids)


def test_text_parts_are_joined_into_one_vector(post):
    """The parts of one item give one vector, made of the tokens of all."""
    parts = [{"type": "text", "text": text} for text in ("a red fox", "Dogs are loyal")]
    response = post(input=[{"content": parts}, {"content": parts[:1]}])
    model = LocalModel.load()
    ids = np.concatenate(model.tokenize(["a red fox", "Dogs are loyal"]))

    assert (decoded(response)[0] == model.embed_tokens([ids])[0]).all()
    assert (decoded(response)[1] == model.embed(["a red fox"])[0]).all()


def test_all_optional_fields_are_taken(post):
    """Fields that change nothing here are accepted, as are fields that nobody knows."""
    response = post(
        input_type="search_query",
        user="someone",
        session_id="s" * 256,
        trace={"trace_id": "1", "team": 7},
        provider={
            "only": ["Local"],
            "order": ["openai"],
            "ignore": ["azure"],
            "quantizations": ["fp16", "fp32"],
            "allow_fallbacks": True,
            "max_price": {"prompt": "0"},
            "data_collection": "deny",
        },
        novelty=1,
    )

    assert response.status_code == 200
    assert post(provider=None).status_code == 200


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
REFUSED = {
    "no model": ({"model": ...}, 400, "model is required"),
    "no input": ({"input": ...}, 400, "input is required"),
    "model is a number": ({"model": 5}, 400, "model must be text"),
    "unknown model": ({"model": "nobody/none"}, 400, "nobody/none is not a valid model ID"),
    "empty text": ({"input": ""}, 400, "input must not be empty"),
    "empty text in a list": ({"input": ["a", ""]}, 400, "input[1] must not be empty"),
    "empty list": ({"input": []}, 400, "input must not be empty"),
    "null": ({"input": None}, 400, "input must be text or a list"),
    "null in a list": ({"input": ["a", None]}, 400, "input[1] must be text"),
    "list of nulls": ({"input": [None]}, 400, "input[0] must be text, a number"),
    "true": ({"input": [True]}, 400, "input[0] must be text, a number"),
    "mixed": ({"input": ["a", [1]]}, 400, "input[1] must be text"),
    "mixed tokens": ({"input": [1, "a"]}, 400, "input[1] must be an integer"),
    "mixed lists": ({"input": [[1], 2]}, 400, "input[1] must be a list of token ids"),
    "negative token": ({"input": [3, -1]}, 400, "input[1] must be at least 0"),
    "large token": ({"input": [[3], [32_000]]}, 400, "input[1][0] must be at most 31999"),
    "half a token": ({"input": [1.5]}, 400, "input[0] must be an integer"),
    "no tokens": ({"input": [[]]}, 400, "input[0] must hold at least one token"),
    "too long": ({"input": ["a", "b c " * 8192]}, 400, "input[1] is too long: more than 8192"),
    "too many tokens": ({"input": [1] * 8193}, 400, "input is too long"),
    "parts too long": (
        {"input": [{"content": [{"type": "text", "text": "b c " * 3000}] * 2}]},
        *(400, "input[0] is too long"),
    ),
    "too many": ({"input": ["a"] * 201}, 422, "input has 201 items; at most 200 are allowed"),
    "no content": ({"input": [{}]}, 400, "input[0].content is required"),
    "content is text": ({"input": [{"content": "a"}]}, 400, "input[0].content must be a list"),
    "empty content": ({"input": [{"content": []}]}, 400, "input[0].content must not be empty"),
    "part is text": ({"input": [{"content": ["a"]}]}, 400, "input[0].content[0] must be an object"),
    "item after content": (
        {"input": [{"content": [{"type": "text", "text": "a"}]}, "b"]},
        400,
        "input[1]",
    ),
    "part without text": (
        {"input": [{"content": [{"type": "text"}]}]},
        *(400, "input[0].content[0].text is required"),
    ),
    "unknown part": (
        {"input": [{"content": [{"type": "smell"}]}]},
        *(400, "input[0].content[0].type must be one of text, image_url"),
    ),
    "image without url": (
        {"input": [{"content": [{"type": "image_url", "image_url": {}}]}]},
        *(400, "input[0].content[0].image_url.url is required"),
    ),
    "image": ({"input": [{"content": [IMAGE]}]}, 404, "support image input"),
    **{
        kind: (
            {"input": [{"content": [{"type": f"input_{kind}", f"input_{kind}": {"data": "x"}}]}]},
            *(404, f"support {kind} input: {MODEL_ID} embeds text only (input[0].content[0])"),
        )
        for kind in ("audio", "video", "file")
    },
    "width": ({"dimensions": 100}, 400, "dimensions must be one of 64, 128, 256"),
    "width is text": ({"dimensions": "64"}, 400, "dimensions must be an integer"),
    "width is zero": ({"dimensions": 0}, 400, "dimensions must be at least 1"),
    "width is null": ({"dimensions": None}, 400, "dimensions must be an integer"),
    "encoding": ({"encoding_format": "hex"}, 400, "encoding_format must be float or base64"),
    "encoding is null": ({"encoding_format": None}, 400, "encoding_format must be text"),
    "user": ({"user": 5}, 400, "user must be text"),
    "input type": ({"input_type": ["a"]}, 400, "input_type must be text"),
    "long session": ({"session_id": "s" * 257}, 400, "session_id must have 256 characters"),
    "trace": ({"trace": "a"}, 400, "trace must be an object"),
    "trace id": ({"trace": {"trace_id": 5}}, 400, "trace.trace_id must be text"),
    "provider": ({"provider": "openai"}, 400, "provider must be an object"),
    "misspelt preference": ({"provider": {"onyl": []}}, 400, "provider.onyl is unknown"),
    "wrong preference": ({"provider": {"zdr": "yes"}}, 400, "provider.zdr must be"),
    "only others": ({"provider": {"only": ["openai"]}}, 404, "No endpoints found"),
    "not this one": ({"provider": {"ignore": ["local"]}}, 404, "No endpoints found"),
    "other weights": ({"provider": {"quantizations": ["int4"]}}, 404, "No endpoints found"),
    "no fallback": (
        {"provider": {"order": ["openai"], "allow_fallbacks": False}},
        *(404, "No endpoints found"),
    ),
}


@pytest.mark.parametrize(("fields", "status", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_names_the_field(http, fields, status, words):
    """What the contract does not have is refused with the right status and the field's name."""
    body = {"input": "a red fox", "model": MODEL_ID} | fields
    sent = {name: value for name, value in body.items() if value is not ...}

    assert error(http.post("/embeddings", json=sent))[0] == status
    assert words in error(http.post("/embeddings", json=sent))[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The body is not JSON"),
        (b"{", "The body is not JSON"),
        (b"\xff\xfe", "The body is not JSON"),
        (b'{"input": [NaN]}', "NaN is no number"),
        (b"[" * 100_000, "The body is not JSON"),
        (b"[]", "body must be an object"),
        (b'{"input": ["\\ud800"], "model": "%s"}' % MODEL_ID.encode(), "surrogate"),
    ],
    ids=["empty", "cut", "not text", "nan", "deep", "list", "surrogate"],
)
def test_a_body_that_is_no_request_is_refused(http, content, words):
    """Bytes that are no JSON object get 400 and not 500."""
    status, message = error(http.post("/embeddings", content=content))

    assert (status, words in message) == (400, True)


@pytest.mark.parametrize("size", [400_001, 2_000_000])
def test_a_large_body_is_refused(http, size):
    """A body above the limit gets 413, declared or in chunks, and the client sees it."""
    chunks = [b"a" * 1000] * (size // 1000) + [b"a" * (size % 1000)]
    whole = http.post("/embeddings", content=b"".join(chunks))

    assert error(whole) == (413, "The body is too large: at most 400000 bytes are allowed.")
    assert error(http.post("/embeddings", content=iter(chunks[:401])))[0] == 413


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic x"}],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/embeddings"), ("GET", "/embeddings/models")]
)
def test_a_key_is_needed(server, method, path, headers):
    """Both endpoints refuse a request without a bearer key."""
    with httpx.Client(base_url=server.base_url, trust_env=False) as client:
        status, message = error(client.request(method, path, headers=headers))

    assert status == 401
    assert message.startswith("Missing Authentication header")


def test_the_scheme_is_case_insensitive(server):
    """The scheme of the key's header is told in any case (RFC 9110 section 11.1)."""
    url = f"{server.base_url}/embeddings/models"

    assert httpx.get(url, headers={"Authorization": "bearer x"}, trust_env=False).is_success


@pytest.mark.parametrize("path", ["/", "/embeddings/", "/embeddings/models/", "/chat/completions"])
def test_unknown_paths_are_refused_in_the_envelope(http, path):
    """Only the two endpoints exist; there are no redirections."""
    status, message = error(http.get(path))

    assert (status, message) == (404, f"Not Found: GET /api/v1{path}")


def test_the_listing_is_also_where_tools_look_for_it(http):
    """At /models, as of OpenAI's protocol."""
    assert http.get("/models").json() == http.get("/embeddings/models").json()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/embeddings"), ("POST", "/embeddings/models")]
)
def test_wrong_methods_are_refused_in_the_envelope(http, method, path):
    """A wrong method gets 405 and the allowed ones."""
    response = http.request(method, path)

    assert error(response)[0] == 405
    assert response.headers["Allow"]


def test_the_listing_has_what_other_clients_insist_on(http):
    """The one model comes with every field that the vendor's own clients require."""
    body = http.get("/embeddings/models").json()
    model = body["data"][0]

    assert (len(body["data"]), body["total_count"], body["links"]) == (1, 1, {"next": None})
    assert model["id"] == MODEL_ID
    assert {
        *("id", "canonical_slug", "name", "created", "pricing", "context_length", "architecture"),
        *("top_provider", "per_request_limits", "supported_parameters", "default_parameters"),
        *("supported_voices", "links"),
    } <= set(model)
    assert http.get(model["links"]["details"].removeprefix("/api/v1")).is_success


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"offset": 0, "limit": 500}, 1),
        ({"offset": 1}, 0),
        ({"offset": 10**9}, 0),
        ({"limit": 1}, 1),
    ],
)
def test_the_listing_has_pages(http, query, count):
    """An offset leaves models out; the count of all stays."""
    body = http.get("/embeddings/models", params=query).json()

    assert (len(body["data"]), body["total_count"]) == (count, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("offset", "-1"), ("offset", "x"), ("offset", ""), ("offset", "9" * 30)),
        *(
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "1.5"),
            ("limit", "\N{ARABIC-INDIC DIGIT ONE}"),
        ),
    ],
)
def test_the_listing_refuses_odd_bounds(http, name, value):
    """Bounds outside the contract get 400 with their name."""
    status, message = error(http.get("/embeddings/models", params={name: value}))

    assert status == 400
    assert message.startswith(f"{name} must be an integer from")


def test_counters_count_what_was_embedded(post):
    """Served requests and their inputs are counted, refused ones are not."""
    with LocalServer() as server, OpenRouter(server.api_key, base_url=server.base_url) as client:
        client.embeddings.generate(input=["a", "b", "c"], model=MODEL_ID)
        client.embeddings.generate(input=[1, 2, 3], model=MODEL_ID)
        httpx.post(f"{server.base_url}/embeddings", json={}, headers=KEY, trust_env=False)
        client.embeddings.list_models()

        assert (server.requests_served, server.inputs_embedded) == (2, 4)
    assert (server.requests_served, server.inputs_embedded) == (2, 4)


def test_our_client_understands_it(server):
    """Our own client gets verified vectors, usage and the catalog."""
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        response = client.embeddings.generate(input=["a", "b"], model=MODEL_ID, dimensions=128)
        models = client.embeddings.list_models()

    assert (response.vectors == LocalModel.load().embed(["a", "b"], 128)).all()
    assert (response.usage.cost, response.provider, len(models)) == (0, "Local", 1)


def test_a_large_batch_does_not_hold_up_the_others(server, monkeypatch):
    """The listing answers while a batch is being embedded."""
    begun, go_on = threading.Event(), threading.Event()
    embed = LocalModel.embed_tokens

    def slow(self, *args):
        begun.set()
        go_on.wait(60)
        return embed(self, *args)

    monkeypatch.setattr(LocalModel, "embed_tokens", slow)
    url, answers = server.base_url, []
    request = {"input": "a", "model": MODEL_ID}
    thread = threading.Thread(
        target=lambda: answers.append(
            httpx.post(f"{url}/embeddings", json=request, headers=KEY, trust_env=False)
        )
    )
    thread.start()
    assert begun.wait(60)
    listing = httpx.get(f"{url}/embeddings/models", headers=KEY, trust_env=False)
    waiting = not answers
    go_on.set()
    thread.join(60)

    assert (listing.status_code, waiting, answers[0].status_code) == (200, True, 200)


def test_many_clients_at_once_get_their_own_vectors(server):
    """Requests in parallel do not mix."""
    texts = [f"text number {number}" for number in range(40)]
    expected = LocalModel.load().embed(texts)

    async def run():
        async with httpx.AsyncClient(headers=KEY, trust_env=False) as client:
            url = f"{server.base_url}/embeddings"
            requests = [client.post(url, json={"input": t, "model": MODEL_ID}) for t in texts]
            return await asyncio.gather(*requests)

    answers = asyncio.run(run())
    assert (np.concatenate([decoded(answer) for answer in answers]) == expected).all()


def test_a_client_that_hangs_up_harms_nobody(caplog):
    """A connection that ends within its body leaves no trace in the log."""
    head = b"POST /api/v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    with LocalServer() as server:
        address = ("127.0.0.1", port_of(server))
        with socket.create_connection(address) as connection:
            connection.sendall(head + b"{")
        answer = httpx.get(f"{server.base_url}/embeddings/models", headers=KEY, trust_env=False)

    assert answer.is_success
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_bug_is_answered_in_the_envelope(monkeypatch, caplog):
    """An exception of the model becomes a 500 that says its kind, and is logged."""
    monkeypatch.setattr(LocalModel, "embed_tokens", lambda *_: 1 / 0)
    body = {"input": "a", "model": MODEL_ID}
    with LocalServer() as server:
        answer = httpx.post(
            f"{server.base_url}/embeddings", json=body, headers=KEY, trust_env=False
        )

    assert error(answer) == (500, "Internal Server Error: ZeroDivisionError")
    assert "ZeroDivisionError" in caplog.text


async def test_the_server_is_an_async_context_manager_too():
    """Start and stop leave the event loop free."""
    async with LocalServer() as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{server.base_url}/embeddings/models", headers=KEY)

    assert answer.status_code == 200


def test_after_the_block_nobody_listens():
    """The port is free again and the thread has ended; the server can start anew."""
    server = LocalServer()
    threads = threading.active_count()
    for _ in range(2):
        with server:
            port = port_of(server)
            assert server.base_url == f"http://127.0.0.1:{port}/api/v1"
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert threading.active_count() == threads
    with pytest.raises(ConfigurationError, match="does not run"):
        assert server.base_url


def test_starting_twice_is_refused(server):
    """A running server cannot be started again."""
    with pytest.raises(ConfigurationError, match="runs already"):
        server.start()


def test_a_taken_port_is_named(server):
    """A port that is in use is an error of configuration."""
    port = port_of(server)
    with pytest.raises(ConfigurationError, match=f"port {port}"):
        LocalServer(port=port).start()


def test_a_server_that_cannot_begin_is_reported(monkeypatch):
    """A failure in the server's thread ends the waiting."""

    async def fail(self, sockets=None):
        self.should_exit = True

    monkeypatch.setattr(serving.Uvicorn, "startup", fail)
    with pytest.raises(RuntimeError, match="ended before it began"):
        LocalServer().start()


def test_ipv6_addresses_stand_in_brackets():
    """A base URL with an IPv6 address can be used as it is."""
    with LocalServer(host="::1") as server:
        answer = httpx.get(f"{server.base_url}/embeddings/models", headers=KEY, trust_env=False)

        assert server.base_url.startswith("http://[::1]:")
        assert answer.status_code == 200


def test_serve_says_where_and_ends_with_ctrl_c():
    """The blocking server answers until it is interrupted, and ends without a traceback."""
    code = "from openrouter_embeddings.local import serve; serve(port=0); print('ended')"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/api/v1", said).group()
        body = {"input": "a", "model": MODEL_ID}
        answer = httpx.post(f"{url}/embeddings", json=body, headers=KEY, trust_env=False)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)

    assert json.loads(answer.text)["data"][0]["index"] == 0
    assert (out, err, process.returncode) == ("ended\n", "", 0)


def test_an_interrupted_server_ends_quietly(monkeypatch, capsys):
    """Ctrl-C is how the blocking server is meant to end; it is no error."""

    def interrupted(self, sockets):
        sockets[0].close()
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.uvicorn.Server, "run", interrupted)
    local_module.serve(port=0)

    assert capsys.readouterr().err.startswith(f"Serving {MODEL_ID} on http://127.0.0.1:")


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"host": "a\x00b"}, "host"),
        ({"host": "a" * 64 + ".example"}, "host"),
        ({"host": 3}, "host"),
        ({"host": ""}, "host"),
        ({"port": 70_000}, "port"),
        ({"port": "80"}, "port"),
        ({"port": 10**400}, "port"),
    ],
    ids=str,
)
def test_a_place_that_nobody_can_listen_at_is_named(options, argument):
    """No host and no port ends in an error of Python's."""
    with pytest.raises(ConfigurationError) as caught:
        LocalServer(**options).start()

    assert caught.value.argument == argument


def test_a_cache_knows_the_server_by_its_name(tmp_path):
    """Its port is another each time, and its vectors are the same."""
    path, found = tmp_path / "vectors.cache", []
    for _ in range(2):
        with (
            LocalServer() as server,
            OpenRouter(server.api_key, base_url=server.base_url) as client,
        ):
            result = client.embeddings.embed(["a red fox"], model=MODEL_ID, cache=path)
            found.append(result.from_cache)
            found.append(server.base_url)
    with EmbeddingCache(path, source=SOURCE) as cache:
        keys = KeyMaker(model=MODEL_ID, source=SOURCE).keys(["a red fox"])
        assert np.array_equal(cache.get(keys)[keys[0]], result.vectors[0])

    assert found[0::2] == [0, 1]
    assert KeyMaker(model="m", source=found[1]).key("a") != KeyMaker(model="m", source=SOURCE).key(
        "a"
    )
