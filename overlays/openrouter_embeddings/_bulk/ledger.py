"""A bulk run as data: which inputs go into which request, and what becomes of each. Pure.

The theory. Places that are to be sent wait in a queue. `next_batch` cuts one batch from it: by
count, bytes and estimated tokens, one kind of input at a time. The run sends it and brings the
outcome back to `settle`:

    vectors                     every slot of the batch is settled
    refused, a number is named  parts of so many inputs
    refused, and nothing was    held back, while single inputs tell whether it is the settings;
    answered so far             see `halving`
    refused, several inputs     halves, one after the other; see `halving`
    refused, one input          its failure, with the service's words; or, if it is too long and
                                may be cut, a shorter text in its place
    vectors, some of them bad   these inputs once more, alone; as numbers, where it is their base64
                                that cannot be read
    perhaps paid for in vain    once more, in its last form; see `halving`
    fatal for every request     the run is over; what was not sent fails with the same error
    never admitted in its time  its failure
    anything else               a second round; then halves if others are answered; else single
                                inputs of it tell. An outage, and so the end of the run, is what
                                single inputs from elsewhere meet as well; see `halving`
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._bulk.budget import TokenRatio
from openrouter_embeddings._bulk.halving import LEAST_NEW, Evidence, Halving
from openrouter_embeddings._bulk.items import Batch, Run, Slot, count_inputs
from openrouter_embeddings._request.verdicts import (
    is_divisible,
    is_fatal,
    is_pushback,
    is_too_long,
    is_unexplained,
    may_pass,
    refuses_base64,
)
from openrouter_embeddings.errors import OpenRouterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.halving import Cutting
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings.errors import VectorError
    from openrouter_embeddings.limits import Limits

# The logical request has repeated itself already; what lasts longer than two is no hiccup.
_MOST_ROUNDS = 1
NO_FAULTS: Mapping[int, VectorError] = MappingProxyType({})


@define(eq=False)
class Ledger:
    """The books of one run.

    Attributes:
        limits: The bounds.
        cutting: How texts that are too long are cut, or None where that is an error.
        most_paid: How often one input may be paid for.
        tokens: How long a token is.
        halving: What refused batches become, and the size that the service takes.
        evidence: The failures since the last answer.
        stopped: Why the run is over before its end, or None.
        shortened: The texts that go in the place of those that are too long, until they are there.
    """

    limits: Limits
    cutting: Cutting | None = None
    most_paid: int = 2
    tokens: TokenRatio = field(factory=TokenRatio)
    halving: Halving = field(init=False)
    evidence: Evidence = field(init=False)
    stopped: OpenRouterError | None = field(init=False, default=None)
    shortened: dict[Slot, str] = field(init=False, factory=dict)
    _queue: deque[Run | Slot] = field(init=False, factory=deque)
    _waiting: int = field(init=False, default=0)
    _again: deque[Batch] = field(init=False, factory=deque)
    _open_batches: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """Begin with the bounds that were given."""
        self.halving = Halving(self.limits.max_batch)
        self.evidence = Evidence()

    @property
    def queued(self) -> int:
        """How many inputs wait to be sent."""
        again = sum([len(batch) for batch in self._again])
        return self._waiting + again + len(self.evidence.suspicion.held)

    @property
    def idle(self) -> bool:
        """Say whether nothing is left to be sent or waited for."""
        waiting = self._queue or self._again or self.shortened or self.evidence.suspicion.held
        return not (self._open_batches or waiting)

    def enqueue(self, entry: Run | Slot) -> None:
        """Take what is to be sent; after an early end it fails with the reason of the end."""
        if self.stopped is None:
            self._queue.append(entry)
            self._waiting += count_inputs([entry])
            return
        for slot in entry.slots:
            slot.error = self.stopped

    @property
    def has_next(self) -> bool:
        """Say whether there is a batch to be taken."""
        has_proof = self.evidence.proof.place_of(self._waiting) is not None
        if has_proof or self.evidence.proof.waits:
            return has_proof
        # A batch under way will tell whether it is the size that is refused.
        in_doubt = self.halving.doubts_size or self.evidence.suspicion.held
        waits = in_doubt and self._open_batches > 0
        return bool(self._again or (self._queue and not waits))

    def next_batch(self, room: float = math.inf) -> Batch | None:
        """Cut the next batch, or return None when nothing waits.

        Args:
            room: How many tokens it may have at the most, where that bounds it.
        """
        if not self.has_next:
            return None
        self._open_batches += 1
        if (proof := self.evidence.proof.next_of(self._queue, self._waiting)) is not None:
            self._queue.remove(proof)
            self._waiting -= 1
            return self.evidence.proof.send(proof)
        return self._again.popleft() if self._again else self._cut(room)

    def _cut(self, room: float) -> Batch:
        queue, limits, batch = self._queue, self.limits, list[Run | Slot]()
        count, size, tokens, most = 0, 0, 0.0, 0
        while queue and count < self.halving.max_batch:
            entry = queue.popleft()
            if isinstance(entry, Run) and entry.parts is not None:
                queue.extendleft(reversed(entry.slots))
                continue
            sizes, likely, highest = self.tokens.bounds(entry, self.halving.max_batch - count)
            fitting = min(
                bisect_right(list(accumulate(sizes)), limits.max_bytes - size),
                bisect_right(list(accumulate(likely)), limits.batch_tokens - tokens),
                bisect_right(list(accumulate(highest)), room - most),
            )
            if batch and (not fitting or entry.kind != batch[0].kind):
                queue.appendleft(entry)
                break
            fitting = max(1, fitting)
            first, *behind = entry.split(fitting)
            queue.extendleft(behind)
            batch.append(first)
            count, size = count + fitting, size + sum(sizes[:fitting])
            tokens, most = tokens + sum(likely[:fitting]), most + sum(highest[:fitting])
        self._waiting -= count
        return Batch(batch)

    def next_tokens(self) -> float:
        """Estimate the tokens of the batch that `next_batch` would cut next."""
        if (proof := self.evidence.proof.next_of(self._queue, self._waiting)) is not None:
            return self.tokens.estimate(proof.sent)
        if self._again:
            return self.tokens.estimate_all(self._again[0].entries)
        likely = self.tokens.estimate_all(self._queue, self.halving.max_batch)
        return min(likely, float(self.limits.batch_tokens))

    def least_tokens(self) -> int:
        """Return the most tokens of the smallest batch that `next_batch` could cut next."""
        if (proof := self.evidence.proof.next_of(self._queue, self._waiting)) is not None:
            return self.tokens.most(proof)
        if self._again:
            return self.tokens.most_of_all(self._again[0].entries)
        return self.tokens.bounds(self._queue[0], 1)[2][0]

    def settle(
        self,
        batch: Batch,
        outcome: Vectors | OpenRouterError,
        rows: Sequence[int] | None = None,
        faults: Mapping[int, VectorError] = NO_FAULTS,
        paid: int = 0,
    ) -> None:
        """Note what became of a batch.

        Args:
            batch: A batch that was taken.
            outcome: A matrix with the vectors of its inputs, or the error after all retries.
            rows: The rows of the matrix that belong to the inputs; None for all in order.
            faults: Why inputs have no vector after all, by their places in the batch.
            paid: How often the batch may have been paid for in vain.
        """
        self._open_batches -= 1
        self.evidence.suspicion.on_return(batch)
        for slot in batch.slots if paid else ():
            slot.paid += paid
        if isinstance(outcome, OpenRouterError):
            self._release(self.halving.on_refusal(batch))
            if self.evidence.is_outage(batch, outcome):
                self.stop(outcome)
            if self.stopped is None:
                self._refuse(batch, outcome, is_paid=paid > 0)
            else:
                _fail_late(batch, self.stopped, outcome, self.most_paid)
        else:
            self.evidence.on_answer()
            self._place(batch.slots if faults else batch.whole, outcome, rows, faults)
            self._release(self.halving.on_answer(batch))
            self._ask_again(batch, faults)
        if self.stopped is None:
            self._again.extendleft(self.evidence.suspicion.release(self._queue, self.halving))
            self._waiting = count_inputs(self._queue)

    def _place(
        self,
        entries: Sequence[Run | Slot],
        vectors: Vectors,
        rows: Sequence[int] | None,
        faults: Mapping[int, VectorError],
    ) -> None:
        in_order, place = range(len(vectors)) if rows is None else rows, 0
        for entry in entries:
            if place not in faults:
                entry.vectors, entry.row = vectors, in_order[place]
            place += len(entry.texts) if isinstance(entry, Run) else 1

    def _ask_again(self, batch: Batch, faults: Mapping[int, VectorError]) -> None:
        """Ask for bad vectors once more, alone; what may not be paid for again is a failure."""
        again: dict[bool, list[Slot]] = {False: [], True: []}
        for place, error in faults.items():
            slot = batch.slots[place]
            slot.paid += 1
            if slot.paid >= self.most_paid:
                slot.error = error
            elif self.stopped is None:
                again[error.undecodable].append(slot)
            else:
                slot.error = self.stopped
        for as_numbers, slots in again.items():
            if slots:
                part = Batch(slots, repeated=True, parted=True, as_numbers=as_numbers)
                self._again.append(part)

    def _release(self, part: Batch | None) -> None:
        """Let go what waited for another batch, if there is any."""
        if part is None:
            return
        if self.stopped is None:
            self._again.appendleft(part)
        else:
            _fail(part, self.stopped)

    def _refuse(self, batch: Batch, error: OpenRouterError, *, is_paid: bool) -> None:
        left = [slot for slot in batch.slots if slot.paid < self.most_paid]
        if is_paid and left:
            for slot in batch.slots:
                slot.error = error if slot.paid >= self.most_paid else None
            parts = self.halving.repeat(left, error)
            for part in parts:
                part.parted = batch.parted or len(parts) > 1
                part.as_numbers = batch.as_numbers or refuses_base64(error)
            self._again.extendleft(reversed(parts))
        elif parts := self.halving.fit(batch, error):
            self._again.extendleft(reversed(parts))
        elif is_fatal(error) or self._is_hopeless(batch, error):
            _fail(batch, error)
            self.stop(error)
        elif is_paid or is_pushback(error):
            _fail(batch, error)
        elif is_divisible(error) and len(batch) > 1:
            if batch.group is not None or not self.evidence.suspicion.holds(batch, error):
                self._again.appendleft(self.halving.divide(batch, error))
        elif self._shorten(batch.slots[0], error):
            pass
        elif may_pass(error):
            self._go_on_with(batch, error)
        else:
            _fail(batch, error)

    def _go_on_with(self, batch: Batch, error: OpenRouterError) -> None:
        """Find out whether the service is away, or something in a batch is why it failed."""
        several, evidence = len(batch) > 1, self.evidence
        alone = not (evidence.answered or self._queue or self._open_batches)
        in_doubt = several and (evidence.is_in_doubt or alone)
        if in_doubt and evidence.suspicion.holds(batch, error):
            return
        # What a part is of has failed twice already: there is no chance in it.
        if batch.rounds < _MOST_ROUNDS and not (several and batch.group is not None):
            batch.rounds += 1
            self._again.append(batch)
        elif several and evidence.answered:
            # Others are answered and this batch is not, again and again: something in it is why.
            self._again.appendleft(self.halving.divide(batch, error))
        else:
            _fail(batch, error)

    def _is_hopeless(self, batch: Batch, error: OpenRouterError) -> bool:
        """Count a failure; that of a last part says something of its input, not of the service."""
        if is_pushback(error):
            return False
        is_last = batch.group is not None and len(batch) == 1
        is_open = may_pass(error) or is_unexplained(error)
        if is_last and self.evidence.answered and is_open:
            self.evidence.on_last_part()
            return False
        return self.evidence.is_hopeless(batch, error, has_new=self._waiting >= LEAST_NEW)

    def _shorten(self, slot: Slot, error: OpenRouterError) -> bool:
        """Set a text aside that the caller wants cut because the service says it is too long."""
        text = slot.sent.wire
        if self.cutting is None or not isinstance(text, str) or not is_too_long(error):
            return False
        shorter = self.cutting.shorter(text, self.tokens.characters_per_token, slot.cuts)
        if shorter is None:
            return False
        slot.cuts += 1
        self.shortened[slot] = shorter
        return True

    def replace(self, slot: Slot, cut: Item, cached: Vectors | None) -> None:
        """Let a shorter text go in the place of one that is too long.

        Args:
            slot: The place.
            cut: The shorter text.
            cached: What the cache has of it, of shape ``(1, width)``, or None.
        """
        del self.shortened[slot]
        slot.cut, slot.vectors, slot.row, slot.cached = cut, cached, 0, cached is not None
        if cached is None:
            self.enqueue(slot)

    def stop(self, error: OpenRouterError) -> None:
        """End the run early: what was not sent fails with this error."""
        if self.stopped is not None:
            return
        self.stopped = error
        for batch in self._again:
            _fail(batch, error)
        for place in (*self._queue, *self.shortened, *self.evidence.suspicion.give_up()):
            for slot in place.slots:
                slot.error = error
        self.shortened.clear()
        self._again.clear()
        self._queue.clear()
        self._waiting = 0


def _fail(batch: Batch, error: OpenRouterError) -> None:
    for slot in (*batch.slots, *batch.held):
        slot.error = error


def _fail_late(batch: Batch, stopped: OpenRouterError, error: OpenRouterError, most: int) -> None:
    """Let what was under way at the end fail by the end, unless nothing could mend what is said."""
    _fail(batch, stopped)
    is_alone = len(batch) == 1 and is_divisible(error) and not may_pass(error)
    for slot in batch.slots:
        slot.error = error if is_alone or slot.paid >= most else stopped
