"""Inputs on their way in: how many are read, which are asked for, and where they end."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, Limits
from openrouter_embeddings._bulk.halving import Cutting
from openrouter_embeddings._bulk.intake import Intake, checked_hits
from openrouter_embeddings._bulk.items import Cached, Run
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.reader import IteratedSource, Reader
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings._bulk.window import Window
from openrouter_embeddings.cache import Hits
from openrouter_embeddings.errors import BadRequestResponseError
from openrouter_embeddings.inputs import embedding_request

TEMPLATE = embedding_request(input="template", model="test/embedding")
TOO_LONG = BadRequestResponseError("too long", status_code=400)


def intake_of(values, *, asks=True, pin=False, cutting=None, **bounds):
    limits, space = Limits(**bounds), Space(TEMPLATE, pin)
    window, ledger = Window(limits.window), Ledger(limits, cutting)
    reader = Reader(IteratedSource(iter(values), lambda: 0.0), space, asks)
    return Intake(limits.max_in_flight, reader, space, window, ledger)


def texts(count):
    return (f"text {number}" for number in range(count))


def ones(count, width=2):
    return np.ones((count, width), np.float32)


def ask_all(intake):
    """Ask as much as may be asked at a time."""
    return list(iter(intake.next_question, None))


def queued(intake):
    """Empty the queue, and return the inputs that were to be sent."""
    batches = iter(intake.ledger.next_batch, None)
    return [text for batch in batches for text in batch.inputs]


@pytest.mark.parametrize(
    ("count", "bounds", "sizes"),
    [
        (0, {}, []),
        (1, {}, [1]),
        (500, {}, [500]),
        (501, {}, [500, 1]),
        (2_000, {}, [500, 500]),
        (2_000, {"window": 700}, [500, 200]),
        (2_000, {"window": 500}, [500]),
        (2_000, {"window": 10}, [10]),
    ],
)
def test_two_questions_at_most_within_the_window(count, bounds, sizes):
    """Each of 500 inputs, if there are so many and there is room for them."""
    assert [len(chunk) for chunk in ask_all(intake_of(texts(count), **bounds))] == sizes


def test_long_texts_are_read_ahead_by_their_bytes():
    """A question has 8 MiB and what was read with the last of them; a full window asks none."""
    intake = intake_of(f"{number}{'x' * 100_000}" for number in range(5_000))
    intake.window.most_bytes = intake.ledger.limits.window_bytes
    while chunk := intake.next_question():
        assert sum(map(sys.getsizeof, chunk.entries)) < 8 * 2**20 + 65 * 100_100
        intake.add(chunk, ())

    assert 32_000_000 <= intake.ledger.queued * 100_050 < 48_000_000
    assert intake.fills_next_batch


def test_what_is_asked_for_has_its_room_already():
    """Not only what came back."""
    intake = intake_of(texts(2_000), window=700)
    first, second = ask_all(intake)
    intake.add(first, ())
    assert intake.next_question() is None

    intake.add(second, ())
    assert intake.next_question() is None
    assert intake.window.room == 0


def test_no_more_is_read_than_the_requests_need():
    """Twice what can be in flight; the next inputs are read when some were sent."""
    intake = intake_of(texts(5_000), max_batch=100, max_in_flight=4)
    for _ in range(2):
        intake.add(intake.next_question(), ())
    assert intake.ledger.queued == 1_000

    assert [len(chunk) for chunk in ask_all(intake)] == []
    for _ in range(3):
        intake.ledger.next_batch()
    assert [len(chunk) for chunk in ask_all(intake)] == [500, 500]


def test_the_first_batch_alone_is_read_while_the_provider_is_open():
    """And nothing of the cache is asked for, since nobody knows whose vectors would fit."""
    intake = intake_of(texts(1_000), pin=True, max_batch=20)
    chunk = intake.next_question()
    assert (len(chunk), list(chunk.keys)) == (20, [])

    intake.add(chunk, ())
    assert intake.next_question() is None
    assert queued(intake) == list(texts(20))
    assert intake.next_question() is None


def test_chunks_grow_while_the_cache_has_everything():
    """Up to a quarter of the window; one input that it does not have, and they are small again."""
    intake, sizes = intake_of(texts(50_000), window=8_000), []
    for missing in (0, 0, 0, 0, 1, 0):
        chunk = intake.next_question()
        sizes.append(len(chunk))
        intake.add(chunk, [Hits(0, ones(len(chunk) - missing))])
        intake.window.take_settled()
        queued(intake)

    assert sizes == [500, 1_000, 2_000, 2_000, 2_000, 500]


@pytest.mark.parametrize(
    ("values", "hits", "sent", "entries"),
    [
        ("abcd", [], "abcd", "abcd"),
        ("abcd", [(0, 4)], "", [4]),
        ("abcd", [(1, 2)], "ad", ["a", 2, "d"]),
        ("abcd", [(0, 1), (3, 1)], "bc", [1, "b", "c", 1]),
        ("abca", [(1, 1)], "ac", ["a", 1, "c", "a"]),
        (["a", "", "c", "d"], [(0, 3)], "", [1, "", 1, 1]),
        (["a", "", "c", "d"], [(2, 1)], "ac", ["a", "", "c", 1]),
        (["", "b"], [], "b", ["", "b"]),
    ],
)
def test_each_input_goes_where_it_belongs(values, hits, sent, entries):
    """Those of the cache leave, those that cannot be sent fail, the others are queued once."""
    intake = intake_of(values)
    intake.add(intake.next_question(), [Hits(start, ones(count)) for start, count in hits])
    assert queued(intake) == list(sent)

    for place in intake.window.known.values():
        place.vectors = ones(4)
    out = intake.window.take_settled()
    assert [shown for entry in out for shown in shown_of(entry)] == list(entries)


def shown_of(entry):
    """Show what stands at positions: how many the cache had, or the inputs."""
    if isinstance(entry, Cached):
        return [len(entry.vectors)]
    return entry.texts if isinstance(entry, Run) else [entry.wire]


def test_vectors_of_another_width_are_not_taken():
    """They belong to another space, whoever put them there."""
    intake = intake_of("abc")

    intake.add(intake.next_question(), [Hits(0, ones(1)), Hits(1, ones(1, 3)), Hits(2, ones(1))])

    assert queued(intake) == ["b"]


def test_inputs_that_are_known_are_not_asked_for():
    """They share a slot with the first of them."""
    intake = intake_of([*["a"] * 500, "a", "b"], window=2_000)
    intake.add(intake.next_question(), ())

    chunk = intake.next_question()
    assert list(chunk.places) == [1]
    intake.add(chunk, [Hits(0, ones(1))])

    assert queued(intake) == ["a"]


@pytest.mark.parametrize(
    ("count", "queue", "asked", "full"),
    [
        (100, 0, 0, False),
        (100, 0, 1, False),
        (600, 500, 0, True),
        (0, 0, 1, True),
        (3, 0, 0, False),
        (3, 0, 1, False),
        (3, 3, 0, True),
    ],
)
def test_the_next_batch_is_full_or_as_full_as_it_will_be(count, queue, asked, full):
    """Else inputs are to be read first, or the cache is to answer."""
    intake = intake_of(texts(count), max_batch=10)
    if queue:
        intake.add(intake.next_question(), ())
    for _ in range(asked):
        intake.next_question()

    assert intake.fills_next_batch is full


def test_all_inputs_are_in_when_the_last_question_is_answered():
    """Not before, and not while the source may have more."""
    intake = intake_of(texts(501))
    assert not intake.over
    first, last = ask_all(intake)
    intake.add(first, ())
    assert not intake.over
    intake.add(last, ())

    assert intake.over


@pytest.mark.parametrize("cached", [True, False])
def test_a_text_that_was_cut_is_asked_for_alone(cached):
    """Other questions come before or after it; what the cache has of it is not sent."""
    values = ["x" * 100, *texts(2_000)]
    intake = intake_of(values, cutting=Cutting(10), max_batch=1, max_in_flight=300)
    intake.add(intake.next_question(), ())
    other = intake.next_question()
    batch = intake.ledger.next_batch()
    intake.ledger.settle(batch, TOO_LONG)
    assert intake.next_question() is None

    intake.add(other, ())
    chunk = intake.next_question()
    assert (list(chunk.entries[0].wire), chunk.slots) == (["x"] * 38, batch.slots)
    assert intake.next_question() is None
    before = intake.ledger.queued
    intake.add(chunk, [Hits(0, ones(1))] if cached else ())

    assert intake.ledger.queued == before + (not cached)
    assert batch.slots[0].cached is cached
    assert batch.slots[0].cut.wire == "x" * 38
    assert not intake.ledger.shortened


def test_an_answer_for_a_cut_text_after_the_end_of_the_run_changes_nothing():
    """The text has failed with the others."""
    intake = intake_of(["x" * 100], cutting=Cutting(10), max_batch=1)
    intake.add(intake.next_question(), ())
    batch = intake.ledger.next_batch()
    intake.ledger.settle(batch, TOO_LONG)
    chunk = intake.next_question()
    intake.ledger.stop(TOO_LONG)

    intake.add(chunk, [Hits(0, ones(1))])

    assert batch.slots[0].error is TOO_LONG
    assert batch.slots[0].vectors is None
    assert intake.over


def test_what_another_cache_answers_is_taken_where_it_can_be():
    """Vectors that are not finite are left out, as if they were not there."""
    some = ones(4)
    some[1, 1], some[2, 0] = np.nan, np.inf
    answer = (hits for hits in (Hits(0, ones(2)), Hits(3, some)))

    taken = checked_hits(answer, 7)

    assert [(hits.start, hits.stop) for hits in taken] == [(0, 2), (3, 4), (6, 7)]
    assert all(np.array_equal(hits.vectors, ones(len(hits.vectors))) for hits in taken)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, r"cache.find\(\) must be a list of Hits, not None"),
        ([ones(1)], r"cache.find\(\)\[0\] must be Hits"),
        ([None], r"\[0\] must be Hits, not None"),
        ([Hits(0, [[1.0]])], r"\[0\].vectors must be float32 of shape"),
        ([Hits(0, ones(1).astype(np.float64))], "must be float32"),
        ([Hits(0, ones(1).astype(">f4"))], "must be float32"),
        ([Hits(0, ones(1)[0])], "must be float32 of shape"),
        ([Hits(0, ones(1, 0))], "holds no numbers"),
        ([Hits(0, ones(0))], "holds no numbers"),
        ([Hits(0, ones(5))], "must be a place among 4 keys"),
        ([Hits(4, ones(1))], "must be a place among 4 keys"),
        ([Hits(-1, ones(1))], "must be a place among 4 keys"),
        ([Hits(0.0, ones(1))], "must be a place among 4 keys"),
        ([Hits(0, ones(2)), Hits(1, ones(1))], r"\[1\].start must be a place .* behind the hits"),
        ([Hits(2, ones(1)), Hits(0, ones(1))], r"\[1\].start must be a place"),
    ],
)
def test_what_no_cache_may_answer_is_an_error_that_names_it(found, words):
    """It would be the vector of another input."""
    with pytest.raises(ConfigurationError, match=words):
        checked_hits(found, 4)
