"""Options of the command line about each request: routing, who it is for, and its times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from openrouter_embeddings import RetryConfig
from openrouter_embeddings.errors import ConfigurationError

Provider = Annotated[
    str | None,
    typer.Option(metavar="JSON|@FILE", help="Routing preferences, as JSON or in a file."),
]
Zdr = Annotated[bool, typer.Option("--zdr", help="Only providers that keep nothing.")]
Deny = Annotated[
    bool,
    typer.Option("--deny-data-collection", help="No providers that store what they are sent."),
]
Only = Annotated[str | None, typer.Option(help="The only providers, with commas between them.")]
Order = Annotated[str | None, typer.Option(help="Providers to try first, in this order.")]
User = Annotated[str | None, typer.Option(help="Who the requests are for, a stable id.")]
SessionId = Annotated[str | None, typer.Option(help="Groups requests in the service's logs.")]
ExtraBody = Annotated[
    str | None,
    typer.Option(metavar="JSON|@FILE", help="More fields for each body, as JSON or in a file."),
]
Timeout = Annotated[
    float | None, typer.Option(help="Seconds for one attempt, its body included; 60 without it.")
]
Deadline = Annotated[
    float | None, typer.Option(help="Seconds for a request with its retries; 600 without it.")
]
Retries = Annotated[
    int | None, typer.Option(min=0, help="How often a failed request is sent again.")
]


def preferences(
    provider: str | None,
    *,
    zdr: bool = False,
    deny: bool = False,
    only: str | None = None,
    order: str | None = None,
) -> dict[str, object] | None:
    """Join what was said of providers; the short options have the last word.

    Raises:
        ConfigurationError: The JSON cannot be read, or is no object.
    """
    found = json_object("provider", provider) or {}
    found |= {"zdr": True} if zdr else {}
    found |= {"data_collection": "deny"} if deny else {}
    found |= {"only": names_in(only)} if only is not None else {}
    found |= {"order": names_in(order)} if order is not None else {}
    return found or None


def names_in(text: str) -> list[str]:
    """Split names at their commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def json_object(option: str, given: str | None) -> dict[str, object] | None:
    """Read a JSON object from an option, or from the file that it names after an ``@``.

    Raises:
        ConfigurationError: It cannot be read, or is none.
    """
    if given is None:
        return None
    try:
        text = Path(given[1:]).read_text("utf-8-sig") if given.startswith("@") else given
        value = json.loads(text)
    except (OSError, ValueError, RecursionError) as exc:
        message = f"{option} cannot be read: {exc}."
        hint = "Give a JSON object, '{\"zdr\": true}' say, or @ and the name of a file with one."
        raise ConfigurationError(message, argument=option, hint=hint) from exc
    if not isinstance(value, dict):
        message = f"{option} must be a JSON object, {{...}}, not {given[:40]!r}."
        raise ConfigurationError(message, argument=option)
    return value


def times(timeout: float | None, deadline: float | None, retries: int | None) -> dict[str, Any]:
    """Give what was said of times and retries; what was not stays the client's."""
    policy = None if retries is None else RetryConfig(attempts=retries + 1)
    given = {"timeout": timeout, "deadline": deadline, "retries": policy}
    return {name: value for name, value in given.items() if value is not None}
