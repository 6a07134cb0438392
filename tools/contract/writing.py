"""New schemas of the contract, written by its rules (see its head)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import frozen
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from contract.places import ByHandError, quoted, type_word
from contract.shapes import BOUNDS

if TYPE_CHECKING:
    from contract.shapes import Shape

TO_DESCRIBE = "(to be described)"
_SCALARS = {"string", "number", "integer", "boolean"}
_TAKEN = "a component of its name is there already"
_UNION = "a union is written by a person"


@frozen(eq=False)
class Writer:
    """Writes into a contract.

    Attributes:
        root: The document.
    """

    root: CommentedMap

    def schema(self, shape: Shape, name: str, *, is_reply: bool, described: bool) -> CommentedMap:
        """Write a schema.

        Args:
            shape: What it should allow.
            name: What to call it, where it needs a component of its own.
            is_reply: Whether it is in a reply, whose known values are open.
            described: Whether it stands where a description belongs.

        Raises:
            ByHandError: A person has to write it.
        """
        types = shape.types - {"null"}
        odd = shape.variants or shape.cycle or shape.members or set(shape.maps) - {"{}"}
        if odd or (len(types) > 1 and not types <= _SCALARS):
            raise ByHandError(_UNION)
        if types == {"object"}:
            schema = self._object(shape, name, is_reply=is_reply, described=described)
        elif shape.values is not None and (is_reply or shape.is_open):
            schema = _open_values(shape)
        else:
            schema = CommentedMap({"type": type_word(shape.types)})
            if shape.values is not None:
                schema["enum"] = _listed(shape, null=shape.nullable)
        if shape.items is not None:
            inner = self.schema(shape.items, f"{name}_item", is_reply=is_reply, described=False)
            schema["items"] = inner
        elif types == {"array"}:
            schema["items"] = CommentedMap()  # the generator wants a word on them
        if types != {"object"}:
            schema.update({key: shape.bounds[key] for key in BOUNDS if key in shape.bounds})
        if described and "$ref" not in schema:
            schema["description"] = TO_DESCRIBE
        if shape.traits.get("deprecated"):
            schema["deprecated"] = True
        return schema

    def parameter(self, shape: Shape, place: str, name: str, *, is_required: bool) -> CommentedMap:
        """Write a parameter as a component, and the reference to it."""
        key, parameters = _pascal(name), self.root["components"]["parameters"]
        if key in parameters:
            raise ByHandError(_TAKEN)
        parameter = CommentedMap({"name": name, "in": place})
        if is_required:
            parameter["required"] = True
        parameter["description"] = TO_DESCRIBE
        if shape.traits.get("deprecated"):
            parameter["deprecated"] = True
        parameter["schema"] = self.schema(shape, name, is_reply=False, described=False)
        parameter["schema"].pop("deprecated", None)
        parameters[key] = parameter
        return CommentedMap({"$ref": f"#/components/parameters/{key}"})

    def refusal(self, status: str) -> CommentedMap:
        """Write a reply with the error that all share, and the reference to it."""
        schema = CommentedMap({"$ref": "#/components/schemas/ErrorResponse"})
        media = CommentedMap({"application/json": CommentedMap({"schema": schema})})
        reply = CommentedMap({"description": TO_DESCRIBE, "content": media})
        name = f"Status{status}"
        self.root["components"]["responses"].setdefault(name, reply)
        return CommentedMap({"$ref": f"#/components/responses/{name}"})

    def _object(self, shape: Shape, name: str, *, is_reply: bool, described: bool) -> CommentedMap:
        schema = self._component(shape, name, is_reply=is_reply)
        if shape.nullable:
            null = CommentedMap({"type": quoted("null")})
            schema = CommentedMap({"anyOf": CommentedSeq([schema, null])})
            if described:
                schema.insert(0, "description", TO_DESCRIBE)
        return schema

    def _component(self, shape: Shape, name: str, *, is_reply: bool) -> CommentedMap:
        """Give an object a name of its own under `components`."""
        key, schemas = _pascal(name), self.root["components"]["schemas"]
        if key in schemas:
            raise ByHandError(_TAKEN)
        node = CommentedMap({"type": "object", "description": TO_DESCRIBE})
        schemas[key] = node
        required = [each for each, found in shape.fields.items() if found.required]
        if required and not is_reply:
            node["required"] = CommentedSeq(required)
            node["required"].fa.set_flow_style()
        if shape.fields:
            node["properties"] = CommentedMap(
                {
                    each: self.schema(found.shape, each, is_reply=is_reply, described=True)
                    for each, found in shape.fields.items()
                }
            )
        node.update({key: shape.bounds[key] for key in BOUNDS if key in shape.bounds})
        self._rest(node, shape, name, is_reply=is_reply)
        return CommentedMap({"$ref": f"#/components/schemas/{key}"})

    def _rest(self, node: Any, shape: Shape, name: str, *, is_reply: bool) -> None:  # noqa: ANN401
        """Say what other fields may hold; without a word, everything."""
        if "{}" in shape.maps:
            node["additionalProperties"] = self.schema(
                shape.maps["{}"], f"{name}_value", is_reply=is_reply, described=False
            )
        elif shape.closed and not is_reply:
            node["additionalProperties"] = False
        elif not shape.fields:
            node["additionalProperties"] = True


def _open_values(shape: Shape) -> CommentedMap:
    kinds = [
        CommentedMap({"type": type_word(shape.types - {"null"}), "enum": _listed(shape)}),
        CommentedMap({"type": type_word(shape.types - {"null"})}),
    ]
    kinds += [CommentedMap({"type": quoted("null")})] if shape.nullable else []
    return CommentedMap({"anyOf": CommentedSeq(kinds)})


def _listed(shape: Shape, *, null: bool = False) -> CommentedSeq:
    values = CommentedSeq(sorted(shape.values or (), key=str))
    if null:
        values.append(None)
    return values


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))
