"""How far a job is, on one line: redrawn on a terminal, once a minute in a log."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from openrouter_embeddings.jobs._run import ShownJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings.jobs import JobProgress

_IN_LOG = 60.0


@contextmanager
def shown() -> Iterator[Callable[[JobProgress], None]]:
    """Show progress beside the output, and leave a clean line behind."""
    show = ShownJob(seldom=_IN_LOG, is_kept=False)
    with show.line:
        yield show
