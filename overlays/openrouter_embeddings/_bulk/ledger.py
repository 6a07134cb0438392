"""A bulk run as data: which inputs go into which request, and what becomes of each. Pure.

The theory. Slots that are to be sent wait in a queue. `next_batch` cuts one batch from it: by
count, bytes and estimated tokens, one kind of input at a time. The run sends it and brings the
outcome back to `settle`:

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
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._bulk.items import Batch, Group, Slot
from openrouter_embeddings._request.verdicts import (
    blames_content,
    is_divisible,
    is_fatal,
    is_too_long,
    may_be_size,
    may_pass,
)
from openrouter_embeddings.errors import OpenRouterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings._bulk.truncation import Cutting
    from openrouter_embeddings.limits import Limits

_CHARACTERS_PER_TOKEN = 4.0
_OUTAGE = 3
_REFUSALS = 32
_MOST_ROUNDS = 1


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
    _queue: deque[Slot] = field(init=False, factory=deque)
    _again: deque[Batch] = field(init=False, factory=deque)
    _too_long: dict[Slot, str] = field(init=False, factory=dict)
    _open_batches: int = field(init=False, default=0)
    _outages: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)
    _answered_once: bool = field(init=False, default=False)
    _answered_whole: bool = field(init=False, default=False)
    _doubts_size: bool = field(init=False, default=False)
    _counted: tuple[float, float] = field(init=False, default=(0.0, 0.0))

    def __attrs_post_init__(self) -> None:
        """Begin with the bounds that were given."""
        self.max_batch = self.limits.max_batch

    @property
    def queued(self) -> int:
        """How many slots wait to be sent."""
        return len(self._queue) + sum(len(batch.slots) for batch in self._again)

    @property
    def idle(self) -> bool:
        """Say whether nothing is left to be sent or waited for."""
        return not (self._open_batches or self._queue or self._again or self._too_long)

    def enqueue(self, slot: Slot) -> None:
        """Take what is to be sent; after an early end it fails with the reason of the end."""
        if self.stopped is None:
            self._queue.append(slot)
        else:
            slot.error = self.stopped

    @property
    def has_next(self) -> bool:
        """Say whether there is a batch to be taken."""
        return bool(self._again or (self._queue and not self._size_is_open))

    @property
    def _size_is_open(self) -> bool:
        """Say whether it may be the size of batches that is refused; the answer is under way."""
        return self._doubts_size and self._open_batches > 0

    def next_batch(self) -> Batch | None:
        """Cut the next batch, or return None when nothing waits."""
        if not self.has_next:
            return None
        self._open_batches += 1
        return self._again.popleft() if self._again else self._cut()

    def _cut(self) -> Batch:
        queue, limits, slots = self._queue, self.limits, list[Slot]()
        size, tokens = 0, 0.0
        while queue and len(slots) < self.max_batch:
            item = queue[0].sent
            size, tokens = size + item.size, tokens + self.estimate_tokens(item)
            fits = size <= limits.max_bytes and tokens <= limits.max_tokens
            if slots and (item.kind != slots[0].sent.kind or not fits):
                break
            slots.append(queue.popleft())
        return Batch(slots)

    def next_tokens(self) -> float:
        """Estimate the tokens of the batch that `next_batch` would cut next."""
        if self._again:
            return sum(self.estimate_tokens(slot.sent) for slot in self._again[0].slots)
        ahead = islice(self._queue, self.max_batch)
        return min(
            sum(self.estimate_tokens(slot.sent) for slot in ahead), float(self.limits.max_tokens)
        )

    def estimate_tokens(self, item: Item) -> float:
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
        self,
        batch: Batch,
        outcome: Vectors | OpenRouterError,
        rows: Sequence[int] | None = None,
    ) -> None:
        """Note what became of a batch.

        Args:
            batch: A batch that was taken.
            outcome: A matrix with the vectors of its inputs, or the error after all retries.
            rows: The rows of the matrix that belong to the inputs; None for all in order.
        """
        self._open_batches -= 1
        if isinstance(outcome, OpenRouterError):
            self._refuse(batch, outcome)
            return
        self._outages = self._refusals = 0
        self._answered_once = True
        in_order = range(len(outcome)) if rows is None else rows
        for slot, row in zip(batch.slots, in_order, strict=True):
            slot.vectors, slot.row = outcome, row
        self._succeed(batch)

    def _succeed(self, batch: Batch) -> None:
        group = batch.group
        if group is None:
            self._answered_whole, self._doubts_size = True, False
            return
        group.answered += len(batch.slots)
        if batch.first:
            self._release(group, known_bad=blames_content(group.error))
        if group.answered == group.size and may_be_size(group.error):
            self.max_batch = min(self.max_batch, max(1, (group.size + 1) // 2))
            self._doubts_size = False

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

    def _refuse(self, batch: Batch, error: OpenRouterError) -> None:
        if batch.first and batch.group is not None:
            self._release(batch.group, known_bad=False)
            batch.first = False
        if is_fatal(error) or self._too_many(error):
            self._fail(batch.slots, error)
            self.stop(error)
        elif self.stopped is not None:
            self._fail(batch.slots, error)
        elif is_divisible(error) and len(batch.slots) > 1:
            self._doubts_size = may_be_size(error) and not self._answered_whole
            self._divide(batch.slots, error)
        elif self._shorten(batch.slots[0], error):
            self._refusals = 0
        elif batch.rounds < _MOST_ROUNDS and may_pass(error):
            batch.rounds += 1
            self._again.append(batch)
        else:
            self._fail(batch.slots, error)

    def _shorten(self, slot: Slot, error: OpenRouterError) -> bool:
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

    @property
    def shortened(self) -> Mapping[Slot, str]:
        """The texts that go in the place of those that are too long, until they are there."""
        return self._too_long

    def replace(self, slot: Slot, cut: Item, cached: Vectors | None) -> None:
        """Let a shorter text go in the place of one that is too long.

        Args:
            slot: The place.
            cut: The shorter text.
            cached: What the cache has of it, of shape ``(1, width)``, or None.
        """
        del self._too_long[slot]
        slot.cut, slot.vectors, slot.row, slot.cached = cut, cached, 0, cached is not None
        if cached is None:
            self.enqueue(slot)

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
