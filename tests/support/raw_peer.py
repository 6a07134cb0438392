"""A raw HTTP/1.1 peer on loopback: a function decides each answer byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

PEM = Path(__file__).parent / "loopback.pem"
"""A key and a certificate for localhost and 127.0.0.1, signed by itself."""

HANG_UP = b""
"""The answer that is none: the connection is closed."""


class Last(bytes):
    """An answer after which the connection is closed."""


def reply(body: bytes, *headers: bytes, length: bool = True) -> bytes:
    """Write a whole reply."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def number_of(text: str) -> float:
    """Compute the number whose vector a text gets."""
    return float(sum(text.encode()) + len(text))


def vectors(request: bytes) -> bytes:
    """Answer a request with the vectors of its inputs."""
    inputs = json.loads(request.partition(b"\r\n\r\n")[2])["input"]
    texts = [inputs] if isinstance(inputs, str) else inputs
    data = [
        {"index": index, "embedding": [1.0, number_of(text)]} for index, text in enumerate(texts)
    ]
    return reply(json.dumps({"data": data, "model": "m"}).encode())


def right(matrix: np.ndarray, *texts: str) -> bool:
    """Say whether vectors are those of some texts."""
    return matrix.tolist() == [[1.0, number_of(text)] for text in texts]


class RawPeer:
    """Accepts connections; `answer(count, request)` returns the bytes of each answer.

    `count` is how many requests came on this connection, itself included.
    """

    def __init__(
        self, answer: Callable[[int, bytes], bytes], *, tls: bool = False, after: bytes = b""
    ) -> None:
        self._answer = answer
        self._after = after
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(PEM)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self.base_url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/v1"
        self.connections = 0
        self.requests = 0
        self.hung_up = threading.Event()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # To close alone would leave the thread waiting: it wakes by the shutdown.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            if self._context is not None:
                self._open.discard(connection)
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            self._talk(connection)
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            connection.close()
            self.hung_up.set()

    def _talk(self, connection: socket.socket) -> None:
        connection.sendall(self._after)
        count = 0
        while request := _request(connection):
            count += 1
            self.requests += 1
            if not (answer := self._answer(count, request)):
                return
            connection.sendall(answer)
            if isinstance(answer, Last):
                return


def _request(connection: socket.socket) -> bytes:
    came = b""
    while (end := came.find(b"\r\n\r\n")) < 0 or len(came) < end + 4 + _length(came[:end]):
        data = connection.recv(65536)
        if not data:
            return b""
        came += data
    return came


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
