"""The keys that are held, and what is known of each; there is a bound of them. Pure.

A key is let go only where nothing is forgotten that counts: it is idle, and either the service has
never taken it, or its last minute is over and no bound must remember what it has spent.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from openrouter_embeddings._base import printable
from openrouter_embeddings.proxy._access import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings.proxy._budget import Budget

C = TypeVar("C")

_MEMORY_SECONDS = 120.0  # beyond the minute that rates count by
_RETRY_SECONDS = 10.0
_MINUTE = 60.0  # what a stated rate is of


@define(eq=False)
class Holder(Generic[C]):
    """A key that the service is asked with.

    Attributes:
        client: The client that has it.
        budget: What it may spend.
        accepted: Whether the service has taken it, in this process.
        busy: How many requests are being answered with it.
        used_at: When it was last asked for, in seconds of any steady clock.
        refusals: How many refusals for the pace were counted.
        sizes: The most inputs of a request, where models were found to take fewer than usual.
        unanswered: How many requests to the service belong to runs that are not over.
    """

    client: C
    budget: Budget
    accepted: bool = False
    busy: int = field(init=False, default=0)
    used_at: float = field(init=False, default=0.0)
    refusals: int = field(init=False, default=0)
    sizes: dict[str, int] = field(init=False, factory=dict)
    unanswered: int = field(init=False, default=0)

    @contextmanager
    def in_line(
        self, requests: int, rate: float | None, counted: int, in_flight: int
    ) -> Iterator[None]:
        """Count the requests of a run while it lasts; one that would wait for too long is refused.

        A request waits until those that count now have left the minute, and no longer, if no more
        wait before it than the next minute holds. A run that is larger goes where nobody waits.

        Args:
            requests: How many requests it has.
            rate: The most requests in a minute, or None.
            counted: How many requests of the last minute count.
            in_flight: How many of them are with the service.

        Raises:
            RefusalError: 429, and to come again in a minute.
        """
        waiting = max(0, self.unanswered - in_flight)
        if rate is not None and waiting and counted + waiting + requests > 2 * rate:
            message = printable.counted(
                waiting, "request of this key waits", "requests of this key wait"
            )
            message += f" already for its {rate:g} in a minute."
            raise RefusalError(429, message, _MINUTE)
        self.unanswered += requests
        try:
            yield
        finally:
            self.unanswered -= requests


@define(eq=False)
class Holders(Generic[C]):
    """The keys that are held.

    Attributes:
        most: How many there may be.
        make: Makes the holder of a key.
    """

    most: int
    make: Callable[[str], Holder[C]]
    _held: OrderedDict[bytes, Holder[C]] = field(init=False, factory=OrderedDict)

    def __len__(self) -> int:
        """Count them."""
        return len(self._held)

    def take(self, name: bytes, key: str, now: float) -> tuple[Holder[C], Holder[C] | None]:
        """Take the holder of a key, made where it is not there; give it back with `release`.

        Args:
            name: What stands for the key.
            key: The key.
            now: The time.

        Returns:
            The holder, and another one that was let go for it and is to be closed, or None.

        Raises:
            RefusalError: 503, there is no room for another key.
        """
        gone = None
        if name not in self._held:
            gone = self._make_room(now)
            self._held[name] = self.make(key)
        holder = self._held[name]
        self._held.move_to_end(name)
        holder.busy += 1
        holder.used_at = now
        return holder, gone

    def release(self, holder: Holder[C]) -> None:
        """Note that a request is answered."""
        holder.busy -= 1

    def _make_room(self, now: float) -> Holder[C] | None:
        if len(self._held) < self.most:
            return None
        for name, holder in self._held.items():
            if _may_go(holder, now):
                return self._held.pop(name)
        message = f"At most {self.most} keys are held, and all of them are in use."
        raise RefusalError(503, message, _RETRY_SECONDS)

    def take_all(self) -> list[Holder[C]]:
        """Take all of them: the end has come."""
        held = list(self._held.values())
        self._held.clear()
        return held


def _may_go(holder: Holder[C], now: float) -> bool:
    if holder.busy or (holder.budget.most is not None and holder.budget.is_touched):
        return False
    return not holder.accepted or now - holder.used_at > _MEMORY_SECONDS
