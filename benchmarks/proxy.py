"""Measure what the proxy adds: CPU and latency of 10,000 requests at 16 in flight.

    python benchmarks/proxy.py [REQUESTS]

The upstream is a loop that reads a request and writes one canned reply of 1,536 numbers in base64,
in a process of its own; so is the proxy. Callers are bare sockets in a third process. Each row is
one way: directly, through the proxy without a window, and with its window of 5 ms.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from openrouter_embeddings.proxy import ProxyOptions, ProxyServer

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

IN_FLIGHT = 16
WIDTH = 1_536


def _vector(seed: int) -> str:
    numbers = np.random.default_rng(seed).standard_normal(WIDTH).astype("<f4")
    return base64.b64encode(numbers.tobytes()).decode()


_VECTORS = [_vector(seed) for seed in range(64)]


def _reply(inputs: int) -> bytes:
    data = [
        {"object": "embedding", "embedding": _VECTORS[at % 64], "index": at} for at in range(inputs)
    ]
    usage = {"prompt_tokens": 4 * inputs, "total_tokens": 4 * inputs, "cost": 1e-7 * inputs}
    body = json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            texts = json.loads(await reader.readexactly(size))["input"]
            writer.write(_reply(1 if isinstance(texts, str) else len(texts)))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _upstream(pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())


def _proxy(pipe: Connection, url: str, window: float) -> None:
    with ProxyServer(ProxyOptions(upstream=url, window=window)) as proxy:
        pipe.send(int(proxy.root_url.rpartition(":")[2]))
        while pipe.recv() == "cpu":
            pipe.send(time.process_time())


async def _ask(port: int, path: str, left: list[int], seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while left:
        number = left.pop()
        body = json.dumps({"input": f"text {number}", "model": "m", "encoding_format": "base64"})
        head = (
            f"POST {path}/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Authorization: Bearer sk-or-a-key\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        writer.write((head + body).encode())
        reply = await reader.readuntil(b"\r\n\r\n")
        if not reply.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(reply.decode())
        size = int(reply.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        seconds.append(time.perf_counter() - begun)
    writer.close()


async def _load(port: int, path: str, requests: int) -> tuple[float, list[float]]:
    seconds: list[float] = []
    left = list(range(requests))
    begun = time.perf_counter()
    await asyncio.gather(*(_ask(port, path, left, seconds) for _ in range(IN_FLIGHT)))
    return time.perf_counter() - begun, sorted(seconds)


def _row(name: str, wall: float, seconds: list[float], cpu: float) -> str:
    median, late = statistics.median(seconds), seconds[int(0.99 * len(seconds))]
    each = cpu / len(seconds)
    rate = len(seconds) / wall
    return (
        f"| {name} | {wall:.1f} | {rate:,.0f} | {median * 1e3:.2f} | {late * 1e3:.2f} "
        f"| {each * 1e3:.2f} |"
    )


def main() -> None:
    """Print the table."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    start = multiprocessing.get_context("spawn")
    here, there = start.Pipe()
    upstream = start.Process(target=_upstream, args=(there,))
    upstream.start()
    port = here.recv()
    print(f"{requests:,} requests of one text, {IN_FLIGHT} in flight, {os.cpu_count()} cores\n")
    print("| | wall, s | a second | median, ms | 99 %, ms | CPU of the proxy, ms a request |")
    print("|---|---|---|---|---|---|")
    print(_row("directly", *asyncio.run(_load(port, "/v1", requests)), 0.0))
    for name, window in (("proxy, no window", 0.0), ("proxy, window of 5 ms", 0.005)):
        ours, theirs = start.Pipe()
        url = f"http://127.0.0.1:{port}/v1"
        process = start.Process(target=_proxy, args=(theirs, url, window))
        process.start()
        place = ours.recv()
        asyncio.run(_load(place, "/v1", 200))
        ours.send("cpu")
        before = ours.recv()
        wall, seconds = asyncio.run(_load(place, "/v1", requests))
        ours.send("cpu")
        print(_row(name, wall, seconds, ours.recv() - before))
        ours.send("end")
        process.join()
    here.send("end")
    upstream.join()


if __name__ == "__main__":
    main()
