"""What a bulk run is made of: its inputs, places for vectors, batches. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from openrouter_embeddings._base.types import show_shape

if TYPE_CHECKING:
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

    @property
    def sent(self) -> Item:
        """What is sent for it."""
        return self if self.cut is None else self.cut

    @property
    def vector(self) -> Vectors | None:
        """Its vector, of shape ``(width,)``, or None as long as there is none."""
        return None if self.vectors is None else self.vectors[self.row]


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
        slots: The places of its inputs.
        group: The refused batch that it is a half of, or None.
        first: It is the first half, whose outcome the second one waits for.
        rounds: How many logical requests were made for it in vain.
        repeated: Its inputs may have been paid for already; nothing is learnt of its size.
        parted: They were part of a larger batch then.
        as_numbers: They are asked for as numbers, since base64 may be what failed.
    """

    slots: list[Slot]
    group: Group | None = None
    first: bool = False
    rounds: int = 0
    repeated: bool = False
    parted: bool = False
    as_numbers: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of its inputs."""
        return self.slots[0].sent.kind

    @property
    def inputs(self) -> list[object]:
        """Its inputs as the contract has them."""
        return [slot.sent.wire for slot in self.slots]

    @property
    def held(self) -> list[Slot]:
        """The places that wait until it is answered: those of the second half."""
        return self.group.second if self.first and self.group is not None else []
