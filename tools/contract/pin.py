"""The vendor's document as it was last seen, reduced to facts: shapes without prose.

What is kept is what the two operations reach, and the names of operations beside them. The date and
the SHA-256 of the document as it came say which one it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import yaml
from attrs import frozen

from contract.document import Document, DocumentError, parsed
from contract.operations import OPERATIONS, place_of, reached, surface_of

if TYPE_CHECKING:
    from pathlib import Path

# What a person reads, and what single vendors add for their own tools.
_PROSE = {"description", "summary", "title", "example", "examples", "externalDocs", "tags"}
# Below these the keys are names that somebody chose, and no words of a schema.
_NAMED = {
    *("properties", "patternProperties", "schemas", "parameters", "responses", "headers"),
    *("requestBodies", "securitySchemes", "content", "dependentRequired", "paths"),
}
_LITERAL = {"enum", "const", "default", "required", "dependentRequired"}
_OPERATION = ("operationId", "deprecated", "security", "servers", "parameters", "requestBody")


@frozen
class Pin:
    """What is known of the document that was last seen.

    Attributes:
        document: Its facts.
        read: When it was read, ``YYYY-MM-DD``.
        digest: The SHA-256 of the document as it came.
    """

    document: Document
    read: str
    digest: str


def digest_of(text: str) -> str:
    """Name a document by its content."""
    return hashlib.sha256(text.encode()).hexdigest()


def checked_day(text: str) -> str:
    """Take a day as it is written everywhere.

    Raises:
        DocumentError: It is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        message = f"{text} is no day; write YYYY-MM-DD."
        raise DocumentError(message) from exc


def read_pin(path: Path) -> Pin | None:
    """Read the pin; None where nothing was recorded yet.

    Raises:
        DocumentError: It cannot be used.
    """
    if not path.exists():
        return None
    document = parsed(path.read_text(encoding="utf-8"), str(path))
    info = document.root.get("info")
    if not isinstance(info, Mapping) or not {"x-read", "x-sha256"} <= set(info):
        message = f"{path} says neither when it was read nor which document it was."
        raise DocumentError(message)
    return Pin(document, str(info["x-read"]), str(info["x-sha256"]))


def pin_text(document: Document, read: str, digest: str) -> str:
    """Write the facts of a document as YAML."""
    head = (
        "# The vendor's document as it was last seen, as facts. Written by `upstream --record`.\n"
    )
    root = _facts(document, {"title": "Facts", "version": "0", "x-read": read, "x-sha256": digest})
    return head + yaml.safe_dump(root, sort_keys=False, allow_unicode=True, width=100)


def _facts(document: Document, info: dict[str, str]) -> dict[str, object]:
    root: dict[str, object] = {"openapi": document.root["openapi"], "info": info}
    root |= {name: document.root[name] for name in ("servers", "security") if name in document.root}
    paths: dict[str, dict[str, object]] = {}
    for method, path in OPERATIONS:
        try:
            place = place_of(document, method, path)
        except DocumentError:
            continue
        node = paths.setdefault(place.path, {})
        kept = (*_OPERATION, "responses")
        node |= {k: _plain(place.item[k], k) for k in ("servers", "parameters") if k in place.item}
        node[method.lower()] = {
            key: _plain(place.operation[key], key) for key in kept if key in place.operation
        }
    for name in sorted(surface_of(document).beside):
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = {"responses": {}}
    root["paths"] = paths
    root["components"] = _components(document)
    return root


def _components(document: Document) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for reference in sorted(reached(document)):
        _, section, name = reference.removeprefix("#/").split("/", 2)
        key = name.replace("~1", "/").replace("~0", "~")
        found.setdefault(section, {})[key] = _plain(document.resolve(reference))
    schemes = document.root.get("components", {})
    if isinstance(schemes, Mapping) and schemes.get("securitySchemes"):
        found["securitySchemes"] = {
            name: _plain(each) for name, each in schemes["securitySchemes"].items()
        }
    return found


def _plain(value: object, name: str = "") -> object:
    """Leave prose out, but not a field that is called `description`."""
    if name in _LITERAL or not isinstance(value, Mapping | list):
        return value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if name in _NAMED:
        return {key: _plain(each) for key, each in value.items()}
    return {
        key: _plain(each, str(key))
        for key, each in value.items()
        if key not in _PROSE and not str(key).startswith("x-")
    }
