"""Faults of the data: order, count, width, numbers and encoding of the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pybase64
from attrs import evolve

from openrouter_embeddings.testing._answers import fault
from openrouter_embeddings.testing._refusals import no_successful_provider, status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings.testing._answers import Answer, Healthy

    Item = dict[str, object]
    Vector = NDArray[np.float32]

__all__ = [
    "absent_index",
    "another_alphabet",
    "another_type",
    "base64_despite_float",
    "duplicate_index",
    "empty_data",
    "extra_fields",
    "extra_vector",
    "floats_despite_base64",
    "index_out_of_range",
    "infinity",
    "junk_base64",
    "leading_whitespace",
    "missing_index",
    "missing_vector",
    "mixed_widths",
    "nan",
    "new_enum_values",
    "null_embedding",
    "null_numbers",
    "null_usage",
    "ok",
    "one_for_all",
    "one_vector",
    "refuses_base64",
    "reordered",
    "short_base64",
    "text_numbers",
    "wrong_content_type",
    "wrong_width",
    "zero_vector",
]


@fault(violates=False)
def ok(healthy: Healthy, padding: str = "") -> Answer:
    """Answer healthily, after white space if `padding` has any."""
    return evolve(healthy, padding=padding or healthy.padding).answer()


@fault(violates=False)
def leading_whitespace(healthy: Healthy) -> Answer:
    """Answer healthily after the white space with which the service keeps connections alive."""
    return evolve(healthy, padding="\n         \n" * 40).answer()


@fault(violates=False)
def reordered(healthy: Healthy) -> Answer:
    """Reverse the vectors, each with its right index."""
    return healthy.answer(healthy.items()[::-1])


@fault(violates=False)
def absent_index(healthy: Healthy) -> Answer:
    """Leave the index out, the order being right."""
    return healthy.answer([_without_index(item) for item in healthy.items()])


@fault(violates=False)
def missing_index(healthy: Healthy) -> Answer:
    """Leave out the index that is 0, as some providers do."""
    first, *others = healthy.items()
    return healthy.answer([_without_index(first), *others])


def _without_index(item: Item) -> Item:
    return {key: value for key, value in item.items() if key != "index"}


@fault()
def duplicate_index(healthy: Healthy) -> Answer:
    """Give two vectors the index of the last."""
    first, *others = healthy.items()
    return healthy.answer([first | {"index": len(others)}, *others])


@fault()
def index_out_of_range(healthy: Healthy) -> Answer:
    """Count from 1."""
    items = healthy.items()
    return healthy.answer([item | {"index": n} for n, item in enumerate(items, start=1)])


@fault()
def missing_vector(healthy: Healthy) -> Answer:
    """Leave the last vector out."""
    return healthy.answer(healthy.items()[:-1])


@fault()
def extra_vector(healthy: Healthy) -> Answer:
    """Send the last vector twice."""
    items = healthy.items()
    return healthy.answer([*items, *items[-1:]])


@fault()
def empty_data(healthy: Healthy) -> Answer:
    """Send no vectors at all."""
    return healthy.answer([])


@fault()
def nan(healthy: Healthy) -> Answer:
    """Put NaN into the last vector."""
    return _with_last_number(healthy, float("nan"))


@fault()
def infinity(healthy: Healthy) -> Answer:
    """Put infinity into the last vector."""
    return _with_last_number(healthy, float("inf"))


def _with_last_number(healthy: Healthy, number: float) -> Answer:
    *others, last = healthy.vectors
    return _with_vectors(healthy, [*others, np.append(last[:-1], np.float32(number))])


def _with_vectors(healthy: Healthy, vectors: Sequence[Vector]) -> Answer:
    return evolve(healthy, vectors=vectors).answer()


@fault()
def zero_vector(healthy: Healthy) -> Answer:
    """Make the last vector all zeros."""
    *others, last = healthy.vectors
    return _with_vectors(healthy, [*others, last * 0])


@fault()
def mixed_widths(healthy: Healthy) -> Answer:
    """Make the last vector shorter than the others, or wrong in width if it is the only one."""
    *others, last = healthy.vectors
    shorter = last[:-1]
    return _with_vectors(healthy, [*others, shorter] if others else [shorter, shorter])


@fault()
def wrong_width(healthy: Healthy) -> Answer:
    """Ignore the dimensions that were asked for."""
    return _with_vectors(healthy, [np.append(each, each[:1]) for each in healthy.vectors])


@fault(violates=False)
def floats_despite_base64(healthy: Healthy) -> Answer:
    """Send numbers whatever was asked for."""
    return healthy.answer(healthy.items("float"))


@fault(violates=False)
def base64_despite_float(healthy: Healthy) -> Answer:
    """Send base64 whatever was asked for."""
    return healthy.answer(healthy.items("base64"))


@fault(violates=False)
def refuses_base64(healthy: Healthy, how: Literal["empty", "error", "400"] = "empty") -> Answer:
    """Fail as models without base64 do, and answer healthily when numbers are asked for."""
    refusals = {
        "empty": empty_data(),
        "error": no_successful_provider(),
        "400": status(400, "Unsupported parameter: encoding_format"),
    }
    return (refusals[how] if healthy.asked == "base64" else ok()).apply(healthy)


def _with_last_embedding(healthy: Healthy, embedding: object) -> Answer:
    *others, last = healthy.items()
    return healthy.answer([*others, last | {"embedding": embedding}])


@fault()
def junk_base64(healthy: Healthy) -> Answer:
    """Send text that is no base64."""
    return _with_last_embedding(healthy, "!!not base64!!")


@fault()
def short_base64(healthy: Healthy) -> Answer:
    """Send base64 of a number of bytes that is not whole float32 values."""
    return _with_last_embedding(healthy, "AACAPwAA")


ElementType = Literal[
    "float64", "float16", "bfloat16", "int8", "big-endian", "hex", "url-safe", "unpadded"
]


@fault(violates=False)
def another_type(healthy: Healthy, kind: ElementType = "float64") -> Answer:
    """Send base64 of numbers of another type, and answer healthily when numbers are asked for."""
    if healthy.asked != "base64":
        return healthy.answer()
    items = healthy.items()
    texts = [_encode(vector, kind) for vector in healthy.vectors]
    return healthy.answer([i | {"embedding": t} for i, t in zip(items, texts, strict=True)])


@fault(violates=False)
def another_alphabet(healthy: Healthy) -> Answer:
    """Send base64 of the URL-safe alphabet, without padding."""
    return another_type("url-safe").apply(healthy)


def _encode(vector: Vector, kind: ElementType) -> str:
    if kind == "hex":
        return vector.tobytes().hex()
    if kind in {"url-safe", "unpadded"}:
        text = pybase64.b64encode(vector.tobytes(), b"-_" if kind == "url-safe" else None)
        return text.decode().rstrip("=")
    return pybase64.b64encode(_TYPES[kind](vector).tobytes()).decode()


_TYPES: Mapping[str, Callable[[Vector], NDArray[Any]]] = {
    "float64": lambda vector: vector.astype("<f8"),
    "float16": lambda vector: vector.astype("<f2"),
    "bfloat16": lambda vector: (vector.view(np.uint32) >> 16).astype("<u2"),
    "int8": lambda vector: np.clip(np.round(vector * 127), -128, 127).astype(np.int8),
    "big-endian": lambda vector: vector.astype(">f4"),
}


@fault()
def one_vector(healthy: Healthy) -> Answer:
    """Send one vector for any list of inputs, their mean, as some models do."""
    return _with_vectors(healthy, [np.asarray(healthy.vectors).mean(axis=0, dtype=np.float32)])


@fault()
def one_for_all(healthy: Healthy) -> Answer:
    """Send the vector of the first input for each of them."""
    return _with_vectors(healthy, [healthy.vectors[0]] * len(healthy.vectors))


@fault()
def text_numbers(healthy: Healthy) -> Answer:
    """Send numbers as texts."""
    return _with_last_embedding(healthy, ["0.5", "0.5"])


@fault()
def null_numbers(healthy: Healthy) -> Answer:
    """Send null among the numbers."""
    return _with_last_embedding(healthy, [0.5, None])


@fault()
def null_embedding(healthy: Healthy) -> Answer:
    """Send null in place of a vector."""
    return _with_last_embedding(healthy, None)


@fault(violates=False)
def new_enum_values(healthy: Healthy) -> Answer:
    """Use values that no client has heard of."""
    items = [item | {"object": "embedding.v2"} for item in healthy.items()]
    return healthy.answer(items, object="list.v2", provider="Provider Of Tomorrow")


@fault(violates=False)
def extra_fields(healthy: Healthy) -> Answer:
    """Add fields that no client has heard of."""
    items = [item | {"norm": 1.0, "notes": {"deep": [1]}} for item in healthy.items()]
    return healthy.answer(items, novelty={"since": 2027})


@fault(violates=False)
def null_usage(healthy: Healthy) -> Answer:
    """Send null wherever the contract allows it."""
    return healthy.answer(usage=None, provider=None, id=None, model=None)


@fault(violates=False)
def wrong_content_type(healthy: Healthy) -> Answer:
    """Call JSON plain text."""
    return evolve(healthy.answer(), content_type="text/plain")
