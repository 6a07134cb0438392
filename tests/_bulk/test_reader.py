"""Inputs as they are read: in chunks, checked, with keys for the cache."""

from __future__ import annotations

import pytest

from openrouter_embeddings._bulk.items import Slot
from openrouter_embeddings._bulk.reader import IteratedSource, Reader
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings.inputs import embedding_request


def reader(values, *, asks=True):
    space = Space(embedding_request(input="t", model="m"))
    return Reader(IteratedSource(iter(values), lambda: 0.0), space, asks)


@pytest.mark.parametrize(
    ("count", "most", "sizes"),
    [(5, 2, [2, 2, 1]), (4, 2, [2, 2, 0]), (0, 2, [0])],
)
def test_inputs_come_in_chunks_to_their_end(count, most, sizes):
    """Whoever asks for more than there is learns that it was the last."""
    source, read = reader(["a"] * count), []
    while not source.exhausted:
        read.append(len(source.read(most, {})))

    assert read == sizes


def test_a_plain_text_stays_itself_and_what_cannot_be_sent_says_why():
    """With its position in the whole run."""
    source = reader(["a", [1, 2], "", "b"])
    source.read(1, {})
    tokens, empty, text = source.read(3, {}).entries

    assert isinstance(tokens, Slot)
    assert (tokens.wire, tokens.kind, tokens.tokens) == ([1, 2], "tokens", 2)
    assert "inputs[2]" in str(empty.error)
    assert text == "b"


@pytest.mark.parametrize(
    ("asks", "known", "places"),
    [(False, {}, []), (True, {}, [0, 1, 3]), (True, {"a": None}, [1, 3])],
    ids=str,
)
def test_the_cache_is_asked_for_what_can_be_there_and_is_not_known(asks, known, places):
    """Unusable inputs have no key, and without a cache nothing has."""
    chunk = reader(["a", [1, 2], "", "b"], asks=asks).read(4, known)

    assert list(chunk.places) == places
    assert len(chunk.keys) == len(places)


def test_texts_that_were_cut_are_read_with_their_slots():
    """Their keys are those of what is left of them."""
    slot = Slot("b" * 9, "text", "b" * 9, 9, position=4)
    chunk = reader([]).cut({slot: "bbb"})

    assert list(chunk.slots) == [slot]
    assert [entry.wire for entry in chunk.entries] == ["bbb"]
    assert list(chunk.keys) == list(reader(["bbb"]).read(1, {}).keys)
