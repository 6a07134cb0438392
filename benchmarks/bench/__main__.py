"""Run the benchmark: `python -m nox -s bench`, with `-- --quick` for a first look.

Every client works in a process of its own, and the rounds go through all of them in turn, so that
a noisy moment of the machine hits them alike. Medians are compared; CPU seconds are those of the
client alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.child import ARRAYS
from bench.extras import (
    cache_speed,
    disk_speed,
    import_times,
    installed_sizes,
    job_speed,
    second_run,
)
from bench.pairs import async_beside_sync, growth, runs_beside_calls, singles
from bench.report import report
from bench.server import WIDTH

_PATIENCE = 240
_NARROW = 256
_ERROR = re.compile(r"^([\w.]+(?:Error|Exception|_error)\w*): (.{0,40})", re.MULTILINE)
HERE = Path(__file__).resolve().parent
# Scenario, way, path of the server, texts, calls in one round, and the clients.
ALL = (
    *(
        "received, not read",
        "the limit",
        "ours",
        "ours, async",
        "httpx + base64",
        "openai",
        "openrouter",
    ),
    *("langchain-openai", "litellm", "requests (guide)"),
)
# litellm takes seconds for a batch of 2,048, and would take most of the time here; langchain-openai
# stands on openai's client, and half a minute for each scenario says nothing new.
SLOW = {"litellm", "langchain-openai"}
# What is only a little slower or faster needs more rounds to be told apart.
CLOSE = {"the limit", "ours", "ours, async", "httpx + base64"}
MANY = tuple(peer for peer in ALL if peer not in SLOW | {"received, not read"})


def scenarios(texts: int) -> list[tuple[str, str, str, int, int, tuple[str, ...], int]]:
    """List what is measured: name, way, path, texts, calls, clients, rounds."""
    return [
        ("batch 1", "one", "", 1, 500, ALL, 7),
        ("batch 100", "one", "", 100, 20, ALL, 7),
        ("batch 2,048", "one", "", 2048, 4, ALL, 7),
        (f"{texts:,} texts", "many", "", texts, 1, MANY, 1),
        (f"{texts:,} texts, 50 ms", "parallel", "/d50", texts, 1, MANY, 3),
        (f"{texts:,} texts, 50 ms, 429", "parallel", "/d50/e20", texts, 1, MANY[1:], 1),
    ]


def is_measured(peer: str, way: str, turn: int) -> bool:
    """Let clients that are slow to start, or take half a minute for many texts, have one turn."""
    if way != "one":
        return turn == 0 or peer in ARRAYS
    return turn == 0 or peer in CLOSE or (turn % 3 == 0 and peer not in SLOW)


def measured(peer: str, way: str, url: str, count: int, calls: int) -> dict[str, object]:
    """Measure one client in a process of its own."""
    command = [sys.executable, "-m", "bench.child", peer, way, url, str(count), str(calls)]
    # numpy's idle threads spin for a while after its import, which is nobody's work.
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"given up after {_PATIENCE} s"}
    if done.returncode:
        errors = _ERROR.findall(done.stderr)
        return {"failed": ": ".join(errors[-1]) if errors else f"exit {done.returncode}"}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer texts")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    given = parser.parse_args()
    texts = 10_000 if given.quick else 100_000
    remainder = texts % 2048
    counts = [1, 100, 2048, *([remainder] if remainder else [])]
    command = [sys.executable, "-m", "bench.server", *map(str, counts)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        results = measure_all(url, texts)
        with tempfile.TemporaryDirectory() as folder:
            others = {
                "pairs": runs_beside_calls(url, texts),
                "async": async_beside_sync(results),
                "growth": growth(url, 10 * texts),
                "singles": singles(url),
                "imports": import_times(f"{url}/api/v1"),
                "sizes": installed_sizes(),
                "disk": disk_speed(Path(folder)),
                "cache": cache_speed(Path(folder), 2 * texts, WIDTH),
                "narrow cache": cache_speed(Path(folder), 2 * texts, _NARROW),
                "again": second_run(Path(folder), f"{url}/api/v1", 2 * texts),
                "job": job_speed(Path(folder), f"{url}/api/v1", texts),
            }
    finally:
        server.terminate()
        server.wait()
    given.out.mkdir(parents=True, exist_ok=True)
    saved = {"results": results, "others": others, "texts": texts}
    (given.out / "bench.json").write_text(json.dumps(saved, indent=2), encoding="utf-8")
    table = report(saved, given.out)
    (given.out / "bench.md").write_text(table, encoding="utf-8")
    print(table)
    rows = [row for rows in results.values() for row in rows.values()]
    return 0 if all(row["right"] for row in rows if "right" in row) else 1


def measure_all(url: str, texts: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Go through scenarios, rounds and clients, and keep the medians."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    began = time.perf_counter()
    for name, way, path, count, calls, peers, rounds in scenarios(texts):
        runs: dict[str, list[dict[str, object]]] = {peer: [] for peer in peers}
        for turn in range(rounds):
            for peer in peers:
                if is_measured(peer, way, turn):
                    slow = peer == "litellm" and count > 1
                    times = 1 if slow else calls
                    runs[peer].append(measured(peer, way, f"{url}{path}/api/v1", count, times))
        found[name] = {peer: combined(each) for peer, each in runs.items()}
        sys.stderr.write(f"{name}: done after {time.perf_counter() - began:.0f} s\n")
    return found


def combined(runs: list[dict[str, object]]) -> dict[str, object]:
    """Take the median of each number."""
    failed = next((run for run in runs if "failed" in run), None)
    if failed is not None:
        return failed
    names = ("wall", "cpu", "peak_mb", "before_mb")
    numbers = {name: median(float(str(run[name])) for run in runs) for name in names}
    return {**numbers, "right": all(run["right"] for run in runs)}


if __name__ == "__main__":
    sys.exit(main())
