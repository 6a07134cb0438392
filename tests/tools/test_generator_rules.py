"""The contract keeps every rule that the generator needs, and each rule can be broken."""

from __future__ import annotations

import copy

import generator_rules as rules
import pytest


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_contract_keeps_the_rule(rule, document):
    """The docstring of the rule says what happens otherwise."""
    assert list(rule(document)) == []


def schema(document, name):
    return document["components"]["schemas"][name]


def operation(document):
    return document["paths"]["/embeddings"]["post"]


BREAKAGES = {
    rules.no_const_in_replies: lambda d: schema(d, "EmbeddingsResponse")["properties"][
        "object"
    ].update({"const": "list"}),
    rules.const_only_tells_parts_apart: lambda d: schema(d, "EmbeddingsRequest")["properties"][
        "encoding_format"
    ].update({"const": "float"}),
    rules.open_enums_in_replies: lambda d: schema(d, "ModelArchitecture")["properties"].update(
        {"tokenizer": {"$ref": "#/components/schemas/KnownTokenizer"}}
    ),
    rules.no_defaults_in_requests: lambda d: schema(d, "EmbeddingsRequest")["properties"][
        "dimensions"
    ].update({"default": 256}),
    rules.open_objects_in_replies: lambda d: schema(d, "EmbeddingsUsage").update(
        {"additionalProperties": False}
    ),
    rules.little_is_required_in_replies: lambda d: schema(d, "Model").update(
        {"required": ["id", "name"]}
    ),
    rules.nullable_objects_by_union: lambda d: schema(d, "PublicPricing").update(
        {"type": ["object", "null"]}
    ),
    rules.objects_have_names: lambda d: schema(d, "Model")["properties"].update(
        {"links": {"type": "object", "properties": {"details": {"type": "string"}}}}
    ),
    rules.security_at_operations: lambda d: operation(d).pop("security"),
    rules.no_authorization_parameter: lambda d: operation(d)["parameters"].append(
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}}
    ),
    rules.json_is_the_only_success: lambda d: operation(d)["responses"]["200"]["content"].update(
        {"text/event-stream": {"schema": {"type": "string"}}}
    ),
    rules.one_array_in_a_union: lambda d: schema(d, "EmbeddingsRequest")["properties"]["input"][
        "anyOf"
    ].append({"type": "array", "items": {"type": "string"}}),
    rules.one_error_schema: lambda d: operation(d)["responses"].update(
        {"400": {"description": "no", "content": {"application/json": {"schema": {}}}}}
    ),
    rules.dates_stay_texts: lambda d: schema(d, "Model")["properties"]["expiration_date"].update(
        {"format": "date"}
    ),
    rules.discriminators_are_absent: lambda d: schema(d, "MultimodalInput")["properties"][
        "content"
    ]["items"].update({"discriminator": {"propertyName": "type"}}),
    rules.no_local_name_hides_a_class: lambda d: d["components"]["schemas"].update(
        {"Embedding": {"type": "object", "properties": {"embedding": {}}}}
    ),
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_broken_document_is_caught(rule, document):
    """A rule that cannot fail is no rule."""
    broken = copy.deepcopy(document)
    BREAKAGES[rule](broken)

    assert list(rule(broken)) != []


def media(document):
    return operation(document)["responses"]["200"]["content"]["application/json"]


def parameter(name, **schema):
    return {"name": name, "in": "header", "schema": {"type": "string"} | schema}


HIDDEN = {
    "const outside components": (
        rules.no_const_in_replies,
        lambda d: media(d).update({"schema": {"properties": {"object": {"const": "list"}}}}),
    ),
    "default of one operation": (
        rules.no_defaults_in_requests,
        lambda d: operation(d)["parameters"].append(parameter("X-New", default="a")),
    ),
    "nullable object outside components": (
        rules.nullable_objects_by_union,
        lambda d: media(d).update({"schema": {"type": ["object", "null"]}}),
    ),
    "object without properties": (
        rules.objects_have_names,
        lambda d: schema(d, "Model")["properties"].update({"links": {"type": "object"}}),
    ),
    "object in an operation": (
        rules.objects_have_names,
        lambda d: media(d).update({"schema": {"type": "object"}}),
    ),
    "key for a whole path": (
        rules.no_authorization_parameter,
        lambda d: d["paths"]["/embeddings"].update({"parameters": [parameter("Authorization")]}),
    ),
    "nullable arrays in oneOf": (
        rules.one_array_in_a_union,
        lambda d: schema(d, "Model")["properties"].update(
            {"links": {"oneOf": [{"type": "array"}, {"type": ["array", "null"]}]}}
        ),
    ),
}


@pytest.mark.parametrize(("rule", "broken_by"), HIDDEN.values(), ids=HIDDEN)
def test_a_breakage_in_another_place_is_caught(rule, broken_by, document):
    """Inline schemas, parameters of one operation or one path, other spellings of a union."""
    broken = copy.deepcopy(document)
    broken_by(broken)

    assert list(rule(broken)) != []
