"""A bulk run as a whole on a virtual clock: faults by chance, outages, lost patience."""

from __future__ import annotations

import math
import random
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from attrs import evolve
from pace_simulation import HiddenWindow
from run_simulation import LIMITS, OK, REFUSED, TEMPLATE, Bounded, Operation, simulate, vector

from openrouter_embeddings import Limits, RetryConfig
from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._bulk.items import Keeper
from openrouter_embeddings._bulk.pace import Pace, Quota
from openrouter_embeddings._bulk.reader import IteratedSource
from openrouter_embeddings._bulk.run import BulkRun, Plan
from openrouter_embeddings._request.call import BatchCall
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.cache import Hits
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    NoResponseError,
    ResponseValidationError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    VectorError,
)
from openrouter_embeddings.values import EmbeddingsResponse, Usage


class Service:
    """Refuses some texts always, and some requests by chance."""

    def __init__(self, seed, *, poison=(), share=0.02, retry_after=None, down_from=None):
        self.random = random.Random(seed)
        self.poison, self.share = set(poison), share
        self.retry_after, self.down_from = retry_after, down_from
        self.requests = self.embedded = 0

    def answer(self, texts, _now):
        self.requests += 1
        if self.down_from is not None and self.requests > self.down_from:
            return ServiceUnavailableResponseError("down", status_code=503)
        if not self.poison.isdisjoint(texts):
            return BadRequestResponseError("no", status_code=400)
        faults = [
            lambda: TooManyRequestsResponseError(
                "slow", status_code=429, retry_after=self.retry_after
            ),
            lambda: ServiceUnavailableResponseError("busy", status_code=503),
            lambda: NoResponseError("reset", sent=True),
            lambda: NoResponseError("cut off", sent=True, begun=True),
            lambda: VectorError("NaN"),
            lambda: ResponseValidationError("missing"),
        ]
        for fault in faults:
            if self.random.random() < self.share:
                return fault()
        self.embedded += len(texts)
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")


def run_over(texts, limits=LIMITS, *, retries=RetryConfig(), **plan):  # noqa: B008 - frozen
    """Begin a run whose requests are answered by hand."""

    def call(request, started, paid):
        most = retries.most_paid - paid
        operation = Operation(request)
        return BatchCall(operation, retries, 60.0, 600.0, started, most)

    return BulkRun(
        Plan(TEMPLATE, call, limits, retries.most_paid, **plan),
        IteratedSource(iter(texts), lambda: 0.0),
    )


def taken(run, now=0.0):
    """Take all requests that may begin."""
    while (chunk := run.intake.next_question()) is not None:
        run.intake.add(chunk, ())
    return list(iter(lambda: run.next_attempt(now), None))


def answer(run, attempt, now=0.0, *, provider="x"):
    """Read the right vectors for a request, whose reply may be here already."""
    operation = attempt.call.operation
    vectors = np.stack([vector(text) for text in operation.request.wire_input])
    operation.answer = EmbeddingsResponse(vectors, provider=provider)
    if not attempt.replied:
        run.attempts.on_reply(attempt, OK, now)
    run.conclude(attempt, run.read(Settle(attempt, OK, now), 0.5), now)


def steps(run, now=0.0):
    """Carry out all steps but those that need an answer; return what they were."""
    taken = []
    while not taken or not isinstance(taken[-1], Settle | Wait | Over):
        taken.append(run.next(now))
        if isinstance(taken[-1], Ask):
            run.intake.add(taken[-1].chunk, ())
    return taken


def kinds(run, now=0.0):
    return [type(step).__name__ for step in steps(run, now)]


def handed_out(run):
    """Take the next positions that leave."""
    return next(step for step in steps(run) if isinstance(step, Hand)).ready.batch()


def test_a_reply_that_is_here_makes_room_before_it_is_read():
    """The next request does not wait for it; what waits to be read is bounded all the same."""
    run = run_over(f"input {number}" for number in range(10_000))
    first = taken(run)
    assert len(first) == 4

    run.attempts.on_reply(first[0], OK, 0.0)
    assert len(taken(run)) == 1
    run.attempts.on_reply(first[0], OK, 0.0)
    assert taken(run) == []
    for task in first[1:]:
        run.attempts.on_reply(task, OK, 0.0)
        taken(run)
    assert run.attempts.pace.in_flight < 4

    for task in first:
        answer(run, task)
    assert run.attempts.pace.in_flight + len(taken(run)) >= 4


def test_good_answers_are_counted_until_one_is_not():
    """Those in a row, as they are read."""
    run = run_over([f"input {number}" for number in range(50)])
    first, second, third = taken(run)
    answer(run, first)
    answer(run, second)
    assert run.attempts.good == 2

    third.call.operation.answer = BadRequestResponseError("no", status_code=400)
    run.attempts.on_reply(third, REFUSED, 0.0)
    run.conclude(third, run.read(Settle(third, REFUSED, 0.0), 0.5), 0.0)
    assert run.attempts.good == 0


def test_a_refusal_makes_no_room_before_it_is_read():
    """It may mean that the run is to slow down."""
    run = run_over(f"input {number}" for number in range(10_000))
    first = taken(run)

    run.attempts.on_reply(first[0], REFUSED, 0.0)
    run.attempts.on_reply(first[1], NoResponseError("reset"), 0.0)

    assert taken(run) == []


@pytest.mark.parametrize("provider", ["x", None])
def test_the_first_reply_is_read_before_others_follow_a_pinned_provider(provider):
    """That it is here does not say yet who gave it, or that it does not say so."""
    run = run_over((f"input {number}" for number in range(1_000)), pin_provider=True)
    (first,) = taken(run)

    run.attempts.on_reply(first, OK, 0.0)
    assert taken(run) == []
    answer(run, first, provider=provider)
    assert len(taken(run)) > 1


def test_answers_of_the_cache_come_back_in_order():
    """Two questions are under way at a time, and rows are where they belong."""
    texts = [f"input {number}" for number in range(2_000)]
    run = run_over(texts, Limits(max_batch=20, window=700), asks=True)
    chunks = [run.intake.next_question(), run.intake.next_question()]
    assert [len(chunk) for chunk in chunks] == [500, 200]
    assert run.intake.next_question() is None
    known = [[Hits(0, np.stack([vector(text) for text in chunk.entries[:50]]))] for chunk in chunks]

    assert taken(run) == []
    for chunk, found in zip(chunks, known, strict=True):
        run.intake.add(chunk, found)
    batch = handed_out(run)

    assert batch.from_cache == len(batch) == 50
    assert np.array_equal(batch.vectors, np.stack([vector(text) for text in texts[:50]]))


def test_vectors_of_another_width_in_the_cache_are_not_taken():
    """They belong to another space, whoever put them there."""
    run = run_over(["input 1", "input 2"], asks=True)
    chunk = run.intake.next_question()

    run.intake.add(chunk, [Hits(0, np.float32([[1, 1]])), Hits(1, np.float32([[1, 1, 1]]))])
    (task,) = taken(run)

    assert task.batch.inputs == ["input 2"]


def test_inputs_that_cannot_be_sent_stand_between_those_of_the_cache():
    """A gap among the keys moves nothing."""
    run = run_over(["input 0", "", "input 2", "é", "input 4"], asks=True)
    chunk = run.intake.next_question()
    assert list(chunk.places) == [0, 2, 3, 4]

    run.intake.add(chunk, [Hits(0, np.stack([vector(f"input {n}") for n in (0, 2, 3, 4)]))])
    batch = handed_out(run)

    assert [failure.position for failure in batch.failures] == [1]
    assert batch.vectors[[0, 2, 3, 4], 0].tolist() == [0, 2, 3, 4]
    assert np.isnan(batch.vectors[1]).all()
    assert batch.from_cache == 4


def test_steps_from_the_first_input_to_the_end():
    """Requests start as soon as inputs are in; vectors go out before the next answer is read."""
    run = run_over([f"input {number}" for number in range(50)])
    assert kinds(run) == ["Ask", "Start", "Start", "Start", "Wait"]
    assert steps(run) == [Wait(3_600.0)]

    run = run_over([f"input {number}" for number in range(50)])
    first, second, third = (step.attempt for step in steps(run)[1:4])
    run.attempts.on_reply(second, OK, 0.0)
    run.attempts.on_reply(first, OK, 0.0)
    assert steps(run) == [Settle(second, OK, 0.0)]
    answer(run, second)
    assert steps(run) == [Settle(first, OK, 0.0)]
    answer(run, first)
    assert kinds(run) == ["Hand", "Wait"]
    answer(run, third)
    assert kinds(run) == ["Hand", "Over"]


def test_an_answer_is_named_until_it_is_concluded():
    """Whoever is interrupted while reading it reads it once more."""
    run = run_over(["input 1"])
    attempt = steps(run)[1].attempt
    run.attempts.on_reply(attempt, REFUSED, 3.0)

    assert run.next(4.0) == run.next(5.0) == Settle(attempt, REFUSED, 3.0)
    answer(run, attempt)
    assert kinds(run) == ["Hand", "Over"]


def test_a_request_that_may_start_comes_before_an_answer_that_is_here():
    """The service is what everybody waits for."""
    run = run_over(f"input {number}" for number in range(1_000))
    first = next(step for step in steps(run) if isinstance(step, Start)).attempt
    run.attempts.on_reply(first, OK, 0.0)

    assert kinds(run) == ["Start", "Settle"]


def test_an_attempt_is_made_again_at_its_time():
    """The run waits for that, and no longer."""
    run = run_over(["input 1"])
    attempt = steps(run)[1].attempt
    attempt.call.operation.answer = ServiceUnavailableResponseError("busy", status_code=503)
    run.attempts.on_reply(attempt, OK, 0.0)
    (step,) = steps(run)
    outcome = run.read(step, 0.5)
    run.conclude(attempt, outcome, 1.0)

    assert outcome.delay > 0
    assert steps(run, 1.0) == [Wait(outcome.delay)]
    assert steps(run, 1.0 + outcome.delay)[0] == Start(attempt)


def read_as(run, attempt, error, now=0.0):
    """Read an error for a request."""
    attempt.call.operation.answer = error
    run.attempts.on_reply(attempt, OK, now)
    run.conclude(attempt, run.read(Settle(attempt, OK, now), 0.5), now)


def test_answers_and_refusals_set_the_pace():
    """More at a time after each answer, fewer once the service says that it is too much."""
    run = run_over(f"input {number}" for number in range(10_000))
    first, second, *_ = taken(run)
    before = run.attempts.pace.limit
    answer(run, first)
    assert run.attempts.pace.limit > before

    before = run.attempts.pace.limit
    read_as(run, second, TooManyRequestsResponseError("slow", status_code=429), 1.0)
    assert run.attempts.pace.limit < before
    assert run.attempts.pace.refusals == 1


def test_what_waits_its_turn_ends_with_the_run():
    """Nobody waits for it; its inputs fail with the reason of the end."""
    run = run_over(["input 1", "input 2"])
    attempt = steps(run)[1].attempt
    read_as(run, attempt, ServiceUnavailableResponseError("busy", status_code=503))
    end = NoResponseError("over")
    run.stop(end)

    *_, hand, over = steps(run)
    assert over == Over()
    assert [failure.error for failure in hand.ready.batch().failures] == [end, end]


def test_a_pinned_run_does_not_ask_again_before_the_provider_is_known():
    """What else is due may not begin, so that only the answer under way helps."""
    run = run_over(["input 1", [1, 2]], pin_provider=True)
    first = steps(run)[1].attempt
    read_as(run, first, ServiceUnavailableResponseError("busy", status_code=503))
    assert kinds(run) == ["Start", "Wait"]

    assert steps(run, 100.0) == [Wait(3_600.0)]


def test_a_run_that_is_ended_starts_nothing_more():
    """Answers that come are read all the same, and then it is over."""
    run = run_over(f"input {number}" for number in range(10_000))
    first, *_ = (step.attempt for step in steps(run) if isinstance(step, Start))
    run.end()
    assert kinds(run) == ["Over"]

    run.attempts.on_reply(first, OK, 0.0)
    assert run.next_attempt(0.0) is None
    assert steps(run) == [Settle(first, OK, 0.0)]
    answer(run, first)
    assert kinds(run) == ["Over"]


@pytest.mark.parametrize("asks", [True, False])
def test_vectors_wait_for_the_cache_if_there_is_one(asks):
    """Under the keys by which it is asked for them."""
    run = run_over(["input 1", "input 2"], asks=asks)
    (attempt,) = taken(run)
    answer(run, attempt)

    keys = run.space.store_keys.keys(["input 1", "input 2"])
    assert list(run.unsaved) == (list(keys) if asks else [])
    assert [each.tolist() for each in run.unsaved.values()] == [[1.0, 1.0], [2.0, 1.0]][: 2 * asks]


def test_who_keeps_vectors_by_position_is_told_of_them_once():
    """As soon as they are here; without keys, and of nothing where there is none."""
    run, told = run_over(["input 1", "input 2"]), []
    run.plan = evolve(run.plan, keeper=Keeper(told.extend))
    (attempt,) = taken(run)
    run.plan.keeper.tell()
    assert told == []

    answer(run, attempt)
    run.plan.keeper.tell()
    run.plan.keeper.tell()
    assert [(each.position, each.found.tolist()) for each in told] == [
        (0, [[1.0, 1.0], [2.0, 1.0]])
    ]


def test_what_a_keeper_was_not_told_of_counts_as_in_flight():
    """A kill costs no more than the texts in flight: a reply leaves room once it is kept."""
    run, told = (
        run_over([f"input {number}" for number in range(40)], Limits(max_batch=2, max_in_flight=2)),
        [],
    )
    run.plan = evolve(run.plan, keeper=Keeper(told.extend))
    first, *others = taken(run)
    assert others

    run.attempts.on_reply(first, OK, 0.0)
    assert taken(run) == []
    answer(run, first)
    assert run.plan.keeper.untold
    assert taken(run) == []
    run.plan.keeper.tell()
    assert len(taken(run)) >= 1


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0])
@pytest.mark.parametrize("seed", range(25))
def test_chance_harms_no_innocent_input(seed, retry_after):
    """Exactly the refused inputs fail, in bounded time, and every vector is in its place."""
    texts = [f"input {number}" for number in range(2_000)]
    poison = texts[33::100]
    service = Service(seed, poison=poison, retry_after=retry_after)

    batches, seconds = simulate(service, texts, seed=seed)

    failed = [texts[failure.position] for batch in batches for failure in batch.failures]
    vectors = np.concatenate([batch.vectors for batch in batches])
    expected = np.stack([vector(text) for text in texts])
    good = [place for place, text in enumerate(texts) if text not in set(poison)]
    assert failed == poison
    assert np.array_equal(vectors[good], expected[good])
    assert service.embedded == len(good)
    assert seconds < 600


@pytest.mark.parametrize("seed", range(10))
def test_an_outage_is_given_up_soon(seed):
    """The service is not asked for ever."""
    texts = [f"input {number}" for number in range(5_000)]
    service = Service(seed, share=0.0, down_from=10)

    batches, _ = simulate(service, texts, seed=seed)

    assert sum(len(batch) for batch in batches) == 5_000
    assert sum(len(batch.failures) for batch in batches) == 5_000 - service.embedded
    # Ten logical requests of up to four attempts, and what was in flight when the tenth failed.
    assert service.requests <= 10 + 80
    assert batches[-1].stopped is not None


TEXTS = [f"input {number}" for number in range(400)]


def failed(batches):
    return [failure for batch in batches for failure in batch.failures]


@pytest.mark.parametrize("phase", [None, 0.0, 0.6])
@pytest.mark.parametrize(("count", "seconds"), [(5, 20.0), (20, 60.0), (1, 30.0)])
@pytest.mark.parametrize("status", [402, 429, 529])
def test_what_is_refused_for_the_pace_waits_its_turn(status, count, seconds, phase):
    """However often that is, within its deadline: nothing fails, and few are refused."""
    service = Bounded(HiddenWindow(count, seconds, phase), status=status)

    batches, took = simulate(service, TEXTS, deadline=600.0)

    assert failed(batches) == []
    assert batches[-1].stopped is None
    assert sum(len(batch) for batch in batches) == 400
    assert took <= 1.3 * service.window.ideal(20) + 1.5 * seconds


def test_a_service_that_names_its_window_is_believed():
    """Each hold is shorter than the deadline, all of them together are longer."""
    service = Bounded(HiddenWindow(2, 30.0), retry_after=15.0)

    batches, took = simulate(service, TEXTS, deadline=100.0)

    assert failed(batches) == []
    assert took > 200.0


def test_a_run_ends_once_nothing_was_admitted_in_a_whole_deadline():
    """With the service's own words, and for all inputs at once: others would fare alike."""
    service = Bounded(HiddenWindow(0, 1.0))

    batches, took = simulate(service, TEXTS, deadline=600.0)

    assert {failure.error for failure in failed(batches)} == {batches[-1].stopped}
    assert batches[-1].stopped is service.error
    assert 500 < took < 600
    assert service.requests <= 120


def test_a_run_without_a_deadline_ends_all_the_same():
    """An hour without one admitted request is the end, and costs few requests."""
    service = Bounded(HiddenWindow(0, 1.0))

    batches, took = simulate(service, TEXTS, deadline=None)

    assert batches[-1].stopped is service.error
    assert 3_600 <= took <= 3_700
    assert service.requests <= 250


@pytest.mark.parametrize(("named", "most"), [(86_401.0, 1), (3_600.0, 4_000)])
def test_a_run_without_a_deadline_waits_for_a_day_at_the_most(named, most):
    """A service may name any wait, a year say."""
    service = Bounded(HiddenWindow(0, 1.0), retry_after=named)

    batches, took = simulate(service, TEXTS, deadline=None)

    assert batches[-1].stopped is service.error
    assert took <= most


def test_the_time_of_a_batch_runs_while_only_a_hold_keeps_it_back():
    """The deadline bounds how long a caller waits, and holds are waited for as well."""
    run = run_over((f"input {number}" for number in range(1_000)), LIMITS)
    first, *others = taken(run)
    for attempt in others:
        answer(run, attempt, 1.0)
    read_as(run, first, TooManyRequestsResponseError("", status_code=429, retry_after=30.0), 2.0)
    assert taken(run, 2.0) == []

    started = []
    for second in range(32, 100):
        for attempt in taken(run, float(second)):
            started.append(attempt.call.started)
            answer(run, attempt, second + 0.5)

    held = sum(at <= 2.0 for at in started)
    assert held > 1
    assert started[:held] == [0.0] + [2.0] * (held - 1)
    assert all(at > 30.0 for at in started[held:])
    assert len(started) > held


def test_what_was_held_back_until_its_time_was_over_ends_with_the_refusal():
    """It was never sent; a wait that its time has no room for is not begun for it either."""
    run = run_over((f"input {number}" for number in range(1_000)), LIMITS)
    first, *others = taken(run)
    for attempt in others:
        answer(run, attempt, 1.0)
    read_as(run, first, TooManyRequestsResponseError("", status_code=429, retry_after=400.0), 2.0)
    assert taken(run, 2.0) == []
    again, other = [*taken(run, 410.0), *taken(run, 420.0)]
    held = [attempt for _, _, attempt in run.attempts._later]
    answer(run, other, 421.0)
    slow = TooManyRequestsResponseError("slow", status_code=429, retry_after=300.0)
    read_as(run, again, slow, 421.0)

    assert taken(run, 421.0) == []
    assert held
    assert {slot.error for attempt in held for slot in attempt.batch.slots} == {slow}
    assert run.ledger.stopped is None
    assert taken(run, 730.0)


def test_come_back_now_is_believed_only_so_often():
    """Zero is a wait; a service that never means it is asked a few hundred times, not for ever."""
    service = Bounded(HiddenWindow(0, 1.0), retry_after=0.0)

    simulate(service, TEXTS, deadline=600.0)

    assert service.requests <= 250


def test_refusals_for_the_pace_use_up_no_attempts():
    """Behind them a real failure has as many as ever."""
    run = run_over(["input 1"], retries=RetryConfig(attempts=2))
    (attempt,) = taken(run)
    slow = TooManyRequestsResponseError("slow", status_code=429)
    for now in (0.0, 50.0, 100.0, 150.0):
        read_as(run, attempt, slow, now)
        assert taken(run, now + 50.0) == [attempt]

    read_as(run, attempt, ServiceUnavailableResponseError("busy", status_code=503), 200.0)
    assert taken(run, 250.0) == [attempt]
    answer(run, attempt, 250.0)
    assert kinds(run)[-1] == "Over"


def test_a_batch_whose_time_is_over_fails_alone_where_others_were_admitted():
    """The run goes on."""
    run = run_over((f"input {number}" for number in range(80)), Limits(max_batch=20))
    first, second, third, _ = taken(run)
    read_as(run, first, TooManyRequestsResponseError("slow", status_code=429), 1.0)
    answer(run, second, 2.0)
    read_as(run, third, TooManyRequestsResponseError("slow", status_code=429), 599.9)

    assert run.ledger.stopped is None
    assert third.batch.slots[0].error.status_code == 429
    assert run.ledger.queued == 0


@pytest.mark.parametrize(("counted", "more"), [(None, 0), (25, 5)])
def test_tokens_that_are_stated_bound_a_run(counted, more):
    """The run hands its estimates to the pace, and the service's counts once they are known."""
    texts = (f"input {number}" for number in range(1_000, 10_000))
    run = run_over(texts, Limits(max_batch=10, tokens_per_minute=200))
    first = taken(run)
    # Ten inputs of 10 bytes: 25 tokens about, and 100 at the most.
    assert [attempt.tokens for attempt in first] == [25.0, 25.0]

    for attempt in first:
        vectors = np.stack([vector(text) for text in attempt.batch.inputs])
        usage = Usage(prompt_tokens=counted)
        attempt.call.operation.answer = EmbeddingsResponse(vectors, provider="x", usage=usage)
        run.attempts.on_reply(attempt, OK, 1.0)
        run.conclude(attempt, run.read(Settle(attempt, OK, 1.0), 0.5), 1.0)

    # Counted once, the next ones are thought to be a tenth larger at the most: 50 + 5 * 27.5.
    assert len(taken(run, 1.0)) == more


def test_no_batch_has_more_than_a_quarter_of_a_minute():
    """However few requests that leaves: at a token a byte, a larger one would break the bound."""
    texts = (f"input {number}" for number in range(1_000, 10_000))
    run = run_over(texts, Limits(max_batch=10, tokens_per_minute=40))

    assert [attempt.tokens for attempt in taken(run)] == [10.0]


def test_requests_that_are_stated_bound_a_run():
    """The next one begins a minute after the first answer."""
    limits = Limits(max_batch=10, requests_per_minute=3)
    run = run_over((f"input {number}" for number in range(10_000)), limits)
    first = taken(run)
    assert len(first) == 3

    for attempt in first:
        answer(run, attempt, 1.0)
    assert taken(run, 1.0) == []
    assert steps(run, 1.0)[-1].seconds == pytest.approx(60.1)
    assert len(taken(run, 61.2)) == 3


def test_what_is_made_again_counts_with_its_own_tokens():
    """A large batch that was refused waits until it fits, though the next new one is small."""
    texts = ["input 1 " + "long " * 70, *(f"input {number}" for number in range(10, 15))]
    run = run_over(iter(texts), Limits(max_batch=1, max_in_flight=1, tokens_per_minute=500))
    (large,) = taken(run)
    read_as(run, large, TooManyRequestsResponseError("slow", status_code=429), 1.0)
    due = 1.0 + run.attempts.seconds_left(1.0)

    assert run.attempts.wait(due, lambda: 0.0) > 50
    assert run.attempts.wait(0.5, lambda: 1e9) > run.attempts.wait(0.5, lambda: 0.0)


def test_runs_that_share_a_pace_are_bounded_together():
    """What one has in flight leaves less room for the other, which asks again soon."""
    pace = Pace(max_in_flight=4, lock=threading.RLock())
    one, two = (run_over((f"input {n}" for n in range(100)), pace=pace) for _ in range(2))
    first = taken(one)

    assert len(first) == 4
    assert taken(two) == []
    waiting = two.next(0.0)
    assert isinstance(waiting, Wait)
    assert waiting.seconds < 1

    answer(one, first[0])
    assert len(taken(two)) == 1


def test_a_run_that_waits_for_the_quota_of_another_asks_again_soon():
    """Nobody tells it that the other one's request was answered."""
    quota = Quota(requests=1)
    pace = Pace(max_in_flight=4, quota=quota, lock=threading.RLock())
    one, two = (run_over([f"input {n}"], pace=pace) for n in range(2))
    (first,) = taken(one)
    waiting = [step for step in steps(two) if isinstance(step, Wait)]

    assert waiting
    assert waiting[0].seconds < 1
    answer(one, first)
    assert 1 < two.next(0.0).seconds < 61


def fail_as(run, attempt, answer, now=0.0):
    """Let a request end with what an exchange ended with."""
    run.attempts.on_reply(attempt, answer, now)
    run.conclude(attempt, run.read(Settle(attempt, answer, now), 0.5), now)


def test_nothing_is_made_again_once_the_run_is_over():
    """Not even what was in flight when it stopped, and was refused for a while only then."""
    run = run_over(f"input {number}" for number in range(100))
    first, second, *_ = taken(run)
    run.stop(NoResponseError("over"))
    read_as(run, second, ServiceUnavailableResponseError("busy", status_code=503))

    assert all(slot.error is not None for slot in second.batch.slots)
    assert run.next_attempt(1e6) is None
    assert run.attempts.seconds_left(0.0) == math.inf
    assert first.batch.slots[0].error is None


def test_mixed_spaces_give_up_what_waits():
    """A width that comes twice ends the run, and nobody waits for a request to be made again."""
    run = run_over((f"input {number}" for number in range(60)), retries=RetryConfig(most_paid=1))
    first, second, third = taken(run)
    answer(run, first)
    read_as(run, second, ServiceUnavailableResponseError("busy", status_code=503))
    read_as(run, third, EmbeddingsResponse(np.ones((20, 3), np.float32), provider="x"))

    assert run.ledger.stopped is not None
    assert run.attempts.seconds_left(0.0) == math.inf
    assert not run.account.is_committed
    assert kinds(run)[-1] == "Over"


def test_the_first_request_of_a_bounded_run_goes_out_alone():
    """A service that is dearer than its listing is found out by its first reply."""
    run = run_over((f"input {n}" for n in range(1_000)), max_cost=1e9, price=1.0)
    (first,) = taken(run)
    read_as(run, first, ServiceUnavailableResponseError("busy", status_code=503))
    assert taken(run) == []
    (again,) = taken(run, 100.0)
    assert again is first

    answer(run, first, 100.0)
    assert len(taken(run, 100.0)) > 1


def test_what_may_have_been_charged_counts_against_the_bound():
    """A request that was handed over and never answered leaves that much less."""
    run = run_over((f"input {n}" for n in range(10, 50)), max_cost=167.0, price=1.0)
    (first,) = taken(run)
    assert first.most_tokens == 160
    fail_as(run, first, NoResponseError("cut off", sent=True))

    stats = run.account.stats(run.attempts.pace)
    assert (stats.cost, stats.possible_cost) == (0.0, 160.0)
    assert kinds(run)[-1] == "Over"
    assert "max_cost" in str(run.ledger.stopped)


def test_a_retry_that_no_longer_fits_ends_the_run():
    """Its connection had to be replaced: one attempt may have been charged, and one refused."""
    run = run_over((f"input {n}" for n in range(10, 50)), max_cost=200.0, price=1.0)
    (first,) = taken(run)
    first.call.operation.answer = ServiceUnavailableResponseError("busy", status_code=503)
    fail_as(run, first, Reply(503, {}, b"", datetime.now(UTC), written=2))

    assert "max_cost" in str(run.ledger.stopped)
    assert run.next_attempt(1e6) is None


def test_an_attempt_whose_time_is_over_sets_nothing_aside():
    """Its deadline passed while it waited for its turn."""
    run = run_over(["input 1"], max_cost=1e9, price=1.0)
    (first,) = taken(run)
    read_as(run, first, ServiceUnavailableResponseError("busy", status_code=503))
    assert run.account.is_committed

    (second_round,) = taken(run, 1e6)
    answer(run, second_round, 1e6)
    assert not run.account.is_committed
