"""One client in one process: warm up, measure, and say what was measured as JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np

from bench.peers import PEERS
from bench.server import WIDTH, matrix

_WARM_SECONDS = 0.3
ARRAYS = {"the limit", "ours", "ours, async", "httpx + base64"}  # the others hold lists of numbers


def touch(count: int, peer: str) -> None:
    """Let another process use as much memory as this one will need, and give it back.

    Hosts of virtual machines take free memory away and are slow to hand it out again. Whoever comes
    first after a pause would pay for that, by a second for each gigabyte.
    """
    lists = 1.5 if peer in ARRAYS else 11.0
    size = int(count * WIDTH * 4 * lists)
    subprocess.run([sys.executable, "-c", f"bytearray({size})"], check=True)


def texts_of(count: int) -> list[str]:
    """Make texts that the server can count."""
    return [f"passage {number}" for number in range(count)]


def main(peer: str, way: str, url: str, count: int, calls: int) -> None:
    """Measure so many calls of one way of one client."""
    call = PEERS[peer](url)[way]
    texts = texts_of(count)
    # Modules that are loaded on first use, the connection, and the caches of the processor.
    warm = time.perf_counter() + _WARM_SECONDS
    call(texts if way == "one" else texts[:1])
    while way == "one" and time.perf_counter() < warm:
        call(texts)
    if way != "one":
        touch(count, peer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
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
