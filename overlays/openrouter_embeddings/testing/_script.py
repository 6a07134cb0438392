"""What the test kit's server was told to answer next, and how many requests it lets in."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings.testing.faults import ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_embeddings.testing._answers import Fault

__all__ = ["Bucket", "Script"]


@define(eq=False)
class Script:
    """The faults to come.

    Attributes:
        embeddings: Those of the next requests for embeddings.
        models: Those of the next requests for the listing.
        always: That of every request that no script is left for.
        shares: The shares of those that are drawn.
        random: What draws.
    """

    embeddings: deque[Fault] = field(init=False, factory=deque)
    models: deque[Fault] = field(init=False, factory=deque)
    always: Fault | None = field(init=False, default=None)
    shares: list[tuple[Fault, float]] = field(init=False, factory=list)
    random: random.Random = field(init=False, factory=random.Random)

    def next_for_models(self) -> Fault:
        """Take the next fault of the listing."""
        return self.models.popleft() if self.models else ok()

    def next_for_embeddings(self) -> Fault:
        """Take the next fault, or draw one."""
        if self.embeddings:
            return self.embeddings.popleft()
        return self.always or self._drawn()

    def _drawn(self) -> Fault:
        number = self.random.random() if self.shares else 1.0
        for fault, share in self.shares:
            number -= share
            if number < 0:
                return fault
        return ok()


@define(eq=False)
class Bucket:
    """Lets requests in at a rate, like a bucket that fills; without a rate, all of them.

    Attributes:
        rate: Requests a second, or None.
        burst: How many at once.
        clock: Tells the time in seconds.
    """

    rate: float | None
    burst: float
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _filled_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with a full bucket."""
        self._level, self._filled_at = self.burst, self.clock()

    def admits(self) -> bool:
        """Let one request in, or say that it is too much."""
        if self.rate is None:
            return True
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
