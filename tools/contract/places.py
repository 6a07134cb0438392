"""Where a difference is: the schemas at its place in a contract, and the shape in a document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from contract.operations import place_of

if TYPE_CHECKING:
    from contract.differences import Difference
    from contract.document import Document
    from contract.operations import Surface
    from contract.shapes import Shape

_STEP = re.compile(r"^\.|^\[\]$|^<.*>$|^\{.*\}$")
_JSON = "application/json"
_NOWHERE = "its place is not found"


class ByHandError(Exception):
    """A difference that a person has to bring in, and why."""


def quoted(text: str) -> str:
    """Write a text in single quotes."""
    found: str = SingleQuotedScalarString(text)
    return found


def type_word(types: frozenset[str]) -> Any:  # noqa: ANN401 - a word or a list of them
    """Write the types of a schema."""
    names = [*sorted(types - {"null"}), *(["null"] if "null" in types else [])]
    if len(names) == 1:
        return quoted(names[0]) if names[0] == "null" else names[0]
    words = CommentedSeq([quoted(name) if name == "null" else name for name in names])
    words.fa.set_flow_style()
    return words


@frozen(eq=False)
class Places:
    """The places of a contract, as nodes that can be edited."""

    document: Document

    def operation(self, difference: Difference) -> Any:  # noqa: ANN401 - a tree of YAML
        """Find the operation of a difference."""
        method, _, path = difference.operation.partition(" ")
        return place_of(self.document, method, path).operation

    def reply(self, difference: Difference) -> Any:  # noqa: ANN401
        """Find the reply that a difference is in."""
        return self._followed(self.operation(difference)["responses"][difference.part])

    def parameter(self, difference: Difference) -> Any:  # noqa: ANN401
        """Find the parameter that a difference is in."""
        for each in self.operation(difference).get("parameters", ()):
            node = self._followed(each)
            found = node["name"].lower() if node["in"] == "header" else node["name"]
            if f"{node['in']} {found}" == difference.path[0]:
                return node
        raise ByHandError(_NOWHERE)

    def schemas(self, difference: Difference) -> list[Any]:
        """Find the schemas at the end of a difference's path."""
        return self._at(difference, difference.path)

    def owner(self, difference: Difference) -> tuple[Any, str]:
        """Find the one object that a field belongs to, and the field's name."""
        if not difference.path or not difference.path[-1].startswith("."):
            raise ByHandError(_NOWHERE)
        name = difference.path[-1][1:]
        objects = [
            schema
            for schema in self._at(difference, difference.path[:-1])
            if "properties" in schema or schema.get("type") == "object"
        ]
        found = [each for each in objects if name in each.get("properties", {})] or objects
        if not found:
            raise ByHandError(_NOWHERE)
        return found[0], name

    def _followed(self, node: Any) -> Any:  # noqa: ANN401
        return self.document.followed(node)

    def _start(self, difference: Difference) -> Any:  # noqa: ANN401
        """Find the schema in which the path of a difference begins."""
        if difference.part == "parameters":
            return self.parameter(difference)["schema"]
        if difference.part == "body":
            owner = self._followed(self.operation(difference)["requestBody"])
        else:
            owner = self.reply(difference)
        if difference.path and difference.path[0].startswith("header "):
            name = difference.path[0].removeprefix("header ")
            headers = {each.lower(): node for each, node in owner["headers"].items()}
            return self._followed(headers[name])["schema"]
        return owner["content"][_JSON]["schema"]

    def _parts(self, node: Any) -> list[Any]:  # noqa: ANN401
        """Collect the schemas that a schema is made of, references followed."""
        node = self._followed(node)
        found = [node]
        for name in ("allOf", "anyOf", "oneOf"):
            for part in node.get(name, ()):
                found += self._parts(part)
        return found

    def _at(self, difference: Difference, path: tuple[str, ...]) -> list[Any]:
        steps = [step for step in path if _STEP.match(step)]
        is_named = difference.part == "parameters" or any(e.startswith("header ") for e in path)
        if len(steps) + is_named != len(path):
            raise ByHandError(_NOWHERE)
        schemas = self._parts(self._start(difference))
        for step in steps:
            schemas = [each for schema in schemas for each in self._next(schema, step)]
        # A component that is reached in two ways is one place.
        unique = list({id(each): each for each in schemas}.values())
        if not unique:
            raise ByHandError(_NOWHERE)
        return unique

    def _next(self, schema: Any, step: str) -> list[Any]:  # noqa: ANN401
        if step == "[]":
            return self._parts(schema["items"]) if "items" in schema else []
        if step.startswith("{"):
            extra = schema.get("additionalProperties")
            return self._parts(extra) if isinstance(extra, Mapping) and step == "{}" else []
        if step.startswith("<"):
            return [schema] if _has_mark(schema, step[1:-1]) else []
        properties = schema.get("properties", {})
        return self._parts(properties[step[1:]]) if step[1:] in properties else []


def _has_mark(schema: Any, mark: str) -> bool:  # noqa: ANN401
    return any(
        isinstance(each, Mapping) and each.get("const") == mark
        for each in schema.get("properties", {}).values()
    )


def shape_at(difference: Difference, surface: Surface) -> Shape | None:
    """Find what the place of a difference looks like in another document; None if not there."""
    operation = surface.operations.get(difference.operation)
    if operation is None:
        return None
    path = list(difference.path)
    shape: Shape | None
    if difference.part == "parameters":
        found = operation.parameters.get(path.pop(0))
        shape = found.shape if found else None
    elif difference.part == "body":
        shape = operation.content.get(_JSON)
    else:
        reply = operation.replies.get(difference.part)
        if reply is not None and path and path[0].startswith("header "):
            header = reply.headers.get(path.pop(0).removeprefix("header "))
            shape = header.shape if header else None
        else:
            shape = reply.content.get(_JSON) if reply else None
    for step in path:
        shape = _inner(shape.opened(), step) if shape is not None else None
    return shape


def _inner(shape: Shape, step: str) -> Shape | None:
    if step == "[]":
        return shape.items
    if step.startswith("{"):
        return shape.maps.get(step)
    if step.startswith("<"):
        return shape.variants.get(step[1:-1])
    found = shape.fields.get(step[1:]) if step.startswith(".") else None
    return found.shape if found else None
