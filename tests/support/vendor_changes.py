"""Changes of the vendor's newest document, each with the rows that must come of it, and no other.

A change is a list of edits: a path of keys and the value that belongs there, or `GONE`. `applied`
says what `--apply --only` of all its rows makes of it: they are brought in, or left to a person;
None where the rules of our contract have decided about them.
"""

from __future__ import annotations

from typing import NamedTuple

GONE = object()
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
NODE = {"$ref": "#/components/schemas/Node"}
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


def change(kind, edits, rows, *applied):
    return Mutation(kind, edits, rows, applied[0] if applied else False)


def node(**fields):
    return {"type": "object", "properties": fields}


ERRORS = [
    *(f"{P} reply {s}" for s in (400, 401, 402, 404, 408, 413, 429, 500, 502, 503, 524, 529)),
    *(f"{G} reply {s}" for s in (400, 500)),
]

MUTATIONS = {
    # Security
    "key in a header": change(
        "security",
        [("components securitySchemes apiKey", {"type": "apiKey", "in": "header", "name": "X-K"})],
        [
            (f"{P} operation security", "security changed"),
            (f"{G} operation security", "security changed"),
        ],
    ),
    "no key for the listing": change(
        "security", [(f"{GET} security", [])], [(f"{G} operation security", "security changed")]
    ),
    "another way in": change(
        "security",
        [
            ("components securitySchemes oauth", {"type": "openIdConnect"}),
            (f"{POST} security", [{"apiKey": []}, {"oauth": []}]),
        ],
        [(f"{P} operation security", "security changed")],
    ),
    # Servers and paths
    "another server": change(
        "server",
        [("servers 0 url", "https://eu.openrouter.ai/api/v1")],
        [(f"{P} operation server", "server changed"), (f"{G} operation server", "server changed")],
    ),
    "the next version": change(
        "server",
        [("servers 0 url", "https://openrouter.ai/api/v2")],
        [(f"{P} operation server", "server changed"), (f"{G} operation server", "server changed")],
    ),
    "a server of its own": change(
        "server",
        [(f"{POST} servers", [{"url": "https://embed.openrouter.ai/api/v1"}])],
        [(f"{P} operation server", "server changed")],
    ),
    "moved below chat": change(
        "path", "move /embeddings /chat/embeddings", [(f"{P} operation", "operation removed")]
    ),
    "moved to v2": change(
        "path", "move /embeddings /v2/embeddings", [(f"{P} operation", "operation removed")]
    ),
    "the listing is gone": change(
        "path", [("paths /embeddings/models", GONE)], [(f"{G} operation", "operation removed")]
    ),
    # Ids
    "id of the first": change(
        "operationId",
        [(f"{POST} operationId", "embed")],
        [(f"{P} operation operationId", "operationId changed")],
        True,
    ),
    "id of the second": change(
        "operationId",
        [(f"{GET} operationId", "listModels")],
        [(f"{G} operation operationId", "operationId changed")],
        True,
    ),
    "no ids": change(
        "operationId",
        [(f"{POST} operationId", GONE)],
        [(f"{P} operation operationId", "operationId changed")],
        True,
    ),
    # Deprecation
    "deprecated operation": change(
        "deprecated", [(f"{POST} deprecated", True)], [(f"{P} operation", "deprecated")], True
    ),
    "deprecated listing": change(
        "deprecated", [(f"{GET} deprecated", True)], [(f"{G} operation", "deprecated")], True
    ),
    "deprecated field": change(
        "deprecated", [(f"{FIELD} user deprecated", True)], [(f"{B} .user", "deprecated")], True
    ),
    "deprecated preference": change(
        "deprecated", [(f"{PREFS} zdr deprecated", True)], [(f"{PREF}.zdr", "deprecated")], True
    ),
    "deprecated in a reply": change(
        "deprecated",
        [(f"{DATA} index deprecated", True)],
        [(f"{R} .data[].index", "deprecated")],
        True,
    ),
    "deprecated parameter": change(
        "deprecated", [(f"{OFFSET} deprecated", True)], [(f"{Q} offset", "deprecated")], True
    ),
    # Formats
    "format of a date": change(
        "format",
        [(f"{MODEL} expiration_date format", "date")],
        [(f"{ROW}.expiration_date", "format changed")],
        None,
    ),
    "format of a request": change(
        "format", [(f"{FIELD} user format", "uuid")], [(f"{B} .user", "format changed")], None
    ),
    "format is gone": change(
        "format", [(f"{USAGE} cost format", GONE)], [(f"{R} .usage.cost", "format changed")], None
    ),
    # Defaults
    "default of a field": change(
        "default",
        [(f"{FIELD} encoding_format default", "float")],
        [(f"{B} .encoding_format", "default changed")],
        None,
    ),
    "another default": change(
        "default", [(f"{LIMIT} schema default", 100)], [(f"{Q} limit", "default changed")], None
    ),
    "no default": change(
        "default", [(f"{OFFSET} schema default", GONE)], [(f"{Q} offset", "default changed")], None
    ),
    # Values of maps
    "any metadata to texts": change(
        "map",
        [
            (
                f"{SCHEMAS} BadGatewayResponse properties openrouter_metadata additionalProperties",
                {"type": "string"},
            )
        ],
        [
            (f"{P} reply 502 .openrouter_metadata{{}}", "null removed"),
            (f"{P} reply 502 .openrouter_metadata{{}}", "type changed"),
        ],
        None,
    ),
    "a map of numbers": change(
        "map",
        [(f"{FIELD} weights", {"type": "object", "additionalProperties": {"type": "number"}})],
        [(f"{B} .weights", "field added")],
        True,
    ),
    "a map in usage": change(
        "map",
        [(f"{USAGE} by_kind", {"type": "object", "additionalProperties": {"type": "integer"}})],
        [(f"{R} .usage.by_kind", "field added")],
        True,
    ),
    "preferences are a map": change(
        "map",
        [(f"{SCHEMAS} ProviderPreferences additionalProperties", {"type": "string"})],
        [(PREF, "other fields allowed"), (f"{PREF}{{}}", "pattern added")],
    ),
    # Patterns
    "pattern of prices": change(
        "patternProperties",
        [(f"{SCHEMAS} PublicPricing patternProperties", {"^x-": {"type": "string"}})],
        [(f"{ROW}.pricing{{^x-}}", "pattern added")],
    ),
    "pattern of preferences": change(
        "patternProperties",
        [(f"{SCHEMAS} ProviderPreferences patternProperties", {"^x-": {"type": "string"}})],
        [(f"{PREF}{{^x-}}", "pattern added")],
    ),
    "pattern in usage": change(
        "patternProperties",
        [(f"{OUT} usage patternProperties", {"_tokens$": {"type": "integer"}})],
        [(f"{R} .usage{{_tokens$}}", "pattern added")],
    ),
    # Fields that need others
    "width needs a format": change(
        "dependentRequired",
        [(f"{BODY} dependentRequired", {"dimensions": ["encoding_format"]})],
        [(B, "dependentRequired dimensions narrower")],
    ),
    "order needs only": change(
        "dependentRequired",
        [(f"{SCHEMAS} ProviderPreferences dependentRequired", {"order": ["only", "sort"]})],
        [(PREF, "dependentRequired order narrower")],
    ),
    "cost needs byok": change(
        "dependentRequired",
        [(f"{OUT} usage dependentRequired", {"cost": ["is_byok"]})],
        [(f"{R} .usage", "dependentRequired cost narrower")],
    ),
    # Fields that go one way
    "write-only user": change(
        "writeOnly", [(f"{FIELD} user writeOnly", True)], [(f"{B} .user", "write-only")]
    ),
    "write-only in a reply": change(
        "writeOnly", [(f"{OUT} id writeOnly", True)], [(f"{R} .id", "write-only")]
    ),
    "read-only preference": change(
        "writeOnly", [(f"{PREFS} zdr readOnly", True)], [(f"{PREF}.zdr", "read-only")]
    ),
    # One member of a union
    "most token ids": change(
        "member",
        [(f"{FIELD} input anyOf 2 maxItems", 2048)],
        [(f"{B} .input|array of number|", "maxItems narrower")],
    ),
    "most texts": change(
        "member",
        [(f"{FIELD} input anyOf 1 maxItems", 100)],
        [(f"{B} .input|array of string|", "maxItems narrower")],
    ),
    "most token lists": change(
        "member",
        [(f"{FIELD} input anyOf 3 minItems", 1)],
        [(f"{B} .input|array of array of number|", "minItems narrower")],
    ),
    # Beside ours
    "batches": change(
        "beside",
        [("paths /embeddings/batches", BATCH)],
        [("POST /embeddings/batches operation", "operation added")],
        None,
    ),
    "one model": change(
        "beside",
        [("paths /embeddings/models/{id}", {"get": {"responses": {}}})],
        [("GET /embeddings/models/{id} operation", "operation added")],
        None,
    ),
    "another method": change(
        "beside",
        [("paths /embeddings delete", {"responses": {}})],
        [("DELETE /embeddings operation", "operation added")],
        None,
    ),
    # Bounds of allOf
    "tighter width": change(
        "allOf",
        [(f"{FIELD} dimensions", {"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 8}]})],
        [(f"{B} .dimensions", "minimum narrower")],
        True,
    ),
    "the tighter stands first": change(
        "allOf",
        [
            (
                f"{LIMIT} schema",
                {
                    "default": 500,
                    "allOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"maximum": 1000}],
                },
            )
        ],
        [(f"{Q} limit", "maximum narrower")],
        True,
    ),
    "the tightest of three": change(
        "allOf",
        [
            (
                f"{FIELD} user",
                {
                    "type": "string",
                    "allOf": [{"maxLength": 90}, {"maxLength": 30}, {"maxLength": 60}],
                },
            )
        ],
        [(f"{B} .user", "maxLength narrower")],
        True,
    ),
    # Exclusive bounds as 3.0 has them
    "exclusive minimum": change(
        "exclusive",
        [(f"{FIELD} dimensions exclusiveMinimum", True)],
        [(f"{B} .dimensions", "exclusiveMinimum narrower"), (f"{B} .dimensions", "minimum wider")],
        True,
    ),
    "exclusive maximum": change(
        "exclusive",
        [(f"{LIMIT} schema exclusiveMaximum", True)],
        [(f"{Q} limit", "exclusiveMaximum narrower"), (f"{Q} limit", "maximum wider")],
        True,
    ),
    "not exclusive": change(
        "exclusive", [(f"{FIELD} dimensions exclusiveMinimum", False)], [], None
    ),
    # Enums and null
    "no null in the list": change(
        "enum and null",
        [(f"{PREFS} data_collection enum", ["deny", "allow"])],
        [(f"{PREF}.data_collection", "null removed")],
    ),
    "null in the list": change(
        "enum and null",
        [
            (f"{FIELD} encoding_format enum", ["float", "base64", None]),
            (f"{FIELD} encoding_format type", ["string", "null"]),
        ],
        [(f"{B} .encoding_format", "null added")],
    ),
    "null in the list, not in the type": change(
        "enum and null", [(f"{FIELD} encoding_format enum", ["float", "base64", None])], [], None
    ),
    # Recursion
    "a tree in the request": change(
        "recursion",
        [(f"{SCHEMAS} Node", node(next=NODE)), (f"{FIELD} tree", NODE)],
        [(f"{B} .tree", "field added")],
    ),
    "a tree in a reply": change(
        "recursion",
        [(f"{SCHEMAS} Node", node(next=NODE, v={"type": "string"})), (f"{OUT} tree", NODE)],
        [(f"{R} .tree", "field added")],
    ),
    "a model has a parent": change(
        "recursion",
        [(f"{MODEL} parent", {"$ref": "#/components/schemas/Model"})],
        [(f"{ROW}.parent", "field added")],
    ),
    # Parameters under content
    "a filter under content": change(
        "content",
        [
            (
                f"{LIMIT}",
                {
                    "in": "query",
                    "name": "limit",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "integer",
                                "minimum": 1,
                                "maximum": 1000,
                                "default": 500,
                            }
                        }
                    },
                },
            )
        ],
        [(f"{Q} limit", "form changed")],
    ),
    "a new one under content": change(
        "content",
        [
            (
                f"{OFFSET}",
                {
                    "in": "query",
                    "name": "where",
                    "content": {"application/json": {"schema": {"type": "integer"}}},
                },
            )
        ],
        [(f"{Q} offset", "parameter removed"), (f"{Q} where", "parameter added")],
    ),
    "narrower under content": change(
        "content",
        [
            (
                f"{LIMIT}",
                {
                    "in": "query",
                    "name": "limit",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "integer",
                                "minimum": 1,
                                "maximum": 10,
                                "default": 500,
                            }
                        }
                    },
                },
            )
        ],
        [(f"{Q} limit", "form changed"), (f"{Q} limit", "maximum narrower")],
    ),
    # Fields, values, statuses and the like
    "a new field of the request": change(
        "field",
        [(f"{FIELD} truncate", {"type": "string", "enum": ["start", "end"]})],
        [(f"{B} .truncate", "field added")],
        True,
    ),
    "a new object of the request": change(
        "field",
        [
            (
                f"{FIELD} chunking",
                {
                    "type": "object",
                    "required": ["size"],
                    "properties": {"size": {"type": "integer", "minimum": 1}},
                },
            )
        ],
        [(f"{B} .chunking", "field added")],
        True,
    ),
    "a field that must be sent": change(
        "field",
        [
            (f"{FIELD} purpose", {"type": "string"}),
            (f"{BODY} required", ["input", "model", "purpose"]),
        ],
        [(f"{B} .purpose", "required field added")],
        True,
    ),
    "a new field of a reply": change(
        "field",
        [(f"{USAGE} cached_tokens", {"type": "integer"})],
        [(f"{R} .usage.cached_tokens", "field added")],
        True,
    ),
    "known values in a reply": change(
        "field",
        [(f"{OUT} service_tier", {"type": "string", "enum": ["flex", "standard"]})],
        [(f"{R} .service_tier", "field added")],
        True,
    ),
    "one refusal says more": change(
        "field",
        [(f"{SCHEMAS} PaymentRequiredResponse properties top_up", {"type": "string"})],
        [(f"{P} reply 402 .top_up", "field added")],
    ),
    "all refusals say more": change(
        "field",
        "errors",
        [(f"{place} .trace_id", "field added") for place in ERRORS],
    ),
    "a request field is gone": change(
        "field", [(f"{FIELD} user", GONE)], [(f"{B} .user", "field removed")], True
    ),
    "one refusal says less": change(
        "field",
        [(f"{SCHEMAS} PaymentRequiredResponse properties user_id", GONE)],
        [(f"{P} reply 402 .user_id", "field removed")],
    ),
    "a new value": change(
        "value",
        [(f"{FIELD} encoding_format enum", ["float", "base64", "int8"])],
        [(f"{B} .encoding_format", "value added")],
        True,
    ),
    "a new value of a reply": change(
        "value",
        [(f"{SCHEMAS} InputModality enum", ["text", "image", "file", "audio", "video", "smell"])],
        [(f"{ROW}.architecture.input_modalities[]", "value added")],
        True,
    ),
    "a value is gone": change(
        "value",
        [(f"{FIELD} encoding_format enum", ["float"])],
        [(f"{B} .encoding_format", "value removed")],
        True,
    ),
    "a new status": change(
        "status",
        [
            (
                f"{POST} responses 423",
                {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/BadGatewayResponse"}
                        }
                    }
                },
            )
        ],
        [(f"{P} reply 423", "status added")],
        True,
    ),
    "a status is gone": change(
        "status",
        [(f"{POST} responses 413", GONE)],
        [(f"{P} reply 413", "status removed")],
        True,
    ),
    "a new header": change(
        "header",
        [(f"{POST} responses 502 headers", {"X-Why": {"schema": {"type": "string"}}})],
        [(f"{P} reply 502 header x-why", "header added")],
    ),
    "a new parameter": change(
        "parameter",
        [(f"{POST} parameters", [HEADER])],
        [(f"{P} request parameters header x-region", "parameter added")],
        True,
    ),
    "another type": change(
        "type",
        [(f"{USAGE} prompt_tokens type", "number")],
        [(f"{R} .usage.prompt_tokens", "type changed")],
        True,
    ),
    "a new kind of part": change(
        "variant",
        "part",
        [(f"{B} .input[].content[]<input_smell>", "variant added")],
    ),
    # Without meaning
    "words": change(
        "nothing",
        [(f"{FIELD} user description", "Other words."), (f"{POST} summary", "S.")],
        [],
        None,
    ),
    "examples": change(
        "nothing", [(f"{FIELD} user examples", ["a"]), (f"{USAGE} cost example", 1)], [], None
    ),
    "extensions": change("nothing", [(f"{FIELD} user x-order", 3), ("x-top", {"a": 1})], [], None),
    "a title": change(
        "nothing", [(f"{SCHEMAS} Model title", "Model"), ("info title", "Other")], [], None
    ),
    "allOf around one": change(
        "nothing",
        [(f"{FIELD} dimensions", {"allOf": [{"type": "integer", "minimum": 1}]})],
        [],
        None,
    ),
    "const for one value": change("nothing", [(f"{OUT} object", {"const": "list"})], [], None),
    "nullable for null": change(
        "nothing", [(f"{PREFS} zdr", {"type": "boolean", "nullable": True})], [], None
    ),
    "anyOf with null": change(
        "nothing", [(f"{PREFS} zdr", {"anyOf": [{"type": "boolean"}, {"type": "null"}]})], [], None
    ),
    "the order of values": change(
        "nothing", [(f"{FIELD} encoding_format enum", ["base64", "float"])], [], None
    ),
    "another name of a scheme": change(
        "nothing",
        [
            ("components securitySchemes other", {"type": "http", "scheme": "bearer"}),
            ("security", [{"other": []}]),
        ],
        [],
        None,
    ),
    "the prefix in the paths": change("nothing", "prefix", [], None),
    "a component by itself": change(
        "nothing",
        [
            (f"{SCHEMAS} Width", {"type": "integer", "minimum": 1}),
            (f"{FIELD} dimensions", {"$ref": "#/components/schemas/Width"}),
        ],
        [],
        None,
    ),
    "other paths": change(
        "nothing", [("paths /chat/embeddings", BATCH), ("paths /v2/embeddings", BATCH)], [], None
    ),
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
                    schema["properties"]["trace_id"] = {"type": "string"}
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
