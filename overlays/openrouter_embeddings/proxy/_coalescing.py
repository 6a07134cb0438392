"""Requests that arrive together become one: who travels with whom, and when they leave. Pure.

The first of a group opens its window; whoever comes with the same request but for the inputs until
the window closes travels along. A group that is full leaves at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")


@define(eq=False)
class Group(Generic[T]):
    """Those who travel together.

    Attributes:
        closes_at: When their window closes.
        members: Who they are, in the order in which they came.
        inputs: How many inputs they have.
    """

    closes_at: float
    members: list[T] = field(init=False, factory=list)
    inputs: int = field(init=False, default=0)


@define(eq=False)
class Coalescer(Generic[T]):
    """The groups whose windows are open; all times are seconds of one steady clock.

    Attributes:
        seconds: How long a window is open.
        most: How many inputs make a group full.
    """

    seconds: float
    most: int
    _groups: dict[Hashable, Group[T]] = field(init=False, factory=dict)

    @property
    def waiting(self) -> int:
        """How many wait for their window to close."""
        groups = list(self._groups.values())  # in one step: another thread may ask
        return sum(len(group.members) for group in groups)

    def add(self, name: Hashable, member: T, inputs: int, now: float) -> bool:
        """Let somebody join a group, and say whether that opened its window.

        Args:
            name: What all of the group have in common.
            member: Who it is.
            inputs: How many inputs it has.
            now: The time.
        """
        group = self._groups.get(name)
        opens = group is None
        if group is None:
            group = self._groups[name] = Group(now + self.seconds)
        group.members.append(member)
        group.inputs += inputs
        if group.inputs >= self.most:
            group.closes_at = -math.inf
        return opens

    def seconds_left(self, name: Hashable, now: float) -> float:
        """Return the seconds until the window of a group closes; 0 where it is closed."""
        group = self._groups.get(name)
        return 0.0 if group is None else max(0.0, group.closes_at - now)

    def take_due(self, now: float) -> list[list[T]]:
        """Take the groups that leave now: their windows are closed, or they are full."""
        due = [name for name, group in self._groups.items() if group.closes_at <= now]
        return [self._groups.pop(name).members for name in due]
