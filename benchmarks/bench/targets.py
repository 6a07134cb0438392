"""What the numbers should be, and whether they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_MATRIX_MB = 614.4
_MIB = 1.048576
_READS = 300_000
_CPU = {
    "batch 2,048": {"the limit": 1.25, "openai": 12, "openrouter": 14, "requests (guide)": 17},
    "batch 100": {"the limit": 1.8, "openai": 3.5, "openrouter": 6, "requests (guide)": 9},
    "batch 1": {"httpx + base64": 0.9, "openai": 1.8, "openrouter": 7, "requests (guide)": 2},
}


@frozen
class Target:
    """One target, and what was measured.

    Attributes:
        what: What is compared.
        bound: What it should be at the most, or at least.
        measured: What it is.
        at_most: Whether smaller is better.
    """

    what: str
    bound: float
    measured: float
    at_most: bool = field(kw_only=True)

    @property
    def met(self) -> bool:
        """Say whether it is met."""
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound


def targets(saved: dict[str, Any]) -> Iterator[Target]:
    """Compare what was measured with each target."""
    results, others, texts = saved["results"], saved["others"], saved["texts"]
    for name, peers in _CPU.items():
        rows = results[name]
        ours = rows["ours"]["cpu"]
        for peer, bound in peers.items():
            if peer in {"the limit", "httpx + base64"}:
                yield Target(
                    f"{name}: CPU, ours / {peer}", bound, ours / rows[peer]["cpu"], at_most=True
                )
            else:
                measured = rows[peer]["cpu"] / ours
                yield Target(f"{name}: CPU, {peer} / ours", bound, measured, at_most=False)
    yield from _memory(results[f"{texts:,} texts"], texts)
    yield from _pairs(others)
    yield from _imports(others["imports"])
    reads = others["cache"]["out"]
    yield Target("cache, vectors a second, `get`", _READS, reads, at_most=False)
    yield Target("cache, vectors a second, `embed` again", _READS, others["again"], at_most=False)


def _memory(rows: dict[str, Any], texts: int) -> Iterator[Target]:
    def beyond(peer: str) -> float:
        return float(rows[peer]["peak_mb"] - rows[peer]["before_mb"]) * _MIB

    matrix = _MATRIX_MB * texts / 100_000
    what = f"{texts:,} texts held: memory beyond the interpreter / the vectors' own"
    yield Target(what, 1.1, beyond("ours") / matrix, at_most=True)
    for peer in ("openai", "openrouter"):
        yield Target(f"the same, {peer} / ours", 5, beyond(peer) / beyond("ours"), at_most=False)


def _pairs(others: dict[str, Any]) -> Iterator[Target]:
    """Compare runs with the calls that they make; what bounds each stands beside it."""
    pairs, grown = others["pairs"], others["growth"]
    for size, bound in ((100, 1.25), (2048, 1.15)):
        what = f"CPU, `embed` / `generate` in a loop, batches of {size:,}; bound by that loop"
        yield Target(what, bound, pairs[f"cpu {size}"], at_most=True)
    for kind, name, bound in (("", "sync", 1.25), ("a", "async", 1.5)):
        what = f"50 ms replies, 16 in flight, {name}: time / the larger of ideal and loop's CPU"
        shown_bound = f"{what}, {pairs[f'bound {kind}']:.2f} s"
        yield Target(shown_bound, bound, pairs[f"wall {kind}"], at_most=True)
    for name, bound in (("batch 1", 1.25), ("batch 100", 1.2), ("batch 2,048", 1.1)):
        what = f"{name}: CPU, async / sync; bound by the event loop"
        yield Target(what, bound, others["async"][name], at_most=True)
    few, many = grown["texts"] // 100, grown["texts"]
    what = f"`stream` of {many:,} texts / {few:,}, 256 numbers each: CPU a text"
    yield Target(what, 1.1, grown["many"] / grown["few"], at_most=True)
    yield Target("the same: MB of memory more", 20, grown["more_mb"], at_most=True)


def _imports(seconds: dict[str, dict[str, float]]) -> Iterator[Target]:
    for what in ("imported", "ready"):
        times = seconds[what]
        ours = times["openrouter-embeddings"]
        yield Target(f"{what}: ours / httpx", 1.15, ours / times["httpx"], at_most=True)
        for peer, bound in (("openai", 3), ("openrouter", 2)):
            yield Target(f"{what}: {peer} / ours", bound, times[peer] / ours, at_most=False)


def table(saved: dict[str, Any]) -> str:
    """Write them as Markdown."""
    lines = ["| target | should be | is | |", "|---|---|---|---|"]
    for each in targets(saved):
        sign = "at most" if each.at_most else "at least"
        met = "met" if each.met else "**missed**"
        lines.append(f"| {each.what} | {sign} {each.bound:,} | {shown(each.measured)} | {met} |")
    return "\n".join(lines)


def shown(value: float) -> str:
    """Write a ratio with two digits after the point, a large number without."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
