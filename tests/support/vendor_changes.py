"""Changes of the vendor's newest document, each with the rows that must come of it, and no other.

A change is a list of edits: a path of keys and the value that belongs there, or `GONE`. `applied`
says what `--apply --only` of all its rows makes of it: they are brought in, or left to a person;
None where the rules of our contract have decided about them. Names that are made up begin with x_:
no later document of the vendor is to have them already.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from contract_fixtures import read_yaml

PIN = Path(__file__).parents[2] / "upstream" / "contract.yaml"
VENDOR = read_yaml(PIN.read_text(encoding="utf-8"))
GONE = object()
ALL = "additionalProperties"
POST, GET = "paths /embeddings post", "paths /embeddings/models get"
BODY = f"{POST} requestBody content application/json schema"
FIELD = f"{BODY} properties"
REPLY = f"{POST} responses 200 content application/json schema"
OUT = f"{REPLY} properties"
DATA = f"{OUT} data items properties"
USAGE = f"{OUT} usage properties"
SCHEMAS = "components schemas"
PREFS = f"{SCHEMAS} ProviderPreferences properties"
MODEL = f"{SCHEMAS} Model properties"
PRICES = f"{SCHEMAS} PublicPricing properties"
LIMIT, OFFSET = f"{GET} parameters 1", f"{GET} parameters 0"

P, G = "POST /embeddings", "GET /embeddings/models"
B, R, L = f"{P} request body", f"{P} reply 200", f"{G} reply 200"
Q = f"{G} request parameters query"
ROW = f"{L} .data[]"
PREF = f"{B} .provider"
NODE = {"$ref": "#/components/schemas/XNode"}
HEADER = {"name": "X-Region", "in": "header", "schema": {"type": "string"}}
BATCH = {"post": {"operationId": "createBatch", "responses": {"200": {"description": ""}}}}


class Mutation(NamedTuple):
    """One change: its kind, the edits, the rows, and what `--apply --only` makes of them."""

    kind: str
    edits: list
    rows: list
    applied: bool | None


def edited(root, edits):
    """Carry edits out in a document; they may use what earlier ones made."""
    for path, value in edits:
        *way, last = path.split(" ")
        node = root
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node[step]
        if isinstance(node, list):
            last = int(last)
        if value is GONE:
            del node[last]
        else:
            node[last] = value
    return root


def change(edits, rows, *applied):
    return edits, rows, applied[0] if applied else False


def one(path, value, where, what, *applied):
    """One edit that means one row."""
    return change([(path, value)], [(where, what)], *applied)


def node(**fields):
    return {"type": "object", "properties": fields}


LIMITED = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 500}


def under_content(name, schema):
    """A parameter whose schema stands under a content type."""
    return {"in": "query", "name": name, "content": {"application/json": {"schema": schema}}}


def refusals(ending):
    """Name the replies whose body is a component of such a name."""
    return [
        f"{method.upper()} {path} reply {status}"
        for path, item in VENDOR["paths"].items()
        for method, operation in item.items()
        for status, reply in operation["responses"].items()
        if status[0] in "45"
        and reply["content"]["application/json"]["schema"]["$ref"].endswith(ending)
    ]


BROKEN = refusals("/BadGatewayResponse")
BOTH_MOVED = [(f"{name} operation server", "server changed") for name in (P, G)]

KINDS = {
    "security": {
        "key in a header": change(
            [
                (
                    "components securitySchemes apiKey",
                    {"type": "apiKey", "in": "header", "name": "X-K"},
                )
            ],
            [(f"{name} operation security", "security changed") for name in (P, G)],
        ),
        "no key for the listing": one(
            f"{GET} security", [], f"{G} operation security", "security changed"
        ),
        "another way in": change(
            [
                ("components securitySchemes oauth", {"type": "openIdConnect"}),
                (f"{POST} security", [{"apiKey": []}, {"oauth": []}]),
            ],
            [(f"{P} operation security", "security changed")],
        ),
    },
    "server": {
        "another server": change(
            [("servers 0 url", "https://eu.openrouter.ai/api/v1")],
            BOTH_MOVED,
        ),
        "the next version": change(
            [("servers 0 url", "https://openrouter.ai/api/v2")],
            BOTH_MOVED,
        ),
        "a server of its own": one(
            f"{POST} servers",
            [{"url": "https://embed.openrouter.ai/api/v1"}],
            f"{P} operation server",
            "server changed",
        ),
    },
    "path": {
        "moved below chat": change(
            "move /embeddings /chat/embeddings", [(f"{P} operation", "operation removed")]
        ),
        "moved to v2": change(
            "move /embeddings /v2/embeddings", [(f"{P} operation", "operation removed")]
        ),
        "the listing is gone": one(
            "paths /embeddings/models", GONE, f"{G} operation", "operation removed"
        ),
    },
    "operationId": {
        "id of the first": one(
            f"{POST} operationId",
            "embed",
            f"{P} operation operationId",
            "operationId changed",
            True,
        ),
        "id of the second": one(
            f"{GET} operationId",
            "listModels",
            f"{G} operation operationId",
            "operationId changed",
            True,
        ),
        "no ids": one(
            f"{POST} operationId", GONE, f"{P} operation operationId", "operationId changed", True
        ),
    },
    "deprecated": {
        "deprecated operation": one(
            f"{POST} deprecated", True, f"{P} operation", "deprecated", True
        ),
        "deprecated listing": one(f"{GET} deprecated", True, f"{G} operation", "deprecated", True),
        "deprecated field": one(f"{FIELD} user deprecated", True, f"{B} .user", "deprecated", True),
        "deprecated preference": one(
            f"{PREFS} zdr deprecated", True, f"{PREF}.zdr", "deprecated", True
        ),
        "deprecated in a reply": one(
            f"{DATA} index deprecated", True, f"{R} .data[].index", "deprecated", True
        ),
        "deprecated parameter": one(
            f"{OFFSET} deprecated", True, f"{Q} offset", "deprecated", True
        ),
    },
    "format": {
        "format of a date": one(
            f"{MODEL} expiration_date format",
            "date",
            f"{ROW}.expiration_date",
            "format changed",
            None,
        ),
        "format of a request": one(
            f"{FIELD} user format", "uuid", f"{B} .user", "format changed", None
        ),
        "format is gone": one(
            f"{USAGE} cost format", GONE, f"{R} .usage.cost", "format changed", None
        ),
    },
    "default": {
        "default of a field": one(
            f"{FIELD} encoding_format default",
            "float",
            f"{B} .encoding_format",
            "default changed",
            None,
        ),
        "another default": one(
            f"{LIMIT} schema default", 100, f"{Q} limit", "default changed", None
        ),
        "null by default": one(
            f"{FIELD} dimensions default", None, f"{B} .dimensions", "default changed", None
        ),
        "no default": one(f"{OFFSET} schema default", GONE, f"{Q} offset", "default changed", None),
    },
    "map": {
        "any metadata to texts": change(
            [
                (
                    f"{SCHEMAS} BadGatewayResponse properties openrouter_metadata {ALL}",
                    {"type": "string"},
                )
            ],
            [
                (f"{place} .openrouter_metadata{{}}", what)
                for place in BROKEN
                for what in ("null removed", "type changed")
            ],
            None,
        ),
        "a map of numbers": one(
            f"{FIELD} x_weights",
            {"type": "object", "additionalProperties": {"type": "number"}},
            f"{B} .x_weights",
            "field added",
            True,
        ),
        "a map in usage": one(
            f"{USAGE} x_by_kind",
            {"type": "object", "additionalProperties": {"type": "integer"}},
            f"{R} .usage.x_by_kind",
            "field added",
            True,
        ),
        "preferences are a map": change(
            [(f"{SCHEMAS} ProviderPreferences additionalProperties", {"type": "string"})],
            [(PREF, "other fields allowed"), (f"{PREF}{{}}", "pattern added")],
        ),
    },
    "patternProperties": {
        "pattern of prices": one(
            f"{SCHEMAS} PublicPricing patternProperties",
            {"^x-": {"type": "string"}},
            f"{ROW}.pricing{{^x-}}",
            "pattern added",
        ),
        "pattern of preferences": one(
            f"{SCHEMAS} ProviderPreferences patternProperties",
            {"^x-": {"type": "string"}},
            f"{PREF}{{^x-}}",
            "pattern added",
        ),
        "pattern in usage": one(
            f"{OUT} usage patternProperties",
            {"_tokens$": {"type": "integer"}},
            f"{R} .usage{{_tokens$}}",
            "pattern added",
        ),
    },
    "dependentRequired": {
        "width needs a format": one(
            f"{BODY} dependentRequired",
            {"dimensions": ["encoding_format"]},
            B,
            "dependentRequired dimensions narrower",
        ),
        "order needs only": one(
            f"{SCHEMAS} ProviderPreferences dependentRequired",
            {"order": ["only", "sort"]},
            PREF,
            "dependentRequired order narrower",
        ),
        "cost needs byok": one(
            f"{OUT} usage dependentRequired",
            {"cost": ["is_byok"]},
            f"{R} .usage",
            "dependentRequired cost narrower",
        ),
    },
    "writeOnly": {
        "write-only user": one(f"{FIELD} user writeOnly", True, f"{B} .user", "write-only"),
        "write-only in a reply": one(f"{OUT} id writeOnly", True, f"{R} .id", "write-only"),
        "read-only preference": one(f"{PREFS} zdr readOnly", True, f"{PREF}.zdr", "read-only"),
    },
    "member": {
        "most token ids": one(
            f"{FIELD} input anyOf 2 maxItems",
            2048,
            f"{B} .input|array of number|",
            "maxItems narrower",
        ),
        "most texts": one(
            f"{FIELD} input anyOf 1 maxItems",
            100,
            f"{B} .input|array of string|",
            "maxItems narrower",
        ),
        "most token lists": one(
            f"{FIELD} input anyOf 3 minItems",
            1,
            f"{B} .input|array of array of number|",
            "minItems narrower",
        ),
    },
    "beside": {
        "batches": one(
            "paths /embeddings/batches",
            BATCH,
            "POST /embeddings/batches operation",
            "operation added",
            None,
        ),
        "one model": one(
            "paths /embeddings/models/{id}",
            {"get": {"responses": {}}},
            "GET /embeddings/models/{id} operation",
            "operation added",
            None,
        ),
        "another method": one(
            "paths /embeddings delete",
            {"responses": {}},
            "DELETE /embeddings operation",
            "operation added",
            None,
        ),
        "asked for its head": one(
            "paths /embeddings head",
            {"responses": {}},
            "HEAD /embeddings operation",
            "operation added",
            None,
        ),
    },
    "allOf": {
        "tighter width": one(
            f"{FIELD} dimensions",
            {"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 8}]},
            f"{B} .dimensions",
            "minimum narrower",
            True,
        ),
        "the tighter stands first": one(
            f"{LIMIT} schema",
            {
                "default": 500,
                "allOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"maximum": 1000}],
            },
            f"{Q} limit",
            "maximum narrower",
            True,
        ),
        "the tightest of three": one(
            f"{FIELD} user",
            {
                "type": "string",
                "allOf": [{"maxLength": 90}, {"maxLength": 30}, {"maxLength": 60}],
            },
            f"{B} .user",
            "maxLength narrower",
            True,
        ),
    },
    "exclusive": {
        "exclusive minimum": change(
            [(f"{FIELD} dimensions exclusiveMinimum", True)],
            [
                (f"{B} .dimensions", "exclusiveMinimum narrower"),
                (f"{B} .dimensions", "minimum wider"),
            ],
            True,
        ),
        "exclusive maximum": change(
            [(f"{LIMIT} schema exclusiveMaximum", True)],
            [(f"{Q} limit", "exclusiveMaximum narrower"), (f"{Q} limit", "maximum wider")],
            True,
        ),
        "not exclusive": change([(f"{FIELD} dimensions exclusiveMinimum", False)], [], None),
    },
    "enum and null": {
        "no null in the list": one(
            f"{PREFS} data_collection enum",
            ["deny", "allow"],
            f"{PREF}.data_collection",
            "null removed",
        ),
        "null in the list": change(
            [
                (f"{FIELD} encoding_format enum", ["float", "base64", None]),
                (f"{FIELD} encoding_format type", ["string", "null"]),
            ],
            [(f"{B} .encoding_format", "null added")],
        ),
        "null in the list, not in the type": change(
            [(f"{FIELD} encoding_format enum", ["float", "base64", None])], [], None
        ),
    },
    "recursion": {
        "a tree in the request": change(
            [(f"{SCHEMAS} XNode", node(next=NODE)), (f"{FIELD} x_tree", NODE)],
            [(f"{B} .x_tree", "field added")],
        ),
        "a tree in a reply": change(
            [(f"{SCHEMAS} XNode", node(next=NODE, v={"type": "string"})), (f"{OUT} x_tree", NODE)],
            [(f"{R} .x_tree", "field added")],
        ),
        "a model has a parent": one(
            f"{MODEL} x_parent",
            {"$ref": "#/components/schemas/Model"},
            f"{ROW}.x_parent",
            "field added",
        ),
    },
    "content": {
        "a filter under content": one(
            LIMIT, under_content("limit", LIMITED), f"{Q} limit", "form changed"
        ),
        "a new one under content": change(
            [(OFFSET, under_content("where", {"type": "integer"}))],
            [(f"{Q} offset", "parameter removed"), (f"{Q} where", "parameter added")],
        ),
        "narrower under content": change(
            [(LIMIT, under_content("limit", LIMITED | {"maximum": 10}))],
            [(f"{Q} limit", "form changed"), (f"{Q} limit", "maximum narrower")],
        ),
    },
    "rule": {
        "a width asks for a user": one(
            f"{BODY} dependentSchemas",
            {"dimensions": {"required": ["user"]}},
            B,
            "dependentSchemas narrower",
        ),
        "if there is a width": change(
            [
                (f"{BODY} if", {"required": ["dimensions"]}),
                (f"{BODY} then", {"required": ["user"]}),
            ],
            [(B, "if narrower"), (B, "then narrower")],
        ),
        "a user or a width": one(
            f"{BODY} anyOf",
            [{"required": ["user"]}, {"required": ["dimensions"]}],
            B,
            "anyOf required narrower",
        ),
        "one user is refused": one(
            f"{FIELD} user not", {"const": "root"}, f"{B} .user", "not narrower"
        ),
        "a pair": one(
            f"{FIELD} x_range",
            {"type": "array", "prefixItems": [{"type": "integer"}]},
            f"{B} .x_range",
            "field added",
        ),
        "a list of anything": one(
            f"{FIELD} x_hints", {"type": "array"}, f"{B} .x_hints", "field added", True
        ),
    },
    "field": {
        "a new field of the request": one(
            f"{FIELD} x_truncate",
            {"type": "string", "enum": ["start", "end"]},
            f"{B} .x_truncate",
            "field added",
            True,
        ),
        "a new object of the request": one(
            f"{FIELD} x_chunking",
            {
                "type": "object",
                "required": ["size"],
                "properties": {"size": {"type": "integer", "minimum": 1}},
            },
            f"{B} .x_chunking",
            "field added",
            True,
        ),
        "a field that must be sent": change(
            [
                (f"{FIELD} x_purpose", {"type": "string"}),
                (f"{BODY} required", ["input", "model", "x_purpose"]),
            ],
            [(f"{B} .x_purpose", "required field added")],
            True,
        ),
        "a new field of a reply": one(
            f"{USAGE} x_cached_tokens",
            {"type": "integer"},
            f"{R} .usage.x_cached_tokens",
            "field added",
            True,
        ),
        "known values in a reply": one(
            f"{OUT} x_service_tier",
            {"type": "string", "enum": ["flex", "standard"]},
            f"{R} .x_service_tier",
            "field added",
            True,
        ),
        "one refusal says more": one(
            f"{SCHEMAS} PaymentRequiredResponse properties x_top_up",
            {"type": "string"},
            f"{P} reply 402 .x_top_up",
            "field added",
        ),
        "all refusals say more": change(
            "errors", [(f"{place} .x_trace_id", "field added") for place in refusals("Response")]
        ),
        "a request field is gone": one(f"{FIELD} user", GONE, f"{B} .user", "field removed", True),
        "one refusal says less": one(
            f"{SCHEMAS} PaymentRequiredResponse properties user_id",
            GONE,
            f"{P} reply 402 .user_id",
            "field removed",
        ),
    },
    "value": {
        "a new value": one(
            f"{FIELD} encoding_format enum",
            ["float", "base64", "int8"],
            f"{B} .encoding_format",
            "value added",
            True,
        ),
        "a new value of a reply": one(
            f"{SCHEMAS} InputModality enum",
            ["text", "image", "file", "audio", "video", "smell"],
            f"{ROW}.architecture.input_modalities[]",
            "value added",
            True,
        ),
        "a value is gone": one(
            f"{FIELD} encoding_format enum",
            ["float"],
            f"{B} .encoding_format",
            "value removed",
            True,
        ),
    },
    "status": {
        "a new status": one(
            f"{POST} responses 430",
            {
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/BadGatewayResponse"}
                    }
                }
            },
            f"{P} reply 430",
            "status added",
            True,
        ),
        "a status is gone": one(
            f"{POST} responses 413", GONE, f"{P} reply 413", "status removed", True
        ),
    },
    "header": {
        "a new header": one(
            f"{POST} responses 502 headers",
            {"X-Why": {"schema": {"type": "string"}}},
            f"{P} reply 502 header x-why",
            "header added",
        ),
    },
    "parameter": {
        "a new parameter": one(
            f"{POST} parameters",
            [HEADER],
            f"{P} request parameters header x-region",
            "parameter added",
            True,
        ),
    },
    "type": {
        "another type": one(
            f"{USAGE} prompt_tokens type",
            "number",
            f"{R} .usage.prompt_tokens",
            "type changed",
            True,
        ),
    },
    "variant": {
        "a new kind of part": change(
            "part", [(f"{B} .input[].content[]<input_smell>", "variant added")]
        ),
    },
    "nothing": {
        "words": change(
            [(f"{FIELD} user description", "Other words."), (f"{POST} summary", "S.")], [], None
        ),
        "examples": change(
            [(f"{FIELD} user examples", ["a"]), (f"{USAGE} cost example", 1)], [], None
        ),
        "extensions": change([(f"{FIELD} user x-order", 3), ("x-top", {"a": 1})], [], None),
        "a title": change([(f"{SCHEMAS} Model title", "Model"), ("info title", "Other")], [], None),
        "allOf around one": change(
            [(f"{FIELD} dimensions", {"allOf": [{"type": "integer", "minimum": 1}]})], [], None
        ),
        "const for one value": change([(f"{OUT} object", {"const": "list"})], [], None),
        "nullable for null": change(
            [(f"{PREFS} zdr", {"type": "boolean", "nullable": True})], [], None
        ),
        "anyOf with null": change(
            [(f"{PREFS} zdr", {"anyOf": [{"type": "boolean"}, {"type": "null"}]})], [], None
        ),
        "the order of values": change(
            [(f"{FIELD} encoding_format enum", ["base64", "float"])], [], None
        ),
        "another name of a scheme": change(
            [
                ("components securitySchemes other", {"type": "http", "scheme": "bearer"}),
                ("security", [{"other": []}]),
            ],
            [],
            None,
        ),
        "the prefix in the paths": change("prefix", [], None),
        "a component by itself": change(
            [
                (f"{SCHEMAS} Width", {"type": "integer", "minimum": 1}),
                (f"{FIELD} dimensions", {"$ref": "#/components/schemas/Width"}),
            ],
            [],
            None,
        ),
        "words inside a rule": change(
            [(f"{FIELD} user anyOf", [{"description": "a"}, {}])], [], None
        ),
        "other paths": change(
            [("paths /chat/embeddings", BATCH), ("paths /v2/embeddings", BATCH)], [], None
        ),
    },
}

MUTATIONS = {
    name: Mutation(kind, *each) for kind, group in KINDS.items() for name, each in group.items()
}


def mutated(root, mutation):
    """Change a document, which is written over."""
    schemas = root["components"]["schemas"]
    match mutation.edits:
        case str() as words if words.startswith("move "):
            _, old, new = words.split(" ")
            root["paths"][new] = root["paths"].pop(old)
        case "errors":
            for name, schema in schemas.items():
                if name.endswith("Response") and "error" in schema["properties"]:
                    schema["properties"]["x_trace_id"] = {"type": "string"}
        case "part":
            smell = {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"const": "input_smell"}},
            }
            schema = root["paths"]["/embeddings"]["post"]["requestBody"]["content"]
            given = schema["application/json"]["schema"]["properties"]["input"]["anyOf"][4]
            given["items"]["properties"]["content"]["items"]["oneOf"].append(smell)
        case "prefix":
            root["servers"] = [{"url": "https://openrouter.ai/"}]
            root["paths"] = {f"/api/v1{path}": node for path, node in root["paths"].items()}
        case edits:
            edited(root, edits)
    return root
