"""What is measured beside requests: imports, sizes, the disk, the cache, a job."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median

import numpy as np

# What is imported, and what makes it ready for the first call.
IMPORTS = {
    "httpx": ("import httpx", "httpx.Client().post"),
    "openrouter-embeddings": (
        "from openrouter_embeddings import OpenRouter",
        "OpenRouter('k').embeddings.generate",
    ),
    "openai": ("from openai import OpenAI", "OpenAI(api_key='k').embeddings.create"),
    "openrouter": (
        "from openrouter import OpenRouter",
        "OpenRouter(api_key='k').embeddings.generate",
    ),
    "litellm": ("from litellm import embedding", "embedding"),
    "langchain-openai": (
        "from langchain_openai import OpenAIEmbeddings",
        "OpenAIEmbeddings(api_key='k').embed_documents",
    ),
}
# What has the vector of one text, after an import and all that it put off; httpx does it by hand.
ANSWERED = {
    "httpx": (
        "import base64, httpx, numpy; body = {'input': ['passage 0'], 'model': 'bench/embedding', "
        "'encoding_format': 'base64'}; reply = httpx.Client().post('URL/embeddings', json=body); "
        "numpy.frombuffer(base64.b64decode(reply.json()['data'][0]['embedding']), '<f4')"
    ),
    "openrouter-embeddings": (
        "from openrouter_embeddings import OpenRouter; OpenRouter('k', base_url='URL')"
        ".embeddings.generate(input=['passage 0'], model='bench/embedding').vectors"
    ),
    "openai": (
        "from openai import OpenAI; OpenAI(api_key='k', base_url='URL')"
        ".embeddings.create(input=['passage 0'], model='bench/embedding')"
    ),
}
_TURNS = {"litellm": 3, "langchain-openai": 3}  # they take seconds
_CHUNK = 64 * 2**20
_ROOT = Path(__file__).resolve().parents[2]
_OURS = ("overlays/openrouter_embeddings", "generated/openrouter_embeddings_api")


def import_times(url: str) -> dict[str, dict[str, float]]:
    """Take the median seconds of fresh processes: imported, ready for a call, with an answer."""
    imported = {name: statement for name, (statement, _) in IMPORTS.items()}
    ready = {name: f"{statement}; {use}" for name, (statement, use) in IMPORTS.items()}
    answered = {name: code.replace("URL", url) for name, code in ANSWERED.items()}
    return {
        "imported": _seconds(imported),
        "ready": _seconds(ready),
        "answered": _seconds(answered),
    }


def _seconds(codes: dict[str, str]) -> dict[str, float]:
    """Measure processes; what one takes that does nothing is deducted."""
    runs: dict[str, list[float]] = {name: [] for name in ("", *codes)}
    with tempfile.TemporaryDirectory() as folder:
        for name in runs:
            _run_compiled(codes.get(name, ""), folder)
        for turn in range(5):
            for name, seconds in runs.items():
                if turn >= _TURNS.get(name, 5):
                    continue
                began = time.perf_counter()
                if _run_compiled(codes.get(name, ""), folder):
                    seconds.append(time.perf_counter() - began)
    bare = median(runs[""])
    return {name: median(found) - bare for name, found in runs.items() if name and found}


def _run_compiled(code: str, folder: str) -> bool:
    """Run code in a process that finds compiled modules in a folder, and leaves them there.

    So every package is as pip installs it: compiled. A checkout is not, wherever
    PYTHONDONTWRITEBYTECODE is set, and would compile all of its modules at each import.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    return done.returncode == 0


def installed_sizes() -> dict[str, float]:
    """Sum up the files of each distribution and of all that it needs, in MB."""
    return {name: sum(map(_size, _needed(name, set()))) for name in IMPORTS}


def _needed(name: str, found: set[str]) -> set[str]:
    """List a distribution with its dependencies, those of extras left out."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        return found
    found.add(name)
    for requirement in requirements:
        needed = re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
        if "extra ==" not in requirement and needed not in found:
            _needed(needed, found)
    return found


def _size(name: str) -> float:
    if name == "openrouter-embeddings":  # installed in place
        files = [file for folder in _OURS for file in (_ROOT / folder).rglob("*.py")]
    else:
        files = [Path(str(file.locate())) for file in distribution(name).files or []]
    return sum(path.stat().st_size for path in files if path.is_file()) / 1e6


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
    from openrouter_embeddings.cache import EmbeddingCache, KeyMaker

    rows = np.random.default_rng(1).standard_normal((2048, width)).astype(np.float32)
    keys = KeyMaker(model="bench").keys(f"passage {number}" for number in range(count))
    path = folder / f"cache-{width}"
    began = time.perf_counter()
    with EmbeddingCache(path) as cache:
        for start in range(0, count, 2048):
            part = keys[start : start + 2048]
            cache.put(dict(zip(part, rows, strict=False)), model="bench")
        wrote = time.perf_counter() - began
    size = count * width * 4 / 1e6
    read = _read_seconds(path, keys)
    mixed = _read_seconds(path, random.Random(1).sample(keys, count))
    return {
        "in": count / wrote,
        "out": count / read,
        "mixed": count / mixed,
        "in_mb": size / wrote,
        "out_mb": size / read,
        "mixed_mb": size / mixed,
    }


def _read_seconds(path: Path, keys: list[bytes]) -> float:
    from openrouter_embeddings.cache import EmbeddingCache

    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        with EmbeddingCache(path) as cache:
            found = sum(len(cache.get(keys[at : at + 500])) for at in range(0, len(keys), 500))
        seconds.append(time.perf_counter() - began)
        assert found == len(keys)
    return median(seconds)


def second_run(folder: Path, url: str, count: int) -> float:
    """Embed texts with a cache, and again when all are in it: the median of vectors a second."""
    from openrouter_embeddings import OpenRouter

    texts = [f"passage {number}" for number in range(count)]
    seconds = []
    with OpenRouter("sk-or-bench", base_url=url) as client:
        for run in range(4):
            began = time.perf_counter()
            found = client.embeddings.embed(texts, model="bench/embedding", cache=folder / "again")
            seconds.append(time.perf_counter() - began)
            assert found.from_cache == (count if run else 0)
            del found
    return count / median(seconds[1:])


def job_speed(folder: Path, url: str, rows: int) -> dict[str, float]:
    """Embed a Parquet file into another with the command line, in rows a second."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source, out = folder / "in.parquet", folder / "out.parquet"
    texts = [f"passage {number}" for number in range(rows)]
    pq.write_table(pa.table({"id": range(rows), "text": texts}), source)
    command = [sys.executable, "-m", "openrouter_embeddings", "embed", str(source)]
    options = ["--out", str(out), "--id-column", "id", "--model", "bench/embedding"]
    environment = {**os.environ, "OPENROUTER_BASE_URL": url, "OPENROUTER_API_KEY": "sk-or-bench"}
    began = time.perf_counter()
    subprocess.run([*command, *options], check=True, env=environment, capture_output=True)
    seconds = time.perf_counter() - began
    return {"rows": rows / seconds, "mb": out.stat().st_size / 1e6 / seconds}
