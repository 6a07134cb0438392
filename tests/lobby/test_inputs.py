"""What may be handed over: every kind of input, and a clear refusal of everything else."""

from __future__ import annotations

import io
from collections import deque

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, Content, File, Image
from openrouter_embeddings.inputs import checked_inputs, embedding_request

PNG = b"\x89PNG\r\n\x1a\n" + b"rest of the file"
ITEM = {"content": [{"type": "text", "text": "a"}]}


def prepared(value, **options):
    return embedding_request(input=value, model="m", **options)


@pytest.mark.parametrize(
    ("value", "wire", "count", "kind"),
    [
        ("a fox", "a fox", 1, "text"),
        (["a", "b"], ["a", "b"], 2, "text"),
        (("a", "b"), ["a", "b"], 2, "text"),
        (deque(["a"]), ["a"], 1, "text"),
        (["für", "日本"], ["für", "日本"], 2, "text"),
        (np.array(["a", "b"]), ["a", "b"], 2, "text"),
        ([1, 2, 3], [1, 2, 3], 1, "tokens"),
        (np.array([1, 2, 3]), [1, 2, 3], 1, "tokens"),
        ([np.int64(7)], [7], 1, "tokens"),
        ([[1, 2], [3]], [[1, 2], [3]], 2, "tokens"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], 2, "tokens"),
        ([np.array([1, 2])], [[1, 2]], 1, "tokens"),
        (ITEM, [ITEM], 1, "content"),
        ([ITEM, ITEM], [ITEM, ITEM], 2, "content"),
        (Content("a"), [ITEM], 1, "content"),
        (
            Image("https://example.org/fox.png"),
            [
                {
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": "https://example.org/fox.png"},
                        }
                    ]
                }
            ],
            1,
            "content",
        ),
        (
            [File("https://example.org/a.pdf", "pdf")],
            [
                {
                    "content": [
                        {
                            "type": "input_file",
                            "input_file": {"data": "https://example.org/a.pdf", "format": "pdf"},
                        }
                    ]
                }
            ],
            1,
            "content",
        ),
    ],
    ids=repr,
)
def test_every_kind_of_input_is_written_as_the_contract_has_it(value, wire, count, kind):
    """Text, tokens and content, alone or in lists, become what goes over the wire."""
    request = prepared(value)

    assert (request.wire_input, request.count, request.kind) == (wire, count, kind)


def test_token_ids_stay_integers():
    """A floating number on the wire would be another request."""
    request = prepared(np.array([1, 2], dtype=np.int32))

    assert [type(token) for token in request.wire_input] == [int, int]


class Column:
    """Looks like a column of an Arrow table."""

    def __len__(self):
        return 2

    def to_pylist(self):
        return ["a", "b"]


def test_columns_are_lists():
    """Anything that converts itself into a list is taken."""
    assert prepared(Column()).wire_input == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "argument", "problem"),
    [
        ("", "input", "must not be empty"),
        ([], "input", "must not be empty"),
        (["a", ""], "input[1]", "must not be empty"),
        (["a", "b", None], "input[2]", "not None"),
        (None, "input", "not None"),
        ([None], "input[0]", "not None"),
        (["a", float("nan")], "input[1]", "not float nan"),
        ([float("nan"), "a"], "input[0]", "not float nan"),
        (["a", 1], "input[1]", "must be text, like the first input, not int 1"),
        (["a", ["b"]], "input[1]", "not list"),
        ([["a"], ["b"]], "input[0][0]", "must be an integer, not str 'a'"),
        ([["a", "b"]], "input[0][0]", "must be an integer"),
        ([[1, 2], 3], "input[1]", "must be a list of token ids"),
        ([[1, 2], []], "input[1]", "must not be empty"),
        ([1, -2], "input[1]", "must be at least 0: int -2"),
        ([1, 2.0], "input[1]", "must be an integer, not float 2.0"),
        ([1.5], "input[0]", "not float 1.5"),
        ([[1], [2, 3.5]], "input[1][1]", "must be an integer, not float 3.5"),
        ([1, 2**31], "input[1]", "must be at most 2147483647"),
        ([True, False], "input[0]", "not bool True"),
        ([1, True], "input[1]", "not bool True"),
        ([1, "a"], "input[1]", "must be an integer, not str 'a'"),
        (["a", "b\ud800c"], "input[1]", "surrogate"),
        ("\udfff", "input", "surrogate"),
        (b"bytes", "input", "decode the bytes first"),
        ([b"bytes"], "input[0]", "not bytes"),
        ({"a"}, "input", "not set"),
        ((text for text in "ab"), "input", "not generator"),
        (42, "input", "not int 42"),
        (["a", Content("b")], "input[1]", "must be text"),
        ([Content("b"), "a"], "input[1]", r"Content\('...'\)"),
        ({"text": "a"}, "input", "must have the one key 'content'"),
        ({"content": "a"}, "input.content", "must be a list of parts"),
        ({"content": []}, "input.content", "must not be empty"),
        ({"content": ["a"]}, "input.content[0]", "must be a mapping"),
        ([ITEM, {"content": [{"type": "txt"}]}], "input[1].content[0].type", "unknown"),
        ({"content": [{"type": "text", "text": ""}]}, "input.content[0].text", "not be empty"),
        ({"content": [{"type": "image_url"}]}, "input.content[0].image_url", "mapping"),
        (
            {"content": [{"type": "image_url", "image_url": {}}]},
            "input.content[0].image_url.url",
            "not None",
        ),
    ],
)
def test_bad_input_is_named_with_its_position(value, argument, problem):
    """The error says which argument, where in it, and what was found there."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        prepared(value)

    assert caught.value.argument == argument
    assert caught.value.message.startswith(argument)


def test_long_values_are_cut_in_the_message():
    """The first characters are enough to find a value."""
    with pytest.raises(ConfigurationError) as caught:
        prepared(["a", "x" * 10_000 + "\ud800"])

    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": -1}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"dimensions": "256"}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"input_type": ""}, "input_type"),
        ({"input_type": 3}, "input_type"),
        ({"user": 17}, "user"),
        ({"session_id": "x" * 257}, "session_id"),
        ({"trace": ["a"]}, "trace"),
        ({"trace": {"trace_id": 7}}, "trace.trace_id"),
        ({"trace": {1: "a"}}, "trace key"),
        ({"trace": {"note": float("nan")}}, "trace"),
        ({"extra_body": {"x": {1}}}, "extra_body"),
        ({"extra_body": {"x": "\ud800"}}, "extra_body"),
        ({"extra_body": "x"}, "extra_body"),
        ({"extra_headers": {"Authorization": "Bearer x"}}, "extra_headers['Authorization']"),
        ({"extra_headers": {"X-A": "a\nb"}}, "extra_headers['X-A']"),
        ({"extra_headers": {"X A": "a"}}, "extra_headers['X A']"),
        ({"extra_headers": {"X-A": 1}}, "extra_headers['X-A']"),
        ({"provider": {"zrd": True}}, "provider.zrd"),
        ({"provider": []}, "provider"),
    ],
    ids=repr,
)
def test_bad_options_are_named(options, argument):
    """Nothing is dropped and nothing is guessed."""
    with pytest.raises(ConfigurationError) as caught:
        prepared("a", **options)

    assert caught.value.argument == argument


@pytest.mark.parametrize("model", ["", None, 3, "open ai/x", "a\n"])
def test_bad_models_are_refused(model):
    """A model id is text without white space."""
    with pytest.raises(ConfigurationError, match="model"):
        embedding_request(input="a", model=model)


def test_options_are_kept_as_given():
    """What is not given is not sent."""
    request = prepared(
        "a", input_type="search_query", session_id="s" * 256, trace={"trace_id": "t", "own": 1}
    )

    assert request.options == {
        "input_type": "search_query",
        "session_id": "s" * 256,
        "trace": {"trace_id": "t", "own": 1},
    }


class Rows:
    """A table in the way of pyarrow and of data sets: it goes through rows, not through texts."""

    column_names = ("id", "text")

    def to_pylist(self):
        return [{"id": 1, "text": "a"}]


class Frozen:
    """An iterable that fails when it is begun."""

    def __iter__(self):
        raise ZeroDivisionError


async def asynchronous():
    yield "a"


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        (Rows(), 'inputs["text"]'),
        ({"1": "a"}, "inputs.values()"),
        ({"a"}, "sorted(inputs)"),
        (frozenset("a"), "sorted(inputs)"),
        (io.StringIO("a\nb\n"), "inputs.read().splitlines()"),
        (asynchronous(), "[item async for item in inputs]"),
        (b"a", "decode the bytes first"),
        ("a", "into a list"),
        (Content("a"), "into a list"),
        (ITEM, "into a list"),
        (np.str_("a"), "into a list"),
        (np.array("a"), "a list of one kind"),
        (Frozen(), "ZeroDivisionError"),
        (3, "another iterable"),
        (None, "another iterable"),
    ],
    ids="{0.__class__.__name__}".format,
)
def test_what_is_not_many_inputs_is_refused_with_what_to_write_instead(value, instead):
    """A table goes through its columns, a mapping through its keys, a file adds line ends."""
    with pytest.raises(ConfigurationError) as caught:
        checked_inputs(value)

    assert caught.value.argument == "inputs"
    assert instead in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        ["a", "b"],
        ("a", "b"),
        deque(["a", "b"]),
        (text for text in "ab"),
        iter(["a", "b"]),
        map(str, "ab"),
        {"1": "a", "2": "b"}.values(),
        {"a": 1, "b": 2}.keys(),
        np.array(["a", "b"]),
    ],
    ids="{0.__class__.__name__}".format,
)
def test_many_inputs_are_taken_in_any_order_that_they_have(value):
    """Lists, generators, views, columns and arrays."""
    assert list(checked_inputs(value)) == ["a", "b"]
