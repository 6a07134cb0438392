"""The runner of a bulk run that uses threads.

It carries out the steps that the run says, asks the cache, and keeps new vectors in it. Of the
threads, whichever has received an answer sends the next request; answers are read by the one thread
that drives the run, since threads that all read would take turns at every step.

When the caller stops early, what is in flight has been paid for: its replies are waited for, within
their timeouts, and kept in the cache. A second Ctrl-C ends that wait, and what had come is kept;
after Ctrl-C where nobody keeps it nothing is waited for. Ctrl-C can reach the driving thread
between any two steps of it, so it is held back where an answer is half booked, or a request half
handed over. A run that nobody ends is ended when the interpreter exits, its threads being daemons
that are still there, or before the client closes its connections; who reads on then gets what had
come.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from openrouter_embeddings._base.interrupts.signals import HeldSignals, find_interrupt
from openrouter_embeddings._bulk.attempts import Ask, Hand, Over, Settle, Start, Wait
from openrouter_embeddings._bulk.output import announce_wait, describe_cost
from openrouter_embeddings._http.exchange import send, users_of
from openrouter_embeddings._http.transports import closed_error
from openrouter_embeddings.errors import ConfigurationError, NoResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import httpx

    from openrouter_embeddings._bulk.attempts import Attempt, Step
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._bulk.run import BulkRun
    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Store
    from openrouter_embeddings.values import EmbeddedBatch

T = TypeVar("T")

# A signal that comes just before a thread falls asleep is handled only after it: Python looks for
# signals between its own steps. So nobody sleeps for longer than a person waits for Ctrl-C.
_LONGEST_SLEEP = 0.25


def run_in_threads(
    http: httpx.Client, run: BulkRun, store: Store | None, settings: Settings
) -> Generator[EmbeddedBatch, None, None]:
    """Carry a run out with threads, and yield what is done in the order of the inputs."""
    runner = _Threads(http, run, store, settings)
    _RUNNING.append(runner)
    try:
        yield from runner.batches()
    except BaseException as exc:
        runner.finish(exc)
        raise
    else:
        runner.finish()


@define(eq=False)
class _Crew(Generic[T]):
    """Threads that do one kind of work; each begins when all others are busy.

    Attributes:
        name: What they are called.
        work: What they do with what is handed to them.
        most: The most threads.
        tell: Is told of the end of each piece of work, and of what it failed with.
        busy: How many pieces of work are not done.
    """

    name: str
    work: Callable[[T], None]
    most: int
    tell: Callable[[BaseException | None], None]
    busy: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _handed: SimpleQueue[T | None] = field(init=False, factory=SimpleQueue)
    _threads: list[threading.Thread] = field(init=False, factory=list)

    def hand(self, item: T) -> None:
        """Hand over a piece of work."""
        with HeldSignals():
            with self._lock:
                self.busy += 1
            self._handed.put(item)
            if len(self._threads) < min(self.busy, self.most):
                self._begin()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._go_on, name=self.name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: those that there are will do it
            if not self._threads:
                self._handed.put(None)
                self._go_on()
        else:
            self._threads.append(thread)

    def _go_on(self) -> None:
        while (item := self._handed.get()) is not None:
            failure: BaseException | None = None
            try:
                self.work(item)
            except BaseException as exc:  # noqa: BLE001 - raised again where the run is driven
                failure = exc
            with self._lock:
                self.busy -= 1
            self.tell(failure)

    def dismiss(self) -> None:
        """Let the threads end; nobody waits for those that still have something to do."""
        for _ in self._threads:
            self._handed.put(None)
        if not self.busy:
            for thread in self._threads:
                thread.join()


@define(eq=False)
class _Driver:
    """Who carries a run out at the moment.

    Attributes:
        thread: The thread; None while the caller has the run.
        is_idle: Is set while nobody does.
    """

    thread: int | None = field(init=False, default=None)
    is_idle: threading.Event = field(init=False, factory=threading.Event)

    def begin(self) -> None:
        self.thread = threading.get_ident()
        self.is_idle.clear()

    def pause(self) -> None:
        self.thread = None
        self.is_idle.set()


@define(eq=False)
class _Threads:
    """A run that is carried out with threads; one of them drives it."""

    http: httpx.Client
    run: BulkRun
    store: Store | None
    settings: Settings
    over: threading.Event = field(init=False, factory=threading.Event)
    process: int = field(init=False, factory=os.getpid)
    driver: _Driver = field(init=False, factory=_Driver)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)  # for the run
    _finishing: threading.Lock = field(init=False, factory=threading.Lock)
    # What has ended: a piece of work, or what it failed with.
    _ended: SimpleQueue[BaseException | None] = field(init=False, factory=SimpleQueue)
    _senders: _Crew[Attempt] = field(init=False)
    _finders: _Crew[Chunk] = field(init=False)

    def __attrs_post_init__(self) -> None:
        most = self.run.plan.limits.max_in_flight
        self._senders = _Crew("embeddings-send", self._send_on, most, self._ended.put)
        # One alone, so that the answers come back in the order of the questions.
        self._finders = _Crew("embeddings-find", self._find, 1, self._ended.put)
        users_of(self.http).append(self)

    def batches(self) -> Iterator[EmbeddedBatch]:
        self.driver.begin()
        while True:
            while not self._ended.empty():
                self._note(self._ended.get())
            match self._next():
                case Start(attempt):
                    self._senders.hand(attempt)
                case Ask(chunk):
                    self._ask(chunk)
                case Hand(ready):
                    batch = ready.batch()
                    self.driver.pause()
                    yield batch
                    self.driver.begin()
                case Settle() as step:
                    self._settle(step)
                case Wait(seconds):
                    self._wait(seconds)
                case Over():
                    return

    def _wait(self, seconds: float) -> None:
        """Wait until something has ended."""
        if self.over.is_set() and not (self._senders.busy or self._finders.busy):
            raise closed_error()
        with suppress(Empty):
            self._note(self._ended.get(timeout=min(seconds, _LONGEST_SLEEP)))

    def _note(self, failure: BaseException | None) -> None:
        if failure is not None:
            raise failure

    def _next(self) -> Step:
        with self._lock:
            return self.run.next(self.settings.clock())

    def _send_on(self, attempt: Attempt | None) -> None:
        """Send a request, and others as long as the end of one leaves room for the next."""
        with self._lock:
            if attempt is not None and self.run.ended:
                self.run.account.release(id(attempt))
                return
        while attempt is not None:
            answer: Reply | NoResponseError
            try:
                answer = send(self.http, attempt.call.request, attempt.timeout)
            except ConfigurationError as exc:  # the client was closed before it could go out
                answer = NoResponseError(exc.message, hint=exc.hint)
            now = self.settings.clock()
            with self._lock:
                self.run.attempts.on_reply(attempt, answer, now)
                attempt = self.run.next_attempt(now)
            self._ended.put(None)

    def _ask(self, chunk: Chunk) -> None:
        if self.store is None:
            with self._lock:
                self.run.intake.add(chunk, ())
        else:
            # One that needs no answer waits as well: inputs come in in their order.
            self._finders.hand(chunk)

    def _find(self, chunk: Chunk) -> None:
        found = self.store.find(chunk.keys) if self.store is not None and chunk.keys else ()
        with self._lock:
            self.run.intake.add(chunk, found)

    def _settle(self, step: Settle) -> None:
        # An answer that Ctrl-C interrupts here is read once more on the way out.
        outcome = self.run.read(step, self.settings.draw())
        with HeldSignals(), self._lock:
            events = self.run.conclude(step.attempt, outcome, self.settings.clock())
        try:
            self._save()
        finally:
            self.settings.tell(events, self.run.space.take_news())

    def _save(self) -> None:
        """Have new vectors kept; what is interrupted is done again on the way out."""
        if self.run.plan.keeper is not None:
            self.run.plan.keeper.tell()
        if self.store is not None and self.run.unsaved:
            self.store.put(self.run.unsaved, model=self.run.plan.template.model)
            self.run.unsaved = {}

    def finish(self, ended_by: BaseException | None = None, *, is_read_on: bool = False) -> None:
        """Wait for what is in flight, and keep it; the second interrupt ends that.

        Args:
            ended_by: What ended the run early, if anything did.
            is_read_on: Whether somebody may still want what it has.
        """
        with self._finishing, HeldSignals(lambda: self._ended.put(None)) as signals:
            if self.over.is_set():
                return
            interrupt = find_interrupt(ended_by)
            if not is_read_on:
                with self._lock:
                    self.run.end()
            is_kept = self.store is not None or self.run.plan.keeper is not None
            is_waiting = interrupt is None or is_kept
            if is_waiting and interrupt is not None:
                announce_wait(self._senders.busy)
            self._settle_all()
            while is_waiting and self._senders.busy and signals.raised is None:
                with suppress(Empty):
                    self._ended.get(timeout=_LONGEST_SLEEP)
                self._settle_all()
            self._leave(interrupt)
            if interrupt is not None:
                signals.forget()

    def _settle_all(self) -> None:
        while (step := self._unread()) is not None:
            self._settle(step)
        self._save()

    def _unread(self) -> Settle | None:
        with self._lock:
            return self.run.attempts.unread

    def _leave(self, interrupt: BaseException | None) -> None:
        self._settle_all()
        with self._lock:
            self.run.account.abandon()
            stats = self.run.account.stats(self.run.attempts.pace)
        if interrupt is not None:
            interrupt.add_note(describe_cost(stats))
        self._senders.dismiss()
        self._finders.dismiss()
        self.over.set()
        self.driver.pause()
        _RUNNING.remove(self)
        users_of(self.http).remove(self)

    def end_with_interpreter(self) -> None:
        """End a run that nobody has ended; another thread that drives it is let do so."""
        with self._lock:
            self.run.end()
        self._ended.put(None)
        if self.driver.thread is None:
            self.finish()
        else:
            self.over.wait(self.settings.timeout)

    def before_close(self, interrupt: BaseException | None) -> None:
        """Take in what is in flight before the connections are closed.

        A thread that drives the run is let hand out what it has; where that is the one that closes,
        in a function that the run calls, nobody can wait for it.
        """
        if self.process != os.getpid():
            return
        self.run.give_up(closed_error())
        self._ended.put(None)
        is_other = self.driver.thread != threading.get_ident()
        if is_other and self.driver.is_idle.wait(self.settings.timeout):
            self.finish(interrupt, is_read_on=True)


_RUNNING: list[_Threads] = []


@atexit.register
def _end_all() -> None:
    """End the runs that nobody has ended, as long as their threads are there."""
    for runner in tuple(_RUNNING):
        if runner.process == os.getpid():
            runner.end_with_interpreter()
