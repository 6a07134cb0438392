"""The runner of a bulk run that uses threads.

It sends what the run hands out, brings the answers back, asks the cache, and keeps new vectors in
it. To read a reply takes longer than the next request should wait. So a reply that is here makes
room for the next request before it is read. Of the threads, whichever has received one sends the
next; replies are read by the one thread that drives the run, since threads that all read would take
turns at every step.

When the caller stops early, by `break`, Ctrl-C or cancellation, what is in flight has been paid
for: its replies are waited for, within their timeouts, and kept in the cache.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from openrouter_embeddings._http.exchange import send

if TYPE_CHECKING:
    from collections.abc import (
        Iterator,
        Sequence,
    )

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


def run_in_threads(
    http: httpx.Client, run: BulkRun, store: Store | None, settings: Settings
) -> Iterator[EmbeddedBatch]:
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
    _lock: threading.Lock = field(init=False, factory=threading.Lock)  # for the run and the answers
    _answers: dict[Attempt, Answer | None] = field(
        init=False, factory=dict
    )  # of what is not settled
    _unread: deque[Attempt] = field(init=False, factory=deque)
    _questions: deque[tuple[Chunk, Future[Sequence[Hits]]]] = field(init=False, factory=deque)
    _ended: SimpleQueue[Attempt | Future[Any]] = field(init=False, factory=SimpleQueue)
    _goes_on: bool = field(init=False, default=True)

    def batches(self) -> Iterator[EmbeddedBatch]:
        while True:
            self._collect_finished(0.0)
            while (attempt := self._next_attempt()) is not None:
                self._watch(self.pool.submit(self._send_on, attempt))
            with self._lock:
                chunk = self.run.intake.next_question()
                ready = self.run.ready() if chunk is None else None
                over = self.run.over
            if chunk is not None:
                self._ask(chunk)
            elif ready is not None:
                yield ready.batch()
            elif self._unread:
                self._conclude(self._unread.popleft())
            elif self._answers or self._questions:
                self._collect_finished(self._wait())
            elif over:
                return
            else:
                time.sleep(self._wait())

    def finish(self) -> None:
        """Wait for what is in flight, and keep it."""
        self._goes_on = False
        self.pool.shutdown()
        for attempt in list(self._answers):
            self._conclude(attempt)

    def _watch(self, future: Future[T]) -> Future[T]:
        future.add_done_callback(self._ended.put)
        return future

    def _next_attempt(self) -> Attempt | None:
        with self._lock:
            attempt = self.run.next_attempt(self.settings.clock()) if self._goes_on else None
            if attempt is not None:
                self._answers[attempt] = None
            return attempt

    def _wait(self) -> float:
        with self._lock:
            return self.run.wait(self.settings.clock())

    def _send_on(self, attempt: Attempt | None) -> None:
        """Send a request, and others as long as the end of one leaves room for the next."""
        while attempt is not None:
            wire = attempt.call.operation.request
            answer = send(self.http, wire, attempt.timeout), self.settings.clock()
            with self._lock:
                self._answers[attempt] = answer
                self.run.attempts.on_reply(attempt, answer[0])
            following = self._next_attempt()
            self._ended.put(attempt)
            attempt = following

    def _ask(self, chunk: Chunk) -> None:
        if self.store is not None and chunk.keys:
            found = self._watch(self.pool.submit(self.store.find, chunk.keys))
            self._questions.append((chunk, found))
            return
        with self._lock:
            self.run.intake.add(chunk, ())

    def _collect_finished(self, seconds: float) -> None:
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
                        self.run.intake.add(chunk, found.result())

    def _conclude(self, attempt: Attempt) -> None:
        # A reply that Ctrl-C interrupts here is read once more on the way out.
        answer = self._answers[attempt]
        if answer is None:
            return
        outcome = attempt.outcome(*answer, self.settings.draw())
        self.run.place(attempt, outcome)
        with self._lock:
            events = self.run.conclude(attempt, outcome, self.settings.clock())
            fresh = self.run.fresh(attempt) if self.store is not None else {}
        if self.store is not None and fresh:
            self.store.put(fresh, model=self.run.plan.template.model)
        del self._answers[attempt]
        self.settings.tell(events)
