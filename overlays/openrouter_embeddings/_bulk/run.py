"""One bulk run as data: it says what to do next, and is told what came of it. Pure.

`BulkRun` joins the intake (what comes in), the ledger (what to send), the attempts (when), space
and budget (whether it may be), and the window (what goes out). The runners of the two clients ask
it for the `next` step with the time, carry that out, and decide nothing. A step is chosen in this
order: a request that may start, since the service is what everybody waits for; inputs to be read;
vectors to be handed out; an answer to be read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._bulk.attempts import (
    Ask,
    Attempt,
    Attempts,
    Hand,
    Over,
    Settle,
    Start,
    Wait,
)
from openrouter_embeddings._bulk.budget import Account, TokenRatio
from openrouter_embeddings._bulk.intake import Intake
from openrouter_embeddings._bulk.items import Run
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.output import Ready, no_matrix, place_vectors
from openrouter_embeddings._bulk.pace import Pace, Quota
from openrouter_embeddings._bulk.reader import Reader, Source
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings._bulk.window import Window
from openrouter_embeddings._request.call import Done, Failed
from openrouter_embeddings._request.vectors import make_row_error
from openrouter_embeddings._request.verdicts import (
    is_pushback,
    is_throttling,
    may_pass,
    wait_named,
)
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.values import EmbeddedBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.attempts import Outcome, Step
    from openrouter_embeddings._bulk.halving import Cutting
    from openrouter_embeddings._bulk.items import Batch, Keeper
    from openrouter_embeddings._bulk.output import ResultMatrix
    from openrouter_embeddings._request.call import BatchCall
    from openrouter_embeddings._request.call import Wait as Again
    from openrouter_embeddings._request.embeddings import Verified
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.limits import Limits


@frozen
class Plan:
    """What a run is to do.

    Attributes:
        template: The request of each batch, but for its inputs.
        call: Begins a logical request at a time, for inputs that may have been paid for so often.
        most_paid: How often one input may be paid for.
        limits: The bounds.
        max_cost: The most to spend in USD, or None.
        price: What a token costs in USD, or None where that is not known beforehand.
        context: The most tokens of an input, or None where that is not known.
        pin_provider: Whether the provider of the first answer must give all.
        cutting: How texts that are too long are cut, or None where that is an error.
        asks: Whether there is a cache to be asked.
        matrix: The matrix that collects the vectors of the whole run, if there is one.
        source: The base URL that requests go to, or a name in its place, as keys have it.
        prefix: What is put before each text.
        pace: A pace that several runs share, or None for one of its own.
        keeper: Who keeps vectors by their positions as soon as they are here, or None.
    """

    template: EmbeddingRequest
    call: Callable[[EmbeddingRequest, float, int], BatchCall[Verified]]
    limits: Limits
    most_paid: int = 2
    max_cost: float | None = None
    price: float | None = None
    context: int | None = None
    pin_provider: bool = False
    cutting: Cutting | None = None
    asks: bool = False
    matrix: ResultMatrix = no_matrix
    source: str | None = None
    prefix: str = ""
    pace: Pace | None = None
    keeper: Keeper | None = None


@define(eq=False)
class BulkRun:
    """The course of one bulk run.

    Attributes:
        plan: What it is to do.
        source: The inputs.
        window: What waits for its turn to leave.
        ledger: What is to be sent, and what became of it.
        attempts: What is not over.
        space: What the vectors have in common.
        account: What was spent, and what was done so far.
        intake: What leads inputs in.
        unsaved: Vectors that the cache has yet to keep, by their keys.
        notes: What went wrong beside the run, and cost no vector.
        ended: Whether nothing more begins.
    """

    plan: Plan
    source: Source
    window: Window = field(init=False)
    ledger: Ledger = field(init=False)
    attempts: Attempts = field(init=False)
    space: Space = field(init=False)
    account: Account = field(init=False)
    intake: Intake = field(init=False)
    unsaved: dict[bytes, Vectors] = field(init=False, factory=dict)
    notes: list[str] = field(init=False, factory=list)
    _given_up: OpenRouterError | None = field(init=False, default=None)
    ended: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Begin with empty books."""
        limits = self.plan.limits
        # What stands in a list of the caller is in memory in any case.
        most_bytes = math.inf if self.source.is_held else limits.window_bytes
        self.window = Window(limits.window, most_bytes)
        tokens = TokenRatio(self.plan.context)
        self.ledger = Ledger(limits, self.plan.cutting, self.plan.most_paid, tokens)
        quota = Quota(limits.requests_per_minute, limits.tokens_per_minute)
        self.attempts = Attempts(self.plan.pace or Pace(limits.max_in_flight, quota))
        self.space = Space(self.plan.template, self.plan.pin_provider, self.plan.source, self.notes)
        self.account = Account(self.plan.max_cost, self.plan.price)
        reader = Reader(self.source, self.space, self.plan.asks, self.plan.prefix)
        self.intake = Intake(limits.max_in_flight, reader, self.space, self.window, self.ledger)

    def next(self, now: float) -> Step:
        """Return what is to be done next; what is returned is to be carried out."""
        unread = self.attempts.unread
        if self.ended:
            return unread or Over()
        if self._given_up is not None:
            self.intake.reader.exhausted = True
            self.stop(self._given_up)
        if (attempt := self.next_attempt(now)) is not None:
            return Start(attempt)
        if (step := self._take_step() or unread) is not None:
            return step
        if self.intake.over and self.ledger.idle:
            return Over()
        return Wait(min(self.attempts.pace.longest_wait, self._wait(now)))

    def give_up(self, error: OpenRouterError) -> None:
        """Read and send nothing more; what is in flight is waited for, and handed out.

        This may be called beside the runner: it takes effect with the next step.
        """
        self._given_up = error

    def end(self) -> None:
        """Begin nothing more: what is left to be done is to read the answers that come."""
        self.ended = True

    def next_attempt(self, now: float) -> Attempt | None:
        """Return an attempt to be made now, or None."""
        next_tokens = self.ledger.next_tokens
        with self.attempts.pace.lock:
            while self._may_go_on and self.attempts.wait(now, next_tokens) <= 0:
                attempt = self.attempts.take_due(now) or self._cut(now)
                if attempt is None or self._begin(attempt, now):
                    return attempt
            while (missed := self.attempts.take_missed(now)) is not None:
                attempt, error = missed
                self._close(attempt, error, attempt.call.paid)
            hold = self.attempts.pace.hold(now)
            while hold and self._may_go_on:
                # It could go out but for the hold: its time runs from here.
                attempt = self._cut(now)
                if attempt is None:
                    break
                # Where this cannot be noted, nor can it when the request is to go out.
                self.account.reserve(id(attempt), attempt.most_tokens)
                self.attempts.put_off(attempt, now + hold)
        return None

    @property
    def _may_go_on(self) -> bool:
        """Let the first request find out the provider before others follow, until it is over."""
        is_over = self.ended or self._given_up is not None
        return not (is_over or (self.space.is_open and self.attempts.is_open))

    def _may_cut(self, now: float) -> bool:
        """Say whether a new batch may begin: as full as it will be, and within the cost."""
        is_ready = self.intake.is_ready(now, self.attempts)
        return is_ready and self.attempts.has_room(self.plan.keeper) and self._affordable()

    def _cut(self, now: float) -> Attempt | None:
        batch = self.ledger.next_batch(self.account.room) if self._may_cut(now) else None
        if batch is None:
            return None
        self.intake.on_cut()
        request = evolve(
            self.space.template,
            wire_input=batch.inputs,
            count=len(batch),
            kind=batch.kind,
            encoding_format="float" if batch.as_numbers else None,
        )
        paid = max([entry.paid for entry in batch.entries])
        most_tokens = self.ledger.tokens.most_of_all(batch.entries)
        attempt = Attempt(batch, self.plan.call(request, now, paid), most_tokens)
        if self.attempts.pace.counts_tokens:
            attempt.tokens = self.ledger.tokens.estimate_all(batch.entries)
        return attempt

    def _begin(self, attempt: Attempt, now: float) -> bool:
        """Begin an attempt, unless its time is over, or what it may cost cannot be noted."""
        timeout = attempt.call.begin(now)
        if isinstance(timeout, OpenRouterError):
            self._close(attempt, timeout, attempt.call.paid)
            return False
        if (error := self.account.reserve(id(attempt), attempt.most_tokens)) is not None:
            self.stop(error)
            self._close(attempt, error)
            return False
        self.attempts.begin(attempt, timeout, now)
        return True

    def _wait(self, now: float) -> float:
        """Return the seconds until there may be something to take; infinity: only answers help."""
        if not self._may_go_on:
            return math.inf
        later = min(self.attempts.seconds_left(now), self.intake.linger(now, self.attempts))
        due = 0.0 if self._may_cut(now) else later
        return max(self.attempts.wait(now, self.ledger.next_tokens), due)

    def read(self, step: Settle, random: float) -> Outcome:
        """Read an answer, and write new vectors to where they end.

        This takes long, and touches nothing shared. A random number from 0 to 1 draws a wait.
        """
        attempt = step.attempt
        outcome = attempt.call.proceed(step.answer, step.came_at, random)
        if isinstance(outcome, Done):
            vectors = outcome.value.response.vectors
            whole = self.plan.matrix(vectors.shape[1])
            if whole is not None:
                attempt.rows = place_vectors(attempt.batch.entries, vectors, whole)
        return outcome

    def conclude(self, attempt: Attempt, outcome: Outcome, now: float) -> tuple[Event, ...]:
        """Note how an attempt ended, and return the events to tell."""
        self.account.release(id(attempt))
        if isinstance(outcome, Done) or not may_pass(outcome.error):
            self.attempts.admitted_at = now
        if isinstance(outcome, Done):
            self.attempts.good = 0 if outcome.value.faults else self.attempts.good + 1
            settled = self._succeed(attempt, outcome, now)
        else:
            self.attempts.good = 0
            self.account.book(outcome.charge, attempt.most_tokens)
            settled = self._fail(attempt, outcome, now)
        # Last of all: an answer whose booking is interrupted is booked once more on the way out.
        self.attempts.end(attempt, now)
        return *outcome.events, *settled

    def _fail(self, attempt: Attempt, outcome: Failed | Again, now: float) -> Iterable[Event]:
        named, is_throttled = wait_named(outcome.error), is_throttling(outcome.error)
        if is_pushback(outcome.error):
            self.attempts.refusal = outcome.error
        is_shut = is_throttled and self.attempts.is_shut(attempt, named, now)
        if is_throttled and attempt.admission is not None and not is_shut:
            was_taken = not is_pushback(outcome.error)
            self.attempts.pace.on_refusal(attempt.admission, now, named, was_taken=was_taken)
        if isinstance(outcome, Failed) or self.ledger.stopped is not None or is_shut:
            self._close(attempt, outcome.error, attempt.call.paid)
            if is_shut:
                # The whole run would have to wait for longer than any of its requests may take.
                self.stop(outcome.error)
            return (attempt.make_event(self.plan.template.model, now, outcome.error),)
        if self.account.room < attempt.most_tokens:
            error = self.account.reached()
            self._close(attempt, error)
            return (attempt.make_event(self.plan.template.model, now, error),)
        # What waits for its time stays reserved.
        self.account.reserve(id(attempt), attempt.most_tokens)
        self.account.on_retry()
        self.attempts.put_off(attempt, now + outcome.delay)
        return ()

    def _succeed(self, attempt: Attempt, outcome: Done[Verified], now: float) -> Iterable[Event]:
        answer, batch = outcome.value, attempt.batch
        response = answer.response
        if attempt.admission is not None:
            self.attempts.pace.on_success(attempt.admission, response.usage.prompt_tokens)
        mixed = self.space.check(response)
        good = 0 if mixed else len(batch) - len(answer.faults)
        self.account.book(outcome.charge, attempt.most_tokens, wasted=1 - good / len(batch))
        self.account.on_answer(good)
        self.ledger.tokens.learn(batch, outcome.charge.tokens)
        if mixed is not None:
            self._close(attempt, mixed, attempt.call.paid + 1)
            if all(slot.error is mixed for slot in batch.slots):
                self.stop(mixed)
            return (attempt.make_event(self.plan.template.model, now, mixed),)
        faults = {place: make_row_error(fault) for place, fault in answer.faults.items()}
        whole = None if attempt.rows is None else self.plan.matrix(response.dimensions)
        vectors = response.vectors if whole is None else whole
        self.ledger.settle(batch, vectors, attempt.rows, faults, attempt.call.paid)
        if self.space.keeps(response):
            self._keep(batch)
        cost = outcome.charge.cost
        return (attempt.make_event(self.plan.template.model, now, None, cost),)

    def _keep(self, batch: Batch) -> None:
        """Have the vectors of a batch kept, by the cache once their keys there are known."""
        if self.plan.keeper is not None:
            self.plan.keeper.untold += batch.entries
        for entry in batch.entries if self.plan.asks else ():
            if isinstance(entry, Run):
                keys = self.space.store_keys.keys(entry.texts) if self.space.store_keys else ()
                self.unsaved.update(zip(keys, entry.found, strict=False))
            elif (key := self.space.store_key(entry.sent)) and entry.vector is not None:
                self.unsaved[key] = entry.vector

    def _close(self, attempt: Attempt, error: OpenRouterError, paid: int = 0) -> None:
        self.account.release(id(attempt))
        self.ledger.settle(attempt.batch, error, paid=paid)
        if self.ledger.stopped is not None:
            self.stop(self.ledger.stopped)
        elif is_pushback(error) and self.attempts.admitted_at < attempt.call.started:
            # Nothing was admitted in all the time that it had: the others would fare alike.
            self.stop(error)

    def stop(self, error: OpenRouterError) -> None:
        """End the run early; what is in flight still counts, what waits for its turn does not."""
        self.ledger.stop(error)
        for attempt in self.attempts.give_up_waiting():
            self.account.release(id(attempt))
            self.ledger.settle(attempt.batch, error)

    def _affordable(self) -> bool:
        """Keep the cost below its bound, and end the run where nothing more fits."""
        if self.ledger.stopped is not None or self.account.room >= self.ledger.least_tokens():
            return True
        if not self.account.is_committed:
            self.stop(self.account.reached())
        return False

    def _take_step(self) -> Ask | Hand | Settle | None:
        """Read inputs or hand vectors out; those that are here need not wait for a slow source."""
        first = (self._take_ready() or self.attempts.unread) if self.intake.reader.is_slow else None
        if first is not None:
            return first
        chunk = self.intake.next_question()
        return self._take_ready() if chunk is None else Ask(chunk)

    def _take_ready(self) -> Hand | None:
        """Return the next positions whose outcome is known, in order, or None."""
        start, entries = self.window.handed_out, self.window.take_settled()
        if not entries:
            return None
        width = self.space.width or 0
        rest = EmbeddedBatch(
            vectors=np.empty((0, width), np.float32),
            start=start,
            stopped=self.ledger.stopped,
            model=self.space.model,
            providers=self.space.providers,
            stats=self.account.stats(self.attempts.pace),
            notes=tuple(self.notes),
        )
        return Hand(Ready(entries, width, self.plan.matrix(width), rest, self.plan.prefix))
