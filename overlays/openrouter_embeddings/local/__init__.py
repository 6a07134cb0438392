"""A small model on this machine behind both endpoints: no key, no cost, no network.

    from openrouter_embeddings import OpenRouter
    from openrouter_embeddings.local import LocalServer

    with LocalServer() as server, OpenRouter(server.api_key, base_url=server.base_url) as client:
        response = client.embeddings.generate(input="a red fox", model="local/wordllama-256")

The server keeps to the contract: what the service refuses, it refuses, with the same status and
envelope. Any key will do, but there must be one. The extra `local` brings what it needs; on
Python 3.14 and later its model has no wheels yet.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Self, cast

from openrouter_embeddings._base.extras import require
from openrouter_embeddings._base.sources import name_url
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.local._app import (
    BASE_PATH,
    MAX_BODY_BYTES,
    MAX_INPUTS,
    Stats,
    create_app,
)
from openrouter_embeddings.local._model import CONTEXT_LENGTH, DIMENSIONS, LocalModel
from openrouter_embeddings.local._request import MODEL_ID, PROVIDER

require("uvicorn", extra="local")

from openrouter_embeddings._base.serving import (  # noqa: E402 - after the check that names the extra
    Background,
    listen,
    serve_until_interrupted,
    url_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CONTEXT_LENGTH",
    "DIMENSIONS",
    "MAX_BODY_BYTES",
    "MAX_INPUTS",
    "MODEL_ID",
    "PROVIDER",
    "SOURCE",
    "LocalModel",
    "LocalServer",
    "Stats",
    "create_app",
    "serve",
]

SOURCE = "openrouter-embeddings local server"
"""What vectors of this server come from in the keys of a cache, whatever its port."""


class LocalServer:
    """The local server in a thread of its own, for the time of a `with` or `async with` block.

    Attributes:
        api_key: A key that it takes; it takes any.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_inputs: int = MAX_INPUTS,
    ) -> None:
        """Set up a server; it starts with the block.

        Args:
            host: The address to listen on.
            port: The port; 0 takes a free one.
            max_body_bytes: The largest body of a request; a larger one is refused with 413.
            max_inputs: The most inputs of a request; more are refused with 422.
        """
        self.api_key = "local"
        self._host = host
        self._port = port
        self._limits = (max_body_bytes, max_inputs)
        self._stats = Stats()
        self._address: str | None = None
        self._server: Background | None = None

    @property
    def base_url(self) -> str:
        """The URL to give to a client.

        Raises:
            ConfigurationError: The server does not run.
        """
        if self._address is None:
            raise ConfigurationError("The server does not run.", hint="Use it in a with block.")
        return self._address

    @property
    def inputs_embedded(self) -> int:
        """Inputs for which vectors were sent since the start."""
        return self._stats.inputs_embedded

    @property
    def requests_served(self) -> int:
        """Requests for embeddings that were answered with vectors since the start."""
        return self._stats.requests_served

    def start(self) -> Self:
        """Load the model and start; return when requests are answered.

        Raises:
            ConfigurationError: It runs already, or the address cannot be used.
            MissingExtraError: The extra `local` is not installed, or has no model for this Python
                (3.14 and later).
        """
        if self._server is not None:
            raise ConfigurationError("The server runs already.")
        max_body_bytes, max_inputs = self._limits
        app = create_app(max_body_bytes=max_body_bytes, max_inputs=max_inputs)
        listener = listen(self._host, self._port)
        self._stats = cast("Stats", app.state.stats)
        self._address = f"{url_of(listener)}{BASE_PATH}"
        name_url(self._address, SOURCE)
        try:
            self._server = Background(app, listener, "local-embeddings")
        except RuntimeError:
            self._forget_address()
            raise
        return self

    def stop(self) -> None:
        """Stop and wait for the end; requests in progress get two seconds. Harmless if repeated."""
        if self._server is None:
            return
        self._server.stop()
        self._forget_address()
        self._server = None

    def _forget_address(self) -> None:
        if self._address is not None:
            name_url(self._address, None)
        self._address = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start, while the event loop goes on."""
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        """Stop, while the event loop goes on."""
        await asyncio.to_thread(self.stop)


def serve(
    host: str = "127.0.0.1", port: int = 8080, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until Ctrl-C, and say on standard error where.

    Args:
        host: The address to listen on. Others than loopback let everyone in who can reach it.
        port: The port; 0 takes a free one.
        on_ready: Is told the base URL, in the place of what is said on standard error.

    Raises:
        ConfigurationError: The address cannot be used.
        MissingExtraError: The extra `local` is not installed, or has no model for this Python
            (3.14 and later).
    """
    app = create_app()
    listener = listen(host, port)
    where = f"{url_of(listener)}{BASE_PATH}"
    if on_ready is None:
        sys.stderr.write(f"Serving {MODEL_ID} on {where} (any key will do; Ctrl-C ends it)\n")
    else:
        on_ready(where)
    serve_until_interrupted(app, listener)
