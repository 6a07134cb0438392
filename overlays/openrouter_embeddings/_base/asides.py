"""What is said beside the work, on a terminal or in a log: that nobody hears it fails nothing."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from attrs import define, field

from openrouter_embeddings._base.printable import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable


def has_terminal() -> bool:
    """Say whether standard error is a terminal; it may be None, or closed."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, OSError, ValueError):
        return False


def terminal_columns() -> int:
    """Say how wide the terminal of standard error is; standard output may go into a file."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):
        width = 0
    return shutil.get_terminal_size((width or _USUAL_COLUMNS, 24)).columns


def fit_to_terminal(text: str) -> str:
    """Break lines between words where standard error is a terminal; elsewhere they stay whole."""
    return wrapped(text, terminal_columns()) if has_terminal() else text


def write_to_terminal(text: str) -> None:
    """Write to standard error, where it is a terminal that can still be written to."""
    if has_terminal():
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def write_line(line: str) -> None:
    """Write a line to standard error, whatever that is; nothing where it is nothing."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@define(eq=False)
class ProgressLine:
    """How far something is, on one line: redrawn on a terminal, now and then a new one elsewhere.

    While it is entered a thread draws it again where nothing new is told, so that it says how long
    nothing has come.

    Attributes:
        words: Says how far it is, in so many columns at most, after so many seconds without news.
        seldom: Seconds between two lines where it cannot be redrawn.
        is_kept: Whether the last line stays, and is written where no terminal is.
        clock: Seconds of a clock that never goes back.
    """

    words: Callable[[int, float], str]
    seldom: float
    is_kept: bool
    clock: Callable[[], float] = time.monotonic
    _on_terminal: bool = field(init=False, factory=has_terminal)
    _news: float = field(init=False)
    _drawn: float = field(init=False)
    _over: threading.Event = field(init=False, factory=threading.Event)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        """Begin to wait for news."""
        self._news = self._drawn = self.clock()

    def __enter__(self) -> Self:
        """Draw the first line, and go on with it."""
        if self._on_terminal:
            self.draw(at_once=True)
        with suppress(RuntimeError):  # the system has no more threads: what is told is drawn
            threading.Thread(target=self._keep_up, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last line behind, or nothing."""
        self._over.set()
        with self._lock:
            if self._on_terminal:
                write_to_terminal(_WIPE)
            if self.is_kept:
                write_line(self.words(self._columns, 0.0))

    def tell(self, *, at_once: bool = False) -> None:
        """Draw what is new: where it is time for that, or at once."""
        self._news = self.clock()
        self.draw(at_once=at_once and self._on_terminal)

    def draw(self, *, at_once: bool = False) -> None:
        """Draw the line as it is now."""
        with self._lock:
            now, every = self.clock(), _OFTEN if self._on_terminal else self.seldom
            if self._over.is_set() or (now - self._drawn < every and not at_once):
                return
            self._drawn = now
            line = self.words(self._columns, now - self._news)
            if self._on_terminal:
                write_to_terminal(f"{_WIPE}{line}")
            else:
                write_line(line)

    def _keep_up(self) -> None:
        while not self._over.wait(_TICK):
            self.draw()

    @property
    def _columns(self) -> int:
        """How many columns there are; one is left free: a full line would begin another one."""
        return terminal_columns() - 1 if self._on_terminal else _NO_BOUND


def fitting(parts: list[str], columns: int) -> str:
    """Join what fits, the most important first; what does not is left out."""
    line = ""
    for part in filter(None, parts):
        longer = f"{line} · {part}" if line else part[:columns]
        line = longer if len(longer) <= columns else line
    return line


def silence(seconds: float) -> str:
    """Say how long nothing has come, where that is worth a word."""
    return f"waiting {seconds:.0f} s" if seconds >= _WORTH_A_WORD else ""


_USUAL_COLUMNS = 80
_WIPE = "\r\x1b[2K"
_OFTEN, _TICK = 0.2, 1.0
_WORTH_A_WORD = 3.0
_NO_BOUND = 1_000
