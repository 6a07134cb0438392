"""Differences shown: a table for a person, JSON for machines, a fragment for the changelog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from attrs import asdict

from contract.decisions import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contract.decisions import Comparison, Step
    from contract.differences import Difference

Version = Literal["major", "minor", "patch", "none"]
_WIDTHS = (70, 24, 40, 40, 8, 120)


def places(found: Sequence[Difference]) -> str:
    """Name every operation and status that one row stands for."""
    parts: dict[tuple[str, str, str], list[str]] = {}
    for each in found:
        key = each.operation, each.side, "".join(each.path)
        parts.setdefault(key, []).append(each.part)
    texts = {
        f"{operation} {side} {', '.join(dict.fromkeys(names))}".rstrip(): path
        for (operation, side, path), names in parts.items()
    }
    return f"{' and '.join(texts)} {next(iter(texts.values()))}".rstrip()


def table(found: Sequence[Difference], old: str = "ours", new: str = "theirs") -> str:
    """Lay differences out for a terminal: those that break first."""
    groups = sorted(grouped(found).values(), key=_rank)
    rows = [(places(each), *_values(each[0])) for each in groups]
    return _laid_out([("where", "what", old, new, "breaks"), *rows])


def step_table(steps: Sequence[Step]) -> str:
    """Lay out what happened, with what ours says there."""
    known = {each.difference.key: each for each in steps}
    groups: dict[tuple[object, ...], list[Difference]] = {}
    for each in steps:
        for key, rows in grouped([each.difference]).items():
            groups.setdefault((each.standing, each.reason, key), []).extend(rows)
    lines = [("where", "what", "before", "now", "breaks", "ours")]
    for found in sorted(groups.values(), key=_rank):
        step = known[found[0].key]
        ours = f"{step.standing}{f': {step.reason}' if step.reason else ''}"
        lines.append((places(found), *_values(found[0]), ours))
    return _laid_out(lines)


def _laid_out(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [
        min(most, max(len(row[place]) for row in rows))
        for place, most in enumerate(_WIDTHS[: len(rows[0])])
    ]
    return "\n".join(_line_of(row, widths) for row in rows)


def _line_of(row: Sequence[str], widths: Sequence[int]) -> str:
    # Places are whole, however many a row stands for; the rest is cut.
    cut = [row[0], *(_cut(text, width) for text, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(t.ljust(width) for t, width in zip(cut, widths, strict=True)).rstrip()


def _rank(found: Sequence[Difference]) -> tuple[bool, str]:
    return found[0].breaks == "nobody", found[0].where


def _values(each: Difference) -> tuple[str, str, str, str]:
    return each.what, each.old, each.new, each.breaks


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def comparison_text(found: Comparison, since: str) -> str:
    """Describe what happened, and where ours stands, in words and tables."""
    parts = []
    if found.steps:
        count = len(grouped(found.steps))
        parts.append(f"What happened since {since}: {count} rows\n{step_table(found.stood)}")
    else:
        parts.append(f"Nothing happened since {since}.")
    if found.open:
        rows = len(grouped(found.open))
        parts.append(f"Ours against it, to decide about: {rows} rows\n{table(found.open)}")
    else:
        parts.append("Ours against it: nothing to decide.")
    reasons: dict[str, int] = {}
    for _, reason in found.decided:
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        lines = [f"  {count:>4}  {reason}" for reason, count in reasons.items()]
        parts.append("On purpose:\n" + "\n".join(lines))
    unused = found.decisions.unused(found.drift)
    if unused:
        lines = [f"  {entry.where} ({entry.what})" for entry in unused]
        parts.append("No longer needed in the list of decisions:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def comparison_json(found: Comparison) -> str:
    """Write a comparison for machines."""
    data = {
        "steps": [
            _as_json(each.difference) | {"ours": each.standing, "reason": each.reason}
            for each in found.stood
        ],
        "new": [_as_json(each) for each in found.open],
        "decided": [_as_json(each) | {"reason": reason} for each, reason in found.decided],
        "unused": [asdict(entry) for entry in found.decisions.unused(found.drift)],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _as_json(difference: Difference) -> dict[str, object]:
    return {"where": difference.where, **asdict(difference)}


def step_of(found: Sequence[Difference], *, documented: bool) -> Version:
    """Name the step of the version that differences ask for (https://semver.org).

    Args:
        found: The differences.
        documented: Whether words changed that are no part of the shapes.
    """
    if any(each.breaks != "nobody" for each in found):
        return "major"
    if found:
        return "minor"
    return "patch" if documented else "none"


def fragment(found: Sequence[Difference]) -> str:
    """Write the changes for the changelog."""
    breaking = [each for each in found if each.breaks != "nobody"]
    deprecated = [each for each in found if each.what == "deprecated"]
    others = [each for each in found if each.breaks == "nobody" and each not in deprecated]
    headings = (
        ("### Changed, breaking", breaking),
        ("### Changed", others),
        ("### Deprecated", deprecated),
    )
    return "\n\n".join(f"{title}\n\n{_lines(rows)}" for title, rows in headings if rows)


def _lines(found: Iterable[Difference]) -> str:
    return "\n".join(map(_entry, grouped(found).values()))


def _entry(found: Sequence[Difference]) -> str:
    each = found[0]
    values = "" if each.old == each.new else f": {each.old} -> {each.new}"
    whom = "" if each.breaks == "nobody" else f" (breaks {each.breaks})"
    return f"- `{places(found)}`: {each.what}{values}{whom}"
