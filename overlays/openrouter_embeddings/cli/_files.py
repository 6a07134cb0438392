"""The commands about files: embed, estimate, retry-failed and verify."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import typer
from attrs import asdict

from openrouter_embeddings import jobs
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.cli._cache import cached
from openrouter_embeddings.cli._options import (
    BaseUrl,
    Dimensions,
    InputType,
    Json,
    Local,
    Model,
    Prefix,
    chosen_model,
    connected,
    say,
    write_json,
)
from openrouter_embeddings.cli._progress import shown
from openrouter_embeddings.cli._requests import (
    Deadline,
    Deny,
    ExtraBody,
    Only,
    Order,
    Provider,
    Retries,
    SessionId,
    Timeout,
    User,
    Zdr,
    json_object,
    names_in,
    preferences,
    times,
)
from openrouter_embeddings.cli._spool import spooled
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._writers import check_output
from openrouter_embeddings.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openrouter_embeddings.values import Estimate

SOME_FAILED = 3
FAILED = 1

files = typer.Typer()
files.add_typer(cached, name="cache")

Source = Annotated[
    str, typer.Argument(metavar="INPUT", help=".txt, .jsonl, .csv, .parquet, or - for stdin.")
]
Column = Annotated[str | None, typer.Option(help="The column that holds the text.")]
Delimiter = Annotated[
    str | None, typer.Option(help="What divides the fields of CSV: a character, or tab.")
]
Header = Annotated[bool, typer.Option(help="The first line of CSV has the names of the columns.")]
Encoding = Annotated[
    str | None, typer.Option(help="The encoding of a file of text; UTF-8 without it.")
]
Cache = Annotated[str | None, typer.Option(help="A folder that keeps vectors between runs.")]
MaxCost = Annotated[float | None, typer.Option(min=0, help="The most to spend, in USD.")]
BatchSize = Annotated[int, typer.Option(min=1, help="The most texts in one request.")]
InFlight = Annotated[int, typer.Option(min=1, help="The most requests at one time.")]
RequestsPerMinute = Annotated[
    float | None, typer.Option(min=1, help="The most requests in any minute, retries included.")
]
TokensPerMinute = Annotated[
    float | None, typer.Option(min=1, help="The most tokens in any minute.")
]
Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="A .parquet written by embed.")]
Given = Annotated[str | None, typer.Option("--input", help="The input that it was made of.")]


@files.command()
def embed(
    source: Source,
    out: Annotated[str, typer.Option(help="Where to: .parquet, .jsonl or .npy.")],
    model: Model = None,
    column: Column = None,
    delimiter: Delimiter = None,
    header: Header = True,
    encoding: Encoding = None,
    id_column: Annotated[str | None, typer.Option(help="A column with ids, kept.")] = None,
    keep_columns: Annotated[
        str, typer.Option(help="Other columns to keep, with commas between them; * for all.")
    ] = "",
    text: Annotated[bool, typer.Option(help="Keep the texts.")] = True,
    query_prefix: Annotated[
        str | None, typer.Option(help="What search is to put before a query; OUT says it.")
    ] = None,
    dimensions: Dimensions = None,
    input_type: InputType = None,
    prefix: Prefix = None,
    provider: Provider = None,
    zdr: Zdr = False,
    deny_data_collection: Deny = False,
    only: Only = None,
    order: Order = None,
    extra_body: ExtraBody = None,
    user: User = None,
    session_id: SessionId = None,
    on_long: Annotated[
        jobs.OnLong, typer.Option(help="What becomes of texts that are too long.")
    ] = "error",
    pin_provider: Annotated[
        bool, typer.Option("--pin-provider", help="Let the first provider give all vectors.")
    ] = False,
    batch_size: BatchSize = 100,
    in_flight: InFlight = 16,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
    retries: Retries = None,
    cache: Cache = None,
    max_cost: MaxCost = None,
    max_failures: Annotated[
        str | None, typer.Option(help="How many rows may fail: a number, or 0.1%.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate, and send nothing to be embedded.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Bring OUT up to date, where most of it goes as well.")
    ] = False,
    reuse: Annotated[
        str | None, typer.Option(help="An earlier output of the same settings to take from.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished output, or another job.")
    ] = False,
    base_url: BaseUrl = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """Embed the texts of a file; run it again to go on where it was interrupted."""
    check_output(out)
    _use_system_memory()
    name = chosen_model(model, local=local)
    routing = preferences(provider, zdr=zdr, deny=deny_data_collection, only=only, order=order)
    more = json_object("extra_body", extra_body)
    with (
        connected(local=local, base_url=base_url) as client,
        _readable(source, None if dry_run else out) as path,
    ):
        if dry_run:
            _say_estimate(
                jobs.estimate_file(
                    client,
                    path,
                    model=name,
                    column=column,
                    delimiter=delimiter,
                    header=header,
                    encoding=encoding,
                    out=out,
                    cache=cache,
                    dimensions=dimensions,
                    input_type=input_type,
                    prefix=prefix,
                    provider=routing,
                    extra_body=more,
                ),
                as_json=as_json,
            )
            return 0
        with shown() as show:
            report = jobs.embed_file(
                client,
                path,
                out,
                model=name,
                column=column,
                delimiter=delimiter,
                header=header,
                encoding=encoding,
                id_column=id_column,
                keep_columns=names_in(keep_columns),
                keep_text=text,
                query_prefix=query_prefix,
                dimensions=dimensions,
                input_type=input_type,
                prefix=prefix,
                provider=routing,
                extra_body=more,
                user=user,
                session_id=session_id,
                on_long=on_long,
                pin_provider=pin_provider,
                cache=cache,
                limits=Limits(
                    max_batch=batch_size,
                    max_in_flight=in_flight,
                    requests_per_minute=requests_per_minute,
                    tokens_per_minute=tokens_per_minute,
                ),
                max_cost=max_cost,
                max_failures=max_failures,
                update=update,
                reuse=reuse,
                overwrite=overwrite,
                source_name="standard input" if source == "-" else source,
                progress=show,
                **times(timeout, deadline, retries),
            )
    return _say_report(report, "embedded into", as_json=as_json)


def _use_system_memory() -> None:
    """Let Arrow use the system's allocator: its own keeps over 100 MB more for nothing.

    Only a program may decide that for its process; a library may not.
    """
    pa.set_memory_pool(pa.system_memory_pool())


@contextmanager
def _readable(source: str, out: str | None = None) -> Iterator[str]:
    """Make a file of standard input, which can be read only once: in the folder of a job.

    What is read are its bytes: a line that is none of its encoding fails alone, as in a file.
    """
    if source != "-":
        yield source
        return
    # Python has None for one that was closed before the program began.
    if sys.stdin is None or sys.stdin.closed:
        message = "input is -, and standard input is closed."
        raise ConfigurationError(message, argument="input")
    with ExitStack() as stack:
        place = out or str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "estimate")
        yield stack.enter_context(spooled(place, sys.stdin.buffer))


def _say_report(report: jobs.JobReport, done: str, *, as_json: bool) -> int:
    if as_json:
        failures = [{"row": row + 1, "error": error} for row, error in report.failures]
        write_json(asdict(report) | {"failures": failures})
        return SOME_FAILED if report.failed else 0
    for row, error in report.failures:
        say(f"input {row + 1}: {error}")
    if report.failed > len(report.failures):
        say(f"... and {report.failed - len(report.failures):,} more; see the column error")
    texts = report.rows - report.empty
    say(f"{texts - report.failed:,} of {counted(texts, 'text')} {done} {report.out}")
    for note in report.notes:
        say(note)
    if report.kept:
        were = "was" if report.kept == 1 else "were"
        say(f"{report.kept:,} of them {were} there already")
    if report.requests:
        say(
            f"{report.sent:,} sent in {counted(report.requests, 'request')}, "
            f"{counted(report.tokens, 'token')}, ${report.spent:.6f}"
        )
    if report.possible != 0:
        most = "an unknown amount" if report.possible is None else f"up to ${report.possible:.6f}"
        say(f"{most} more may have been charged, for requests that nobody heard of again")
    return SOME_FAILED if report.failed else 0


@files.command()
def estimate(
    source: Source,
    model: Model = None,
    column: Column = None,
    delimiter: Delimiter = None,
    header: Header = True,
    encoding: Encoding = None,
    dimensions: Dimensions = None,
    input_type: InputType = None,
    prefix: Prefix = None,
    provider: Provider = None,
    zdr: Zdr = False,
    deny_data_collection: Deny = False,
    only: Only = None,
    order: Order = None,
    extra_body: ExtraBody = None,
    cache: Cache = None,
    base_url: BaseUrl = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """Estimate tokens and cost of a file, before anything is paid."""
    name = chosen_model(model, local=local)
    routing = preferences(provider, zdr=zdr, deny=deny_data_collection, only=only, order=order)
    with connected(local=local, base_url=base_url) as client, _readable(source) as path:
        found = jobs.estimate_file(
            client,
            path,
            model=name,
            column=column,
            delimiter=delimiter,
            header=header,
            encoding=encoding,
            cache=cache,
            dimensions=dimensions,
            input_type=input_type,
            prefix=prefix,
            provider=routing,
            extra_body=json_object("extra_body", extra_body),
        )
    _say_estimate(found, as_json=as_json)
    return 0


def _say_estimate(found: Estimate, *, as_json: bool) -> None:
    if as_json:
        write_json(asdict(found))
        return
    least, most = found.tokens
    typer.echo(f"texts:   {found.inputs:,}, {counted(found.unique, 'different one')}")
    typer.echo(f"cached:  {found.cached:,}")
    typer.echo(f"tokens:  {least:,} to {most:,}")
    cost = "unknown, the price is not fixed"
    if found.cost is not None:
        cost = f"${found.cost[0]:.6f} to ${found.cost[1]:.6f}"
    typer.echo(f"cost:    {cost}")


@files.command("retry-failed")
def retry_failed(
    out: Output,
    source: Given = None,
    batch_size: BatchSize = 100,
    in_flight: InFlight = 16,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    user: User = None,
    session_id: SessionId = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
    retries: Retries = None,
    max_cost: MaxCost = None,
    base_url: BaseUrl = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """Embed the failed rows of an output again, and nothing else."""
    limits = Limits(
        max_batch=batch_size,
        max_in_flight=in_flight,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    with connected(local=local, base_url=base_url) as client, shown() as show:
        report = jobs.retry_failed(
            client,
            out,
            source=source,
            user=user,
            session_id=session_id,
            limits=limits,
            max_cost=max_cost,
            progress=show,
            **times(timeout, deadline, retries),
        )
    if not report.rows and not as_json:
        say("no row to embed again")
        return 0
    return _say_report(report, "embedded again into", as_json=as_json)


@files.command()
def verify(
    out: Output,
    source: Given = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Rows to embed again and compare; 0 for none.")
    ] = 20,
    base_url: BaseUrl = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """Check an output: rows, ids, widths, numbers, and a sample embedded again."""
    if sample:
        with connected(local=local, base_url=base_url) as client:
            checks = jobs.verify_file(out, source=source, client=client, sample=sample)
    else:
        checks = jobs.verify_file(out, source=source)
    good = all(check.holds for check in checks)
    if as_json:
        write_json({"out": str(out), "holds": good, "checks": [asdict(check) for check in checks]})
        return 0 if good else FAILED
    for check in checks:
        typer.echo(f"{'ok' if check.holds else 'WRONG':<6} {check.name}: {check.found}")
    return 0 if good else FAILED
