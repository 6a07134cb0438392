"""Values drawn from the shapes of the contract."""

from __future__ import annotations

import functools
from pathlib import Path

from contract.document import read
from contract.operations import surface_of
from contract.shapes import ANY
from hypothesis import strategies as st

CONTRACT = Path(__file__).resolve().parents[2] / "openapi.yaml"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(2**53), 2**53)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@functools.cache
def operations():
    return surface_of(read(str(CONTRACT))).operations


def reply_shape(operation, status="200"):
    return operations()[operation].replies[status].content["application/json"]


def drawn(shape, *, unknown=False):
    """Draw values of a shape; with `unknown`, with more fields and with values nobody knows."""
    kinds = [_of_type(kind, shape, unknown) for kind in sorted(shape.types)]
    if shape.types == ANY:
        return ANYTHING
    if shape.values is not None:
        known = st.sampled_from(sorted(shape.values, key=str))
        kinds = [known, *([TEXTS] if unknown and shape.is_open else [])]
        kinds += [st.none()] if shape.nullable else []
    return st.one_of(kinds)


def _of_type(kind, shape, unknown):
    if kind == "object":
        return _object(shape, unknown)
    if kind == "array":
        return st.lists(
            drawn(shape.items, unknown=unknown) if shape.items else ANYTHING, max_size=3
        )
    simple = {
        "string": TEXTS,
        "number": NUMBERS,
        "integer": st.integers(0, 2**40),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return simple[kind]


def _object(shape, unknown):
    fields = {name: drawn(each.shape, unknown=unknown) for name, each in shape.fields.items()}
    required = {name: fields[name] for name, each in shape.fields.items() if each.required}
    optional = {name: each for name, each in fields.items() if name not in required}
    known = st.fixed_dictionaries(required, optional=optional)
    more = st.dictionaries(TEXTS.map(lambda name: f"x-{name}"), ANYTHING, max_size=2)
    return st.builds(lambda one, two: {**two, **one}, known, more) if unknown else known
