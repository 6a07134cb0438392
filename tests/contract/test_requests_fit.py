"""Every body that the client can build fits the contract."""

from __future__ import annotations

import json

import pytest
from drawing import ANYTHING, TEXTS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from openrouter_embeddings import Audio, Content, File, Image, Video
from openrouter_embeddings._request.lessons import Lessons
from openrouter_embeddings._request.operations import EmbedOperation
from openrouter_embeddings.inputs import LARGEST_TOKEN_ID, embedding_request

MANY = settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))
PLAIN = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
TOKENS = st.lists(st.integers(0, LARGEST_TOKEN_ID), min_size=1, max_size=5)
BYTES = st.binary(min_size=1, max_size=20)
URLS = st.sampled_from(["https://example.org/a.png", "http://example.org/b"])
IMAGES = URLS.map(Image.from_url) | BYTES.map(
    lambda raw: Image.from_bytes(b"\x89PNG\r\n\x1a\n" + raw)
)
KINDS = {Audio: "audio/wav", Video: "video/mp4", File: "application/pdf"}
FORMATS = st.none() | st.just("wav")
MEDIA = st.one_of(
    *(
        st.builds(lambda raw, kind=kind: kind.from_bytes(raw, media_type=KINDS[kind]), BYTES)
        for kind in KINDS
    ),
    *(
        st.builds(lambda url, form, kind=kind: kind.from_url(url, format=form), URLS, FORMATS)
        for kind in KINDS
    ),
)
CONTENT = st.lists(PLAIN | IMAGES | MEDIA, min_size=1, max_size=3).map(
    lambda parts: Content(*parts)
)
SPELT = st.fixed_dictionaries(
    {
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("text"), "text": PLAIN})
            | st.fixed_dictionaries(
                {"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": URLS})}
            ),
            min_size=1,
            max_size=3,
        )
    }
)
ITEMS = CONTENT | IMAGES | MEDIA | SPELT
INPUTS = st.one_of(
    PLAIN,
    TOKENS,
    ITEMS,
    *(st.lists(each, min_size=1, max_size=4) for each in (PLAIN, TOKENS, ITEMS)),
)
FLAGS = st.none() | st.booleans()
NAMES = st.none() | st.lists(PLAIN, max_size=3)
AMOUNTS = st.floats(0, 1e6) | st.integers(0, 100) | st.sampled_from(["0.05", "1", "0"])
CUTOFFS = (
    st.none()
    | st.floats(0, 1e6)
    | st.dictionaries(st.sampled_from(["p50", "p75", "p90", "p99"]), st.none() | st.floats(0, 1e6))
)
PARTITIONS = st.none() | st.sampled_from(["model", "none"])
BY = st.sampled_from(["price", "throughput", "latency"])
PROVIDERS = st.fixed_dictionaries(
    {},
    optional={
        "allow_fallbacks": FLAGS,
        "data_collection": st.none() | st.sampled_from(["deny", "allow"]),
        "enforce_distillable_text": FLAGS,
        "ignore": NAMES,
        "only": NAMES,
        "order": NAMES,
        "max_price": st.dictionaries(
            st.sampled_from(["prompt", "completion", "request", "image", "audio"]), AMOUNTS
        ),
        "options": st.dictionaries(PLAIN, st.dictionaries(TEXTS, ANYTHING, max_size=2), max_size=2),
        "preferred_max_latency": CUTOFFS,
        "preferred_min_throughput": CUTOFFS,
        "quantizations": st.none() | st.lists(st.sampled_from(["int8", "fp16", "mxfp4"])),
        "require_parameters": FLAGS,
        "sort": st.none()
        | BY
        | st.just("exacto")
        | st.fixed_dictionaries(
            {},
            optional={
                "by": st.none() | BY,
                "partition": st.none() | st.sampled_from(["model", "none"]),
            },
        ),
        "zdr": FLAGS,
    },
)
TRACES = st.dictionaries(TEXTS.filter(lambda name: name != "trace_id"), ANYTHING, max_size=3)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "encoding_format": st.none() | st.sampled_from(["float", "base64"]),
        "dimensions": st.none() | st.integers(1, 10_000),
        "input_type": st.none() | PLAIN,
        "provider": st.none() | PROVIDERS,
        "user": st.none() | PLAIN,
        "session_id": st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=256),
        "trace": st.none() | TRACES,
    },
)


@pytest.fixture(scope="module")
def validator(document):
    contents = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    registry = Registry().with_resource("urn:contract", Resource.from_contents(contents))
    schema = {"$ref": "urn:contract#/components/schemas/EmbeddingsRequest"}
    return Draft202012Validator(schema, registry=registry)


def bodies_of(request):
    """Write both bodies that a request may be sent as."""
    lessons = Lessons(lambda: 0.0)
    first = EmbedOperation.of(request, lessons)
    lessons.note_numbers_only(request)
    known = EmbedOperation.of(request, lessons)
    return {first.request.content, known.request.content}


@MANY
@example("a", {"dimensions": 1, "provider": {"max_price": {"prompt": 0.1}, "sort": {}}})
@example([[0], [LARGEST_TOKEN_ID]], {"session_id": "s" * 256, "trace": {"a": [None, {"b": 1.5}]}})
@given(INPUTS, OPTIONS)
def test_every_body_fits_the_contract(validator, counted, value, options):
    """Whatever goes in: every kind of input, every option, both encodings."""
    request = embedding_request(input=value, model="test/embedding", **options)

    for content in bodies_of(request):
        body = json.loads(content)
        assert list(validator.iter_errors(body)) == []
        assert isinstance(body["input"], str) or request.count in {1, len(body["input"])}
        counted("request bodies that fit")


def test_a_body_that_does_not_fit_would_be_noticed(validator):
    """The check can fail."""
    for body in ({"model": "m"}, {"model": "m", "input": ""}, {"model": 1, "input": "a"}):
        assert list(validator.iter_errors(body)), body
