"""The command contract: check a server, any that speaks the two endpoints."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openrouter_embeddings.cli._options import Local, Model, chosen_model
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

BREAKS = 1
_MOST_INPUTS, _MOST_BYTES = 100, 100_000


def contract(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The base URL, https://host/api/v1 say.")
    ] = None,
    model: Model = None,
    api_key_env: Annotated[
        str, typer.Option(help="The environment variable that holds the key.")
    ] = "OPENROUTER_API_KEY",
    max_requests: Annotated[int, typer.Option(min=1, help="The most requests to make.")] = 200,
    max_cost: Annotated[float, typer.Option(min=0, help="The most to spend, in USD.")] = 0.05,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one request.")] = 30.0,
    junit: Annotated[str | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    local: Local = False,
) -> int:
    """Check a server against the contract: 0 it holds, 1 it does not."""
    from openrouter_embeddings.contract import check_server  # noqa: PLC0415 - needs the extra

    with _server(url, api_key_env, local=local) as (base_url, api_key):
        name = chosen_model(model, local=local)
        typer.echo(f"At most {max_requests} requests and {max_cost:g} USD.")
        report = check_server(
            base_url,
            api_key,
            model=name,
            max_requests=max_requests,
            max_cost=max_cost,
            timeout=timeout,
            max_inputs=_MOST_INPUTS if local else None,
            max_body_bytes=_MOST_BYTES if local else None,
        )
    typer.echo(report.to_text())
    if junit is not None:
        Path(junit).write_text(report.to_junit(), encoding="utf-8")
    return 0 if report.holds else BREAKS


@contextmanager
def _server(url: str | None, variable: str, *, local: bool) -> Iterator[tuple[str, str | None]]:
    if local:
        from openrouter_embeddings.local import LocalServer  # noqa: PLC0415 - needs the extra

        with LocalServer(max_inputs=_MOST_INPUTS, max_body_bytes=_MOST_BYTES) as server:
            yield server.base_url, server.api_key
        return
    if url is None:
        message = "URL is missing."
        hint = "Name a server, or add --local for the one on this machine."
        raise ConfigurationError(message, argument="URL", hint=hint)
    yield url, os.environ.get(variable) or None
