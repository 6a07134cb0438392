"""What tells vectors apart: a key over everything that a vector depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.environment import DEFAULT_BASE_URL
from openrouter_embeddings._base.sources import canonical_source
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY_BYTES = 16  # among 2**40 inputs two keys are equal once in 2**49; longer ones cost memory
_VERSION = 2
_SETS = {"only", "ignore", "quantizations"}  # `order` is the one list whose order means something
_NO_MATTER = {"user", "session_id", "trace", "encoding_format"}


class KeyMaker:
    """Makes the keys of inputs for one kind of request; equal keys: one vector serves for both."""

    def __init__(
        self,
        *,
        model: str,
        source: str | None = None,
        dimensions: int | None = None,
        input_type: str | None = None,
        provider: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        nameless: bool = False,
    ) -> None:
        """Fix everything but the input.

        Args:
            model: The model's id.
            source: The base URL that requests go to, or a name in its place; None for the service.
            dimensions: The width that is asked for, or None.
            input_type: What the inputs are for, or None: queries and documents differ.
            provider: The routing preferences of the requests, all of them, or None.
            extra_body: More fields of the body, which have the last word; or None.
            nameless: Whether the vectors are to be of one provider, whose name nobody has said.

        Raises:
            ConfigurationError: Something is no text, or cannot be written as JSON.
        """
        where = DEFAULT_BASE_URL if source is None else source
        fields = {"model": model, "dimensions": dimensions, "input_type": input_type}
        given = {name: value for name, value in fields.items() if value is not None}
        more = {} if extra_body is None else arguments.json_mapping("extra_body", extra_body)
        body = given | {"provider": provider or {}} | more
        settings = [_VERSION, canonical_source(where), _canonical(body)]
        # Beside the body, which may hold anything: no other request has such a key.
        settings += ["nameless"] if nameless else []
        prefix = _json("the request", settings)
        start = len(prefix).to_bytes(8, "little") + prefix
        self._prefix = blake2b(start, digest_size=KEY_BYTES)

    def key(self, item: object) -> bytes:
        """Return the key of one input as the contract has it: 16 bytes of BLAKE2b."""
        return self.keys([item])[0]

    def keys(self, items: Iterable[object]) -> list[bytes]:
        """Return the keys of many inputs.

        Raises:
            ConfigurationError: An input cannot be sent.
        """
        copy, found = self._prefix.copy, []
        for item in items:
            hasher = copy()
            if isinstance(item, str):
                try:
                    hasher.update(b"t" + item.encode())
                except UnicodeEncodeError:
                    arguments.text("item", item)
                    raise
            else:
                hasher.update(b"j" + _json("item", item))
            found.append(hasher.digest())
        return found


def _json(argument: str, value: object) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        message = f"{argument} cannot be written as JSON: {exc}."
        raise ConfigurationError(message, argument=argument) from exc


def _canonical(body: Mapping[str, object]) -> dict[str, object]:
    """Leave out what decides no vector, and write preferences that mean the same in one way."""
    plain = {name: value for name, value in body.items() if name not in _NO_MATTER}
    provider = plain.get("provider")
    if isinstance(provider, Mapping):
        plain["provider"] = {
            name: _preference(name, value) for name, value in provider.items() if value is not None
        }
    return plain


def _preference(name: str, value: object) -> object:
    if name in _SETS and isinstance(value, list | tuple):
        return sorted({_json(f"provider.{name}", each).decode() for each in value})
    if isinstance(value, Mapping) and name != "options":
        return {inner: _amount(each) for inner, each in value.items() if each is not None}
    return _amount(value)


def _amount(value: object) -> object:
    """Write amounts that are equal in one way: 1, 1.0 and the decimal text 1.00."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    try:
        return str(Decimal(str(value)).normalize())
    except (ArithmeticError, ValueError):  # a text that is no number, or more digits than fit
        return value
