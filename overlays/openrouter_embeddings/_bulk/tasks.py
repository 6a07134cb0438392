"""The runner of a bulk run that uses tasks of one event loop; see `threads` for what it does."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from openrouter_embeddings._http.exchange import asend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Sequence

    import httpx

    from openrouter_embeddings._bulk.attempts import Attempt
    from openrouter_embeddings._bulk.options import Store
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._bulk.run import BulkRun
    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.values import EmbeddedBatch

    Answer = tuple[Reply | NoResponseError, float]

T = TypeVar("T")


async def run_in_tasks(
    http: httpx.AsyncClient, run: BulkRun, store: Store | None, settings: Settings
) -> AsyncGenerator[EmbeddedBatch]:
    """Carry a run out with tasks, and yield what is done in the order of the inputs."""
    runner = _Tasks(http, run, store, settings, asyncio.Queue())
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
    settings: Settings
    _ended: asyncio.Queue[asyncio.Task[Any]]
    _pending: dict[asyncio.Task[Answer], Attempt] = field(init=False, factory=dict)
    _unread: deque[asyncio.Task[Answer]] = field(init=False, factory=deque)
    _questions: deque[tuple[Chunk, asyncio.Task[Sequence[Hits]]]] = field(init=False, factory=deque)

    async def batches(self) -> AsyncGenerator[EmbeddedBatch]:
        while True:
            await self._collect_finished(0.0)
            while (attempt := self.run.next_attempt(self.settings.clock())) is not None:
                self._pending[self._begin(self._send(attempt))] = attempt
            if (chunk := self.run.intake.next_question()) is not None:
                self._ask(chunk)
            elif (ready := self.run.ready()) is not None:
                yield ready.batch()
            elif self._unread:
                await self._conclude(self._unread.popleft())
            elif self._pending or self._questions:
                await self._collect_finished(self.run.wait(self.settings.clock()))
            elif self.run.over:
                return
            else:
                await asyncio.sleep(self.run.wait(self.settings.clock()))

    async def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        waiting = [*self._pending, *(found for _, found in self._questions)]
        if waiting:
            await asyncio.wait(waiting)
        for future in list(self._pending):
            await self._conclude(future)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        future = asyncio.create_task(work)
        future.add_done_callback(self._ended.put_nowait)
        return future

    async def _send(self, attempt: Attempt) -> Answer:
        wire = attempt.call.operation.request
        return await asend(self.http, wire, attempt.timeout), self.settings.clock()

    def _ask(self, chunk: Chunk) -> None:
        if self.store is not None and chunk.keys:
            found = self._begin(asyncio.to_thread(self.store.find, chunk.keys))
            self._questions.append((chunk, found))
        else:
            self.run.intake.add(chunk, ())

    async def _collect_finished(self, seconds: float) -> None:
        """Wait for what ends next, and note it with all that has ended."""
        timeout = None if seconds == math.inf else seconds
        with suppress(TimeoutError, asyncio.QueueEmpty):
            async with asyncio.timeout(timeout):
                future = await self._ended.get()
            while True:
                if future in self._pending:
                    self.run.attempts.on_reply(self._pending[future], future.result()[0])
                    self._unread.append(future)
                while self._questions and self._questions[0][1].done():
                    chunk, found = self._questions.popleft()
                    self.run.intake.add(chunk, found.result())
                future = self._ended.get_nowait()

    async def _conclude(self, future: asyncio.Task[Answer]) -> None:
        attempt, answer = self._pending[future], future.result()
        outcome = attempt.outcome(*answer, self.settings.draw())
        self.run.place(attempt, outcome)
        events = self.run.conclude(attempt, outcome, self.settings.clock())
        if self.store is not None and (fresh := self.run.fresh(attempt)):
            await asyncio.to_thread(self.store.put, fresh, model=self.run.plan.template.model)
        del self._pending[future]
        self.settings.tell(events)
