"""What refusals lead to: halves that wait for each other, a smaller size, or the end. Pure.

The theory. A refusal that names nobody is narrowed down: the batch is cut in two, the first half is
sent, the second held until the first is answered. Of two halves of a batch that was refused for its
content, one must be to blame: when the first is answered, the second is cut up at once and not sent
as a whole. One bad input among n costs 2 log2(n) + 1 more requests at the most.

Where a refusal says in words how many inputs a request may have, its batch is cut to that at once.

When both halves of a batch are answered, it was its size that was refused, and the run keeps to the
smaller one from there on. Until that is known, no other batch of the doubtful size is to go out;
a batch that was answered whole settles the doubt.

What may have been paid for goes out once more, and so at once in its last form: a batch that ran
out of time in parts that fit by what others took, inputs that got one vector for all of them one by
one. A second such vector, and the run goes on with single inputs.

Refusals and failures in a row say whether anything gets by at all; an answer ends the row.

A text that is longer than the model takes is cut where that is wanted. How much fits is known
roughly: the listing says how many tokens a model takes, and the run learns how many characters a
token has. So the first cut goes there, the next ones somewhat below, and then down by halves, until
the service accepts the text. A cut text is cached under its own key, never under that of the whole
one, and every cut is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from openrouter_embeddings._bulk.items import Batch, Group
from openrouter_embeddings._request.verdicts import (
    blames_content,
    is_aggregated,
    is_divisible,
    named_limit,
    ran_out_of_time,
)

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.items import Slot
    from openrouter_embeddings.errors import OpenRouterError

# Each of them had all its attempts already, with the waits between them.
_OUTAGE = 3
# Once others were answered: three texts that a model falls over make three batches fail at once,
# and their parts after them.
_LATER_OUTAGE = 10
# A batch of 1,000 whose first input is bad is refused 11 times before anything is answered; this is
# almost three times that.
_REFUSALS = 32
# Once others were answered: two batches of nothing but bad inputs take four refusals for each input
# of one until they are told apart.
_REFUSALS_PER_INPUT = 4
# The parts of a batch that ran out of time: each may be paid for once more and no more, so they are
# to be well within the time.
_PARTS = 4
# One vector for a list may be an accident; twice it is the model's way.
_SURE = 2


@define(eq=False)
class Halving:
    """What refused batches become, and what they say of the size.

    Attributes:
        max_batch: The most inputs of a batch; shrinks when the service refuses a size.
        doubts_size: Whether it may be the size of batches that is refused.
    """

    max_batch: int
    doubts_size: bool = field(init=False, default=False)
    _answered_whole: bool = field(init=False, default=False)
    _largest_answered: int = field(init=False, default=0)
    _aggregated: int = field(init=False, default=0)

    def divide(self, batch: Batch, error: OpenRouterError) -> Batch:
        """Return the first half of a refused batch, which holds the second."""
        self.doubts_size = not self._answered_whole
        return _halve(batch.slots, error)

    def fit(self, batch: Batch, error: OpenRouterError) -> list[Batch]:
        """Cut a batch to the size that its refusal names, and keep to that; nothing if it fits."""
        named = named_limit(error)
        if named is None or named >= len(batch.slots):
            return []
        self.max_batch, self.doubts_size = min(self.max_batch, named), False
        return [Batch(part) for part in _parts(batch.slots, named)]

    def on_answer(self, batch: Batch) -> Batch | None:
        """Learn from an answered batch, and return what may go out now that waited for it."""
        group = batch.group
        self._largest_answered = max(self._largest_answered, len(batch.slots))
        if batch.repeated:
            return None
        if group is None:
            self._answered_whole, self.doubts_size = True, False
            return None
        group.answered += len(batch.slots)
        if group.answered == group.size:
            self.max_batch = min(self.max_batch, max(1, (group.size + 1) // 2))
            self.doubts_size = False
        if not batch.held:
            return None
        if blames_content(group.error) and len(group.second) > 1:
            return _halve(group.second, group.error, group)
        return Batch(group.second, group)

    def repeat(self, slots: list[Slot], error: OpenRouterError) -> list[Batch]:
        """Write inputs that may have been paid for in vain as what they are asked for as again."""
        size = len(slots)
        if size > 1 and is_aggregated(error):
            self._aggregated += 1
            self.doubts_size = not self._answered_whole
            if self._aggregated >= _SURE:
                self.max_batch, self.doubts_size = 1, False
            size = 1
        elif size > 1 and ran_out_of_time(error):
            size = self._fitting(size)
        return [Batch(part, repeated=True) for part in _parts(slots, size)]

    def _fitting(self, size: int) -> int:
        """Return how many inputs are answered in time: a quarter, where nothing is known."""
        if self._largest_answered >= size:
            return max(1, size // _PARTS)
        fitting = self._largest_answered or max(1, size // _PARTS)
        self.max_batch = min(self.max_batch, fitting)
        return fitting

    def on_refusal(self, batch: Batch) -> Batch | None:
        """Return what waited for a refused batch: both halves may hold somebody to blame."""
        if batch.group is None or not batch.first:
            return None
        batch.first = False
        return Batch(batch.group.second, batch.group)


def _parts(slots: list[Slot], size: int) -> list[list[Slot]]:
    return [slots[start : start + size] for start in range(0, len(slots), size)]


def _halve(slots: list[Slot], error: OpenRouterError, parent: Group | None = None) -> Batch:
    middle = len(slots) // 2
    group = Group(len(slots), error, slots[middle:])
    if parent is not None:
        # Both halves answered after all: then the size was refused, in the parent already.
        group.size, group.answered = parent.size, parent.answered
    return Batch(slots[:middle], group, first=True)


@define(eq=False)
class Evidence:
    """The failures since the last answer.

    Attributes:
        max_batch: The most inputs of a batch, as the caller bounds them.
        answered: Whether anything was answered at all.
    """

    max_batch: int
    _outages: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)
    answered: bool = field(init=False, default=False)

    def on_answer(self) -> None:
        """Note that a batch was answered."""
        self._outages = self._refusals = 0
        self.answered = True

    def on_cure(self) -> None:
        """Note that the cause of a refusal is known, and can be mended."""
        self._refusals = 0

    def is_hopeless(self, error: OpenRouterError) -> bool:
        """Count a failure, and say whether the run is to end with it."""
        if not is_divisible(error):
            self._outages += 1
            return self._outages >= (_LATER_OUTAGE if self.answered else _OUTAGE)
        self._refusals += 1
        more = _REFUSALS_PER_INPUT * self.max_batch if self.answered else 0
        return self._refusals >= _REFUSALS + more


MOST_CUTS = 12
_SHARE = 0.95
_GENTLE = (0.9, 0.8, 0.65)
_HALF = 0.5


@frozen
class Cutting:
    """How texts that are too long are cut.

    Attributes:
        context: The most tokens that the model takes, or None where that is unknown.
    """

    context: int | None = None

    def shorter(self, text: str, characters_per_token: float, cuts: int) -> str | None:
        """Cut a text that was refused, or return None where that leads nowhere.

        Args:
            text: What was refused.
            characters_per_token: What is known of the ratio.
            cuts: How often it was cut before.
        """
        if cuts >= MOST_CUTS:
            return None
        known = self.context is not None and cuts < len(_GENTLE)
        fitting = len(text) * (_GENTLE[cuts] if known else _HALF)
        if self.context is not None and not cuts:
            fitting = min(fitting, self.context * characters_per_token * _SHARE)
        return text[: int(fitting)].rstrip() or None
