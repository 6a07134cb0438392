"""The runners of a bulk run: threads for one client, tasks for the other, line for line.

They send what the run hands out, bring the answers back, and keep new vectors in the cache. When
the caller stops early, by `break`, Ctrl-C or cancellation, what is in flight has been paid for: its
replies are waited for, within their timeouts, and kept in the cache.
"""

from __future__ import annotations

import math
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from openrouter_embeddings.transport import asend, send

if TYPE_CHECKING:
    from asyncio import Task as AsyncTask
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence

    import httpx
    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings._reply import Reply
    from openrouter_embeddings._run import BulkRun, Task
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.values import EmbeddedBatch

    Answer = tuple[Reply | NoResponseError, float]
    Tell = Callable[[Iterable[Event]], None]


class Store(Protocol):
    """What a run needs of a cache."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there."""
        ...

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]], *, model: str) -> None:
        """Keep vectors."""
        ...


def drive(
    http: httpx.Client, run: BulkRun, store: Store | None, tell: Tell
) -> Iterator[EmbeddedBatch]:
    """Carry a run out with threads, and yield what is done in the order of the inputs."""
    pending: dict[Future[Answer], Task] = {}
    ended: SimpleQueue[Future[Answer]] = SimpleQueue()

    def attempt(task: Task) -> Answer:
        return send(http, task.call.operation.wire(), task.timeout), time.monotonic()

    def settle(future: Future[Answer]) -> None:
        # Replies are read here and not by the threads, which would take turns at every step. One
        # that Ctrl-C interrupts stays pending and is read once more on the way out.
        task, answer = pending[future], future.result()
        events = run.settle(task, task.outcome(*answer, random.random()), time.monotonic())  # noqa: S311 - jitter
        if store is not None and (fresh := run.fresh(task)):
            store.put(fresh, model=run.plan.template.model)
        del pending[future]
        tell(events)

    with ThreadPoolExecutor(run.plan.limits.max_in_flight, "embeddings") as pool:
        try:
            while True:
                while (task := run.take(time.monotonic())) is not None:
                    future = pool.submit(attempt, task)
                    pending[future] = task
                    future.add_done_callback(ended.put)
                if (batch := run.ready()) is not None:
                    yield batch
                    continue
                if items := run.wanted():
                    run.add(items, store.get(run.keys(items)) if store is not None else {})
                    continue
                if run.over and not pending:
                    return
                seconds = run.wait(time.monotonic())
                if pending:
                    timeout = None if seconds == math.inf else seconds
                    with suppress(Empty):
                        settle(ended.get(timeout=timeout))
                else:
                    time.sleep(seconds)
        finally:
            for future in list(pending):
                settle(future)


async def adrive(
    http: httpx.AsyncClient, run: BulkRun, store: Store | None, tell: Tell
) -> AsyncGenerator[EmbeddedBatch]:
    """Carry a run out with tasks, and yield what is done in the order of the inputs."""
    import asyncio  # noqa: PLC0415 - the other runner needs none of it

    pending: dict[AsyncTask[Answer], Task] = {}

    async def attempt(task: Task) -> Answer:
        return await asend(http, task.call.operation.wire(), task.timeout), time.monotonic()

    async def settle(future: AsyncTask[Answer]) -> None:
        task, answer = pending[future], future.result()
        events = run.settle(task, task.outcome(*answer, random.random()), time.monotonic())  # noqa: S311 - jitter
        if store is not None and (fresh := run.fresh(task)):
            await asyncio.to_thread(store.put, fresh, model=run.plan.template.model)
        del pending[future]
        tell(events)

    try:
        while True:
            while (task := run.take(time.monotonic())) is not None:
                pending[asyncio.create_task(attempt(task))] = task
            if (batch := run.ready()) is not None:
                yield batch
                continue
            if items := run.wanted():
                keys = run.keys(items)
                run.add(items, await asyncio.to_thread(store.get, keys) if store else {})
                continue
            if run.over and not pending:
                return
            seconds = run.wait(time.monotonic())
            if pending:
                timeout = None if seconds == math.inf else seconds
                ended, _ = await asyncio.wait(
                    pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                for future in ended:
                    await settle(future)
            else:
                await asyncio.sleep(seconds)
    finally:
        if pending:
            ended, _ = await asyncio.wait(pending)
            for future in ended:
                await settle(future)
