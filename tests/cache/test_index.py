"""The index in memory, beside a dict that says what it must find."""

from __future__ import annotations

import random

import numpy as np
import pytest

from openrouter_embeddings.cache import _index
from openrouter_embeddings.cache._index import SLOT_BITS, Index, words_of


def key(number):
    return number.to_bytes(8, "little") + bytes([number % 251 + 1]) * 8


def places_in(index, keys):
    if not keys:
        return []
    rows = index.rows(keys, words_of(keys))
    return [None if row < 0 else int(index.places[row]) for row in rows]


@pytest.mark.parametrize("tail", [0, 7, 20_000])
@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_a_dict_would(tail, seed, monkeypatch):
    """New keys, the same keys anew, forgotten ones, segments that go; in and out of order."""
    monkeypatch.setattr(_index, "_TAIL", tail)
    monkeypatch.setattr(_index, "_TAIL_SHARE", 10**9)
    index, expected, order, chance = Index(), {}, [], random.Random(seed)
    alive, slots = [True] * 4, [0] * 4
    for _ in range(60):
        segment = chance.choice([number for number, there in enumerate(alive) if there])
        keys = [key(chance.randrange(1, 120)) for _ in range(chance.randrange(1, 12))]
        start = slots[segment]
        places = np.arange(start, start + len(keys)) | (segment << SLOT_BITS)
        slots[segment] += len(keys)
        index.add(words_of(keys), places, np.array(places % 97, np.uint32))
        if chance.random() < 0.8:
            index.settle()
        expected |= dict(zip(keys, places.tolist(), strict=True))
        order += keys
        index.settle()
        if chance.random() < 0.1:
            gone = chance.sample(list(expected.values()), min(3, len(expected)))
            index.forget(np.array(gone))
            expected = {name: place for name, place in expected.items() if place not in gone}
        if chance.random() < 0.05 and sum(alive) > 1:
            alive[segment] = False
            index.keep(np.array(alive))
            expected = {name: at for name, at in expected.items() if at >> SLOT_BITS != segment}
        for asked in (keys, order[:20], [key(n) for n in chance.sample(range(150), 30)]):
            assert places_in(index, asked) == [expected.get(name) for name in asked]
        counts = [0] * 4
        for place in expected.values():
            counts[place >> SLOT_BITS] += 1
        assert index.counts(4) == counts


def test_an_empty_index_finds_nothing():
    """Nor does one of which everything is gone."""
    index = Index()
    index.settle()
    assert places_in(index, [key(1)]) == [None]

    index.add(words_of([key(1)]), np.array([5]), np.array([7], np.uint32))
    index.settle()
    assert places_in(index, [key(1), key(2)]) == [5, None]
    index.keep(np.array([False]))
    assert places_in(index, [key(1)]) == [None]
    assert index.counts(2) == [0, 0]


def test_keys_that_begin_alike_are_not_mixed_up():
    """The first 8 bytes rank them, and all 16 decide."""
    one, other = b"a" * 16, b"a" * 8 + b"b" * 8
    index = Index()
    index.add(words_of([one]), np.array([1]), np.array([1], np.uint32))
    index._merge()

    assert places_in(index, [other, one]) == [None, 1]


def test_void_records_are_no_hits():
    """They keep their places, since record i belongs to vector i."""
    index = Index()
    index.add(words_of([key(1), bytes(16), key(2)]), np.arange(3), np.zeros(3, np.uint32))
    index.settle()

    assert places_in(index, [key(2), key(1), key(3)]) == [2, 0, None]
    assert index.counts(1) == [2]
