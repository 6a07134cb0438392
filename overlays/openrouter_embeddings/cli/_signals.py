"""Signals while a command runs: the first one ends it in order, the second one at once.

A library sets no handlers; a program may. What stops a service (SIGTERM) and what a closed terminal
sends (SIGHUP) end a command as Ctrl-C does: what is in flight was paid for and is kept. What was
ignored when the program began, as `nohup` has it, stays ignored.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# A shell tells by these codes which signal ended a program.
_BEYOND = 128
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_WORD = b"\nEnding: what is in flight is waited for and kept; once more ends at once.\n"


class Interrupted(KeyboardInterrupt):
    """A signal has ended the command."""


@define(eq=False)
class Ending:
    """Which signal has ended the command.

    Attributes:
        number: The signal, or None as long as there was none.
    """

    number: int | None = field(init=False, default=None)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """End the command: in order, and at the second signal at once.

        Raises:
            Interrupted: It is the first one.
        """
        if self.number is not None:
            os._exit(_BEYOND + number)
        self.number = number
        with suppress(OSError):  # standard error may be closed, or gone with its terminal
            os.write(2, _WORD)
        raise Interrupted

    def code(self, otherwise: int) -> int:
        """Return the exit code of the command."""
        return otherwise if self.number is None else _BEYOND + self.number


@contextmanager
def handled() -> Iterator[Ending]:
    """Handle signals for as long as a command runs."""
    ending = Ending()
    for number in [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, ending.handle)
    yield ending
