"""Whether the numbers of a reply can be what a model gave, by their values alone. Pure.

Base64 says nothing of the type of its numbers. Bytes of another type, or in another order, are
float32 values too, and of a width that nobody may have asked for. They show in the exponents:

- The numbers of a vector lie within a few powers of two of each other: nine tenths of those of a
  normal distribution within 2**4, of a very uneven one (log-normal, sigma 2) within 2**8. Read in
  the wrong byte order, or from int8, float64 or float16, they are spread over 2**24 and more.
- They are neither astronomically large nor small: a model's are between 1e-12 and 1e9.
- The lower half of a float32 is noise, or zero where the number was widened from 16 bits. Of two
  16-bit numbers that stand side by side (bfloat16, float16), it is a number like the upper one.
- No model gives zero in every other place; a float64 that was widened from float16 does.

What cannot be told: float32 values in another order of the vector, or times a factor within these
bounds; and types of which so few numbers came that they could be chance.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors

LEAST, MOST = 1e-12, 1e9
"""Between these stands the largest number of a vector; norms of 1e-5 to 1e5 are well inside."""

_SAMPLE = 1_024  # numbers: enough for a percentile, and looked at in some 30 us
_ENOUGH = 16  # numbers: a spread of fewer says nothing
_SPREAD = 20  # powers of two between the 10th and the 90th percentile; see above for what is usual
_SHARE = 0.8  # of lower halves that look like upper ones; noise is below a half in any case
_CHANCE = 1e-9  # that so many lower halves look like the upper ones although they are noise


def find_wrong_type(matrix: Vectors) -> str | None:
    """Say why the numbers of a reply cannot be float32 values of a model, or return None.

    Args:
        matrix: The vectors as they were decoded from base64, little-endian float32 of shape
            ``(n, width)``; they need not be finite.
    """
    bits = _take_sample(matrix).view(np.uint32)
    exponents = (bits >> 23) & 0xFF
    if _is_usual(bits, exponents):
        return None
    exponents = exponents[(bits & 0x7FFFFFFF) != 0]
    if _are_pairs(bits):
        return "each looks like two numbers of 16 bits"
    if len(exponents) < _ENOUGH:
        return None
    if _is_spread(exponents):
        return "their exponents are spread as those of no model are"
    if matrix.shape[1] % 2 == 0 and not (bits[::2] & 0x7FFFFFFF).any():
        return "every other number is zero"
    return None


def _is_usual(bits: NDArray[np.integer[Any]], exponents: NDArray[np.integer[Any]]) -> bool:
    """Say of nearly all vectors that nothing of it can be: by ends, where it takes percentiles.

    Without a zero or a subnormal, within that spread from end to end, and with lower halves that
    look like upper ones in too few places even by their whole range. It takes half as long.
    """
    least, most = int(exponents.min()), int(exponents.max())
    if not 0 < least <= most <= least + _SPREAD:
        return False
    first, last = least >> 3, most >> 3
    alike = ((bits >> 10) & 0x1F) - np.uint32(first)  # what is below wraps round
    inside = int(np.count_nonzero(alike <= np.uint32(last - first)))
    return inside < _SHARE * int(np.count_nonzero(bits & 0xFFFF))


def _take_sample(matrix: Vectors) -> Vectors:
    """Take whole vectors from all over the matrix, as many as are needed."""
    count, width = matrix.shape
    wanted = max(1, min(count, _SAMPLE // max(width, 1)))
    even = _SAMPLE - _SAMPLE % 2
    return np.ascontiguousarray(matrix[:: -(-count // wanted), :even]).reshape(-1)


def _is_spread(exponents: NDArray[np.integer[Any]]) -> bool:
    low, high = len(exponents) // 10, len(exponents) - 1 - len(exponents) // 10
    ordered = np.partition(exponents, (low, high))
    return int(ordered[high]) - int(ordered[low]) > _SPREAD


def _are_pairs(bits: NDArray[np.integer[Any]]) -> bool:
    """Compare the lower halves with the upper ones by the five bits behind the sign."""
    lower = bits[(bits & 0xFFFF) != 0]
    if len(lower) < _ENOUGH // 2:
        return False
    upper = (lower >> 26) & 0x1F
    edge = len(upper) // 20
    ordered = np.partition(upper, (edge, len(upper) - 1 - edge))
    first, last = int(ordered[edge]), int(ordered[len(upper) - 1 - edge])
    if ((last - first + 1) / 32) ** (_SHARE * len(lower)) > _CHANCE:
        return False
    alike = (lower >> 10) & 0x1F
    return int(np.count_nonzero((alike >= first) & (alike <= last))) >= _SHARE * len(alike)


_COMPARED = 200  # letters and digits of a text; models are fed with prefixes that are longer
_MOST_ALIKE = 2  # inputs of one vector: two may really mean the same


def is_one_for_all(matrix: Vectors, inputs: Iterable[object]) -> bool:
    """Recognise one and the same vector for three or more inputs that have little in common.

    Args:
        matrix: The vectors, float32 of shape ``(n, width)``.
        inputs: What they are for, in the same order.
    """
    if len(matrix) <= _MOST_ALIKE or not (matrix[0] == matrix[-1]).all():
        return False
    if not (matrix == matrix[0]).all():
        return False
    seen = set[object]()
    for value in inputs:
        seen.add(_words(value) if isinstance(value, str) else repr(value))
        if len(seen) > _MOST_ALIKE:
            return True
    return False


def _words(text: str) -> frozenset[str]:
    """Take the words among the first letters and digits, case apart."""
    left, words = _COMPARED, list[str]()
    for match in re.finditer(r"\w+", text.casefold()):
        words.append(match[0][:left])
        left -= len(match[0])
        if left <= 0:
            break
    return frozenset(words)
