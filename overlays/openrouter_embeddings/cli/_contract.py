"""The command contract: check a server, any that speaks the two endpoints."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.cli._options import Local, Model, chosen_model
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

BREAKS, NOT_CHECKED = 1, 2
ProfileName = Literal["openrouter", "openai-compatible"]


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
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file.")
    ] = None,
    profile: Annotated[
        ProfileName, typer.Option(help="What the server has to do: openai-compatible is less.")
    ] = "openrouter",
    baseline: Annotated[
        str | None, typer.Option(help="A JSON report whose faults are known, and do not count.")
    ] = None,
    max_inputs: Annotated[
        int | None, typer.Option(min=1, help="The most inputs that the server takes.")
    ] = None,
    max_body: Annotated[
        int | None, typer.Option(min=1, help="The largest body that it takes, in bytes.")
    ] = None,
    local: Local = False,
) -> int:
    """Check a server against the contract: 0 it holds, 1 it does not, 2 nothing was checked."""
    from openrouter_embeddings.contract import check_server  # noqa: PLC0415 - needs the extra

    known = _known(baseline)
    with _server(url, api_key_env, local=local) as (base_url, api_key):
        name = chosen_model(model, local=local)
        typer.echo(f"At most {counted(max_requests, 'request')} and {max_cost:g} USD.")
        report = check_server(
            base_url,
            api_key,
            model=name,
            max_requests=max_requests,
            max_cost=max_cost,
            timeout=timeout,
            profile=profile,
            known=known,
            **_bounds(max_inputs, max_body, local=local),
        )
    typer.echo(report.to_text())
    for file, text in ((junit, report.to_junit()), (json_file, report.to_json())):
        if file is not None:
            Path(file).write_text(text, encoding="utf-8")
    if report.closed is not None:
        return NOT_CHECKED
    return 0 if report.holds else BREAKS


def _known(baseline: str | None) -> frozenset[tuple[str, str]]:
    from openrouter_embeddings.contract import known_faults  # noqa: PLC0415 - needs the extra

    if baseline is None:
        return frozenset()
    try:
        text = Path(baseline).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as exc:
        message = f"baseline: {baseline} cannot be read: {exc}"
        raise ConfigurationError(message, argument="baseline") from exc
    return known_faults(text)


def _bounds(max_inputs: int | None, max_body: int | None, *, local: bool) -> dict[str, int | None]:
    """Know the bounds of the server on this machine, which are those of `serve`."""
    if local:
        from openrouter_embeddings.local import MAX_BODY_BYTES, MAX_INPUTS  # noqa: PLC0415

        max_inputs, max_body = max_inputs or MAX_INPUTS, max_body or MAX_BODY_BYTES
    return {"max_inputs": max_inputs, "max_body_bytes": max_body}


@contextmanager
def _server(url: str | None, variable: str, *, local: bool) -> Iterator[tuple[str, str | None]]:
    if local:
        from openrouter_embeddings.local import LocalServer  # noqa: PLC0415 - needs the extra

        with LocalServer() as server:
            yield server.base_url, server.api_key
        return
    if url is None:
        message = "URL is missing."
        hint = "Name a server, or add --local for the one on this machine."
        raise ConfigurationError(message, argument="URL", hint=hint)
    yield url, os.environ.get(variable) or None
