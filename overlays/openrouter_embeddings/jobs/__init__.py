"""Files in, files out: jobs that embed a file of any size, and go on where they were interrupted.

    with OpenRouter() as client:
        report = embed_file(client, "big.parquet", "vectors.parquet", model="...", id_column="id")

The input is read in record batches, so that the memory is bounded. Every vector is kept on disk as
soon as it arrives, in the folder ``vectors.parquet.job``: when the process is killed, the same call
goes on, and pays for nothing twice but what was in flight. At the end the output is written, and
the folder goes. Where the output is there already, made with the same settings of an earlier state
of the input, it is brought up to date: texts that it has are not paid for again.
Needs the extra `jobs`: pyarrow and filelock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from openrouter_embeddings._base.extras import require

# Said once, here: the files behind this door import what they need by name.
for _package in ("pyarrow", "filelock"):
    require(_package, extra="jobs")

from attrs import asdict, evolve

from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import TEXT, Columns
from openrouter_embeddings.jobs._finished import finished_output
from openrouter_embeddings.jobs._folder import check_apart, checked_path
from openrouter_embeddings.jobs._input import look_at, look_through
from openrouter_embeddings.jobs._job import Job, JobReport, carry_out, known_texts
from openrouter_embeddings.jobs._lines import ReadOptions
from openrouter_embeddings.jobs._readers import OutputReader
from openrouter_embeddings.jobs._run import JobProgress
from openrouter_embeddings.jobs._settings import Request
from openrouter_embeddings.jobs._verify import (
    Check,
    check_of_sample,
    checks_against_input,
    checks_of_numbers,
)
from openrouter_embeddings.jobs._writers import check_output, finish_output
from openrouter_embeddings.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike
    from types import EllipsisType

    from openrouter_embeddings._request.retry import RetryConfig
    from openrouter_embeddings.cache import Store
    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.jobs._finished import Output
    from openrouter_embeddings.jobs._input import JobInput
    from openrouter_embeddings.provider import ProviderPreferences
    from openrouter_embeddings.values import Estimate

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
    query_prefix: str | None = None,
    dimensions: int | None = None,
    input_type: str | None = None,
    prefix: str | None = None,
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
    update: bool = False,
    reuse: str | PathLike[str] | None = None,
    overwrite: bool = False,
    source_name: str | None = None,
    progress: bool | Callable[[JobProgress], None] | None = None,
) -> JobReport:
    """Embed the texts of a file into another file, row for row.

    Args:
        client: The client to send through.
        source: The input: ``.parquet``, ``.csv``, ``.jsonl``, or ``.txt`` with a text a line.
        out: The output: ``.parquet`` (FixedSizeList of float32), ``.jsonl``, or ``.npy`` for the
            vectors alone; beside the latter two stands ``OUT.rows.parquet``, which says what made
            them. Where it is there already, made with the same settings, a row keeps its vector
            where its text is the same.
        model: The model's id.
        column: The column with the texts; None takes ``text``, or the only one.
        delimiter: What stands between the fields of CSV: one character, or ``"tab"``; None for a
            comma.
        header: Whether the first line of CSV has the names of its columns; without it they are
            ``"1"``, ``"2"`` and so on.
        encoding: The encoding of a file of text; None for UTF-8, or what its mark says.
        id_column: A column with ids, which comes first in the output.
        keep_columns: Other columns that go along, or the name of one; ``"*"`` for all.
        keep_text: Whether the texts go along, in the column ``text``; ``text_digest`` does where
            they do not.
        query_prefix: What the command ``search`` is to put before a query, ``""`` for nothing; it
            stands in the output's metadata.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        prefix: What is put before each text as it stands, see `RequestOptions`, or None; the
            output has the texts without it.
        provider: Which providers may serve the requests; unknown names are refused.
        user: Who the requests are for.
        session_id: Groups requests in the service's logs.
        trace: Names and ids for the service's tracing.
        extra_headers: More headers.
        extra_body: More fields for each body.
        on_long: ``"error"`` or ``"truncate"``, see `BulkOptions`; cut rows say in
            ``kept_characters`` how much was embedded.
        pin_provider: Let the provider of the first answer give all vectors.
        cache: A cache that is asked before, and that keeps what is new; None for none.
        limits: Bounds of batches, concurrency and memory.
        retries: Another retry policy; None for single attempts.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request with its retries and waits; None for no bound.
        max_cost: The most that the job may spend in USD, over all its runs; what a killed run may
            have spent counts.
        max_failures: The most rows that may fail: a number, or a share like ``"0.1%"``. Rows
            without a text are no failures.
        update: Bring an output up to date also where fewer than half of its rows would stay.
        reuse: An earlier output of the same settings, whose vectors are taken.
        overwrite: Whether a finished output, or another job begun here, is given up.
        source_name: What to call the input in the output's metadata; None for its path.
        progress: True for a line on standard error, which ends with the job; or a function of each
            `JobProgress`.

    Returns:
        What was done. When the output is there already, made by the same job, nothing is sent.

    Raises:
        ConfigurationError: The call is wrong, or another job was begun here; nothing was sent.
        JobStoppedError: The job ended early: an outage, no credits, a full disk, the bound of the
            cost or of the failures. The same call goes on from there.
    """
    source, out = checked_path("source", source), checked_path("out", out)
    reuse = None if reuse is None else checked_path("reuse", reuse)
    check_apart({"source": source, "out": out, "cache": cache})
    check_output(out)
    if not overwrite:
        finish_output(out)
    request = Request.of(
        client,
        model,
        {
            "dimensions": dimensions,
            "input_type": input_type,
            "prefix": prefix,
            "provider": provider,
            "user": user,
            "session_id": session_id,
            "trace": trace,
            "extra_headers": extra_headers,
            "extra_body": extra_body,
        },
        _given(
            on_long=on_long,
            pin_provider=pin_provider,
            retries=retries,
            timeout=timeout,
            deadline=deadline,
            limits=limits or Limits(),
        ),
    )
    options = ReadOptions(delimiter, header, encoding)
    keep = [keep_columns] if isinstance(keep_columns, str) else keep_columns
    given = look_through(
        source, column=column, id_column=id_column, keep_columns=tuple(keep), options=options
    )
    job = Job(
        given=given,
        out=out,
        settings=request.settings(
            given.columns, asdict(options), keep_text=keep_text, query_prefix=query_prefix
        ),
        source_name=source_name or source,
        max_cost=max_cost,
        max_failures=max_failures,
        overwrite=overwrite,
        update=update,
        reuse=reuse,
    )
    return carry_out(job, client, request, cache, progress)


def _given(**options: object) -> dict[str, Any]:
    """Leave out the options that were not given, so that the client's own hold."""
    return {name: value for name, value in options.items() if value is not ...}


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
    prefix: str | None = None,
    provider: ProviderPreferences | Mapping[str, object] | None = None,
    extra_body: Mapping[str, object] | None = None,
) -> Estimate:
    """Estimate what a job would take, before anything is paid; nothing is written.

    Args:
        client: The client to ask for the price.
        source: The input, as for `embed_file`.
        model: The model's id.
        column: The column with the texts; None takes ``text``, or the only one.
        delimiter: What stands between the fields of CSV, see `embed_file`.
        header: Whether the first line of CSV has the names of its columns.
        encoding: The encoding of a file of text.
        out: The output of a job that may have been begun or finished; what it has costs nothing,
            where it was made with the same settings.
        cache: The cache that the job would use; what it has costs nothing.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        prefix: What would be put before each text, or None.
        provider: Which providers would serve the requests.
        extra_body: More fields for each body.

    Raises:
        ConfigurationError: The input cannot be read, or there is no such model.
    """
    source = checked_path("source", source)
    each = {
        "dimensions": dimensions,
        "input_type": input_type,
        "prefix": prefix,
        "provider": provider,
        "extra_body": extra_body,
    }
    request = Request.of(client, model, each, {})
    options = ReadOptions(delimiter, header, encoding)
    given = look_through(source, column=column, options=options)
    settings = request.settings(given.columns, asdict(options), keep_text=True)
    known = set[int]() if out is None else known_texts(checked_path("out", out), given, settings)
    found = client.embeddings.estimate(
        _unknown(given, known), model=model, cache=cache, **request.each
    )
    return evolve(
        found,
        inputs=given.rows - given.empty - given.bad,
        unique=len(given.texts),
        cached=found.cached + len(known),
    )


def _unknown(given: JobInput, known: set[int]) -> Iterator[str]:
    """Read each different text once, but for those that are known."""
    firsts = given.texts.first_rows
    wanted = {int(row) for text, row in enumerate(firsts) if text not in known}
    start = 0
    for rows in given.read():
        yield from (text or "" for row, text in enumerate(rows.texts, start) if row in wanted)
        start += len(rows)


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
    progress: bool | Callable[[JobProgress], None] | None = None,
) -> JobReport:
    """Embed the failed rows of a finished output again; all other rows keep their vectors.

    Rows without a text stay as they are. The settings are those of the job.

    Args:
        client: The client to send through.
        out: The output; it is replaced as a whole, or not at all.
        source: The input, which is needed where the output has no texts.
        user: Who the requests are for.
        session_id: Groups requests in the service's logs.
        limits: Bounds of batches, concurrency and memory.
        retries: Another retry policy; None for single attempts.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request with its retries and waits; None for no bound.
        max_cost: The most to spend in USD.
        progress: As for `embed_file`.

    Returns:
        What was done, of the failed rows: how many there were, and how many still failed.

    Raises:
        ConfigurationError: The output was not written by a job, or its texts are nowhere.
        JobStoppedError: The run ended early; the output is what it was, and the same call goes on.
    """
    out = checked_path("out", out)
    finish_output(out)
    output = finished_output(out)
    if not output.failed:
        return JobReport(out, 0, 0, 0)
    each = {name: output.job[name] for name in ("dimensions", "input_type", "extra_body")}
    each |= {"provider": output.job["provider"], "user": user, "session_id": session_id}
    each["prefix"] = output.prefix
    run = {name: output.job[name] for name in ("on_long", "pin_provider")}
    run |= _given(retries=retries, timeout=timeout, deadline=deadline, limits=limits or Limits())
    request = Request.of(client, output.job["model"], each, run)
    given = _texts_of(output, None if source is None else checked_path("source", source))
    reading, keep_text = output.job["reading"], output.job["keep_text"]
    before = output.job.get("query_prefix")
    settings = request.settings(given.columns, reading, keep_text=keep_text, query_prefix=before)
    job = Job(
        given=given,
        out=out,
        settings=evolve(settings, column=output.job["column"]),
        source_name=output.notes.get("source", ""),
        max_cost=max_cost,
        again=output,
    )
    return carry_out(job, client, request, None, progress)


def _texts_of(output: Output, source: str | None) -> JobInput:
    """Find the texts of an output: in its input, or in itself."""
    job = output.job
    columns = Columns(TEXT, job["id_column"], tuple(job["keep_columns"]))
    if source is not None:
        given = look_through(
            source,
            column=job["column"],
            id_column=columns.id,
            keep_columns=columns.keep,
            options=ReadOptions(**job["reading"]),
        )
        if given.fingerprint != job["input"]:
            message = f"input is not what {output.path} was made of: {source!r}."
            raise ConfigurationError(message, argument="input")
        return given
    if TEXT not in output.names:
        message = f"{output.path} holds no texts."
        raise ConfigurationError(message, argument="input", hint="Name the input with --input.")
    return look_at(OutputReader(output), str(output.path), columns)


def verify_file(
    out: str | PathLike[str],
    *,
    source: str | PathLike[str] | None = None,
    client: OpenRouter | None = None,
    sample: int = 20,
) -> list[Check]:
    """Check an output: rows, widths, finite numbers, norms; ids and texts; a sample.

    Args:
        out: The output, of any format.
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
