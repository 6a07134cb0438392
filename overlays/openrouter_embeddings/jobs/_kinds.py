"""Types of columns that are read row by row: one that every value fits into, unchanged. Pure."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from attrs import define, field

# Beyond these a whole number is not itself in the type.
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
_EXACT_FLOAT = 2**53


@define(eq=False)
class Kind:
    """What the values of a column are like, as far as they were seen.

    What has one type keeps it: truth values, whole numbers of 64 bits, numbers, texts, lists and
    objects of one make. Anything else, a number of 65 bits or ids of which some are texts, is
    written as text: each value as JSON has it, and a text as it is.
    """

    _plain: set[type] = field(factory=set)
    _least: int = 0
    _most: int = 0
    _nested: list[pa.DataType] = field(factory=list)
    _odd: bool = False

    def add(self, values: list[Any]) -> None:
        """Look at some values."""
        kinds = set(map(type, values)) - {type(None)}
        self._plain |= kinds
        if int in kinds:
            whole = [value for value in values if type(value) is int]
            self._least, self._most = min(self._least, *whole), max(self._most, *whole)
        if kinds & {list, dict}:
            self._add_nested(values)

    def _add_nested(self, values: list[Any]) -> None:
        try:
            found = pa.array(values).type
            known = [pa.schema([("", one)]) for one in (*self._nested, found)]
            self._nested = [pa.unify_schemas(known, promote_options="permissive").field(0).type]
        except (pa.ArrowException, OverflowError, UnicodeError):
            self._odd = True

    @property
    def type(self) -> pa.DataType:
        """The type that all of them fit into."""
        fits_float = self._least >= -_EXACT_FLOAT and self._most <= _EXACT_FLOAT
        if not self._plain:
            return pa.null()
        if self._plain == {bool}:
            return pa.bool_()
        if self._plain == {int} and self._least >= _LEAST_INT and self._most <= _MOST_INT:
            return pa.int64()
        if self._plain == {float} or (self._plain == {int, float} and fits_float):
            return pa.float64()
        if len(self._plain) == 1 and self._nested and not self._odd:
            return self._nested[0]
        return pa.string()


def fitted(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Write the values as their column has them."""
    return [as_text(value) for value in values] if pa.types.is_string(kind) else values


def as_text(value: object) -> str | None:
    """Write a value as text: a text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
