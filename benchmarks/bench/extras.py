"""What is measured beside requests: imports, sizes, the disk, the cache, a job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median

import numpy as np

IMPORTS = {
    "httpx": "import httpx",
    "openrouter-embeddings, the package": "import openrouter_embeddings",
    "openrouter-embeddings": "from openrouter_embeddings import OpenRouter",
    "openai": "from openai import OpenAI",
    "openrouter": "from openrouter import OpenRouter",
    "litellm": "from litellm import embedding",
    "langchain-openai": "from langchain_openai import OpenAIEmbeddings",
}
_CHUNK = 64 * 2**20


def import_times() -> dict[str, float]:
    """Take the median seconds of fresh processes that import one thing, those of none deducted."""
    runs: dict[str, list[float]] = {name: [] for name in ("", *IMPORTS)}
    for _ in range(9):
        for name, seconds in runs.items():
            code = IMPORTS.get(name, "")
            began = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
            if done.returncode == 0:
                seconds.append(time.perf_counter() - began)
    bare = median(runs[""])
    return {name: median(found) - bare for name, found in runs.items() if name and found}


def installed_sizes() -> dict[str, float]:
    """Sum up the files of each distribution, in MB, its dependencies left out."""
    sizes = {}
    for name in ("httpx", "openrouter-embeddings", "openai", "openrouter", "litellm"):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        paths = (Path(str(file.locate())) for file in files)
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
    return sizes


def disk_speed(folder: Path) -> dict[str, float]:
    """Write and read a file in sequence, in MB a second."""
    path, data = folder / "disk", os.urandom(_CHUNK)
    began = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(8):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    wrote = time.perf_counter() - began
    began = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(bytearray(_CHUNK)):
            pass
    read = time.perf_counter() - began
    path.unlink()
    return {"write": 8 * _CHUNK / 1e6 / wrote, "read": 8 * _CHUNK / 1e6 / read}


def cache_speed(folder: Path, count: int, width: int) -> dict[str, float]:
    """Put vectors into the cache and take them out again, in vectors a second."""
    from openrouter_embeddings.cache import EmbeddingCache

    rows = np.random.default_rng(1).standard_normal((2048, width)).astype(np.float32)
    keys = [number.to_bytes(32, "little") for number in range(count)]
    began = time.perf_counter()
    with EmbeddingCache(folder / "cache.sqlite") as cache:
        for start in range(0, count, 2048):
            part = keys[start : start + 2048]
            cache.put(dict(zip(part, rows, strict=False)), model="bench")
        wrote = time.perf_counter() - began
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        with EmbeddingCache(folder / "cache.sqlite") as cache:
            found = sum(len(cache.get(keys[at : at + 500])) for at in range(0, count, 500))
        seconds.append(time.perf_counter() - began)
        assert found == count
    size = count * width * 4 / 1e6
    read = median(seconds)
    return {"in": count / wrote, "out": count / read, "out_mb": size / read, "in_mb": size / wrote}


def second_run(folder: Path, url: str, count: int) -> float:
    """Embed texts with a cache, once more when all are in it, and return vectors a second."""
    from openrouter_embeddings import OpenRouter

    texts = [f"passage {number}" for number in range(count)]
    with OpenRouter("sk-or-bench", base_url=url) as client:
        for _ in range(2):
            began = time.perf_counter()
            found = client.embeddings.embed(texts, model="bench/embedding", cache=folder / "again")
            seconds, hits = time.perf_counter() - began, found.from_cache
            del found
    assert hits == count
    return count / seconds


def job_speed(folder: Path, url: str, rows: int) -> dict[str, float]:
    """Embed a Parquet file into another with the command line, in rows a second."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source, out = folder / "in.parquet", folder / "out.parquet"
    texts = [f"passage {number}" for number in range(rows)]
    pq.write_table(pa.table({"id": range(rows), "text": texts}), source)
    command = [sys.executable, "-m", "openrouter_embeddings.cli", "embed", str(source)]
    options = ["--out", str(out), "--id-column", "id", "--model", "bench/embedding"]
    environment = {**os.environ, "OPENROUTER_BASE_URL": url, "OPENROUTER_API_KEY": "sk-or-bench"}
    began = time.perf_counter()
    subprocess.run([*command, *options], check=True, env=environment, capture_output=True)
    seconds = time.perf_counter() - began
    return {"rows": rows / seconds, "mb": out.stat().st_size / 1e6 / seconds}
