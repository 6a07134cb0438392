"""The socket server below the test kit: reads requests, and sends answers in the wanted manner."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.testing._answers import Answer

_MOST_DRIPPED = 100_000


class Owner(Protocol):
    """What decides the answers."""

    stopping: threading.Event

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Decide what to answer to a request."""
        ...


class LoopbackServer(ThreadingHTTPServer):
    """Accepts connections and remembers them, so that all can be closed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's signature
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: clients hang up in the middle all the time here."""


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and sends answers, in the manner that a fault wants."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride]  # made by it alone

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.owner.answer(self.command, self.path, headers, raw)
        getattr(self, f"_send_{answer.manner}")(answer)

    def _head(self, answer: Answer) -> bytes:
        lines = [
            f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('Status',))[0]}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send_whole(self, answer: Answer) -> None:
        self.connection.sendall(self._head(answer) + answer.body)

    def _send_truncate(self, answer: Answer) -> None:
        self.connection.sendall(self._head(answer) + answer.body[: len(answer.body) // 2])
        self.close_connection = True

    def _send_reset_before(self, _answer: Answer) -> None:
        self._reset()

    def _send_reset_in(self, answer: Answer) -> None:
        self.connection.sendall(self._head(answer) + answer.body[: len(answer.body) // 2])
        # The client must have read what came: a reset throws unread bytes away.
        self.server.owner.stopping.wait(0.02)
        self._reset()

    def _reset(self) -> None:
        """Close so that the peer sees a reset: linger on, for zero seconds."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _send_drip(self, answer: Answer) -> None:
        self.connection.sendall(self._head(answer))
        self._dripped(answer.body, answer.interval)

    def _send_drip_headers(self, answer: Answer) -> None:
        self._dripped(self._head(answer), answer.interval)
        self.close_connection = True

    def _dripped(self, data: bytes, interval: float) -> None:
        for byte in data[:_MOST_DRIPPED]:
            self.connection.sendall(bytes((byte,)))
            if self.server.owner.stopping.wait(interval):
                break
        self.close_connection = True

    def _send_silence(self, answer: Answer) -> None:
        self.server.owner.stopping.wait(answer.interval)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature
        """Write no log."""
