"""An ASGI application behind a socket: in a thread, or until Ctrl-C; needs uvicorn."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.environment import is_host_name
from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

_GRACE_SECONDS = 2
_IDLE_SECONDS = 75  # nginx's; clients keep connections for less, and then none is closed under them
_BACKLOG = 2048


class Uvicorn(uvicorn.Server):
    """A server that says when it has begun."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            # Whoever waits must learn of an end before the beginning, too.
            self.begun.set()


class Background:
    """An application that is served in a thread of its own."""

    def __init__(self, app: Callable[..., Any], listener: socket.socket, name: str) -> None:
        """Begin to serve; return when requests are answered.

        Args:
            app: The ASGI application.
            listener: The socket that it is served on, from `listen`.
            name: What the thread is called.

        Raises:
            RuntimeError: It ended before it began.
        """
        self._server = Uvicorn(_config(app, _GRACE_SECONDS))
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name=name, daemon=True
        )
        self._thread.start()
        self._server.begun.wait()
        if not self._server.started:
            listener.close()
            self.stop()
            raise RuntimeError("The server ended before it began; its thread reported why.")

    def stop(self) -> None:
        """Stop and wait for the end; requests in progress get two seconds."""
        self._server.should_exit = True
        self._thread.join()


def serve_until_interrupted(
    app: Callable[..., Any], listener: socket.socket, grace: int = _GRACE_SECONDS
) -> None:
    """Serve until Ctrl-C or SIGTERM; nothing new is taken then.

    Args:
        app: The ASGI application.
        listener: The socket that it is served on, from `listen`.
        grace: Seconds that requests in progress get for their end.
    """
    server = uvicorn.Server(_config(app, grace))
    # After its orderly end uvicorn repeats the signal that it got.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Open a socket to serve on; port 0 takes a free one.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    host = arguments.text("host", host)
    if not (":" in host or is_host_name(host)):
        raise arguments.bad_value("host", "is no name or address of a host", host)
    port = arguments.whole_number("port", port, least=0, most=65_535)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        message = f"Cannot listen on {one_line(host)} port {port}: {one_line(str(exc))}."
        raise ConfigurationError(message, argument="port", hint="Choose another port.") from exc
    # asyncio leaves Nagle's algorithm on for such a socket, which costs 40 ms a request.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Write where a socket listens as a URL without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _config(app: Callable[..., Any], grace: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="auto",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=_IDLE_SECONDS,
    )
