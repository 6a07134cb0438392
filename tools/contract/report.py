"""Differences shown: a table for a person, JSON for machines, a fragment for the changelog."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from attrs import asdict, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contract.differences import Difference

Step = Literal["major", "minor", "patch", "none"]
_COLUMNS = ("where", "what", "ours", "theirs", "breaks")
_WIDTHS = (90, 24, 34, 34, 8)


@frozen
class Intended:
    """A difference that was made on purpose.

    Attributes:
        where: A pattern of places, with ``*``.
        what: A pattern of kinds of difference.
        reason: Why.
    """

    where: str
    what: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Say whether a difference is this one."""
        # Brackets are part of places, and no sets of letters.
        where = self.where.replace("[", "[[]")
        return fnmatchcase(difference.where, where) and fnmatchcase(difference.what, self.what)


@frozen
class Drift:
    """Differences sorted by whether they were made on purpose.

    Attributes:
        new: Those that nobody has decided about.
        intended: Those that were made on purpose, each with its reason.
        stale: Entries of the list that no difference needs any more.
    """

    new: tuple[Difference, ...]
    intended: tuple[tuple[Difference, str], ...]
    stale: tuple[Intended, ...]


def sorted_out(found: Iterable[Difference], listed: Sequence[Intended]) -> Drift:
    """Tell differences on purpose from new ones."""
    new: list[Difference] = []
    intended: list[tuple[Difference, str]] = []
    used: set[Intended] = set()
    for each in found:
        entry = next((entry for entry in listed if entry.covers(each)), None)
        if entry is None:
            new.append(each)
        else:
            used.add(entry)
            intended.append((each, entry.reason))
    stale = tuple(entry for entry in listed if entry not in used)
    return Drift(tuple(new), tuple(intended), stale)


def table(found: Sequence[Difference], old: str = "ours", new: str = "theirs") -> str:
    """Lay differences out for a terminal: those that break first."""
    names = tuple({"ours": old, "theirs": new}.get(name, name) for name in _COLUMNS)
    rows = [names, *(_row(each) for each in sorted(found, key=_rank))]
    widths = [min(most, max(len(row[place]) for row in rows)) for place, most in enumerate(_WIDTHS)]
    lines = [
        "  ".join(_cut(text, width).ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _rank(difference: Difference) -> tuple[bool, str]:
    return difference.breaks == "nobody", difference.where


def _row(difference: Difference) -> tuple[str, ...]:
    each = difference
    return each.where, each.what, each.old, each.new, each.breaks


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def drift_text(drift: Drift) -> str:
    """Describe a drift in words and tables."""
    parts = []
    if drift.new:
        parts.append(f"{len(drift.new)} differences to decide about:\n{table(drift.new)}")
    else:
        parts.append("Nothing has changed that was not decided about.")
    reasons: dict[str, int] = {}
    for _, reason in drift.intended:
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        lines = [f"  {count:>4}  {reason}" for reason, count in reasons.items()]
        parts.append("On purpose:\n" + "\n".join(lines))
    if drift.stale:
        lines = [f"  {entry.where} ({entry.what})" for entry in drift.stale]
        parts.append("No longer needed in the list of intended differences:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def drift_json(drift: Drift) -> str:
    """Write a drift for machines."""
    data = {
        "new": [_as_json(each) for each in drift.new],
        "intended": [_as_json(each) | {"reason": reason} for each, reason in drift.intended],
        "stale": [asdict(entry) for entry in drift.stale],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _as_json(difference: Difference) -> dict[str, object]:
    return {"where": difference.where, **asdict(difference)}


def step_of(found: Sequence[Difference], *, documented: bool) -> Step:
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
    others = [each for each in found if each.breaks == "nobody"]
    parts = []
    if breaking:
        parts.append("### Changed, breaking\n\n" + "\n".join(map(_line, breaking)))
    if others:
        parts.append("### Changed\n\n" + "\n".join(map(_line, others)))
    return "\n\n".join(parts)


def _line(difference: Difference) -> str:
    each = difference
    values = "" if each.old == each.new else f": {each.old} -> {each.new}"
    whom = "" if each.breaks == "nobody" else f" (breaks {each.breaks})"
    return f"- `{each.where}`: {each.what}{values}{whom}"
