"""Schemas reduced to what a value may look like: types, values, bounds, fields, items.

Two schemas that allow the same values get the same `Shape`, however they are spelt: through
references, `allOf` around one, `nullable`, `anyOf` with null, a `const` or an `enum` of one value.
Descriptions, examples, defaults, formats and extensions do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from contract.document import Document

ANY = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
OTHER = ("pattern", "multipleOf", "uniqueItems")
BOUNDS = (*LOWER, *UPPER, *OTHER)


@frozen
class Field:
    """A field of an object."""

    shape: Shape
    required: bool


@frozen
class Shape:
    """What a value may look like.

    Attributes:
        types: The JSON types, ``null`` among them.
        values: The known values, or None where there is no list of them.
        is_open: Other values than the known ones are allowed as well.
        bounds: Lengths, ranges and the like.
        items: What an array holds, or None.
        fields: The fields of an object.
        variants: Objects told apart by the fixed value of one field, by that value.
        extra: What other fields may hold, or None where anything goes; False where none may be.
        cycle: The reference at which a recursive schema closes, or None.
    """

    types: frozenset[str] = ANY
    values: frozenset[object] | None = None
    is_open: bool = False
    bounds: Mapping[str, object] = field(factory=dict)
    items: Shape | None = None
    fields: Mapping[str, Field] = field(factory=dict)
    variants: Mapping[str, Shape] = field(factory=dict)
    extra: Shape | bool | None = None
    cycle: str | None = None

    @property
    def nullable(self) -> bool:
        """Say whether null is allowed."""
        return "null" in self.types


def shape_of(schema: object, document: Document, seen: tuple[str, ...] = ()) -> Shape:
    """Reduce a schema to its shape."""
    if not isinstance(schema, Mapping):
        return Shape() if schema is not False else Shape(types=frozenset())
    shape = _own(schema, document, seen)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        shape = both(shape, _referred(reference, document, seen))
    for part in _list(schema, "allOf"):
        shape = both(shape, shape_of(part, document, seen))
    for name in ("anyOf", "oneOf"):
        parts = [shape_of(part, document, seen) for part in _list(schema, name)]
        shape = both(shape, either(parts)) if parts else shape
    if schema.get("nullable") is True:
        shape = evolve(shape, types=shape.types | {"null"})
    return shape


def _list(schema: Mapping[str, object], name: str) -> list[object]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _referred(reference: str, document: Document, seen: tuple[str, ...]) -> Shape:
    if reference in seen:
        return Shape(types=frozenset({"object"}), cycle=reference.rpartition("/")[2])
    return shape_of(document.resolve(reference), document, (*seen, reference))


def _own(schema: Mapping[str, object], document: Document, seen: tuple[str, ...]) -> Shape:
    values = _values(schema)
    types = _types(schema, values)
    items = schema.get("items")
    required = set(cast("list[str]", _list(schema, "required")))
    properties = cast("Mapping[str, object]", schema.get("properties") or {})
    extra = schema.get("additionalProperties")
    named = {name: shape_of(value, document, seen) for name, value in properties.items()}
    missing = {name: Shape() for name in sorted(required) if name not in named}
    return Shape(
        types=types,
        values=None if values is None else values - {None},
        bounds={name: schema[name] for name in BOUNDS if name in schema},
        items=None if items is None else shape_of(items, document, seen),
        fields={name: Field(shape, name in required) for name, shape in (named | missing).items()},
        extra=shape_of(extra, document, seen)
        if isinstance(extra, Mapping) and extra
        else None
        if extra is not False
        else False,
    )


def _values(schema: Mapping[str, object]) -> frozenset[object] | None:
    if "const" in schema:
        return frozenset([_hashable(schema["const"])])
    found = schema.get("enum")
    return frozenset(map(_hashable, found)) if isinstance(found, list) else None


def _hashable(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _types(schema: Mapping[str, object], values: frozenset[object] | None) -> frozenset[str]:
    given = schema.get("type")
    if isinstance(given, str):
        types = {given}
    elif isinstance(given, list):
        types = set(given)
    elif values is not None:
        types = {_type_of(value) for value in values}
    elif "properties" in schema or "additionalProperties" in schema:
        types = {"object"}
    elif "items" in schema:
        types = {"array"}
    else:
        return ANY
    return frozenset(types | ({"null"} if values is not None and None in values else set()))


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def both(one: Shape, other: Shape) -> Shape:
    """Join two shapes that hold together, as in `allOf`."""
    types = _common(one.types, other.types)
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
        types=types,
        values=values,
        is_open=one.is_open or other.is_open,
        bounds={**one.bounds, **other.bounds},
        items=one.items if other.items is None else other.items,
        fields=fields,
        variants={**one.variants, **other.variants},
        extra=one.extra if other.extra is None else other.extra,
        cycle=one.cycle or other.cycle,
    )


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
    types = frozenset().union(*(shape.types for shape in shapes))
    types = types - {"integer"} if "number" in types else types
    objects = [shape for shape in shapes if "object" in shape.types]
    arrays = [shape.items or Shape() for shape in shapes if "array" in shape.types]
    listed, is_open = _known_values(shapes)
    variants = _variants(objects)
    return Shape(
        types=types,
        values=listed,
        is_open=is_open,
        bounds=_loosest(shapes),
        items=either(arrays) if len(arrays) > 1 else next(iter(arrays), None),
        fields={} if variants else _merged(objects),
        variants=variants,
        extra=next((shape.extra for shape in objects if shape.extra is not None), None),
        cycle=next((shape.cycle for shape in shapes if shape.cycle), None),
    )


def _known_values(shapes: list[Shape]) -> tuple[frozenset[object] | None, bool]:
    """Collect known values; they are open where another scalar of their type has no list."""
    listed = [shape for shape in shapes if shape.values is not None]
    if not listed:
        return None, False
    values = frozenset().union(*(shape.values or frozenset() for shape in listed))
    kinds = frozenset().union(*(shape.types for shape in listed)) - {"null"}
    free = [shape for shape in shapes if shape.values is None and shape.types & kinds]
    return values, bool(free) or any(shape.is_open for shape in listed)


def _loosest(shapes: list[Shape]) -> dict[str, object]:
    """Keep a bound that every alternative of its type has, in its loosest form."""
    found: dict[str, object] = {}
    for name in BOUNDS:
        concerned = [shape for shape in shapes if shape.types & _TYPES_OF_BOUND[name]]
        values = [shape.bounds[name] for shape in concerned if name in shape.bounds]
        if values and len(values) == len(concerned):
            numbers = [value for value in values if isinstance(value, int | float)]
            loosest = min(numbers) if name in LOWER and numbers else values[0]
            found[name] = max(numbers) if name in UPPER and numbers else loosest
    return found


_TYPES_OF_BOUND: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern"), frozenset({"string"})),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems"), frozenset({"array"})),
    **dict.fromkeys(("minProperties", "maxProperties"), frozenset({"object"})),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        frozenset({"number", "integer"}),
    ),
}


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
        return f"{shape.cycle} again"
    if shape.values is not None:
        values = ", ".join(sorted(map(str, shape.values)))
        text = f"one of {values}" + (" or others" if shape.is_open else "")
        return f"{text} or null" if shape.nullable else text
    if shape.types == ANY:
        return "anything"
    return " or ".join(sorted(shape.types)) or "nothing"
