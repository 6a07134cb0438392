"""What the generator does wrong and we work around: each test fails when it no longer does."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

TOOL = Path(sys.executable).with_name("openapi-python-client")
CONFIG = {"literal_enums": True, "post_hooks": []}


def component(name):
    return {"$ref": f"#/components/schemas/{name}"}


def operation(name, schema, *, body=None, **facts):
    """Write an operation whose 200 and 524 have a schema."""
    content = {"application/json": {"schema": schema}}
    described = {
        "operationId": name,
        "tags": ["t"],
        "responses": {
            status: {"description": "d", "content": content} for status in ("200", "524")
        },
    }
    if body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return described | facts


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "tiny", "version": "1"},
    "security": [{"bearer": []}],
    "paths": {
        "/a": {"post": operation("makeA", component("Reply"), body=component("Request"))},
        "/b": {
            "get": operation(
                "getB",
                component("Reply"),
                parameters=[
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                    {"name": "n", "in": "query", "schema": {"type": "integer", "default": 500}},
                ],
            )
        },
    },
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Request": {
                "type": "object",
                "required": ["input"],
                "properties": {
                    "input": {
                        "anyOf": [
                            {"type": "array", "items": {"type": "string"}},
                            {"type": "array", "items": component("Item")},
                        ]
                    },
                    "mode": {"type": "string", "default": "fast"},
                    "size": {"type": "integer", "minimum": 1},
                },
            },
            "Item": {"type": "object", "properties": {"text": {"type": "string"}}},
            "Reply": {
                "type": "object",
                "required": ["need"],
                "properties": {
                    "need": {"type": "string"},
                    "kind": {"type": "string", "enum": ["old"]},
                    "fixed": {"type": "string", "const": "list"},
                    "closed": component("Closed"),
                    "maybe": {"anyOf": [component("Item"), {"type": "null"}]},
                    "when": {"type": "string", "format": "date-time"},
                },
            },
            "Closed": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"a": {"type": "string"}},
            },
        },
    },
}


def run_generator(folder, document, *options, name="tiny_api"):
    """Generate a package; return it and what the generator said."""
    (folder / "document.yaml").write_text(yaml.safe_dump(document))
    (folder / "config.yml").write_text(
        yaml.safe_dump(CONFIG | {"package_name_override": name, "project_name_override": name})
    )
    target = folder / name
    command = [TOOL, "generate", "--path", folder / "document.yaml", "--meta", "none"]
    paths = ["--config", folder / "config.yml", "--output-path", target]
    done = subprocess.run([*command, *paths, *options], check=False, capture_output=True, text=True)
    return target, done


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The package as the generator leaves it, importable."""
    folder = tmp_path_factory.mktemp("tiny")
    target, done = run_generator(folder, DOCUMENT)
    assert done.returncode == 0, done.stdout
    sys.path.insert(0, str(folder))
    yield target
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny_api"]:
        del sys.modules[name]


def module(name):
    return importlib.import_module(f"tiny_api.{name}")


def answered(status, body):
    """Let the generated operation read a reply."""
    canned = httpx.MockTransport(lambda _: httpx.Response(status, text=body))
    http = httpx.Client(base_url="http://localhost", transport=canned)
    client = module("client").Client(base_url="http://localhost").set_httpx_client(http)
    request = module("models").Request(input_=["a"])
    return module("api.t.make_a").sync_detailed(client=client, body=request)


def test_a_status_that_python_does_not_know_raises(tiny):
    """Gone? Then tools/patch_generated.py need not touch the status."""
    with pytest.raises(ValueError, match="524 is not a valid HTTPStatus"):
        answered(524, json.dumps({"need": "x"}))


def test_an_html_page_under_a_documented_status_raises(tiny):
    """Gone? Then tools/patch_generated.py need not catch it."""
    with pytest.raises(json.JSONDecodeError):
        answered(200, "<html>")


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({}, KeyError),
        ([], KeyError),
        ("text", ValueError),
        ({"need": "x", "closed": 3}, TypeError),
        ({"need": "x", "when": 3}, TypeError),
    ],
    ids=str,
)
def test_odd_bodies_raise_bare_exceptions(payload, error, tiny):
    """Gone? Then `_wire` need not wrap `from_dict`."""
    with pytest.raises(error):
        answered(200, json.dumps(payload))


def test_a_closed_enum_loses_the_reply(tiny):
    """Gone? Then the enums of replies need not be open unions."""
    with pytest.raises(TypeError, match="Unexpected value 'new'"):
        answered(200, json.dumps({"need": "x", "kind": "new"}))


def test_a_const_loses_the_reply(tiny):
    """Gone? Then replies may have `const`."""
    with pytest.raises(ValueError, match="must match const"):
        answered(200, json.dumps({"need": "x", "fixed": "list.v2"}))


def test_a_date_that_cannot_be_parsed_loses_the_reply(tiny):
    """Gone? Then dates may have a format."""
    with pytest.raises(ValueError, match="someday"):
        answered(200, json.dumps({"need": "x", "when": "someday"}))


def test_a_closed_object_throws_unknown_fields_away(tiny):
    """Gone? Then replies may have `additionalProperties: false`."""
    closed = module("models").Closed.from_dict({"a": "x", "new": 1})

    assert closed.to_dict() == {"a": "x"}


def test_an_odd_object_in_a_nullable_union_stays_as_it_is(tiny):
    """Gone? Then `_wire` need not expect texts where objects should be."""
    reply = module("models").Reply.from_dict({"need": "x", "maybe": "a text"})

    assert reply.maybe == "a text"


def test_the_first_array_of_a_union_wins(tiny):
    """Gone? Then `input` may be a union of arrays, as the vendor has it."""
    request = module("models").Request(input_=[module("models").Item(text="a")])

    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(request.to_dict())


def test_a_default_is_sent(tiny):
    """Gone? Then requests may have defaults."""
    assert module("models").Request(input_=[]).to_dict()["mode"] == "fast"
    assert module("api.t.get_b")._get_kwargs(authorization="k")["params"] == {"n": 500}


def test_bounds_are_ignored(tiny):
    """Gone? Then `inputs` need not check them all."""
    assert module("models").Request(input_=[], size=0).to_dict()["size"] == 0


def test_security_at_the_root_is_ignored(tiny):
    """Gone? Then `security` need not stand at each operation."""
    text = (tiny / "api" / "t" / "make_a.py").read_text()

    assert "client: AuthenticatedClient,\n" not in text


def test_an_authorization_parameter_becomes_an_argument(tiny):
    """Gone? Then the contract may have the parameter, as older texts of it do."""
    assert "authorization" in (tiny / "api" / "t" / "get_b.py").read_text()


def test_the_key_is_shown(tiny):
    """Gone? Then `client.api` may be an AuthenticatedClient."""
    client = module("client").AuthenticatedClient(base_url="http://localhost", token="secret")

    assert "secret" in repr(client)


def test_a_client_that_is_set_gets_no_key(tiny):
    """Gone? Then `client.api` may be an AuthenticatedClient on our own HTTP client."""
    client = module("client").AuthenticatedClient(base_url="http://localhost", token="secret")
    with httpx.Client() as own:
        client.set_httpx_client(own)

        assert "Authorization" not in client.get_httpx_client().headers


def test_the_default_timeout_is_none(tiny):
    """Gone? Then ours is still better, but the reason has changed."""
    with module("client").Client(base_url="http://localhost") as client:
        assert client.get_httpx_client().timeout == httpx.Timeout(None)


def test_it_is_not_marked_as_typed(tiny):
    """Gone? Then tools/generate.py need not add the marker."""
    assert not (tiny / "py.typed").exists()


def test_a_nullable_object_loses_its_class(tmp_path):
    """Gone? Then nullable objects may be written as `type: [object, "null"]`."""
    nullable = json.loads(json.dumps(DOCUMENT))
    nullable["components"]["schemas"]["Item"]["type"] = ["object", "null"]

    target, done = run_generator(tmp_path, nullable)

    assert done.returncode == 0
    assert not (target / "models" / "item.py").exists()


def test_a_schema_is_dropped_with_a_mere_warning(tmp_path):
    """Gone? Then --fail-on-warning is no longer what keeps schemas from vanishing."""
    broken = json.loads(json.dumps(DOCUMENT))
    lost = {"type": "object", "properties": {"a": component("Nowhere")}}
    broken["components"]["schemas"]["Lost"] = lost

    target, done = run_generator(tmp_path, broken)

    assert done.returncode == 0
    assert not (target / "models" / "lost.py").exists()
    assert run_generator(tmp_path, broken, "--overwrite", "--fail-on-warning")[1].returncode != 0


def test_files_that_no_longer_belong_stay(tmp_path):
    """Gone? Then `--overwrite` could replace generating aside."""
    target, _ = run_generator(tmp_path, DOCUMENT)
    (target / "left_behind.py").touch()

    _, done = run_generator(tmp_path, DOCUMENT, "--overwrite")

    assert done.returncode == 0
    assert (target / "left_behind.py").exists()


def test_an_inline_object_gets_a_name_that_nobody_can_read(tmp_path):
    """Gone? Then objects need no names of their own."""
    inline = {"type": "object", "properties": {"x": {"type": "string"}}}
    document = json.loads(json.dumps(DOCUMENT))
    document["components"]["schemas"]["Item"]["properties"]["parts"] = {
        "type": "array",
        "items": {"anyOf": [inline, {"type": "string"}]},
    }

    target, _ = run_generator(tmp_path, document)

    assert (target / "models" / "item_parts_item_type_0.py").exists()
