"""Which texts are equal, where they stand, and what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings.jobs._plan import (
    Finder,
    between,
    compact,
    digests_of,
    fill_places,
    find_places,
    find_texts,
)


def test_equal_texts_are_one_in_the_order_of_their_first_rows():
    """Rows without a text have none."""
    texts = ["b", "a", None, "b", "", "c", "a"]
    digests = digests_of(texts)

    found = find_texts(digests, digests.any(axis=1))

    assert found.of_rows.tolist() == [0, 1, -1, 0, -1, 2, 1]
    assert found.first_rows.tolist() == [0, 1, 5]


def test_many_texts_are_told_apart_as_a_dictionary_would():
    """Whatever their order."""
    numbers = np.random.default_rng(7).integers(0, 300, 2_000)
    digests = digests_of(str(number) for number in numbers)

    found = find_texts(digests, digests.any(axis=1))

    names: dict[int, int] = {}
    expected = [names.setdefault(number, len(names)) for number in numbers.tolist()]
    assert found.of_rows.tolist() == expected


def test_digests_that_begin_alike_are_told_apart():
    """Once in 2**25 two among a million do; equal ones stand between them here."""
    digests = np.array([[7, 2], [5, 1], [7, 1], [7, 2], [5, 1], [7, 1], [7, 3]], np.uint64)

    found = find_texts(digests, np.ones(len(digests), bool))

    assert found.of_rows.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert found.first_rows.tolist() == [0, 1, 2, 6]


@pytest.mark.parametrize(("most", "kind"), [(2**31 - 2, np.int32), (2**31, np.int64)])
def test_places_take_four_bytes_where_they_fit(most, kind):
    """And are what they were."""
    found = compact(np.array([-1, 5, 2]), most)
    assert (found.dtype, found.tolist()) == (kind, [-1, 5, 2])


@pytest.mark.parametrize(
    ("start", "stop", "found"), [(0, 9, [2, 3, 7]), (3, 7, [3]), (4, 7, []), (8, 99, [])]
)
def test_values_between_two_bounds_are_found(start, stop, found):
    """Where they stand, in whatever type they are held."""
    for kind in (np.int32, np.int64):
        values = np.array([2, 3, 7], kind)
        assert values[slice(*between(values, start, stop))].tolist() == found


def test_no_text_at_all_is_found():
    """Neither in an empty input, nor in empty rows."""
    for texts in ([], [None, ""]):
        digests = digests_of(texts)
        found = find_texts(digests, digests.any(axis=1))
        assert (len(found), found.of_rows.tolist()) == (0, [-1] * len(texts))


def kept_digests(texts):
    return digests_of(texts)


@pytest.mark.parametrize(
    ("wanted", "kept", "places"),
    [
        ("abc", [], [0, 1, 2]),
        ("abc", ["a", "b", "c"], [0, 1, 2]),
        ("abc", ["a"], [0, 1, 2]),
        ("ab", ["a", "b", "c"], [0, 1]),
        ("xabc", ["a", "b", "c"], [3, 0, 1, 2]),
        ("cba", ["a", None, "c"], [2, 1, 0]),
        ("xyz", ["a", None, "c"], [1, 3, 4]),
        ("", ["a"], []),
    ],
)
def test_what_is_kept_stays_where_it_stands(wanted, kept, places):
    """And new texts get the places that are free."""
    held = kept_digests(kept)
    found = find_places(digests_of(wanted), held)

    assert fill_places(found, held).tolist() == places
    assert [int(place) for place in found if place >= 0] == [
        kept.index(text) for text in wanted if text in kept
    ]


def test_texts_are_found_by_their_digests_alone():
    """Those of strangers are not."""
    finder = Finder.of(digests_of("abc"))

    assert finder.find(digests_of(["c", "x", None, "a"])).tolist() == [2, -1, -1, 0]
    assert Finder.of(digests_of([])).find(digests_of("ab")).tolist() == [-1, -1]


def test_half_a_digest_is_no_text():
    """Two texts whose digests begin alike: one may be missed, none is taken for the other."""
    digests = np.array([[1, 5], [1, 6]], np.uint64)

    found = Finder.of(digests).find(digests[::-1].copy())

    assert all(
        place == -1 or (digests[place] == wanted).all()
        for place, wanted in zip(found, digests[::-1], strict=True)
    )
