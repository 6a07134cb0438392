"""The contract keeps every rule that the generator needs, and each rule can be broken."""

from __future__ import annotations

import copy

import _lint
import pytest


@pytest.mark.parametrize("rule", _lint.RULES, ids=lambda rule: rule.__name__)
def test_the_contract_keeps_the_rule(rule, document):
    """The docstring of the rule says what happens otherwise."""
    assert list(rule(document)) == []


def schema(document, name):
    return document["components"]["schemas"][name]


def operation(document):
    return document["paths"]["/embeddings"]["post"]


BREAKAGES = {
    _lint.no_const_in_replies: lambda d: schema(d, "EmbeddingsResponse")["properties"][
        "object"
    ].update({"const": "list"}),
    _lint.open_enums_in_replies: lambda d: schema(d, "ModelArchitecture")["properties"].update(
        {"tokenizer": {"$ref": "#/components/schemas/KnownTokenizer"}}
    ),
    _lint.no_defaults_in_requests: lambda d: schema(d, "EmbeddingsRequest")["properties"][
        "dimensions"
    ].update({"default": 256}),
    _lint.open_objects_in_replies: lambda d: schema(d, "EmbeddingsUsage").update(
        {"additionalProperties": False}
    ),
    _lint.little_is_required_in_replies: lambda d: schema(d, "Model").update(
        {"required": ["id", "name"]}
    ),
    _lint.nullable_objects_by_union: lambda d: schema(d, "PublicPricing").update(
        {"type": ["object", "null"]}
    ),
    _lint.objects_have_names: lambda d: schema(d, "Model")["properties"].update(
        {"links": {"type": "object", "properties": {"details": {"type": "string"}}}}
    ),
    _lint.security_at_operations: lambda d: operation(d).pop("security"),
    _lint.no_authorization_parameter: lambda d: operation(d)["parameters"].append(
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}}
    ),
    _lint.json_is_the_only_success: lambda d: operation(d)["responses"]["200"]["content"].update(
        {"text/event-stream": {"schema": {"type": "string"}}}
    ),
    _lint.one_array_in_a_union: lambda d: schema(d, "EmbeddingsRequest")["properties"]["input"][
        "anyOf"
    ].append({"type": "array", "items": {"type": "string"}}),
    _lint.one_error_schema: lambda d: operation(d)["responses"].update(
        {"400": {"description": "no", "content": {"application/json": {"schema": {}}}}}
    ),
    _lint.dates_stay_texts: lambda d: schema(d, "Model")["properties"]["expiration_date"].update(
        {"format": "date"}
    ),
    _lint.discriminators_are_absent: lambda d: schema(d, "MultimodalInput")["properties"][
        "content"
    ]["items"].update({"discriminator": {"propertyName": "type"}}),
    _lint.no_local_name_hides_a_class: lambda d: d["components"]["schemas"].update(
        {"Embedding": {"type": "object", "properties": {"embedding": {}}}}
    ),
}


@pytest.mark.parametrize("rule", _lint.RULES, ids=lambda rule: rule.__name__)
def test_a_broken_document_is_caught(rule, document):
    """A rule that cannot fail is no rule."""
    broken = copy.deepcopy(document)
    BREAKAGES[rule](broken)

    assert list(rule(broken)) != []
