"""A bulk run as data: which inputs go into which request, and what becomes of each. Pure.

The theory. Inputs come in one by one and get a `Slot` each; equal inputs within the look-ahead
window share one, and a slot that the cache knows is settled at once. Open slots wait in a queue.
`take` cuts the next `Batch` from it: by count, bytes and estimated tokens, one kind of input at a
time. The runner sends it and brings the outcome back to `settle`:

    vectors                     every slot of the batch is settled
    refused, several inputs     halves; the first is sent, the second held until it is answered
    refused, one input          its failure, with the service's words; or, if it is too long and
                                may be cut, a shorter text in its place
    fatal for every request     the run is over; what was not sent fails with the same error
    anything else               a second round, then the failure of its inputs; three in a row
                                are an outage, and the run is over; so are many refusals

Of two halves of a batch that was refused for its content, one must be to blame: when the first is
answered, the second is cut up at once and not sent as a whole. One bad input among n costs
2 log2(n) + 1 more requests at the most. When both halves of a batch are answered, it was its size
that was refused, and the run keeps to the smaller one from there on.

Positions leave in order: `ready` hands out the longest settled prefix.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._batches import Batch, Group, Slot
from openrouter_embeddings._retry import is_transient
from openrouter_embeddings._too_long import is_too_long
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ConfigurationError,
    ForbiddenResponseError,
    NoResponseError,
    OpenRouterError,
    PayloadTooLargeResponseError,
    PaymentRequiredResponseError,
    ResponseError,
    UnauthorizedResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings._batches import Item, Limits
    from openrouter_embeddings._too_long import Cutting

_CHARACTERS_PER_TOKEN = 4.0
_OUTAGE = 3
_REFUSALS = 32
_MOST_ROUNDS = 1
_RECENT_BYTES = 16 * 2**20


_FATAL = (UnauthorizedResponseError, PaymentRequiredResponseError, ConfigurationError)
_DIVISIBLE = (
    BadRequestResponseError,
    PayloadTooLargeResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)


def is_fatal(error: OpenRouterError) -> bool:
    """Say whether every other request would end in the same way."""
    if isinstance(error, ForbiddenResponseError):
        # A limit of the key, as opposed to moderation of an input.
        return not ({"reasons", "flagged_input", "patterns"} & error.metadata.keys())
    if isinstance(error, BadRequestResponseError) and "not a valid model" in error.message:
        return True
    if isinstance(error, ResponseError) and error.status_code == 404:
        return True
    daily = isinstance(error, ResponseError) and (
        error.metadata.get("limit_source") == "openrouter_free_tier_daily"
    )
    return daily or isinstance(error, _FATAL)


def is_divisible(error: OpenRouterError) -> bool:
    """Say whether a smaller request may succeed, or tell which input is to blame."""
    return isinstance(error, (*_DIVISIBLE, ForbiddenResponseError)) and not is_fatal(error)


@define(eq=False)
class Ledger:
    """The books of one run.

    Attributes:
        limits: The bounds; `max_batch` shrinks when the service refuses a size.
        characters_per_token: What is known of the ratio, learnt from the service's counts.
        cutting: How texts that are too long are cut, or None where that is an error.
        stopped: Why the run is over before its end, or None.
    """

    limits: Limits
    cutting: Cutting | None = None
    max_batch: int = field(init=False)
    characters_per_token: float = field(init=False, default=_CHARACTERS_PER_TOKEN)
    stopped: OpenRouterError | None = field(init=False, default=None)
    from_cache: int = field(init=False, default=0)
    _positions: deque[Slot] = field(init=False, factory=deque)
    _known: dict[str | bytes, Slot] = field(init=False, factory=dict)
    _recent: deque[Slot] = field(init=False, factory=deque)
    _most_recent: int = field(init=False, default=0)
    _queue: deque[Slot] = field(init=False, factory=deque)
    _again: deque[Batch] = field(init=False, factory=deque)
    _too_long: dict[Slot, str] = field(init=False, factory=dict)
    _out: int = field(init=False, default=0)
    _outages: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)
    _answered_once: bool = field(init=False, default=False)
    _counted: tuple[float, float] = field(init=False, default=(0.0, 0.0))

    def __attrs_post_init__(self) -> None:
        """Begin with the bounds that were given."""
        self.max_batch = self.limits.max_batch

    @property
    def room(self) -> int:
        """How many more inputs may come in now."""
        return max(0, self.limits.window - len(self._positions))

    @property
    def queued(self) -> int:
        """How many slots wait to be sent."""
        return len(self._queue) + sum(len(batch.slots) for batch in self._again)

    @property
    def idle(self) -> bool:
        """Say whether nothing is left to be sent or waited for."""
        return not (self._out or self._queue or self._again or self._too_long)

    def add(self, item: Item, cached: NDArray[np.float32] | None = None) -> None:
        """Take the next input; equal ones in the window share a slot."""
        slot = self._known.get(item.key)
        if slot is None:
            slot = self._known[item.key] = Slot(item, vector=cached, cached=cached is not None)
            if cached is None:
                self._enqueue(slot)
        slot.uses += 1
        self.from_cache += slot.cached
        self._positions.append(slot)

    def add_failure(self, item: Item, error: OpenRouterError) -> None:
        """Take an input that cannot be sent."""
        self._positions.append(Slot(item, error=error))

    def _enqueue(self, slot: Slot) -> None:
        if self.stopped is None:
            self._queue.append(slot)
        else:
            slot.error = self.stopped

    def take(self) -> Batch | None:
        """Cut the next batch, or return None when nothing waits."""
        batch = self._again.popleft() if self._again else self._cut()
        if batch is not None:
            self._out += 1
        return batch

    def _cut(self) -> Batch | None:
        if not self._queue:
            return None
        slots = [self._queue.popleft()]
        size, tokens = slots[0].sent.size, self.tokens_of(slots[0].sent)
        while self._queue and len(slots) < self.max_batch:
            item = self._queue[0].sent
            size, tokens = size + item.size, tokens + self.tokens_of(item)
            fits = size <= self.limits.max_bytes and tokens <= self.limits.max_tokens
            if item.kind != slots[0].sent.kind or not fits:
                break
            slots.append(self._queue.popleft())
        return Batch(slots)

    def next_tokens(self) -> float:
        """Estimate the tokens of the batch that `take` would cut next."""
        if self._again:
            return sum(self.tokens_of(slot.sent) for slot in self._again[0].slots)
        ahead = islice(self._queue, self.max_batch)
        return min(sum(self.tokens_of(slot.sent) for slot in ahead), float(self.limits.max_tokens))

    def tokens_of(self, item: Item) -> float:
        """Estimate the tokens of an input."""
        return item.size / self.characters_per_token if item.tokens is None else item.tokens

    def learn(self, batch: Batch, tokens: int | None) -> None:
        """Learn how many characters a token has, from the service's own count."""
        if not tokens or batch.kind != "text":
            return
        sizes, counts = self._counted
        self._counted = sizes + sum(slot.sent.size for slot in batch.slots), counts + tokens
        self.characters_per_token = max(0.25, self._counted[0] / self._counted[1])

    def settle(
        self, batch: Batch, outcome: Sequence[NDArray[np.float32]] | OpenRouterError
    ) -> None:
        """Note what became of a batch.

        Args:
            batch: A batch that was taken.
            outcome: One vector for each of its inputs, or the error after all retries.
        """
        self._out -= 1
        if isinstance(outcome, OpenRouterError):
            self._refused(batch, outcome)
            return
        self._outages = self._refusals = 0
        self._answered_once = True
        for slot, vector in zip(batch.slots, outcome, strict=True):
            slot.vector = vector
        self._answered(batch)

    def _answered(self, batch: Batch) -> None:
        group = batch.group
        if group is None:
            return
        group.answered += len(batch.slots)
        if batch.first:
            self._release(group, known_bad=group.blames_content)
        if group.answered == group.size and group.may_be_size:
            self.max_batch = min(self.max_batch, max(1, (group.size + 1) // 2))

    def _release(self, group: Group, *, known_bad: bool) -> None:
        """Let the second half go: whole, or in halves when it must be the one to blame."""
        if self.stopped is not None:
            self._fail(group.second, self.stopped)
        elif known_bad and len(group.second) > 1:
            self._divide(group.second, group.error, parent=group)
        else:
            self._again.appendleft(Batch(group.second, group))

    def _divide(
        self, slots: list[Slot], error: OpenRouterError, parent: Group | None = None
    ) -> None:
        middle = len(slots) // 2
        group = Group(len(slots), error, slots[middle:])
        if parent is not None:
            # Both halves answered after all: then the size was refused, in the parent already.
            group.size, group.answered = parent.size, parent.answered
        self._again.appendleft(Batch(slots[:middle], group, first=True))

    def _refused(self, batch: Batch, error: OpenRouterError) -> None:
        if batch.first and batch.group is not None:
            self._release(batch.group, known_bad=False)
            batch.first = False
        if is_fatal(error) or self._too_many(error):
            self._fail(batch.slots, error)
            self.stop(error)
        elif self.stopped is not None:
            self._fail(batch.slots, error)
        elif is_divisible(error) and len(batch.slots) > 1:
            self._divide(batch.slots, error)
        elif self._is_cut(batch.slots[0], error):
            self._refusals = 0
        elif batch.rounds < _MOST_ROUNDS and _may_pass(error):
            batch.rounds += 1
            self._again.append(batch)
        else:
            self._fail(batch.slots, error)

    def _is_cut(self, slot: Slot, error: OpenRouterError) -> bool:
        """Set a text aside that the caller wants cut because the service says it is too long."""
        text = slot.sent.wire
        if self.cutting is None or not isinstance(text, str) or not is_too_long(error):
            return False
        shorter = self.cutting.shorter(text, self.characters_per_token, slot.cuts)
        if shorter is None:
            return False
        slot.cuts += 1
        self._too_long[slot] = shorter
        return True

    def shortened(self) -> list[tuple[Slot, str]]:
        """Hand out the texts that go in the place of those that are too long."""
        return list(self._too_long.items())

    def replace(self, slot: Slot, cut: Item, cached: NDArray[np.float32] | None) -> None:
        """Let a shorter text go in the place of one that is too long."""
        del self._too_long[slot]
        slot.cut, slot.vector, slot.cached = cut, cached, cached is not None
        if cached is None:
            self._enqueue(slot)

    def _too_many(self, error: OpenRouterError) -> bool:
        """Bound the failures in a row: three of the service, more where inputs may be odd."""
        if not is_divisible(error):
            self._outages += 1
            return self._outages >= _OUTAGE
        self._refusals += 1
        least = 4 * self.limits.max_batch if self._answered_once else 0
        return self._refusals >= _REFUSALS + least

    def _fail(self, slots: Iterable[Slot], error: OpenRouterError) -> None:
        for slot in slots:
            slot.error = error

    def stop(self, error: OpenRouterError) -> None:
        """End the run early: what was not sent fails with this error."""
        if self.stopped is not None:
            return
        self.stopped = error
        for batch in self._again:
            self._fail(batch.slots, error)
            if batch.first and batch.group is not None:
                self._fail(batch.group.second, error)
        self._fail(self._queue, error)
        self._fail(self._too_long, error)
        self._too_long.clear()
        self._again.clear()
        self._queue.clear()

    def ready(self) -> list[Slot]:
        """Hand out the longest prefix of positions that is settled."""
        out: list[Slot] = []
        while self._positions and self._positions[0].settled:
            slot = self._positions.popleft()
            slot.uses -= 1
            if slot.uses == 0:
                self._retire(slot)
            out.append(slot)
        return out

    def _retire(self, slot: Slot) -> None:
        """Remember a vector for a while longer: the same input may come again soon."""
        if slot.vector is None:
            self._forget(slot)
            return
        if self._most_recent == 0:
            fitting = _RECENT_BYTES // max(1, slot.vector.nbytes)
            self._most_recent = min(self.limits.window, max(1, fitting))
        self._recent.append(slot)
        slot.remembered += 1
        if len(self._recent) > self._most_recent:
            old = self._recent.popleft()
            old.remembered -= 1
            if old.uses == old.remembered == 0:
                self._forget(old)

    def _forget(self, slot: Slot) -> None:
        if self._known.get(slot.item.key) is slot:
            del self._known[slot.item.key]


def _may_pass(error: OpenRouterError) -> bool:
    """Say whether a batch deserves a second round: others go on, so the service is there."""
    drips = isinstance(error, NoResponseError) and error.begun and error.timed_out
    return is_transient(error) and not drips
