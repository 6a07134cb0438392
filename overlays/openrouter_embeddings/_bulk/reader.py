"""Inputs as they are read: in chunks, checked, with their keys in the cache. Pure.

The usual input is a text of which the cache has a vector, or one that is sent as it is. So a plain
text stays itself here; it becomes a `Slot` when it is known that it must be sent.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, cast

from attrs import define, evolve, field, frozen

from openrouter_embeddings._bulk.items import Item
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import is_plain, one_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openrouter_embeddings._bulk.items import Slot
    from openrouter_embeddings._bulk.space import Space


@frozen(eq=False)
class Unusable:
    """An input that cannot be sent, and why."""

    item: Item
    error: ConfigurationError


Entry = str | Item | Unusable


@frozen(eq=False)
class Chunk:
    """Inputs that were read together.

    Attributes:
        entries: The inputs: plain texts as they are.
        places: Which of them a cache may have, as positions in `entries`.
        keys: The keys of these.
        slots: The places that the entries go into, where they are texts that were cut.
    """

    entries: Sequence[Entry]
    places: Sequence[int] = ()
    keys: Sequence[bytes] = ()
    slots: Sequence[Slot] = ()

    def __len__(self) -> int:
        """Count the inputs."""
        return len(self.entries)


@define(eq=False)
class Reader:
    """Goes through the inputs of a run.

    Attributes:
        source: The inputs.
        space: Makes their keys.
        asks: Whether there is a cache to be asked.
        exhausted: Whether there are no more inputs.
        failure: What the source raised in the place of more inputs, or None.
    """

    source: Iterator[object]
    space: Space
    asks: bool = False
    exhausted: bool = field(init=False, default=False)
    failure: Exception | None = field(init=False, default=None)
    _read: int = field(init=False, default=0)

    def read(self, most: int, known: Mapping[str | bytes, object]) -> Chunk:
        """Read the next inputs.

        Args:
            most: How many at the most.
            known: Inputs that need not be looked for in the cache, by their keys.
        """
        values = self._take(most)
        self.exhausted = self.exhausted or len(values) < most
        start, self._read = self._read, self._read + len(values)
        entries = [
            value if is_plain(value) else self._entry(position, value)
            for position, value in enumerate(values, start)
        ]
        return self._make_chunk(entries, known)

    def _take(self, most: int) -> list[object]:
        """Take the next inputs; what came before the source failed is taken all the same."""
        values = list[object]()
        try:
            values.extend(islice(self.source, most))
        except Exception as exc:  # noqa: BLE001 - the source is not ours, and is told to the caller
            self.failure, self.exhausted = exc, True
        return values

    def _entry(self, position: int, value: object) -> Entry:
        try:
            return self._item(position, value)
        except ConfigurationError as error:
            return Unusable(Item(value, "text", b"", 0), error)

    def cut(self, shorter: Mapping[Slot, str]) -> Chunk:
        """Take texts that were cut, as if they had been read."""
        entries = [self._item(slot.position, text) for slot, text in shorter.items()]
        return evolve(self._make_chunk(entries, {}), slots=list(shorter))

    def _item(self, position: int, value: object) -> Item:
        wire, kind, size, tokens = one_input(position, value)
        return Item(wire, kind, self.space.key(wire), size, tokens)

    def _make_chunk(self, entries: Sequence[Entry], known: Mapping[str | bytes, object]) -> Chunk:
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
            if not isinstance(entry, Unusable)
            and (entry if isinstance(entry, str) else entry.key) not in known
        }
        return Chunk(entries, list(new), keys.keys(new.values()))
