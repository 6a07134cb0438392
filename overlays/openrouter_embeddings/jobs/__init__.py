"""Files in, files out: jobs that embed a file of any size, and go on where they were interrupted.

    with OpenRouter() as client:
        report = embed_file(client, "big.parquet", "vectors.parquet", model="...", id_column="id")

The input is read in record batches and the output written in parts, so that the memory is bounded.
Every vector is kept on disk as soon as it arrives, in the folder ``vectors.parquet.parts``: when
the process is killed, the same call goes on, and pays for nothing twice but what was in flight.
At the end the parts become one file, and the folder goes. Until then it needs about twice the
space of the vectors, and the final file once more. Needs the extra `jobs`: pyarrow and filelock.
"""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openrouter_embeddings._base.extras import require

# Said once, here: the files behind this door import what they need by name.
for _package in ("pyarrow", "filelock"):
    require(_package, extra="jobs")

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import asdict, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._bulk.options import write_template
from openrouter_embeddings._bulk.output import Result
from openrouter_embeddings.cache import EmbeddingCache, Store
from openrouter_embeddings.errors import ConfigurationError, JobStoppedError, OpenRouterError
from openrouter_embeddings.jobs._folder import JobFolder, Progress, notes_of
from openrouter_embeddings.jobs._input import JobInput, look_through
from openrouter_embeddings.jobs._lines import ReadOptions
from openrouter_embeddings.jobs._paths import check_apart, checked_path
from openrouter_embeddings.jobs._retry import failed_texts, finished_output, put_back
from openrouter_embeddings.jobs._run import MOST_SHOWN, JobProgress, JobRun, words_of
from openrouter_embeddings.jobs._settings import JobSettings, check_same, most_failures
from openrouter_embeddings.jobs._verify import (
    Check,
    check_of_sample,
    checks_against_input,
    checks_of_numbers,
)
from openrouter_embeddings.jobs._writers import check_output
from openrouter_embeddings.limits import Limits
from openrouter_embeddings.provider import checked_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike
    from types import EllipsisType

    from openrouter_embeddings._bulk.output import BatchStream
    from openrouter_embeddings._request.retry import RetryConfig
    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.provider import ProviderPreferences
    from openrouter_embeddings.values import EmbeddedBatch, Estimate

OnLong = Literal["error", "truncate"]

__all__ = [
    "Check",
    "JobProgress",
    "JobReport",
    "embed_file",
    "estimate_file",
    "retry_failed",
    "verify_file",
]


@frozen
class JobReport:
    """What a job has done.

    Attributes:
        out: The path of the output, which is there when the job was not stopped.
        rows: All rows of the input.
        done: Rows whose outcome is in the output, or in a finished part of it.
        failed: How many of these have no vector.
        failures: The first ten of them: the row, counted from 0, and why.
        sent: Inputs that were embedded over all runs; repeated texts count once.
        requests: HTTP requests over all runs.
        tokens: Tokens over all runs, as far as the service said.
        spent: USD over all runs, as far as the service said.
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


def embed_file(
    client: OpenRouter,
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    model: str,
    column: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    id_column: str | None = None,
    keep_columns: str | Sequence[str] = (),
    keep_text: bool = True,
    dimensions: int | None = None,
    input_type: str | None = None,
    provider: ProviderPreferences | Mapping[str, object] | None = None,
    user: str | None = None,
    session_id: str | None = None,
    trace: Mapping[str, object] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, object] | None = None,
    on_long: OnLong = "error",
    pin_provider: bool = False,
    cache: Store | str | PathLike[str] | None = None,
    limits: Limits | None = None,
    retries: RetryConfig | EllipsisType | None = ...,
    timeout: float | EllipsisType | None = ...,
    deadline: float | EllipsisType | None = ...,
    max_cost: float | None = None,
    max_failures: str | int | None = None,
    overwrite: bool = False,
    rows_per_part: int = 10_000,
    source_name: str | None = None,
    progress: Callable[[JobProgress], None] | None = None,
) -> JobReport:
    """Embed the texts of a file into another file, row for row.

    Args:
        client: The client to send through.
        source: The input: ``.parquet``, ``.csv``, ``.jsonl``, or ``.txt`` with a text a line.
        out: The output: ``.parquet`` (FixedSizeList of float32), ``.jsonl``, or ``.npy`` for the
            vectors alone.
        model: The model's id.
        column: The column with the texts; None takes ``text``, or the only one.
        delimiter: What stands between the fields of CSV: one character, or ``"tab"``; None for a
            comma.
        header: Whether the first line of CSV has the names of its columns; without it they are
            ``"1"``, ``"2"`` and so on.
        encoding: The encoding of a file of text; None for UTF-8, or what its mark says.
        id_column: A column with ids, which comes first in the output.
        keep_columns: Other columns that go along, or the name of one; ``"*"`` for all.
        keep_text: Whether the texts go along, in the column ``text``.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        provider: Which providers may serve the requests; unknown names are refused.
        user: Who the requests are for.
        session_id: Groups requests in the service's logs.
        trace: Names and ids for the service's tracing.
        extra_headers: More headers.
        extra_body: More fields for each body.
        on_long: ``"error"`` or ``"truncate"``, see `BulkOptions`; cut rows say in
            ``kept_characters`` how much was embedded.
        pin_provider: Let the provider of the first answer give all vectors.
        cache: A cache that is kept; None for one of the job's own.
        limits: Bounds of batches, concurrency and memory.
        retries: Another retry policy; None for single attempts.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request with its retries and waits; None for no bound.
        max_cost: The most that the job may spend in USD, over all its runs.
        max_failures: The most rows that may fail: a number, or a share like ``"0.1%"``.
        overwrite: Whether a finished output, or another job begun here, is given up.
        rows_per_part: The most rows in a part; a part has at most 64 MiB of vectors.
        source_name: What to call the input in the output's metadata; None for its path.
        progress: Called with each `JobProgress`.

    Returns:
        What was done. When the output is there already, made by the same job, nothing is sent.

    Raises:
        ConfigurationError: The call is wrong, or another job was begun here; nothing was sent.
        JobStoppedError: The job ended early: an outage, no credits, the bound of the cost or of the
            failures. The same call goes on from there.
    """
    source, out = checked_path("source", source), checked_path("out", out)
    check_apart({"source": source, "out": out, "cache": cache})
    check_output(out)
    each: dict[str, Any] = {
        "dimensions": dimensions,
        "input_type": input_type,
        "provider": checked_provider(provider),
        "user": user,
        "session_id": session_id,
        "trace": trace,
        "extra_headers": extra_headers,
        "extra_body": extra_body,
    }
    write_template(model, each)
    keep = [keep_columns] if isinstance(keep_columns, str) else keep_columns
    options = ReadOptions(delimiter, header, encoding)
    given = look_through(
        source, column=column, id_column=id_column, keep_columns=tuple(keep), options=options
    )
    settings = JobSettings(
        model=arguments.text("model", model),
        dimensions=dimensions,
        input_type=input_type,
        provider=each["provider"],
        extra_body=extra_body,
        on_long=on_long,
        pin_provider=pin_provider,
        reading=asdict(options),
        column=given.columns.text,
        id_column=id_column,
        keep_columns=given.columns.keep,
        keep_text=keep_text,
        input=given.fingerprint,
        rows=given.rows,
    )
    bound = _allowed(max_failures, given)
    folder = JobFolder.of(out)
    if not folder.path.exists() and Path(out).exists() and not overwrite:
        return _finished(out, settings)
    with folder.locked():
        before = folder.begin(settings, overwrite=overwrite)
        run = JobRun(given, settings, folder, before, rows_per_part, bound, progress or _ignore)
        with _store(cache, folder) as store, _written_down(run):
            stream = client.embeddings.stream(
                run.texts(),
                model=model,
                on_long=on_long,
                pin_provider=pin_provider,
                cache=store,
                limits=limits or Limits(),
                max_cost=None if max_cost is None else max(0.0, max_cost - before.spent),
                **each | {"provider": _pinned(before, each["provider"], pin=pin_provider)},
                **_given(retries=retries, timeout=timeout, deadline=deadline),
            )
            stream.course.cleared = any(part.width for part in run.parts)
            _carry_out(run, stream, out)
        report = _report(run, out)
        run.assemble(out, source_name or source)
    return report


def _allowed(max_failures: str | int | None, given: JobInput) -> int | None:
    bound = most_failures(max_failures, given.rows)
    if bound is not None and given.empty > bound:
        message = f"{given.empty} of {given.rows} rows have no text; max_failures allows {bound}."
        raise ConfigurationError(message, argument="max_failures", hint="Nothing was sent.")
    return bound


def _finished(out: str, settings: JobSettings) -> JobReport:
    """Recognise the output of the same job, which needs nothing more."""
    notes = _notes(out)
    if "job" not in notes:
        message = f"out is there already: {out!r}."
        hint = "Choose another name, or add overwrite."
        raise ConfigurationError(message, argument="out", hint=hint)
    check_same(json.loads(notes["job"]), settings, out)
    failed = int(notes["failed"])
    return JobReport(out, settings.rows, settings.rows, failed)


def _notes(out: str) -> dict[str, str]:
    if Path(out).suffix.lower() != ".parquet":
        return {}
    try:
        return notes_of(pq.read_schema(out).metadata)
    except pa.ArrowException:
        return {}


@contextmanager
def _store(cache: Store | str | PathLike[str] | None, folder: JobFolder) -> Iterator[Store]:
    """Open what keeps each vector until its part is there."""
    path = folder.vectors if cache is None else cache
    if not isinstance(path, str | os.PathLike):
        yield _written(path)
        return
    with EmbeddingCache(path) as store:
        yield _written(store)


def _written(store: Store) -> Store:
    if not getattr(store, "writable", True):
        message = f"{store!r} cannot be written, and a job keeps each vector in its cache."
        hint = "Leave it out, or give one that can be written."
        raise ConfigurationError(message, argument="cache", hint=hint)
    return store


@contextmanager
def _written_down(run: JobRun) -> Iterator[None]:
    """Write down what was spent, however the run ends; leave nothing where nothing was done."""
    try:
        yield
    finally:
        if run.now.sent or run.parts:
            run.note()
        else:
            run.folder.remove()


def _pinned(
    before: Progress, provider: Mapping[str, object] | None, *, pin: bool
) -> dict[str, object] | None:
    """Go on with the provider that a pinned job was begun with, within the preferences given."""
    if not pin or not before.providers:
        return None if provider is None else dict(provider)
    return {**(provider or {}), "only": [before.providers[0]], "allow_fallbacks": False}


def _given(**options: object) -> dict[str, Any]:
    """Leave out the options that were not given, so that the client's own hold."""
    return {name: value for name, value in options.items() if value is not ...}


def _carry_out(run: JobRun, stream: BatchStream, out: str) -> None:
    stopped = _taken(run, stream)
    if stopped is not None:
        raise _stopped(run, stopped, out) from stopped
    run.finish()


def _taken(run: JobRun, stream: BatchStream) -> OpenRouterError | None:
    """Take batches to the end, or until the job must stop; what comes after them counts too."""
    try:
        with closing(stream):
            return next(filter(None, map(run.take, stream)), None)
    finally:
        run.count(stream.course)


def _stopped(run: JobRun, error: OpenRouterError, out: str) -> JobStoppedError:
    report = _report(run, out)
    message = f"The job stopped after {report.done:,} of {report.rows:,} rows: {error.message}"
    kept = f"What is done is kept in {run.folder.path}; the same command goes on from there."
    hint = f"{error.hint} {kept}" if error.hint else kept
    return JobStoppedError(message, report=report, request_id=error.request_id, hint=hint)


def _report(run: JobRun, out: str) -> JobReport:
    return JobReport(
        out=out,
        rows=run.given.rows,
        done=run.done,
        failed=run.failed,
        failures=tuple(run.shown_failures()),
        sent=run.now.sent,
        requests=run.now.requests,
        tokens=run.now.tokens,
        spent=run.now.spent,
    )


def _ignore(_progress: JobProgress) -> None:
    """Show nothing."""


def estimate_file(
    client: OpenRouter,
    source: str | PathLike[str],
    *,
    model: str,
    column: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    out: str | PathLike[str] | None = None,
    cache: Store | str | PathLike[str] | None = None,
    dimensions: int | None = None,
    input_type: str | None = None,
    provider: ProviderPreferences | Mapping[str, object] | None = None,
    extra_body: Mapping[str, object] | None = None,
) -> Estimate:
    """Estimate what a job would take, before anything is paid.

    Args:
        client: The client to ask for the price.
        source: The input, as for `embed_file`.
        model: The model's id.
        column: The column with the texts; None takes ``text``, or the only one.
        delimiter: What stands between the fields of CSV: one character, or ``"tab"``; None for a
            comma.
        header: Whether the first line of CSV has the names of its columns; without it they are
            ``"1"``, ``"2"`` and so on.
        encoding: The encoding of a file of text; None for UTF-8, or what its mark says.
        out: The output of a job that may have been begun; what it has costs nothing.
        cache: The cache that the job would use; what it has costs nothing.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        provider: Which providers would serve the requests.
        extra_body: More fields for each body.

    Raises:
        ConfigurationError: The input cannot be read, or there is no such model.
    """
    source = checked_path("source", source)
    given = look_through(source, column=column, options=ReadOptions(delimiter, header, encoding))
    begun = None if out is None else JobFolder.of(checked_path("out", out)).vectors
    if cache is None and begun is not None and begun.exists():
        cache = str(begun)
    return client.embeddings.estimate(
        given.texts(),
        model=model,
        cache=cache,
        dimensions=dimensions,
        input_type=input_type,
        provider=provider,
        extra_body=extra_body,
    )


def retry_failed(
    client: OpenRouter,
    out: str | PathLike[str],
    *,
    source: str | PathLike[str] | None = None,
    user: str | None = None,
    session_id: str | None = None,
    limits: Limits | None = None,
    retries: RetryConfig | EllipsisType | None = ...,
    timeout: float | EllipsisType | None = ...,
    deadline: float | EllipsisType | None = ...,
    max_cost: float | None = None,
) -> JobReport:
    """Embed the failed rows of a finished output again; all other rows stay as they are.

    Rows without a text stay failed. The settings are those of the job.

    Args:
        client: The client to send through.
        out: The output, ``.parquet``; it is replaced as a whole, or not at all.
        source: The input, which is needed where the output has no texts.
        user: Who the requests are for.
        session_id: Groups requests in the service's logs.
        limits: Bounds of batches, concurrency and memory.
        retries: Another retry policy; None for single attempts.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request with its retries and waits; None for no bound.
        max_cost: The most to spend in USD.

    Returns:
        What was done, of the failed rows: how many there were, and how many still failed.

    Raises:
        ConfigurationError: The output was not written by a job, or its texts are nowhere.
        JobStoppedError: The run ended early; what it had done is in the output.
    """
    out = checked_path("out", out)
    output = finished_output(out)
    failed = failed_texts(output, None if source is None else checked_path("source", source))
    if not failed:
        return JobReport(out, 0, 0, 0)
    folder = JobFolder.of(out)
    with folder.locked(), EmbeddingCache(folder.vectors) as store:
        stream = client.embeddings.stream(
            list(failed.values()),
            model=output.job["model"],
            dimensions=output.job["dimensions"],
            input_type=output.job["input_type"],
            on_long=output.job["on_long"],
            provider=output.provider,
            extra_body=output.job["extra_body"],
            user=user,
            session_id=session_id,
            cache=store,
            limits=limits or Limits(),
            max_cost=max_cost,
            **_given(retries=retries, timeout=timeout, deadline=deadline),
        )
        stream.course.cleared = int(output.notes["failed"]) < output.rows
        result = _joined(stream)
        put_back(output, list(failed), result)
        folder.remove()
    report = _report_of(out, list(failed), result)
    if result.stopped is not None:
        message = f"Not all failed rows were sent: {result.stopped.message}"
        raise JobStoppedError(message, report=report, hint="The same command goes on.")
    return report


def _joined(stream: BatchStream) -> EmbeddedBatch:
    result = Result(None)
    with closing(stream):
        for batch in stream:
            result.add(batch)
    return result.finish("keep", stream.course)


def _report_of(out: str, rows: Sequence[int], result: EmbeddedBatch) -> JobReport:
    failures = result.failures[:MOST_SHOWN]
    return JobReport(
        out=out,
        rows=len(rows),
        done=len(rows),
        failed=len(result.failures),
        failures=tuple((rows[each.position], words_of(each)) for each in failures),
        sent=result.stats.inputs_sent,
        requests=result.stats.requests,
        tokens=result.stats.prompt_tokens,
        spent=result.stats.cost,
    )


def verify_file(
    out: str | PathLike[str],
    *,
    source: str | PathLike[str] | None = None,
    client: OpenRouter | None = None,
    sample: int = 20,
) -> list[Check]:
    """Check an output: rows, widths, finite numbers, norms; ids and texts; a sample.

    Args:
        out: The output, ``.parquet``.
        source: The input, to compare ids, texts and other columns with; None to leave that out.
        client: The client to embed a sample again through; None to leave that out.
        sample: The most rows to embed again, which costs what they cost.

    Returns:
        What was looked at, each with what was found and whether it holds.

    Raises:
        ConfigurationError: The output was not written by a job, or the input cannot be read.
    """
    output = finished_output(checked_path("out", out))
    source = None if source is None else checked_path("source", source)
    checks = list(checks_of_numbers(output))
    if source is not None:
        checks += checks_against_input(output, source)
    if client is not None and sample:
        checks.append(check_of_sample(output, client, source, sample))
    return checks
