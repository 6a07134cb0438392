"""One bulk run as data: inputs in, tasks out, answers in, vectors out, paced. Pure.

`BulkRun` joins the ledger (what to send), the pace (when) and one `Call` for each batch (whether to
send again). The runners of the two clients feed it with the time and with answers, and do nothing
of their own.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._bulk.budget import Budget
from openrouter_embeddings._bulk.intake import Intake
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.output import Ready, no_matrix, place_vectors
from openrouter_embeddings._bulk.pace import Pace
from openrouter_embeddings._bulk.reader import Reader
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings._bulk.window import Window
from openrouter_embeddings._request.call import Call, Done, Failed
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings._request.verdicts import is_throttling, wait_named
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.events import AttemptFinished, BatchSettled
from openrouter_embeddings.values import (
    EmbeddedBatch,
    EmbeddingsResponse,
    RunStats,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.items import Batch
    from openrouter_embeddings._bulk.output import ResultMatrix
    from openrouter_embeddings._bulk.truncation import Cutting
    from openrouter_embeddings._request.call import Wait
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.limits import Limits


@define(eq=False)
class Attempt:
    """One attempt to be made.

    Attributes:
        batch: What it is for.
        call: The course of its logical request.
        timeout: Seconds that the attempt may take; None for no bound.
        started_at: When it began.
        replied: Whether its reply is here, so that it is in flight no more.
        rows: Where its vectors stand in the matrix of the whole run; None if they do not.
    """

    batch: Batch
    call: Call[EmbeddingsResponse]
    timeout: float | None
    started_at: float
    replied: bool = False
    rows: list[int] | None = None

    def outcome(
        self, answer: Reply | NoResponseError, now: float, random: float
    ) -> Done[EmbeddingsResponse] | Wait | Failed:
        """Read the answer; this is the part that takes long, and touches nothing shared."""
        return self.call.proceed(answer, now, random)


@frozen
class Plan:
    """What a run is to do.

    Attributes:
        template: The request of each batch, but for its inputs.
        call: Begins a logical request at a time.
        limits: The bounds.
        max_cost: The most to spend in USD, or None.
        price: What a token costs in USD, or None where that is not known beforehand.
        pin_provider: Whether the provider of the first answer must give all.
        cutting: How texts that are too long are cut, or None where that is an error.
        asks: Whether there is a cache to be asked.
        matrix: The matrix that collects the vectors of the whole run, if there is one.
    """

    template: EmbeddingRequest
    call: Callable[[EmbeddingRequest, float], Call[EmbeddingsResponse]]
    limits: Limits
    max_cost: float | None = None
    price: float | None = None
    pin_provider: bool = False
    cutting: Cutting | None = None
    asks: bool = False
    matrix: ResultMatrix = no_matrix


@define(eq=False)
class BulkRun:
    """The course of one bulk run."""

    plan: Plan
    source: Iterator[object]
    window: Window = field(init=False)
    ledger: Ledger = field(init=False)
    pace: Pace = field(init=False)
    space: Space = field(init=False)
    budget: Budget = field(init=False)
    stats: RunStats = field(init=False, factory=RunStats)
    intake: Intake = field(init=False)
    _open_attempts: int = field(init=False, default=0)
    _later: list[tuple[float, int, Attempt]] = field(init=False, factory=list)
    _serial: Iterator[int] = field(init=False, factory=count)

    def __attrs_post_init__(self) -> None:
        """Begin with empty books."""
        self.window = Window(self.plan.limits.window)
        self.ledger = Ledger(self.plan.limits, self.plan.cutting)
        self.pace = Pace(self.plan.limits.max_in_flight)
        self.space = Space(self.plan.template, self.plan.pin_provider)
        self.budget = Budget(self.plan.max_cost, self.plan.price)
        reader = Reader(self.source, self.space, self.plan.asks)
        self.intake = Intake(
            self.plan.limits.max_in_flight, reader, self.space, self.window, self.ledger
        )

    def next_attempt(self, now: float) -> Attempt | None:
        """Return an attempt to be made now, or None."""
        if self.pace.wait(now) > 0 or not self._may_go_on():
            return None
        if self._later and self._later[0][0] <= now:
            _, _, attempt = heapq.heappop(self._later)
            return self._begin(attempt, now)
        batch = (
            self.ledger.next_batch() if self.intake.fills_next_batch and self._may_begin() else None
        )
        if batch is None:
            return None
        request = evolve(
            self.space.template, wire_input=batch.inputs, count=len(batch.slots), kind=batch.kind
        )
        return self._begin(Attempt(batch, self.plan.call(request, now), None, now), now)

    def _may_go_on(self) -> bool:
        """Let the first request find out the provider before others follow."""
        return not self.space.is_open or self._open_attempts == 0

    def _begin(self, attempt: Attempt, now: float) -> Attempt | None:
        timeout = attempt.call.begin(now)
        if isinstance(timeout, OpenRouterError):
            self._close(attempt, timeout)
            return self.next_attempt(now)
        attempt.timeout, attempt.started_at, attempt.replied = timeout, self.pace.begin(now), False
        self._open_attempts += 1
        if self.budget.most is not None:
            tokens = sum(self.ledger.tokens.estimate(slot.sent) for slot in attempt.batch.slots)
            self.budget.reserve(id(attempt), tokens)
        return attempt

    def wait(self, now: float) -> float:
        """Return the seconds until there may be something to take; infinity: only answers help."""
        due = self._later[0][0] - now if self._later else math.inf
        if (
            self.ledger.has_next
            and self._may_go_on()
            and self.intake.fills_next_batch
            and self._may_begin()
        ):
            due = 0.0
        return max(self.pace.wait(now), due)

    def _may_begin(self) -> bool:
        """Let no new batch begin in the place of one that waits its turn, or beyond the cost."""
        limit = int(self.pace.limit)
        waiting = len(self._later) + self.pace.in_flight
        # Replies that are here and not read yet must not pile up.
        unread = self._open_attempts - self.pace.in_flight
        return waiting < limit and 4 * unread <= limit and self._affordable()

    @property
    def over(self) -> bool:
        """Say whether nothing is left to read, send or wait for."""
        return self.intake.over and self.ledger.idle

    def on_reply(self, attempt: Attempt, answer: Reply | NoResponseError) -> None:
        """Note that an answer is here; a success makes room for the next request before it is read.

        A refusal does not: it is to be read first, since it may slow the run down.
        """
        if isinstance(answer, Reply) and 200 <= answer.status < 300 and not attempt.replied:
            attempt.replied = True
            self.pace.on_end()

    def place(self, attempt: Attempt, step: Done[EmbeddingsResponse] | Wait | Failed) -> None:
        """Write new vectors to where they end; this takes long, and touches nothing shared."""
        if isinstance(step, Done):
            whole = self.plan.matrix(step.value.dimensions)
            if whole is not None:
                attempt.rows = place_vectors(attempt.batch.slots, step.value.vectors, whole)

    def conclude(
        self, attempt: Attempt, step: Done[EmbeddingsResponse] | Wait | Failed, now: float
    ) -> tuple[Event, ...]:
        """Note how an attempt ended, and return the events to tell."""
        self.budget.release(id(attempt))
        self._open_attempts -= 1
        if not attempt.replied:
            self.pace.on_end()
        self._count(step.events)
        if isinstance(step, Done):
            self.pace.on_success()
            return self._succeed(attempt, step.value, step.events, now)
        self._slow_down(attempt, step.error, now)
        if isinstance(step, Failed):
            self._close(attempt, step.error)
            return *step.events, self._batch_settled(attempt, now, step.error)
        self.stats = evolve(self.stats, retries=self.stats.retries + 1)
        heapq.heappush(self._later, (now + step.delay, next(self._serial), attempt))
        return step.events

    def _count(self, events: Sequence[Event]) -> None:
        attempts = sum(isinstance(event, AttemptFinished) for event in events)
        self.stats = evolve(self.stats, requests=self.stats.requests + attempts)

    def _slow_down(self, attempt: Attempt, error: OpenRouterError, now: float) -> None:
        if is_throttling(error):
            self.pace.on_refusal(attempt.started_at, now, wait_named(error))

    def _succeed(
        self,
        attempt: Attempt,
        response: EmbeddingsResponse,
        events: tuple[Event, ...],
        now: float,
    ) -> tuple[Event, ...]:
        self._account(attempt.batch, response)
        mixed = self.space.check(response)
        if mixed is not None:
            self._close(attempt, mixed)
            self.ledger.stop(mixed)
            return *events, self._batch_settled(attempt, now, mixed)
        whole = None if attempt.rows is None else self.plan.matrix(response.dimensions)
        self.ledger.settle(
            attempt.batch, response.vectors if whole is None else whole, attempt.rows
        )
        return *events, self._batch_settled(attempt, now, None, response.usage.cost)

    def fresh(self, attempt: Attempt) -> dict[bytes, Vectors]:
        """Return the vectors that a settled attempt has brought, by their keys in the cache."""
        keyed = ((self.space.store_key(slot.sent), slot.vector) for slot in attempt.batch.slots)
        return {key: vector for key, vector in keyed if key is not None and vector is not None}

    def _account(self, batch: Batch, response: EmbeddingsResponse) -> None:
        tokens, cost = response.usage.prompt_tokens or 0, response.usage.cost or 0.0
        self.ledger.tokens.learn(batch, tokens)
        self.budget.charge(tokens, cost)
        self.stats = evolve(
            self.stats,
            inputs_sent=self.stats.inputs_sent + len(batch.slots),
            prompt_tokens=self.budget.tokens,
            cost=self.budget.spent,
        )

    def _batch_settled(
        self, attempt: Attempt, now: float, error: OpenRouterError | None, cost: float | None = None
    ) -> BatchSettled:
        seconds = now - attempt.call.started
        return BatchSettled(
            self.plan.template.model, len(attempt.batch.slots), seconds, error, cost
        )

    def _close(self, attempt: Attempt, error: OpenRouterError) -> None:
        self.ledger.settle(attempt.batch, error)
        if self.ledger.stopped is not None:
            self._abandon(self.ledger.stopped)

    def _abandon(self, error: OpenRouterError) -> None:
        """Give up attempts that wait for their turn: the run is over."""
        later, self._later = self._later, []
        for _, _, attempt in later:
            self.ledger.settle(attempt.batch, error)

    def stop(self, error: OpenRouterError) -> None:
        """End the run early; what is in flight still counts."""
        self.ledger.stop(error)
        self._abandon(error)

    def _affordable(self) -> bool:
        """Keep the cost below its bound, and end the run where nothing more fits."""
        if self.ledger.stopped is not None or self.budget.most is None:
            return True
        if self.budget.allows(self.ledger.next_tokens()):
            return True
        if not self.budget.is_committed and not self._later:
            self.stop(self.budget.reached())
        return False

    def ready(self) -> Ready | None:
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
            stats=self.current_stats(),
        )
        return Ready(entries, width, self.plan.matrix(width), rest)

    def current_stats(self) -> RunStats:
        """Return what the run has done so far."""
        return evolve(
            self.stats,
            in_flight=self.pace.in_flight,
            refusals=self.pace.refusals,
            throttled_seconds=self.pace.throttled,
            highest_concurrency=self.pace.highest,
        )
