"""The runner of a bulk run that uses tasks of one event loop; see `threads` for what it does."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._http.exchange import asend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Sequence

    import httpx

    from openrouter_embeddings._bulk.attempts import Attempt, Step
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._bulk.run import BulkRun
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits, Store
    from openrouter_embeddings.values import EmbeddedBatch

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
    _pending: set[asyncio.Task[Any]] = field(init=False, factory=set)
    _questions: deque[tuple[Chunk, asyncio.Task[Sequence[Hits]]]] = field(init=False, factory=deque)

    async def batches(self) -> AsyncGenerator[EmbeddedBatch]:
        while True:
            await self._collect()
            match self._next():
                case Start(attempt):
                    self._begin(self._send(attempt))
                case Ask(chunk):
                    self._ask(chunk)
                case Hand(ready):
                    yield ready.batch()
                case Settle() as step:
                    await self._settle(step)
                case Wait(seconds):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            self._note(await self._ended.get())
                case Over():
                    return

    async def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        self.run.end()
        if self._pending:
            await asyncio.wait(self._pending)
        while isinstance(step := self._next(), Settle):
            await self._settle(step)
        await self._save()

    def _next(self) -> Step:
        return self.run.next(self.settings.clock())

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._ended.put_nowait)
        return task

    async def _send(self, attempt: Attempt) -> None:
        answer = await asend(self.http, attempt.call.operation.request, attempt.timeout)
        self.run.attempts.on_reply(attempt, answer, self.settings.clock())

    def _ask(self, chunk: Chunk) -> None:
        if self.store is not None and (chunk.keys or self._questions):
            # One that needs no answer waits as well: inputs come in in their order.
            found = self._begin(_find(self.store, chunk.keys))
            self._questions.append((chunk, found))
        else:
            self.run.intake.add(chunk, ())

    async def _collect(self) -> None:
        """Let the tasks go on, and note all that has ended."""
        await asyncio.sleep(0)
        while not self._ended.empty():
            self._note(self._ended.get_nowait())

    def _note(self, ended: asyncio.Task[Any]) -> None:
        self._pending.discard(ended)
        ended.result()
        while self._questions and self._questions[0][1].done():
            chunk, found = self._questions.popleft()
            self.run.intake.add(chunk, found.result())

    async def _settle(self, step: Settle) -> None:
        outcome = self.run.read(step, self.settings.draw())
        events = self.run.conclude(step.attempt, outcome, self.settings.clock())
        try:
            await self._save()
        finally:
            self.settings.tell(events)

    async def _save(self) -> None:
        """Have the cache keep new vectors; what is interrupted is done again on the way out."""
        if self.store is not None and self.run.unsaved:
            model = self.run.plan.template.model
            await asyncio.to_thread(self.store.put, self.run.unsaved, model=model)
            self.run.unsaved = {}


async def _find(store: Store, keys: Sequence[bytes]) -> Sequence[Hits]:
    return await asyncio.to_thread(store.find, keys) if keys else ()
