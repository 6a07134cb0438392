"""Which texts are equal, where they stand, and what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings.jobs._plan import (
    Finder,
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
