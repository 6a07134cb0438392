"""The commands themselves: options, and what is shown on the terminal."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from openrouter_embeddings import OpenRouter, _tables
from openrouter_embeddings._embed_table import embed_texts, ignore
from openrouter_embeddings._extras import require
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings.values import ModelInfo

require("typer", extra="cli")
require("rich", extra="cli")

import typer  # noqa: E402 - after the check that names the extra
from rich.console import Console  # noqa: E402
from rich.progress import (  # noqa: E402
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as Grid  # noqa: E402

SOME_FAILED = 3
_MOST_SHOWN = 10
LOCAL_MODEL = "local/wordllama-256"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Embed texts with OpenRouter, or with a small model on this machine.",
)

Local = Annotated[
    bool, typer.Option("--local", help="Use a small model on this machine; no key, no network.")
]
Model = Annotated[str | None, typer.Option(help="The model's id; see the command models.")]
Dimensions = Annotated[int | None, typer.Option(help="The width of the vectors.")]
InputType = Annotated[str | None, typer.Option(help="What the texts are for, if the model asks.")]


@contextmanager
def connected(*, local: bool) -> Iterator[OpenRouter]:
    """Connect to the service, or to a local server for the duration."""
    if local:
        from openrouter_embeddings.local import LocalServer  # noqa: PLC0415 - needs the extra

        with (
            LocalServer() as server,
            OpenRouter(server.api_key, base_url=server.base_url) as client,
        ):
            yield client
        return
    if not os.environ.get("OPENROUTER_API_KEY"):
        message = "There is no API key."
        hint = (
            "Two ways on: set OPENROUTER_API_KEY (keys: https://openrouter.ai/settings/keys), "
            "or add --local to use a small model on this machine."
        )
        raise ConfigurationError(message, argument="api_key", hint=hint)
    with OpenRouter() as client:
        yield client


def _model(model: str | None, *, local: bool) -> str:
    if model is not None:
        return model
    if local:
        return LOCAL_MODEL
    message = "model is missing."
    hint = "Name one with --model; the command models lists them."
    raise ConfigurationError(message, argument="model", hint=hint)


@app.command()
def embed(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help=".txt, .jsonl, .csv, .parquet, or - for stdin.")
    ],
    out: Annotated[str, typer.Option(help="Where to: .parquet, .jsonl or .npy.")],
    model: Model = None,
    column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    dimensions: Dimensions = None,
    input_type: InputType = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts in one request.")] = 100,
    cache: Annotated[
        str | None, typer.Option(help="A file that keeps vectors between runs.")
    ] = None,
    local: Local = False,
) -> int:
    """Embed the texts of a file."""
    _tables.check_output(out)
    name = _model(model, local=local)
    texts = _tables.read_texts(source, column)
    with connected(local=local) as client, _bar(len(texts)) as advance:
        table = embed_texts(
            client,
            texts,
            model=name,
            dimensions=dimensions,
            input_type=input_type,
            batch_size=batch_size,
            cache=cache,
            source="standard input" if source == "-" else source,
            advance=advance,
        )
    _tables.write_table(out, table)
    failed = [(row, error) for row, error in enumerate(table.errors) if error is not None]
    for row, error in failed[:_MOST_SHOWN]:
        _say(f"input {row + 1}: {error}")
    if len(failed) > _MOST_SHOWN:
        _say(f"... and {len(failed) - _MOST_SHOWN} more; the column error of the output has all")
    _say(f"{len(texts) - len(failed)} of {len(texts)} texts embedded into {out}")
    return SOME_FAILED if failed else 0


def _say(line: str) -> None:
    """Say something beside the output, on one line even where it is long."""
    sys.stderr.write(f"{line}\n")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield ignore
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("embedding", total=total)
        yield lambda count: progress.advance(task, count)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    index: Annotated[str, typer.Option(help="A file written by the command embed.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 5,
    model: Model = None,
    input_type: InputType = None,
    local: Local = False,
) -> int:
    """Search an embedded file by meaning."""
    table = _tables.read_index(index)
    made_by = table.metadata.get("model")
    name = model or made_by or _model(None, local=local)
    if made_by == LOCAL_MODEL and not local:
        message = f"index was made by the local model: {index!r}."
        raise ConfigurationError(message, argument="index", hint="Search it with --local.")
    asked = table.metadata.get("asked_dimensions")
    with connected(local=local) as client:
        vector = client.embeddings.generate(
            input=query,
            model=name,
            dimensions=int(asked) if asked else None,
            input_type=input_type,
        ).vectors[0]
    hits = _tables.most_similar(table.vectors, vector, k)
    grid = Grid("similarity", "row", "text")
    for row, similarity in hits:
        grid.add_row(f"{similarity:.3f}", str(row + 1), _one_line(table.texts[row]))
    Console(highlight=False, markup=False).print(grid)
    return 0


def _one_line(text: str | None, width: int = 100) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


@app.command()
def models(
    text: Annotated[str | None, typer.Argument(help="Part of a name; all without it.")] = None,
    free: Annotated[bool, typer.Option("--free", help="Only models that cost nothing.")] = False,
    local: Local = False,
) -> int:
    """List the models that serve embeddings, cheapest first."""
    with connected(local=local) as client:
        catalog = client.embeddings.list_models()
    found = catalog.filter(text=text, free=True if free else None).by_price()
    grid = Grid("model", "USD per million tokens", "most tokens", "takes")
    for info in found:
        grid.add_row(info.id, _price(info), _length(info), ", ".join(info.input_modalities))
    Console(highlight=False, markup=False).print(grid)
    if catalog.unread:
        _say(f"{len(catalog.unread)} entries of the listing could not be read")
    return 0


def _price(info: ModelInfo) -> str:
    price = info.price_per_million
    return "varies" if price is None else f"{price.normalize():f}"


def _length(info: ModelInfo) -> str:
    return f"{info.context_length:,}" if info.context_length else "unknown"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
) -> int:
    """Serve a small model behind both endpoints, for any client that speaks them."""
    from openrouter_embeddings.local import serve as run_server  # noqa: PLC0415 - needs the extra

    run_server(host=host, port=port)
    return 0


@app.command()
def demo() -> int:
    """Embed the Python language reference on this machine and ask it three questions."""
    from openrouter_embeddings._demo import ask, passages  # noqa: PLC0415 - the one that needs it

    console = Console(highlight=False, markup=False)
    texts = passages()
    console.print(f"Embedding {len(texts)} passages of the Python language reference ...")
    with connected(local=True) as client:
        started = time.perf_counter()
        table = embed_texts(client, [text for _, text in texts], model=LOCAL_MODEL, source="pydoc")
        seconds = time.perf_counter() - started
        answers = ask(client, table.vectors, texts, LOCAL_MODEL)
    for answer in answers:
        grid = Grid("similarity", "topic", "passage", title=answer.question, title_justify="left")
        for hit in answer.hits:
            grid.add_row(f"{hit.similarity:.3f}", hit.topic, _one_line(hit.text, 70))
        console.print(grid)
    rate = len(texts) / seconds
    width = table.vectors.shape[1]
    console.print(
        f"{len(texts)} vectors of {width} numbers in {seconds:.2f} s: {rate:,.0f} a second"
    )
    console.print(f"Tokens: {table.tokens:,}. Cost: ${table.cost:.6f} ({LOCAL_MODEL}).")
    wrong = [answer.question for answer in answers if not answer.is_right]
    for question in wrong:
        console.print(f"The first hit is not what was expected: {question}")
    return 1 if wrong else 0
