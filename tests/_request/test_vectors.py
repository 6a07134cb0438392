"""The vector contract: order, width, numbers; a wrong vector never leaves."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from openrouter_embeddings import VectorError
from openrouter_embeddings._request import vectors
from openrouter_embeddings._request.vectors import decode, find_order, make_error


def make_matrix(*given):
    """Make a matrix of vectors that are all good, or raise what is wrong."""
    matrix, faults = vectors.make_matrix(*given)
    if faults:
        raise make_error(faults)
    return matrix


def text_of(*numbers):
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("indexes", "order"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([2, 0, 1], [2, 0, 1]),
        ([None, None, None], [0, 1, 2]),
        ([None, 1, 2], [0, 1, 2]),
        ([2, None, 1], [2, 0, 1]),
        ([None, None, 2], [0, 1, 2]),
        ([0, 0, 0], [0, 1, 2]),
        ([0], [0]),
    ],
    ids=str,
)
def test_each_vector_goes_to_its_input(indexes, order):
    """The index decides where it is whole; one that is left out is found; else the place counts."""
    assert find_order(indexes, len(indexes)) == order


@pytest.mark.parametrize(
    ("indexes", "problem"),
    [
        ([0, 1], "3 inputs were sent and 2 vectors came back"),
        ([], "0 vectors"),
        ([0, 1, 2, 3], "4 vectors"),
        ([0, 0, 1], "same index"),
        ([1, 1, 1], "same index"),
        ([0, 1, 3], "claims index 3"),
        ([1, 2, 3], "claims index 3"),
        ([-1, 0, 1], "claims index -1"),
        ([0, 1, "2"], "claims index '2'"),
        ([0, 1, True], "claims index True"),
        ([0, 1, 2.0], "claims index 2.0"),
        ([2, None, None], "out of order"),
        ([None, 0, None], "out of order"),
    ],
    ids=str,
)
def test_contradictions_are_refused(indexes, problem):
    """Where it cannot be known which input a vector belongs to, there is no vector."""
    with pytest.raises(VectorError, match=problem):
        find_order(indexes, 3)


def test_numbers_and_base64_give_the_same_matrix():
    """How vectors travel makes no difference to what they are."""
    numbers = [[0.5, -1.25], [3.0, 4.0]]
    texts = [text_of(*row) for row in numbers]

    from_numbers = make_matrix(numbers, [1, 0], None)
    from_texts = make_matrix(texts, [1, 0], 2)

    assert from_numbers.dtype == from_texts.dtype == np.float32
    assert from_numbers.tolist() == from_texts.tolist() == [[3.0, 4.0], [0.5, -1.25]]


@pytest.mark.parametrize(
    ("embeddings", "dimensions", "problem"),
    [
        ([[1.0, 2.0], [1.0]], None, "input 1 has 1 dimension, others 2"),
        ([[1.0, 2.0], [1.0, 2.0]], 3, "3 dimensions were asked for and vectors of 2"),
        ([[], []], None, "input 0 is empty"),
        (["", ""], None, "input 0 is empty"),
        ([text_of(1e-13, 0)], None, "as large as 1.0e-13"),
        ([text_of(1, 0), text_of(1e10, 0)], None, "input 1 has numbers as large as 1.0e\\+10"),
        ([[1.0, float("nan")], [1.0, 2.0]], None, "input 0 holds a number that is not finite"),
        ([[1.0, 2.0], [1.0, float("-inf")]], None, "input 1 holds a number that is not finite"),
        ([[1.0, 2.0], [1.0, 1e39]], None, "input 1 holds a number that is not finite"),
        ([[1.0, 2.0], [1.0, 10**400]], None, "too large for float32"),
        ([[1.0, 2.0], [0.0, 0.0]], None, "input 1 is all zeros"),
        ([[1.0, 2.0], [1.0, "2"]], None, "'2', which is not a number"),
        ([[1.0, 2.0], [1.0, None]], None, "None, which is not a number"),
        ([[1.0, 2.0], [True, 1.0]], None, "True, which is not a number"),
        ([[1.0, 2.0], [[1.0], [2.0]]], None, "which is not a number"),
        ([[1.0, 2.0], None], None, "is None, not numbers or base64"),
        ([[1.0, 2.0], {"a": 1}], None, "not numbers or base64"),
        ([text_of(1, 2), "!!!!"], None, "input 1 is not base64"),
        ([text_of(1, 2), "AAAAAAA="], None, "5 bytes, not whole float32"),
        ([text_of(1, 2), text_of(1, float("nan"))], None, "not finite"),
        ([text_of(1, 2), text_of(0, 0)], None, "all zeros"),
    ],
)
def test_vectors_that_cannot_be_trusted_are_refused(embeddings, dimensions, problem):
    """The message names the input concerned and what is wrong with its vector."""
    with pytest.raises(VectorError, match=problem):
        make_matrix(embeddings, range(len(embeddings)), dimensions)


@pytest.mark.parametrize("number", [1e-45, 1e-30, 1e25, 3.4e38])
def test_extreme_numbers_are_vectors(number):
    """As JSON numbers, whose type nobody can mistake: their squares are zero or infinite."""
    matrix = make_matrix([[number, 0], [0, -number]], [0, 1], None)

    assert matrix.tolist() == np.float32([[number, 0], [0, -number]]).tolist()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 384, 1024, 1536])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_base64_of_every_width_is_decoded(width, count):
    """Padded or not, few or many, in any order."""
    rows = np.random.default_rng(width).standard_normal((count, width)).astype(np.float32)
    order = np.random.default_rng(1).permutation(count).tolist()
    texts = [text_of(*rows[row]) for row in order]

    assert np.array_equal(make_matrix(texts, order, None), rows)
    assert np.array_equal(make_matrix(texts, range(count), None), rows[order])


@pytest.mark.parametrize(
    "bad", ["=AAAAAAA", "AA==AAAA", "AAAAAA=A", "AAAA====", "AAAA AA=", "AA-+AAA=", "AA/_AAA="]
)
@pytest.mark.parametrize("width", [1, 2])
def test_bad_base64_among_many_is_named(bad, width):
    """Padding inside of a text, a space, two alphabets: never another vector by accident."""
    texts = [text_of(*[1.0] * width)] * 5
    texts[3] = bad if width == 1 else f"{bad}{bad[-4:]}"

    with pytest.raises(VectorError, match="input 3"):
        make_matrix(texts, range(5), None)


def test_whole_numbers_are_numbers():
    """JSON writes 1.0 as 1 when it likes."""
    assert decode([1, -2]).tolist() == [1.0, -2.0]


def test_numbers_are_rounded_once():
    """Python's double goes straight to the nearest float32, like the service's own base64."""
    assert decode([0.1])[0] == np.float32(0.1)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 1024])
def test_base64_of_another_alphabet_or_unpadded_is_what_it_is(width):
    """RFC 4648 knows both; the same vectors come, even side by side with the usual form."""
    rows = np.random.default_rng(width).standard_normal((3, width)).astype(np.float32)
    usual = text_of(*rows[0])
    unpadded = text_of(*rows[1]).rstrip("=")
    url_safe = base64.urlsafe_b64encode(rows[2].tobytes()).decode().rstrip("=")

    assert np.array_equal(make_matrix([usual, unpadded, url_safe], range(3), None), rows)
    assert np.array_equal(make_matrix([url_safe], range(1), width), rows[2:])


def test_a_bad_vector_leaves_its_neighbours_good():
    """What is wrong with one of them is said of its row alone."""
    good = [1.0, 2.0]
    embeddings = [good, [0.0, 0.0], good, [float("nan"), 1.0], [1.0], None, good]

    matrix, faults = vectors.make_matrix(embeddings, range(7), None)

    assert {row: fault.problem for row, fault in faults.items()} == {
        1: "is all zeros",
        3: "holds a number that is not finite",
        4: "has 1 dimension, others 2",
        5: "is None, not numbers or base64",
    }
    assert all((matrix[row] == good).all() for row in (0, 2, 6))


def test_an_error_names_the_rows():
    """So that the caller knows which inputs they belong to."""
    with pytest.raises(VectorError, match=r"input 1 is all zeros\. 1 more") as caught:
        make_matrix([[1.0], [0.0], [0.0]], range(3), None)

    assert caught.value.rows == (1, 2)
    assert not caught.value.undecodable
