"""Texts on their way to the service: who asks for one of them waits, and pays nothing. Pure.

Requests of one window are one run, which sends equal texts once; this is for those that come while
the answer to another one is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

T = TypeVar("T")


@frozen
class Flight(Generic[T]):
    """A text on its way.

    Attributes:
        carrier: Who sent it.
        place: Its place among what that one sent.
    """

    carrier: T
    place: int


@define(eq=False)
class Flights(Generic[T]):
    """The texts on their way, by what all have in common who may share them."""

    _by_name: dict[Hashable, dict[str, Flight[T]]] = field(init=False, factory=dict)

    def __len__(self) -> int:
        """Count the texts."""
        return sum(map(len, self._by_name.values()))

    def find(self, name: Hashable, inputs: Mapping[int, object]) -> dict[int, Flight[T]]:
        """Find those of some inputs that are on their way, by position."""
        known = self._by_name.get(name)
        if not known:
            return {}
        return {
            place: known[value]
            for place, value in inputs.items()
            if isinstance(value, str) and value in known
        }

    def begin(self, name: Hashable, inputs: Iterable[object], carrier: T) -> None:
        """Note what somebody sends; the first who sends a text is waited for."""
        known = self._by_name.setdefault(name, {})
        for place, value in enumerate(inputs):
            if isinstance(value, str):
                known.setdefault(value, Flight(carrier, place))

    def end(self, name: Hashable, inputs: Iterable[object], carrier: T) -> None:
        """Forget what somebody sent: it has come, or will not."""
        known = self._by_name.get(name, {})
        for value in inputs:
            if isinstance(value, str) and value in known and known[value].carrier is carrier:
                del known[value]
        if not known:
            self._by_name.pop(name, None)
