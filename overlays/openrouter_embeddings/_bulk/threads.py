"""The runners of a bulk run: threads for one client, tasks for the other.

They send what the run hands out, bring the answers back, ask the cache, and keep new vectors in it.
To read a reply takes longer than the next request should wait. So a reply that is here makes room
for the next request before it is read. Of the threads, whichever has received one sends the next;
replies are read by the one thread that drives the run, since threads that all read would take turns
at every step.

When the caller stops early, by `break`, Ctrl-C or cancellation, what is in flight has been paid
for: its replies are waited for, within their timeouts, and kept in the cache.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import define, field

from openrouter_embeddings._http.exchange import asend, send
from openrouter_embeddings._request.memory import keep_freed_memory

if TYPE_CHECKING:
    from asyncio import Queue as AsyncQueue
    from asyncio import Task as AsyncTask
    from collections.abc import (
        AsyncGenerator,
        Callable,
        Coroutine,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    import httpx

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._bulk.run import BulkRun, Task
    from openrouter_embeddings._request.refusals import Reply
    from openrouter_embeddings.cache import Hits
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.values import EmbeddedBatch

    Answer = tuple[Reply | NoResponseError, float]
    Tell = Callable[[Iterable[Event]], None]

T = TypeVar("T")

keep_freed_memory()


class Store(Protocol):
    """What a run needs of a cache."""

    def find(self, keys: Sequence[bytes]) -> Sequence[Hits]:
        """Return the vectors that are there, in the order of the keys."""
        ...

    def put(self, vectors: Mapping[bytes, Vectors], *, model: str) -> None:
        """Keep vectors."""
        ...


def drive(
    http: httpx.Client, run: BulkRun, store: Store | None, tell: Tell
) -> Iterator[EmbeddedBatch]:
    """Carry a run out with threads, and yield what is done in the order of the inputs."""
    with ThreadPoolExecutor(run.plan.limits.max_in_flight + 2, "embeddings") as pool:
        runner = _Threads(http, run, store, tell, pool)
        try:
            yield from runner.batches()
        finally:
            runner.finish()


@define(eq=False)
class _Threads:
    """A run that is carried out with threads; one of them drives it."""

    http: httpx.Client
    run: BulkRun
    store: Store | None
    tell: Tell
    pool: ThreadPoolExecutor
    _lock: threading.Lock = field(init=False, factory=threading.Lock)  # for the run and the answers
    _answers: dict[Task, Answer | None] = field(init=False, factory=dict)  # of what is not settled
    _unread: deque[Task] = field(init=False, factory=deque)
    _questions: deque[tuple[Chunk, Future[Sequence[Hits]]]] = field(init=False, factory=deque)
    _ended: SimpleQueue[Task | Future[Any]] = field(init=False, factory=SimpleQueue)
    _goes_on: bool = field(init=False, default=True)

    def batches(self) -> Iterator[EmbeddedBatch]:
        while True:
            self._note(0.0)
            while (task := self._take()) is not None:
                self._watched(self.pool.submit(self._send_on, task))
            with self._lock:
                chunk = self.run.wanted()
                ready = self.run.ready() if chunk is None else None
                over = self.run.over
            if chunk is not None:
                self._ask(chunk)
            elif ready is not None:
                yield ready.batch()
            elif self._unread:
                self._settle(self._unread.popleft())
            elif self._answers or self._questions:
                self._note(self._wait())
            elif over:
                return
            else:
                time.sleep(self._wait())

    def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        self._goes_on = False
        self.pool.shutdown()
        for task in list(self._answers):
            self._settle(task)

    def _watched(self, future: Future[T]) -> Future[T]:
        future.add_done_callback(self._ended.put)
        return future

    def _take(self) -> Task | None:
        with self._lock:
            task = self.run.take(time.monotonic()) if self._goes_on else None
            if task is not None:
                self._answers[task] = None
            return task

    def _wait(self) -> float:
        with self._lock:
            return self.run.wait(time.monotonic())

    def _send_on(self, task: Task | None) -> None:
        """Send a request, and others as long as the end of one leaves room for the next."""
        while task is not None:
            wire = task.call.operation.wire()
            answer = send(self.http, wire, task.timeout), time.monotonic()
            with self._lock:
                self._answers[task] = answer
                self.run.landed(task, answer[0])
            following = self._take()
            self._ended.put(task)
            task = following

    def _ask(self, chunk: Chunk) -> None:
        if self.store is not None and chunk.keys:
            found = self._watched(self.pool.submit(self.store.find, chunk.keys))
            self._questions.append((chunk, found))
            return
        with self._lock:
            self.run.add(chunk, ())

    def _note(self, seconds: float) -> None:
        """Wait for what ends next, and note it with all that has ended."""
        timeout = None if seconds == math.inf else seconds
        with suppress(Empty):
            while True:
                what = self._ended.get(timeout=timeout)
                timeout = 0.0
                if not isinstance(what, Future):
                    self._unread.append(what)
                    continue
                what.result()
                while self._questions and self._questions[0][1].done():
                    chunk, found = self._questions.popleft()
                    with self._lock:
                        self.run.add(chunk, found.result())

    def _settle(self, task: Task) -> None:
        # A reply that Ctrl-C interrupts here is read once more on the way out.
        answer = self._answers[task]
        if answer is None:
            return
        outcome = task.outcome(*answer, random.random())  # noqa: S311 - jitter
        self.run.place(task, outcome)
        with self._lock:
            events = self.run.settle(task, outcome, time.monotonic())
            fresh = self.run.fresh(task) if self.store is not None else {}
        if self.store is not None and fresh:
            self.store.put(fresh, model=self.run.plan.template.model)
        del self._answers[task]
        self.tell(events)


async def adrive(
    http: httpx.AsyncClient, run: BulkRun, store: Store | None, tell: Tell
) -> AsyncGenerator[EmbeddedBatch]:
    """Carry a run out with tasks, and yield what is done in the order of the inputs."""
    import asyncio  # noqa: PLC0415 - the other runner needs none of it

    runner = _Tasks(http, run, store, tell, asyncio.Queue())
    try:
        async for batch in runner.batches():
            yield batch
    finally:
        await runner.finish()


@define(eq=False)
class _Tasks:
    """A run that is carried out with tasks of one event loop."""

    http: httpx.AsyncClient
    run: BulkRun
    store: Store | None
    tell: Tell
    _ended: AsyncQueue[AsyncTask[Any]]
    _pending: dict[AsyncTask[Answer], Task] = field(init=False, factory=dict)
    _unread: deque[AsyncTask[Answer]] = field(init=False, factory=deque)
    _questions: deque[tuple[Chunk, AsyncTask[Sequence[Hits]]]] = field(init=False, factory=deque)

    async def batches(self) -> AsyncGenerator[EmbeddedBatch]:
        import asyncio  # noqa: PLC0415 - see above

        while True:
            await self._note(0.0)
            while (task := self.run.take(time.monotonic())) is not None:
                self._pending[self._begun(self._send(task))] = task
            if (chunk := self.run.wanted()) is not None:
                self._ask(chunk)
            elif (ready := self.run.ready()) is not None:
                yield ready.batch()
            elif self._unread:
                await self._settle(self._unread.popleft())
            elif self._pending or self._questions:
                await self._note(self.run.wait(time.monotonic()))
            elif self.run.over:
                return
            else:
                await asyncio.sleep(self.run.wait(time.monotonic()))

    async def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        import asyncio  # noqa: PLC0415 - see above

        waiting = [*self._pending, *(found for _, found in self._questions)]
        if waiting:
            await asyncio.wait(waiting)
        for future in list(self._pending):
            await self._settle(future)

    def _begun(self, work: Coroutine[Any, Any, T]) -> AsyncTask[T]:
        import asyncio  # noqa: PLC0415 - see above

        future = asyncio.create_task(work)
        future.add_done_callback(self._ended.put_nowait)
        return future

    async def _send(self, task: Task) -> Answer:
        wire = task.call.operation.wire()
        return await asend(self.http, wire, task.timeout), time.monotonic()

    def _ask(self, chunk: Chunk) -> None:
        import asyncio  # noqa: PLC0415 - see above

        if self.store is not None and chunk.keys:
            found = self._begun(asyncio.to_thread(self.store.find, chunk.keys))
            self._questions.append((chunk, found))
        else:
            self.run.add(chunk, ())

    async def _note(self, seconds: float) -> None:
        """Wait for what ends next, and note it with all that has ended."""
        import asyncio  # noqa: PLC0415 - see above

        timeout = None if seconds == math.inf else seconds
        with suppress(TimeoutError, asyncio.QueueEmpty):
            async with asyncio.timeout(timeout):
                future = await self._ended.get()
            while True:
                if future in self._pending:
                    self.run.landed(self._pending[future], future.result()[0])
                    self._unread.append(future)
                while self._questions and self._questions[0][1].done():
                    chunk, found = self._questions.popleft()
                    self.run.add(chunk, found.result())
                future = self._ended.get_nowait()

    async def _settle(self, future: AsyncTask[Answer]) -> None:
        import asyncio  # noqa: PLC0415 - see above

        task, answer = self._pending[future], future.result()
        outcome = task.outcome(*answer, random.random())  # noqa: S311 - jitter
        self.run.place(task, outcome)
        events = self.run.settle(task, outcome, time.monotonic())
        if self.store is not None and (fresh := self.run.fresh(task)):
            await asyncio.to_thread(self.store.put, fresh, model=self.run.plan.template.model)
        del self._pending[future]
        self.tell(events)
