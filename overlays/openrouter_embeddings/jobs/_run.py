"""One run of a job: vectors come in, parts go out, and what was spent is written down."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field, frozen

from openrouter_embeddings.errors import OpenRouterError, VectorError
from openrouter_embeddings.jobs._columns import ERROR
from openrouter_embeddings.jobs._folder import (
    PREFIX,
    JobFolder,
    Part,
    Progress,
    give_back,
    published,
)
from openrouter_embeddings.jobs._input import Feed
from openrouter_embeddings.jobs._writers import WRITERS, output_schema, table_of, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from openrouter_embeddings._bulk.output import Course
    from openrouter_embeddings.jobs._input import JobInput
    from openrouter_embeddings.jobs._settings import JobSettings
    from openrouter_embeddings.values import EmbeddedBatch, Failure

EMPTY = "the text is empty"
MOST_SHOWN = 10
_PART_BYTES = 64 * 2**20
_NOTE_SECONDS = 0.25


@frozen
class JobProgress:
    """How far a job is.

    Attributes:
        rows: All rows of the input.
        done: Rows whose outcome is known.
        failed: How many of these have no vector.
        in_flight: Requests in flight.
        rate: Rows a second, of this run.
        throttled_seconds: How long the service held this run back.
        spent: USD so far, earlier runs included.
        seconds_left: How long the rest takes at this rate, or None where that is unknown.
    """

    rows: int
    done: int
    failed: int
    in_flight: int
    rate: float
    throttled_seconds: float
    spent: float
    seconds_left: float | None


@define(eq=False)
class Pending:
    """Rows whose outcome is known, and which are in no part yet."""

    vectors: list[NDArray[np.float32]] = field(factory=list)
    errors: list[str | None] = field(factory=list)
    kept: list[int | None] = field(factory=list)

    def __len__(self) -> int:
        return len(self.errors)

    def add(self, batch: EmbeddedBatch, problems: dict[int, str]) -> None:
        """Take what a bulk run has yielded, and why rows of it could not be read."""
        first = len(self)
        self.vectors.append(batch.vectors)
        self.errors += [None] * len(batch)
        self.kept += [None] * len(batch)
        for failure in batch.failures:
            self.errors[first + failure.position - batch.start] = problems.pop(
                failure.position, words_of(failure)
            )
        for cut in batch.truncated:
            self.kept[first + cut.position - batch.start] = cut.kept

    def cut(self, count: int, width: int) -> Pending:
        """Take the first rows out, their vectors in one matrix of this width."""
        matrix = np.full((len(self), max(1, width)), np.nan, dtype=np.float32)
        end = 0
        for vectors in self.vectors:
            start, end = end, end + len(vectors)
            matrix[start:end, : vectors.shape[1]] = vectors
        taken = Pending([matrix[:count]], self.errors[:count], self.kept[:count])
        self.vectors = [matrix[count:].copy()]
        self.errors, self.kept = self.errors[count:], self.kept[count:]
        return taken


def words_of(failure: Failure) -> str:
    """Say why a row has no vector."""
    return EMPTY if not failure.shown else str(failure.error)


@define(eq=False)
class JobRun:
    """The course of one run of a job.

    Attributes:
        given: The input.
        settings: What the job is.
        folder: Where its parts are.
        before: What was known of the job when the run began.
        rows_per_part: The most rows in a part.
        most_failures: How many rows may fail, or None for no bound.
        tell: Called with each `JobProgress`.
        parts: The finished parts.
        now: What is known of the job.
    """

    given: JobInput
    settings: JobSettings
    folder: JobFolder
    before: Progress
    rows_per_part: int
    most_failures: int | None
    tell: Callable[[JobProgress], None]
    parts: list[Part] = field(init=False)
    now: Progress = field(init=False)
    _feed: Feed = field(init=False)
    _pending: Pending = field(init=False, factory=Pending)
    _failed: int = field(init=False)
    _width: int = field(init=False)
    _began: float = field(init=False, factory=time.monotonic)
    _began_at: int = field(init=False)
    _noted: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        """Go on behind the finished parts."""
        self.parts = self.folder.parts()
        self.now = self.before
        self._began_at = self.done
        self._failed = sum(part.failed for part in self.parts)
        self._width = max((part.width for part in self.parts), default=0)
        self._feed = Feed(self.given.read(self.done), self.given.schema)

    @property
    def done(self) -> int:
        """How many rows are known, those in no part yet included."""
        return sum(part.rows for part in self.parts) + len(self._pending)

    @property
    def failed(self) -> int:
        """How many of them have no vector."""
        return self._failed

    def texts(self) -> Iterator[str]:
        """Hand out the texts that are still to be embedded."""
        return self._feed.texts()

    def take(self, batch: EmbeddedBatch) -> OpenRouterError | None:
        """Note what a bulk run has yielded, publish what fills a part, and tell.

        Returns:
            Why the job must end here, or None.
        """
        new = self.before.plus(batch.stats, batch.providers)
        late = time.monotonic() - self._noted > _NOTE_SECONDS
        if late or new.providers != self.now.providers:
            self.folder.note(self.settings, new)
            self._noted = time.monotonic()
        self.now = new
        stop = batch.stopped or self._drift(batch) or self._too_many(len(batch.failures))
        if stop is not None:
            return stop
        self._pending.add(batch, self._feed.problems)
        self._failed += len(batch.failures)
        while len(self._pending) >= self._rows_of_part:
            self._publish(self._rows_of_part)
        self.tell(self._progress(batch))
        return None

    def count(self, course: Course) -> None:
        """Note what a bulk run has done by its end, replies after the last batch included."""
        self.now = self.before.plus(course.stats, course.providers)

    @property
    def _rows_of_part(self) -> int:
        return min(self.rows_per_part, max(1, _PART_BYTES // (4 * max(1, self._width))))

    def _drift(self, batch: EmbeddedBatch) -> VectorError | None:
        if batch.dimensions and not self._width:
            self._width = batch.dimensions
        if batch.dimensions in {0, self._width}:
            return None
        message = f"The vectors were {self._width} wide before, now they are {batch.dimensions}."
        return VectorError(message, hint="Name the dimensions, or pin the provider.")

    def _too_many(self, more: int) -> OpenRouterError | None:
        failed = self._failed + more
        if self.most_failures is None or failed <= self.most_failures:
            return None
        message = f"{failed} rows failed, and max_failures allows {self.most_failures}."
        return OpenRouterError(message, hint="See what they have in common, or allow more.")

    def finish(self) -> None:
        """Publish the last part.

        Raises:
            ConfigurationError: The input was changed meanwhile.
        """
        self.given.check_unchanged()
        if len(self._pending) or not self.parts:
            self._publish(len(self._pending))
        self.note()

    def note(self) -> None:
        """Write down what was spent."""
        self.folder.note(self.settings, self.now)

    def _publish(self, count: int) -> None:
        taken = self._pending.cut(count, self._width)
        failed = sum(error is not None for error in taken.errors)
        table = table_of(
            self._feed.rows(count),
            taken.vectors[0],
            taken.errors,
            taken.kept,
            self._schema(max(1, self._width)),
        )
        start = sum(part.rows for part in self.parts)
        width = self._width if failed < count else 0
        self.parts.append(self.folder.publish(table, start, failed=failed, width=width))

    def _schema(self, width: int) -> pa.Schema:
        return output_schema(
            self.given.schema,
            id_column=self.settings.id_column,
            keep_text=self.settings.keep_text,
            truncates=self.settings.on_long == "truncate",
            width=width,
        )

    def _progress(self, batch: EmbeddedBatch) -> JobProgress:
        seconds = max(1e-3, time.monotonic() - self._began)
        rate = (self.done - self._began_at) / seconds
        return JobProgress(
            rows=self.given.rows,
            done=self.done,
            failed=self._failed,
            in_flight=batch.stats.in_flight,
            rate=rate,
            throttled_seconds=batch.stats.throttled_seconds,
            spent=self.now.spent,
            seconds_left=(self.given.rows - self.done) / rate if rate else None,
        )

    def assemble(self, out: str, source: str) -> None:
        """Make the final file of the parts, and delete them."""
        width = max(1, self._width)
        schema = self._schema(width).with_metadata(self._notes(width, source))
        write = WRITERS[Path(out).suffix.lower()]
        with published(Path(out), self.folder.path) as beside:
            write(beside, self._tables(schema), schema, self.given.rows)
        self.folder.remove()

    def _tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        for part in self.parts:
            with pq.ParquetFile(part.path, pre_buffer=False) as file:
                table = file.read(use_threads=False).replace_schema_metadata(None)
            yield widened(table, schema)
            del table
            give_back()

    def _notes(self, width: int, source: str) -> dict[str, str]:
        asked = self.settings.dimensions
        notes = {
            "model": self.settings.model,
            "dimensions": str(width),
            "source": source,
            "providers": ", ".join(self.now.providers),
            "failed": str(self._failed),
            "job": self.settings.written,
        }
        notes |= {} if asked is None else {"asked_dimensions": str(asked)}
        return {f"{PREFIX}{name}": value for name, value in notes.items()}

    def shown_failures(self) -> list[tuple[int, str]]:
        """Return the first rows that failed in finished parts, with the reasons."""
        found: list[tuple[int, str]] = []
        for part in self.parts:
            if part.failed and len(found) < MOST_SHOWN:
                errors = pq.read_table(part.path, columns=[ERROR])[ERROR].to_pylist()
                found += [(part.start + row, error) for row, error in enumerate(errors) if error]
        return found[:MOST_SHOWN]
