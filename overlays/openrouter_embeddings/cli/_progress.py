"""How far a job is, on one line: redrawn on a terminal, once a minute in a log."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from openrouter_embeddings._base.asides import has_terminal, write_to_terminal
from openrouter_embeddings.cli._options import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings.jobs import JobProgress

_WIPE = "\r\x1b[2K"
_ON_TERMINAL = 0.2
_IN_LOG = 60.0


def line_of(progress: JobProgress, columns: int = 1_000) -> str:
    """Describe how far a job is, as much of it as fits into so many columns."""
    left = None if progress.is_writing else progress.seconds_left
    # The most important first: what does not fit is left out from the end.
    parts = [
        "writing the output" if progress.is_writing else "",
        f"{progress.done:,} of {progress.rows:,} rows",
        "" if left is None else f"{timedelta(seconds=round(left))} left",
        f"{progress.failed:,} failed" if progress.failed else "",
        f"spent ${progress.spent:.4f}",
        f"{progress.rate:,.0f}/s",
        f"{progress.in_flight} in flight" if not progress.is_writing else "",
        f"{progress.retries:,} retries" if progress.retries else "",
        f"throttled {progress.throttled_seconds:.0f} s" if progress.throttled_seconds else "",
    ]
    line = ""
    for part in filter(None, parts):
        longer = f"{line} · {part}" if line else part
        if len(longer) > columns:
            break
        line = longer
    return line or f"{progress.done:,}"[:columns]


@contextmanager
def shown() -> Iterator[Callable[[JobProgress], None]]:
    """Show progress beside the output, and leave a clean line behind."""
    on_terminal = has_terminal()
    every = _ON_TERMINAL if on_terminal else _IN_LOG
    last = time.monotonic() - (every if on_terminal else 0.0)

    def show(progress: JobProgress) -> None:
        nonlocal last
        is_shown_at_once = on_terminal and progress.is_writing
        if time.monotonic() - last < every and not is_shown_at_once:
            return
        last = time.monotonic()
        if on_terminal:
            # One column is left free: a full line would begin another one.
            columns = shutil.get_terminal_size().columns - 1
            write_to_terminal(f"{_WIPE}{line_of(progress, columns)}")
        else:
            say(line_of(progress))

    write_to_terminal("waiting for the first reply")
    try:
        yield show
    finally:
        write_to_terminal(_WIPE)
