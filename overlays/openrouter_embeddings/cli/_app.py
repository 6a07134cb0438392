"""The commands search, models and demo; those about files are in `_job_commands`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from openrouter_embeddings._base.printable import counted, one_line, wrapped
from openrouter_embeddings._version import __version__
from openrouter_embeddings.cli import _index
from openrouter_embeddings.cli._contract import contract
from openrouter_embeddings.cli._files import files
from openrouter_embeddings.cli._options import (
    LOCAL_MODEL,
    BaseUrl,
    InputType,
    Json,
    Local,
    Model,
    chosen_model,
    connected,
    say,
    write_json,
)
from openrouter_embeddings.cli._serve import serve
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from openrouter_embeddings.values import ModelInfo

import typer
from attrs import asdict
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

_LEAST_OF_A_TABLE = 60
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Embed texts with OpenRouter, or with a small model on this machine.",
)
app.add_typer(files)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"openrouter-embeddings {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Say the version, and exit."
        ),
    ] = False,
) -> None:
    """Embed texts with OpenRouter, or with a small model on this machine."""


app.command()(contract)
app.command()(serve)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    index: Annotated[
        list[str], typer.Option(help="A file written by the command embed; several are searched.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 5,
    model: Model = None,
    input_type: InputType = None,
    base_url: BaseUrl = None,
    local: Local = False,
    query_prefix: Annotated[
        str | None,
        typer.Option(help="What to put before the query; else what the index says."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Search embedded files by meaning."""
    found = [_index.open_index(path) for path in index]
    made_by = {one.notes["model"] for one in found if "model" in one.notes}
    asked = {int(one.notes["asked_dimensions"]) for one in found if "asked_dimensions" in one.notes}
    if len(made_by) > 1 or len(asked) > 1:
        message = f"The files of index were made by {', '.join(sorted(made_by))}."
        hint = "Vectors of several models or widths cannot be compared: search them one by one."
        raise ConfigurationError(message, argument="index", hint=hint)
    if LOCAL_MODEL in made_by and not local:
        message = f"index was made by the local model: {index[0]!r}."
        raise ConfigurationError(message, argument="index", hint="Search it with --local.")
    name = model or next(iter(made_by), None) or chosen_model(None, local=local)
    prefix = _known_prefix(found) if query_prefix is None else query_prefix
    with connected(local=local, base_url=base_url) as client:
        vector = client.embeddings.generate(
            input=f"{prefix}{query}",
            model=name,
            dimensions=next(iter(asked), None),
            input_type=input_type or _query_type(found),
        ).vectors[0]
    hits = _index.nearest(found, vector, k)
    if as_json:
        write_json({"model": name, "hits": [asdict(hit) | {"row": hit.row + 1} for hit in hits]})
        return 0
    _show(hits, several=len(found) > 1)
    return 0


def _known_prefix(found: list[_index.Index]) -> str:
    """Read what the files say is put before a query; nothing is guessed from that of their texts.

    Raises:
        ConfigurationError: They say several, or have one before their texts and say none.
    """
    for one in found:
        if one.job.get("prefix") and "query_prefix" not in one.notes:
            message = f"index has {one.job['prefix']!r} before each text, and says none for a query"
            hint = "Say what stands before a query with --query-prefix, '' for nothing."
            raise ConfigurationError(f"{message}: {one.path!r}.", argument="index", hint=hint)
    prefixes = {one.notes.get("query_prefix", "") for one in found}
    if len(prefixes) > 1:
        message = "The files of index name several prefixes of a query."
        hint = "Say which one is meant, with --query-prefix."
        raise ConfigurationError(message, argument="index", hint=hint)
    return prefixes.pop()


def _query_type(found: list[_index.Index]) -> str | None:
    """Ask for a query where the files have documents; models that tell them apart need both."""
    is_documents = all(one.job.get("input_type") == "search_document" for one in found)
    return "search_query" if is_documents else None


def _show(hits: list[_index.Found], *, several: bool) -> None:
    console = Console(highlight=False, markup=False)
    if console.width < _LEAST_OF_A_TABLE:
        typer.echo("\n".join(_in_lines(hit, console.width, several=several) for hit in hits))
        return
    has_ids = any(hit.id is not None for hit in hits)
    columns = ["similarity", *(["index"] if several else []), "row", *(["id"] if has_ids else [])]
    # What is to be copied takes several lines, and is never cut.
    whole = [Column(name, overflow="fold") for name in columns]
    grid = Grid(*whole, "text")
    for hit in hits:
        cells = [f"{hit.similarity:.3f}", *([_one_line(hit.index)] if several else [])]
        cells += [str(hit.row + 1), *([_one_line(str(hit.id), 40)] if has_ids else [])]
        grid.add_row(*cells, _one_line(hit.text))
    console.print(grid)


def _in_lines(hit: _index.Found, columns: int, *, several: bool) -> str:
    """Show a hit where a table would have columns of a few letters."""
    places = [_one_line(hit.index)] if several else []
    places += [f"row {hit.row + 1}", *([_one_line(str(hit.id), 40)] if hit.id is not None else [])]
    head = wrapped(f"{hit.similarity:.3f}  {', '.join(places)}", columns)
    text = wrapped(_one_line(hit.text), columns, "  ")
    return f"{head}\n{text}" if hit.text else head


def _one_line(text: str | None, width: int = 100) -> str:
    line = one_line(text or "")
    return line if len(line) <= width else f"{line[: width - 3]}..."


@app.command()
def models(
    text: Annotated[str | None, typer.Argument(help="Part of a name; all without it.")] = None,
    free: Annotated[bool, typer.Option("--free", help="Only models that cost nothing.")] = False,
    base_url: BaseUrl = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """List the models that serve embeddings, cheapest first."""
    with connected(local=local, base_url=base_url) as client:
        catalog = client.embeddings.list_models()
    found = catalog.filter(text=text, free=True if free else None).by_price()
    if as_json:
        write_json({"models": [_described(info) for info in found]})
        return 0
    # In a narrow window an id takes several lines: one that is cut cannot be copied.
    whole = Column("model", overflow="fold")
    grid = Grid(whole, "USD per million tokens", "most tokens", "takes")
    for info in found:
        grid.add_row(
            one_line(info.id), _price(info), _length(info), ", ".join(info.input_modalities)
        )
    Console(highlight=False, markup=False).print(grid)
    if catalog.unread:
        say(f"{counted(len(catalog.unread), 'entry', 'entries')} of the listing could not be read")
    return 0


def _described(info: ModelInfo) -> dict[str, object]:
    return {
        "id": info.id,
        "name": info.name,
        "price_per_million": info.price_per_million,
        "context_length": info.context_length,
        "input_modalities": info.input_modalities,
    }


def _price(info: ModelInfo) -> str:
    price = info.price_per_million
    return "varies" if price is None else f"{price.normalize():f}"


def _length(info: ModelInfo) -> str:
    return f"{info.context_length:,}" if info.context_length else "unknown"


@app.command()
def demo(as_json: Json = False) -> int:
    """Embed the Python language reference on this machine and ask it three questions."""
    from openrouter_embeddings.cli._demo import ask, passages  # noqa: PLC0415 - the one that needs it

    console = Console(highlight=False, markup=False, quiet=as_json)
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
    if as_json:
        counts = {"model": LOCAL_MODEL, "texts": len(texts), "dimensions": result.dimensions}
        spent = {"seconds": seconds, "tokens": usage.prompt_tokens, "cost": usage.cost}
        found = [asdict(answer) | {"is_right": answer.is_right} for answer in answers]
        write_json({**counts, **spent, "answers": found})
    return 1 if wrong else 0
