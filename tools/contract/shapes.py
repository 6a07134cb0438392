"""Schemas reduced to what a value may look like: types, values, bounds, fields, items.

Two schemas that allow the same values get the same `Shape`, however they are spelt: through
references, `allOf` around one, `nullable`, `anyOf` with null, a `const` or an `enum` of one value,
the booleans that 3.0 has for exclusive bounds. Descriptions, examples and extensions do not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from contract.document import Document

ANY = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties", "minContains")
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties", "maxContains")
OTHER = ("pattern", "multipleOf", "uniqueItems")
BOUNDS = (*LOWER, *UPPER, *OTHER)
TRAITS = ("format", "contentEncoding", "default", "deprecated", "readOnly", "writeOnly")
# What no other part of a shape says: compared as it is written, and for a person to bring in.
RULES = (
    *("not", "if", "then", "else", "dependentSchemas", "propertyNames", "contains", "prefixItems"),
    *("unevaluatedItems", "anyOf required", "oneOf required"),
)
_WORDS = ("description", "title", "examples", "example", "$comment")
_NEEDS = "dependentRequired "
_STRINGS, _ARRAYS, _OBJECTS = frozenset({"string"}), frozenset({"array"}), frozenset({"object"})
_NUMBERS = frozenset({"number", "integer"})


@frozen
class Field:
    """A field of an object."""

    shape: Shape
    required: bool


@frozen
class Cycle:
    """The place where a recursive schema begins anew."""

    reference: str
    document: Document = field(eq=False, repr=False)

    def opened(self) -> Shape:
        """Reduce what the reference leads to, once for each document."""
        known = _OPENED.setdefault(self.document, {})
        if self.reference not in known:
            known[self.reference] = shape_of({"$ref": self.reference}, self.document)
        return known[self.reference]


@frozen
class Shape:
    """What a value may look like.

    Attributes:
        types: The JSON types, ``null`` among them.
        values: The known values, or None where there is no list of them.
        is_open: Other values than the known ones are allowed as well.
        bounds: Lengths, ranges and the like, ``dependentRequired NAME``, and `RULES` as texts.
        members: Bounds of alternatives of one type, by what tells them apart.
        traits: What is said beside the form: `TRAITS`.
        items: What an array holds, or None.
        fields: The fields of an object.
        variants: Objects told apart by the fixed value of one field, by that value.
        maps: What fields without a name of their own hold, under ``{}`` or ``{pattern}``.
        closed: No other fields may come.
        cycle: Where a recursive schema begins anew, or None.
        origin: The reference that it was made from; it does not count in a comparison.
    """

    types: frozenset[str] = ANY
    values: frozenset[object] | None = None
    is_open: bool = False
    bounds: Mapping[str, object] = field(factory=dict)
    members: Mapping[str, Mapping[str, object]] = field(factory=dict)
    traits: Mapping[str, object] = field(factory=dict)
    items: Shape | None = None
    fields: Mapping[str, Field] = field(factory=dict)
    variants: Mapping[str, Shape] = field(factory=dict)
    maps: Mapping[str, Shape] = field(factory=dict)
    closed: bool = False
    cycle: Cycle | None = None
    origin: str | None = field(default=None, eq=False)

    @property
    def nullable(self) -> bool:
        """Say whether null is allowed."""
        return "null" in self.types

    @property
    def name(self) -> str | None:
        """The reference that it stands for, where it does."""
        return self.cycle.reference if self.cycle else self.origin

    def opened(self) -> Shape:
        """Go on behind the place where a recursive schema begins anew."""
        if self.cycle is None:
            return self
        found = self.cycle.opened()
        null = frozenset({"null"}) if self.nullable else frozenset[str]()
        return evolve(found, types=found.types | null, traits={**found.traits, **self.traits})


_OPENED: WeakKeyDictionary[Document, dict[str, Shape]] = WeakKeyDictionary()
ANYTHING = Shape()
NULL = Shape(types=frozenset({"null"}))


def shape_of(schema: object, document: Document, seen: tuple[str, ...] = ()) -> Shape:
    """Reduce a schema to its shape."""
    if not isinstance(schema, Mapping):
        return ANYTHING if schema is not False else Shape(types=frozenset())
    shape = _own(schema, document, seen)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        shape = both(shape, _referred(reference, document, seen))
    for part in _list(schema, "allOf"):
        shape = both(shape, shape_of(part, document, seen))
    for name in ("anyOf", "oneOf"):
        parts = [_alternative(part, document, seen) for part in _list(schema, name)]
        shape = both(shape, either(parts)) if parts else shape
    if schema.get("nullable") is True:
        shape = evolve(shape, types=shape.types | {"null"})
    return shape


def _alternative(schema: object, document: Document, seen: tuple[str, ...]) -> Shape:
    """Reduce one of several; the vendor writes null as a schema that is nullable, and no more."""
    return NULL if schema == {"nullable": True} else shape_of(schema, document, seen)


def _list(schema: Mapping[str, object], name: str) -> list[object]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _mapping(schema: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = schema.get(name)
    return found if isinstance(found, Mapping) else {}


def _referred(reference: str, document: Document, seen: tuple[str, ...]) -> Shape:
    if reference in seen:
        node = document.followed({"$ref": reference})
        types = _types(node, None) if "type" in node else _OBJECTS
        return Shape(types=types, cycle=Cycle(reference, document))
    found = shape_of(document.resolve(reference), document, (*seen, reference))
    return evolve(found, origin=found.origin or reference)


def _own(schema: Mapping[str, object], document: Document, seen: tuple[str, ...]) -> Shape:
    values = _values(schema)
    items = shape_of(schema.get("items"), document, seen)
    required = set(cast("list[str]", _list(schema, "required")))
    properties = _mapping(schema, "properties")
    named = {name: shape_of(value, document, seen) for name, value in properties.items()}
    missing = {name: ANYTHING for name in sorted(required) if name not in named}
    return Shape(
        types=_types(schema, values),
        values=None if values is None else values - {None},
        bounds=dict(_bounds(schema)),
        traits={name: schema[name] for name in TRAITS if _is_said(name, schema)},
        items=None if items == ANYTHING else items,
        fields={name: Field(shape, name in required) for name, shape in (named | missing).items()},
        maps=dict(_maps(schema, document, seen)),
        closed=schema.get("additionalProperties") is False
        or schema.get("unevaluatedProperties") is False,
    )


def _is_said(name: str, schema: Mapping[str, object]) -> bool:
    return name in schema and (schema[name] is not False or name == "default")


def _maps(
    schema: Mapping[str, object], document: Document, seen: tuple[str, ...]
) -> Iterator[tuple[str, Shape]]:
    for pattern, value in _mapping(schema, "patternProperties").items():
        yield f"{{{pattern}}}", shape_of(value, document, seen)
    extra = schema.get("additionalProperties")
    # `{nullable: true}` allows anything here, as the vendor writes it.
    if isinstance(extra, Mapping) and extra and extra != {"nullable": True}:
        yield "{}", shape_of(extra, document, seen)


def _bounds(schema: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    exclusive = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
    for name in BOUNDS:
        # In 3.0 a boolean says that the bound beside it is exclusive.
        if name in schema and not isinstance(schema[name], bool):
            is_exclusive = schema.get(exclusive.get(name, "")) is True
            yield exclusive[name] if is_exclusive else name, schema[name]
    if schema.get("uniqueItems") is True:
        yield "uniqueItems", True
    for name, needed in _mapping(schema, "dependentRequired").items():
        if isinstance(needed, list) and needed:
            yield f"{_NEEDS}{name}", ", ".join(sorted(map(str, needed)))
    yield from _rules(schema)


def _rules(schema: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name in RULES:
        if name in schema:
            yield name, _text(schema[name])
    for name in ("anyOf", "oneOf"):
        parts = _list(schema, name)
        if parts and all(isinstance(part, Mapping) and set(part) == {"required"} for part in parts):
            yield f"{name} required", _text(parts)


def _text(value: object) -> str:
    return json.dumps(_without_words(value), sort_keys=True, default=str)


def _without_words(value: object) -> object:
    if isinstance(value, list):
        return [_without_words(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _without_words(each) for name, each in value.items() if name not in _WORDS}


def _values(schema: Mapping[str, object]) -> frozenset[object] | None:
    if "const" in schema:
        return frozenset([_hashable(schema["const"])])
    found = schema.get("enum")
    return frozenset(map(_hashable, found)) if isinstance(found, list) else None


def _hashable(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _types(schema: Mapping[str, object], values: frozenset[object] | None) -> frozenset[str]:
    given = schema.get("type")
    if isinstance(given, str | list):
        types = frozenset([given] if isinstance(given, str) else given)
        # A list of values without null forbids what the types allow.
        return types if values is None or None in values else types - {"null"}
    if values is not None:
        return frozenset(_type_of(value) for value in values)
    if {"properties", "additionalProperties", "patternProperties"} & set(schema):
        return _OBJECTS
    return _ARRAYS if "items" in schema else ANY


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "string"


def both(one: Shape, other: Shape) -> Shape:
    """Join two shapes that hold together, as in `allOf`."""
    if ANYTHING in (one, other):
        return other if one == ANYTHING else one
    fields = dict(one.fields)
    for name, found in other.fields.items():
        mine = fields.get(name)
        fields[name] = (
            found
            if mine is None
            else Field(both(mine.shape, found.shape), mine.required or found.required)
        )
    values = one.values if other.values is None else other.values
    if one.values is not None and other.values is not None:
        values = one.values & other.values
    return Shape(
        types=_common(one.types, other.types),
        values=values,
        is_open=one.is_open or other.is_open,
        bounds=_tightest(one.bounds, other.bounds),
        members={**one.members, **other.members},
        traits={**other.traits, **one.traits},
        items=_joined(one.items, other.items),
        fields=fields,
        variants={**one.variants, **other.variants},
        maps={**one.maps, **other.maps},
        closed=one.closed or other.closed,
        cycle=one.cycle or other.cycle,
        origin=one.origin or other.origin,
    )


def _joined(one: Shape | None, other: Shape | None) -> Shape | None:
    return both(one, other) if one is not None and other is not None else one or other


def _tightest(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    found = {**one, **other}
    for name in set(one) & set(other):
        mine, theirs = one[name], other[name]
        if isinstance(mine, int | float) and isinstance(theirs, int | float):
            found[name] = max(mine, theirs) if name in LOWER else min(mine, theirs)
        elif mine != theirs:
            found[name] = " and ".join(sorted({str(mine), str(theirs)}))
    return found


def _common(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    if "number" in one and "integer" in other:
        other = other | ({"number"} if "number" in other else set())
        one = one | {"integer"}
    if "number" in other and "integer" in one:
        other = other | {"integer"}
    common = one & other
    return common - {"integer"} if "number" in common else common


def either(shapes: Iterable[Shape]) -> Shape:
    """Join shapes of which one holds, as in `anyOf`."""
    shapes = list(shapes)
    types = frozenset[str]().union(*(shape.types for shape in shapes))
    types = types - {"integer"} if "number" in types else types
    objects = [shape for shape in shapes if "object" in shape.types]
    arrays = [shape.items for shape in shapes if "array" in shape.types]
    listed, is_open = _known_values(shapes)
    variants = _variants(objects)
    others = [shape for shape in shapes if shape.types != NULL.types]
    return Shape(
        types=types,
        values=listed,
        is_open=is_open,
        bounds=_loosest(shapes),
        members=_members(shapes),
        traits=_shared(others),
        items=_items_of_one(arrays),
        fields={} if variants else _merged(objects),
        variants=variants,
        maps={name: shape for each in objects for name, shape in each.maps.items()},
        closed=bool(objects) and all(shape.closed for shape in objects),
        cycle=next((shape.cycle for shape in shapes if shape.cycle), None),
        origin=others[0].origin if len(others) == 1 else None,
    )


def _items_of_one(arrays: list[Shape | None]) -> Shape | None:
    """Join what the arrays hold of which one comes; where one may hold anything, that is all."""
    said = [each for each in arrays if each is not None]
    if len(said) != len(arrays):
        return None
    return either(said) if len(said) > 1 else next(iter(said), None)


def _shared(shapes: list[Shape]) -> dict[str, object]:
    """Keep what is said of every alternative; formats are those of all that have one."""
    found = {
        name: value
        for name, value in (shapes[0].traits.items() if shapes else ())
        if all(shape.traits.get(name) == value for shape in shapes)
    }
    for name in ("format", "contentEncoding"):
        said = sorted({str(shape.traits[name]) for shape in shapes if name in shape.traits})
        found |= {name: " or ".join(said)} if said else {}
    return found


def _known_values(shapes: list[Shape]) -> tuple[frozenset[object] | None, bool]:
    """Collect known values; they are open where another scalar of their type has no list."""
    listed = [shape for shape in shapes if shape.values is not None]
    if not listed:
        return None, False
    values = frozenset[object]().union(*(shape.values or frozenset() for shape in listed))
    kinds = frozenset[str]().union(*(shape.types for shape in listed)) - {"null"}
    free = [shape for shape in shapes if shape.values is None and shape.types & kinds]
    return values, bool(free) or any(shape.is_open for shape in listed)


def _loosest(shapes: list[Shape]) -> dict[str, object]:
    """Keep a bound that every alternative of its type has, in its loosest form."""
    found: dict[str, object] = {}
    for name in sorted({name for shape in shapes for name in shape.bounds}):
        concerned = [shape for shape in shapes if shape.types & _types_of_bound(name)]
        values = [shape.bounds[name] for shape in concerned if name in shape.bounds]
        if values and len(values) == len(concerned):
            numbers = [value for value in values if isinstance(value, int | float)]
            loosest = min(numbers) if name in LOWER and numbers else values[0]
            found[name] = max(numbers) if name in UPPER and numbers else loosest
    return found


def _types_of_bound(name: str) -> frozenset[str]:
    if name in RULES:
        return ANY
    if name in {"minLength", "maxLength", "pattern"}:
        return _STRINGS
    if name in {"minItems", "maxItems", "uniqueItems", "minContains", "maxContains"}:
        return _ARRAYS
    is_object = name in {"minProperties", "maxProperties"} or name.startswith(_NEEDS)
    return _OBJECTS if is_object else _NUMBERS


def _members(shapes: list[Shape]) -> dict[str, Mapping[str, object]]:
    """Keep the bounds of alternatives of one type apart: joined, they would be lost."""
    found = {name: bounds for shape in shapes for name, bounds in shape.members.items()}
    plain = [shape for shape in shapes if "object" not in shape.types and not shape.members]
    for shape in plain:
        kinds = shape.types - {"null"}
        if sum(bool(each.types & kinds) for each in plain) > 1:
            found[_label(shape)] = shape.bounds
    return found


def _label(shape: Shape) -> str:
    kinds = " or ".join(sorted(shape.types - {"null"}))
    if shape.items is not None and shape.types - {"null"} == _ARRAYS:
        return f"array of {_label(shape.items)}"
    return f"known {kinds}" if shape.values is not None else kinds


def _merged(objects: list[Shape]) -> dict[str, Field]:
    """Merge objects that nothing tells apart: required is what all of them require."""
    found: dict[str, Field] = {}
    for name in dict.fromkeys(name for shape in objects for name in shape.fields):
        having = [shape.fields[name] for shape in objects if name in shape.fields]
        required = len(having) == len(objects) and all(each.required for each in having)
        shapes = [each.shape for each in having]
        found[name] = Field(shapes[0] if len(shapes) == 1 else either(shapes), required)
    return found


def _variants(objects: list[Shape]) -> dict[str, Shape]:
    """Tell objects apart by a field that has one fixed value in each."""
    found: dict[str, Shape] = {}
    for shape in objects:
        found |= shape.variants
    plain = [shape for shape in objects if not shape.variants]
    if len(plain) < 2:
        return found
    for name in plain[0].fields:
        marks = [_mark(shape, name) for shape in plain]
        if None not in marks and len(set(marks)) == len(marks):
            return found | dict(zip(cast("list[str]", marks), plain, strict=True))
    return found


def _mark(shape: Shape, name: str) -> str | None:
    values = shape.fields[name].shape.values if name in shape.fields else None
    return str(next(iter(values))) if values is not None and len(values) == 1 else None


def shown(shape: Shape) -> str:
    """Describe a shape in a few words."""
    if shape.cycle:
        return f"{shape.cycle.reference.rpartition('/')[2]} again"
    if shape.values is not None:
        values = ", ".join(sorted(map(str, shape.values)))
        text = f"one of {values}" + (" or others" if shape.is_open else "")
        return f"{text} or null" if shape.nullable else text
    if shape.types == ANY:
        return "anything"
    return " or ".join(sorted(shape.types)) or "nothing"
