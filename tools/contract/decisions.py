"""What has been decided about differences: by the rules of our contract, or one by one.

The rules are those by which `openapi.yaml` is written (its head says them). Single decisions stand
in `upstream-differences.yml`: what is ours alone, and where we differ on purpose.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import yaml
from attrs import evolve, field, frozen

from contract.document import DocumentError
from contract.shapes import Field, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from contract.differences import Difference, Side

Standing = Literal["already so", "to be brought in", "on purpose"]

REPLIES_ARE_OPEN = "by rule: known values of replies are open"
REPLIES_ARE_WIDE = "by rule: a reply is read more widely than it is promised"
NO_DEFAULTS = "by rule: a default would be sent"
NO_FORMATS = "by rule: the generator knows no formats, the client checks"
_OF_REPLIES = {
    "values closed": REPLIES_ARE_OPEN,
    "known values given": REPLIES_ARE_OPEN,
    "null removed": REPLIES_ARE_WIDE,
    "became required": REPLIES_ARE_WIDE,
    "other fields refused": REPLIES_ARE_WIDE,
}
_KINDS = {
    "required field added": "field",
    "field added": "field",
    "field removed": "field",
    "became required": "required",
    "no longer required": "required",
    "required parameter added": "parameter",
    "parameter added": "parameter",
    "parameter removed": "parameter",
    "other fields refused": "other fields",
    "other fields allowed": "other fields",
    "values closed": "openness",
    "values opened": "openness",
}
_ADDS = {"field", "variant", "status", "header", "parameter", "content type", "operation"}


@frozen
class Entry:
    """A decision about differences.

    Attributes:
        where: A pattern of places, with ``*``.
        what: A pattern of kinds of difference.
        reason: Why.
    """

    where: str
    what: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Say whether a difference is decided by this."""
        return matches(self.where, difference.where) and fnmatchcase(difference.what, self.what)


@frozen
class Decisions:
    """Everything that was decided one by one.

    Attributes:
        ours: What is in our contract alone; each covers that the vendor's lacks it, and no more.
        differs: Where both have something, and ours is another on purpose.
    """

    ours: Sequence[Entry] = ()
    differs: Sequence[Entry] = ()

    def reason(self, difference: Difference) -> str | None:
        """Say why a difference of ours from theirs is as it should be, or None."""
        entry = self.entry(difference)
        return entry.reason if entry else by_rule(difference)

    def entry(self, difference: Difference) -> Entry | None:
        """Find the decision about a difference."""
        return next((each for each in self.entries if each.covers(difference)), None)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return (*self.ours, *self.differs)

    def unused(self, found: Iterable[Difference]) -> list[Entry]:
        """Name those that no difference needs."""
        rows = list(found)
        return [each for each in self.entries if not any(map(each.covers, rows))]


def matches(pattern: str, place: str) -> bool:
    """Match a place; brackets are part of places, and no sets of letters."""
    return fnmatchcase(place, pattern.replace("[", "[[]"))


def read_decisions(path: Path) -> Decisions:
    """Read the list of decisions.

    Raises:
        DocumentError: It cannot be read, or an entry lacks its place or its reason.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        ours = [Entry(what="* removed", **each) for each in given.get("ours") or ()]
        return Decisions(ours, [Entry(**each) for each in given.get("differs") or ()])
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as exc:
        message = f"{path} is no list of decisions: {exc}"
        raise DocumentError(message) from exc


def by_rule(difference: Difference) -> str | None:
    """Name the rule of our contract that a difference of ours from theirs comes from."""
    what, is_reply = difference.what, difference.side == "reply"
    if is_reply and what in _OF_REPLIES:
        return _OF_REPLIES[what]
    if is_reply and what == "type changed" and difference.breaks == "nobody":
        return REPLIES_ARE_WIDE
    if what == "default changed" and difference.old == "-":
        return NO_DEFAULTS
    if what in {"format changed", "contentEncoding changed"} and difference.old == "-":
        return NO_FORMATS
    return None


def as_written(shape: Shape, side: Side) -> Shape:
    """Turn their shape into the one that our contract has for it by its rules."""
    is_reply = side == "reply"
    traits = {
        name: value
        for name, value in shape.traits.items()
        if name not in {"format", "contentEncoding", "default"}
    }
    return evolve(
        shape,
        traits=traits,
        is_open=shape.is_open or (is_reply and shape.values is not None),
        closed=shape.closed and not is_reply,
        members={},
        items=None if shape.items is None else as_written(shape.items, side),
        fields={
            name: Field(as_written(each.shape, side), each.required and not is_reply)
            for name, each in shape.fields.items()
        },
        variants={name: as_written(each, side) for name, each in shape.variants.items()},
        maps={name: as_written(each, side) for name, each in shape.maps.items()},
    )


def kind(what: str) -> str:
    """Name what a kind of difference is about: a field, null, a bound."""
    if what in _KINDS:
        return _KINDS[what]
    if what.startswith(("value ", "known values ")):
        return "values"
    what = what.removeprefix("no longer ")
    return re.sub(r" (added|removed|changed|narrower|wider)$", "", what)


def widens(difference: Difference) -> bool:
    """Say whether a difference only adds: nothing that was there goes, or gets narrower."""
    what, side = difference.what, difference.side
    if side == "request" and difference.breaks != "nobody":
        return False
    if what == "type changed":
        # Readers break where something is added.
        return side == "request" or difference.breaks == "readers"
    return what in {
        "deprecated",
        "values opened",
        "other fields allowed",
        "no longer required",
    } or (what.endswith((" added", " wider")))


@frozen
class Step:
    """One thing that happened in their document, and what ours says there.

    Attributes:
        difference: What happened.
        standing: Where ours stands.
        reason: Why it differs, where it does so on purpose.
    """

    difference: Difference
    standing: Standing
    reason: str = ""


@frozen
class Comparison:
    """Their last document, their new one, and ours.

    Attributes:
        steps: What happened between their two.
        drift: How ours differs from the new one.
        decisions: What was decided.
    """

    steps: Sequence[Difference]
    drift: Sequence[Difference]
    decisions: Decisions = field(factory=Decisions)

    @property
    def open(self) -> list[Difference]:
        """Differences of ours that nobody has decided about."""
        return [each for each in self.drift if self.decisions.reason(each) is None]

    @property
    def decided(self) -> list[tuple[Difference, str]]:
        """Differences of ours that are as they should be, with the reason."""
        found = ((each, self.decisions.reason(each)) for each in self.drift)
        return [(each, reason) for each, reason in found if reason is not None]

    @property
    def stood(self) -> list[Step]:
        """What happened, with what ours says there."""
        return [self._standing(each) for each in self.steps]

    @property
    def settled(self) -> bool:
        """Say whether everything that happened is in ours, or is not there on purpose."""
        return all(each.standing != "to be brought in" for each in self.stood)

    def _standing(self, step: Difference) -> Step:
        near = [each for each in self.drift if _concerns(each, step)]
        # What is decided inside of what is new changes nothing of its being there.
        reasons = [
            reason
            for each in near
            if (reason := self.decisions.reason(each)) is None or not _is_inside(each, step)
        ]
        if None in reasons:
            return Step(step, "to be brought in")
        said = list(dict.fromkeys(reason for reason in reasons if reason))
        return Step(step, "on purpose", "; ".join(said)) if said else Step(step, "already so")


def _concerns(drift: Difference, step: Difference) -> bool:
    """Say whether a difference of ours is about what happened in a step of theirs."""
    if (drift.operation, drift.side) != (step.operation, step.side):
        return drift.operation == step.operation and kind(drift.what) == "operation"
    if drift.part != step.part:
        return False
    one, other = drift.path, step.path
    if one == other and kind(drift.what) == kind(step.what):
        return True
    above = one == other[: len(one)]
    below = other == one[: len(other)]
    # What is missing as a whole has nothing inside, and what is new is not in before all of it is.
    structural = kind(drift.what) in _ADDS or drift.what == "type changed"
    return (above and structural) or (below and one != other and step.what.endswith(" added"))


def _is_inside(drift: Difference, step: Difference) -> bool:
    return drift.path != step.path and drift.path[: len(step.path)] == step.path


def grouped(found: Iterable[Difference]) -> Mapping[tuple[object, ...], list[Difference]]:
    """Put together what is the same in many places: one change under many statuses say."""
    groups: dict[tuple[object, ...], list[Difference]] = {}
    for each in found:
        same = each.what if each.what.startswith("status") else (each.what, each.old, each.new)
        single = each.operation, each.part
        place = () if each.side == "reply" else single
        new = single if each.what.startswith("status") else ()
        key = (each.side, place, each.path, same, each.breaks, new)
        groups.setdefault(key, []).append(each)
    return groups
