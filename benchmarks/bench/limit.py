"""The limit: bare sockets, the fastest JSON parser, SIMD base64 into a matrix made beforehand.

Nothing is checked, retried or secured; no client that does these things can be faster.
"""

from __future__ import annotations

import json
import selectors
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pybase64
from attrs import define, field

from bench.server import MODEL, WIDTH, matrix
from openrouter_embeddings._base.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Texts = Sequence[str]
    Call = Callable[[Texts], np.ndarray]

_LARGE, _SMALL = 32 * 2**20, 2 * 2**20
_MANY, _FEW = 2048, 100
_HEAD_BYTES = 4096


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@define(eq=False)
class Connection:
    """One connection, with one buffer that every reply is read into."""

    url: str
    most_bytes: int
    buffer: bytearray = field(init=False)
    socket: socket.socket = field(init=False)
    into: np.ndarray = field(init=False, factory=lambda: np.empty(0))
    _view: memoryview = field(init=False)
    _size: int = field(init=False, default=0)
    _start: int = field(init=False, default=0)
    _end: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """Connect."""
        self.socket = _connected(self.url)
        self.buffer = bytearray(self.most_bytes)
        self._view = memoryview(self.buffer)

    def send(self, texts: Texts, into: np.ndarray) -> None:
        """Ask for the vectors of the texts, for these rows."""
        self.into, self._size, self._end = into, 0, 0
        body = json.dumps({"input": list(texts), "model": MODEL, "encoding_format": "base64"})
        path = urlsplit(self.url).path
        head = f"POST {path}/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}"
        self.socket.sendall(f"{head}\r\n\r\n{body}".encode())

    def read(self) -> bool:
        """Read what has come, and say whether the reply is complete."""
        self._size += self.socket.recv_into(self._view[self._size :])
        if not self._end:
            head = self.buffer.find(b"\r\n\r\n", 0, min(self._size, _HEAD_BYTES))
            if head < 0:
                return False
            length = self.buffer.find(b"content-length: ", 0, head) + 16
            self._start = head + 4
            self._end = self._start + int(self.buffer[length : self.buffer.find(b"\r", length)])
        return self._size >= self._end

    def body(self) -> bytes:
        """Copy the body of the reply, so that the buffer can take the next one."""
        return self._view[self._start : self._end].tobytes()


def decode(body: bytes, into: np.ndarray) -> None:
    """Write the vectors of a reply into their rows."""
    for row, item in enumerate(msgspec.json.decode(body)["data"]):
        raw = pybase64.b64decode(item["embedding"], validate=True)
        into[row] = np.frombuffer(raw, "<f4")


def limit(url: str, in_flight: int) -> dict[str, Call]:
    """Make the three ways of the fastest client there can be."""
    keep_freed_memory()
    first = Connection(url, _LARGE)

    def part(texts: Texts, into: np.ndarray) -> None:
        first.send(texts, into)
        while not first.read():
            pass
        decode(first.body(), into)

    def one(texts: Texts) -> np.ndarray:
        matrix = np.empty((len(texts), WIDTH), np.float32)
        part(texts, matrix)
        return matrix

    def many(texts: Texts) -> np.ndarray:
        matrix = np.empty((len(texts), WIDTH), np.float32)
        for start in range(0, len(texts), _MANY):
            part(texts[start : start + _MANY], matrix[start : start + _MANY])
        return matrix

    def parallel(texts: Texts) -> np.ndarray:
        matrix = np.empty((len(texts), WIDTH), np.float32)
        starts = iter(range(0, len(texts), _FEW))
        with selectors.DefaultSelector() as waiting:

            def begin(connection: Connection) -> None:
                start = next(starts, None)
                if start is None:
                    waiting.unregister(connection.socket)
                else:
                    rows = matrix[start : start + _FEW]
                    connection.send(texts[start : start + _FEW], rows)

            for _ in range(in_flight):
                connection = Connection(url, _SMALL)
                waiting.register(connection.socket, selectors.EVENT_READ, connection)
                begin(connection)
            while waiting.get_map():
                for key, _ in waiting.select():
                    if key.data.read():
                        body, into = key.data.body(), key.data.into
                        begin(key.data)
                        decode(body, into)
        return matrix

    return {"one": one, "many": many, "parallel": parallel}


def unread(url: str, _in_flight: int) -> dict[str, Call]:
    """Receive replies and look at none of them: what the server and the system alone cost."""
    connection = Connection(url, _LARGE)

    def one(texts: Texts) -> np.ndarray:
        connection.send(texts, np.empty(0))
        while not connection.read():
            pass
        return matrix()[: len(texts)]

    return {"one": one}
