"""One bulk run as data: inputs in, tasks out, answers in, vectors out, paced. Pure.

`BulkRun` joins the ledger (what to send), the pace (when) and one `Call` for each batch (whether to
send again). The runners of the two clients feed it with the time and with answers, and do nothing
of their own.
"""

from __future__ import annotations

import heapq
import math
from itertools import count, islice
from typing import TYPE_CHECKING, Literal

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._batches import Item, Slot
from openrouter_embeddings._budget import Budget
from openrouter_embeddings._bulk import Ledger
from openrouter_embeddings._call import Call, Done, Failed
from openrouter_embeddings._pace import Pace
from openrouter_embeddings._retry import is_pushback
from openrouter_embeddings._space import Space
from openrouter_embeddings.errors import (
    ConfigurationError,
    OpenRouterError,
    ResponseError,
)
from openrouter_embeddings.events import AttemptFinished, BatchSettled
from openrouter_embeddings.inputs import one_input
from openrouter_embeddings.values import (
    EmbeddedBatch,
    EmbeddingsResponse,
    Failure,
    RunStats,
    Truncation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._batches import Batch, Limits
    from openrouter_embeddings._call import Wait
    from openrouter_embeddings._reply import Reply
    from openrouter_embeddings._too_long import Cutting
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.inputs import EmbeddingRequest

    Vector = NDArray[np.float32]

OnError = Literal["raise", "keep"]
_READ_AT_ONCE = 500


@define(eq=False)
class Task:
    """One attempt to be made.

    Attributes:
        batch: What it is for.
        call: The course of its logical request.
        timeout: Seconds that the attempt may take; None for no bound.
        began: When it began.
    """

    batch: Batch
    call: Call[EmbeddingsResponse]
    timeout: float | None
    began: float

    def outcome(
        self, answer: Reply | NoResponseError, now: float, random: float
    ) -> Done[EmbeddingsResponse] | Wait | Failed:
        """Read the answer; this is the part that takes long, and touches nothing shared."""
        return self.call.settle(answer, now, random)


@frozen(eq=False)
class Unusable:
    """An input that cannot be sent, and why."""

    item: Item
    error: ConfigurationError


@frozen(eq=False)
class Shorter:
    """A text that goes in the place of one that is too long."""

    slot: Slot
    item: Item


Wanted = Item | Unusable | Shorter


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
    """

    template: EmbeddingRequest
    call: Callable[[EmbeddingRequest, float], Call[EmbeddingsResponse]]
    limits: Limits
    max_cost: float | None = None
    price: float | None = None
    pin_provider: bool = False
    cutting: Cutting | None = None


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
    _exhausted: bool = field(init=False, default=False)
    _read: int = field(init=False, default=0)
    _given: int = field(init=False, default=0)
    _later: list[tuple[float, int, Task]] = field(init=False, factory=list)
    _serial: Iterator[int] = field(init=False, factory=count)

    def __attrs_post_init__(self) -> None:
        """Begin with empty books."""
        self.ledger = Ledger(self.plan.limits, self.plan.cutting)
        self.pace = Pace(self.plan.limits.max_in_flight)
        self.space = Space(self.plan.template, self.plan.pin_provider)
        self.budget = Budget(self.plan.max_cost, self.plan.price)

    def wanted(self) -> list[Wanted]:
        """Read the next inputs, as many as there is room and need for, and check each."""
        items: list[Wanted] = [
            Shorter(slot, self._checked(text)) for slot, text in self.ledger.shortened()
        ]
        needed = 0 if self._exhausted else self._needed()
        values = list(islice(self.source, needed))
        self._exhausted = self._exhausted or len(values) < needed
        items += map(self._item, values)
        return items

    def _needed(self) -> int:
        """Count the inputs to read now; the first batch alone while the provider is open."""
        if self.space.is_open:
            most = self.ledger.max_batch if self.ledger.idle else 0
        else:
            enough = 2 * self.plan.limits.max_in_flight * self.ledger.max_batch
            most = _READ_AT_ONCE if self.ledger.queued < enough else 0
        return min(self.ledger.room, most)

    def _item(self, value: object) -> Wanted:
        try:
            return self._checked(value)
        except ConfigurationError as error:
            return Unusable(Item(value, "text", b"", 0), error)
        finally:
            self._read += 1

    def _checked(self, value: object) -> Item:
        wire, kind, size, tokens = one_input(self._read, value)
        return Item(wire, kind, self.space.key(wire), size, tokens)

    def keys(self, items: Iterable[Wanted]) -> list[bytes]:
        """Return the keys under which a cache may have the inputs."""
        sent = (item.item if isinstance(item, Shorter) else item for item in items)
        keys = (self.space.store_key(item) for item in sent if not isinstance(item, Unusable))
        return [key for key in keys if key is not None]

    def add(self, items: Iterable[Wanted], cached: Mapping[bytes, Vector]) -> None:
        """Take inputs that were read, with what the cache has of them."""
        for item in items:
            if isinstance(item, Unusable):
                self.ledger.add_failure(item.item, item.error)
                continue
            if isinstance(item, Shorter):
                self.ledger.replace(item.slot, item.item, self._found(item.item, cached))
            else:
                self.ledger.add(item, self._found(item, cached))

    def _found(self, item: Item, cached: Mapping[bytes, Vector]) -> Vector | None:
        if not cached or item.store_key is None:
            return None
        return self.space.usable(cached.get(item.store_key))

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
        return not self.space.is_open or self.pace.in_flight == 0

    def _begun(self, task: Task, now: float) -> Task | None:
        timeout = task.call.begin(now)
        if isinstance(timeout, OpenRouterError):
            self._close(task, timeout)
            return self.take(now)
        task.timeout, task.began = timeout, self.pace.begin(now)
        if self.budget.most is not None:
            tokens = sum(self.ledger.tokens_of(slot.sent) for slot in task.batch.slots)
            self.budget.reserve(id(task), tokens)
        return task

    def wait(self, now: float) -> float:
        """Return the seconds until there may be something to take; infinity: only answers help."""
        due = self._later[0][0] - now if self._later else math.inf
        if self.ledger.queued and self._may_go_on() and self._may_begin():
            due = 0.0
        return max(self.pace.wait(now), due)

    def _may_cut(self) -> bool:
        """Say whether the next batch is as full as it will be; else inputs are to be read first."""
        full = self.ledger.queued >= self.ledger.max_batch
        return full or self._exhausted or self._needed() == 0

    def _may_begin(self) -> bool:
        """Let no new batch begin in the place of one that waits its turn, or beyond the cost."""
        waiting = len(self._later) + self.pace.in_flight
        return waiting < int(self.pace.limit) and self._affordable()

    @property
    def over(self) -> bool:
        """Say whether nothing is left to read, send or wait for."""
        return self._exhausted and self.ledger.idle

    def settle(
        self, task: Task, step: Done[EmbeddingsResponse] | Wait | Failed, now: float
    ) -> tuple[Event, ...]:
        """Note how an attempt ended, and return the events to tell."""
        self.budget.release(id(task))
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
            wait = error.retry_after if isinstance(error, ResponseError) else None
            self.pace.refused(task.began, now, wait)
        else:
            self.pace.failed()

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
        self.ledger.settle(task.batch, list(response.vectors))
        return *events, self._settled(task, now, None, response.usage.cost)

    def fresh(self, task: Task) -> dict[bytes, Vector]:
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

    def ready(self) -> EmbeddedBatch | None:
        """Return the next positions whose outcome is known, in order, or None."""
        slots = self.ledger.ready()
        if not slots:
            return None
        start, self._given = self._given, self._given + len(slots)
        return EmbeddedBatch(
            vectors=self._matrix(slots),
            start=start,
            failures=tuple(_failures(slots, start)),
            from_cache=sum(slot.cached for slot in slots),
            truncated=tuple(_truncations(slots, start)),
            stopped=self.ledger.stopped,
            model=self.space.model,
            providers=self.space.providers,
            stats=self.current_stats(),
        )

    def current_stats(self) -> RunStats:
        """Return what the run has done so far."""
        return evolve(
            self.stats,
            in_flight=self.pace.in_flight,
            refusals=self.pace.refusals,
            throttled_seconds=self.pace.throttled,
            highest_concurrency=self.pace.highest,
        )

    def _matrix(self, slots: Sequence[Slot]) -> NDArray[np.float32]:
        width = self.space.width or 0
        nothing = np.full(width, np.nan, dtype=np.float32)
        # One join of bytes: assigning row by row lets other threads run in between, and waits.
        rows = (nothing if slot.vector is None else slot.vector for slot in slots)
        joined = bytearray().join(row.data for row in rows)
        return np.frombuffer(joined, dtype=np.float32).reshape(len(slots), width)


def _failures(slots: Sequence[Slot], start: int) -> Iterator[Failure]:
    for position, slot in enumerate(slots, start):
        if slot.error is not None:
            text = slot.item.wire if isinstance(slot.item.wire, str) else repr(slot.item.wire)
            yield Failure(position, text[:80], slot.error)


def _truncations(slots: Sequence[Slot], start: int) -> Iterator[Truncation]:
    for position, slot in enumerate(slots, start):
        if slot.vector is not None and slot.cut is not None:
            whole, cut = str(slot.item.wire), str(slot.cut.wire)
            yield Truncation(position, len(cut), len(whole))
