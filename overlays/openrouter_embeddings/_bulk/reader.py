"""Inputs as they are read: in chunks, checked, with their keys in the cache. Pure.

The usual input is a text of which the cache has a vector, or one that is sent as it is. So a plain
text stays itself here; it gets a place when it is known that it must be sent.

A source may take its time: it is read for moments, between which what is here is handed out and
sent. In an event loop nothing may wait for it at all; there it is read elsewhere, and feeds this.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncIterable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Protocol, cast

from attrs import define, evolve, field, frozen

from openrouter_embeddings._bulk.items import Slot
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import are_plain, is_plain, one_input

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from openrouter_embeddings._bulk.space import Space

# Seconds for which a source is read before others have their turn: replies that are here are
# handed out, and requests begin; a person does not see it.
PATIENCE = 0.02
# How many inputs are taken between two looks at the clock, from one that is quick.
_MOST_AT_ONCE = 64
# Bytes of inputs that are taken together; as much as a job reads of its input at a time.
MOST_BYTES = 8 * 2**20
# What an input that is neither text nor tokens is taken for, since it is not looked into yet.
_BYTES_OF_CONTENT = 2**17


@frozen(eq=False)
class Chunk:
    """Inputs that were read together.

    Attributes:
        entries: The inputs: plain texts as they are, others in their places; those that cannot be
            sent with their error.
        places: Which of them a cache may have, as positions in `entries`.
        keys: The keys of these.
        slots: The places that the entries go into, where they are texts that were cut.
    """

    entries: Sequence[str | Slot]
    places: Sequence[int] = ()
    keys: Sequence[bytes] = ()
    slots: Sequence[Slot] = ()

    def __len__(self) -> int:
        """Count the inputs."""
        return len(self.entries)


@frozen
class Taken:
    """Inputs as they come from their source.

    Attributes:
        values: The inputs.
        over: Whether there are no more.
        failure: What the source raised in the place of more, or None.
        is_slow: Whether whoever reads waits for the source.
    """

    values: Sequence[object]
    over: bool = False
    failure: Exception | None = None
    is_slow: bool = False


def weigh(values: Sequence[object]) -> int:
    """Return the bytes of memory that inputs take, about."""
    if set(map(type, values)) <= {str}:
        return sum(map(sys.getsizeof, values))
    return sum([_weight_of(value) for value in values])


def _weight_of(value: object) -> int:
    is_flat = isinstance(value, str | int) or (
        isinstance(value, list) and set(map(type, value)) == {int}
    )
    return sys.getsizeof(value) if is_flat else _BYTES_OF_CONTENT


class Source(Protocol):
    """Where inputs come from.

    Attributes:
        is_held: Whether the caller holds all of them in memory.
    """

    @property
    def is_held(self) -> bool:
        """Say whether the caller holds all inputs in memory."""
        ...

    def take(self, most: int) -> Taken:
        """Take the next inputs, at most so many; fewer do not mean that it is their end."""
        ...


@define(eq=False)
class IteratedSource:
    """A source that is read where it is asked, for a moment.

    Attributes:
        values: The inputs.
        clock: Returns seconds.
        is_held: Whether the caller holds all of them in memory.
    """

    values: Iterator[object]
    clock: Callable[[], float]
    is_held: bool = False
    _at_once: int = field(init=False, default=1)

    def take(self, most: int) -> Taken:
        """Take inputs; those that came before the source failed are taken all the same."""
        values, end, size = list[object](), self.clock() + PATIENCE, 0
        try:
            while len(values) < most and size < MOST_BYTES:
                before, wanted = len(values), min(most, len(values) + self._at_once)
                values.extend(islice(self.values, wanted - len(values)))
                size += weigh(values[before:])
                if len(values) < wanted:
                    return Taken(values, over=True)
                if self.clock() > end:
                    self._at_once = 1
                    return Taken(values, is_slow=True)
                self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
        except Exception as exc:  # noqa: BLE001 - the source is not ours, and is told to the caller
            return Taken(values, over=True, failure=exc)
        return Taken(values)


@define(eq=False)
class FedSource:
    """A source that is read elsewhere, in another thread maybe: here is what came of it.

    Attributes:
        values: The inputs that are to be read.
        wanted: How many are wanted; 0 while there are some.
        is_held: Not: they come as they are read.
    """

    values: Iterator[object] | AsyncIterator[object]
    wanted: int = field(init=False, default=0)
    is_held: bool = field(init=False, default=False)
    _here: deque[object] = field(init=False, factory=deque)
    _over: bool = field(init=False, default=False)
    _failure: Exception | None = field(init=False, default=None)

    def add(self, value: object) -> bool:
        """Add one that was read, and say whether it is the first that is here."""
        self._here.append(value)
        self.wanted = 0
        return len(self._here) == 1

    def end_turn(self, *, over: bool, failure: Exception | None = None) -> None:
        """Note that as many were read as were wanted, or that there are no more."""
        self._over, self._failure, self.wanted = over, failure, 0

    def take(self, most: int) -> Taken:
        """Take what is here."""
        over, values = self._over, list[object]()
        while self._here and len(values) < most:
            values.append(self._here.popleft())
        over = over and not self._here
        self.wanted = 0 if values or over else most
        return Taken(values, over, self._failure if over else None, is_slow=not over)


def make_source(
    inputs: Iterable[object] | AsyncIterable[object],
    clock: Callable[[], float],
    *,
    in_loop: bool = False,
) -> IteratedSource | FedSource:
    """Make the source of a run.

    Args:
        inputs: The inputs.
        clock: Returns seconds.
        in_loop: Whether nobody may wait for them; those of a list are here.
    """
    if isinstance(inputs, AsyncIterable):
        return FedSource(aiter(inputs))
    if in_loop and not isinstance(inputs, list | tuple):
        return FedSource(iter(inputs))
    return IteratedSource(iter(inputs), clock, isinstance(inputs, list | tuple))


@define(eq=False)
class Reader:
    """Goes through the inputs of a run.

    Attributes:
        source: The inputs.
        space: Makes their keys.
        asks: Whether there is a cache to be asked.
        prefix: What is put before each text.
        exhausted: Whether there are no more inputs.
        failure: What the source raised in the place of more inputs, or None.
        is_slow: Whether whoever reads waits for the source.
    """

    source: Source
    space: Space
    asks: bool = False
    prefix: str = ""
    exhausted: bool = field(init=False, default=False)
    failure: Exception | None = field(init=False, default=None)
    is_slow: bool = field(init=False, default=False)
    _read: int = field(init=False, default=0)

    def read(self, most: int, known: Mapping[str | bytes, object]) -> Chunk:
        """Read the next inputs; fewer than may be read do not mean that it is their end.

        Args:
            most: How many at the most.
            known: Inputs that need not be looked for in the cache, by their keys.
        """
        taken = self.source.take(most)
        values, self.is_slow = taken.values, taken.is_slow
        self.exhausted = self.exhausted or taken.over
        self.failure = self.failure or taken.failure
        start, self._read = self._read, self._read + len(values)
        if not self.prefix and are_plain(values):
            return self._make_chunk(values, known)
        entries = [
            value if is_plain(value) and not self.prefix else self._entry(position, value)
            for position, value in enumerate(values, start)
        ]
        return self._make_chunk(entries, known)

    def _entry(self, position: int, value: object) -> str | Slot:
        try:
            slot = self._slot(position, value, self.prefix)
        except ConfigurationError as error:
            return Slot(value, "text", b"", 0, error=error)
        return slot.wire if isinstance(slot.wire, str) else slot

    def cut(self, shorter: Mapping[Slot, str]) -> Chunk:
        """Take texts that were cut, as if they had been read."""
        entries = [self._slot(slot.position, text) for slot, text in shorter.items()]
        return evolve(self._make_chunk(entries, {}), slots=list(shorter))

    def _slot(self, position: int, value: object, prefix: str = "") -> Slot:
        wire, kind, size, tokens = one_input(position, value, prefix)
        return Slot(wire, kind, self.space.key(wire), size, tokens)

    def _make_chunk(
        self, entries: Sequence[str | Slot], known: Mapping[str | bytes, object]
    ) -> Chunk:
        """Add the keys under which the cache may have the inputs."""
        keys = self.space.store_keys
        if not self.asks or keys is None:
            return Chunk(entries)
        plain = set(map(type, entries)) <= {str}
        if plain and known.keys().isdisjoint(cast("Sequence[str]", entries)):
            return Chunk(entries, range(len(entries)), keys.keys(entries))
        new = {
            place: entry if isinstance(entry, str) else entry.wire
            for place, entry in enumerate(entries)
            if (isinstance(entry, str) or entry.error is None)
            and (entry if isinstance(entry, str) else entry.key) not in known
        }
        return Chunk(entries, list(new), keys.keys(new.values()))
