"""Refusals: who waits for whom, what it costs, what size is learnt, and when it is the end."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from books import Books, item, play

from openrouter_embeddings._bulk.halving import Evidence, Halving
from openrouter_embeddings._bulk.items import Batch
from openrouter_embeddings.errors import (
    ERROR_OF_STATUS,
    BadRequestResponseError,
    NoResponseError,
    PayloadTooLargeResponseError,
    ResponseError,
    ServiceUnavailableResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

BAD = BadRequestResponseError("bad", status_code=400)
BIG = PayloadTooLargeResponseError("big", status_code=413)
DOWN = ServiceUnavailableResponseError("down", status_code=503)
NAN = VectorError("nan")
SLOW = NoResponseError("slow", sent=True, timed_out=True)


def batch_of(count):
    return Batch([item(place) for place in range(count)])


def names(batch):
    """Return the inputs of a batch, and of what waits for it."""
    return batch.inputs, [slot.wire for slot in batch.held]


@pytest.mark.parametrize(
    ("count", "first", "held"),
    [(2, [0], [1]), (3, [0], [1, 2]), (4, [0, 1], [2, 3]), (5, [0, 1], [2, 3, 4])],
)
@pytest.mark.parametrize("error", [BAD, BIG, NAN])
def test_a_refused_batch_becomes_two_halves(count, first, held, error):
    """The first goes out; the larger one of an odd number waits."""
    assert names(Halving(10).divide(batch_of(count), error)) == (first, held)


@pytest.mark.parametrize(
    ("error", "released"),
    [
        (BAD, ([4, 5], [6, 7])),
        (BIG, ([4, 5, 6, 7], [])),
        (UnprocessableEntityResponseError("x"), ([4, 5, 6, 7], [])),
        (NAN, ([4, 5, 6, 7], [])),
    ],
)
def test_an_answer_to_the_first_half_releases_the_second(error, released):
    """In halves where one of its inputs must be to blame, else whole."""
    halving = Halving(8)
    first = halving.divide(batch_of(8), error)

    assert names(halving.on_answer(first)) == released


@pytest.mark.parametrize("error", [BAD, BIG, NAN])
def test_a_single_input_to_blame_goes_out_as_it_is(error):
    """Its own refusal has the words for it."""
    halving = Halving(8)

    assert names(halving.on_answer(halving.divide(batch_of(2), error))) == ([1], [])


@pytest.mark.parametrize("error", [BAD, BIG, NAN])
def test_a_refusal_of_the_first_half_releases_the_second_whole(error):
    """Once: both may hold somebody to blame."""
    halving = Halving(8)
    first = halving.divide(batch_of(8), error)

    assert names(halving.on_refusal(first)) == ([4, 5, 6, 7], [])
    assert first.held == []
    assert halving.on_refusal(first) is None


@pytest.mark.parametrize("end", ["on_answer", "on_refusal"])
def test_nothing_waits_for_a_whole_batch_or_a_second_half(end):
    """Whatever becomes of them."""
    halving = Halving(8)
    second = halving.on_refusal(halving.divide(batch_of(8), BIG))

    assert getattr(halving, end)(second) is None
    assert getattr(halving, end)(batch_of(8)) is None


@pytest.mark.parametrize(
    ("size", "error", "learnt"),
    [(8, BIG, 4), (7, BIG, 4), (2, BIG, 1), (8, BAD, 4), (7, BAD, 4)],
)
def test_two_answered_halves_tell_the_size(size, error, learnt):
    """Whatever the words of the refusal were."""
    halving = Halving(100)
    waiting = [halving.divide(batch_of(size), error)]
    while waiting:
        batch = waiting.pop()
        assert halving.max_batch == 100
        waiting += filter(None, [halving.on_answer(batch)])

    assert halving.max_batch == learnt
    assert halving.doubts_size is False


def test_a_size_that_was_learnt_does_not_grow():
    """A larger batch that was on its way says nothing better."""
    halving = Halving(100)
    for size in (8, 40):
        halving.on_answer(halving.on_answer(halving.divide(batch_of(size), BIG)))

    assert halving.max_batch == 4


@pytest.mark.parametrize("error", [BIG, BAD])
def test_the_size_is_in_doubt_until_a_whole_batch_is_answered(error):
    """From then on a refusal is about something else."""
    halving = Halving(8)
    halving.divide(batch_of(8), error)
    assert halving.doubts_size is True

    halving.on_answer(batch_of(8))
    assert halving.doubts_size is False
    halving.divide(batch_of(8), error)
    assert halving.doubts_size is False


def refusing(*bad, error=BAD):
    return lambda inputs: error if set(bad) & set(inputs) else None


def test_a_size_in_doubt_is_not_tried_again_meanwhile():
    """While halves of the first refused batch are out, no batch of its size follows."""
    ledger = Books(range(100), max_batch=10)
    first = ledger.next_batch()
    ledger.settle(first, PayloadTooLargeResponseError("big", status_code=413))

    half = ledger.next_batch()
    assert len(half.slots) == 5
    assert not ledger.has_next
    assert ledger.next_batch() is None

    ledger.settle(half, np.ones((5, 2), np.float32))
    other = ledger.next_batch()
    ledger.settle(other, np.ones((5, 2), np.float32))
    assert len(ledger.next_batch().slots) == 5


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 64, 100, 1000])
def test_one_bad_input_costs_few_requests(count):
    """Two for each halving and two more, wherever it stands; all others succeed."""
    for guilty in {0, count // 2, count - 1}:
        ledger = Books(range(count), max_batch=count)

        sent = play(ledger, refusing(guilty))

        slots = ledger.ready()
        assert [slot.wire for slot in slots] == list(range(count))
        assert [slot.wire for slot in slots if slot.error is not None] == [guilty]
        assert len(sent) - 1 <= 2 * math.log2(count) + 2
        assert ledger.halving.max_batch == count


@pytest.mark.parametrize("error", [BAD, UnprocessableEntityResponseError("x")])
def test_several_bad_inputs_are_all_found(error):
    """Exactly the guilty ones fail, each with the service's words."""
    bad = set(random.Random(3).sample(range(200), 17))
    ledger = Books(range(200), max_batch=50)

    play(ledger, refusing(*bad, error=error))

    failed = {slot.wire: slot.error for slot in ledger.ready() if slot.error is not None}
    assert failed == dict.fromkeys(bad, error)


@pytest.mark.parametrize(
    "error", [PayloadTooLargeResponseError("x"), UnprocessableEntityResponseError("x"), BAD]
)
def test_a_size_that_is_refused_is_learnt(error):
    """Both halves were answered, so it was the size; the run keeps to the smaller one."""
    ledger = Books(range(400), max_batch=100)

    sent = play(ledger, lambda inputs: error if len(inputs) > 30 else None)

    assert all(slot.error is None for slot in ledger.ready())
    assert ledger.halving.max_batch <= 30
    assert sum(len(inputs) > 30 for inputs in sent) <= 3


def named(status, words="at most 30 inputs"):
    return ERROR_OF_STATUS[status](f"{status}: {words}", status_code=status)


@pytest.mark.parametrize("status", [400, 413, 422, 500, 503])
def test_a_size_that_is_named_is_learnt_at_once(status):
    """One refusal for each batch that was under way, and none after them."""
    ledger = Books(range(400), max_batch=100)

    sent = play(ledger, lambda inputs: named(status) if len(inputs) > 30 else None)

    assert all(slot.error is None for slot in ledger.ready())
    assert ledger.halving.max_batch == 30
    assert [len(inputs) for inputs in sent if len(inputs) > 30] == [100]
    assert len(sent) == 1 + 4 + 10


@pytest.mark.parametrize(
    "words", ["at most 0 inputs", "at most 100 inputs", "at most 1000000 inputs"]
)
def test_a_size_that_makes_no_sense_is_not_believed(words):
    """Numbers of a peer are bounded by what was sent; the batch is divided as ever."""
    ledger = Books(range(100), max_batch=100)

    sent = play(ledger, lambda inputs: named(400, words) if 7 in inputs else None)

    assert [slot.wire for slot in ledger.ready() if slot.error is not None] == [7]
    assert ledger.halving.max_batch == 100
    assert len(sent) <= 2 + 2 * math.log2(100)


def test_batches_under_way_are_cut_to_the_size_as_well():
    """Each costs one refusal, and no input is lost."""
    ledger = Books(range(300), max_batch=100)
    under_way = [ledger.next_batch() for _ in range(3)]
    for batch in under_way:
        ledger.settle(batch, named(422, "maximum allowed batch size 32"))

    sizes = [len(batch.slots) for batch in iter(ledger.next_batch, None)]
    assert sizes == 3 * [32, 32, 32, 4]


def count_until_hopeless(evidence, errors, size=1):
    return next(
        (n for n, error in enumerate(errors, 1) if evidence.is_hopeless(batch_of(size), error)),
        None,
    )


@pytest.mark.parametrize(
    ("error", "answered", "count"),
    [
        (DOWN, False, 3),
        (DOWN, True, 64),
        (SLOW, True, 64),
        (NoResponseError("reset"), False, 3),
        (BAD, False, 8),
        (BAD, True, None),
        (BIG, False, None),
    ],
)
def test_so_many_in_a_row_end_the_run(error, answered, count):
    """Few before the first answer; more where no input is left that was never sent.

    Refusals only where they may be about the settings.
    """
    evidence = Evidence()
    if answered:
        evidence.on_answer()

    assert count_until_hopeless(evidence, [error] * 100) == count


@pytest.mark.parametrize("error", [DOWN, SLOW])
def test_inputs_that_were_never_sent_decide(error):
    """As long as there are some, failures are no verdict."""
    evidence = Evidence()
    evidence.on_answer()

    ends = [evidence.is_hopeless(batch_of(9), error, has_new=True) for _ in range(100)]

    assert not any(ends)
    assert evidence.proof.wanted


def test_an_answer_ends_the_row():
    """What counts are failures that follow each other."""
    evidence = Evidence()
    for _ in range(100):
        assert count_until_hopeless(evidence, [DOWN, DOWN, BAD]) is None
        evidence.on_answer()


def test_refusals_in_other_words_are_about_inputs():
    """Numbers, quotes and ids make no other words; a thousand refusals are the end all the same."""
    alike = [f"input[{n}] '{n}' of request 7f{n}-3 is `odd{n}`" for n in range(8)]
    words = ["".join(letters) for letters in itertools.product("abcdefghij", repeat=3)]
    refusals = [
        [BadRequestResponseError(text, status_code=400) for text in w] for w in (alike, words)
    ]

    assert [count_until_hopeless(Evidence(), each) for each in refusals] == [8, 1_000]


@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("status", [400, 403, 422])
def test_what_refuses_everything_is_the_settings(status, batch):
    """At most twelve requests, one error, and it says so."""
    error = ERROR_OF_STATUS[status]("odd", status_code=status, body="<html>", hint="See there.")
    ledger = Books(range(1_000), max_batch=batch)
    under_way = [ledger.next_batch() for _ in range(4)]
    for each in under_way:
        ledger.settle(each, error)

    sent = play(ledger, lambda _: error)

    assert len(under_way) + len(sent) <= 12
    assert ledger.stopped is error
    assert {slot.error for slot in ledger.ready()} == {error}
    assert error.hint.startswith("See there. The service refused 8 different inputs")


@pytest.mark.parametrize("late", range(1, 9))
def test_batches_that_are_refused_late_wait_for_the_verdict_as_well(late):
    """Whenever that is, the last single input on its way included."""
    ledger = Books(range(1_000), max_batch=100)
    under_way = [ledger.next_batch() for _ in range(4)]
    ledger.settle(under_way.pop(), BAD)

    sent = 4
    while (batch := ledger.next_batch()) is not None:
        sent += 1
        if sent == 4 + late:
            for each in under_way:
                ledger.settle(each, BAD)
            assert not ledger.has_next
        ledger.settle(batch, BAD)

    assert sent == 12
    assert ledger.stopped is BAD


@pytest.mark.parametrize("batch", [10, 20, 100])
def test_bad_inputs_at_the_beginning_are_not_taken_for_the_settings(batch):
    """Forty of them in a row; every other single input is one that came last."""
    ledger = Books(range(1_000), max_batch=batch)

    sent = play(ledger, refusing(*range(40)))

    assert {slot.wire for slot in ledger.ready() if slot.error is not None} == set(range(40))
    assert len(sent) <= 1_000 / batch + 4 * 40


def test_what_is_in_the_cache_clears_the_settings():
    """Then refused texts are failures, however many, and nothing else is left."""
    ledger = Books(range(32), max_batch=1)
    ledger.evidence.suspicion.cleared = True

    play(ledger, lambda _: BAD)

    assert ledger.stopped is None
    assert len(ledger.ready()) == 32


@pytest.mark.parametrize("error", [BIG, BadRequestResponseError("text too long", status_code=400)])
def test_what_is_about_inputs_by_its_words_is_not_the_settings(error):
    """However many there are before the first answer."""
    ledger = Books(range(100), max_batch=10)

    sent = play(ledger, lambda _: error)

    assert ledger.stopped is None
    assert len(sent) <= 2 * 100


def test_a_single_input_that_fails_otherwise_decides_nothing():
    """It goes out once more, and the next one is asked for."""
    ledger = Books(range(20), max_batch=20)
    ledger.settle(ledger.next_batch(), BAD)
    scout = ledger.next_batch()
    assert not ledger.has_next
    ledger.settle(scout, DOWN)

    again = [ledger.next_batch(), ledger.next_batch()]
    assert scout in again
    assert sum(len(batch.slots) for batch in again) == 2
    assert not ledger.idle
    for batch in again:
        ledger.settle(batch, np.ones((1, 2), np.float32))
    assert [len(batch.slots) for batch in iter(ledger.next_batch, None)] == [9]


ONE = VectorError("one vector", vectors=1)


@pytest.mark.parametrize(
    ("error", "answered", "sizes", "most"),
    [
        (ONE, [], [1] * 8, 100),
        (NAN, [], [1] * 8, 100),
        (NoResponseError("cut off", sent=True, begun=True), [], [1] * 8, 100),
        (DOWN, [], [8], 100),
        (SLOW, [], [2, 2, 2, 2], 2),
        (ResponseError("slow", status_code=524), [], [2, 2, 2, 2], 2),
        (SLOW, [3], [3, 3, 2], 3),
        (SLOW, [8], [2, 2, 2, 2], 100),
    ],
)
def test_what_was_paid_for_in_vain_goes_out_in_its_last_form(error, answered, sizes, most):
    """It may be paid for once more and no more, so it must fit."""
    halving = Halving(100)
    for size in answered:
        halving.on_answer(batch_of(size))

    parts = halving.repeat(batch_of(8).slots, error)

    assert [len(part.slots) for part in parts] == sizes
    assert [slot.wire for part in parts for slot in part.slots] == list(range(8))
    assert halving.max_batch == most


def test_one_vector_for_a_list_twice_is_the_models_way():
    """From then on the run sends single inputs."""
    halving = Halving(8)
    halving.repeat(batch_of(8).slots, ONE)
    assert (halving.max_batch, halving.doubts_size) == (8, True)
    halving.repeat(batch_of(8).slots, ONE)

    assert (halving.max_batch, halving.doubts_size) == (1, False)
