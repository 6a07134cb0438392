"""One run of a job: texts go out, vectors come in, and everything is on the disk at once."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.asides import ProgressLine, fitting, silence
from openrouter_embeddings._base.memory import release_freed_memory
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._bulk.items import Keeper, Run
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.jobs._columns import EMBEDDING
from openrouter_embeddings.jobs._finished import EMPTY
from openrouter_embeddings.jobs._input import MOST_SHOWN
from openrouter_embeddings.jobs._ledger import JobAccount
from openrouter_embeddings.jobs._plan import State, between, compact
from openrouter_embeddings.jobs._writers import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.items import Slot
    from openrouter_embeddings._bulk.output import Course
    from openrouter_embeddings.jobs._input import JobInput
    from openrouter_embeddings.jobs._plan import Places
    from openrouter_embeddings.jobs._rows import Rows
    from openrouter_embeddings.jobs._state import JobState
    from openrouter_embeddings.values import EmbeddedBatch, Failure, RunStats

# Bytes of vectors, and of input, between two times that free memory is given back, which takes
# milliseconds. Texts take twice their bytes while they are sent, and with 32 MiB of them a job of
# long texts took 595 MB.
_MOST_BEFORE_RELEASE = 32 * 2**20
_MOST_FED = 16 * 2**20
# Bytes of vectors that are joined with their rows at one time: Arrow takes as many for itself where
# it writes them. With 12 MB, 2,000 rows of 1,536 numbers, a job took 30 MB more.
_MOST_JOINED = 2**20
# Seconds between two lines where none can be redrawn: in a pipe, a file, a notebook.
_SELDOM = 10.0


@frozen
class JobProgress:
    """How far a job is.

    Attributes:
        rows: All rows of the input.
        done: Rows whose outcome is known.
        failed: How many of these failed.
        in_flight: Requests in flight.
        rate: Rows a second, of this run.
        throttled_seconds: How long the service held this run back.
        spent: USD so far, earlier runs included.
        seconds_left: How long the rest takes at this rate, or None where that is unknown.
        retries: How many requests of this run were made again.
        is_writing: Whether all is known, and the output is being written.
    """

    rows: int
    done: int
    failed: int
    in_flight: int
    rate: float
    throttled_seconds: float
    spent: float
    seconds_left: float | None
    retries: int = 0
    is_writing: bool = False


def line_of(progress: JobProgress, columns: int = 1_000, idle: float = 0.0) -> str:
    """Describe how far a job is.

    Args:
        progress: What was told last.
        columns: As much of it as fits into so many.
        idle: Seconds since it was told.
    """
    waits, left = silence(idle), progress.seconds_left
    if progress.is_writing or waits:
        left = None
    parts = [
        "writing the output" if progress.is_writing else waits,
        f"{progress.done:,} of {counted(progress.rows, 'row')}",
        "" if left is None else f"{timedelta(seconds=round(left))} left",
        f"throttled {progress.throttled_seconds:.0f} s" if progress.throttled_seconds else "",
        f"{progress.failed:,} failed" if progress.failed else "",
        counted(progress.retries, "retry", "retries") if progress.retries else "",
        f"spent ${progress.spent:.4f}",
        f"{progress.rate:,.0f}/s",
        f"{progress.in_flight} in flight" if not progress.is_writing else "",
    ]
    return fitting(parts, columns)


@define(eq=False)
class ShownJob:
    """Shows how far a job is; its line is entered while the job lasts.

    Attributes:
        seldom: Seconds between two lines where it cannot be redrawn.
        is_kept: Whether the last line stays, and is written where no terminal is.
        line: The line.
    """

    seldom: float
    is_kept: bool
    line: ProgressLine = field(init=False)
    _last: JobProgress | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Prepare the line."""
        self.line = ProgressLine(self._words, seldom=self.seldom, is_kept=self.is_kept)

    def __call__(self, progress: JobProgress) -> None:
        """Show what was told."""
        self._last = progress
        self.line.tell(at_once=progress.is_writing)

    def _words(self, columns: int, idle: float) -> str:
        if self._last is None:
            wait = f"{idle:.0f} s" if silence(idle) else ""
            return fitting(["waiting for the first reply", wait], columns)
        return line_of(self._last, columns, idle)


@contextmanager
def listener(
    progress: bool | Callable[[JobProgress], None] | None,  # noqa: FBT001 - a switch for callers
) -> Iterator[Callable[[JobProgress], None]]:
    """Choose what is told how far a job is: the caller's function, a line, or nothing."""
    if callable(progress):
        yield progress
    elif progress is not None and arguments.flag("progress", progress):
        show = ShownJob(seldom=_SELDOM, is_kept=True)
        with show.line:
            yield show
    else:
        yield _ignore


def _ignore(_progress: JobProgress) -> None:
    """Show nothing."""


def words_of(failure: Failure) -> str:
    """Say why a text has no vector."""
    return str(failure.error)


@define(eq=False)
class Feed:
    """Texts on their way out, each with what it is in the job.

    Attributes:
        given: The input.
        state: What is kept.
        course: The bulk run that takes the texts, once that is known.
        asked: The bound of the cost of the whole job in USD, or None.
        left: What this run may spend of it.
        todo: The texts that are to be done, in the order in which they go out.
    """

    given: JobInput
    state: JobState
    asked: float | None
    left: float | None
    course: Course | None = field(init=False, default=None)
    todo: Places = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Find the texts that are to be done."""
        todo = np.flatnonzero(self.state.states == State.WANTED)
        self.todo = compact(todo, self.given.rows)

    def texts(self) -> Iterator[str]:
        """Hand out the texts that are to be done, each once."""
        self._keep_books()
        firsts = self.given.texts.first_rows
        first = int(firsts[self.todo[0]]) if len(self.todo) else self.given.rows
        start, fed = self.given.begin_of(first), 0
        for rows in self.given.read(start):
            self.given.check(start, rows)
            fed += rows.batch.nbytes
            if fed >= _MOST_FED:
                release_freed_memory()
                fed = 0
            yield from _picked(rows, self._wanted(start, start + len(rows)) - start)
            start += len(rows)

    def _wanted(self, start: int, stop: int) -> Places:
        """Return the rows between two that are the first ones of texts to be done."""
        firsts = self.given.texts.first_rows
        return firsts[self.todo[slice(*between(self.todo, *between(firsts, start, stop)))]]

    def _keep_books(self) -> None:
        """Have the run write all that it spends into the ledger, before anything goes out."""
        run = None if self.course is None else self.course.run
        if run is None:
            return
        run.plan = evolve(run.plan, keeper=Keeper(self.keep))
        run.account = JobAccount(
            self.left,
            run.account.listed,
            ledger=self.state.ledger,
            asked=self.asked,
            before=self.state.before,
            alone=not self.state.width,
        )

    def keep(self, places: Sequence[Run | Slot]) -> None:
        """Keep vectors as soon as they are here; those of texts that were cut come later."""
        found = [(each.position, _vectors_of(each)) for each in places]
        known = [(position, vectors) for position, vectors in found if len(vectors)]
        if not known:
            return
        vectors = np.concatenate([vectors for _, vectors in known])
        texts = [self.todo[first : first + len(vectors)] for first, vectors in known]
        run = self.course.run if self.course else None
        try:
            provider = next(iter(run.space.providers), None) if run else None
            self.state.meet(vectors.shape[1], run.space.model if run else None, provider)
            self.state.keep(np.concatenate(texts), vectors)
        except OSError as exc:
            self.state.stop(OpenRouterError(f"The job cannot be written: {exc}."))
        except OpenRouterError as error:
            self.state.stop(error)
        self.stop()

    def settle(self) -> None:
        """Write down what is over, at the end of the run."""
        account = self.course.run.account if self.course and self.course.run else None
        if isinstance(account, JobAccount):
            account.settle()

    def stop(self) -> None:
        """Have the run send nothing more, where something keeps the job from going on."""
        if self.state.failure is not None and self.course is not None and self.course.run:
            self.course.run.give_up(self.state.failure)


def _picked(rows: Rows, places: Places) -> Iterator[str]:
    texts = rows.texts
    return (texts[place] or "" for place in places.tolist())


def _vectors_of(place: Run | Slot) -> Vectors | tuple[()]:
    """Return the vectors of a place, of shape ``(n, width)``; nothing where it was cut."""
    if isinstance(place, Run):
        return place.found
    return () if place.vector is None or place.cut is not None else place.vector[None]


@define(eq=False)
class JobRun:
    """The course of one run of a job.

    Attributes:
        given: The input.
        state: What is kept.
        feed: The texts on their way.
        most_failures: How many rows may fail, or None for no bound.
        tell: Called with each `JobProgress`.
        notes: What is odd, and no failure.
        done: How many rows are known.
        failed: How many of them failed: those that cannot be read, and those with a text but no
            vector.
    """

    given: JobInput
    state: JobState
    feed: Feed
    most_failures: int | None
    tell: Callable[[JobProgress], None]
    notes: list[str] = field(factory=list)
    done: int = field(init=False)
    failed: int = field(init=False)
    _uses: Places = field(init=False)
    _providers: tuple[str, ...] = field(init=False, default=())
    _began: float = field(init=False, factory=time.monotonic)
    _began_at: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Count how many rows each text has."""
        of_rows = self.given.texts.of_rows
        uses = np.bincount(of_rows[of_rows >= 0], minlength=len(self.given.texts))
        self._uses = compact(uses, self.given.rows)
        first = self.state.manifest.first
        known = (first.provider,) if first and first.provider else ()
        self._providers = self.state.before.providers or known
        self.count()
        self._began_at = self.done

    def count(self) -> None:
        """Count all rows anew: what came beside the last batch as well."""
        states = self.state.states
        self.done = self.given.rows - int(self._uses[states == State.WANTED].sum())
        self.failed = self.given.bad + int(self._uses[states == State.FAILED].sum())

    def take(self, batch: EmbeddedBatch) -> OpenRouterError | None:
        """Keep what a bulk run has yielded and was not kept before, and tell.

        Returns:
            Why the job must end here, or None.
        """
        texts = self.feed.todo[batch.start : batch.start + len(batch)]
        step = max(1, _MOST_BEFORE_RELEASE // max(1, 4 * batch.dimensions))
        if batch.start // step != (batch.start + len(batch)) // step:
            release_freed_memory()
        self._meet_providers(batch.providers)
        failed = {
            int(texts[failure.position - batch.start]): words_of(failure)
            for failure in batch.failures
            if failure.error is not batch.stopped
        }
        without = {failure.position - batch.start for failure in batch.failures}
        self._keep(texts, batch, without)
        self.state.fail(failed)
        self.feed.stop()
        states, uses = self.state.states[texts], self._uses[texts]
        self.done += int(uses[states != State.WANTED].sum())
        self.failed += int(uses[states == State.FAILED].sum())
        stop = self.state.failure or batch.stopped or self._too_many()
        if stop is None:
            self.tell(self._progress(batch.stats))
        return stop

    def tell_of_writing(self, stats: RunStats) -> None:
        """Tell that the output is being written, which takes a while where it is large."""
        self.tell(evolve(self._progress(stats), is_writing=True))

    def _keep(self, texts: Places, batch: EmbeddedBatch, without: set[int]) -> None:
        is_new = self.state.states[texts] == State.WANTED
        is_new[list(without)] = False
        if not is_new.any():
            return
        cut = {each.position - batch.start: each.kept for each in batch.truncated}
        kept = [cut.get(place) for place in np.flatnonzero(is_new).tolist()]
        try:
            provider = next(iter(batch.providers), None)
            self.state.meet(batch.dimensions, batch.model, provider)
            self.state.keep(texts[is_new], batch.vectors[is_new], kept)
        except OpenRouterError as error:
            self.state.stop(error)

    def _meet_providers(self, providers: tuple[str, ...]) -> None:
        new = [name for name in providers if name not in self._providers]
        if not new:
            return
        if self._providers:
            change = f"{', '.join(new)} gave vectors as well, beside {', '.join(self._providers)}"
            self.notes.append(change)
        self._providers = (*self._providers, *new)
        self.state.ledger.append({"providers": new})

    @property
    def providers(self) -> tuple[str, ...]:
        """Who gave the vectors."""
        return self._providers

    def _too_many(self) -> OpenRouterError | None:
        if self.most_failures is None or self.failed <= self.most_failures:
            return None
        message = (
            f"{counted(self.failed, 'row')} failed, and max_failures allows {self.most_failures}."
        )
        return OpenRouterError(message, hint="See what they have in common, or allow more.")

    def _progress(self, stats: RunStats) -> JobProgress:
        seconds = max(1e-3, time.monotonic() - self._began)
        rate = (self.done - self._began_at) / seconds
        return JobProgress(
            rows=self.given.rows,
            done=self.done,
            failed=self.failed,
            in_flight=stats.in_flight,
            rate=rate,
            throttled_seconds=stats.throttled_seconds,
            spent=self.state.before.cost + stats.cost,
            seconds_left=(self.given.rows - self.done) / rate if rate else None,
            retries=stats.retries,
        )

    def tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Read the input once more, and join each row with its vector."""
        start, step = 0, max(1, _MOST_JOINED // (4 * schema.field(EMBEDDING).type.list_size))
        for rows in self.given.read():
            self.given.check(start, rows)
            for first in range(0, len(rows), step):
                yield self._table(rows.part(first, step), start + first, schema)
            start += len(rows)
        self.given.check_unchanged(start)

    def _table(self, rows: Rows, start: int, schema: pa.Schema) -> pa.Table:
        stop = start + len(rows)
        texts = self.given.texts.of_rows[start:stop]
        states = self.state.states[texts] if len(self.given.texts) else texts
        done = (texts >= 0) & (states == State.DONE)
        vectors = self._vectors(texts, done, schema.field(EMBEDDING).type.list_size)
        errors = {
            place: rows.problems.get(place) or self._why(int(texts[place]))
            for place in np.flatnonzero(~done).tolist()
        }
        counts = np.zeros(len(rows), np.uint32)
        counts[done] = self.state.seals["kept"][texts[done]]
        kept = {place: int(counts[place]) for place in np.flatnonzero(counts).tolist()}
        digests = self.given.digests[start:stop]
        return table_of(rows.batch, vectors, errors, kept, digests, schema)

    def _vectors(self, texts: Places, done: NDArray[np.bool_], width: int) -> Vectors:
        """Read the vectors of rows; NaN where a row has none."""
        if done.all():
            return self.state.read(texts)
        vectors = np.full((len(texts), width), np.nan, np.float32)
        if done.any():
            vectors[done] = self.state.read(texts[done])
        return vectors

    def _why(self, text: int) -> str:
        return EMPTY if text < 0 else self.state.failures[int(self.state.places[text])]

    def first_failures(self) -> tuple[tuple[int, str], ...]:
        """Return the first rows that failed, with the reasons."""
        failed = np.flatnonzero(self.state.states == State.FAILED)
        of_rows = self.given.texts.of_rows
        rows = np.flatnonzero(np.isin(of_rows, failed))[:MOST_SHOWN].tolist()
        found = [(row, self._why(int(of_rows[row]))) for row in rows]
        return tuple(sorted([*found, *self.given.problems])[:MOST_SHOWN])
