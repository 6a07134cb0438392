"""What callers ask for, read and checked."""

from __future__ import annotations

import json

import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.proxy._access import RefusalError
from openrouter_embeddings.proxy._asks import MOST_INPUTS, read_ask

ITEM = {"content": [{"type": "text", "text": "a"}]}


def ask(headers=(), **fields):
    body = {"input": "a red fox", "model": "m"} | fields
    return read_ask(json.dumps(body).encode(), dict(headers))


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2]], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        ([ITEM], [ITEM]),
        ([ITEM, ITEM], [ITEM, ITEM]),
        (ITEM, [ITEM]),
    ],
)
def test_inputs_are_taken_apart(given, inputs):
    """One list of token ids is one input."""
    read = ask(input=given)

    assert read.inputs == inputs
    assert len(read.lengths) == len(inputs)


def test_unknown_fields_go_on():
    """Those of the contract go their own way, and are checked; null is as good as absent."""
    read = ask(dimensions=4, user=None, provider={"zdr": True}, truncate="END", odd=None)

    assert read.options == {
        "dimensions": 4,
        "provider": {"zdr": True},
        "extra_body": {"truncate": "END", "odd": None},
    }


def test_headers_that_mean_something_go_on():
    """And no others: neither the key nor the host."""
    given = {"x-title": "Mine", "authorization": "Bearer k", "host": "h", "cookie": "c"}

    assert ask(given).options == {"extra_headers": {"x-title": "Mine"}}


@pytest.mark.parametrize(("given", "encoding"), [(None, "float"), ("base64", "base64")])
def test_the_encoding_is_the_callers(given, encoding):
    """Whatever goes to the service."""
    assert ask(encoding_format=given).encoding == encoding


def test_likeness_is_all_but_the_inputs_and_the_encoding():
    """Two that differ in anything else must not travel together."""
    same = {ask().likeness, ask(input=["b", "c"]).likeness, ask(encoding_format="base64").likeness}
    others = [
        ask(model="n"),
        *(ask(**{name: 1}) for name in ("odd", "dimensions")),
        *(ask(**{name: "x"}) for name in ("user", "session_id", "input_type")),
        ask(provider={"zdr": True}),
        ask({"x-title": "Mine"}),
    ]

    assert len(same) == 1
    assert len({*same, *(other.likeness for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body):
    """With words, and never a traceback."""
    with pytest.raises(RefusalError, match="no JSON") as caught:
        read_ask(body, {})

    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
def test_what_is_no_object_is_refused(body):
    """The same."""
    with pytest.raises(RefusalError, match="JSON object"):
        read_ask(body, {})


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": None}, "input"),
        ({"model": 1}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"provider": {"zdrr": True}}, "provider.zdrr"),
        ({"odd": float("nan")}, "extra_body"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(fields, argument):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        ask(**fields)

    assert caught.value.argument.startswith(argument)


def test_too_many_inputs_are_refused():
    """Each of them takes memory while it waits."""
    with pytest.raises(RefusalError, match="at most") as caught:
        ask(input=["a"] * (MOST_INPUTS + 1))

    assert caught.value.status == 422
