"""Objects that raise from everything, and a strategy of values that nobody means."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from hypothesis import strategies


class Hostile:
    """Raises from everything that Python may ask it."""

    def _fail(self, *_):
        raise ZeroDivisionError

    __repr__ = __str__ = __index__ = __float__ = __len__ = __iter__ = __bool__ = _fail
    __contains__ = __getitem__ = keys = _fail


class Sneaky(Hostile):
    """Has every attribute, and each raises."""

    def __getattr__(self, name):
        raise ZeroDivisionError


class Text(str):
    """A text whose methods cannot be trusted."""

    __slots__ = ()
    __str__ = __repr__ = __len__ = encode = strip = lower = Hostile._fail


class Number(int):
    """A number whose methods cannot be trusted."""

    __slots__ = ()
    __repr__ = __index__ = __float__ = __lt__ = __gt__ = Hostile._fail


class Pairs(dict):
    """A mapping that cannot be read."""

    keys = items = __iter__ = Hostile._fail


class Row(list):
    """A list that cannot be read."""

    __iter__ = __len__ = __getitem__ = Hostile._fail


FIXED = [
    *(None, True, False, 0, 1, -1, 0.5, -0.5, math.nan, math.inf, -math.inf, 1e300, 2**63),
    *(10**400, -(10**400), 10**5000, Decimal("1e999999"), Decimal("NaN"), Number(3), 3j, ...),
    *(np.int64(3), np.float32(0.5), np.bool_(1), np.str_("a"), np.array([1, 2]), np.array("a")),
    *(np.array([["a"]]), np.float64("nan"), np.array([], dtype=object), np.datetime64("nat")),
    *("", " ", "a", "a ", "\n", "\x00", "\ud800", "日本", "a" * 5000, Text("a"), "\x1b[2J", "1"),
    *(b"", b"a", bytearray(b"a"), memoryview(b"a"), [], (), {}, set(), [1], ["a"], [None], [[]]),
    *([["a"]], [[1], ["a"]], {"a": 1}, {1: 2}, {"a": math.nan}, {"a": {"b": {1}}}, {"content": []}),
    *({"content": [{"type": "text"}]}, Row(["a"]), Pairs(a="b"), Hostile(), Sneaky(), object()),
    *(Hostile, len, range(3), {"a": "b\n"}, {"X-A": "ä"}, {"X-A": "a "}, {"Host": "a"}),
    *(
        {"TE": "a"},
        {"a b": "c"},
        {Text("X"): Text("y")},
        [Hostile()],
        [Text("a")],
        {"a": Hostile()},
    ),
]
NESTED = [[]]
for _ in range(5_000):
    NESTED = [NESTED]

values = strategies.one_of(
    strategies.sampled_from([*FIXED, NESTED]),
    strategies.text(max_size=20),
    strategies.integers(),
    strategies.floats(),
    strategies.binary(max_size=5),
    strategies.lists(strategies.sampled_from(FIXED), max_size=3),
    strategies.dictionaries(
        strategies.text(max_size=5), strategies.sampled_from(FIXED), max_size=3
    ),
)
"""Values of every type that an argument may be given."""
