"""What goes out: settled positions as batches, and batches as a stream or as one result. Pure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._base.asides import write_to_terminal
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._bulk.items import Cached, Run, Slot, count_inputs
from openrouter_embeddings._request.vectors import as_index
from openrouter_embeddings._request.verdicts import is_fatal
from openrouter_embeddings.errors import ConfigurationError, OpenRouterError, PartialFailureError
from openrouter_embeddings.events import RunFinished
from openrouter_embeddings.values import EmbeddedBatch, Failure, RunStats, Truncation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.options import OnError
    from openrouter_embeddings._bulk.run import BulkRun

    Entries = Sequence[Run | Slot | Cached]
    Error = type[BaseException] | BaseException

__all__ = ["AsyncBatchStream", "BatchStream"]


class ResultMatrix(Protocol):
    """The matrix of a whole run, where there is one; row i is for position i."""

    def __call__(self, width: int) -> Vectors | None:
        """Return it, made on the first call; None where there is none of this width."""
        ...


def no_matrix(width: int) -> None:
    """Stand for a run whose vectors are not collected in one matrix."""


@frozen(eq=False)
class Ready:
    """Positions whose outcome is known, to be handed out.

    Attributes:
        entries: The positions.
        width: How wide the vectors are; 0 while that is not known.
        whole: The matrix of the whole run, or None.
        rest: The batch but for what follows from the positions.
        prefix: What was put before each text; it is not shown.
    """

    entries: Entries
    width: int
    whole: Vectors | None
    rest: EmbeddedBatch
    prefix: str = ""

    def batch(self) -> EmbeddedBatch:
        """Copy the vectors into their matrix; this part takes long, and touches nothing shared."""
        start = self.rest.start
        return evolve(
            self.rest,
            vectors=_fill_matrix(self.entries, self.width, start, self.whole),
            failures=tuple(_list_failures(self.entries, start, self.prefix)),
            truncated=tuple(_list_truncations(self.entries, start, len(self.prefix))),
            from_cache=_count_cached(self.entries),
        )


def _fill_matrix(entries: Entries, width: int, start: int, whole: Vectors | None) -> Vectors:
    """Write the vectors of positions into one matrix; those of failed ones are NaN.

    In the matrix of the whole run most of them are in their places already.
    """
    count = count_positions(entries)
    matrix = np.empty((count, width), np.float32) if whole is None else whole[start : start + count]
    at = 0
    for vectors, first, last in _runs(entries):
        stop = at + last - first
        if vectors is None:
            matrix[at:stop] = np.nan
        elif vectors is not whole or first != start + at:
            matrix[at:stop] = vectors[first:last]
        at = stop
    # Whoever is told of progress must not change what equal inputs will get as well.
    matrix.flags.writeable = whole is None
    return matrix


def place_vectors(entries: Sequence[Run | Slot], vectors: Vectors, whole: Vectors) -> list[int]:
    """Write vectors to where they end, and return their rows there."""
    rows = list[int]()
    for entry in entries:
        rows += range(entry.position, entry.position + count_inputs([entry]))
    whole[as_index(rows)] = vectors
    return rows


def count_positions(entries: Entries) -> int:
    """Count the positions."""
    return sum([_count(entry) for entry in entries])


def _count(entry: Run | Slot | Cached) -> int:
    return len(entry.vectors) if isinstance(entry, Cached) else count_inputs([entry])


def _runs(entries: Entries) -> Iterator[tuple[Vectors | None, int, int]]:
    """Join neighbours whose vectors are neighbours too: a copy for each row would cost more."""
    vectors, first, last = None, 0, 0
    for entry in entries:
        row, rows = 0 if isinstance(entry, Cached) else entry.row, _count(entry)
        if entry.vectors is not vectors or (vectors is not None and row != last):
            if last > first:
                yield vectors, first, last
            vectors, first, last = entry.vectors, row, row
        last += rows
    yield vectors, first, last


def _list_failures(entries: Entries, start: int, prefix: str) -> Iterator[Failure]:
    """List the inputs that have no vector."""
    for position, slot in _slots(entries, start):
        if slot.error is not None:
            text = slot.wire if isinstance(slot.wire, str) else repr(slot.wire)
            yield Failure(position, text.removeprefix(prefix)[:80], slot.error)


def _list_truncations(entries: Entries, start: int, before: int) -> Iterator[Truncation]:
    """List the inputs whose vectors stand for their beginnings."""
    for position, slot in _slots(entries, start):
        if slot.cut is not None and slot.vectors is not None:
            kept, of = len(str(slot.cut.wire)) - before, len(str(slot.wire)) - before
            yield Truncation(position, kept, of)


def _count_cached(entries: Entries) -> int:
    """Count the positions whose vectors came from the cache."""
    kept = [entry for entry in entries if isinstance(entry, Cached) or entry.cached]
    return count_positions(kept)


def _slots(entries: Entries, start: int) -> Iterator[tuple[int, Slot]]:
    for entry in entries:
        if isinstance(entry, Slot):
            yield start, entry
        start += _count(entry)


@define(eq=False)
class Result:
    """The result of a run as it grows.

    Attributes:
        expected: How many inputs there are, or None where that is not known beforehand.
        out: The caller's matrix for the vectors, or None; it is left where they do not fit.
        course: The run, which ends where they do not.
        unfit: That they do not fit, or None.
    """

    expected: int | None
    out: Vectors | None = None
    course: Course = field(factory=lambda: Course())  # noqa: PLW0108 - it comes below
    unfit: ConfigurationError | None = field(init=False, default=None)
    _matrix: NDArray[np.float32] | None = field(init=False, default=None)
    _rows: int = field(init=False, default=0)
    _failures: list[Failure] = field(init=False, factory=list)
    _truncated: list[Truncation] = field(init=False, factory=list)
    _from_cache: int = field(init=False, default=0)
    _last: EmbeddedBatch | None = field(init=False, default=None)

    def matrix(self, width: int) -> NDArray[np.float32] | None:
        """Return the result itself, so that vectors are written where they end."""
        if self.expected is None or width == 0:
            return None
        if self.out is not None and self.out.shape[1] != width:
            self._leave_out(width)
        matrix = self._room_for(0, width)
        return matrix if matrix.shape[1] == width else None

    def _leave_out(self, width: int) -> None:
        """End the run; what is paid for until then goes into a matrix of its own."""
        out, self.out = cast("Vectors", self.out), None
        message = f"out has rows of {counted(out.shape[1], 'number')}, the vectors {width}."
        self.unfit = ConfigurationError(message, argument="out")
        if self.course.run is not None:
            self.course.run.give_up(self.unfit)

    def add(self, batch: EmbeddedBatch) -> None:
        """Take the next batch."""
        start, self._rows = self._rows, self._rows + len(batch)
        if batch.dimensions and self.expected is None:
            self._room_for(start, batch.dimensions)[start : self._rows] = batch.vectors
        self._failures += batch.failures
        self._truncated += batch.truncated
        self._from_cache += batch.from_cache
        self._last = batch

    def _room_for(self, done: int, width: int) -> NDArray[np.float32]:
        """Make room for all rows so far; rows that came before the width was known are NaN."""
        if self._matrix is None:
            size = max(self._rows, self.expected or 0)
            self._matrix = np.empty((size, width), np.float32) if self.out is None else self.out
            self._matrix[: max(done, self._rows)] = np.nan
        elif self._rows > len(self._matrix):
            grown = np.empty((max(self._rows, 2 * len(self._matrix)), width), np.float32)
            grown[:done] = self._matrix[:done]
            self._matrix = grown
        return self._matrix

    def finish(
        self, on_error: OnError, course: Course, failure: Exception | None = None
    ) -> EmbeddedBatch:
        """Return everything in one batch.

        Args:
            on_error: Whether failed inputs are an error.
            course: The run, for what came in after its last batch.
            failure: What ended the run early, beside it: the source or the listener of progress.

        Raises:
            PartialFailureError: Inputs failed and `on_error` is ``"raise"``, or the run ended
                early; it carries the result.
            OpenRouterError: No input has a vector, for one and the same reason.
        """
        whole, failure = self._whole(course), self.unfit or failure
        if failure is not None:
            raise _end_early(whole, failure)
        if self._failures and on_error == "raise":
            raise _only_reason(whole) or _partial(whole)
        return whole

    def _whole(self, course: Course) -> EmbeddedBatch:
        if self._matrix is None and self.out is not None:
            self._room_for(self._rows, self.out.shape[1])
        empty = np.full((self._rows, 0), np.nan, dtype=np.float32)
        matrix = empty if self._matrix is None else self._matrix[: self._rows]
        return evolve(
            self._last or EmbeddedBatch(vectors=matrix),
            vectors=matrix,
            start=0,
            failures=tuple(self._failures),
            truncated=tuple(self._truncated),
            from_cache=self._from_cache,
            stats=course.stats,
            notes=course.notes,
        )


def _only_reason(result: EmbeddedBatch) -> OpenRouterError | None:
    """Return why no input has a vector, where that is the same for all of them."""
    first, errors = result.failures[0].error, [failure.error for failure in result.failures]
    fatal = result.stopped is not None and is_fatal(result.stopped)
    # Several requests may have been in flight: each was refused in the same words, or for the one
    # reason that every request meets, in words with its own id.
    same = all(type(e) is type(first) and (fatal or e.message == first.message) for e in errors)
    if not same or len(errors) < len(result):
        return None
    _tell_cost(first, result)
    return first


def _partial(result: EmbeddedBatch) -> PartialFailureError:
    first = result.failures[0]
    message = (
        f"{len(result.failures)} of {counted(len(result), 'input')} failed. "
        f"The first is inputs[{first.position}] ({first.shown[:40]!r}): {first.error.message}"
    )
    hint = "What succeeded is in .result; on_error='keep' returns it without raising."
    return _with_result(message, hint, result, first.error)


def _end_early(result: EmbeddedBatch, failure: Exception) -> PartialFailureError:
    done = counted(len(result) - len(result.failures), "vector")
    message = f"The run ended early with {done}: {type(failure).__name__}: {failure}"
    return _with_result(message, "What there is stands in .result.", result, failure)


def _with_result(
    message: str, hint: str, result: EmbeddedBatch, cause: Exception
) -> PartialFailureError:
    error = PartialFailureError(message, result=result, hint=hint)
    error.__cause__ = cause
    _tell_cost(error, result)
    return error


def _tell_cost(error: OpenRouterError, result: EmbeddedBatch) -> None:
    """Have an error that takes the place of a result tell what the whole run cost."""
    error.cost, error.possible_cost = result.usage.cost, result.usage.possible_cost


@define(eq=False)
class Course:
    """A run, once it has begun, for whoever counts what it did.

    Attributes:
        run: The run; None before its first batch is asked for.
        cleared: The service is known to take the settings, from an earlier run: what it refuses now
            is about the inputs.
    """

    run: BulkRun | None = None
    cleared: bool = False

    def begin(self, run: BulkRun) -> BulkRun:
        """Note that the run begins."""
        self.run = run
        run.ledger.evidence.suspicion.cleared |= self.cleared
        return run

    @property
    def stats(self) -> RunStats:
        """What the run has done so far; after its end, with what came in after the last batch."""
        return RunStats() if self.run is None else self.run.account.stats(self.run.attempts.pace)

    @property
    def providers(self) -> tuple[str, ...]:
        """Who has answered so far."""
        return () if self.run is None else self.run.space.providers

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong beside the run, and cost no vector."""
        return () if self.run is None else tuple(self.run.notes)

    def make_event(self, model: str, started: float, now: float) -> RunFinished:
        """Tell what the run has done from its beginning until now."""
        stats, run = self.stats, self.run
        return RunFinished(
            model=model,
            inputs=0 if run is None else run.window.handed_out,
            seconds=now - started,
            hits=0 if run is None else run.window.hits,
            failures=0 if run is None else run.window.failures,
            requests=stats.requests,
            tokens=stats.prompt_tokens,
            cost=stats.cost,
            possible_cost=stats.possible_cost,
            response_model=None if run is None else run.space.model,
            provider=next(iter(self.providers), None),
            dimensions=None if run is None else run.space.width,
            started=started,
        )

    @property
    def failure(self) -> Exception | None:
        """What the source raised in the place of more inputs, or None."""
        return None if self.run is None else self.run.intake.reader.failure


@define(eq=False)
class Report:
    """Tells the caller of each batch; the first failure of that ends the run, and loses nothing.

    Attributes:
        tell: The caller's function.
        course: The run.
        failure: What the function raised, or None.
    """

    tell: Callable[[EmbeddedBatch], None]
    course: Course
    failure: Exception | None = field(init=False, default=None)

    def __call__(self, batch: EmbeddedBatch) -> None:
        """Tell of a batch."""
        if self.failure is not None:
            return
        try:
            self.tell(batch)
        except Exception as exc:  # noqa: BLE001 - the function is not ours, and can fail in any way
            self.failure = exc
            if self.course.run is not None:
                self.course.run.give_up(OpenRouterError(f"The run was ended by progress=: {exc}"))


@define(eq=False)
class BatchStream(Generator[EmbeddedBatch, None, None]):
    """The batches of a run, in the order of the inputs; closing it ends the run.

    Attributes:
        course: What the run has done, to be read at any time.
    """

    _batches: Generator[EmbeddedBatch, None, None]
    course: Course

    @property
    def stats(self) -> RunStats:
        """What the run has done; final once the stream has ended or was closed."""
        return self.course.stats

    def send(self, value: None) -> EmbeddedBatch:
        """Return the next batch."""
        return self._batches.send(value)

    def throw(
        self,
        typ: Error,
        val: object = None,
        tb: TracebackType | None = None,  # noqa: ARG002 - the signature of generators
    ) -> EmbeddedBatch:
        """Raise an exception where the run stands."""
        return self._batches.throw(_error(typ, val))

    def close(self) -> None:
        """End the run: wait for what is in flight, and keep it."""
        self._batches.close()


@define(eq=False)
class AsyncBatchStream(AsyncGenerator[EmbeddedBatch, None]):
    """The batches of an asynchronous run; see `BatchStream`.

    Attributes:
        course: What the run has done, to be read at any time.
    """

    _batches: AsyncGenerator[EmbeddedBatch, None]
    course: Course

    @property
    def stats(self) -> RunStats:
        """What the run has done; final once the stream has ended or was closed."""
        return self.course.stats

    async def asend(self, value: None) -> EmbeddedBatch:
        """Return the next batch."""
        return await self._batches.asend(value)

    async def athrow(
        self,
        typ: Error,
        val: object = None,
        tb: TracebackType | None = None,  # noqa: ARG002 - the signature of generators
    ) -> EmbeddedBatch:
        """Raise an exception where the run stands."""
        return await self._batches.athrow(_error(typ, val))

    async def aclose(self) -> None:
        """End the run: wait for what is in flight, and keep it."""
        await self._batches.aclose()


def _error(typ: Error, val: object) -> Error:
    """Name what is thrown in one argument: three of them are deprecated since Python 3.12."""
    return val if isinstance(val, BaseException) else typ


def announce_wait(in_flight: int) -> None:
    """Say on a terminal what the program waits for after it was interrupted."""
    if in_flight:
        write_to_terminal(f"\nWaiting for what is paid for: {counted(in_flight, 'request')}.\n")


def describe_cost(stats: RunStats) -> str:
    """Say what was paid for a run that ended early."""
    possible = stats.possible_cost
    more = "an unknown amount" if possible is None else f"up to {possible:.6g} USD"
    rest = f", and {more} more for what was in flight" if possible != 0 else ""
    sent = counted(stats.inputs_sent, "input was", "inputs were")
    return f"{sent} embedded for {stats.cost:.6g} USD{rest}."


def then_fail(
    batches: Generator[EmbeddedBatch, None, None], course: Course
) -> Generator[EmbeddedBatch, None, None]:
    """Yield the batches, and then raise what the source raised."""
    with closing(batches):
        yield from batches
    if course.failure is not None:
        raise course.failure


async def athen_fail(
    batches: AsyncGenerator[EmbeddedBatch, None], course: Course
) -> AsyncGenerator[EmbeddedBatch, None]:
    """Yield the batches, and then raise what the source raised."""
    async with aclosing(batches):
        async for batch in batches:
            yield batch
    if course.failure is not None:
        raise course.failure
