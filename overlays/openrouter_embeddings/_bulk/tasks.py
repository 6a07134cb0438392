"""The runner of a bulk run that uses tasks of one event loop; see `threads` for what it does."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from openrouter_embeddings._base.interrupts.lasting import (
    LastingTask,
    begin_lasting,
    cancelled_while,
    is_ended_runners,
    is_runners,
    mark_seen,
    result_of,
    to_its_end,
    was_interrupted,
)
from openrouter_embeddings._base.interrupts.signals import HeldSignals, SharedHold, find_interrupt
from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._bulk.output import announce_wait, describe_cost
from openrouter_embeddings._bulk.reader import MOST_BYTES, FedSource, weigh
from openrouter_embeddings._http.exchange import asend, async_users_of
from openrouter_embeddings._http.transports import closed_error
from openrouter_embeddings.errors import ConfigurationError, NoResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence

    import httpx

    from openrouter_embeddings._bulk.attempts import Attempt
    from openrouter_embeddings._bulk.reader import Chunk, Source
    from openrouter_embeddings._bulk.run import BulkRun
    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits, Store
    from openrouter_embeddings.values import EmbeddedBatch

T = TypeVar("T")

_READER = "embeddings-read"


# Runs that keep what comes hold signals back together: they end in any order.
_HOLD = SharedHold(is_ended_runners)

# Event loops hold their tasks weakly.
_KEEPERS = set[asyncio.Task[None]]()


async def run_in_tasks(
    http: httpx.AsyncClient, run: BulkRun, store: Store | None, settings: Settings
) -> AsyncGenerator[EmbeddedBatch]:
    """Carry a run out with tasks, and yield what is done in the order of the inputs."""
    runner = _Tasks(http, run, store, settings)
    try:
        async for batch in runner.batches():
            yield batch
    except BaseException as exc:
        await runner.finish(exc)
        raise
    else:
        await runner.finish()


@define(eq=False)
class _Feeder:
    """Reads a source beside the run, a turn at a time.

    Attributes:
        source: The inputs.
        wake: Is called where inputs came, and at the end of a turn.
    """

    source: Source
    wake: Callable[[], None]
    _turn: asyncio.Task[None] | None = field(init=False, default=None)

    def feed(self) -> None:
        """Have the source read further where that is wanted."""
        if isinstance(self.source, FedSource) and self.source.wanted and self._turn is None:
            self._turn = asyncio.create_task(self._read(self.source))
            self._turn.add_done_callback(lambda _: self.wake())

    def stop(self) -> None:
        if self._turn is not None:
            self._turn.cancel()

    async def _read(self, source: FedSource) -> None:
        over, failure = False, None
        try:
            if isinstance(source.values, AsyncIterator):
                over = await _read_some(source, source.values, self.wake)
            else:
                over = await _read_in_thread(source, source.values, self.wake)
        except Exception as exc:  # noqa: BLE001 - the source is not ours, and is told to the caller
            over, failure = True, exc
        source.end_turn(over=over, failure=failure)
        self._turn = None


@define(eq=False)
class _Tasks:
    """A run that is carried out with tasks of one event loop.

    One of them, the keeper, does nothing until the run is to end, and then keeps what comes in. It
    is there when nobody else is: at the end of the loop, or where the caller was cancelled.
    """

    http: httpx.AsyncClient
    run: BulkRun
    store: Store | None
    settings: Settings
    # What has ended; None where inputs came.
    _ended: asyncio.Queue[asyncio.Task[Any] | None] = field(init=False, factory=asyncio.Queue)
    _pending: set[asyncio.Task[Any]] = field(init=False, factory=set)
    _questions: deque[tuple[Chunk, asyncio.Task[Sequence[Hits]]]] = field(init=False, factory=deque)
    _feeder: _Feeder = field(init=False)
    _ending: asyncio.Event = field(init=False, factory=asyncio.Event)
    _keeper: LastingTask[None] = field(init=False)
    _loop_ends: bool = field(init=False, default=False)
    _is_told: bool = field(init=False, default=False)  # the interrupt is on its way to the caller

    def __attrs_post_init__(self) -> None:
        self._feeder = _Feeder(self.run.source, lambda: self._ended.put_nowait(None))
        self._keeper = begin_lasting(self._keep())
        self._keeper.on_loop_end = self._on_loop_end
        _KEEPERS.difference_update([each for each in _KEEPERS if each.get_loop().is_closed()])
        _KEEPERS.add(self._keeper)
        self._keeper.add_done_callback(mark_seen)
        self._keeper.add_done_callback(_KEEPERS.discard)
        users = async_users_of(self.http)
        users.append(self)
        self._keeper.add_done_callback(lambda _: users.remove(self))

    def _on_loop_end(self) -> None:
        self._loop_ends = True
        # Python is handling what has ended the loop, if that was an interrupt.
        self._is_told |= find_interrupt(sys.exception()) is not None
        _HOLD.replace(is_runners)
        self.run.end()
        self._keep_what_comes()

    def _keep_what_comes(self) -> None:
        self._feeder.stop()
        self._ending.set()

    async def before_close(self, interrupt: BaseException | None) -> None:
        """Take in what is in flight before the connections are closed.

        Who reads on gets what had come. In another event loop nobody can wait for this one.
        """
        self.run.give_up(closed_error())
        if self._keeper.get_loop() is asyncio.get_running_loop():
            self._ended.put_nowait(None)
            await self._wait_for_keeper(interrupt)

    async def batches(self) -> AsyncGenerator[EmbeddedBatch]:
        while True:
            await self._collect()
            step = self.run.next(self.settings.clock())
            self._feeder.feed()
            match step:
                case Start(attempt):
                    self._begin(self._send(attempt))
                case Ask(chunk):
                    self._ask(chunk)
                case Hand(ready):
                    yield ready.batch()
                case Settle() as step:
                    await self._settle(step)
                case Wait() if self._keeper.done():
                    raise closed_error()
                case Wait(seconds):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            self._note(await self._ended.get())
                case Over():
                    return

    async def finish(self, ended_by: BaseException | None = None) -> None:
        """Wait for what is in flight, and keep it; the second interrupt ends that.

        Args:
            ended_by: What ended the run early, if anything did.
        """
        interrupt = find_interrupt(ended_by)
        self.run.end()
        await self._wait_for_keeper(interrupt)

    async def _wait_for_keeper(self, interrupt: BaseException | None) -> None:
        if self._keeper.done():
            return
        if not self._ending.is_set() and interrupt is not None:
            if self.store is None:
                self._give_up_pending()
            else:
                announce_wait(self.run.attempts.pace.in_flight)
        self._is_told |= interrupt is not None
        self._keep_what_comes()
        with _held_signals(self._give_up_pending):
            late = await cancelled_while(self._keeper, self._on_cancelled)
        result_of(self._keeper)
        if interrupt is not None:
            stats = self.run.account.stats(self.run.attempts.pace)
            interrupt.add_note(describe_cost(stats))
        elif late is not None:
            raise late

    def _on_cancelled(self) -> None:
        # At its end the loop cancels everybody who waits, and waits for what they do then.
        if not self._loop_ends:
            self._give_up_pending()

    def _give_up_pending(self) -> None:
        for task in self._pending:
            task.cancel()

    async def _keep(self) -> None:
        """Keep replies as they come, from the end of the run on until all are here."""
        await self._ending.wait()
        with _held_signals(self._give_up_pending):
            while self._pending:
                done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
                self._pending -= done
                await self._settle_all()
            await self._settle_all()
            self.run.account.abandon()
            raised = None if self._is_told else _HOLD.take()
        if raised is not None:
            raise raised.with_traceback(None)

    async def _settle_all(self) -> None:
        while (step := self.run.attempts.unread) is not None:
            await self._settle(step)
        await self._save()

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = begin_lasting(work)
        self._pending.add(task)
        task.add_done_callback(mark_seen)
        task.add_done_callback(self._ended.put_nowait)
        return task

    async def _send(self, attempt: Attempt) -> None:
        answer: Reply | NoResponseError
        try:
            answer = await asend(self.http, attempt.call.request, attempt.timeout)
        except ConfigurationError as exc:  # the client was closed before it could go out
            answer = NoResponseError(exc.message, hint=exc.hint)
        except KeyboardInterrupt:
            # It leaves the loop to whoever runs that; the run sees a request that was cut off.
            answer = NoResponseError("Ctrl-C ended the request.", sent=True)
            self.run.attempts.on_reply(attempt, answer, self.settings.clock())
            raise
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

    def _note(self, ended: asyncio.Task[Any] | None) -> None:
        if ended is not None:
            self._pending.discard(ended)
            if not (ended.cancelled() or was_interrupted(ended)):
                ended.result()
        while self._questions and self._questions[0][1].done():
            chunk, found = self._questions.popleft()
            self.run.intake.add(chunk, result_of(found))

    async def _settle(self, step: Settle) -> None:
        outcome = self.run.read(step, self.settings.draw())
        # The first Ctrl-C is a cancellation; another raises anywhere.
        with HeldSignals():
            events = self.run.conclude(step.attempt, outcome, self.settings.clock())
        try:
            await self._save()
        finally:
            self.settings.tell(events, self.run.space.take_news())

    async def _save(self) -> None:
        """Have the cache keep new vectors; a cancellation waits for that."""
        if self.store is not None and self.run.unsaved:
            unsaved, self.run.unsaved = self.run.unsaved, {}
            put = partial(self.store.put, unsaved, model=self.run.plan.template.model)
            await to_its_end(lambda: asyncio.to_thread(put))


def _held_signals(give_up: Callable[[], None]) -> AbstractContextManager[None]:
    """Hold back what a second Ctrl-C raises: it would end whichever task just runs.

    Where the first is on its way to the caller, the second says nothing new.
    """
    loop = asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(give_up)

    return _HOLD.share(wake)


async def _find(store: Store, keys: Sequence[bytes]) -> Sequence[Hits]:
    return await asyncio.to_thread(store.find, keys) if keys else ()


async def _read_some(
    source: FedSource, values: AsyncIterator[object], wake: Callable[[], None]
) -> bool:
    """Read as many inputs as are wanted, and say whether it is their end.

    Each is there for the run as soon as it came.
    """
    size = 0
    for _ in range(source.wanted):
        try:
            value = await anext(values)
        except StopAsyncIteration:
            return True
        if source.add(value):
            wake()
        size += weigh([value])
        if size >= MOST_BYTES:
            break
    return False


async def _read_in_thread(
    source: FedSource, values: Iterator[object], wake: Callable[[], None]
) -> bool:
    """Do the same where waiting holds nobody up; the thread ends with the program."""
    loop, most = asyncio.get_running_loop(), source.wanted
    over: asyncio.Future[bool] = loop.create_future()

    def work() -> None:
        read, size, failure = 0, 0, None
        try:
            for read, value in enumerate(islice(values, most), 1):  # noqa: B007 - read behind it
                if source.add(value):
                    loop.call_soon_threadsafe(wake)
                size += weigh([value])
                if size >= MOST_BYTES:
                    break
        except BaseException as exc:  # noqa: BLE001 - raised again in the loop
            failure = exc
        is_over = read < most and size < MOST_BYTES
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_conclude, over, failure or is_over)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name=_READER, daemon=True).start()
    return await over


def _conclude(over: asyncio.Future[bool], outcome: BaseException | bool) -> None:  # noqa: FBT001 - what came
    if over.done():
        return
    if isinstance(outcome, bool):
        over.set_result(outcome)
    else:
        over.set_exception(outcome)
