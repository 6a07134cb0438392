"""A run beside the calls that it makes: in pairs, each in a process of its own, in turn.

The first run after one warm request is measured, since that is what people start; the loop writes
into a fresh matrix, as a run does. Ratios are taken within each pair, and their median is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.peers import IN_FLIGHT, KEY
from bench.server import MODEL, matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openrouter_embeddings import AsyncOpenRouter, OpenRouter

    Texts = Sequence[str]
    Numbers = dict[str, float]

_PAIRS = 5
_NARROW = 256
_AT_ONCE = 100
_MIB = 1.048576
_PATIENCE = 300


def _limits(size: int) -> dict[str, object]:
    from openrouter_embeddings import Limits

    # Room for all requests, so that each batch is full: the server's rows are told by their places.
    window = max(10_000, 2 * IN_FLIGHT * size)
    bounds = Limits(max_batch=size, max_in_flight=IN_FLIGHT, window=window)
    return {"model": MODEL, "limits": bounds}


def _loop(client: OpenRouter, texts: Texts, size: int) -> np.ndarray:
    found = None
    for start in range(0, len(texts), size):
        part = client.embeddings.generate(input=texts[start : start + size], model=MODEL).vectors
        if found is None:
            found = np.empty((len(texts), part.shape[1]), np.float32)
        found[start : start + size] = part
    return np.empty((0, 0)) if found is None else found


async def _aloop(client: AsyncOpenRouter, texts: Texts, size: int) -> np.ndarray:
    found = None
    for start in range(0, len(texts), size):
        reply = await client.embeddings.generate(input=texts[start : start + size], model=MODEL)
        if found is None:
            found = np.empty((len(texts), reply.dimensions), np.float32)
        found[start : start + size] = reply.vectors
    return np.empty((0, 0)) if found is None else found


def _embed(client: OpenRouter, texts: Texts, size: int) -> np.ndarray:
    return client.embeddings.embed(texts, **_limits(size)).vectors  # type: ignore[arg-type]  # made above


async def _aembed(client: AsyncOpenRouter, texts: Texts, size: int) -> np.ndarray:
    return (await client.embeddings.embed(texts, **_limits(size))).vectors  # type: ignore[arg-type]  # made above


def _singles(client: OpenRouter, texts: Texts, _size: int) -> np.ndarray:
    def call(text: str) -> np.ndarray:
        return client.embeddings.generate(input=text, model=MODEL).vectors

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return np.concatenate(list(pool.map(call, texts)))


async def _asingles(client: AsyncOpenRouter, texts: Texts, _size: int) -> np.ndarray:
    calls = (client.embeddings.generate(input=text, model=MODEL) for text in texts)
    return np.concatenate([reply.vectors for reply in await asyncio.gather(*calls)])


def _stream(client: OpenRouter, texts: Texts, size: int) -> np.ndarray:
    """Go through the batches, compare them, and keep none."""
    narrow, wrong = matrix()[:size, :_NARROW], 0
    batches = client.embeddings.stream(iter(texts), **_limits(size))  # type: ignore[arg-type]  # made above
    for batch in batches:
        rows = np.arange(batch.start, batch.start + len(batch)) % size
        wrong += int((np.abs(batch.vectors - narrow[rows]) > 1e-6).sum())
    return np.full((1, 1), wrong)


def _measured(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, Numbers]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found, {"wall": wall, "cpu": cpu, "more_mb": (peak - before) / 1024 * _MIB}


def _synchronously(way: str, url: str, texts: Texts, size: int) -> tuple[np.ndarray, Numbers]:
    from openrouter_embeddings import OpenRouter

    works = {"loop": _loop, "embed": _embed, "singles": _singles, "stream": _stream}
    with OpenRouter(KEY, base_url=url) as client:
        client.embeddings.generate(input=texts[:1], model=MODEL)
        if way == "singles":  # a warm client has its connections
            works[way](client, texts, size)
        return _measured(lambda: works[way](client, texts, size))


async def _asynchronously(
    way: str, url: str, texts: Texts, size: int
) -> tuple[np.ndarray, Numbers]:
    from openrouter_embeddings import AsyncOpenRouter

    works = {"aloop": _aloop, "aembed": _aembed, "asingles": _asingles}
    async with AsyncOpenRouter(KEY, base_url=url) as client:
        await client.embeddings.generate(input=texts[:1], model=MODEL)
        if way == "asingles":
            await works[way](client, texts, size)
        wall, cpu = time.perf_counter(), time.process_time()
        found = await works[way](client, texts, size)
        return found, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main(way: str, url: str, count: int, size: int) -> None:
    """Measure one way once, and say what was measured as JSON."""
    texts = [f"passage {number}" for number in range(count)]
    if way.startswith("a"):
        found, numbers = asyncio.run(_asynchronously(way, url, texts, size))
    else:
        found, numbers = _synchronously(way, url, texts, size)
    if way == "stream":
        right = not found.any()
    else:
        rows = np.arange(count) % size
        right = all(
            np.abs(found[at : at + 4096] - matrix()[rows[at : at + 4096]]).max() <= 1e-6
            for at in range(0, count, 4096)
        )
    print(json.dumps({**numbers, "right": bool(right)}))


def _run(way: str, url: str, count: int, size: int) -> Numbers:
    command = [sys.executable, "-m", "bench.pairs", way, url, str(count), str(size)]
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, timeout=_PATIENCE
    )
    found: Numbers = json.loads(done.stdout)
    assert found["right"], (way, count, size)
    return found


def _in_turn(ways: Sequence[tuple[str, str, int, int]]) -> list[list[Numbers]]:
    return [[_run(*way) for way in ways] for _ in range(_PAIRS)]


def runs_beside_calls(url: str, texts: int) -> dict[str, float]:
    """Compare runs with the same texts through `generate` in a loop."""
    found: dict[str, float] = {}
    base, slow = f"{url}/api/v1", f"{url}/d50/api/v1"
    for size in (100, 2048):
        count = texts // size * size
        turns = _in_turn([("embed", base, count, size), ("loop", base, count, size)])
        found[f"cpu {size}"] = median(run["cpu"] / loop["cpu"] for run, loop in turns)
    ideal = ceil(ceil(texts / 100) / IN_FLIGHT) * 0.05
    for kind in ("", "a"):
        ways = [(f"{kind}embed", slow, texts, 100), (f"{kind}loop", base, texts, 100)]
        turns = _in_turn(ways)
        bounds = [max(ideal, loop["cpu"]) for _, loop in turns]
        found[f"wall {kind}"] = median(
            run["wall"] / bound for (run, _), bound in zip(turns, bounds, strict=True)
        )
        found[f"bound {kind}"] = median(bounds)
    return found


def async_beside_sync(saved: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Compare the CPU of one call of both clients, by the medians of the scenarios."""
    names = ("batch 1", "batch 100", "batch 2,048")
    return {name: saved[name]["ours, async"]["cpu"] / saved[name]["ours"]["cpu"] for name in names}


def growth(url: str, most: int) -> dict[str, float]:
    """Stream a hundredth of the texts, and all of them: seconds a text, and memory."""
    few, many = (
        _run("stream", f"{url}/w{_NARROW}/api/v1", count, 100) for count in (most // 100, most)
    )
    return {
        "texts": most,
        "few": few["cpu"] / (most // 100),
        "many": many["cpu"] / most,
        "more_mb": many["more_mb"] - few["more_mb"],
    }


def singles(url: str) -> dict[str, Numbers]:
    """Make a hundred single calls at once on a warm client."""
    base = f"{url}/api/v1"
    turns = _in_turn([(way, base, _AT_ONCE, 1) for way in ("singles", "asingles")])
    names = ("cpu", "wall")
    return {
        way: {name: median(turn[place][name] for turn in turns) for name in names}
        for place, way in enumerate(("threads", "async"))
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
