"""The vector contract: decode the vectors of a reply into one float32 matrix, or say what is wrong.

A wrong vector is worse than none, since nobody sees it. So a matrix leaves this module only if
there is one vector for each input, and it is known which belongs to which. A vector in it is good
or has a `Fault`: it is good if

- it has the width of the others, the requested one if one was requested;
- every number is finite, and not all are zero;
- base64 text holds whole little-endian float32 values, of a size that a model can give.

How a vector is decoded follows from the JSON type that came, never from what was asked for:
services answer a base64 request with numbers, and the other way round.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

import numpy as np
import pybase64
from attrs import frozen

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._request.plausibility import LEAST, MOST, find_wrong_type
from openrouter_embeddings.errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors

_FLOATS = np.dtype("<f4")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")  # RFC 4648 section 5
_SENT = "input was sent", "inputs were sent"
_ASKED = "dimension was asked for", "dimensions were asked for"
_TOGETHER = 1024 * 1024  # characters that are decoded at once


def find_order(indexes: Sequence[object], count: int) -> list[int]:
    """Find out which input each item of a reply belongs to.

    Args:
        indexes: The ``index`` of each item as sent, None where it is absent.
        count: How many inputs were sent.

    Returns:
        For each item of the reply, the position of its input.

    Raises:
        VectorError: The count is wrong, or the indexes contradict themselves.
    """
    if len(indexes) != count:
        message = f"{counted(count, *_SENT)} and {counted(len(indexes), 'vector')} came back."
        raise VectorError(message, vectors=len(indexes))
    if set(map(type, indexes)) == {int} and indexes == list(range(count)):
        return list(range(count))
    present = [index for index in indexes if index is not None]
    if _says_nothing(present, count):
        return list(range(count))
    numbers = [_checked_index(index, count) for index in present]
    missing = set(range(count)).difference(numbers)
    if len(missing) != count - len(numbers):
        message = f"Two vectors of the reply claim the same index: {sorted(numbers)[:20]}."
        raise VectorError(message)
    return _fill_gap(indexes, missing)


def _says_nothing(present: Sequence[object], count: int) -> bool:
    """Recognise servers that send no index, or 0 with every vector."""
    return not present or (count > 1 and len(present) == count and all(i == 0 for i in present))


def _checked_index(index: object, count: int) -> int:
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count:
        return index
    message = f"A vector of the reply claims index {index!r}, and {counted(count, *_SENT)}."
    raise VectorError(message)


def _fill_gap(indexes: Sequence[object], missing: set[int]) -> list[int]:
    """Complete the indexes where the absent ones can only mean one thing."""
    if len(missing) == 1:
        (only,) = missing
        return [only if index is None else cast("int", index) for index in indexes]
    moved = [index for place, index in enumerate(indexes) if index not in (None, place)]
    if missing and moved:
        message = f"The vectors are out of order and {len(missing)} of them carry no index."
        raise VectorError(message)
    return [place if index is None else cast("int", index) for place, index in enumerate(indexes)]


@frozen
class Fault:
    """What is wrong with one vector of a reply.

    Attributes:
        problem: Why it cannot be trusted, in words.
        undecodable: It is the base64 text that cannot be what it claims; numbers may still be had.
        implausible: It can be read, as numbers that no model gives: it may be of another type, and
            so may others of its reply that do not look like it.
    """

    problem: str
    undecodable: bool = False
    implausible: bool = False


def make_matrix(
    embeddings: Sequence[object], rows: Sequence[int], dimensions: int | None
) -> tuple[Vectors, dict[int, Fault]]:
    """Decode the vectors of a reply.

    Args:
        embeddings: Each vector as sent: a list of numbers, or base64 text.
        rows: The row of the result that each vector belongs to.
        dimensions: The width that was asked for, or None.

    Returns:
        The vectors, float32 of shape ``(len(embeddings), width)``; and by their rows those that
        cannot be trusted, whose numbers mean nothing.

    Raises:
        VectorError: None of them can be used.
    """
    matrix = _decode_together(embeddings, rows)
    if matrix is None:
        return _decode_singly(embeddings, rows, dimensions)
    wrong = find_wrong_type(matrix)
    if wrong is not None:
        raise _wrong_type(matrix.shape[1], wrong)
    _check_width(matrix.shape[1], dimensions, as_text=True)
    return matrix, _find_faults(matrix, plausible=True)


def _check_width(width: int, dimensions: int | None, *, as_text: bool) -> None:
    """Refuse another width than was asked for; numbers of another type have one too, as text."""
    if dimensions is not None and width != dimensions:
        message = f"{counted(dimensions, *_ASKED)} and vectors of {width} came back."
        raise VectorError(message, undecodable=as_text)


def _wrong_type(width: int, why: str) -> VectorError:
    message = f"The {width} numbers of a vector are no float32 values as base64: {why}."
    return VectorError(message, undecodable=True)


def _decode_together(embeddings: Sequence[object], rows: Sequence[int]) -> Vectors | None:
    """Decode base64 texts many at a time.

    pybase64 lets other threads run during each call, and where there are others, waiting for one's
    turn again after every row takes a hundred times as long as the row.

    Padding ends a text, so it is replaced: the number in front of it decodes as before, and the
    bytes that come behind it are left out.

    Returns:
        None where one of them is not whole base64 text of the same length; then nothing can be said
        about any, and they are to be decoded in another way.
    """
    if not embeddings or not set(map(type, embeddings)) <= {str}:
        return None
    texts = cast("Sequence[str]", embeddings)
    length, padding = len(texts[0]), texts[0][-2:].count("=")
    size = length // 4 * 3 - padding
    if not size or size % _FLOATS.itemsize or set(map(len, texts)) != {length}:
        return None
    matrix = np.empty((len(texts), size // _FLOATS.itemsize), dtype=_FLOATS)
    cells, step = matrix.view(np.uint8), max(1, _TOGETHER // length)
    for start in range(0, len(texts), step):
        chosen = rows[start : start + step]
        raw = _join_bytes(texts[start : start + len(chosen)], padding)
        if raw is None:
            return None
        cells[as_index(chosen)] = np.frombuffer(raw, np.uint8).reshape(len(chosen), -1)[:, :size]
    return matrix.astype(np.float32, copy=False)


def _join_bytes(texts: Sequence[str], padding: int) -> bytes | None:
    joined, tail = "".join(texts), "=" * padding
    if padding:
        ended = [text.endswith(tail) for text in texts]
        if joined.count("=") != padding * len(texts) or not all(ended):
            return None
        joined = joined.replace("=", "A")
    try:
        raw = pybase64.b64decode(joined, validate=True)
    except ValueError:
        return None
    return raw if 4 * len(raw) == 3 * len(joined) else None


def as_index(rows: Sequence[int]) -> slice | Sequence[int]:
    """Write neighbours as a slice, which is copied faster."""
    first, last = rows[0], rows[-1] + 1
    return slice(first, last) if list(rows) == list(range(first, last)) else rows


def _decode_singly(
    embeddings: Sequence[object], rows: Sequence[int], dimensions: int | None
) -> tuple[Vectors, dict[int, Fault]]:
    """Decode vectors of any form one by one."""
    found = dict(zip(rows, map(decode, embeddings), strict=True))
    width = _usual_width(found)
    matrix, faults = np.full((len(found), width), np.nan, np.float32), dict[int, Fault]()
    for row, vector in found.items():
        if isinstance(vector, Fault):
            faults[row] = vector
        elif len(vector) != width:
            faults[row] = Fault(f"has {counted(len(vector), 'dimension')}, others {width}")
        else:
            matrix[row] = vector
    texts = [row for row, item in zip(rows, embeddings, strict=True) if isinstance(item, str)]
    decoded = matrix[[row for row in texts if row not in faults]]
    wrong = find_wrong_type(decoded) if len(decoded) else None
    if wrong is not None:
        raise _wrong_type(width, wrong)
    _check_width(width, dimensions, as_text=bool(texts))
    return matrix, _find_faults(matrix, plausible=bool(texts)) | faults


def _usual_width(found: Mapping[int, NDArray[np.float32] | Fault]) -> int:
    """Return the width that most of the vectors have."""
    widths = Counter(len(vector) for vector in found.values() if not isinstance(vector, Fault))
    if widths:
        return widths.most_common(1)[0][0]
    if not found:
        message = "The reply has no vectors."
        raise VectorError(message, vectors=0)
    raise make_error(cast("Mapping[int, Fault]", found))


def make_row_error(fault: Fault) -> VectorError:
    """Make the error for the vector of one input, which is known otherwise."""
    return VectorError(f"The vector {fault.problem}.", undecodable=fault.undecodable)


def make_error(faults: Mapping[int, Fault]) -> VectorError:
    """Make the error for vectors of a reply that cannot be trusted, by their rows."""
    row = min(faults)
    more = f" {len(faults) - 1} more of the reply are bad." if len(faults) > 1 else ""
    return VectorError(
        f"The vector of input {row} {faults[row].problem}.{more}",
        rows=tuple(sorted(faults)),
        undecodable=any(fault.undecodable for fault in faults.values()),
    )


def decode(embedding: object) -> NDArray[np.float32] | Fault:
    """Decode one vector by the JSON type that came.

    Returns:
        Little-endian float32 of shape ``(width,)``, which can be a read-only view; or what is wrong
        with it, where it is neither numbers nor base64 of whole float32 values.
    """
    if isinstance(embedding, str):
        return _decode_text(embedding)
    if isinstance(embedding, list):
        return _decode_numbers(embedding)
    return Fault(f"is {_shown(embedding)}, not numbers or base64")


def _decode_text(text: str) -> NDArray[np.float32] | Fault:
    """Decode base64, of the URL-safe alphabet and without padding as well (RFC 4648)."""
    if not text:
        return Fault("is empty", undecodable=True)
    try:
        raw = _decode_base64(text.encode("ascii"))
    except ValueError:
        return Fault(f"is not base64: {_shown(text)}", undecodable=True)
    if len(raw) % _FLOATS.itemsize:
        return Fault(
            f"holds {counted(len(raw), 'byte')}, not whole float32 values", undecodable=True
        )
    return np.frombuffer(raw, dtype=_FLOATS)


def _decode_base64(text: bytes) -> bytes:
    if b"=" not in text:
        text += b"=" * (-len(text) % 4)
    if not (b"+" in text or b"/" in text):
        text = text.translate(_URL_SAFE)
    return pybase64.b64decode(text, validate=True)


def _decode_numbers(numbers: list[object]) -> NDArray[np.float32] | Fault:
    if not numbers:
        return Fault("is empty")
    if not set(map(type, numbers)) <= {int, float}:
        odd = next(value for value in numbers if type(value) not in (int, float))
        return Fault(f"holds {_shown(odd)}, which is not a number")
    with np.errstate(over="ignore"):
        try:
            return np.array(numbers, dtype=np.float64).astype(_FLOATS)
        except OverflowError:
            return Fault("holds a number too large for float32")


def _find_faults(matrix: Vectors, *, plausible: bool) -> dict[int, Fault]:
    """Find vectors that are not finite, all zeros, or of a size that no model gives.

    One pass over squares is enough for nearly all vectors; the others are looked at again.
    """
    with np.errstate(all="ignore"):
        squares = np.vecdot(matrix, matrix)
    good = (squares > LEAST**2) & (squares < MOST**2)
    if good.all():
        return {}
    found = ((int(row), _find_fault(matrix[row], plausible)) for row in np.flatnonzero(~good))
    return {row: fault for row, fault in found if fault is not None}


def _find_fault(vector: NDArray[np.float32], plausible: bool) -> Fault | None:  # noqa: FBT001 - private
    if not np.isfinite(vector).all():
        return Fault("holds a number that is not finite")
    largest = float(np.abs(vector).max())
    if largest == 0:
        return Fault("is all zeros")
    if plausible and not LEAST < largest < MOST:
        problem = f"has numbers as large as {largest:.1e} as base64"
        return Fault(problem, undecodable=True, implausible=True)
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
