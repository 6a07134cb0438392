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
out of time in parts that fit by what others took, any other one by single inputs, since one of them
may be why it failed and the others have no third time. A second batch that got one vector for all
of its inputs, and the run goes on with single ones.

Failures in a row say whether the service is there at all; an answer ends the row. Refusals do not:
they are about inputs, however many. But while nothing was answered and nothing is known from the
cache, a refusal may be about the settings, which all requests have in common. Then refused batches
are held back, and single inputs go out, one at a time, from far apart. One that is answered clears
the settings, and what was held is divided as ever, which costs one request more than without. Eight
that are refused in the same words are the end of the run. In the same way single inputs tell an
outage from a model that falls over one input in each of the first batches: two where some of the
run was not sent yet, five where all of it failed already.

Failures in a row may be about inputs that stand together, and then they say nothing of the service.
So they are no verdict as long as many inputs were never sent: three of these, from far apart, go
out alone, and nothing else until they are back. One that is answered, or refused for what it says,
shows that the service is there; three that fail as well are an outage. Where nearly all were sent,
there is no such proof, and what failed is narrowed down for longer: the end is near in any case.

A text that is longer than the model takes is cut where that is wanted. How much fits is known
roughly: the listing says how many tokens a model takes, and the run learns how many characters a
token has. So the first cut goes there, the next ones somewhat below, and then down by halves, until
the service accepts the text. A cut text is cached under its own key, never under that of the whole
one, and every cut is reported.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from openrouter_embeddings._bulk.items import Batch, Group
from openrouter_embeddings._request.verdicts import (
    blames_content,
    is_aggregated,
    is_divisible,
    is_pushback,
    is_unexplained,
    may_be_settings,
    may_have_cost,
    may_pass,
    named_limit,
    ran_out_of_time,
    words_of,
)

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.items import Run, Slot
    from openrouter_embeddings.errors import OpenRouterError

# Each of them had all its attempts already, with the waits between them.
_OUTAGE = 3
# Single inputs among the failures, from far apart: of 1,000 texts with 40 that a model falls over,
# two are both bad once in 600 times.
_ALONE = 2
# Where all of the run failed already: five at golden sections leave no gap of a quarter.
_ALONE_OF_ALL = 5
# Once others were answered: three texts that a model falls over make three batches fail at once,
# and their parts after them.
_LATER_OUTAGE = 10
# Inputs that were never sent: of 1,000 texts with 40 that a model falls over, three are all bad
# once in 15,000 times. They go out at once, so that three cost no more time than one.
_PROOFS = 3
# Of so many, forty that stand together cover no three golden sections.
LEAST_NEW = 65
# Once others were answered and all were sent: forty bad inputs that stand together make about fifty
# batches of two and more fail in a row on their way to single inputs.
_LAST_OUTAGE = 64
# Single inputs that were paid for with their batch, and then alone, in vain each time: so many that
# break a reply may stand together, and a service that breaks all of them costs no more.
_BROKEN = 32
# Once others were answered: two batches of nothing else, of 100 each.
_LATER_BROKEN = 232
# Single inputs: with the four batches that a run begins with they make twelve requests.
_SCOUTS = 8
# Single inputs that were all refused, in words that differ: somebody quotes them.
_MOST_UNLIKE = 1_000
# The golden section: eight inputs that are taken there, one after the other, are spread evenly.
_SPREAD = 0.618
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
        if len(batch) == 1:
            return batch
        self.doubts_size = not self._answered_whole
        return _halve(batch.slots, error)

    def fit(self, batch: Batch, error: OpenRouterError) -> list[Batch]:
        """Cut a batch to the size that its refusal names, and keep to that; nothing if it fits."""
        named = named_limit(error)
        if named is None or named >= len(batch):
            return []
        self.max_batch, self.doubts_size = min(self.max_batch, named), False
        return [Batch(part) for part in _parts(batch.slots, named)]

    def on_answer(self, batch: Batch) -> Batch | None:
        """Learn from an answered batch, and return what may go out now that waited for it."""
        group = batch.group
        self._largest_answered = max(self._largest_answered, len(batch))
        if batch.repeated:
            return None
        if group is None:
            self._answered_whole, self.doubts_size = True, False
            return None
        group.answered += len(batch)
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
        if len(slots) > 1 and is_aggregated(error):
            self._on_aggregated()
        size = self._last_size(len(slots), error)
        return [Batch(part, repeated=True) for part in _parts(slots, size)]

    def _last_size(self, size: int, error: OpenRouterError) -> int:
        if size > 1 and ran_out_of_time(error):
            return self._fitting(size)
        # What ended in a refusal that is free has not had its last time.
        return 1 if may_have_cost(error) else size

    def _on_aggregated(self) -> None:
        self._aggregated += 1
        self.doubts_size = not self._answered_whole
        if self._aggregated >= _SURE:
            self.max_batch, self.doubts_size = 1, False

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
class Suspicion:
    """Whether it is the settings that are refused, and not inputs; see the theory above.

    Attributes:
        cleared: The settings are good: something was answered, or the cache has it.
        knows_all: The last single input was one of those that had failed already.
    """

    cleared: bool = field(init=False, default=False)
    knows_all: bool = field(init=False, default=False)
    _held: deque[Group] = field(init=False, factory=deque)
    _scout: Batch | None = field(init=False, default=None)
    _scouts_left: int = field(init=False, default=_SCOUTS)
    _refused: Counter[str] = field(init=False, factory=Counter)

    @property
    def held(self) -> list[Slot]:
        """The places that wait for the verdict."""
        return [slot for group in self._held for slot in group.second]

    @property
    def can_ask(self) -> bool:
        """Say whether single inputs may tell something new, the one that is out included."""
        return not self.cleared and (self._scouts_left > 0 or self._scout is not None)

    def holds(self, batch: Batch, error: OpenRouterError) -> bool:
        """Keep a refused batch back, if that may help."""
        if not self.can_ask or not (may_be_settings(error) or may_pass(error)):
            return False
        self._held.append(Group(len(batch), error, batch.slots))
        return True

    def release(self, queue: deque[Run | Slot], halving: Halving) -> list[Batch]:
        """Return what may go out: the next single input, or all that was held where that is over.

        Args:
            queue: What waits to be sent; every other input is its last one, which is likely to be
                of another sort than the first ones.
            halving: Divides what was held.
        """
        if not self._held or (self._scout is not None and not self.cleared):
            return []
        if self.cleared or not self._scouts_left:
            held, self._held = self._held, deque()
            return [halving.divide(Batch(each.second), each.error) for each in held]
        self._scouts_left -= 1
        self.knows_all = not queue
        if queue and self._scouts_left % 2:
            *rest, slot = queue.pop().slots
            queue.extend(rest)
        else:
            slot = self._take()
        self._scout = Batch([slot], repeated=True)
        return [self._scout]

    def _take(self) -> Slot:
        group = self._held.popleft()
        place = int(len(group.second) * _SPREAD)
        slot = group.second[place]
        group.second = [*group.second[place + 1 :], *group.second[:place]]
        if group.second:
            self._held.append(group)
        return slot

    def give_up(self) -> list[Slot]:
        """Take all that was held: the run is over."""
        held = self.held
        self._held.clear()
        return held

    def on_return(self, batch: Batch) -> None:
        """Note that a batch came back, whatever came of it."""
        if batch is self._scout:
            self._scout = None

    def confirms(self, error: OpenRouterError) -> bool:
        """Count the refusal of a single input, and say whether it is the settings."""
        if self.cleared or not may_be_settings(error):
            return False
        self._refused[words_of(error)] += 1
        alike, all_of_them = self._refused[words_of(error)], self._refused.total()
        if alike < _SCOUTS and all_of_them < _MOST_UNLIKE:
            return False
        note = f"The service refused {all_of_them} different inputs so, and has answered none."
        error.hint = f"{error.hint} {note}" if error.hint else note
        return True


@define(eq=False)
class Proof:
    """Whether inputs that were never sent fail as well; see the theory above.

    Attributes:
        wanted: Whether the service is in doubt.
    """

    wanted: bool = field(init=False, default=False)
    _out: set[Batch] = field(init=False, factory=set)
    _failed: int = field(init=False, default=0)

    @property
    def waits(self) -> bool:
        """Say whether inputs are out whose outcome decides."""
        return self.wanted and bool(self._out)

    def place_of(self, waiting: int) -> int | None:
        """Return the place, among so many inputs that were never sent, of the next to go out.

        Args:
            waiting: How many there are.
        """
        asked = len(self._out) + self._failed
        wants_more = self.wanted and asked < _PROOFS and waiting >= LEAST_NEW
        return int((asked + 1) * _SPREAD % 1 * waiting) if wants_more else None

    def next_of(self, queue: deque[Run | Slot], waiting: int) -> Slot | None:
        """Return that input, or None; all of them have a place of their own in the queue then."""
        place = self.place_of(waiting)
        if place is None:
            return None
        slots = [slot for entry in queue for slot in entry.slots]
        queue.clear()
        queue.extend(slots)
        return slots[place]

    def send(self, slot: Slot) -> Batch:
        """Make the request for that input."""
        batch = Batch([slot], repeated=True)
        self._out.add(batch)
        return batch

    def settle(self) -> None:
        """Note that the service is there."""
        self.wanted, self._failed = False, 0
        self._out.clear()

    def fails(self, batch: Batch, error: OpenRouterError) -> bool:
        """Note that a batch failed, and say whether that makes the outage sure."""
        if batch not in self._out:
            return False
        self._out.remove(batch)
        self._failed += 1
        judged = is_divisible(error) and not is_unexplained(error)
        if judged or is_pushback(error):
            self.settle()
        return self._failed >= _PROOFS


@define(eq=False)
class Evidence:
    """The failures since the last answer.

    Attributes:
        suspicion: Whether it is the settings that are refused.
        proof: Whether inputs that were never sent fail as well.
        answered: Whether anything was answered at all.
    """

    suspicion: Suspicion = field(init=False, factory=Suspicion)
    proof: Proof = field(init=False, factory=Proof)
    answered: bool = field(init=False, default=False)
    _last_parts: int = field(init=False, default=0)
    _outages: int = field(init=False, default=0)
    _broken: int = field(init=False, default=0)
    _alone: int = field(init=False, default=0)

    def on_answer(self) -> None:
        """Note that a batch was answered."""
        self.answered = self.suspicion.cleared = True
        self.proof.settle()
        self._forget()

    def _forget(self) -> None:
        self._outages = self._broken = self._last_parts = 0

    def on_last_part(self) -> None:
        """Note that a single input of a batch that was divided failed."""
        self._last_parts += 1
        self.proof.wanted |= self._outages + self._last_parts >= _LATER_OUTAGE

    def is_outage(self, batch: Batch, error: OpenRouterError) -> bool:
        """Take note of a failure of inputs that were never sent before, if they are such."""
        was_wanted = self.proof.wanted
        is_sure = self.proof.fails(batch, error)
        if was_wanted and not self.proof.wanted:
            self._forget()
        return is_sure

    def is_hopeless(self, batch: Batch, error: OpenRouterError, *, has_new: bool = False) -> bool:
        """Count a failure, and say whether the run is to end with it.

        What is refused for its content says nothing of whether the service is there.

        Args:
            batch: What failed.
            error: Why.
            has_new: Whether there are inputs that were never sent: these decide.
        """
        may_be_outage = self.answered and is_unexplained(error)
        if is_divisible(error) and not may_be_outage:
            return len(batch) == 1 and self.suspicion.confirms(error)
        is_slow = ran_out_of_time(error)
        if batch.parted and len(batch) == 1 and not is_slow:
            self._broken += 1
            last = _LATER_BROKEN if self.answered else _BROKEN
            return self._doubt(self._broken, _BROKEN, last, has_new=has_new)
        self._outages += 1
        self._alone += len(batch) == 1 and not batch.rounds
        # What had its last time: no single input of it can be asked for.
        had_last = batch.parted and is_slow
        if had_last or self.answered or not self.suspicion.can_ask:
            first = _LATER_OUTAGE if self.answered else _OUTAGE
            last = _LAST_OUTAGE if self.answered else _OUTAGE
            return self._doubt(self._outages, first, last, has_new=has_new)
        enough = _ALONE_OF_ALL if self.suspicion.knows_all else _ALONE
        return self.is_in_doubt and self._alone >= enough

    def _doubt(self, failures: int, first: int, last: int, *, has_new: bool) -> bool:
        self.proof.wanted |= failures + self._last_parts >= first
        return failures >= last and not (has_new or self.proof.waits)

    @property
    def is_in_doubt(self) -> bool:
        """Say whether the service seems to be away, or each batch may have held a bad input."""
        return not self.answered and self._outages >= _OUTAGE


MOST_CUTS = 12
_SHARE = 0.95
_GENTLE = (0.9, 0.8, 0.65)
_HALF = 0.5


@frozen
class Cutting:
    """How texts that are too long are cut.

    Attributes:
        context: The most tokens that the model takes, or None where that is unknown.
        before: How many characters stand before each text that are none of its own.
    """

    context: int | None = None
    before: int = 0

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
        shorter = text[: int(fitting)].rstrip()
        return shorter if len(shorter) > self.before else None
