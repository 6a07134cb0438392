"""Signals, such as Ctrl-C, that are held back while something is done that must not end half way.

Python runs the handlers of signals in the main thread, between any two steps of it, and a handler
may raise: the one for SIGINT raises KeyboardInterrupt. What it raises is kept here until the work
is done. In other threads nothing is raised, and nothing is held.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, cast

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]

# Those that programs let end their work: Ctrl-C, a stop, the end of a terminal, an alarm.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
# Not as names of an enumeration, which each handler fails to be by an exception: that took 70 us of
# each batch of a run, twice as much as noting how it ended.
_get: Callable[[int], object] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_set: Callable[[int, Any], object] = getattr(signal.signal, "__wrapped__", signal.signal)


def _nothing() -> None:
    """Wake nobody."""


@define(eq=False)
class HeldSignals:
    """Holds back what the handlers of signals raise, as a context.

    Attributes:
        wake: Is called after each handler, in its place: so that a wait can end.
        raised: What a handler has raised first; leaving the context raises it.
    """

    wake: Callable[[], None] = _nothing
    raised: BaseException | None = field(init=False, default=None)
    _handlers: dict[int, Handler] = field(init=False, factory=dict)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            try:
                self._hold_all()
            except BaseException:
                self._let_go()
                raise
        return self

    def _hold_all(self) -> None:
        for number in _NUMBERS:
            handler = _get(number)
            if callable(handler):
                self._handlers[number] = cast("Handler", handler)
                _set(number, self._hold)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException as exc:  # noqa: BLE001 - raised on leaving
            self.raised = self.raised or exc
        self.wake()

    def _let_go(self) -> None:
        """Put the handlers back; one that raises meanwhile keeps none of the others away."""
        try:
            while self._handlers:
                number = next(iter(self._handlers))
                _set(number, self._handlers[number])
                del self._handlers[number]
        finally:
            if self._handlers:
                self._let_go()

    def replace(self, is_over: Callable[[object], bool]) -> None:
        """Put Python's own handler back, on leaving, where one is over by then."""
        over = [number for number, kept in self._handlers.items() if is_over(kept)]
        self._handlers.update(dict.fromkeys(over, signal.default_int_handler))

    def forget(self) -> None:
        """Raise nothing on leaving: something else is on its way already."""
        self.raised = None

    def __exit__(self, *_: object) -> None:
        self._let_go()
        if self.raised is not None:
            raised, self.raised = self.raised, None
            raise raised.with_traceback(None)


@define(eq=False)
class SharedHold:
    """Holds signals back for several things at once, which need not end in the order they began.

    What a handler raises meanwhile is for one of them to take; what nobody takes is forgotten.

    Attributes:
        is_over: Says of a handler that nobody wants it back in the end.
    """

    is_over: Callable[[object], bool] = lambda _: False
    _held: HeldSignals | None = field(init=False, default=None)
    _wakes: list[Callable[[], None]] = field(init=False, factory=list)

    @property
    def raised(self) -> BaseException | None:
        """What a handler has raised first, if nobody took it."""
        return None if self._held is None else self._held.raised

    def replace(self, is_over: Callable[[object], bool]) -> None:
        """Put Python's own handler back, in the end, where one of those held is over by then."""
        if self._held is not None:
            self._held.replace(is_over)

    def take(self) -> BaseException | None:
        """Return what was raised, to one alone."""
        raised = self.raised
        if self._held is not None:
            self._held.forget()
        return raised

    @contextmanager
    def share(self, wake: Callable[[], None]) -> Iterator[None]:
        """Hold signals in the main thread, as a context.

        Args:
            wake: Is called after a handler that has raised. Where it raises RuntimeError itself, as
                an event loop does that was closed, nobody is there any more.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._wakes.append(wake)
        try:
            if self._held is None:
                self._held = HeldSignals(self._wake_all).__enter__()
            yield
        finally:
            if wake in self._wakes:
                self._wakes.remove(wake)
            if not self._wakes:
                self.take()
                self._let_go()

    def _wake_all(self) -> None:
        for wake in tuple(self._wakes) if self.raised is not None else ():
            try:
                wake()
            except RuntimeError:
                self._wakes.remove(wake)
        if not self._wakes:
            self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            self.replace(self.is_over)
            held, self._held = self._held, None
            held.__exit__()


def find_interrupt(error: BaseException | None) -> BaseException | None:
    """Return what interrupted the program, where that is why something ends; None otherwise.

    A generator that ends since the caller was interrupted sees GeneratorExit, behind which it is.
    """
    seen = set[int]()
    while error is not None and id(error) not in seen:
        if not isinstance(error, Exception | GeneratorExit):
            return error
        seen.add(id(error))
        error = error.__context__
    return None
