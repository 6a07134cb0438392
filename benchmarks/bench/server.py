"""A loopback server with canned answers: one tight event loop, replies serialised beforehand.

It does not decode requests: every text holds one `TEXT`, and so many vectors are in the reply. Its
paths say what it does: ``/d50/e20/api/v1`` waits 50 ms before each reply and refuses every 20th
request with a 429; with ``/w256`` vectors have the first 256 of their numbers alone.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import re
import sys

import numpy as np
from attrs import define, field

WIDTH = 1536
TEXT = b"passage "
MODEL = "bench/embedding"
_DELAY, _EVERY, _WIDE = (re.compile(rb"/%c(\d+)" % letter) for letter in b"dew")
_USAGE = {"prompt_tokens": 8, "total_tokens": 8, "cost": 1e-7}


@functools.cache
def matrix() -> np.ndarray:
    """Make the vectors that every reply begins with, float32 of unit length."""
    rows = np.random.default_rng(0).standard_normal((2048, WIDTH)).astype(np.float32)
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@functools.cache
def body_of(count: int, encoding: str, width: int = WIDTH) -> bytes:
    """Serialise the reply for so many inputs."""
    items = []
    for index in range(count):
        row = matrix()[index % 2048, :width]
        text = base64.b64encode(row.tobytes()).decode()
        numbers = text if encoding == "base64" else [float(str(number)) for number in row]
        items.append({"object": "embedding", "index": index, "embedding": numbers})
    reply = {"object": "list", "data": items, "model": MODEL, "usage": _USAGE, "id": "gen-emb-1"}
    return json.dumps(reply, separators=(",", ":")).encode()


@functools.cache
def reply_of(count: int, encoding: str, width: int = WIDTH) -> bytes:
    """Write the whole reply, head and body."""
    return _reply(b"200 OK", body_of(count, encoding, width))


def _reply(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


TOO_MANY = _reply(
    b"429 Too Many Requests", b'{"error":{"code":429,"message":"slow down"}}', b"retry-after: 0\r\n"
)


@define(eq=False)
class Canned(asyncio.Protocol):
    """One connection."""

    counters: dict[bytes, int]
    _transport: asyncio.Transport | None = field(init=False, default=None)
    _data: bytearray = field(init=False, factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=2**26)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer whole requests."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        while end >= 0:
            head = bytes(self._data[:end]).lower()
            found = re.search(rb"content-length: (\d+)", head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._data) < whole:
                return
            self._answer(head.partition(b"\r\n")[0], bytes(self._data[end + 4 : whole]))
            del self._data[:whole]
            end = self._data.find(b"\r\n\r\n")

    def _answer(self, line: bytes, body: bytes) -> None:
        path = line.split(b" ")[1]
        every, delay, wide = _EVERY.search(path), _DELAY.search(path), _WIDE.search(path)
        self.counters[path] = self.counters.get(path, 0) + 1
        refused = every is not None and self.counters[path] % int(every[1]) == 0
        encoding = "base64" if b"base64" in body else "float"
        width = WIDTH if wide is None else int(wide[1])
        reply = TOO_MANY if refused else reply_of(body.count(TEXT), encoding, width)
        assert self._transport is not None
        if delay is None:
            self._transport.write(reply)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(int(delay[1]) / 1000, self._transport.write, reply)


async def serve(counts: list[int]) -> None:
    """Serialise the replies that will be needed, and serve for ever."""
    for count in counts:
        for encoding in ("base64", "float"):
            reply_of(count, encoding)
    counters: dict[bytes, int] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(counters), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve([int(word) for word in sys.argv[1:]]))
