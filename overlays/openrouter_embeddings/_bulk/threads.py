"""The runner of a bulk run that uses threads.

It carries out the steps that the run says, asks the cache, and keeps new vectors in it. Of the
threads, whichever has received an answer sends the next request; answers are read by the one thread
that drives the run, since threads that all read would take turns at every step.

When the caller stops early, by `break`, Ctrl-C or cancellation, what is in flight has been paid
for: its replies are waited for, within their timeouts, and kept in the cache.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._http.exchange import send

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    import httpx

    from openrouter_embeddings._bulk.attempts import Attempt, Step
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._bulk.run import BulkRun
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits, Store
    from openrouter_embeddings.values import EmbeddedBatch

T = TypeVar("T")


def run_in_threads(
    http: httpx.Client, run: BulkRun, store: Store | None, settings: Settings
) -> Generator[EmbeddedBatch, None, None]:
    """Carry a run out with threads, and yield what is done in the order of the inputs."""
    with ThreadPoolExecutor(run.plan.limits.max_in_flight + 2, "embeddings") as pool:
        runner = _Threads(http, run, store, settings, pool)
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
    settings: Settings
    pool: ThreadPoolExecutor
    _lock: threading.Lock = field(init=False, factory=threading.Lock)  # for the run
    _questions: deque[tuple[Chunk, Future[Sequence[Hits]]]] = field(init=False, factory=deque)
    # What ended: work, or a request (None) whose thread goes on with the next.
    _ended: SimpleQueue[Future[Any] | None] = field(init=False, factory=SimpleQueue)

    def batches(self) -> Iterator[EmbeddedBatch]:
        while True:
            self._collect()
            match self._next():
                case Start(attempt):
                    self._watch(self.pool.submit(self._send_on, attempt))
                case Ask(chunk):
                    self._ask(chunk)
                case Hand(ready):
                    yield ready.batch()
                case Settle() as step:
                    self._settle(step)
                case Wait(seconds):
                    with suppress(Empty):
                        self._note(self._ended.get(timeout=seconds))
                case Over():
                    return

    def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        with self._lock:
            self.run.end()
        self.pool.shutdown()
        while isinstance(step := self._next(), Settle):
            self._settle(step)
        self._save()

    def _next(self) -> Step:
        with self._lock:
            return self.run.next(self.settings.clock())

    def _watch(self, future: Future[T]) -> Future[T]:
        future.add_done_callback(self._ended.put)
        return future

    def _send_on(self, attempt: Attempt | None) -> None:
        """Send a request, and others as long as the end of one leaves room for the next."""
        while attempt is not None:
            answer = send(self.http, attempt.call.operation.request, attempt.timeout)
            now = self.settings.clock()
            with self._lock:
                self.run.attempts.on_reply(attempt, answer, now)
                attempt = self.run.next_attempt(now)
            self._ended.put(None)

    def _ask(self, chunk: Chunk) -> None:
        if self.store is not None and (chunk.keys or self._questions):
            # One that needs no answer waits as well: inputs come in in their order.
            found = self._watch(self.pool.submit(_find, self.store, chunk.keys))
            self._questions.append((chunk, found))
            return
        with self._lock:
            self.run.intake.add(chunk, ())

    def _collect(self) -> None:
        """Note all that has ended."""
        while not self._ended.empty():
            self._note(self._ended.get())

    def _note(self, ended: Future[Any] | None) -> None:
        if ended is not None:
            ended.result()
        while self._questions and self._questions[0][1].done():
            chunk, found = self._questions.popleft()
            with self._lock:
                self.run.intake.add(chunk, found.result())

    def _settle(self, step: Settle) -> None:
        # An answer that Ctrl-C interrupts here is read once more on the way out.
        outcome = self.run.read(step, self.settings.draw())
        with self._lock:
            events = self.run.conclude(step.attempt, outcome, self.settings.clock())
        try:
            self._save()
        finally:
            self.settings.tell(events)

    def _save(self) -> None:
        """Have the cache keep new vectors; what is interrupted is done again on the way out."""
        if self.store is not None and self.run.unsaved:
            self.store.put(self.run.unsaved, model=self.run.plan.template.model)
            self.run.unsaved = {}


def _find(store: Store, keys: Sequence[bytes]) -> Sequence[Hits]:
    return store.find(keys) if keys else ()
