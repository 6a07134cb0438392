"""What a bulk run is made of: its inputs, places for vectors, batches. Pure.

The theory. Plain texts that come in one after the other, each for the first time, stand as one
`Run`: one place for all of their vectors. Where something happens to one of them alone, since it
comes again while it waits, or its batch is refused or divided, the run falls into a `Slot` for
each of its texts, for good. Until then all books keep one entry for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar
from weakref import ref

from attrs import define, field, frozen

from openrouter_embeddings._base.types import show_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openrouter_embeddings._base.types import Kind, Vectors
    from openrouter_embeddings.errors import OpenRouterError


@define(eq=False)
class Item:
    """One input, checked.

    Attributes:
        wire: The input as the contract has it.
        kind: Its kind; a request carries one.
        key: What tells it apart from other inputs of the run.
        size: Its size in bytes, about.
        tokens: Its length in tokens if that is known, else None.
        store_key: Its key in the cache, once that was asked for.
    """

    wire: object
    kind: Kind
    key: str | bytes
    size: int
    tokens: int | None = None
    store_key: bytes | None = None


@define(eq=False)
class Slot(Item):
    """An input that is sent, with a place for its vector, which equal inputs share.

    Attributes:
        position: The first position in the run that wants it.
        cut: What is sent in its place, because the input is too long; or None.
        cuts: How often it was cut.
        vectors: The matrix with its vector, once that is there.
        row: Its row of the matrix.
        error: Why there is none, once that is known.
        cached: Its vector is that of a cut text which the cache had.
        paid: How often it may have been paid for and brought nothing.
        uses: How many positions in the window wait for it.
        remembered: How often it stands among those that were handed out last.
    """

    position: int = -1
    cut: Item | None = None
    cuts: int = 0
    vectors: Vectors | None = field(default=None, repr=show_shape)
    row: int = 0
    error: OpenRouterError | None = None
    cached: bool = False
    paid: int = 0
    uses: int = 0
    remembered: int = 0

    @classmethod
    def of(cls, text: str) -> Slot:
        """Make a place for a text."""
        return cls(text, "text", text, sizes_of([text])[0])

    @property
    def sent(self) -> Item:
        """What is sent for it."""
        return self if self.cut is None else self.cut

    @property
    def weight(self) -> int:
        """The bytes of memory that its input takes, about."""
        return weight_of([self.wire]) if isinstance(self.wire, str) else self.size

    @property
    def sizes(self) -> list[int]:
        """The size of what is sent for it, as runs have it."""
        return [self.sent.size]

    @property
    def vector(self) -> Vectors | None:
        """Its vector, of shape ``(width,)``, or None as long as there is none."""
        return None if self.vectors is None else self.vectors[self.row]

    @property
    def slots(self) -> list[Slot]:
        """Itself, as the one place that it has."""
        return [self]

    def split(self, count: int) -> list[Slot]:  # noqa: ARG002 - as runs have it
        """Return itself: one input cannot be split."""
        return [self]


def sizes_of(texts: Sequence[str]) -> list[int]:
    """Return the sizes of texts in bytes, without a step of Python's for each of them."""
    return list(map(len, texts if all(map(str.isascii, texts)) else map(str.encode, texts)))


def weight_of(texts: Iterable[str]) -> int:
    """Return the bytes of memory that texts take, which may be four times those of their UTF-8."""
    return sum(map(sys.getsizeof, texts))


@define(eq=False)
class Run:
    """Plain texts that stand one after the other, with a place for their vectors.

    Attributes:
        texts: The texts.
        origin: The run that it was cut from, which the window knows; None for itself. A weak
            reference: a run holds its parts, and both would hold their vectors until somebody
            looks for cycles, which few new objects seldom cause.
        position: The position of the first.
        vectors: The matrix with their vectors, one after the other, once these are there.
        row: The row of the first.
        parts: What has taken its place, runs or slots; None as long as it stands for itself.
        forgotten: How many of the first are remembered no more, after they were handed out.
    """

    texts: list[str]
    origin: ref[Run] | None = field(default=None, repr=False)
    position: int = -1
    vectors: Vectors | None = field(default=None, repr=show_shape)
    row: int = 0
    parts: list[Run] | list[Slot] | None = None
    forgotten: int = 0

    kind: ClassVar[Kind] = "text"
    paid: ClassVar[int] = 0
    cached: ClassVar[bool] = False

    @property
    def weight(self) -> int:
        """The bytes of memory that its texts take."""
        return weight_of(self.texts)

    @property
    def sizes(self) -> list[int]:
        """The sizes of its texts in bytes."""
        return sizes_of(self.texts)

    @property
    def found(self) -> Vectors | tuple[()]:
        """The vectors, of shape ``(n, width)``; nothing as long as there are none."""
        return () if self.vectors is None else self.vectors[self.row : self.row + len(self.texts)]

    @property
    def slots(self) -> list[Slot]:
        """A place for each text alone, which takes its place."""
        if self.parts is None:
            slots = self.parts = list(map(Slot.of, self.texts))
            for position, slot in enumerate(slots, self.position):
                slot.position, slot.uses = position, 1
        return [slot for part in self.parts for slot in part.slots]

    def split(self, count: int) -> list[Run]:
        """Return the run up to so many texts, and the one behind it if there is any."""
        if count >= len(self.texts):
            return [self]
        origin, behind = self.origin or ref(self), self.position + count
        first = Run(self.texts[:count], origin, self.position)
        self.parts = [first, Run(self.texts[count:], origin, behind)]
        return self.parts

    def find(self, text: str) -> Slot:
        """Return a place for one of its texts; a run that has its vectors does not fall apart."""
        leaf = self
        while inner := [p for p in leaf.parts or () if isinstance(p, Run) and text in p.texts]:
            leaf = inner[0]
        place = leaf.texts.index(text)
        if leaf.vectors is None:
            return leaf.slots[place]
        slot = Slot.of(text)
        slot.vectors = leaf.vectors[leaf.row + place : leaf.row + place + 1].copy()
        return slot


@define(eq=False)
class Keeper:
    """Keeps vectors by their positions as soon as they are here.

    Attributes:
        keep: Is told of places that have their vectors; of some of them twice, maybe.
        untold: The places that it was not told of.
    """

    keep: Callable[[Sequence[Run | Slot]], None]
    untold: list[Run | Slot] = field(init=False, factory=list)

    def tell(self) -> None:
        """Tell of what is here."""
        if self.untold:
            self.keep(self.untold)
            self.untold = []


def count_inputs(entries: Iterable[Run | Slot]) -> int:
    """Count the inputs of places."""
    return sum([len(entry.texts) if isinstance(entry, Run) else 1 for entry in entries])


@frozen(eq=False)
class Cached:
    """Positions one after the other of which the cache had the vectors: shape ``(n, width)``."""

    vectors: Vectors = field(repr=show_shape)


@define(eq=False)
class Group:
    """A batch that was refused, and its two halves."""

    size: int
    error: OpenRouterError
    second: list[Slot]
    answered: int = 0


@define(eq=False)
class Batch:
    """What goes into one request.

    Attributes:
        entries: The places of its inputs.
        group: The refused batch that it is a half of, or None.
        first: It is the first half, whose outcome the second one waits for.
        rounds: How many logical requests were made for it in vain.
        repeated: Its inputs may have been paid for already; nothing is learnt of its size.
        parted: They were part of a larger batch then.
        as_numbers: They are asked for as numbers, since base64 may be what failed.
    """

    entries: Sequence[Run | Slot]
    group: Group | None = None
    first: bool = False
    rounds: int = 0
    repeated: bool = False
    parted: bool = False
    as_numbers: bool = False

    def __len__(self) -> int:
        """Count the inputs."""
        return count_inputs(self.entries)

    @property
    def slots(self) -> list[Slot]:
        """A place for each of its inputs alone, from now on."""
        slots = [slot for entry in self.entries for slot in entry.slots]
        self.entries = slots
        return slots

    @property
    def whole(self) -> Sequence[Run | Slot]:
        """Its entries, where no run among them has fallen apart; else a place for each input."""
        broken = [e for e in self.entries if isinstance(e, Run) and e.parts is not None]
        return self.slots if broken else self.entries

    @property
    def kind(self) -> Kind:
        """The kind of its inputs."""
        return self.entries[0].kind

    @property
    def inputs(self) -> list[object]:
        """Its inputs as the contract has them."""
        found = list[object]()
        for entry in self.entries:
            found += entry.texts if isinstance(entry, Run) else [entry.sent.wire]
        return found

    @property
    def held(self) -> list[Slot]:
        """The places that wait until it is answered: those of the second half."""
        return self.group.second if self.first and self.group is not None else []
