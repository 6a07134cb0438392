"""The commands about a cache of vectors: info and clear."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from attrs import asdict

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.cli._options import Json, write_json
from openrouter_embeddings.errors import ConfigurationError

cached = typer.Typer(no_args_is_help=True, help="Look into a cache of vectors, or empty it.")

CacheFolder = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of the cache.")]


@cached.command("info")
def cache_info(path: CacheFolder, as_json: Json = False) -> int:
    """Say how many vectors a cache holds, by model."""
    with _existing(path) as cache:
        info = cache.info()
    if as_json:
        write_json(asdict(info))
        return 0
    typer.echo(f"{counted(info.vectors, 'vector')}, {info.bytes / 2**20:,.1f} MiB: {info.path}")
    for model, count in sorted(info.models.items()):
        typer.echo(f"{count:>12,}  {model}")
    return 0


@cached.command("clear")
def cache_clear(
    path: CacheFolder,
    model: Annotated[str | None, typer.Option(help="This model's alone; all without it.")] = None,
    as_json: Json = False,
) -> int:
    """Delete vectors from a cache."""
    with _existing(path) as cache:
        gone = cache.clear(model)
    if as_json:
        write_json({"path": path, "deleted": gone})
        return 0
    typer.echo(f"{counted(gone, 'vector')} deleted")
    return 0


def _existing(path: str) -> EmbeddingCache:
    """Open a cache, but do not make a new one of a misspelt name."""
    given = Path(path)
    if not given.exists() or (given.is_dir() and not any(given.iterdir())):
        message = f"There is no cache at {path!r}."
        raise ConfigurationError(message, argument="FOLDER", hint="Check the path.")
    return EmbeddingCache(path)
