"""The results as a Markdown table, and as a plot."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from typing import TYPE_CHECKING, Any

from bench import targets

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    *("openrouter-embeddings", "httpx", "openai", "openrouter", "langchain-openai", "litellm"),
    *("requests", "numpy", "pybase64", "msgspec"),
)
_WIDTH_BYTES = 1536 * 4


def report(saved: dict[str, Any], folder: Path) -> str:
    """Write the tables, and the plot into the folder."""
    results, others, texts = saved["results"], saved["others"], saved["texts"]
    parts = [machine(), f"### Targets\n\n{targets.table(saved)}"]
    for name, rows in results.items():
        parts.append(f"### {name}\n\n{scenario(name, rows, texts)}")
    parts.append(f"### Imports and sizes\n\n{imports(others)}")
    cache, disk, job = others["cache"], others["disk"], others["job"]
    narrow = others["narrow cache"]
    parts.append(
        "### Cache and job\n\n| what | speed | limit |\n|---|---|---|\n"
        f"| cache, `put` | {rate(cache['in'], cache['in_mb'])} "
        f"| disk, written in sequence: {disk['write']:,.0f} MB/s |\n"
        f"| cache, `get` | {rate(cache['out'], cache['out_mb'])} "
        f"| disk, read in sequence: {disk['read']:,.0f} MB/s |\n"
        f"| 256 numbers wide, `put` | {rate(narrow['in'], narrow['in_mb'])} | |\n"
        f"| 256 numbers wide, `get` | {rate(narrow['out'], narrow['out_mb'])} | |\n"
        f"| cache, `get`, shuffled | {rate(cache['mixed'], cache['mixed_mb'])} | |\n"
        f"| 256 numbers wide, shuffled | {rate(narrow['mixed'], narrow['mixed_mb'])} | |\n"
        f"| cache, `embed` again, nothing sent | {others['again']:,.0f} vectors/s | |\n"
        f"| job, Parquet to Parquet | {job['rows']:,.0f} rows/s ({job['mb']:,.0f} MB/s) "
        f"| disk, written in sequence: {disk['write']:,.0f} MB/s |"
    )
    parts.append(f"### 100 single calls at once\n\n{single_calls(others['singles'])}")
    plot(results, folder)
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """Describe where it ran, in general words."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.system()}, {python}; {', '.join(found)}."


def scenario(name: str, rows: dict[str, Any], texts: int) -> str:
    """Write the table of one scenario."""
    ours = rows["ours"]
    lines = ["| client | CPU | wall | CPU, ours = 1 | peak memory | right vectors |"]
    lines.append("|---|---|---|---|---|---|")
    if "50 ms" in name:
        requests = ceil(texts / 100) * (20 / 19 if "429" in name else 1)
        ideal = ceil(ceil(requests) / 16) * 0.05
        lines.append(f"| the ideal: ceil(requests / 16) x 50 ms | | {ideal:.2f} s | | | |")
    if "texts" in name and "50 ms" not in name:
        lines.append(
            f"| the limit: numpy's own bytes | | | | {texts * _WIDTH_BYTES / 2**20:,.0f} MiB | |"
        )
    for peer, row in rows.items():
        if "failed" in row:
            lines.append(f"| {peer} | fails: {row['failed']} | | | | |")
            continue
        ratio = row["cpu"] / ours.get("cpu", row["cpu"])
        right = "yes" if row["right"] else "**no**"
        lines.append(
            f"| {peer} | {seconds(row['cpu'])} | {seconds(row['wall'])} | {ratio:.2f} "
            f"| {row['peak_mb']:,.0f} MiB | {right} |"
        )
    return "\n".join(lines)


def single_calls(rows: dict[str, dict[str, float]]) -> str:
    """Write the table of calls that one warm client makes at once."""
    lines = ["| client | CPU | wall |", "|---|---|---|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {seconds(row['cpu'])} | {seconds(row['wall'])} |")
    return "\n".join(lines)


def rate(vectors: float, megabytes: float) -> str:
    """Write a speed."""
    return f"{vectors:,.0f} vectors/s ({megabytes:,.0f} MB/s)"


def seconds(value: float) -> str:
    """Write a time with three digits."""
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def imports(others: dict[str, Any]) -> str:
    """Write the table of imports."""
    imported, ready, answered = (others["imports"][w] for w in ("imported", "ready", "answered"))
    titles = (f"{what} | httpx = 1" for what in ("import", "ready for a call", "first answer"))
    lines = [f"| package | {' | '.join(titles)} | with all it needs |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, value in imported.items():
        first = " | "
        if name in answered:
            first = f"{seconds(answered[name])} | {answered[name] / answered['httpx']:.2f}"
        lines.append(
            f"| {name} | {seconds(value)} | {value / imported['httpx']:.2f} "
            f"| {seconds(ready[name])} | {ready[name] / ready['httpx']:.2f} | {first} "
            f"| {others['sizes'][name]:.1f} MB |"
        )
    return "\n".join(lines)


def plot(results: dict[str, Any], folder: Path) -> None:
    """Draw CPU seconds for each thousand vectors, as PNG and SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sizes = {"batch 1": 1, "batch 100": 100, "batch 2,048": 2048}
    figure, axes = plt.subplots(figsize=(9, 5))
    peers = [peer for peer, row in results["batch 100"].items() if "failed" not in row]
    for place, (name, count) in enumerate(sizes.items()):
        values = [results[name][peer].get("cpu", 0) / count * 1e6 for peer in peers]
        offsets = [number + (place - 1) * 0.27 for number in range(len(peers))]
        axes.barh(offsets, values, height=0.25, label=name)
    axes.set_yticks(range(len(peers)), peers)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("CPU microseconds for each vector of 1,536 numbers")
    axes.legend()
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(folder / f"bench.{kind}", metadata={"Date": None} if kind == "svg" else None)
