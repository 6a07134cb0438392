"""A job from its settings to its output: what is there is found out, the rest is embedded."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

from openrouter_embeddings._base.memory import release_freed_memory
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import ConfigurationError, JobStoppedError, OpenRouterError
from openrouter_embeddings.jobs._finished import PREFIX, find_output, finished_output
from openrouter_embeddings.jobs._folder import JobFolder, disk_error
from openrouter_embeddings.jobs._ledger import left_of
from openrouter_embeddings.jobs._plan import Finder, State
from openrouter_embeddings.jobs._run import Feed, JobRun, listener
from openrouter_embeddings.jobs._settings import DECISIVE, check_same, most_failures
from openrouter_embeddings.jobs._state import kept_of, opened
from openrouter_embeddings.jobs._writers import (
    columns_in,
    output_schema,
    space_for,
    try_output,
    write_output,
)
from openrouter_embeddings.values import RunStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from openrouter_embeddings._bulk.output import BatchStream
    from openrouter_embeddings.cache import Store
    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.jobs._finished import Output
    from openrouter_embeddings.jobs._input import JobInput
    from openrouter_embeddings.jobs._run import JobProgress
    from openrouter_embeddings.jobs._settings import JobSettings, Request
    from openrouter_embeddings.jobs._state import JobState

# Of the rows of an output, the share that stays where it is brought up to date without a question.
_MOST_ROWS_STAY = 0.5


@frozen
class JobReport:
    """What a job has done.

    Attributes:
        out: The path of the output, which is there when the job was not stopped.
        rows: All rows of the input.
        done: Rows whose outcome is known.
        failed: How many of these failed: they cannot be read, or have a text and no vector.
        failures: The first ten of them: the row, counted from 0, and why.
        sent: Texts that were embedded over all runs; repeated texts count once.
        requests: HTTP requests over all runs.
        tokens: Tokens over all runs, as far as the service said.
        spent: USD over all runs, as far as is known.
        possible: USD that may have been charged beside it, for requests that nobody heard of again;
            None where no price is known.
        empty: Rows without a text, which are no failures.
        kept: Texts whose vectors were taken from earlier outputs.
        notes: What is odd, and no failure: rows without ids, another provider on the way.
    """

    out: str
    rows: int
    done: int
    failed: int
    failures: tuple[tuple[int, str], ...] = ()
    sent: int = 0
    requests: int = 0
    tokens: int = 0
    spent: float = 0.0
    possible: float | None = 0.0
    empty: int = 0
    kept: int = 0
    notes: tuple[str, ...] = ()


@frozen(eq=False)
class Job:
    """A job as it was asked for.

    Attributes:
        given: The input.
        out: The output.
        settings: What the output depends on.
        source_name: What the input is called.
        max_cost: The most to spend in USD, or None.
        max_failures: How many rows may fail.
        overwrite: Whether what is there is given up.
        update: Whether most of an earlier output may go.
        reuse: An output whose vectors are taken, or None.
        again: The output whose failed rows are embedded again, or None.
    """

    given: JobInput
    out: str
    settings: JobSettings
    source_name: str
    max_cost: float | None = None
    max_failures: str | int | None = None
    overwrite: bool = False
    update: bool = False
    reuse: str | None = None
    again: Output | None = None

    @property
    def most_failures(self) -> int | None:
        """How many rows may fail, or None for no bound.

        Raises:
            ConfigurationError: More of them cannot be read.
        """
        bound = most_failures(self.max_failures, self.given.rows)
        if bound is not None and self.given.bad > bound:
            message = f"{self.given.bad} of {counted(self.given.rows, 'row')} cannot be read; "
            message += f"max_failures allows {bound}: {self.given.problems[0][1]}."
            raise ConfigurationError(message, argument="max_failures", hint="Nothing was sent.")
        return bound


def carry_out(
    job: Job,
    client: OpenRouter,
    request: Request,
    cache: Any,  # noqa: ANN401 - a store, a path, or None
    progress: bool | Callable[[JobProgress], None] | None,  # noqa: FBT001 - a switch for callers
) -> JobReport:
    """Do a job, or what is left of it."""
    bound, earlier = job.most_failures, _earlier(job)
    folder = JobFolder.of(job.out)
    is_done = earlier is not None and job.again is None and _is_same_input(earlier, job.given)
    if earlier is not None and is_done and folder.is_unpaid():
        return _finished(job, earlier)
    sources = _sources(job, earlier)
    first = next((output.first for output, _ in sources if output.first), None)
    with folder.locked(overwrite=job.overwrite), _store(cache) as store, listener(progress) as tell:
        try:
            manifest = folder.begin(
                job.settings, again=job.again is not None, overwrite=job.overwrite, first=first
            )
            folder.forget_inputs(job.given.source)
            with opened(folder, manifest, _digests(job.given)) as state:
                course = _Course(job, client, request, state, bound, tell)
                report = course.run(store, sources)
        except OSError as exc:
            message = f"The job stopped: {disk_error(folder.path, exc).message}"
            hint = f"Make room, or allow it. {_kept(folder)}"
            raise JobStoppedError(message, hint=hint) from exc
        folder.retire()
        return report


def _digests(given: JobInput) -> Any:  # noqa: ANN401 - an array
    is_all = len(given.texts) == given.rows
    return given.digests if is_all else given.digests[given.texts.first_rows]


def _kept(folder: JobFolder) -> str:
    return f"What is done is kept in {folder.path}; the same command goes on from there."


def _earlier(job: Job) -> Output | None:
    """Find the output where it is there already, and check that it may be brought up to date.

    Raises:
        ConfigurationError: It is somebody else's, or was made with other settings.
    """
    if job.overwrite or not Path(job.out).exists():
        return None
    found = find_output(job.out)
    if found is None:
        message = f"out is there already: {job.out!r}."
        hint = "Choose another name, or add overwrite."
        raise ConfigurationError(message, argument="out", hint=hint)
    check_same(found.job, job.settings, job.out)
    return found


def _is_same_input(output: Output, given: JobInput) -> bool:
    return bool(output.job["input"] == given.fingerprint)


def _finished(job: Job, output: Output) -> JobReport:
    """Recognise the output of the same job, which needs nothing more."""
    given = job.given
    return JobReport(
        job.out, given.rows, given.rows, output.failed, empty=given.empty, notes=given.notes
    )


def _sources(job: Job, earlier: Output | None) -> list[tuple[Output, bool]]:
    """Find the outputs whose vectors are taken, and whether what failed there stays failed.

    Raises:
        ConfigurationError: One was made with other settings, or most of one would go.
    """
    found: list[tuple[Output, bool]] = []
    if earlier is not None:
        is_kept = job.again is None
        if is_kept and not job.update:
            _check_share(job, earlier)
        found.append((earlier, is_kept))
    if job.reuse is not None:
        output = finished_output(job.reuse)
        check_same(output.job, job.settings, job.reuse, DECISIVE)
        found.append((output, False))
    return found


def _check_share(job: Job, output: Output) -> None:
    finder = Finder.of(_digests(job.given))
    stay, new = 0, np.ones(len(job.given.texts), bool)
    for digests in output.digests():
        texts = finder.find(digests)
        stay += int(((texts >= 0) | ~digests.any(axis=1)).sum())
        new[texts[texts >= 0]] = False
    if stay >= _MOST_ROWS_STAY * output.rows:
        return
    message = (
        f"{job.out} has {counted(output.rows, 'row')}, and most would go: {stay:,} would be kept, "
        f"{output.rows - stay:,} dropped, and {counted(int(new.sum()), 'new text')} embedded."
    )
    hint = "Add --update where that is meant, or choose another --out."
    raise ConfigurationError(message, argument="out", hint=hint)


def known_texts(out: str, given: JobInput, settings: JobSettings) -> set[int]:
    """Find the texts whose vectors a begun job or a finished output has; nothing is written."""
    finder, known = Finder.of(_digests(given)), set[int]()
    output = find_output(out)
    if output is not None and _is_alike(output.job, settings):
        for digests in output.digests():
            known |= set(finder.find(digests).tolist())
    folder = JobFolder.of(out)
    manifest = folder.look()
    if manifest is not None and _is_alike(manifest.settings, settings):
        known |= set(kept_of(folder, manifest, _digests(given)).tolist())
    return known - {-1}


def _is_alike(begun: Mapping[str, object], settings: JobSettings) -> bool:
    now = settings.plain
    names = ("url", "model", "dimensions", "input_type", "prefix", "provider", "extra_body")
    return all(begun.get(name) == now[name] for name in names)


@contextmanager
def _store(cache: Any) -> Iterator[Store | None]:  # noqa: ANN401 - as above
    """Open a cache by its path; only what is opened here is closed again."""
    if not isinstance(cache, str | os.PathLike):
        yield cache
        return
    with EmbeddingCache(cache) as opened_cache:
        yield opened_cache


@frozen(eq=False)
class _Course:
    """One run of a job, on its open folder."""

    job: Job
    client: OpenRouter
    request: Request
    state: JobState
    most_failures: int | None
    tell: Callable[[JobProgress], None]

    def run(self, store: Store | None, sources: list[tuple[Output, bool]]) -> JobReport:
        """Take what is there, embed the rest, and write the output."""
        job, state = self.job, self.state
        left = left_of(job.max_cost, state.before)
        kept = sum(state.take_over(output, failures=failures) for output, failures in sources)
        feed = Feed(job.given, state, job.max_cost, left)
        run = JobRun(job.given, state, feed, self.most_failures, self.tell)
        run.notes += _odd(state)
        try:
            self._try_output()
        except ConfigurationError:
            state.is_given_up = state.is_new
            raise
        stream, stopped = self._embed(run, store, left)
        stats = stream.stats if stream else RunStats()
        report = self._report(run, stream, kept)
        # What the bulk run remembers would stay while the output is written.
        del stream
        run.feed.course = None
        release_freed_memory()
        if stopped is not None:
            raise self._stopped(stopped, report) from stopped
        run.tell_of_writing(stats)
        try:
            self._write(run)
        except OpenRouterError as error:
            if isinstance(error, ConfigurationError):
                raise
            raise self._stopped(error, report) from error
        except OSError as exc:
            raise self._stopped(disk_error(Path(job.out), exc), report) from exc
        return report

    def _embed(
        self, run: JobRun, store: Store | None, left: float | None
    ) -> tuple[BatchStream | None, OpenRouterError | None]:
        if self.state.failure is not None or not (self.state.states == State.WANTED).any():
            return None, self.state.failure
        stream = self.client.embeddings.stream(
            run.feed.texts(),
            model=self.request.model,
            cache=store,
            max_cost=left,
            **self.request.options(run.providers),
        )
        run.feed.course = stream.course
        stream.course.cleared = bool(self.state.width)
        try:
            with closing(stream):
                stopped = next(filter(None, map(run.take, stream)), None)
        finally:
            run.feed.settle()
            self._forget_nothing(stream)
        return stream, stopped or self.state.failure

    def _try_output(self) -> None:
        """Find out before anything is paid whether the output can be written, and has room.

        Raises:
            ConfigurationError: It cannot, or has not.
        """
        width = self.state.width or self.job.settings.dimensions or 0
        out = Path(self.job.out).resolve()
        schema = output_schema(self.job.given.schema, out, self.job.settings, max(1, width))
        try_output(out, self.state.folder.path, schema)
        if width:
            self._check_space(width)
        else:
            self.state.on_width = self._check_space

    def _check_space(self, width: int) -> None:
        out, todo = Path(self.job.out).resolve(), int((self.state.states == State.WANTED).sum())
        needed = space_for(out, todo=todo, rows=self.job.given.rows, width=width)
        free = shutil.disk_usage(out.parent).free
        if needed > free:
            message = f"{out.parent} has {_mib(free)} left, and the job needs {_mib(needed)} more."
            hint = "Make room, or choose another --out."
            raise ConfigurationError(message, argument="out", hint=hint)

    def _forget_nothing(self, stream: BatchStream) -> None:
        """Leave no folder where nothing was kept and nothing spent."""
        stats = stream.stats
        if stats.cost == 0 == stats.possible_cost and not stats.inputs_sent:
            self.state.is_given_up = self.state.is_new

    def _report(self, run: JobRun, stream: BatchStream | None, kept: int) -> JobReport:
        before, given = self.state.before, self.job.given
        stats = None if stream is None else stream.stats
        possible = 0.0 if stats is None else stats.possible_cost
        run.count()
        report = JobReport(
            out=self.job.out,
            rows=given.rows,
            done=run.done,
            failed=run.failed,
            failures=run.first_failures(),
            sent=before.sent + (stats.inputs_sent if stats else 0),
            requests=before.requests + (stats.requests if stats else 0),
            tokens=before.tokens + (stats.prompt_tokens if stats else 0),
            spent=before.cost + (stats.cost if stats else 0.0),
            possible=_sum(before.possible, possible),
            empty=given.empty,
            kept=kept,
            notes=(*given.notes, *run.notes, *(stream.course.notes if stream else ())),
        )
        again = self.job.again
        if again is None:
            return report
        # Of the rows that failed before; those that cannot be read are none of these.
        done = again.failed - given.rows + run.done
        return evolve(report, rows=again.failed, done=done, empty=0, kept=0)

    def _stopped(self, error: OpenRouterError, report: JobReport) -> JobStoppedError:
        done = f"{report.done:,} of {counted(report.rows, 'row')}"
        message = f"The job stopped after {done}: {error.message}"
        kept = _kept(self.state.folder) if not self.state.is_given_up else ""
        hint = " ".join(filter(None, (error.hint, kept))) or None
        return JobStoppedError(message, report=report, request_id=error.request_id, hint=hint)

    def _write(self, run: JobRun) -> None:
        job, width = self.job, max(1, self.state.width)
        out = Path(job.out).resolve()
        schema = output_schema(job.given.schema, out, job.settings, width)
        notes = self._notes(run, schema, out)
        metadata = {f"{PREFIX}{name}": value for name, value in notes.items()}
        schema = schema.with_metadata(metadata)
        write_output(out, self.state.folder.path, run.tables(schema), schema, job.given.rows)

    def _notes(self, run: JobRun, schema: pa.Schema, out: Path) -> dict[str, str]:
        job = self.job
        again = job.again.job if job.again else {}
        made_of = {
            "input": again.get("input", job.given.fingerprint),
            "rows": job.given.rows,
        }
        more = {
            "asked_dimensions": job.settings.dimensions,
            "query_prefix": job.settings.query_prefix,
        }
        notes = {
            "model": job.settings.model,
            "dimensions": str(max(1, self.state.width)),
            "source": job.source_name,
            "providers": ", ".join(run.providers),
            "failed": str(run.failed),
            "empty": str(job.given.empty),
            "columns": json.dumps(columns_in(out, schema)),
            "job": json.dumps({**job.settings.plain, **made_of}, sort_keys=True),
        }
        return notes | {name: str(value) for name, value in more.items() if value is not None}


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _odd(state: JobState) -> list[str]:
    """Say what is odd about the folder of a job that goes on."""
    notes = []
    if state.store.damaged:
        notes.append(
            counted(
                state.store.damaged,
                "vector was damaged on the disk, and is embedded again",
                "vectors were damaged on the disk, and are embedded again",
            )
        )
    if state.before.damaged:
        notes.append("the ledger was damaged: the job may have spent more than it says")
    return notes


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
