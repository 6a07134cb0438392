"""A verifying proxy: any client that takes a base URL gets verified vectors through it.

    from openrouter_embeddings.proxy import ProxyOptions, ProxyServer

    with ProxyServer(ProxyOptions(cache="vectors.cache")) as proxy:
        client = openai.OpenAI(api_key=..., base_url=proxy.base_url)

Vectors are checked, failures repeated, the pace kept to, money bounded, and what was paid for is
kept, as the clients of this package do it. The key of each caller goes on to the service; or the
proxy has one of its own, and callers show tokens. The extra `proxy` brings what it needs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Self

from openrouter_embeddings._base.extras import require
from openrouter_embeddings.errors import ConfigurationError

for _package in ("starlette", "uvicorn"):
    require(_package, extra="proxy")

from openrouter_embeddings._base.serving import (  # noqa: E402 - after the check that names the extra
    Background,
    listen,
    serve_until_interrupted,
    url_of,
)
from openrouter_embeddings.proxy._app import BASE_PATH, create_app  # noqa: E402
from openrouter_embeddings.proxy._options import ProxyOptions  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_embeddings.proxy._service import Service

_DRAIN_SECONDS = 25  # Kubernetes kills 30 seconds after its SIGTERM, and closing takes some too

__all__ = ["ProxyOptions", "ProxyServer", "create_app", "serve"]


class ProxyServer:
    """The proxy in a thread of its own, for the time of a `with` or `async with` block."""

    def __init__(
        self,
        options: ProxyOptions | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up a proxy; it starts with the block.

        Args:
            options: How it is set up; None for the service, and the keys of its callers.
            host: The address to listen on.
            port: The port; 0 takes a free one.
            clock: Returns seconds of a steady clock, which the windows go by in which requests are
                joined.
        """
        self._options = options or ProxyOptions()
        self._place = host, port
        self._clock = clock
        self._address: str | None = None
        self._service: Service | None = None
        self._server: Background | None = None

    @property
    def base_url(self) -> str:
        """The URL to give to a client.

        Raises:
            ConfigurationError: The proxy does not run.
        """
        return f"{self.root_url}{BASE_PATH}"

    @property
    def root_url(self) -> str:
        """Where ``/healthz`` and ``/metrics`` are.

        Raises:
            ConfigurationError: The proxy does not run.
        """
        if self._address is None:
            raise ConfigurationError("The proxy does not run.", hint="Use it in a with block.")
        return self._address

    @property
    def waiting(self) -> int:
        """How many requests wait for others to travel with."""
        return 0 if self._service is None else self._service.coalescer.waiting

    def start(self) -> Self:
        """Start; return when requests are answered.

        Raises:
            ConfigurationError: It runs already, or an option or the address cannot be used.
        """
        if self._server is not None:
            raise ConfigurationError("The proxy runs already.")
        app = create_app(self._options, clock=self._clock)
        listener = listen(*self._place)
        address = url_of(listener)
        self._service = app.state.service
        self._server = Background(app, listener, "embeddings-proxy")
        self._address = address
        return self

    def stop(self) -> None:
        """Stop and wait for the end; harmless if repeated."""
        if self._server is not None:
            self._server.stop()
        self._server = self._address = None

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
    options: ProxyOptions,
    host: str = "127.0.0.1",
    port: int = 8080,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, and say on standard error where.

    Nothing new is taken then, and what is under way gets 25 seconds for its end.

    Args:
        options: How the proxy is set up.
        host: The address to listen on. Others than loopback let everyone in who can reach it.
        port: The port; 0 takes a free one.
        on_ready: Is told the base URL, in the place of what is said on standard error.

    Raises:
        ConfigurationError: An option or the address cannot be used.
    """
    app = create_app(options)
    listener = listen(host, port)
    service = app.state.service
    whose = "callers' keys go on" if options.api_key is None else "callers need a token"
    where = f"{url_of(listener)}{BASE_PATH}"
    if on_ready is None:
        proxied = f"Proxy of {service.options.upstream} on {where}"
        sys.stderr.write(f"{proxied} ({whose}; Ctrl-C ends it)\n")
    else:
        on_ready(where)
    serve_until_interrupted(app, listener, _DRAIN_SECONDS)
