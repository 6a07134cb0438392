"""A matrix of the caller's, checked before anything is written into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openrouter_embeddings._base import arguments

if TYPE_CHECKING:
    from openrouter_embeddings._base.types import Vectors


def checked_matrix(argument: str, value: object, rows: int) -> Vectors:
    """Check a matrix that vectors are to be written into; one in a file (`numpy.memmap`) is one.

    Args:
        argument: What it is called.
        value: The matrix.
        rows: How many rows it must have.

    Raises:
        ConfigurationError: It is no float32 of shape ``(rows, width)`` whose rows stand one behind
            the other, each without gaps, and can be written.
    """
    if not isinstance(value, np.ndarray):
        raise arguments.bad_type(argument, "a float32 matrix of numpy's, or None", value)
    problem = _problem(value, rows)
    if problem is not None:
        raise arguments.bad_value(argument, problem, (str(value.dtype), value.shape))
    return value


def _problem(matrix: Vectors, rows: int) -> str | None:
    if matrix.dtype != np.float32:
        return "must be of float32, in the byte order of this machine"
    if matrix.ndim != 2 or len(matrix) != rows or not matrix.shape[1]:
        return f"must be of shape ({rows}, width), a row for each input"
    between, within = matrix.strides
    if matrix.size and (within != matrix.itemsize or between < matrix.shape[1] * within):
        return "must have rows without gaps, one behind the other (order='C')"
    if not matrix.flags.aligned:
        return "must stand at addresses that are multiples of 4"
    return None if matrix.flags.writeable else "must be writable"
