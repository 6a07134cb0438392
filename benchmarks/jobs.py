"""What file jobs take: CPU, memory, disk; beside `stream` without a file, and other checkouts.

    python -m nox -s job_scale -- [--rows 100000] [--width 256] [--only job,stream] [--old CHECKOUT]

The server works in a process of its own, with replies made beforehand (`bench.server`). Each
measurement is a process of its own as well, and measures the call alone: CPU seconds are user and
system, the peak is of the whole process with its imports, what was written is what went to files.
The disk's peak is looked at twenty times a second.

| what | is |
|---|---|
| stream | the same texts through `stream`, the vectors dropped: the limit |
| job | Parquet to Parquet, with ids |
| old job | the same by the code of `--old`, a checkout of an earlier state |
| resume | a job killed at 95 %, beside one that begins: seconds until the first request |
| long | 12,000 texts of 110 KB |
| search | one query over the output of the job |
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
BATCH, IN_FLIGHT = 100, 16
MODEL = "bench/embedding"
_PATIENCE = 900
_LOOK = 0.05
_LONG_ROWS, _LONG_BYTES = 12_000, 110_000
_BLOCK = 512  # bytes, whatever the file system's own blocks are
_GROUP = 50_000

Numbers = dict[str, float]


def peak_mb() -> float:
    """Return the most memory that this process has had; `ru_maxrss` would count its parent's."""
    with Path("/proc/self/status").open() as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000 * 1.024


def written_mb() -> float:
    """Return what this process has written to files so far; sockets do not count there."""
    with Path("/proc/self/io").open() as file:
        line = next(line for line in file if line.startswith("wchar"))
    return int(line.split()[1]) / 1e6


def measured(work: Callable[[], object]) -> Numbers:
    """Measure one call."""
    wall, cpu, written = time.perf_counter(), time.process_time(), written_mb()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    written = written_mb() - written
    return {"wall": wall, "cpu": cpu, "peak_mb": peak_mb(), "written_mb": written}


def in_child(what: str, url: str, folder: Path) -> Numbers:
    """Do one thing in this process, and measure it."""
    return {"job": _job, "stream": _stream, "search": _search, "first": _first}[what](url, folder)


def _job(url: str, folder: Path) -> Numbers:
    from openrouter_embeddings import OpenRouter
    from openrouter_embeddings.jobs import embed_file

    with OpenRouter("sk-or-bench", base_url=url) as client:
        source, out = folder / "in.parquet", folder / "out.parquet"
        return measured(
            lambda: embed_file(client, str(source), str(out), model=MODEL, id_column="id")
        )


def _stream(url: str, folder: Path) -> Numbers:
    import pyarrow.parquet as pq

    from openrouter_embeddings import OpenRouter

    def texts() -> Iterator[str]:
        for batch in pq.ParquetFile(folder / "in.parquet").iter_batches(2_000, columns=["text"]):
            yield from map(str, batch.column(0).to_pylist())

    def go_through() -> None:
        for _ in client.embeddings.stream(texts(), model=MODEL):
            pass

    with OpenRouter("sk-or-bench", base_url=url) as client:
        return measured(go_through)


def _search(url: str, folder: Path) -> Numbers:
    from openrouter_embeddings.cli import main

    os.environ |= {"OPENROUTER_BASE_URL": url, "OPENROUTER_API_KEY": "sk-or-bench"}
    sys.argv[1:] = ["search", "passage 7", "--index", str(folder / "out.parquet")]

    def search() -> None:
        with suppress(SystemExit):
            main()

    return measured(search)


def _first(url: str, folder: Path) -> Numbers:
    """Measure a job up to its first request; the process ends there, as a killed one does."""
    import httpx

    from openrouter_embeddings import OpenRouter
    from openrouter_embeddings.jobs import embed_file

    began, cpu = time.perf_counter(), time.process_time()

    def tell(request: httpx.Request) -> None:
        if request.method == "POST":
            wall = time.perf_counter() - began
            print(json.dumps({"wall": wall, "cpu": time.process_time() - cpu}), flush=True)
            os._exit(0)

    http = httpx.Client(event_hooks={"request": [tell]})
    with OpenRouter("sk-or-bench", base_url=url, http_client=http) as client:
        source, out = folder / "in.parquet", folder / "out.parquet"
        embed_file(client, str(source), str(out), model=MODEL, id_column="id")
    return {}


def environment(checkout: Path) -> dict[str, str]:
    """Have a child run the code of a checkout."""
    paths = (checkout / "overlays", checkout / "generated", HERE)
    # numpy's idle threads spin for a while after its import, which is nobody's work.
    more = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | more


def begun(what: str, url: str, folder: Path, checkout: Path) -> subprocess.Popen[str]:
    """Begin a measurement in a process of its own."""
    command = [sys.executable, str(HERE / "jobs.py"), "--child", what, url, str(folder)]
    return subprocess.Popen(command, env=environment(checkout), stdout=subprocess.PIPE, text=True)


def outcome(what: str, url: str, folder: Path, checkout: Path) -> Numbers:
    """Measure one thing, and what is on the disk meanwhile."""
    before = size_mb(folder)
    child, most = begun(what, url, folder, checkout), before
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()))
    reader.start()
    end = time.monotonic() + _PATIENCE
    while child.poll() is None:
        most = max(most, size_mb(folder))
        if time.monotonic() > end:
            child.kill()
        time.sleep(_LOOK)
    reader.join()
    if child.returncode:
        sys.exit(f"{what} failed with {child.returncode}")
    found: Numbers = json.loads(lines[-1])
    return {**found, "disk_mb": most - before}


def size_mb(folder: Path) -> float:
    """Sum up what a folder takes on the disk; files may go while it is looked at."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * _BLOCK
    return total / 1e6


def made(source: Path, rows: int, extra: str = "") -> None:
    """Write an input of different texts, a group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())}).schema
    most = 500 if extra else _GROUP
    with pq.ParquetWriter(source, schema) as writer:
        for start in range(0, rows, most):
            ids = range(start, min(rows, start + most))
            texts = [f"passage {number}{extra}" for number in ids]
            writer.write_table(pa.table({"id": ids, "text": texts}, schema=schema))


@contextmanager
def served(width: int) -> Iterator[str]:
    """Serve vectors of one width from a process of its own."""
    command = [sys.executable, "-m", "bench.server"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(HERE)}
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/w{width}/api/v1"
    finally:
        server.terminate()
        server.wait()


def shown(what: str, found: Numbers, rows: int, vectors_mb: float) -> None:
    """Print a line of the table."""
    cells = [
        what,
        f"{rows / found['cpu']:,.0f}",
        f"{found['cpu']:.2f}",
        f"{found['wall']:.2f}",
        f"{found['peak_mb']:.0f}",
        f"{found['disk_mb'] / vectors_mb:.2f}",
        f"{found['written_mb'] / vectors_mb:.2f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


HEAD = (
    "| what | rows/CPU s | CPU s | wall s | peak MB | disk peak / vectors | written / vectors |\n"
    "|---|---|---|---|---|---|---|"
)


def rounds(given: argparse.Namespace, folder: Path, url: str) -> None:
    """Measure jobs, each beside the others in turn."""
    checkouts = {"stream": HERE.parent, "job": HERE.parent, "old job": given.old}
    wanted = {what: each for what, each in checkouts.items() if what in given.only and each}
    vectors_mb = given.rows * given.width * 4 / 1e6
    for _ in range(given.turns):
        for what, checkout in wanted.items():
            (folder / "out.parquet").unlink(missing_ok=True)
            found = outcome(what.removeprefix("old "), url, folder, checkout)
            shown(what, found, given.rows, vectors_mb)


def resumed(given: argparse.Namespace, folder: Path, url: str) -> None:
    """Kill a job at 95 %, and measure how soon it sends again; beside one that begins."""
    (folder / "out.parquet").unlink(missing_ok=True)
    fresh = outcome("first", url, folder, HERE.parent)
    child = begun("job", url, folder, HERE.parent)
    rows = folder / "out.parquet.job" / "rows"
    while not rows.exists() or rows.stat().st_size < 0.95 * 28 * given.rows:
        if child.poll() is not None:
            sys.exit("the job ended before it was killed")
        time.sleep(_LOOK)
    child.kill()
    child.wait()
    again = outcome("first", url, folder, HERE.parent)
    for what, found in {"fresh": fresh, "at 95 %": again}.items():
        print(f"| first request, {what} | {found['wall']:.2f} s | {found['cpu']:.2f} CPU s |")
    print(f"| ratio | {again['wall'] / fresh['wall']:.2f} | |", flush=True)


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--only", default="stream,job,old job,search,resume,long")
    parser.add_argument("--old", type=Path, help="a checkout of an earlier state")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        what, url, place = given.child
        print(json.dumps(in_child(what, url, Path(place))))
        return
    given.only = given.only.split(",")
    with tempfile.TemporaryDirectory() as name, served(given.width) as url:
        print(f"{given.rows:,} rows of {given.width} numbers\n\n{HEAD}")
        measure_all(given, Path(name), url)


def measure_all(given: argparse.Namespace, folder: Path, url: str) -> None:
    """Go through what is wanted, in an order in which one finds what another has made."""
    vectors_mb = given.rows * given.width * 4 / 1e6
    made(folder / "in.parquet", given.rows)
    rounds(given, folder, url)
    if "search" in given.only and (folder / "out.parquet").exists():
        shown("search", outcome("search", url, folder, HERE.parent), given.rows, vectors_mb)
    if "long" in given.only:
        with tempfile.TemporaryDirectory() as other:
            made(Path(other) / "in.parquet", _LONG_ROWS, "x" * _LONG_BYTES)
            found = outcome("job", url, Path(other), HERE.parent)
            shown("long", found, _LONG_ROWS, _LONG_ROWS * given.width * 4 / 1e6)
    if "resume" in given.only:
        print()
        resumed(given, folder, url)


if __name__ == "__main__":
    main()
