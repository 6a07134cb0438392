"""One bulk run as data: inputs in, tasks out, answers in, vectors out, paced. Pure.

`BulkRun` joins the ledger (what to send), the pace (when) and one `Call` for each batch (whether to
send again). The runners of the two clients feed it with the time and with answers, and do nothing
of their own.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._bulk.budget import Budget
from openrouter_embeddings._bulk.items import Slot
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.output import Ready, count_of, nothing_whole, placed
from openrouter_embeddings._bulk.pace import Pace
from openrouter_embeddings._bulk.reader import Chunk, Reader, Unusable
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings._request.call import Call, Done, Failed
from openrouter_embeddings._request.refusals import Reply
from openrouter_embeddings._request.verdicts import is_pushback, wait_named
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
    from openrouter_embeddings._bulk.items import Batch, Item
    from openrouter_embeddings._bulk.output import Whole
    from openrouter_embeddings._bulk.reader import Entry
    from openrouter_embeddings._bulk.truncation import Cutting
    from openrouter_embeddings._request.call import Wait
    from openrouter_embeddings.cache import Hits
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.limits import Limits

OnError = Literal["raise", "keep"]
_READ_AT_ONCE = 500
_MOST_ASKING = 2


@define(eq=False)
class Task:
    """One attempt to be made.

    Attributes:
        batch: What it is for.
        call: The course of its logical request.
        timeout: Seconds that the attempt may take; None for no bound.
        began: When it began.
        landed: Whether its reply is here, so that it is in flight no more.
        rows: Where its vectors stand in the matrix of the whole run; None if they do not.
    """

    batch: Batch
    call: Call[EmbeddingsResponse]
    timeout: float | None
    began: float
    landed: bool = False
    rows: list[int] | None = None

    def outcome(
        self, answer: Reply | NoResponseError, now: float, random: float
    ) -> Done[EmbeddingsResponse] | Wait | Failed:
        """Read the answer; this is the part that takes long, and touches nothing shared."""
        return self.call.settle(answer, now, random)


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
        whole: The matrix that collects the vectors of the whole run, if there is one.
    """

    template: EmbeddingRequest
    call: Callable[[EmbeddingRequest, float], Call[EmbeddingsResponse]]
    limits: Limits
    max_cost: float | None = None
    price: float | None = None
    pin_provider: bool = False
    cutting: Cutting | None = None
    asks: bool = False
    whole: Whole = nothing_whole


@define(eq=False)
class BulkRun:
    """The course of one bulk run."""

    plan: Plan
    source: Iterator[object]
    ledger: Ledger = field(init=False)
    pace: Pace = field(init=False)
    space: Space = field(init=False)
    budget: Budget = field(init=False)
    stats: RunStats = field(init=False, factory=RunStats)
    reader: Reader = field(init=False)
    _asking: int = field(init=False, default=0)
    _asked: int = field(init=False, default=0)
    _at_once: int = field(init=False, default=_READ_AT_ONCE)
    _under_way: int = field(init=False, default=0)
    _given: int = field(init=False, default=0)
    _later: list[tuple[float, int, Task]] = field(init=False, factory=list)
    _serial: Iterator[int] = field(init=False, factory=count)

    def __attrs_post_init__(self) -> None:
        """Begin with empty books."""
        self.ledger = Ledger(self.plan.limits, self.plan.cutting)
        self.pace = Pace(self.plan.limits.max_in_flight)
        self.space = Space(self.plan.template, self.plan.pin_provider)
        self.budget = Budget(self.plan.max_cost, self.plan.price)
        self.reader = Reader(self.source, self.space, self.plan.asks)

    def wanted(self) -> Chunk | None:
        """Read the next inputs, as many as there is room and need for; None where there is not.

        What is returned must come back to `add`, in the same order.
        """
        if self._asking >= _MOST_ASKING or (self.ledger.shortened and self._asking):
            return None
        if self.ledger.shortened:
            chunk = self.reader.cut(self.ledger.shortened)
            self._asking = _MOST_ASKING
            return chunk
        needed = 0 if self.reader.exhausted else self._needed()
        chunk = self.reader.read(needed, self.ledger.known) if needed else Chunk(())
        if not chunk:
            return None
        self._asking += 1
        self._asked += len(chunk)
        return chunk

    def _needed(self) -> int:
        """Count the inputs to read now; the first batch alone while the provider is open."""
        if self.space.is_open:
            most = self.ledger.max_batch if self.ledger.idle else 0
        else:
            enough = 2 * self.plan.limits.max_in_flight * self.ledger.max_batch
            most = self._at_once if self.ledger.queued < enough else 0
        return max(0, min(self.ledger.room - self._asked, most))

    def add(self, chunk: Chunk, found: Sequence[Hits]) -> None:
        """Take inputs that were read, with what the cache has of them, in the order of its keys."""
        hits = [each for each in found if self.space.admits(each.vectors.shape[1])]
        if chunk.slots:
            self._asking = 0
            self._replace(chunk, hits)
            return
        self._asking -= 1
        self._asked -= len(chunk)
        all_found = sum(len(each.vectors) for each in hits) == len(chunk)
        self._at_once = self._more_at_once() if all_found else _READ_AT_ONCE
        done = 0
        for each in hits:
            for place, vectors in _runs(chunk.places, each):
                self._send(chunk.entries[done:place])
                self.ledger.add_cached(vectors)
                done = place + len(vectors)
        self._send(chunk.entries[done:])

    def _send(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, str):
                self.ledger.add(Slot(entry, "text", entry, len(entry)))
            elif isinstance(entry, Unusable):
                self.ledger.add_failure(entry.item, entry.error)
            else:
                self.ledger.add(_slot_of(entry))

    def _more_at_once(self) -> int:
        """Read more at once where the cache has everything, so that nobody waits for the others."""
        return max(_READ_AT_ONCE, min(2 * self._at_once, self.plan.limits.window // 4))

    def _replace(self, chunk: Chunk, hits: Sequence[Hits]) -> None:
        found = {place: vectors for each in hits for place, vectors in _singles(chunk.places, each)}
        for place, (slot, entry) in enumerate(zip(chunk.slots, chunk.entries, strict=True)):
            if slot in self.ledger.shortened:
                self.ledger.replace(slot, cast("Item", entry), found.get(place))

    def take(self, now: float) -> Task | None:
        """Return an attempt to be made now, or None."""
        if self.pace.wait(now) > 0 or not self._may_go_on():
            return None
        if self._later and self._later[0][0] <= now:
            _, _, task = heapq.heappop(self._later)
            return self._begun(task, now)
        batch = self.ledger.take() if self._may_cut() and self._may_begin() else None
        if batch is None:
            return None
        request = evolve(
            self.space.template, wire_input=batch.inputs, count=len(batch.slots), kind=batch.kind
        )
        return self._begun(Task(batch, self.plan.call(request, now), None, now), now)

    def _may_go_on(self) -> bool:
        """Let the first request find out the provider before others follow."""
        return not self.space.is_open or self._under_way == 0

    def _begun(self, task: Task, now: float) -> Task | None:
        timeout = task.call.begin(now)
        if isinstance(timeout, OpenRouterError):
            self._close(task, timeout)
            return self.take(now)
        task.timeout, task.began, task.landed = timeout, self.pace.begin(now), False
        self._under_way += 1
        if self.budget.most is not None:
            tokens = sum(self.ledger.tokens_of(slot.sent) for slot in task.batch.slots)
            self.budget.reserve(id(task), tokens)
        return task

    def wait(self, now: float) -> float:
        """Return the seconds until there may be something to take; infinity: only answers help."""
        due = self._later[0][0] - now if self._later else math.inf
        if self.ledger.has_next and self._may_go_on() and self._may_cut() and self._may_begin():
            due = 0.0
        return max(self.pace.wait(now), due)

    def _may_cut(self) -> bool:
        """Say whether the next batch is as full as it will be; else inputs are to be read first."""
        full = self.ledger.queued >= self.ledger.max_batch
        return full or (not self._asking and (self.reader.exhausted or self._needed() == 0))

    def _may_begin(self) -> bool:
        """Let no new batch begin in the place of one that waits its turn, or beyond the cost."""
        limit = int(self.pace.limit)
        waiting = len(self._later) + self.pace.in_flight
        # Replies that are here and not read yet must not pile up.
        unread = self._under_way - self.pace.in_flight
        return waiting < limit and 4 * unread <= limit and self._affordable()

    @property
    def over(self) -> bool:
        """Say whether nothing is left to read, send or wait for."""
        return self.reader.exhausted and not self._asking and self.ledger.idle

    def landed(self, task: Task, answer: Reply | NoResponseError) -> None:
        """Note that an answer is here; a success makes room for the next request before it is read.

        A refusal does not: it is to be read first, since it may slow the run down.
        """
        if isinstance(answer, Reply) and 200 <= answer.status < 300 and not task.landed:
            task.landed = True
            self.pace.ended()

    def place(self, task: Task, step: Done[EmbeddingsResponse] | Wait | Failed) -> None:
        """Write new vectors to where they end; this takes long, and touches nothing shared."""
        if isinstance(step, Done):
            whole = self.plan.whole(step.value.dimensions)
            if whole is not None:
                task.rows = placed(task.batch.slots, step.value.vectors, whole)

    def settle(
        self, task: Task, step: Done[EmbeddingsResponse] | Wait | Failed, now: float
    ) -> tuple[Event, ...]:
        """Note how an attempt ended, and return the events to tell."""
        self.budget.release(id(task))
        self._under_way -= 1
        if not task.landed:
            self.pace.ended()
        self._count(step.events)
        if isinstance(step, Done):
            self.pace.succeeded()
            return self._answered(task, step.value, step.events, now)
        error = next(
            event.error
            for event in step.events
            if isinstance(event, AttemptFinished) and event.error
        )
        self._slow_down(task, error, now)
        if isinstance(step, Failed):
            self._close(task, step.error)
            return *step.events, self._settled(task, now, step.error)
        self.stats = evolve(self.stats, retries=self.stats.retries + 1)
        heapq.heappush(self._later, (now + step.delay, next(self._serial), task))
        return step.events

    def _count(self, events: Sequence[Event]) -> None:
        attempts = sum(isinstance(event, AttemptFinished) for event in events)
        self.stats = evolve(self.stats, requests=self.stats.requests + attempts)

    def _slow_down(self, task: Task, error: OpenRouterError, now: float) -> None:
        if is_pushback(error):
            self.pace.refused(task.began, now, wait_named(error))

    def _answered(
        self,
        task: Task,
        response: EmbeddingsResponse,
        events: tuple[Event, ...],
        now: float,
    ) -> tuple[Event, ...]:
        self._account(task.batch, response)
        drift = self.space.drift(response)
        if drift is not None:
            self._close(task, drift)
            self.ledger.stop(drift)
            return *events, self._settled(task, now, drift)
        whole = None if task.rows is None else self.plan.whole(response.dimensions)
        self.ledger.settle(task.batch, response.vectors if whole is None else whole, task.rows)
        return *events, self._settled(task, now, None, response.usage.cost)

    def fresh(self, task: Task) -> dict[bytes, Vectors]:
        """Return the vectors that a settled attempt has brought, by their keys in the cache."""
        keyed = ((self.space.store_key(slot.sent), slot.vector) for slot in task.batch.slots)
        return {key: vector for key, vector in keyed if key is not None and vector is not None}

    def _account(self, batch: Batch, response: EmbeddingsResponse) -> None:
        tokens, cost = response.usage.prompt_tokens or 0, response.usage.cost or 0.0
        self.ledger.learn(batch, tokens)
        self.budget.charge(tokens, cost)
        self.stats = evolve(
            self.stats,
            inputs_sent=self.stats.inputs_sent + len(batch.slots),
            prompt_tokens=self.budget.tokens,
            cost=self.budget.spent,
        )

    def _settled(
        self, task: Task, now: float, error: OpenRouterError | None, cost: float | None = None
    ) -> BatchSettled:
        seconds = now - task.call.started
        return BatchSettled(self.plan.template.model, len(task.batch.slots), seconds, error, cost)

    def _close(self, task: Task, error: OpenRouterError) -> None:
        self.ledger.settle(task.batch, error)
        if self.ledger.stopped is not None:
            self._abandon(self.ledger.stopped)

    def _abandon(self, error: OpenRouterError) -> None:
        """Give up attempts that wait for their turn: the run is over."""
        later, self._later = self._later, []
        for _, _, task in later:
            self.ledger.settle(task.batch, error)

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
        entries = self.ledger.ready()
        if not entries:
            return None
        start, self._given = self._given, self._given + count_of(entries)
        width = self.space.width or 0
        rest = EmbeddedBatch(
            vectors=np.empty((0, width), np.float32),
            start=start,
            stopped=self.ledger.stopped,
            model=self.space.model,
            providers=self.space.providers,
            stats=self.current_stats(),
        )
        return Ready(entries, width, self.plan.whole(width), rest)

    def current_stats(self) -> RunStats:
        """Return what the run has done so far."""
        return evolve(
            self.stats,
            in_flight=self.pace.in_flight,
            refusals=self.pace.refusals,
            throttled_seconds=self.pace.throttled,
            highest_concurrency=self.pace.highest,
        )


def _slot_of(item: Item) -> Slot:
    return Slot(item.wire, item.kind, item.key, item.size, item.tokens, item.store_key)


def _runs(places: Sequence[int], hits: Hits) -> Iterator[tuple[int, Vectors]]:
    """Say where vectors belong among the inputs of a chunk, whose keys may have gaps."""
    first, last = places[hits.start], places[hits.stop - 1]
    if last - first == len(hits.vectors) - 1:
        yield first, hits.vectors
    else:
        yield from _singles(places, hits)


def _singles(places: Sequence[int], hits: Hits) -> Iterator[tuple[int, Vectors]]:
    for row in range(len(hits.vectors)):
        yield places[hits.start + row], hits.vectors[row : row + 1]
