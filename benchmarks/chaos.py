"""Twenty thousand inputs through a hostile service, and two processes on one cache.

    python -m nox -s chaos -- [--seeds 10]

For so many seeds, 3 unless it is said, and both clients: 2 % each of eight faults and 20 poison
inputs; exactly the poison must fail, every other vector must equal that of a fault-free run bit for
bit. Then two processes embed the same inputs with one cache. Exits 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from openrouter_embeddings import AsyncOpenRouter, EmbeddedBatch, OpenRouter, RetryConfig
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
COUNT = 20_000
TEXTS = [f"input number {number}" for number in range(COUNT)]
POISON = {TEXTS[place] for place in range(333, COUNT, 1_000)}
# 6 % of the requests may have been paid for in vain, which twice in a row is not rare enough: with
# the usual two, about 70 innocent inputs of 20,000 would be paid for twice and fail.
QUICK = RetryConfig(initial=0.01, maximum=0.1, most_paid=6)
SHARES = {
    faults.status(429, retry_after=0): 0.02,
    faults.status(503): 0.02,
    faults.reset_before_body(): 0.02,
    faults.truncated_body(): 0.02,
    faults.reordered(): 0.02,
    faults.nan(): 0.02,
    faults.missing_vector(): 0.02,
    faults.error_in_200(): 0.02,
}
WORKER = """
import sys
from openrouter_embeddings import OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
url, key, path, count = sys.argv[1:]
texts = [f"input number {number}" for number in range(int(count))]
with OpenRouter(key, base_url=url) as client, EmbeddingCache(path) as cache:
    result = client.embeddings.embed(texts, model="test/embedding", cache=cache)
    print(len(result), len(result.failures), cache.corrupted)
"""


def embedded(server: FaultServer, *, is_async: bool) -> EmbeddedBatch:
    """Embed everything with one of the clients."""
    if not is_async:
        with OpenRouter(server.api_key, base_url=server.base_url, retries=QUICK) as client:
            return client.embeddings.embed(TEXTS, model=MODEL, on_error="keep")

    async def run() -> EmbeddedBatch:
        async with AsyncOpenRouter(
            server.api_key, base_url=server.base_url, retries=QUICK
        ) as client:
            return await client.embeddings.embed(TEXTS, model=MODEL, on_error="keep")

    return asyncio.run(run())


def survived(seed: int, expected: np.ndarray, *, is_async: bool) -> bool:
    """Run once through the chaos and print a row."""
    with FaultServer(dimensions=8, poison=POISON) as server:
        server.chaos(SHARES, seed=seed)
        began = time.perf_counter()
        result = embedded(server, is_async=is_async)
        seconds = time.perf_counter() - began
    failed = {TEXTS[failure.position] for failure in result.failures}
    right = [place for place, text in enumerate(TEXTS) if text not in POISON]
    same = np.array_equal(result.vectors[right], expected[right])
    stats = result.stats
    print(
        f"| {seed} | {'async' if is_async else 'sync'} "
        f"| {len(failed)} | {failed == POISON} | {same} |"
        f" {stats.requests} | {stats.retries} | {stats.refusals} | {seconds:.1f} s |",
        flush=True,
    )
    return failed == POISON and same


def shared_cache() -> bool:
    """Let two processes embed the same inputs with one cache, and print what they say."""
    with tempfile.TemporaryDirectory() as folder, FaultServer(dimensions=8) as server:
        path = str(Path(folder) / "vectors.cache")
        command = [sys.executable, "-c", WORKER, server.base_url, server.api_key, path, str(COUNT)]
        workers = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [worker.communicate() for worker in workers]
        with EmbeddingCache(path) as cache:
            vectors = cache.info().vectors
            keys_read = cache.corrupted
    for out, err in said:
        print(f"process: {out.strip()} (inputs, failures, corrupt rows) {err.strip()[-200:]}")
    print(f"cache: {vectors} vectors, {server.inputs_embedded} inputs embedded by the server")
    good = all(out.split() == [str(COUNT), "0", "0"] and not err for out, err in said)
    return good and vectors == COUNT and keys_read == 0


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, 1 and on")
    seeds = range(1, parser.parse_args().seeds + 1)
    with FaultServer(dimensions=8) as server:
        expected = np.stack([server.vector(text) for text in TEXTS])
    columns = ("seed", "client", "failed", "exactly the poison", "others equal")
    counts = ("requests", "retries", "refused", "time")
    print(f"| {' | '.join((*columns, *counts))} |")
    print("|---|---|---|---|---|---|---|---|---|")
    held = [
        survived(seed, expected, is_async=is_async) for seed in seeds for is_async in (False, True)
    ]
    held.append(shared_cache())
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
