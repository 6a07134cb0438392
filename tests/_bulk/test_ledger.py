"""The books of a bulk run: batches, halves, order, and when it is over."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from books import Books, item, play, vector

from openrouter_embeddings import ConfigurationError, Limits
from openrouter_embeddings._bulk.halving import Cutting
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._request.verdicts import is_divisible, is_fatal
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ForbiddenResponseError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterDefaultError,
    OpenRouterError,
    PaymentRequiredResponseError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    UnauthorizedResponseError,
    VectorError,
)

DOWN = ServiceUnavailableResponseError("down", status_code=503)
BAD = BadRequestResponseError("bad", status_code=400)


def test_batches_keep_the_bounds_of_count():
    """And the order of the inputs."""
    ledger = Books("abcdefg", max_batch=3)

    assert play(ledger, lambda _: None) == [list("abc"), list("def"), ["g"]]


@pytest.mark.parametrize("limits", [{"max_bytes": 25}, {"max_tokens": 6}])
def test_batches_keep_the_bounds_of_size(limits):
    """Bytes, and tokens as they are estimated."""
    assert play(Books("abcde", **limits), lambda _: None) == [["a", "b"], ["c", "d"], ["e"]]


def test_an_oversized_input_travels_alone():
    """It is sent all the same; the service decides."""
    ledger = Books(max_bytes=25)
    for name, size in (("a", 10), ("huge", 1000), ("b", 10)):
        ledger.add(item(name, size=size))

    assert play(ledger, lambda _: None) == [["a"], ["huge"], ["b"]]


def test_a_batch_has_one_kind_of_inputs():
    """Mixed lists are not legal on the wire."""
    ledger = Books()
    for name, kind in (("a", "text"), ("b", "text"), ("c", "tokens"), ("d", "text")):
        ledger.add(item(name, kind))

    assert play(ledger, lambda _: None) == [["a", "b"], ["c"], ["d"]]


def test_equal_inputs_are_sent_once():
    """Each position gets the vector all the same."""
    ledger = Books("abacaba")

    assert play(ledger, lambda _: None) == [["a", "b", "c"]]
    assert [slot.wire for slot in ledger.ready()] == list("abacaba")


def test_an_outage_ends_the_run():
    """Three failures in a row, and two single inputs from far apart that fail as well."""
    ledger = Books(range(10_000), max_batch=10)

    sent = play(ledger, lambda _: DOWN)

    assert [len(inputs) for inputs in sent] == [10, 10, 10, 1, 1]
    assert 9_999 in sent[3]
    assert ledger.stopped is DOWN
    assert {slot.error for slot in ledger.ready()} == {DOWN}


def test_failures_between_successes_are_no_outage():
    """Their inputs fail, the others go on."""
    ledger = Books(range(100), max_batch=10)
    answers = iter([DOWN, None] * 10)

    sent = play(ledger, lambda _: next(answers))

    assert len(sent) == 20
    assert all(slot.error is None for slot in ledger.ready())


def test_a_batch_gets_a_second_round_and_no_third():
    """While others are answered, the service is there."""
    ledger = Books("abc", max_batch=1)

    sent = play(ledger, lambda inputs: DOWN if inputs == ["b"] else None)

    assert sent == [["a"], ["b"], ["b"], ["c"]]
    assert [slot.error for slot in ledger.ready()] == [None, DOWN, None]


def test_what_was_paid_for_gets_no_second_round():
    """A reply that had begun would be paid for again."""
    dripping = NoResponseError("x", sent=True, begun=True, timed_out=True)

    assert len(play(Books("a"), lambda _: dripping)) == 1


def test_texts_that_can_be_cut_are_no_refusals_of_everything():
    """However many there are before the first answer."""
    ledger = Books([f"{number:040}" for number in range(100)], max_batch=1)
    ledger.cutting = Cutting(5)

    play(ledger, lambda _: BadRequestResponseError("too long", status_code=400))

    assert ledger.stopped is None
    assert len(ledger.shortened) == 100


def test_refusals_of_everything_end_the_run():
    """A setting that no request survives is not paid for ten million times."""
    ledger = Books(range(10_000), max_batch=100)

    sent = play(ledger, lambda _: VectorError("nan"))

    assert len(sent) <= 32
    assert len(ledger.ready()) == 10_000


@pytest.mark.parametrize(
    ("error", "fatal", "divisible"),
    [
        (UnauthorizedResponseError("x", status_code=401), True, False),
        (NotFoundResponseError("x", status_code=404), True, False),
        (ForbiddenResponseError("Key limit exceeded", status_code=403), True, False),
        (ForbiddenResponseError("x", status_code=403, metadata={"reasons": []}), False, True),
        (BadRequestResponseError("400: x is not a valid model ID", status_code=400), True, False),
        (BAD, False, True),
        (TooManyRequestsResponseError("x", status_code=429), False, False),
        (
            TooManyRequestsResponseError(
                "x", status_code=429, metadata={"limit_source": "openrouter_free_tier_daily"}
            ),
            True,
            False,
        ),
        (NoResponseError("x"), False, False),
        (ConfigurationError("x"), True, False),
    ],
)
def test_what_an_error_means_for_the_run(error, fatal, divisible):
    """The end of it, smaller batches, or the failure of its inputs."""
    assert is_fatal(error) is fatal
    assert is_divisible(error) is divisible


def test_a_fatal_error_ends_the_run_with_halves_under_way():
    """Nothing that was held back is forgotten."""
    ledger = Books(range(40), max_batch=20)
    ledger.evidence.suspicion.cleared = True
    first, second = ledger.next_batch(), ledger.next_batch()
    ledger.settle(first, BAD)
    half = ledger.next_batch()
    ledger.settle(second, UnauthorizedResponseError("x", status_code=401))
    ledger.settle(half, [vector(name) for name in half.inputs])

    assert ledger.next_batch() is None
    assert ledger.idle
    assert [slot.error is None for slot in ledger.ready()] == [True] * 10 + [False] * 30


def test_what_is_held_back_ends_with_the_run():
    """Nobody asks whether it was the settings any more."""
    ledger = Books(range(40), max_batch=20)
    first, second = ledger.next_batch(), ledger.next_batch()
    ledger.settle(first, BAD)
    ledger.settle(second, UnauthorizedResponseError("x", status_code=401))

    assert ledger.idle
    assert ledger.queued == 0
    assert all(slot.error is ledger.stopped for slot in ledger.ready())


@pytest.mark.parametrize(
    ("late", "size", "has_its_own"),
    [
        (PaymentRequiredResponseError("also", status_code=402), 2, False),
        (DOWN, 2, False),
        (BAD, 2, False),
        (DOWN, 1, False),
        (BAD, 1, True),
    ],
)
def test_what_comes_after_the_end_fails_by_the_end(late, size, has_its_own):
    """It would have been asked for again, or divided; a text that was refused alone would not."""
    ledger = Books(range(2 + size), max_batch=2)
    first, second = ledger.next_batch(), ledger.next_batch()
    end = PaymentRequiredResponseError("no credit", status_code=402)
    ledger.settle(first, end)
    ledger.settle(second, late)

    assert ledger.stopped is end
    assert [slot.error for slot in second.slots] == [late if has_its_own else end] * size


def test_a_bad_vector_after_the_end_fails_by_the_end():
    """It would have been asked for again, unless it was paid for as often as it may be."""
    ledger = Books(range(4), max_batch=2)
    first, second = ledger.next_batch(), ledger.next_batch()
    end = PaymentRequiredResponseError("no credit", status_code=402)
    ledger.settle(first, end)
    second.slots[1].paid = ledger.most_paid - 1
    bad = VectorError("NaN")
    found = np.stack([vector(name) for name in second.inputs])
    ledger.settle(second, found, faults={0: bad, 1: bad})

    assert [slot.error for slot in second.slots] == [end, bad]


def test_inputs_after_the_end_fail_at_once():
    """With the reason of the end."""
    ledger = Books("a")
    ledger.stop(DOWN)
    ledger.add(item("b"))

    assert [slot.error for slot in ledger.ready()] == [DOWN, DOWN]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_every_position_is_settled_once(seed):
    """Random outcomes in random order: the books always close."""
    draw = random.Random(seed)
    count = draw.randrange(1, 300)
    ledger = Books([draw.randrange(count) for _ in range(count)], max_batch=draw.randrange(1, 40))
    under_way, done = [], 0
    while not ledger.idle:
        batch = ledger.next_batch() if draw.random() < 0.6 else None
        if batch is not None:
            under_way.append(batch)
        elif under_way:
            batch = under_way.pop(draw.randrange(len(under_way)))
            outcome: OpenRouterError | None = draw.choice(
                [None] * 6 + [BAD, DOWN, VectorError("x")]
            )
            vectors = [vector(name) for name in batch.inputs]
            ledger.settle(batch, vectors if outcome is None else outcome)
        done += len(ledger.ready())

    assert not under_way
    assert done == count


@pytest.mark.parametrize(
    "name", ["max_batch", "max_bytes", "max_tokens", "max_in_flight", "window"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_bounds_that_nothing_fits_into_are_refused(name, value):
    """The message names the bound."""
    with pytest.raises(ConfigurationError, match=f"Limits.{name}"):
        Limits(**{name: value})


def test_a_bad_vector_is_asked_for_again_alone():
    """The others of its reply are good, and kept; a second time it is a failure."""
    ledger = Books(range(4), max_batch=4)
    fault = {2: VectorError("The vector is all zeros.")}
    vectors = np.ones((4, 2), np.float32)

    ledger.settle(ledger.next_batch(), vectors, faults=fault)
    again = ledger.next_batch()
    assert again.inputs == [2]
    ledger.settle(again, vectors[:1], faults={0: fault[2]})

    assert ledger.next_batch() is None
    slots = ledger.ready()
    assert [slot.error for slot in slots] == [None, None, fault[2], None]
    assert [slot.paid for slot in slots] == [0, 0, 2, 0]


def test_a_bad_vector_that_is_good_alone_is_delivered():
    """It came by chance."""
    ledger = Books(range(3), max_batch=3)
    vectors = np.ones((3, 2), np.float32)

    ledger.settle(ledger.next_batch(), vectors, faults={1: VectorError("nan")})
    ledger.settle(ledger.next_batch(), vectors[:1])

    assert [slot.error for slot in ledger.ready()] == [None, None, None]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_input_may_be_paid_for_more_often(most):
    """Over attempts and rounds; then it is a failure."""
    ledger = Ledger(Limits(max_batch=2), most_paid=most)
    slots = [item("a"), item("b")]
    for slot in slots:
        ledger.enqueue(slot)
    error = NoResponseError("cut off", sent=True, begun=True)

    sent = 0
    while (batch := ledger.next_batch()) is not None:
        sent += len(batch.slots)
        ledger.settle(batch, error, paid=1)

    assert sent == 2 * most
    assert [slot.error for slot in slots] == [error, error]


BROKEN = NoResponseError("cut off", sent=True, begun=True)


def pay(ledger, answer):
    """Send batches one at a time to a service that computes all of them; count what was paid."""
    paid = Counter()
    while (batch := ledger.next_batch()) is not None:
        paid.update(batch.inputs)
        error = answer(batch.inputs)
        found = np.stack([vector(name) for name in batch.inputs])
        ledger.settle(batch, error or found, paid=int(error is not None))
    return paid


@pytest.mark.parametrize("guilty", [{17}, set(range(9)), {9, 19, 29}])
@pytest.mark.parametrize("error", [BROKEN, VectorError("99 of 100 came", vectors=99)])
def test_who_shares_a_batch_with_a_text_that_breaks_replies_is_delivered(guilty, error):
    """All were paid for once in vain, and may be once more: alone, or the text takes them along."""
    ledger = Books(range(100), max_batch=10)

    paid = pay(ledger, lambda inputs: error if guilty & set(inputs) else None)

    assert {slot.wire for slot in ledger.ready() if slot.error is not None} == guilty
    assert max(paid.values()) == 2
    assert ledger.stopped is None


def test_a_service_that_breaks_every_reply_is_found_out_before_long():
    """Of each input that was paid for twice one costs, and the others of its batch too.

    Three that were never sent decide.
    """
    ledger = Books(range(10_000), max_batch=100)

    paid = pay(ledger, lambda _: BROKEN)

    assert ledger.stopped is BROKEN
    assert paid.total() == 132 + 3


def test_a_service_that_answers_nothing_in_time_is_found_out_by_three_parts():
    """They had their last time, and each of them took as long as may be; three others decide."""
    slow = NoResponseError("slow", sent=True, timed_out=True)
    ledger = Books(range(10_000), max_batch=100)

    paid = pay(ledger, lambda _: slow)

    assert ledger.stopped is slow
    assert paid.total() == 100 + 3 * 25 + 3


def test_what_was_refused_for_free_in_the_end_stays_together():
    """A reply without vectors was paid for, and asked for as numbers it met an outage."""
    ledger = Books(range(10), max_batch=10)
    ledger.settle(ledger.next_batch(), DOWN, paid=1)

    assert ledger.next_batch().inputs == list(range(10))


def test_a_vector_that_base64_does_not_carry_is_asked_for_as_numbers():
    """Alone; others that are bad are not."""
    ledger = Books(range(4), max_batch=4)
    faults = {1: VectorError("is not base64", undecodable=True), 3: VectorError("nan")}
    ledger.settle(ledger.next_batch(), np.ones((4, 2), np.float32), faults=faults)

    again = [ledger.next_batch(), ledger.next_batch()]
    assert [(batch.inputs, batch.as_numbers) for batch in again] == [([3], False), ([1], True)]


def test_what_fails_again_while_others_are_answered_is_narrowed_down():
    """Three texts that a model falls over fail alone, and the run goes on."""
    guilty = {15, 25, 35}
    ledger = Books(range(100), max_batch=10)

    play(ledger, lambda inputs: DOWN if guilty & set(inputs) else None)

    failed = {slot.wire for slot in ledger.ready() if slot.error is not None}
    assert failed == guilty
    assert ledger.stopped is None


def test_an_outage_in_the_middle_ends_the_run_soon():
    """Nothing is answered any more: ten failures in a row, and three inputs from elsewhere."""
    ledger = Books(range(1_000), max_batch=10)
    answers = iter([None] * 5)

    sent = play(ledger, lambda _: next(answers, DOWN))

    assert ledger.stopped is DOWN
    assert len(sent) == 5 + 10 + 3
    assert sent[-3:] == [[640], [281], [863]]


def test_an_outage_at_the_end_ends_the_run_as_well():
    """There is nobody to ask who was never sent, so it takes longer."""
    ledger = Books(range(200), max_batch=50)
    under_way = [ledger.next_batch() for _ in range(4)]
    ledger.settle(under_way[0], np.ones((50, 2), np.float32))
    for batch in under_way[1:]:
        ledger.settle(batch, DOWN)

    sent = play(ledger, lambda _: DOWN)

    assert ledger.stopped is DOWN
    # Sixty-four of several inputs, and between them as many single ones, each of them twice.
    assert 64 - 3 < len(sent) <= 3 * 64


def test_a_status_that_nobody_knows_is_an_outage_where_everything_meets_it():
    """It is divided, since it may be about inputs; what else is there tells."""
    failed = OpenRouterDefaultError("the backend failed", status_code=424)
    ledger = Books(range(1_000), max_batch=10)
    answers = iter([None] * 5)

    sent = play(ledger, lambda _: next(answers, failed))

    assert ledger.stopped is failed
    assert len(sent) == 5 + 10 + 3


def doubtful(count=200):
    """Return books whose service failed ten times after an answer, with what is to go out."""
    ledger = Books(range(count), max_batch=10)
    answers = iter([None])
    while not ledger.evidence.proof.wanted:
        batch = ledger.next_batch()
        found = np.stack([vector(name) for name in batch.inputs])
        ledger.settle(batch, found if next(answers, DOWN) is None else DOWN)
    return ledger


def test_nothing_goes_out_beside_the_inputs_that_decide():
    """They go out at once; what they are told apart by is where they stand."""
    ledger = doubtful()
    assert ledger.next_tokens() == ledger.tokens.estimate(item("x"))
    assert ledger.least_tokens() == ledger.tokens.most(item("x"))

    proofs = [ledger.next_batch() for _ in range(3)]

    assert not ledger.has_next
    assert [len(batch.slots) for batch in proofs] == [1, 1, 1]
    ledger.settle(proofs[0], DOWN)
    assert not ledger.has_next
    ledger.settle(proofs[1], np.ones((1, 2), np.float32))
    assert ledger.has_next
    ledger.settle(proofs[2], DOWN)
    assert ledger.stopped is None


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (DOWN, False),
        (BROKEN, False),
        (BadRequestResponseError("no", status_code=400), True),
        (TooManyRequestsResponseError("slow", status_code=429), True),
    ],
)
def test_a_service_that_judges_an_input_is_there(error, goes_on):
    """So is one that wants to be asked later."""
    ledger = doubtful()
    for proof in [ledger.next_batch() for _ in range(3)]:
        ledger.settle(proof, error, paid=int(error is BROKEN))

    assert (ledger.stopped is None) == goes_on
    assert ledger.evidence.proof.wanted != goes_on


@pytest.mark.parametrize("guilty", [{17}, {0, 50, 99}, set(range(60, 100)), set(range(60))])
def test_a_run_of_one_batch_delivers_its_innocent(guilty):
    """Nothing was answered and nothing else is left: single inputs of it tell."""
    ledger = Books(range(100), max_batch=100)

    play(ledger, lambda inputs: DOWN if guilty & set(inputs) else None)

    assert {slot.wire for slot in ledger.ready() if slot.error is not None} == guilty
    assert ledger.stopped is None


def test_an_outage_for_a_run_of_one_batch_is_found_out_by_single_inputs():
    """Five of them, the second rounds of four included."""
    ledger = Books(range(100), max_batch=100)

    sent = play(ledger, lambda _: DOWN)

    assert ledger.stopped is DOWN
    assert len(sent) <= 1 + 5 + 4
