"""The contract is valid, its examples fit, and nothing that travels is missing from it."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import generator_rules as rules
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource

from openrouter_embeddings._base.deprecations import DEPRECATED
from openrouter_embeddings.errors import ERROR_OF_STATUS

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = "urn:contract"


def test_the_document_is_valid(document):
    """By the rules of OpenAPI 3.1."""
    validate(document)


def validator(document, pointer):
    resource = Resource.from_contents(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | document
    )
    registry = Registry().with_resource(CONTRACT, resource)
    return Draft202012Validator({"$ref": f"{CONTRACT}#{pointer}"}, registry=registry)


def test_everything_is_described():
    """What `upstream --apply` brought in has been described by a person since."""
    assert "(to be described)" not in (ROOT / "openapi.yaml").read_text(encoding="utf-8")


def test_every_object_has_an_example_and_every_example_fits(document):
    """A server or a test can serve them."""
    count = 0
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema.get("examples"), name
        for example in schema.get("examples", ()):
            validator(document, f"/components/schemas/{name}").validate(example)
            count += 1
    assert count > 45


def test_an_example_that_does_not_fit_would_be_noticed(document):
    """The check above can fail."""
    errors = validator(document, "/components/schemas/EmbeddingsResponse").iter_errors(
        {"data": [{"embedding": 3}]}
    )

    assert list(errors)


POST_STATUSES = {
    *("200", "400", "401", "402", "403", "404", "408", "413", "422", "429", "499", "500"),
    *("502", "503", "504", "524", "529", "default"),
}


def test_every_status_is_there(document):
    """Those of the vendor's document, of its clients, and of practice."""
    post = document["paths"]["/embeddings"]["post"]["responses"]
    get = document["paths"]["/embeddings/models"]["get"]["responses"]

    assert set(post) == POST_STATUSES
    assert {"200", "400", "401", "429", "500", "default"} <= set(get)


def test_every_status_with_a_class_of_its_own_is_in_the_contract(document):
    """And the other way round, but for 499, which no caller ever sees."""
    statuses = {int(status) for status in POST_STATUSES - {"200", "default", "499"}}

    assert statuses == set(ERROR_OF_STATUS)


FIELDS = {
    "EmbeddingsRequest": "input model dimensions encoding_format input_type provider session_id"
    " trace user",
    "ProviderPreferences": "allow_fallbacks data_collection enforce_distillable_text ignore only"
    " order max_price options preferred_max_latency preferred_min_throughput quantizations"
    " require_parameters sort zdr",
    "MaxPrice": "prompt completion request image audio",
    "TraceConfig": "trace_id trace_name span_name generation_name parent_span_id",
    "EmbeddingsResponse": "object data model id provider usage",
    "EmbeddingObject": "object embedding index",
    "EmbeddingsUsage": "prompt_tokens total_tokens cost is_byok cost_details prompt_tokens_details",
    "CostDetails": "upstream_inference_cost upstream_inference_prompt_cost"
    " upstream_inference_completions_cost server_tool_cost",
    "PromptTokensDetails": "text_tokens image_tokens audio_tokens video_tokens file_tokens",
    "ErrorResponse": "error success user_id openrouter_metadata",
    "ErrorDetail": "code message name metadata availability",
    "ErrorMetadata": "provider_name raw provider_error_code provider_code error_type limit_source"
    " remedy_hint reason is_byok retry_after_seconds retry_after_seconds_raw previous_errors"
    " reasons flagged_input model_slug patterns routing_funnel failed_routing_step"
    " file_annotations headers",
    "ErrorAvailability": "code retryable retry_after requested_models affected_providers"
    " excluded_by fallback_models constraint docs_url",
    "ModelsListResponse": "data total_count links",
    "Model": "id canonical_slug name created description context_length hugging_face_id"
    " architecture pricing top_provider per_request_limits supported_parameters"
    " default_parameters supported_voices expiration_date knowledge_cutoff links alias_target"
    " benchmarks reasoning",
    "ModelArchitecture": "modality input_modalities output_modalities tokenizer instruct_type",
    "PublicPricing": "prompt completion request image image_token image_output audio audio_output"
    " input_audio_cache web_search internal_reasoning input_cache_read input_cache_write"
    " input_cache_write_1h discount overrides",
    "PricingOverride": "prompt completion audio input_audio_cache input_cache_read"
    " input_cache_write input_cache_write_1h min_prompt_tokens utc_start utc_end utc_days",
    "DefaultParameters": "temperature top_p top_k frequency_penalty presence_penalty"
    " repetition_penalty",
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_there(name, document):
    """A field that is forgotten here is lost for everybody."""
    assert set(document["components"]["schemas"][name]["properties"]) == set(FIELDS[name].split())


def test_every_header_is_there(document):
    """Those that a caller can send, and those that a reply can carry."""
    components = document["components"]
    sent = {p["name"] for p in components["parameters"].values() if p["in"] == "header"}
    post = document["paths"]["/embeddings"]["post"]["responses"]

    assert sent == {
        "HTTP-Referer",
        "X-OpenRouter-Title",
        "X-OpenRouter-Categories",
        "X-OpenRouter-App-Visibility",
        "X-Session-Id",
        "X-OpenRouter-Cache",
        "X-OpenRouter-Cache-TTL",
        "X-OpenRouter-Cache-Clear",
    }
    assert {"X-Generation-Id", "X-Provider-Name", "request-id", "cf-ray"} <= set(
        post["200"]["headers"]
    )
    for status in ("402", "429", "503"):
        assert "Retry-After" in rules.resolve(document, post[status])["headers"]
    limits = set(rules.resolve(document, post["429"])["headers"]) - {"Retry-After"}
    assert limits == {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


def test_all_five_kinds_of_parts_are_there(document):
    """Told apart by their type."""
    parts = document["components"]["schemas"]["MultimodalInput"]["properties"]["content"]["items"]
    kinds = {
        rules.resolve(document, part)["properties"]["type"]["const"] for part in parts["anyOf"]
    }

    assert kinds == {"text", "image_url", "input_audio", "input_video", "input_file"}


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 404, "message": "No successful provider responses."}},
        {"error": {"code": 500, "message": "Internal Server Error"}, "user_id": "user_1"},
        {"success": False, "error": {"name": "ZodError", "message": "[]"}},
        {"error": "Something went wrong"},
        {"error": {"code": None, "message": None, "metadata": None}},
        {"error": {"code": "server_error", "message": "x", "metadata": {"raw": {"a": 1}}}},
    ],
    ids=json.dumps,
)
def test_an_error_may_come_in_a_200(body, document):
    """In either envelope, or as a bare text."""
    pointer = "/paths/~1embeddings/post/responses/200/content/application~1json/schema"

    validator(document, pointer).validate(body)


def marked(document):
    """Name the fields of a request that a contract marks."""
    schemas = document["components"]["schemas"]
    prefixes = {"EmbeddingsRequest": "", "ProviderPreferences": "provider."}
    return {
        f"{prefix}{name}"
        for schema, prefix in prefixes.items()
        for name, each in schemas[schema]["properties"].items()
        if each.get("deprecated") is True
    }


def test_what_the_contract_marks_is_warned_of(document):
    """And nothing else is."""
    document = copy.deepcopy(document)
    assert marked(document) == set(DEPRECATED)
    document["components"]["schemas"]["EmbeddingsRequest"]["properties"]["user"]["deprecated"] = (
        True
    )
    assert marked(document) == set(DEPRECATED) | {"user"}
