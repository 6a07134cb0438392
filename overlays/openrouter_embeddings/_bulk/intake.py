"""Inputs on their way in: read, looked for in the cache, placed in the window, queued. Pure.

The theory. Inputs are read in chunks, and each chunk is one question to the cache; the answers come
back in the order of the questions. As many inputs are read as the window has room for and the
requests need: twice what can be in flight, so that no request waits for the source. While a pinned
run knows no provider yet, the first batch alone is read, since nobody knows which cached vectors
would fit. Where the cache had all of a chunk, the next ones are larger.

An input that the window knows, or that the cache has, is not queued. A text that was too long comes
by once more in its shorter form, as a question of its own, for which the others wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import define, field

from openrouter_embeddings._base import arguments
from openrouter_embeddings._bulk.items import Run, Slot
from openrouter_embeddings._bulk.reader import Chunk
from openrouter_embeddings.cache import Hits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.attempts import Attempts
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings._bulk.ledger import Ledger
    from openrouter_embeddings._bulk.reader import Reader
    from openrouter_embeddings._bulk.space import Space
    from openrouter_embeddings._bulk.window import Window

# Few enough that the first request waits for milliseconds, enough that a question costs little.
_READ_AT_ONCE = 500
# One that the cache works on, and one that it finds when it is done.
_MOST_QUESTIONS = 2
# Seconds that inputs wait for a slow source to fill their batch, while nothing else is under way:
# 200 inputs a second still fill batches of 100, and nobody waits longer for the first vectors.
_LINGER = 0.5


@define(eq=False)
class Intake:
    """What leads inputs into a run.

    Attributes:
        max_in_flight: The most requests at a time.
        reader: Goes through the inputs.
        space: Says which vectors of the cache fit.
        window: Where they wait for their turn to leave.
        ledger: Where they wait to be sent.
    """

    max_in_flight: int
    reader: Reader
    space: Space
    window: Window
    ledger: Ledger
    _questions: int = field(init=False, default=0)
    _inputs_asked_for: int = field(init=False, default=0)
    _at_once: int = field(init=False, default=_READ_AT_ONCE)
    _waiting_since: float | None = field(init=False, default=None)

    @property
    def over(self) -> bool:
        """Say whether all inputs are in."""
        return self.reader.exhausted and not self._questions

    @property
    def fills_next_batch(self) -> bool:
        """Say whether the next batch is as full as it will be; else inputs are to be read first."""
        full = self.ledger.queued >= self.ledger.halving.max_batch
        return full or not (self._questions or self._needed())

    def linger(self, now: float, attempts: Attempts) -> float:
        """Return the seconds that what is queued still waits to be joined by others.

        Infinity where nothing is queued, or the source is not all that it waits for.
        """
        if attempts.is_open or not (self.reader.is_slow and self.ledger.queued):
            self._waiting_since = None
            return math.inf
        if self._waiting_since is None:
            self._waiting_since = now
        return self._waiting_since + _LINGER - now

    def is_ready(self, now: float, attempts: Attempts) -> bool:
        """Say whether the next batch is as full as it will be."""
        has_next = self.ledger.has_next
        return has_next and (self.fills_next_batch or self.linger(now, attempts) <= 0)

    def on_cut(self) -> None:
        """Note that a batch was cut from the queue: what is left waits anew."""
        self._waiting_since = None

    def next_question(self) -> Chunk | None:
        """Read the next inputs, as many as there is room and need for; None where there is not.

        What is returned must come back to `add`, in the same order.
        """
        if self._questions >= (1 if self.ledger.shortened else _MOST_QUESTIONS):
            return None
        if self.ledger.shortened:
            self._questions += 1
            return self.reader.cut(self.ledger.shortened)
        needed = self._needed()
        chunk = self.reader.read(needed, self.window.known) if needed else Chunk(())
        if not chunk:
            return None
        self._questions += 1
        self._inputs_asked_for += len(chunk)
        return chunk

    def _needed(self) -> int:
        """Count the inputs to read now; the first batch alone while the provider is open."""
        if self.reader.exhausted:
            return 0
        if self.space.is_open:
            most = self.ledger.halving.max_batch if self.ledger.idle else 0
        else:
            enough = 2 * self.max_in_flight * self.ledger.halving.max_batch
            most = self._at_once if self.ledger.queued < enough else 0
        return max(0, min(self.window.room - self._inputs_asked_for, most))

    def add(self, chunk: Chunk, found: Sequence[Hits]) -> None:
        """Take inputs that were read, with what the cache has of them, in the order of its keys."""
        hits = [each for each in found if self.space.admits(each.vectors.shape[1])]
        self._questions -= 1
        self.ledger.evidence.suspicion.cleared |= bool(hits)
        if chunk.slots:
            self._replace(chunk, hits)
            return
        self._inputs_asked_for -= len(chunk)
        all_found = sum(len(each.vectors) for each in hits) == len(chunk)
        self._at_once = self._more_at_once() if all_found else _READ_AT_ONCE
        done = 0
        for each in hits:
            for place, vectors in _runs(chunk.places, each):
                self._queue(chunk.entries[done:place])
                self.window.add_cached(vectors)
                done = place + len(vectors)
        self._queue(chunk.entries[done:])

    def _queue(self, entries: Sequence[str | Slot]) -> None:
        new = dict[str, None]()
        for entry in entries:
            if isinstance(entry, str) and entry not in self.window.known and entry not in new:
                new[entry] = None
                continue
            self._queue_run(list(new))
            new.clear()
            slot = Slot.of(entry) if isinstance(entry, str) else entry
            if slot.error is not None:
                self.window.add_failure(slot)
            elif self.window.add(slot):
                self.ledger.enqueue(slot)
        self._queue_run(list(new))

    def _queue_run(self, texts: list[str]) -> None:
        """Queue texts that are new, in runs that a batch can hold."""
        most = self.ledger.halving.max_batch
        for start in range(0, len(texts), most):
            run = Run(texts[start : start + most])
            self.window.add_run(run)
            self.ledger.enqueue(run)

    def _more_at_once(self) -> int:
        """Read more at once where the cache has everything, so that nobody waits for the others."""
        return max(_READ_AT_ONCE, min(2 * self._at_once, self.window.size // 4))

    def _replace(self, chunk: Chunk, hits: Sequence[Hits]) -> None:
        found = {place: vectors for each in hits for place, vectors in _singles(chunk.places, each)}
        for place, (slot, entry) in enumerate(zip(chunk.slots, chunk.entries, strict=True)):
            if slot in self.ledger.shortened:
                self.ledger.replace(slot, cast("Item", entry), found.get(place))


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


def checked_hits(found: object, count: int) -> list[Hits]:
    """Check what a cache of another make answers; a vector that is not finite is left out.

    Args:
        found: What its ``find`` has returned.
        count: How many keys it was asked for.

    Raises:
        ConfigurationError: It is not what `Store.find` promises.
    """
    if not isinstance(found, Iterable):
        raise arguments.bad_type("cache.find()", "a list of Hits", found)
    hits: list[Hits] = []
    end = 0
    for place, each in enumerate(found):
        known = _checked(f"cache.find()[{place}]", each, end, count)
        end = known.stop
        hits += _finite(known)
    return hits


def _checked(where: str, hits: object, end: int, count: int) -> Hits:
    if not isinstance(hits, Hits):
        raise arguments.bad_type(where, "Hits", hits)
    start, vectors = hits.start, hits.vectors
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.ndim != 2:
        raise arguments.bad_type(f"{where}.vectors", "float32 of shape (n, width)", vectors)
    if not vectors.size:
        raise arguments.bad_value(f"{where}.vectors", "holds no numbers", vectors)
    if not isinstance(start, int) or not end <= start <= count - len(vectors):
        problem = f"must be a place among {count} keys, behind the hits before"
        raise arguments.bad_value(f"{where}.start", problem, start)
    return hits


def _finite(hits: Hits) -> list[Hits]:
    finite = np.isfinite(hits.vectors).all(axis=1)
    if finite.all():
        return [hits]
    rows = np.flatnonzero(finite).tolist()
    return [Hits(hits.start + row, hits.vectors[row : row + 1]) for row in rows]
