"""One client in one process: warm up, measure, and say what was measured as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from bench.peers import PEERS
from bench.server import matrix

_WARM_SECONDS = 0.3
ARRAYS = {"the limit", "ours", "ours, async", "httpx + base64"}  # the others hold lists of numbers


def texts_of(count: int) -> list[str]:
    """Make texts that the server can count."""
    return [f"passage {number}" for number in range(count)]


def main(peer: str, way: str, url: str, count: int, calls: int) -> None:
    """Measure so many calls of one way of one client."""
    ways = PEERS[peer](url)
    call = ways[way]
    texts = texts_of(count)
    # Modules that are loaded on first use, the connection, and the caches of the processor.
    warm = time.perf_counter() + _WARM_SECONDS
    call(texts if way == "one" else texts[:1])
    while way == "one" and time.perf_counter() < warm:
        call(texts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    if way == "one" and "repeat" in ways:
        vectors = ways["repeat"](texts, calls)
    else:
        for _ in range(calls):
            vectors = call(texts)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = {"one": count, "many": 100 if peer.startswith("ours") else 2048, "parallel": 100}[way]
    rows = np.arange(count) % size
    right = vectors.shape == (count, matrix().shape[1]) and all(
        np.abs(vectors[start : start + 4096] - matrix()[rows[start : start + 4096]]).max() <= 1e-6
        for start in range(0, count, 4096)
    )
    print(
        json.dumps(
            {
                "wall": wall / calls,
                "cpu": cpu / calls,
                "peak_mb": peak / 1024,
                "before_mb": before / 1024,
                "right": bool(right),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
