"""What differs between two versions of the operations, and for whom it breaks.

Callers write requests: they break where less is accepted or more is demanded. Readers read replies:
they break where less is promised or more may come. A new value in a reply is information, since
readers of an open world expect one; so is a new status, which the error of last resort takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from contract.shapes import BOUNDS, LOWER, UPPER, Field, Shape, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contract.operations import Operation, Parameter, Reply

Side = Literal["request", "reply"]
Breaks = Literal["callers", "readers", "nobody"]
Place = tuple[str, Side, str]
NONE = "-"


@frozen
class Difference:
    """One difference.

    Attributes:
        operation: Its operation, ``POST /embeddings`` say.
        side: Whether it is in the request or in a reply.
        part: Which part: ``body``, ``parameters``, or the statuses of replies.
        path: The way to it inside that part.
        what: What kind of difference it is.
        old: How it was.
        new: How it is.
        breaks: For whom it breaks.
    """

    operation: str
    side: Side
    part: str
    path: tuple[str, ...]
    what: str
    old: str
    new: str
    breaks: Breaks

    @property
    def where(self) -> str:
        """The place in one line."""
        return f"{self.operation} {self.side} {self.part} {''.join(self.path)}".rstrip()


def differences(old: list[Operation], new: list[Operation]) -> list[Difference]:
    """Compare two versions of the operations."""
    found: list[Difference] = []
    for before, after in zip(old, new, strict=True):
        found += _parameters(before, after)
        found += _bodies(before, after)
        found += _grouped(list(_replies(before, after)))
    return found


def _parameters(old: Operation, new: Operation) -> Iterator[Difference]:
    def at(name: str, what: str, before: object, after: object, *, breaks: bool) -> Difference:
        return _row(old.name, "request", "parameters", (name,), what, before, after, breaks)

    for name in sorted(set(old.parameters) | set(new.parameters)):
        before, after = old.parameters.get(name), new.parameters.get(name)
        if before is None and after is not None:
            what = "required parameter added" if after.required else "parameter added"
            yield at(name, what, NONE, shown(after.shape), breaks=after.required)
        elif after is None and before is not None:
            yield at(name, "parameter removed", shown(before.shape), NONE, breaks=True)
        elif before is not None and after is not None:
            yield from _parameter(old.name, name, before, after)


def _parameter(operation: str, name: str, old: Parameter, new: Parameter) -> Iterator[Difference]:
    place: Place = (operation, "request", "parameters")
    if old.required != new.required:
        what = "became required" if new.required else "no longer required"
        yield _row(*place, (name,), what, old.required, new.required, new.required)
    for each in _shapes(old.shape, new.shape, (name,), "request"):
        yield evolve(each, operation=operation, part="parameters")


def _bodies(old: Operation, new: Operation) -> Iterator[Difference]:
    place: Place = (old.name, "request", "body")
    if old.body_required != new.body_required:
        what = "became required" if new.body_required else "no longer required"
        yield _row(*place, (), what, old.body_required, new.body_required, new.body_required)
    yield from _content(old.content, new.content, old.name, "request", "body")


def _replies(old: Operation, new: Operation) -> Iterator[Difference]:
    for status in sorted(set(old.replies) | set(new.replies)):
        before, after = old.replies.get(status), new.replies.get(status)
        place: Place = (old.name, "reply", status)
        if before is None:
            yield _row(*place, (), "status added", NONE, status, breaks=False)
        elif after is None:
            good = status.startswith("2")
            yield _row(*place, (), "status removed", status, NONE, breaks=good)
        else:
            yield from _headers(before, after, old.name, status)
            yield from _content(before.content, after.content, old.name, "reply", status)


def _headers(old: Reply, new: Reply, operation: str, status: str) -> Iterator[Difference]:
    place: Place = (operation, "reply", status)
    for name in sorted(set(old.headers) | set(new.headers)):
        before, after = old.headers.get(name), new.headers.get(name)
        path = (f"header {name}",)
        if before is None and after is not None:
            yield _row(*place, path, "header added", NONE, shown(after), breaks=False)
        elif after is None and before is not None:
            yield _row(*place, path, "header removed", shown(before), NONE, breaks=True)
        elif before is not None and after is not None:
            for each in _shapes(before, after, path, "reply"):
                yield evolve(each, operation=operation, part=status)


def _content(
    old: Mapping[str, Shape], new: Mapping[str, Shape], operation: str, side: Side, part: str
) -> Iterator[Difference]:
    for kind in sorted(set(old) | set(new)):
        before, after = old.get(kind), new.get(kind)
        path = (kind,)
        if before is None:
            yield _row(operation, side, part, path, "content type added", NONE, kind, breaks=False)
        elif after is None:
            yield _row(operation, side, part, path, "content type removed", kind, NONE, breaks=True)
        else:
            # The usual type is not worth a word in every place.
            first = () if kind == "application/json" else (kind, " ")
            for each in _shapes(before, after, first, side):
                yield evolve(each, operation=operation, part=part)


def _shapes(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if old == new or (old.cycle and new.cycle):
        return
    yield from _types(old, new, path, side)
    yield from _values(old, new, path, side)
    yield from _bounds(old, new, path, side)
    yield from _fields(old, new, path, side)
    if old.items is not None and new.items is not None:
        yield from _shapes(old.items, new.items, (*path, "[]"), side)
    yield from _variants(old, new, path, side)
    yield from _extra(old, new, path, side)


def _at(
    path: tuple[str, ...], side: Side, what: str, old: object, new: object, *, breaks: bool
) -> Difference:
    return _row("", side, "", path, what, old, new, breaks)


def _types(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    gone, come = _without(old.types, new.types), _without(new.types, old.types)
    if old.nullable != new.nullable:
        what = "null removed" if old.nullable else "null added"
        breaks = old.nullable == (side == "request")
        yield _at(path, side, what, shown(old), shown(new), breaks=breaks)
    if gone - {"null"} or come - {"null"}:
        # Callers miss what is no longer accepted, readers do not expect what is new.
        breaks = bool((gone if side == "request" else come) - {"null"})
        yield _at(path, side, "type changed", shown(old), shown(new), breaks=breaks)


def _without(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return the types that the other lacks; every integer is a number."""
    return one - other - ({"integer"} if "number" in other else set())


def _values(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if old.values is None or new.values is None:
        if old.values is not None and not old.is_open:
            yield _at(path, side, "values opened", shown(old), shown(new), breaks=False)
        elif new.values is not None and not new.is_open and old.types & new.types:
            breaks = side == "request"
            yield _at(path, side, "values closed", shown(old), shown(new), breaks=breaks)
        return
    for value in sorted(map(str, new.values - old.values)):
        yield _at(path, side, "value added", NONE, value, breaks=False)
    for value in sorted(map(str, old.values - new.values)):
        breaks = side == "request" and not new.is_open
        yield _at(path, side, "value removed", value, NONE, breaks=breaks)
    if old.is_open != new.is_open:
        what = "values opened" if new.is_open else "values closed"
        breaks = side == "request" and not new.is_open
        yield _at(path, side, what, shown(old), shown(new), breaks=breaks)


def _bounds(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if not old.types & new.types:
        return
    for name in BOUNDS:
        before, after = old.bounds.get(name), new.bounds.get(name)
        if before == after:
            continue
        narrower = _is_narrower(name, before, after)
        what = f"{name} {'narrower' if narrower else 'wider'}"
        breaks = narrower and side == "request"
        yield _at(path, side, what, _or_none(before), _or_none(after), breaks=breaks)


def _is_narrower(name: str, old: object, new: object) -> bool:
    if old is None or new is None:
        return old is None
    if isinstance(old, int | float) and isinstance(new, int | float):
        return new > old if name in LOWER else new < old if name in UPPER else True
    return True


def _or_none(value: object) -> object:
    return NONE if value is None else value


def _fields(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    for name in dict.fromkeys((*old.fields, *new.fields)):
        before, after = old.fields.get(name), new.fields.get(name)
        here = (*path, f".{name}")
        if before is None and after is not None:
            what = "required field added" if after.required else "field added"
            breaks = side == "request" and after.required
            yield _at(here, side, what, NONE, shown(after.shape), breaks=breaks)
        elif after is None and before is not None:
            yield _at(here, side, "field removed", shown(before.shape), NONE, breaks=True)
        elif before is not None and after is not None:
            yield from _field(before, after, here, side)


def _field(old: Field, new: Field, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if old.required != new.required:
        what = "became required" if new.required else "no longer required"
        breaks = new.required == (side == "request")
        yield _at(path, side, what, old.required, new.required, breaks=breaks)
    yield from _shapes(old.shape, new.shape, path, side)


def _variants(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    for name in sorted(set(old.variants) | set(new.variants)):
        before, after = old.variants.get(name), new.variants.get(name)
        here = (*path, f"<{name}>")
        if before is None:
            yield _at(here, side, "variant added", NONE, name, breaks=side == "reply")
        elif after is None:
            yield _at(here, side, "variant removed", name, NONE, breaks=side == "request")
        else:
            yield from _shapes(before, after, here, side)


def _extra(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if isinstance(old.extra, Shape) and isinstance(new.extra, Shape):
        yield from _shapes(old.extra, new.extra, (*path, "{}"), side)
    elif (old.extra is False) != (new.extra is False):
        closed = new.extra is False
        what = "other fields refused" if closed else "other fields allowed"
        yield _at(path, side, what, NONE, NONE, breaks=closed and side == "request")


def _row(
    operation: str,
    side: Side,
    part: str,
    path: tuple[str, ...],
    what: str,
    old: object,
    new: object,
    breaks: bool,  # noqa: FBT001 - the last column of a row
) -> Difference:
    whom: Breaks = "nobody" if not breaks else "callers" if side == "request" else "readers"
    return Difference(operation, side, part, path, what, _word(old), _word(new), whom)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _grouped(found: list[Difference]) -> list[Difference]:
    """Say once what is the same for many statuses."""
    groups: dict[Difference, list[str]] = {}
    for each in found:
        key = each if each.what.startswith("status") else evolve(each, part="")
        groups.setdefault(key, []).append(each.part)
    return [evolve(key, part=_statuses(parts)) for key, parts in groups.items()]


def _statuses(parts: list[str]) -> str:
    unique = list(dict.fromkeys(parts))
    return ", ".join(unique) if len(unique) <= 3 else f"{unique[0]} to {unique[-1]}"
