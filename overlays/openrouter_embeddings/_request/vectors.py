"""The vector contract: decode the vectors of a reply into one float32 matrix, or say what is wrong.

A wrong vector is worse than none, since nobody sees it. So a matrix leaves this module only if

- there is one vector for each input, and it is known which belongs to which;
- all have one width, the requested one if one was requested;
- every number is finite, and no vector is all zeros;
- base64 text holds whole little-endian float32 values.

How a vector is decoded follows from the JSON type that came, never from what was asked for:
services answer a base64 request with numbers, and the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pybase64

from openrouter_embeddings.errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FLOATS = np.dtype("<f4")
_FEW = 8  # so many vectors are looked at faster number by number
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
        message = f"{count} inputs were sent and {len(indexes)} vectors came back."
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
    message = f"A vector of the reply claims index {index!r}, and {count} inputs were sent."
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


def make_matrix(
    embeddings: Sequence[object], rows: Sequence[int], dimensions: int | None
) -> NDArray[np.float32]:
    """Decode the vectors of a reply.

    Args:
        embeddings: Each vector as sent: a list of numbers, or base64 text.
        rows: The row of the result that each vector belongs to.
        dimensions: The width that was asked for, or None.

    Returns:
        The vectors, float32 of shape ``(len(embeddings), width)``.

    Raises:
        VectorError: A vector cannot be trusted; the message names its position among the inputs.
    """
    width = _read_width(embeddings[0], rows[0]) if embeddings else 0
    if dimensions is not None and width != dimensions:
        message = f"{dimensions} dimensions were asked for and vectors of {width} came back."
        raise VectorError(message)
    matrix = np.empty((len(embeddings), width), dtype=_FLOATS)
    if not _decode_together(embeddings, rows, matrix):
        _decode_singly(embeddings, rows, matrix)
    native = matrix.astype(np.float32, copy=False)
    check(native)
    return native


def _decode_together(
    embeddings: Sequence[object], rows: Sequence[int], matrix: NDArray[np.float32]
) -> bool:
    """Decode base64 texts many at a time.

    pybase64 lets other threads run during each call, and where there are others, waiting for one's
    turn again after every row takes a hundred times as long as the row.

    Padding ends a text, so it is replaced: the number in front of it decodes as before, and the
    bytes that come behind it are left out.

    Returns:
        False where one of them is not whole base64 text of the usual length; then nothing can be
        said about any, and the matrix is to be filled in another way.
    """
    count, width = matrix.shape
    size = width * _FLOATS.itemsize
    length, padding = 4 * -(-size // 3), -size % 3
    if not set(map(type, embeddings)) <= {str} or set(map(len, embeddings)) != {length}:  # type: ignore[arg-type]  # all are texts
        return False
    texts, cells = cast("Sequence[str]", embeddings), matrix.view(np.uint8)
    step = max(1, _TOGETHER // length)
    for start in range(0, count, step):
        chosen = rows[start : start + step]
        raw = _joined_bytes(texts[start : start + len(chosen)], padding)
        if raw is None:
            return False
        cells[as_index(chosen)] = np.frombuffer(raw, np.uint8).reshape(len(chosen), -1)[:, :size]
    return True


def _joined_bytes(texts: Sequence[str], padding: int) -> bytes | None:
    joined, tail = "".join(texts), "=" * padding
    if padding:
        if joined.count("=") != padding * len(texts) or not all(t.endswith(tail) for t in texts):
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
    embeddings: Sequence[object], rows: Sequence[int], matrix: NDArray[np.float32]
) -> None:
    for row, embedding in zip(rows, embeddings, strict=True):
        values = decode(embedding, row)
        if len(values) != matrix.shape[1]:
            message = (
                f"The vector of input {row} has {len(values)} dimensions, others {matrix.shape[1]}."
            )
            raise VectorError(message)
        matrix[row] = values


def _read_width(embedding: object, row: int) -> int:
    width = len(decode(embedding, row))
    if width == 0:
        message = f"The vector of input {row} is empty."
        raise VectorError(message)
    return width


def decode(embedding: object, row: int) -> NDArray[np.float32]:
    """Decode one vector by the JSON type that came.

    Returns:
        Little-endian float32 of shape ``(width,)``; it can be a read-only view.

    Raises:
        VectorError: It is neither numbers nor base64 of whole float32 values.
    """
    if isinstance(embedding, str):
        return _decode_text(embedding, row)
    if isinstance(embedding, list):
        return _decode_numbers(embedding, row)
    message = f"The vector of input {row} is {_shown(embedding)}, not numbers or base64."
    raise VectorError(message)


def _decode_text(text: str, row: int) -> NDArray[np.float32]:
    try:
        raw = pybase64.b64decode(text, validate=True)
    except ValueError as exc:
        message = f"The vector of input {row} is not base64: {_shown(text)}."
        raise VectorError(message) from exc
    if len(raw) % _FLOATS.itemsize:
        message = f"The vector of input {row} holds {len(raw)} bytes, not whole float32 values."
        raise VectorError(message)
    return np.frombuffer(raw, dtype=_FLOATS)


def _decode_numbers(numbers: list[object], row: int) -> NDArray[np.float32]:
    if not set(map(type, numbers)) <= {int, float}:
        odd = next(value for value in numbers if type(value) not in (int, float))
        message = f"The vector of input {row} holds {_shown(odd)}, which is not a number."
        raise VectorError(message)
    with np.errstate(over="ignore"):
        try:
            return np.array(numbers, dtype=np.float64).astype(_FLOATS)
        except OverflowError as exc:
            message = f"The vector of input {row} holds a number too large for float32."
            raise VectorError(message) from exc


def check(matrix: NDArray[np.float32]) -> None:
    """Refuse vectors that are not finite, or all zeros.

    Raises:
        VectorError: The message names the first input concerned.
    """
    if len(matrix) > _FEW:
        # One pass for nearly all vectors; very large and very small numbers are looked at again.
        with np.errstate(all="ignore"):
            squares = np.vecdot(matrix, matrix)
        if ((squares > 0) & (squares < np.inf)).all():
            return
    finite = np.isfinite(matrix)
    if not finite.all():
        row = int(np.argmin(finite.all(axis=1)))
        message = f"The vector of input {row} holds a number that is not finite."
        raise VectorError(message)
    filled = matrix.any(axis=1)
    if not filled.all():
        message = f"The vector of input {int(np.argmin(filled))} is all zeros."
        raise VectorError(message)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
