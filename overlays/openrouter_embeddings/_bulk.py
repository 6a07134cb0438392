"""A bulk run as data: which inputs go into which request, and what becomes of each. Pure.

The theory. Inputs come in one by one and get a `Slot` each; equal inputs within the look-ahead
window share one, and a slot that the cache knows is settled at once. Open slots wait in a queue.
`take` cuts the next `Batch` from it: by count, bytes and estimated tokens, one kind of input at a
time. The runner sends it and brings the outcome back to `settle`:

    vectors                     every slot of the batch is settled
    refused, several inputs     halves; the first is sent, the second held until it is answered
    refused, one input          its failure, with the service's words
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
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from openrouter_embeddings import _checks
from openrouter_embeddings._retry import is_transient
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

Kind = Literal["text", "tokens", "content"]

_CHARACTERS_PER_TOKEN = 4.0
_OUTAGE = 3
_REFUSALS = 32
_MOST_ROUNDS = 1


@frozen
class Limits:
    """Bounds of a bulk run.

    Attributes:
        max_batch: The most inputs in one request.
        max_bytes: The most bytes of inputs in one request; a larger input travels alone.
        max_tokens: The most estimated tokens in one request; a larger input travels alone.
        max_in_flight: The most requests at one time; the run begins with fewer.
        window: The most inputs that are held at one time, which bounds the memory; as many vectors
            are remembered after they are handed out, for inputs that come again.
    """

    max_batch: int = 100
    max_bytes: int = 4_000_000
    max_tokens: int = 100_000
    max_in_flight: int = 16
    window: int = 10_000

    def __attrs_post_init__(self) -> None:
        """Refuse bounds that nothing fits into."""
        for name in ("max_batch", "max_bytes", "max_tokens", "max_in_flight", "window"):
            _checks.whole_number(f"Limits.{name}", getattr(self, name), least=1)


@frozen(eq=False)
class Item:
    """One input, checked.

    Attributes:
        wire: The input as the contract has it.
        kind: Its kind; a request carries one.
        key: What tells it apart from other inputs.
        size: Its size in bytes, about.
        tokens: Its length in tokens if that is known, else None.
    """

    wire: object
    kind: Kind
    key: bytes
    size: int
    tokens: int | None = None


@define(eq=False)
class Slot:
    """A place for one vector, which equal inputs share.

    Attributes:
        item: The input.
        vector: Its vector, once it is there.
        error: Why there is none, once that is known.
        cached: The vector came from the cache.
        uses: How many positions in the window wait for it.
    """

    item: Item
    vector: NDArray[np.float32] | None = None
    error: OpenRouterError | None = None
    cached: bool = False
    uses: int = 0

    @property
    def settled(self) -> bool:
        """Say whether it is known what becomes of it."""
        return self.vector is not None or self.error is not None


@define(eq=False)
class _Group:
    """A batch that was refused, and its two halves."""

    size: int
    error: OpenRouterError
    second: list[Slot]
    answered: int = 0

    @property
    def blames_content(self) -> bool:
        """Say whether one of its inputs must be to blame, as opposed to their number or chance."""
        return isinstance(self.error, BadRequestResponseError | ForbiddenResponseError)

    @property
    def may_be_size(self) -> bool:
        """Say whether the service may have refused the number of inputs."""
        return not isinstance(self.error, VectorError)


@define(eq=False)
class Batch:
    """What goes into one request.

    Attributes:
        slots: The places of its inputs.
        group: The refused batch that it is a half of, or None.
        first: It is the first half, whose outcome the second one waits for.
        rounds: How many logical requests were made for it in vain.
    """

    slots: list[Slot]
    group: _Group | None = None
    first: bool = False
    rounds: int = 0

    @property
    def kind(self) -> Kind:
        """The kind of its inputs."""
        return self.slots[0].item.kind

    @property
    def inputs(self) -> list[object]:
        """Its inputs as the contract has them."""
        return [slot.item.wire for slot in self.slots]


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
        stopped: Why the run is over before its end, or None.
    """

    limits: Limits
    max_batch: int = field(init=False)
    characters_per_token: float = field(init=False, default=_CHARACTERS_PER_TOKEN)
    stopped: OpenRouterError | None = field(init=False, default=None)
    from_cache: int = field(init=False, default=0)
    _positions: deque[Slot] = field(init=False, factory=deque)
    _known: dict[bytes, Slot] = field(init=False, factory=dict)
    _recent: deque[Slot] = field(init=False, factory=deque)
    _queue: deque[Slot] = field(init=False, factory=deque)
    _again: deque[Batch] = field(init=False, factory=deque)
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
        return not self._out and not self._queue and not self._again

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
        size, tokens = slots[0].item.size, self.tokens_of(slots[0].item)
        while self._queue and len(slots) < self.max_batch:
            item = self._queue[0].item
            size, tokens = size + item.size, tokens + self.tokens_of(item)
            fits = size <= self.limits.max_bytes and tokens <= self.limits.max_tokens
            if item.kind != slots[0].item.kind or not fits:
                break
            slots.append(self._queue.popleft())
        return Batch(slots)

    def next_tokens(self) -> float:
        """Estimate the tokens of the batch that `take` would cut next."""
        if self._again:
            return sum(self.tokens_of(slot.item) for slot in self._again[0].slots)
        ahead = islice(self._queue, self.max_batch)
        return min(sum(self.tokens_of(slot.item) for slot in ahead), float(self.limits.max_tokens))

    def tokens_of(self, item: Item) -> float:
        """Estimate the tokens of an input."""
        return item.size / self.characters_per_token if item.tokens is None else item.tokens

    def learn(self, batch: Batch, tokens: int | None) -> None:
        """Learn how many characters a token has, from the service's own count."""
        if not tokens or batch.kind != "text":
            return
        sizes, counts = self._counted
        self._counted = sizes + sum(slot.item.size for slot in batch.slots), counts + tokens
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

    def _release(self, group: _Group, *, known_bad: bool) -> None:
        """Let the second half go: whole, or in halves when it must be the one to blame."""
        if self.stopped is not None:
            self._fail(group.second, self.stopped)
        elif known_bad and len(group.second) > 1:
            self._divide(group.second, group.error, parent=group)
        else:
            self._again.appendleft(Batch(group.second, group))

    def _divide(
        self, slots: list[Slot], error: OpenRouterError, parent: _Group | None = None
    ) -> None:
        middle = len(slots) // 2
        group = _Group(len(slots), error, slots[middle:])
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
        elif batch.rounds < _MOST_ROUNDS and _may_pass(error):
            batch.rounds += 1
            self._again.append(batch)
        else:
            self._fail(batch.slots, error)

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
        if slot.vector is not None:
            self._recent.append(slot)
        elif self._known.get(slot.item.key) is slot:
            del self._known[slot.item.key]
        while len(self._recent) > self.limits.window:
            old = self._recent.popleft()
            if old.uses == 0:
                self._known.pop(old.item.key, None)


def _may_pass(error: OpenRouterError) -> bool:
    """Say whether a batch deserves a second round: others go on, so the service is there."""
    paid = isinstance(error, NoResponseError) and error.begun
    return is_transient(error) and not paid
