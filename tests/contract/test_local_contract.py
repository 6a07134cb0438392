"""The local server against the contract: every reply fits the schema of its status."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from openrouter_embeddings.local import MODEL_ID, LocalServer

pytestmark = pytest.mark.local_model

CONTRACT = yaml.safe_load(Path(__file__).parents[2].joinpath("openapi.yaml").read_text("utf-8"))
POST, GET = ("post", "/embeddings"), ("get", "/embeddings/models")
KEY = {"Authorization": "Bearer any"}
TEXT = {"type": "text", "text": "a red fox"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/fox.png"}}
GOOD = {
    "text": {},
    "texts": {"input": ["a", "b"]},
    "tokens": {"input": [1, 2]},
    "token lists": {"input": [[1], [2]]},
    "content": {"input": [{"content": [TEXT, TEXT]}]},
    "base64": {"encoding_format": "base64"},
    "float": {"encoding_format": "float"},
    "width": {"dimensions": 64},
    "all": {"user": "a", "session_id": "b", "trace": {"trace_id": "c"}, "input_type": "d"},
    "provider": {"provider": {"data_collection": "deny", "sort": {"by": "price"}}},
    "no provider": {"provider": None},
}
BAD = {
    "input": {"input": None},
    "item": {"input": [None]},
    "empty": {"input": ""},
    "empty item": {"input": [""]},
    "empty content": {"input": [{"content": []}]},
    "unknown part": {"input": [{"content": [{"type": "smell", "text": "a"}]}]},
    "model": {"model": 5},
    "width": {"dimensions": 0},
    "wide text": {"dimensions": "64"},
    "encoding": {"encoding_format": "hex"},
    "user": {"user": 5},
    "session": {"session_id": "s" * 257},
    "trace": {"trace": {"span_name": 5}},
    "preference": {"provider": {"onyl": ["a"]}},
    "sort": {"provider": {"sort": "beauty"}},
}


@pytest.fixture(scope="module")
def http():
    with (
        LocalServer(max_body_bytes=1000, max_inputs=2) as server,
        httpx.Client(base_url=server.base_url, headers=KEY, trust_env=False) as client,
    ):
        yield client


def check(schema, value):
    """Check a value against a schema of the contract."""
    Draft202012Validator(CONTRACT | schema).validate(value)


def schema_of(operation, status):
    """Find the schema of a reply; a status that is not listed has the default's."""
    method, path = operation
    responses = CONTRACT["paths"][path][method]["responses"]
    response = responses.get(str(status), responses["default"])
    if "$ref" in response:
        response = CONTRACT["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return response["content"]["application/json"]["schema"]


def request(fields):
    return {"input": "a red fox", "model": MODEL_ID} | fields


def is_in_contract(body):
    schema = CONTRACT | {"$ref": "#/components/schemas/EmbeddingsRequest"}
    return Draft202012Validator(schema).is_valid(body)


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD.keys())
def test_what_the_contract_has_is_served(http, fields):
    """A request by the contract is answered with a reply by the contract."""
    assert is_in_contract(request(fields))
    response = http.post("/embeddings", json=request(fields))

    assert response.status_code == 200
    check({"$ref": "#/components/schemas/EmbeddingsResponse"}, response.json())


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
def test_what_the_contract_forbids_is_refused(http, fields):
    """A request against the contract gets 400, in an envelope of the contract."""
    assert not is_in_contract(request(fields))
    response = http.post("/embeddings", json=request(fields))

    assert response.status_code == 400
    check(schema_of(POST, 400), response.json())


@pytest.mark.parametrize(
    ("operation", "status", "options"),
    [
        (POST, 400, {"content": b"{"}),
        (POST, 401, {"json": request({}), "headers": {"Authorization": ""}}),
        (POST, 404, {"json": request({"input": [{"content": [IMAGE]}]})}),
        (POST, 413, {"json": request({"input": "a" * 1000})}),
        (POST, 422, {"json": request({"input": ["a"] * 3})}),
        (GET, 400, {"params": {"limit": 0}}),
        (GET, 401, {"headers": {"Authorization": ""}}),
        (GET, 200, {}),
    ],
)
def test_every_status_has_its_shape(http, operation, status, options):
    """Each status that the server knows is one of the contract's, with the body it promises."""
    method, path = operation
    response = http.request(method, path, **options)

    assert response.status_code == status
    assert str(status) in CONTRACT["paths"][path][method]["responses"]
    check(schema_of(operation, status), response.json())
