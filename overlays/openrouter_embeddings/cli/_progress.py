"""How far a job is, on one line: redrawn on a terminal, once a minute in a log."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings.jobs import JobProgress

_ON_TERMINAL = 0.2
_IN_LOG = 60.0


def line_of(progress: JobProgress) -> str:
    """Describe how far a job is."""
    left = progress.seconds_left
    parts = [
        f"{progress.done:,} of {progress.rows:,} rows",
        f"{progress.rate:,.0f}/s",
        f"{progress.in_flight} in flight",
        f"throttled {progress.throttled_seconds:.0f} s",
        f"spent ${progress.spent:.4f}",
        f"{progress.failed:,} failed" if progress.failed else "",
        "" if left is None else f"{timedelta(seconds=round(left))} left",
    ]
    return " · ".join(filter(None, parts))


@contextmanager
def shown() -> Iterator[Callable[[JobProgress], None]]:
    """Show progress beside the output, and leave a clean line behind."""
    on_terminal = sys.stderr.isatty()
    every = _ON_TERMINAL if on_terminal else _IN_LOG
    last = time.monotonic() - (every if on_terminal else 0.0)

    def show(progress: JobProgress) -> None:
        nonlocal last
        if time.monotonic() - last < every:
            return
        last = time.monotonic()
        line = line_of(progress)
        sys.stderr.write(f"\r\x1b[2K{line}" if on_terminal else f"{line}\n")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if on_terminal:
            sys.stderr.write("\r\x1b[2K")
