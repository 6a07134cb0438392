"""What the commands share: options, the connection, and what is said beside the output."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from openrouter_embeddings import OpenRouter
from openrouter_embeddings._base.asides import fit_to_terminal
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


LOCAL_MODEL = "local/wordllama-256"

Local = Annotated[
    bool, typer.Option("--local", help="Use a small model on this machine; no key, no network.")
]
Model = Annotated[str | None, typer.Option(help="The model's id; see the command models.")]
Dimensions = Annotated[int | None, typer.Option(help="The width of the vectors.")]
BaseUrl = Annotated[
    str | None, typer.Option(help="Where requests go; OPENROUTER_BASE_URL without it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no tables.")]
Prefix = Annotated[
    str | None, typer.Option(help="What to put before each text, as it stands: 'query: ' say.")
]
InputType = Annotated[str | None, typer.Option(help="What the texts are for, if the model asks.")]


@contextmanager
def connected(*, local: bool, base_url: str | None = None) -> Iterator[OpenRouter]:
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
    with OpenRouter(base_url=base_url) as client:
        yield client


def chosen_model(model: str | None, *, local: bool) -> str:
    if model is not None:
        return model
    if local:
        return LOCAL_MODEL
    message = "model is missing."
    hint = "Name one with --model; the command models lists them."
    raise ConfigurationError(message, argument="model", hint=hint)


def say(line: str) -> None:
    """Say something beside the output; on one line in a pipe, even where it is long."""
    sys.stderr.write(f"{fit_to_terminal(line)}\n")


def write_json(value: Mapping[str, object]) -> None:
    """Print one object; what JSON has no numbers for is text, and unknown is null."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))
