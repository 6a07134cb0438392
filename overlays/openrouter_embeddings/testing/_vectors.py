"""Faults of the data: order, count, width, numbers and encoding of the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from attrs import evolve

from openrouter_embeddings.testing._answers import fault
from openrouter_embeddings.testing._refusals import no_successful_provider, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from openrouter_embeddings.testing._answers import Answer, Fault, Healthy


def ok(padding: str = "") -> Fault:
    """Answer healthily, after white space if `padding` has any."""
    description = "a healthy reply"
    return fault(
        "ok",
        description,
        lambda healthy: evolve(healthy, padding=padding or healthy.padding).answer(),
        padding,
        violates=False,
    )


def leading_whitespace() -> Fault:
    """Answer healthily after the white space with which the service keeps connections alive."""
    padding = "\n         \n" * 40
    return fault(
        "leading_whitespace",
        "white space before the JSON text",
        lambda healthy: evolve(healthy, padding=padding).answer(),
        violates=False,
    )


def _items(
    name: str, description: str, change: Callable[[list[dict[str, object]]], object]
) -> Fault:
    def shape(healthy: Healthy) -> Answer:
        items = healthy.items()
        changed = change(items)
        return healthy.answer(items if changed is None else changed)  # type: ignore[arg-type]  # a list or None

    return fault(name, description, shape)


def reordered() -> Fault:
    """Reverse the vectors, each with its right index."""

    def shape(healthy: Healthy) -> Answer:
        return healthy.answer(healthy.items()[::-1])

    return fault("reordered", "another order, with the right index", shape, violates=False)


def absent_index() -> Fault:
    """Leave the index out, the order being right."""

    def shape(healthy: Healthy) -> Answer:
        return healthy.answer([_without(item, "index") for item in healthy.items()])

    return fault("absent_index", "no index at all", shape, violates=False)


def missing_index() -> Fault:
    """Leave out the index that is 0, as some providers do."""

    def shape(healthy: Healthy) -> Answer:
        first, *others = healthy.items()
        return healthy.answer([_without(first, "index"), *others])

    return fault("missing_index", "the index 0 left out", shape, violates=False)


def _without(item: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in item.items() if key != name}


def duplicate_index() -> Fault:
    """Give two vectors the index of the last."""
    return _items("duplicate_index", "an index twice", lambda items: items[0].update(_last(items)))


def _last(items: list[dict[str, object]]) -> dict[str, object]:
    return {"index": len(items) - 1}


def index_out_of_range() -> Fault:
    """Count from 1."""

    def change(items: list[dict[str, object]]) -> None:
        for place, item in enumerate(items):
            item["index"] = place + 1

    return _items("index_out_of_range", "an index that no input has", change)


def missing_vector() -> Fault:
    """Leave the last vector out."""
    return _items("missing_vector", "one vector too few", lambda items: items[:-1])


def extra_vector() -> Fault:
    """Send the last vector twice."""
    return _items("extra_vector", "one vector too many", lambda items: [*items, items[-1]])


def empty_data() -> Fault:
    """Send no vectors at all."""
    return _items("empty_data", "no vectors", lambda _: [])


def _vectors(
    name: str,
    description: str,
    change: Callable[[list[NDArray[np.float32]]], list[NDArray[np.float32]]],
) -> Fault:
    def shape(healthy: Healthy) -> Answer:
        copies = [vector.copy() for vector in healthy.vectors]
        return evolve(healthy, vectors=change(copies)).answer()

    return fault(name, description, shape)


def _with_number(number: float) -> Callable[[list[NDArray[np.float32]]], list[NDArray[np.float32]]]:
    def change(vectors: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        vectors[-1][-1] = number
        return vectors

    return change


def nan() -> Fault:
    """Put NaN into the last vector."""
    return _vectors("nan", "a number that is none", _with_number(float("nan")))


def infinity() -> Fault:
    """Put infinity into the last vector."""
    return _vectors("infinity", "an infinite number", _with_number(float("inf")))


def zero_vector() -> Fault:
    """Make the last vector all zeros."""
    return _vectors("zero_vector", "a vector of zeros", lambda v: [*v[:-1], v[-1] * 0])


def mixed_widths() -> Fault:
    """Make the last vector shorter than the others, or wrong in width if it is the only one."""

    def shape(healthy: Healthy) -> Answer:
        vectors = [*healthy.vectors[:-1], healthy.vectors[-1][:-1]]
        if len(vectors) == 1:
            vectors = [*vectors, *vectors]
        return evolve(healthy, vectors=vectors).answer()

    return fault("mixed_widths", "vectors of several widths", shape)


def wrong_width() -> Fault:
    """Ignore the dimensions that were asked for."""
    return _vectors(
        "wrong_width", "another width", lambda v: [np.append(one, one[:1]) for one in v]
    )


def _encoded(name: str, description: str, encoding: str) -> Fault:
    def shape(healthy: Healthy) -> Answer:
        return healthy.answer(healthy.items(encoding))

    return fault(name, description, shape, violates=False)


def floats_despite_base64() -> Fault:
    """Send numbers whatever was asked for."""
    return _encoded("floats_despite_base64", "numbers where base64 was asked for", "float")


def base64_despite_float() -> Fault:
    """Send base64 whatever was asked for."""
    return _encoded("base64_despite_float", "base64 where numbers were asked for", "base64")


def refuses_base64(how: Literal["empty", "error", "400"] = "empty") -> Fault:
    """Fail as models without base64 do, and answer healthily when numbers are asked for."""
    refusals = {
        "empty": empty_data(),
        "error": no_successful_provider(),
        "400": status(400, "Unsupported parameter: encoding_format"),
    }

    def shape(healthy: Healthy) -> Answer:
        refused = healthy.asked == "base64"
        return refusals[how].apply(healthy) if refused else healthy.answer()

    return fault("refuses_base64", "a model without base64", shape, how, violates=False)


def _embeddings(name: str, description: str, value: Callable[[object], object]) -> Fault:
    def change(items: list[dict[str, object]]) -> None:
        items[-1]["embedding"] = value(items[-1]["embedding"])

    return _items(name, description, change)


def junk_base64() -> Fault:
    """Send text that is no base64."""
    return _embeddings("junk_base64", "text that is no base64", lambda _: "!!not base64!!")


def short_base64() -> Fault:
    """Send base64 of a number of bytes that is not whole float32 values."""
    return _embeddings("short_base64", "base64 of half a number", lambda _: "AACAPwAA")


def text_numbers() -> Fault:
    """Send numbers as texts."""
    return _embeddings("text_numbers", "numbers as texts", lambda _: ["0.5", "0.5"])


def null_numbers() -> Fault:
    """Send null among the numbers."""
    return _embeddings("null_numbers", "null among the numbers", lambda _: [0.5, None])


def null_embedding() -> Fault:
    """Send null in place of a vector."""
    return _embeddings("null_embedding", "null instead of a vector", lambda _: None)


def new_enum_values() -> Fault:
    """Use values that no client has heard of."""

    def shape(healthy: Healthy) -> Answer:
        items = [item | {"object": "embedding.v2"} for item in healthy.items()]
        return healthy.answer(items, object="list.v2", provider="Provider Of Tomorrow")

    return fault("new_enum_values", "values that are new", shape, violates=False)


def extra_fields() -> Fault:
    """Add fields that no client has heard of."""

    def shape(healthy: Healthy) -> Answer:
        items = [item | {"norm": 1.0, "notes": {"deep": [1]}} for item in healthy.items()]
        return healthy.answer(items, novelty={"since": 2027})

    return fault("extra_fields", "fields that are new", shape, violates=False)


def null_usage() -> Fault:
    """Send null wherever the contract allows it."""

    def shape(healthy: Healthy) -> Answer:
        return healthy.answer(usage=None, provider=None, id=None, model=None)

    return fault("null_usage", "null for everything optional", shape, violates=False)


def wrong_content_type() -> Fault:
    """Call JSON plain text."""
    return fault(
        "wrong_content_type",
        "JSON called plain text",
        lambda healthy: evolve(healthy.answer(), content_type="text/plain"),
        violates=False,
    )
