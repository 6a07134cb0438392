"""What is wrong with a reply by the contract, judged from its bytes alone. Pure.

Nothing of the client is used here: a fault that both shared would be seen by none.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Fits = Callable[[str, object], str | None]

# What stands in front of a service answers with pages of its own.
_GATEWAYS = {502, 503, 504, 520, 521, 522, 523, 524, 529}


@frozen
class RawReply:
    """One reply as it came, or why none did.

    Attributes:
        status: The HTTP status, 0 where no complete reply came.
        content_type: The media type without its parameters, in lower case.
        body: The body.
        failure: Why no complete reply came, or None.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    failure: str | None = None


@frozen(eq=False)
class Judged:
    """What a reply is by the contract.

    Attributes:
        problems: What is wrong: the name of the rule, and what was found.
        refusal: Why the service refused, where it did so by the contract; or None.
        vectors: float32 of shape ``(n, width)`` in the order of the inputs, where all is right.
        payload: The decoded body, or None.
    """

    problems: Sequence[tuple[str, str]] = ()
    refusal: str | None = None
    vectors: NDArray[np.float32] | None = None
    payload: Mapping[str, object] | None = None


def judge(reply: RawReply, schema: str, fits: Fits) -> Judged:
    """Judge a reply but for its vectors.

    Args:
        reply: The reply.
        schema: The name of the schema of a success.
        fits: Checks a value against a schema; returns what does not fit, or None.
    """
    if reply.failure is not None:
        return Judged([("complete reply", reply.failure)])
    if 300 <= reply.status < 400 or reply.status < 200:
        return Judged([("status", f"{reply.status}, which the contract does not know")])
    payload = _decode(reply.body)
    error = _error_in(payload)
    if reply.status >= 300 or error is not None:
        return _judge_refusal(reply, payload, fits)
    problems = []
    if reply.content_type != "application/json":
        problems.append(("content type", f"{reply.content_type or 'none'}, not application/json"))
    if not isinstance(payload, dict):
        return Judged([*problems, ("JSON object", f"the body begins {reply.body[:60]!r}")])
    problem = fits(schema, payload)
    problems += [] if problem is None else [("schema of the reply", problem)]
    return Judged(problems, payload=payload)


def _decode(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error_in(payload: object) -> Mapping[str, object] | str | None:
    """Find the error in a decoded body, in either envelope or as a bare text."""
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, str) and error:
        return error
    if isinstance(error, dict) and (error or "data" not in payload):
        return cast("dict[str, object]", error)
    return "the reply says that it failed" if payload.get("success") is False else None


def _judge_refusal(reply: RawReply, payload: object, fits: Fits) -> Judged:
    if not isinstance(payload, dict):
        if reply.status in _GATEWAYS:
            return Judged(refusal=f"{reply.status}, a page of what stands in front of the service")
        found = f"{reply.status} with a body that begins {reply.body[:60]!r}"
        return Judged([("body of the error", found)])
    problem = fits("ErrorResponse", payload)
    if problem is not None:
        return Judged([("schema of the error", f"{reply.status}: {problem}")])
    error = _error_in(payload)
    words = error if isinstance(error, str) else dict(error or {}).get("message")
    return Judged(refusal=f"{reply.status}: {words or 'no reason'}", payload=payload)


def judge_vectors(reply: RawReply, count: int, dimensions: int | None, fits: Fits) -> Judged:
    """Judge the reply to a request for vectors.

    Args:
        reply: The reply.
        count: How many inputs were sent.
        dimensions: The width that was asked for, or None.
        fits: Checks a value against a schema.
    """
    found = judge(reply, "EmbeddingsResponse", fits)
    if found.payload is None or found.refusal is not None:
        return found
    data = found.payload.get("data")
    items = data if isinstance(data, list) else []
    problems = [*found.problems, *_judge_count(items, count)]
    if len(items) != count or not all(isinstance(item, dict) for item in items):
        return Judged(problems, payload=found.payload)
    vectors, wrong = _decode_vectors(items)
    problems += [*_indexes(items, count), *wrong, *_widths(vectors, dimensions), *_numbers(vectors)]
    if problems:
        return Judged(problems, payload=found.payload)
    matrix = np.stack([vectors[row] for row in _rows(items)])
    return Judged(vectors=matrix, payload=found.payload)


def _judge_count(items: Sequence[object], count: int) -> Iterator[tuple[str, str]]:
    if len(items) != count:
        yield "one vector for each input", f"inputs: {count}, vectors: {len(items)}"


def _index(item: object) -> object:
    return cast("Mapping[str, object]", item).get("index")


def _indexes(items: Sequence[object], count: int) -> Iterator[tuple[str, str]]:
    found = [_index(item) for item in items]
    given = [index for index in found if index is not None]
    if given and (len(given) != count or sorted(map(str, given)) != sorted(map(str, range(count)))):
        yield "index", f"inputs: {count}, indexes: {found[:8]}"


def _rows(items: Sequence[object]) -> list[int]:
    """Return the item of each input in order."""
    found = [_index(item) for item in items]
    if None in found:
        return list(range(len(items)))
    return sorted(range(len(items)), key=lambda place: cast("int", found[place]))


def _decode_vectors(
    items: Sequence[object],
) -> tuple[list[NDArray[np.float32]], list[tuple[str, str]]]:
    vectors: list[NDArray[np.float32]] = []
    wrong: list[tuple[str, str]] = []
    for place, item in enumerate(items):
        vector = _decode_vector(cast("Mapping[str, object]", item).get("embedding"))
        if vector is None:
            wrong.append(("numbers or base64", f"the vector of input {place} is neither"))
        else:
            vectors.append(vector)
    return vectors, wrong


def _decode_vector(embedding: object) -> NDArray[np.float32] | None:
    """Decode numbers, or base64 of whole float32 values; None for anything else."""
    try:
        if isinstance(embedding, str):
            return np.frombuffer(b64decode(embedding, validate=True), dtype="<f4")
        if isinstance(embedding, list) and set(map(type, embedding)) <= {int, float}:
            return np.array(embedding, dtype=np.float64).astype("<f4")
    except (ValueError, OverflowError):
        return None
    return None


def _widths(
    vectors: Sequence[NDArray[np.float32]], dimensions: int | None
) -> Iterator[tuple[str, str]]:
    widths = sorted({len(vector) for vector in vectors})
    if len(widths) > 1:
        yield "one width", f"vectors of {widths} numbers in one reply"
    elif dimensions is not None and widths not in ([], [dimensions]):
        yield "width that was asked for", f"{widths[0]}, and {dimensions} was asked for"
    elif widths == [0]:
        yield "one width", "vectors without numbers"


def _numbers(vectors: Sequence[NDArray[np.float32]]) -> Iterator[tuple[str, str]]:
    for place, vector in enumerate(vectors):
        if not np.isfinite(vector).all():
            yield "finite numbers", f"the vector of input {place} holds others"
        elif len(vector) and not vector.any():
            yield "no zero vectors", f"the vector of input {place} is one"
