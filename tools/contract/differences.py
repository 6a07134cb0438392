"""What differs between two versions of the operations, and for whom it breaks.

Callers write requests: they break where less is accepted or more is demanded. Readers read replies:
they break where less is promised or more may come. A new value in a reply is information, since
readers of an open world expect one; so is a new status, which the error of last resort takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from contract.shapes import ANYTHING, LOWER, UPPER, Field, Shape, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contract.operations import Operation, Parameter, Reply, Surface

Side = Literal["operation", "request", "reply"]
Breaks = Literal["callers", "readers", "nobody"]
Place = tuple[str, Side, str]
Pair = tuple[str, str]
NONE = "-"
# A recursive schema that two documents write in different turns is followed this far.
_DEEPEST = 40


@frozen
class Difference:
    """One difference.

    Attributes:
        operation: Its operation, ``POST /embeddings`` say.
        side: Whether it is in the request, in a reply, or in what holds of the operation itself.
        part: Which part: ``body``, ``parameters``, or the status of a reply.
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
        words = (self.operation, self.side, self.part, "".join(self.path))
        return " ".join(filter(None, words))

    @property
    def key(self) -> tuple[str, str]:
        """The place and the kind, which no other difference of two documents has."""
        return self.where, self.what


def differences(old: Surface, new: Surface) -> list[Difference]:
    """Compare two versions of the operations, place by place."""
    found: list[Difference] = []
    for name in dict.fromkeys((*old.operations, *new.operations)):
        before, after = old.operations.get(name), new.operations.get(name)
        if before is not None and after is not None:
            found += _operation(before, after)
        else:
            what = "operation added" if before is None else "operation removed"
            found.append(_row(name, "operation", "", (), what, NONE, NONE, after is None))
    for name in sorted(old.beside ^ new.beside):
        what = "operation added" if name in new.beside else "operation removed"
        found.append(_row(name, "operation", "", (), what, NONE, NONE, breaks=False))
    return found


def _operation(before: Operation, after: Operation) -> Iterator[Difference]:
    yield from _facts(before, after)
    yield from _parameters(before, after)
    yield from _bodies(before, after)
    yield from _replies(before, after)


def _facts(old: Operation, new: Operation) -> Iterator[Difference]:
    place: Place = (old.name, "operation", "")
    for name in ("operationId", "server", "security"):
        before, after = old.facts[name], new.facts[name]
        if before != after:
            # Whoever may choose among more ways keeps the old one.
            kept = name == "operationId" or set(before.split(" or ")) <= set(after.split(" or "))
            yield _row(*place, (name,), f"{name} changed", before, after, not kept)
    if old.facts["deprecated"] != new.facts["deprecated"]:
        what = "deprecated" if new.facts["deprecated"] == "yes" else "no longer deprecated"
        yield _row(*place, (), what, NONE, NONE, breaks=False)


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
            yield from _parameter((old.name, "request", "parameters"), (name,), before, after)


def _parameter(
    place: Place, path: tuple[str, ...], old: Parameter, new: Parameter
) -> Iterator[Difference]:
    is_request = place[1] == "request"
    if old.required != new.required:
        what = "became required" if new.required else "no longer required"
        breaks = new.required == is_request
        yield _row(*place, path, what, old.required, new.required, breaks)
    if old.form != new.form:
        yield _row(*place, path, "form changed", old.form, new.form, breaks=True)
    for each in _shapes(old.shape, new.shape, path, place[1], ()):
        yield evolve(each, operation=place[0], part=place[2])


def _bodies(old: Operation, new: Operation) -> Iterator[Difference]:
    place: Place = (old.name, "request", "body")
    if old.body_required != new.body_required:
        what = "became required" if new.body_required else "no longer required"
        yield _row(*place, (), what, old.body_required, new.body_required, new.body_required)
    yield from _content(old.content, new.content, place)


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
            yield from _headers(before, after, place)
            yield from _content(before.content, after.content, place)


def _headers(old: Reply, new: Reply, place: Place) -> Iterator[Difference]:
    for name in sorted(set(old.headers) | set(new.headers)):
        before, after = old.headers.get(name), new.headers.get(name)
        path = (f"header {name}",)
        if before is None and after is not None:
            yield _row(*place, path, "header added", NONE, shown(after.shape), breaks=False)
        elif after is None and before is not None:
            yield _row(*place, path, "header removed", shown(before.shape), NONE, breaks=True)
        elif before is not None and after is not None:
            yield from _parameter(place, path, before, after)


def _content(
    old: Mapping[str, Shape], new: Mapping[str, Shape], place: Place
) -> Iterator[Difference]:
    for kind in sorted(set(old) | set(new)):
        before, after = old.get(kind), new.get(kind)
        path = (kind,)
        if before is None:
            yield _row(*place, path, "content type added", NONE, kind, breaks=False)
        elif after is None:
            yield _row(*place, path, "content type removed", kind, NONE, breaks=True)
        else:
            # The usual type is not worth a word in every place.
            first = () if kind == "application/json" else (kind, " ")
            for each in _shapes(before, after, first, place[1], ()):
                yield evolve(each, operation=place[0], part=place[2])


def _shapes(
    old: Shape, new: Shape, path: tuple[str, ...], side: Side, seen: tuple[Pair, ...]
) -> Iterator[Difference]:
    pair = old.name, new.name
    if old == new or pair in seen or len(path) > _DEEPEST:
        return
    if pair[0] is not None and pair[1] is not None:
        seen = (*seen, (pair[0], pair[1]))
    old, new = old.opened(), new.opened()
    yield from _types(old, new, path, side)
    yield from _values(old, new, path, side)
    yield from _bounds(old, new, path, side)
    yield from _traits(old, new, path, side)
    yield from _fields(old, new, path, side, seen)
    if old.items is not None and new.items is not None:
        yield from _shapes(old.items, new.items, (*path, "[]"), side, seen)
    elif (old.items or new.items) and "array" in old.types & new.types:
        items = old.items or ANYTHING, new.items or ANYTHING
        yield from _shapes(*items, (*path, "[]"), side, seen)
    yield from _variants(old, new, path, side, seen)
    yield from _maps(old, new, path, side, seen)


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
        elif old.values != new.values and old.types & new.types:
            what = "known values given" if new.values is not None else "known values left out"
            yield _at(path, side, what, shown(old), shown(new), breaks=False)
        return
    come, gone = new.values - old.values, old.values - new.values
    if come:
        yield _at(path, side, "value added", NONE, _several(come), breaks=False)
    if gone:
        breaks = side == "request" and not new.is_open
        yield _at(path, side, "value removed", _several(gone), NONE, breaks=breaks)
    if old.is_open != new.is_open:
        what = "values opened" if new.is_open else "values closed"
        breaks = side == "request" and not new.is_open
        yield _at(path, side, what, shown(old), shown(new), breaks=breaks)


def _several(values: frozenset[object]) -> str:
    return ", ".join(sorted(map(str, values)))


def _bounds(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    if not old.types & new.types:
        return
    told = set[str]()
    for each in _bounds_between(old.bounds, new.bounds, path, side):
        told.add(each.what.rpartition(" ")[0])
        yield each
    for name in sorted(set(old.members) | set(new.members)):
        here = (*path, f"|{name}|")
        for each in _bounds_between(*_member(name, old, new), here, side):
            if each.what.rpartition(" ")[0] not in told:
                yield each


def _member(name: str, old: Shape, new: Shape) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Find the bounds of one alternative; where it is not told apart, those of its type count."""
    before, after = old.members.get(name), new.members.get(name)
    if before is not None and after is not None:
        return before, after
    named = set(before or after or ())
    return (
        before or {each: old.bounds[each] for each in named & set(old.bounds)},
        after or {each: new.bounds[each] for each in named & set(new.bounds)},
    )


def _bounds_between(
    old: Mapping[str, object], new: Mapping[str, object], path: tuple[str, ...], side: Side
) -> Iterator[Difference]:
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        if before != after:
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


def _traits(old: Shape, new: Shape, path: tuple[str, ...], side: Side) -> Iterator[Difference]:
    # What a field means for those who do not send it, or never see it.
    for name in ("format", "contentEncoding", "default"):
        # A default of null is one.
        said = [[each.traits[name]] if name in each.traits else [] for each in (old, new)]
        if said[0] != said[1] and (name != "default" or side == "request"):
            before, after = (each[0] if each else NONE for each in said)
            breaks = name == "default" and bool(said[0])
            yield _at(path, side, f"{name} changed", before, after, breaks=breaks)
    for name in ("deprecated", "readOnly", "writeOnly"):
        if (name in old.traits) != (name in new.traits):
            word = name if name == "deprecated" else f"{name[:-4]}-only"
            what = word if name in new.traits else f"no longer {word}"
            hidden = {"readOnly": "request", "writeOnly": "reply"}.get(name) == side
            yield _at(path, side, what, NONE, NONE, breaks=hidden and name in new.traits)


def _fields(
    old: Shape, new: Shape, path: tuple[str, ...], side: Side, seen: tuple[Pair, ...]
) -> Iterator[Difference]:
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
            yield from _field(before, after, here, side, seen)


def _field(
    old: Field, new: Field, path: tuple[str, ...], side: Side, seen: tuple[Pair, ...]
) -> Iterator[Difference]:
    if old.required != new.required:
        what = "became required" if new.required else "no longer required"
        breaks = new.required == (side == "request")
        yield _at(path, side, what, old.required, new.required, breaks=breaks)
    yield from _shapes(old.shape, new.shape, path, side, seen)


def _variants(
    old: Shape, new: Shape, path: tuple[str, ...], side: Side, seen: tuple[Pair, ...]
) -> Iterator[Difference]:
    for name in sorted(set(old.variants) | set(new.variants)):
        before, after = old.variants.get(name), new.variants.get(name)
        here = (*path, f"<{name}>")
        if before is None:
            yield _at(here, side, "variant added", NONE, name, breaks=side == "reply")
        elif after is None:
            yield _at(here, side, "variant removed", name, NONE, breaks=side == "request")
        else:
            yield from _shapes(before, after, here, side, seen)


def _maps(
    old: Shape, new: Shape, path: tuple[str, ...], side: Side, seen: tuple[Pair, ...]
) -> Iterator[Difference]:
    if "object" not in old.types & new.types:
        return
    if old.closed != new.closed:
        what = "other fields refused" if new.closed else "other fields allowed"
        yield _at(path, side, what, NONE, NONE, breaks=new.closed and side == "request")
    for name in sorted(set(old.maps) | set(new.maps)):
        before, after = old.maps.get(name), new.maps.get(name)
        here = (*path, name)
        if name == "{}" and not (old.closed or new.closed):
            yield from _shapes(before or ANYTHING, after or ANYTHING, here, side, seen)
        elif before is None:
            breaks = side == "request"
            yield _at(here, side, "pattern added", NONE, shown(after or ANYTHING), breaks=breaks)
        elif after is None:
            yield _at(here, side, "pattern removed", shown(before), NONE, breaks=side == "reply")
        else:
            yield from _shapes(before, after, here, side, seen)


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
    whom: Breaks = "nobody" if not breaks else "readers" if side == "reply" else "callers"
    return Difference(operation, side, part, path, what, _word(old), _word(new), whom)


def _word(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
