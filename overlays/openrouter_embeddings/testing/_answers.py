"""What a fault is: a function from a healthy reply to the answer that is sent instead."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
import pybase64
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

JSON_TYPE = "application/json"
Manner = Literal["whole", "truncate", "reset_before", "reset_in", "drip", "drip_headers", "silence"]


@frozen
class Answer:
    """What the server sends, and how.

    Attributes:
        body: The body.
        status: The HTTP status.
        headers: Headers beside Content-Type and Content-Length.
        content_type: The media type.
        manner: ``"whole"``, or the way in which the transfer goes wrong.
        interval: Seconds between two bytes that drip, or that silence lasts.
        paid: Whether the service would charge for it.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    content_type: str = JSON_TYPE
    manner: Manner = "whole"
    interval: float = 0.0
    paid: bool = False


@frozen(eq=False)
class Healthy:
    """What a healthy reply is made of, before it is written.

    Attributes:
        vectors: One float32 vector for each input.
        asked: How they were asked for: ``"float"`` or ``"base64"``.
        dimensions: The width that was asked for, or None.
        envelope: The other fields of the reply.
        padding: White space before the JSON text.
    """

    vectors: Sequence[NDArray[np.float32]]
    asked: str
    dimensions: int | None
    envelope: Mapping[str, object]
    padding: str = ""

    def items(self, encoding: str | None = None) -> list[dict[str, object]]:
        """Write the items of ``data``."""
        write = _as_base64 if (encoding or self.asked) == "base64" else _as_numbers
        return [
            {"object": "embedding", "embedding": write(vector), "index": index}
            for index, vector in enumerate(self.vectors)
        ]

    def answer(self, items: Sequence[object] | None = None, **fields: object) -> Answer:
        """Write a success with the given items and changed fields."""
        data = self.items() if items is None else list(items)
        payload = {"object": "list", "data": data} | dict(self.envelope) | fields
        return Answer(self.padding.encode() + to_json(payload), paid=True)


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _as_numbers(vector: NDArray[np.float32]) -> object:
    return vector.tolist()


def _as_base64(vector: NDArray[np.float32]) -> object:
    return pybase64.b64encode_as_string(np.asarray(vector, dtype="<f4").tobytes())


@frozen
class Fault:
    """One entry of the menu, with its settings; equal settings make equal faults.

    Attributes:
        name: The name of the function that made it.
        description: What goes wrong, in one line.
        violates_contract: Whether a service that keeps its contract would never answer so.
        settings: What it was made with.
        shape: What it does to a healthy reply.
    """

    name: str
    description: str = field(eq=False)
    violates_contract: bool = field(eq=False)
    settings: tuple[object, ...]
    shape: Callable[[Healthy], Answer] = field(eq=False, repr=False)

    def apply(self, healthy: Healthy) -> Answer:
        """Make the answer that this fault gives in place of a healthy one."""
        return self.shape(healthy)


def fault(
    name: str,
    description: str,
    shape: Callable[[Healthy], Answer],
    *settings: object,
    violates: bool = True,
) -> Fault:
    return Fault(name, description, violates, settings, shape)
