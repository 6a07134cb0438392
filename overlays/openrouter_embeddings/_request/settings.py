"""What holds for each request: times, retries, who is told, and the clock that it goes by.

A client has settings long before it calls, so what a call is made of is imported with the first.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from types import EllipsisType
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.logs import log, write_line
from openrouter_embeddings._request.retry import ONCE, RetryConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from openrouter_embeddings._request.call import BatchCall, Call, Operation
    from openrouter_embeddings.events import Event

T = TypeVar("T")

_log = logging.getLogger("openrouter_embeddings")


def checked_retries(retries: object) -> RetryConfig | None:
    """Check a retry policy."""
    if retries is None or isinstance(retries, RetryConfig):
        return retries
    raise arguments.bad_type("retries", "a RetryConfig, or None for a single attempt", retries)


@frozen
class Settings:
    """What holds for each request unless it says otherwise.

    Attributes:
        base_url: Where requests go.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for one logical request, waits included; None for no bound.
        retries: The retry policy; None for a single attempt.
        on_event: The listener, or None.
        clock: Returns seconds of a steady clock.
        draw: Returns a random number from 0 to 1.
    """

    base_url: str
    timeout: float | None
    deadline: float | None
    retries: RetryConfig | None
    on_event: Callable[[Event], None] | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(kw_only=True, repr=False)
    draw: Callable[[], float] = field(kw_only=True, repr=False)

    def override(
        self,
        timeout: float | EllipsisType | None,
        deadline: float | EllipsisType | None,
        retries: RetryConfig | EllipsisType | None,
    ) -> Settings:
        """Return these settings with what a call says otherwise; the ellipsis says nothing."""
        changed = self
        if not isinstance(timeout, EllipsisType):
            changed = evolve(changed, timeout=arguments.seconds("timeout", timeout))
        if not isinstance(deadline, EllipsisType):
            changed = evolve(changed, deadline=arguments.seconds("deadline", deadline))
        if not isinstance(retries, EllipsisType):
            changed = evolve(changed, retries=checked_retries(retries))
        return changed

    def call(self, operation: Operation[T], started: float) -> Call[T]:
        """Begin a logical request at a time."""
        from openrouter_embeddings._request.call import Call  # noqa: PLC0415 - see the module

        times = self.timeout, self.deadline, started
        return Call(operation, self.retries, *times, self.most_paid, self.base_url)

    def batch_call(self, operation: Operation[T], started: float, paid: int) -> BatchCall[T]:
        """Begin a request of a bulk run, for what may have been paid for so often already."""
        from openrouter_embeddings._request.call import BatchCall  # noqa: PLC0415 - see the module

        times = self.timeout, self.deadline, started
        return BatchCall(operation, self.retries, *times, self.most_paid - paid, self.base_url)

    @property
    def most_paid(self) -> int:
        """How often one input may be paid for."""
        return (self.retries or ONCE).most_paid

    @contextmanager
    def telling(self, make: Callable[[float], Event]) -> Iterator[None]:
        """Tell of the end of what is done within, in the process that began it.

        Args:
            make: Makes the event of the time.
        """
        process = os.getpid()
        try:
            yield
        finally:
            if process == os.getpid():
                self.tell([make(self.clock())])

    def tell(self, events: Iterable[Event], notes: Iterable[str] = ()) -> None:
        """Log notes, and pass events on; a listener that fails must not lose what was paid for."""
        for note in notes:
            log(_log, logging.WARNING, "%s", note)
        for event in events:
            # By its name: a stream that is ended with the interpreter can import nothing any more.
            is_request = type(event).__name__ == "AttemptFinished"
            level = logging.INFO if is_request else logging.DEBUG
            if _log.isEnabledFor(level):
                log(_log, level, "%s", write_line(event))
            if self.on_event is not None:
                try:
                    self.on_event(event)
                except Exception:  # noqa: BLE001 - the listener is not ours, and can fail in any way
                    name = type(event).__name__
                    log(_log, logging.ERROR, "the listener failed on %s", name)
