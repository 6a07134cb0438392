"""The commands search, models and demo; those about files are in `_job_commands`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings.cli import _index
from openrouter_embeddings.cli._contract import contract
from openrouter_embeddings.cli._files import files
from openrouter_embeddings.cli._options import (
    LOCAL_MODEL,
    BaseUrl,
    InputType,
    Local,
    Model,
    chosen_model,
    connected,
    say,
)
from openrouter_embeddings.cli._serve import serve
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from openrouter_embeddings.values import ModelInfo

import typer
from rich.console import Console
from rich.table import Table as Grid

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Embed texts with OpenRouter, or with a small model on this machine.",
)
app.add_typer(files)
app.command()(contract)
app.command()(serve)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    index: Annotated[str, typer.Option(help="A file written by the command embed.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 5,
    model: Model = None,
    input_type: InputType = None,
    base_url: BaseUrl = None,
    local: Local = False,
    query_prefix: Annotated[
        str | None,
        typer.Option(help="What to put before the query; else what the index says, if it does."),
    ] = None,
) -> int:
    """Search an embedded file by meaning."""
    found = _index.read_index(index)
    made_by = found.metadata.get("model")
    name = model or made_by or chosen_model(None, local=local)
    if made_by == LOCAL_MODEL and not local:
        message = f"index was made by the local model: {index!r}."
        raise ConfigurationError(message, argument="index", hint="Search it with --local.")
    asked = found.metadata.get("asked_dimensions")
    prefix = found.metadata.get("query_prefix") if query_prefix is None else query_prefix
    with connected(local=local, base_url=base_url) as client:
        vector = client.embeddings.generate(
            input=f"{prefix or ''}{query}",
            model=name,
            dimensions=int(asked) if asked else None,
            input_type=input_type,
        ).vectors[0]
    hits = _index.most_similar(found.vectors, vector, k)
    grid = Grid("similarity", "row", "text")
    for row, similarity in hits:
        number, text = found.rows[row] + 1, found.texts[row]
        grid.add_row(f"{similarity:.3f}", str(number), _one_line(text))
    Console(highlight=False, markup=False).print(grid)
    return 0


def _one_line(text: str | None, width: int = 100) -> str:
    line = one_line(text or "")
    return line if len(line) <= width else f"{line[: width - 3]}..."


@app.command()
def models(
    text: Annotated[str | None, typer.Argument(help="Part of a name; all without it.")] = None,
    free: Annotated[bool, typer.Option("--free", help="Only models that cost nothing.")] = False,
    base_url: BaseUrl = None,
    local: Local = False,
) -> int:
    """List the models that serve embeddings, cheapest first."""
    with connected(local=local, base_url=base_url) as client:
        catalog = client.embeddings.list_models()
    found = catalog.filter(text=text, free=True if free else None).by_price()
    grid = Grid("model", "USD per million tokens", "most tokens", "takes")
    for info in found:
        grid.add_row(
            one_line(info.id), _price(info), _length(info), ", ".join(info.input_modalities)
        )
    Console(highlight=False, markup=False).print(grid)
    if catalog.unread:
        say(f"{len(catalog.unread)} entries of the listing could not be read")
    return 0


def _price(info: ModelInfo) -> str:
    price = info.price_per_million
    return "varies" if price is None else f"{price.normalize():f}"


def _length(info: ModelInfo) -> str:
    return f"{info.context_length:,}" if info.context_length else "unknown"


@app.command()
def demo() -> int:
    """Embed the Python language reference on this machine and ask it three questions."""
    from openrouter_embeddings.cli._demo import ask, passages  # noqa: PLC0415 - the one that needs it

    console = Console(highlight=False, markup=False)
    texts = passages()
    console.print(f"Embedding {len(texts)} passages of the Python language reference ...")
    with connected(local=True) as client:
        started = time.perf_counter()
        result = client.embeddings.embed([text for _, text in texts], model=LOCAL_MODEL)
        seconds = time.perf_counter() - started
        answers = ask(client, result.vectors, texts, LOCAL_MODEL)
    for answer in answers:
        grid = Grid("similarity", "topic", "passage", title=answer.question, title_justify="left")
        for hit in answer.hits:
            grid.add_row(f"{hit.similarity:.3f}", hit.topic, _one_line(hit.text, 70))
        console.print(grid)
    rate, usage = len(texts) / seconds, result.usage
    made = f"{len(texts)} vectors of {result.dimensions} numbers"
    console.print(f"{made} in {seconds:.2f} s: {rate:,.0f} a second")
    console.print(f"Tokens: {usage.prompt_tokens:,}. Cost: ${usage.cost:.6f} ({LOCAL_MODEL}).")
    wrong = [answer.question for answer in answers if not answer.is_right]
    for question in wrong:
        console.print(f"The first hit is not what was expected: {question}")
    return 1 if wrong else 0
