"""The command serve: the local model behind both endpoints, or a verifying proxy of a service."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, Any

import typer

from openrouter_embeddings.cli._options import Json, write_json
from openrouter_embeddings.errors import ConfigurationError

_PROXY = "With --upstream: "


def serve(
    url: Annotated[
        str | None,
        typer.Argument(
            help="With --upstream: the base URL of the service; OPENROUTER_BASE_URL, or "
            "OpenRouter, without it."
        ),
    ] = None,
    upstream: Annotated[
        bool,
        typer.Option("--upstream", help="Be a verifying proxy of a service, not a local model."),
    ] = False,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
    key_env: Annotated[
        str | None,
        typer.Option(
            help=f"{_PROXY}the variable that has the key to ask with; callers need a token then."
        ),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(help=f"{_PROXY}the variable that has the tokens, with blanks between them."),
    ] = None,
    cache: Annotated[
        str | None, typer.Option(help=f"{_PROXY}the folder that keeps what was paid for.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help=f"{_PROXY}the most to spend with each key, in USD.")
    ] = None,
    requests_per_minute: Annotated[
        float | None,
        typer.Option(help=f"{_PROXY}the most requests to the service in a minute with each key."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help=f"{_PROXY}a host name by which callers know it; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Serve a small model behind both endpoints, or be a verifying proxy of a service."""
    ready: dict[str, Any] = {"on_ready": _write_url} if as_json else {}
    if not upstream:
        given: dict[str, object] = {
            "URL": url,
            "--key-env": key_env,
            "--token-env": token_env,
            "--cache": cache,
        }
        given |= {"--max-cost": max_cost, "--requests-per-minute": requests_per_minute}
        _refuse_without_upstream({**given, "--name": name or None})
        from openrouter_embeddings.local import serve as run_server  # noqa: PLC0415 - needs the extra

        run_server(host=host, port=port, **ready)
        return 0
    from openrouter_embeddings import proxy  # noqa: PLC0415 - needs the extra

    tokens = _from_environment("token_env", token_env)
    options = proxy.ProxyOptions(
        upstream=url,
        api_key=_from_environment("key_env", key_env),
        tokens=re.split(r"[\s,]+", tokens) if tokens else (),
        cache=cache,
        max_cost=max_cost,
        requests_per_minute=requests_per_minute,
        hosts=name or (),
    )
    proxy.serve(options, host, port, **ready)
    return 0


def _write_url(url: str) -> None:
    """Say where it can be asked, once it can be; whoever began it may read that in a pipe."""
    write_json({"base_url": url})
    sys.stdout.flush()


def _refuse_without_upstream(given: dict[str, object]) -> None:
    for option, value in given.items():
        if value is not None:
            message = f"{option} is for a proxy."
            raise ConfigurationError(message, argument=option, hint="Add --upstream.")


def _from_environment(argument: str, variable: str | None) -> str | None:
    """Take a secret from the environment: whoever looks at the processes reads a command line."""
    if variable is None:
        return None
    value = os.environ.get(variable, "").strip()
    if not value:
        message = f"{argument} names the variable {variable!r}, which is not set."
        raise ConfigurationError(message, argument=argument)
    return value
