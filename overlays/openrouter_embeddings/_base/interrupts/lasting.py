"""Tasks of asyncio that are let end, whatever happens to their callers and their loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class LastingTask(asyncio.Task[T]):
    """A task that the end of its loop waits for; only what runs in the loop can cancel it.

    `asyncio.run` cancels all tasks that are left when its loop does not run any more, and then lets
    them end: what was paid for may end in its time.

    Attributes:
        on_loop_end: Is called when the loop ends.
    """

    on_loop_end: Callable[[], None] | None = None

    def cancel(self, msg: object = None) -> bool:
        """Cancel it, unless its loop is ending."""
        if self.get_loop().is_running():
            return super().cancel(msg)
        if self.on_loop_end is not None:
            self.on_loop_end()
        return False


def begin_lasting(work: Coroutine[Any, Any, T]) -> LastingTask[T]:
    """Begin one in the running event loop."""
    return LastingTask(work, loop=asyncio.get_running_loop())


def is_runners(handler: object) -> bool:
    """Say whether a signal's handler is that of `asyncio.run`.

    It takes its handler away at its end, but only where nobody has put another before it.
    """
    method = handler.func if isinstance(handler, partial) else None
    return isinstance(getattr(method, "__self__", None), asyncio.Runner)


def is_ended_runners(handler: object) -> bool:
    """Say whether it is that of one whose main task has ended."""
    words = handler.keywords if isinstance(handler, partial) and is_runners(handler) else {}
    main = words.get("main_task")
    return isinstance(main, asyncio.Task) and main.done()


def mark_seen(task: asyncio.Task[Any]) -> None:
    """Have nobody complain that a failure was not looked at, where a run ends before it could."""
    if not task.cancelled():
        task.exception()


def was_interrupted(task: asyncio.Task[Any]) -> bool:
    """Say whether Ctrl-C was raised in a task: it has left the loop as well, there and then."""
    return not task.cancelled() and isinstance(task.exception(), KeyboardInterrupt)


def result_of(task: asyncio.Task[T]) -> T:
    """Return what a task returned; a Ctrl-C that was raised in it is not raised once more."""
    if was_interrupted(task):
        raise asyncio.CancelledError from task.exception()
    return task.result()


async def to_its_end(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Wait for work that must be done whole; a cancellation is passed on only then.

    Where Ctrl-C was raised in it, it is done anew.
    """
    task = begin_lasting(work())
    late = await cancelled_while(task)
    while was_interrupted(task):
        task = begin_lasting(work())
        late = await cancelled_while(task) or late
    task.result()
    if late is not None:
        raise late


async def cancelled_while(
    task: asyncio.Task[None], on_cancelled: Callable[[], None] | None = None
) -> asyncio.CancelledError | None:
    """Wait for the end of a task in any case; return the cancellation that came meanwhile."""
    late = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as again:
            late = again
            if on_cancelled is not None:
                on_cancelled()
    return late
