"""The look-ahead window of a bulk run: positions in their order, and inputs that are known. Pure.

The theory. Each input that comes in takes a position. Equal inputs share one `Slot`, from the first
of them on until the last one was handed out, and for a while longer, since the same text may come
again soon. Positions that the cache settled, which may be many in a row, stand as one `Cached`, and
texts of which none came before as one `Run`. A place is settled when it has a vector or an error,
whoever writes it there; positions leave in order, so `take_settled` hands out the longest settled
prefix and what is behind it waits. What has not left counts against the size of the window, which
bounds memory and how far ahead is read: by the number of inputs, and by their bytes.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._bulk.items import Cached, Run, Slot, count_inputs, weight_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openrouter_embeddings._base.types import Vectors

# A window of 10,000 vectors of 3,072 numbers would keep 120 MB; this is 1,400 of them.
_RECENT_BYTES = 16 * 2**20


@define(eq=False)
class Window:
    """The inputs of a run that were read and have not left, and those that left last.

    Attributes:
        size: The most positions in the window.
        most_bytes: The bytes of inputs with which it is full, and the most that are remembered.
        handed_out: How many positions have left.
        hits: How many of them the cache had.
        failures: How many of them have no vector.
        known: The places under way or remembered, by the keys of their inputs.
    """

    size: int
    most_bytes: float = math.inf
    handed_out: int = field(init=False, default=0)
    hits: int = field(init=False, default=0)
    failures: int = field(init=False, default=0)
    known: dict[str | bytes, Run | Slot] = field(init=False, factory=dict)
    _positions: deque[Run | Slot | Cached] = field(init=False, factory=deque)
    _held: int = field(init=False, default=0)
    _held_bytes: int = field(init=False, default=0)
    _recent: deque[Run | Slot] = field(init=False, factory=deque)
    _remembered: int = field(init=False, default=0)
    _remembered_bytes: int = field(init=False, default=0)

    @property
    def room(self) -> int:
        """How many more inputs may come in now, as long as they are short."""
        is_full = self._held_bytes >= self.most_bytes
        return 0 if is_full else max(0, self.size - self._held)

    def add(self, new: Slot) -> bool:
        """Take the next input, and say whether it is new; equal ones share a slot."""
        slot = self.known.setdefault(new.key, new)
        if isinstance(slot, Run):
            slot = self.known[new.key] = slot.find(str(new.wire))
        if slot is new:
            slot.position = self.handed_out + self._held
        if not slot.uses:
            self._held_bytes += slot.weight
        slot.uses += 1
        self._positions.append(slot)
        self._held += 1
        return slot is new

    def add_run(self, run: Run) -> None:
        """Take the next inputs, of which none is known."""
        run.position = self.handed_out + self._held
        self.known.update(dict.fromkeys(run.texts, run))
        self._positions.append(run)
        self._held += len(run.texts)
        self._held_bytes += run.weight

    def add_cached(self, vectors: Vectors) -> None:
        """Take the next inputs, of which the cache had the vectors."""
        self._positions.append(Cached(vectors))
        self._held += len(vectors)

    def add_failure(self, slot: Slot) -> None:
        """Take an input that cannot be sent, with its error."""
        slot.uses = 1
        self._positions.append(slot)
        self._held += 1
        self._held_bytes += slot.weight

    def take_settled(self) -> list[Run | Slot | Cached]:
        """Hand out the longest prefix of positions that is settled."""
        out, positions, count = list[Run | Slot | Cached](), self._positions, 0
        while positions:
            entry = positions[0]
            if isinstance(entry, Run) and entry.parts is not None:
                self._replace_first(entry.parts)
            elif (leaving := self._leave(entry)) > 0:
                out.append(positions.popleft())
                count += leaving
            else:
                break
        self._held -= count
        self.handed_out += count
        return out

    def _replace_first(self, parts: Sequence[Run | Slot]) -> None:
        """Let the parts of a run take its position."""
        self._positions.popleft()
        self._positions.extendleft(reversed(parts))
        self.known.update({part.key: part for part in parts if isinstance(part, Slot)})

    def _leave(self, entry: Run | Slot | Cached) -> int:
        """Count the positions that leave with a place; none while it is open."""
        if isinstance(entry, Cached):
            self.hits += len(entry.vectors)
            return len(entry.vectors)
        if isinstance(entry, Run):
            if entry.vectors is None:
                return 0
            self._held_bytes -= entry.weight
            return self._remember(entry, entry.vectors)
        if entry.vectors is None and entry.error is None:
            return 0
        self.hits += entry.cached
        self.failures += entry.vectors is None
        entry.uses -= 1
        if entry.uses == 0:
            self._retire(entry)
        return 1

    def _retire(self, slot: Slot) -> None:
        self._held_bytes -= slot.weight
        if slot.vectors is None:
            self._forget([slot.key], slot)
            return
        if slot.remembered:
            # What comes again and again must not keep the other vectors of its reply in memory.
            slot.vectors, slot.row = slot.vectors[slot.row : slot.row + 1].copy(), 0
        slot.remembered += 1
        self._remember(slot, slot.vectors)

    def _remember(self, entry: Run | Slot, vectors: Vectors) -> int:
        """Remember vectors for a while longer, since the same inputs may come again; count them."""
        fitting = _RECENT_BYTES // max(1, vectors[0].nbytes)
        most = min(self.size, max(1, fitting))
        self._recent.append(entry)
        self._remembered += (count := count_inputs([entry]))
        self._remembered_bytes += entry.weight
        while (excess := self._remembered - most) > 0 or self._remembered_bytes > self.most_bytes:
            self._forget_oldest(max(1, excess))
        return count

    def _forget_oldest(self, most: int) -> None:
        old = self._recent[0]
        if isinstance(old, Run):
            gone = old.texts[old.forgotten : old.forgotten + most]
            old.forgotten += len(gone)
            self._remembered_bytes -= weight_of(gone)
            self._forget(gone, old.origin() if old.origin else old)
        else:
            gone, old.remembered = [""], old.remembered - 1
            self._remembered_bytes -= old.weight
            if old.uses == old.remembered == 0:
                self._forget([old.key], old)
        self._remembered -= len(gone)
        if isinstance(old, Slot) or old.forgotten == len(old.texts):
            self._recent.popleft()

    def _forget(self, keys: Sequence[str | bytes], place: Run | Slot | None) -> None:
        for key in keys:
            if key in self.known and self.known[key] is place:
                del self.known[key]
