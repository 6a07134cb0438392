"""A job from Parquet to Parquet that is killed twenty times.

    python -m nox -s chaos -- [--seeds 10]

For so many seeds, 1 unless it is said: kills a job with SIGKILL at random moments and begins it
again each time; the final file must equal that of an uninterrupted run byte for byte, and the
server must not have embedded more than the unique inputs and one window in flight for each kill.
Exits 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from openrouter_embeddings.testing import FaultServer

ROWS, UNIQUE, KILLS = 60_000, 50_000, 20
BATCH, IN_FLIGHT = 50, 8
OPTIONS = ["--model", "test/embedding", "--id-column", "id"]
BOUNDS = ["--batch-size", str(BATCH), "--in-flight", str(IN_FLIGHT)]


def begun(server: FaultServer, source: Path, out: Path) -> subprocess.Popen[bytes]:
    """Begin the job, or go on with it."""
    command = [sys.executable, "-m", "openrouter_embeddings", "embed", str(source)]
    environment = {
        **os.environ,
        "OPENROUTER_API_KEY": server.api_key,
        "OPENROUTER_BASE_URL": server.base_url,
    }
    return subprocess.Popen(
        [*command, "--out", str(out), *OPTIONS, *BOUNDS],
        env=environment,
        stderr=subprocess.PIPE,
    )


def killed(server: FaultServer, source: Path, out: Path, rng: random.Random) -> int:
    """Kill the job at random moments, some of them before its first request, then let it finish."""
    kills = 0
    while kills < KILLS:
        process = begun(server, source, out)
        seconds = rng.uniform(0.2, 1.5)
        asked = len(server.requests)
        while rng.random() < 0.9 and len(server.requests) == asked and process.poll() is None:
            time.sleep(0.01)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
    process = begun(server, source, out)
    _, said = process.communicate()
    if process.returncode:
        print(said.decode())
    return kills


def survived_kills(seed: int) -> bool:
    """Compare a job that was killed with one that was not."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.parquet"
        texts = [f"text {(number * 7919) % UNIQUE}" for number in range(ROWS)]
        pq.write_table(pa.table({"id": range(ROWS), "text": texts}), source, row_group_size=9_000)
        outs = [Path(folder) / name for name in ("killed.parquet", "whole.parquet")]
        with FaultServer(dimensions=64, delay=0.15) as server:
            kills = killed(server, source, outs[0], random.Random(seed))
            embedded = server.inputs_embedded
        with FaultServer(dimensions=64) as server:
            begun(server, source, outs[1]).communicate()
        same = blake2b(outs[0].read_bytes()).digest() == blake2b(outs[1].read_bytes()).digest()
    most = UNIQUE + kills * BATCH * IN_FLIGHT
    print(
        f"seed {seed}: kills: {kills}; the files are equal: {same}; "
        f"embedded: {embedded:,} of {UNIQUE:,} unique, at most {most:,}",
        flush=True,
    )
    return same and kills == KILLS and UNIQUE <= embedded <= most


def main() -> int:
    """Print a line for each seed; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, 1 and on")
    held = [survived_kills(seed) for seed in range(1, parser.parse_args().seeds + 1)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
