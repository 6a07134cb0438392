"""Values of a reply, whatever type they came in."""

from __future__ import annotations

import math

import pytest

from openrouter_embeddings._request import lenient


@pytest.mark.parametrize(
    "value", [10**400, -1, -0.5, math.inf, math.nan, 1e300, True, "1", None, [], 10**15 + 1]
)
def test_a_number_that_no_service_means_is_unknown(value):
    """Unknown is not zero, and sums of what is taken stay finite."""
    assert lenient.number(value) is None
    assert lenient.count(value) is None


@pytest.mark.parametrize(("value", "number", "count"), [(0, 0, 0), (7, 7, 7), (2.5, 2.5, 2)])
def test_numbers_are_taken(value, number, count):
    """A fraction of a count is cut off."""
    assert (lenient.number(value), lenient.count(value)) == (number, count)


def test_texts_are_safe_to_show():
    """What a terminal would obey is written out, and a half surrogate fits into a file."""
    assert lenient.text("a\x1b[2J\nb\ud800") == "a\\x1b[2J b\\ud800"
    assert lenient.prose("one\ntwo\u202e") == "one\ntwo\\u202e"
    assert lenient.texts(["a\x00", 3, {}]) == ("a\\x00",)
