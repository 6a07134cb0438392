"""What tells vectors apart: a key over everything that a vector depends on."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_VERSION = 1


class KeyMaker:
    """Makes the keys of inputs for one model; equal keys mean that one vector serves for both."""

    def __init__(
        self,
        *,
        model: str,
        dimensions: int | None = None,
        input_type: str | None = None,
        provider: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Fix everything but the input.

        Args:
            model: The model's id.
            dimensions: The width that is asked for, or None.
            input_type: What the inputs are for, or None: queries and documents differ.
            provider: The provider that requests are pinned to, or None.
            extra: More fields of the body, which nobody knows the meaning of; or None.
        """
        settings: list[object] = [_VERSION, model, dimensions, input_type, provider]
        settings += [extra] if extra else []
        prefix = json.dumps(settings, ensure_ascii=False, sort_keys=True).encode()
        self._prefix = blake2b(len(prefix).to_bytes(8, "little") + prefix, digest_size=32)

    def key(self, item: object) -> bytes:
        """Return the key of one input as the contract has it: 32 bytes of BLAKE2b."""
        return self.keys([item])[0]

    def keys(self, items: Iterable[object]) -> list[bytes]:
        """Return the keys of many inputs."""
        copy, found = self._prefix.copy, []
        for item in items:
            hasher = copy()
            if isinstance(item, str):
                hasher.update(b"t" + item.encode())
            else:
                hasher.update(b"j" + json.dumps(item, sort_keys=True, ensure_ascii=False).encode())
            found.append(hasher.digest())
        return found
