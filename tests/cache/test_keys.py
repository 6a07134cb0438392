"""Keys: everything that decides a vector is in them, and nothing else."""

from __future__ import annotations

import pytest

from openrouter_embeddings import InvalidTypeError
from openrouter_embeddings.cache import KeyMaker, cache_key
from openrouter_embeddings.errors import ConfigurationError

URL = "https://openrouter.ai/api/v1"
PROVIDER = {
    "order": ["A", "B"],
    "only": ["B", "A"],
    "ignore": ["C", "D"],
    "quantizations": ["fp16", "bf16"],
    "max_price": {"prompt": "0.50", "request": 1},
    "sort": {"by": "price", "partition": "model"},
    "allow_fallbacks": True,
    "data_collection": "deny",
    "zdr": True,
    "require_parameters": True,
    "enforce_distillable_text": True,
    "preferred_min_throughput": {"p50": 10},
    "preferred_max_latency": 2,
    "options": {"a": {"region": "eu"}},
}
BASE = {
    "model": "test/embedding",
    "source": URL,
    "item": "a red fox",
    "dimensions": 8,
    "input_type": "search_document",
    "provider": PROVIDER,
    "extra_body": {"task": "retrieval", "deep": {"list": [1, 2]}},
}


def but(**changes):
    return BASE | changes


def preferring(**changes):
    return but(provider=PROVIDER | changes)


def without(name):
    return but(provider={key: value for key, value in PROVIDER.items() if key != name})


DIFFERENT = [
    but(model="test/embedding-2"),
    but(model="Test/embedding"),
    but(source="https://openrouter.ai/api/v2"),
    but(source="https://openrouter.ai:8443/api/v1"),
    but(source="http://openrouter.ai/api/v1"),
    but(source="https://openrouter.ai/API/v1"),
    but(source="https://openrouter.ai/api%2Fv1"),
    but(source="https://eu.openrouter.ai/api/v1"),
    but(source="openrouter.ai/api/v1"),
    but(source="a name"),
    but(item="a red fox "),
    but(item=["a red fox"]),
    but(dimensions=9),
    but(dimensions=None),
    but(input_type="search_query"),
    but(input_type=None),
    but(provider=None),
    but(extra_body=None),
    but(extra_body=BASE["extra_body"] | {"deep": {"list": [2, 1]}}),
    but(extra_body=BASE["extra_body"] | {"deep": {"list": [1, 2], "x": None}}),
    but(extra_body=BASE["extra_body"] | {"dimensions": 4}),
    but(extra_body=BASE["extra_body"] | {"provider": {"only": ["A"]}}),
    *map(without, PROVIDER),
    preferring(order=["B", "A"]),
    preferring(only=["A"]),
    preferring(ignore=["C"]),
    preferring(quantizations=["fp16"]),
    preferring(max_price={"prompt": "0.51", "request": 1}),
    preferring(max_price={"prompt": "0.50"}),
    preferring(sort="price"),
    preferring(sort={"by": "price", "partition": "none"}),
    preferring(allow_fallbacks=False),
    preferring(data_collection="allow"),
    preferring(zdr=False),
    preferring(require_parameters=False),
    preferring(enforce_distillable_text=False),
    preferring(preferred_min_throughput={"p50": 11}),
    preferring(preferred_max_latency=3),
    preferring(options={"a": {"region": "us"}}),
]

ALIKE = [
    but(source=f"{URL}/"),
    but(source="HTTPS://OpenRouter.AI:443/api/v1"),
    but(source="https://openrouter.ai/%61pi/v1"),
    but(source=None),
    preferring(only=["A", "B", "A"]),
    preferring(ignore=["D", "C"]),
    preferring(quantizations=["bf16", "fp16"]),
    preferring(max_price={"request": "1.00", "prompt": 0.5}),
    preferring(preferred_max_latency=2.0),
    preferring(preferred_min_throughput={"p50": 10.0, "p90": None}),
    but(provider=dict(reversed(PROVIDER.items()))),
    but(extra_body={"deep": {"list": [1, 2]}, "task": "retrieval"}),
    but(extra_body=BASE["extra_body"] | {"dimensions": 8}),
    but(extra_body=BASE["extra_body"] | {"user": "u", "session_id": "s", "trace": {"a": 1}}),
    but(extra_body=BASE["extra_body"] | {"encoding_format": "float"}),
]


@pytest.mark.parametrize("request_", DIFFERENT, ids=range(len(DIFFERENT)))
def test_what_may_give_another_vector_has_another_key(request_):
    """A miss costs a request; a wrong hit is a wrong vector."""
    assert cache_key(**request_) != cache_key(**BASE)


def test_no_two_of_these_requests_share_a_key():
    """Fields do not run into each other."""
    assert len({cache_key(**each) for each in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("request_", ALIKE, ids=range(len(ALIKE)))
def test_what_must_give_the_same_vector_has_the_same_key(request_):
    """Neither the spelling of a URL, the order of a set, nor who asks is paid for twice."""
    assert cache_key(**request_) == cache_key(**BASE)


def test_a_preference_that_stays_open_is_none():
    """None means what leaving it out means."""
    bare = {"model": "m", "item": "a"}

    assert cache_key(**bare, provider={"only": None, "sort": None}) == cache_key(**bare)
    assert cache_key(**bare, provider={}) == cache_key(**bare)
    assert cache_key(**bare, provider={"only": []}) != cache_key(**bare)


def test_inputs_that_look_alike_have_keys_of_their_own():
    """Texts, numbers, lists and items that print alike are not the same input."""
    looks = [
        *("1", 1, "[1]", [1], [[1]], ["1"], [1, 1], [11], [], "", "null", None, "t1", 'j"1"'),
        {"content": [{"type": "text", "text": "1"}]},
        {"content": [{"type": "text", "text": 1}]},
        '{"content": [{"type": "text", "text": "1"}]}',
        *("é", "e\u0301", "a\x00", "a"),
    ]

    keys = {cache_key(model="m", item=look) for look in looks}

    assert len(keys) == len(looks)
    assert {len(key) for key in keys} == {16}


def test_a_key_is_the_same_in_every_process_and_order():
    """Keys live in files: neither the order of a mapping nor a release may change them."""
    one = {"content": [{"type": "text", "text": "fox"}]}
    two = {"content": [{"text": "fox", "type": "text"}]}

    assert cache_key(model="m", item=one) == cache_key(model="m", item=two)
    assert KeyMaker(model="m").key("a red fox") == cache_key(model="m", item="a red fox")
    assert cache_key(model="m", item="a red fox").hex() == "4de75da0a9eed20faa5e409867baa280"
    assert cache_key(**BASE).hex() == "cb7d9e05bff438382b505954f6e61abd"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"item": "\ud800"}, ConfigurationError, "item holds half of a surrogate pair"),
        ({"item": {"a": {1, 2}}}, ConfigurationError, "item cannot be written as JSON"),
        ({"item": ["\ud800"]}, ConfigurationError, "item cannot be written as JSON"),
        ({"item": b"a"}, ConfigurationError, "item cannot be written as JSON"),
        ({"item": {1: 2, "a": 3}}, ConfigurationError, "item cannot be written as JSON"),
        ({"model": 7}, InvalidTypeError, "model must be text"),
        ({"model": ""}, ConfigurationError, "model must not be empty"),
        ({"source": 7}, InvalidTypeError, "source must be text"),
        ({"source": "http://[::1"}, ConfigurationError, "source cannot be read"),
        ({"source": "http://a:99999/"}, ConfigurationError, "source cannot be read"),
        ({"provider": {"onyl": ["A"]}}, ConfigurationError, "provider.onyl is unknown"),
        ({"extra_body": {"a": {1}}}, ConfigurationError, "extra_body cannot be written as JSON"),
        ({"extra_body": 7}, InvalidTypeError, "extra_body must be a mapping"),
        ({"extra_body": {"provider": {"x": 10**5000}}}, ConfigurationError, "extra_body cannot"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_has_no_key(change, error, words):
    """The error names what it is."""
    with pytest.raises(error, match=words):
        cache_key(**{"model": "m", "item": "a"} | change)
