"""The look-ahead window of a bulk run: positions in their order, and inputs that are known. Pure.

The theory. Each input that comes in takes a position. Equal inputs share one `Slot`, from the first
of them on until the last one was handed out, and for a while longer, since the same text may come
again soon. Positions that the cache settled, which may be many in a row, stand as one `Cached`.
A slot is settled when it has a vector or an error, whoever writes it there; positions leave in
order, so `take_settled` hands out the longest settled prefix and what is behind it waits. What has
not left counts against the size of the window, which bounds memory and how far ahead is read.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._bulk.items import Cached, Slot

if TYPE_CHECKING:
    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings.errors import OpenRouterError

# A window of 10,000 vectors of 3,072 numbers would keep 120 MB; this is 1,400 of them.
_RECENT_BYTES = 16 * 2**20


@define(eq=False)
class Window:
    """The inputs of a run that were read and have not left, and those that left last.

    Attributes:
        size: The most positions in the window.
        handed_out: How many positions have left.
        known: The slots under way or remembered, by the keys of their inputs.
    """

    size: int
    handed_out: int = field(init=False, default=0)
    known: dict[str | bytes, Slot] = field(init=False, factory=dict)
    _positions: deque[Slot | Cached] = field(init=False, factory=deque)
    _held: int = field(init=False, default=0)
    _recent: deque[Slot] = field(init=False, factory=deque)
    _most_recent: int = field(init=False, default=0)

    @property
    def room(self) -> int:
        """How many more inputs may come in now."""
        return max(0, self.size - self._held)

    def add(self, new: Slot) -> bool:
        """Take the next input, and say whether it is new; equal ones share a slot."""
        slot = self.known.setdefault(new.key, new)
        if slot is new:
            slot.position = self.handed_out + self._held
        slot.uses += 1
        self._positions.append(slot)
        self._held += 1
        return slot is new

    def add_cached(self, vectors: Vectors) -> None:
        """Take the next inputs, of which the cache had the vectors."""
        self._positions.append(Cached(vectors))
        self._held += len(vectors)

    def add_failure(self, item: Item, error: OpenRouterError) -> None:
        """Take an input that cannot be sent."""
        self._positions.append(Slot(item.wire, item.kind, item.key, item.size, error=error, uses=1))
        self._held += 1

    def take_settled(self) -> list[Slot | Cached]:
        """Hand out the longest prefix of positions that is settled."""
        out, positions, count = list[Slot | Cached](), self._positions, 0
        while positions:
            entry = positions[0]
            if isinstance(entry, Cached):
                count += len(entry.vectors)
            elif entry.vectors is None and entry.error is None:
                break
            else:
                count += 1
                entry.uses -= 1
                if entry.uses == 0:
                    self._retire(entry)
            out.append(positions.popleft())
        self._held -= count
        self.handed_out += count
        return out

    def _retire(self, slot: Slot) -> None:
        """Remember a vector for a while longer: the same input may come again soon."""
        if slot.vectors is None:
            self._forget(slot)
            return
        if self._most_recent == 0:
            fitting = _RECENT_BYTES // max(1, slot.vectors[0].nbytes)
            self._most_recent = min(self.size, max(1, fitting))
        if slot.remembered:
            # What comes again and again must not keep the other vectors of its reply in memory.
            slot.vectors, slot.row = slot.vectors[slot.row : slot.row + 1].copy(), 0
        self._recent.append(slot)
        slot.remembered += 1
        if len(self._recent) > self._most_recent:
            old = self._recent.popleft()
            old.remembered -= 1
            if old.uses == old.remembered == 0:
                self._forget(old)

    def _forget(self, slot: Slot) -> None:
        if self.known.get(slot.key) is slot:
            del self.known[slot.key]
