"""What is asked for and how: base64 where it serves, numbers where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve

from openrouter_embeddings import (
    OpenRouterError,
)
from openrouter_embeddings.testing import faults


def test_explicit_base64_leaves_texts_and_still_decodes(server, client):
    """`data` has what was asked for, in the order of the inputs, and `vectors` is float32."""
    server.always(faults.reordered())

    response = client.generate(["a", "b"], encoding_format="base64")

    assert [type(item.embedding) for item in response.data] == [str, str]
    assert np.array_equal(response.vectors, [server.vector("a"), server.vector("b")])
    again = client.generate(["b"], encoding_format="base64")
    assert response.data[1].embedding == again.data[0].embedding


def test_explicit_base64_answered_with_numbers_gives_arrays(server, client):
    """What did not come as text cannot be left as text."""
    server.always(faults.floats_despite_base64())

    response = client.generate("a", encoding_format="base64")

    assert isinstance(response.data[0].embedding, np.ndarray)


@pytest.mark.parametrize("how", ["empty", "error", "400"])
def test_a_model_without_base64_is_remembered(how, server, client):
    """One detour for each model and kind of input, and nobody has to know."""
    server.always(faults.refuses_base64(how))

    for _ in range(3):
        assert np.array_equal(client.generate("a").vectors, [server.vector("a")])

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "float", "float"]
    client.generate([1, 2])
    assert server.requests[-2].body["encoding_format"] == "base64"


def test_a_failure_that_is_not_about_base64_is_not_remembered(server, client):
    """The detour through numbers must succeed to count."""
    server.script(faults.no_successful_provider(), faults.no_successful_provider())

    with pytest.raises(OpenRouterError):
        client.generate("a", retries=None)
    client.generate("a")

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "base64"]


@pytest.mark.parametrize(
    "fault", [faults.junk_base64(), faults.short_base64()], ids=["junk", "short"]
)
def test_a_run_asks_for_single_texts_that_are_no_base64_as_numbers(fault, server, client):
    """The others of their reply can be read, and are not paid for again."""
    server.script(fault)
    texts = ["a", "b", "c"]

    assert np.array_equal(client.embed(texts).vectors, [server.vector(text) for text in texts])
    asked = [(r.body["encoding_format"], r.body["input"]) for r in server.requests]
    assert asked == [("base64", texts), ("float", ["c"])]


def test_a_run_trusts_no_vector_beside_one_that_no_model_gives(server, client):
    """Its numbers are of another type, and so may be those that do not look like it."""

    def shape(healthy):
        if healthy.asked == "float":
            return healthy.answer()
        *others, last = healthy.vectors
        return evolve(healthy, vectors=[*others, last * np.float32(1e30)]).answer()

    server.always(faults.Fault("vast", "One vector is vast.", True, (), shape))
    # Enough that the spread of all exponents says nothing.
    texts = [f"text {number}" for number in range(20)]

    assert np.array_equal(client.embed(texts).vectors, [server.vector(text) for text in texts])
    asked = [(r.body["encoding_format"], r.body["input"]) for r in server.requests]
    assert asked == [("base64", texts), ("float", texts)]


@pytest.mark.parametrize(
    "fault", [faults.empty_data(), faults.wrong_width()], ids=["empty", "width"]
)
def test_where_base64_has_served_a_run_asks_for_the_numbers_of_each(fault, server, client):
    """One of the texts may be why nothing came, and none may be paid for a third time."""
    client.embed(["before"], dimensions=8)
    server.script(fault)
    texts = ["a", "b", "c"]

    result = client.embed(texts, dimensions=8)

    assert np.array_equal(result.vectors, [server.vector(text) for text in texts])
    asked = [(r.body["encoding_format"], r.body["input"]) for r in server.requests[1:]]
    assert asked[0] == ("base64", texts)
    assert sorted(asked[1:]) == [("float", ["a"]), ("float", ["b"]), ("float", ["c"])]


def test_numbers_of_single_texts_teach_what_the_model_has(server, client):
    """A provider without base64 among others is not asked for it, and paid, again and again."""
    client.embed(["before"])
    server.script(faults.empty_data())
    client.embed(["a", "b"])

    client.generate("c")

    assert server.requests[-1].body["encoding_format"] == "float"
