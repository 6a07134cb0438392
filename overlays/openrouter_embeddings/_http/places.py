"""The bound of a pool: idle connections, free places, and who waits for one, in their order.

What is handed out is a kept connection or a place for a new one. Each costs a fixed number of
steps, however many requests are in flight. An idle connection is looked at before it is handed out,
and dropped if anything came that nobody asked for, the end included.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CONNECTIONS = 256
"""The bound of a pool: as many as the most requests that a bulk run has in flight."""

KEEP_SECONDS = 30.0
"""How long a connection is kept idle: less than the minute after which balancers close theirs."""


class Kept(Protocol):
    """What the places need of a connection."""

    idle_since: float

    @property
    def is_usable(self) -> bool:
        """Whether nothing has come while it was idle."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def interrupt(self) -> None:
        """End the exchange that is going on."""
        ...


C = TypeVar("C", bound=Kept)


class NewPlace:
    """The right to open one more connection."""


PLACE: Final = NewPlace()


@define(eq=False)
class Waiter(Generic[C]):
    """Somebody who waits for a connection or a place.

    What is handed over is kept here and not in what wakes him, so that a waiter who is cancelled in
    the same moment can still pass it on.
    """

    wake: Callable[[], object]
    handed: C | NewPlace | None = None


@define(eq=False)
class Places(Generic[C]):
    """The connections of one pool in one process, and of an asynchronous one in one event loop."""

    bound: int = MOST_CONNECTIONS
    open: int = 0
    is_closed: bool = False
    connections: set[C] = field(factory=set)
    _idle: deque[C] = field(factory=deque)
    _waiters: OrderedDict[Waiter[C], None] = field(factory=OrderedDict)

    def take(self, now: float) -> C | NewPlace | None:
        """Take the connection that was used last, or a place; None if all are in use."""
        self._drop_expired(now)
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            self._drop(connection)
        if self.open < self.bound:
            self.open += 1
            return PLACE
        return None

    def _drop_expired(self, now: float) -> None:
        while self._idle and self._idle[0].idle_since < now - KEEP_SECONDS:
            self._drop(self._idle.popleft())

    def _drop(self, connection: C) -> None:
        self.connections.discard(connection)
        connection.close()
        self.open -= 1

    def wait(self, waiter: Waiter[C]) -> None:
        """Stand in the queue."""
        self._waiters[waiter] = None

    def leave(self, waiter: Waiter[C], now: float) -> None:
        """Leave the queue; what was handed over meanwhile goes to the next."""
        self._waiters.pop(waiter, None)
        if waiter.handed is not None:
            self.give(waiter.handed, now)

    def give(self, what: C | NewPlace, now: float) -> None:
        """Give a connection or a place back: to who has waited longest, or to be kept."""
        if self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            waiter.handed = what
            waiter.wake()
        elif isinstance(what, NewPlace):
            self.open -= 1
        elif self.is_closed:
            self._drop(what)
        else:
            what.idle_since = now
            self._idle.append(what)

    def close(self) -> None:
        """Close what is idle, end what is in use, and let those who wait find out."""
        self.is_closed = True
        while self._idle:
            self._drop(self._idle.pop())
        for connection in list(self.connections):
            connection.interrupt()
        while self._waiters:
            self.open += 1
            self.give(PLACE, 0.0)
