"""Differences brought into `openapi.yaml`: comments, order and our own words stay as they are.

What is new gets the description `TO_DESCRIBE`, which `tests/contract/test_document.py` refuses: a
person has to write it. What cannot be done by rule is left, and said.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from contract.document import Document
from contract.operations import node_of, operations_of
from contract.shapes import BOUNDS, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from contract.differences import Difference

TO_DESCRIBE = "(to be described)"
_STEP = re.compile(r"^\.|^\[\]$|^<.*>$|^\{\}$")
_SCALARS = ("string", "number", "integer", "boolean")


class ByHandError(Exception):
    """A difference that a person has to bring in."""


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


@define(eq=False)
class Editor:
    """A contract that is being edited.

    Attributes:
        root: The document, with its comments.
        theirs: The document that the differences lead to.
    """

    root: CommentedMap
    theirs: Document
    _document: Document = field(init=False)

    def __attrs_post_init__(self) -> None:
        """See the tree as a document too."""
        self._document = Document(self.root, "openapi.yaml")

    @classmethod
    def of(cls, text: str, theirs: Document) -> Editor:
        """Begin with the text of a contract."""
        return cls(_yaml().load(text), theirs)

    def text(self) -> str:
        """Write the contract."""
        out = io.StringIO()
        _yaml().dump(self.root, out)
        return out.getvalue()

    def apply(self, difference: Difference, theirs: Shape | None) -> None:
        """Bring one difference in.

        Args:
            difference: What differs.
            theirs: What the place looks like in the other document, where that is a schema.

        Raises:
            ByHandError: A person has to do it.
        """
        work = self._works().get(difference.what)
        if work is None and difference.what.rpartition(" ")[0] in BOUNDS:
            work = self._bound
        if work is None:
            raise ByHandError
        work(difference, theirs)

    def _works(self) -> Mapping[str, Callable[[Difference, Shape | None], None]]:
        return {
            "field added": self._field_added,
            "required field added": self._field_added,
            "field removed": self._field_removed,
            "became required": self._became_required,
            "no longer required": self._not_required,
            "value added": self._value_added,
            "value removed": self._value_removed,
            "null added": self._null_added,
            "null removed": self._null_removed,
            "type changed": self._type_changed,
            "status added": self._status_added,
            "status removed": self._status_removed,
            "parameter added": self._parameter_added,
            "required parameter added": self._parameter_added,
            "parameter removed": self._parameter_removed,
        }

    def _operation(self, difference: Difference) -> Any:  # noqa: ANN401 - a tree of YAML
        method, _, path = difference.operation.partition(" ")
        return node_of(self._document, method, path)[1]

    def _followed(self, node: Any) -> Any:  # noqa: ANN401
        return self._document.followed(node)

    def _start(self, difference: Difference) -> Any:  # noqa: ANN401
        """Find the schema in which the path of a difference begins."""
        operation = self._operation(difference)
        if difference.part == "body":
            owner = self._followed(operation["requestBody"])
        elif difference.part == "parameters":
            return self._parameter(operation, difference.path[0])["schema"]
        else:
            status = re.split(r",? to |, ", difference.part)[0]
            owner = self._followed(operation["responses"][status])
        return owner["content"]["application/json"]["schema"]

    def _parameter(self, operation: Any, name: str) -> Any:  # noqa: ANN401
        for each in operation.get("parameters", ()):
            node = self._followed(each)
            found = node["name"].lower() if node["in"] == "header" else node["name"]
            if f"{node['in']} {found}" == name:
                return node
        raise ByHandError

    def _schemas(self, node: Any) -> list[Any]:  # noqa: ANN401
        """Collect the schemas that a schema is made of, references followed."""
        node = self._followed(node)
        found = [node]
        for name in ("allOf", "anyOf", "oneOf"):
            for part in node.get(name, ()):
                found += self._schemas(part)
        return found

    def _at(self, difference: Difference, path: tuple[str, ...]) -> list[Any]:
        """Find the schemas at the end of a path."""
        steps = [step for step in path if _STEP.match(step)]
        if len(steps) + (difference.part == "parameters") != len(path):
            raise ByHandError
        schemas = self._schemas(self._start(difference))
        for step in steps:
            schemas = [each for schema in schemas for each in self._next(schema, step)]
        if not schemas:
            raise ByHandError
        return schemas

    def _next(self, schema: Any, step: str) -> list[Any]:  # noqa: ANN401
        if step == "[]":
            return self._schemas(schema["items"]) if "items" in schema else []
        if step == "{}":
            extra = schema.get("additionalProperties")
            return self._schemas(extra) if isinstance(extra, Mapping) else []
        if step.startswith("<"):
            return [schema] if _has_mark(schema, step[1:-1]) else []
        properties = schema.get("properties", {})
        return self._schemas(properties[step[1:]]) if step[1:] in properties else []

    def _owner(self, difference: Difference) -> tuple[Any, str]:
        """Find the object that a field belongs to, and the field's name."""
        if not difference.path or not difference.path[-1].startswith("."):
            raise ByHandError
        name = difference.path[-1][1:]
        objects = [
            schema
            for schema in self._at(difference, difference.path[:-1])
            if "properties" in schema or schema.get("type") == "object"
        ]
        having = [schema for schema in objects if name in schema.get("properties", {})]
        found = having or objects
        if not found:
            raise ByHandError
        return found[0], name

    def _field_added(self, difference: Difference, theirs: Shape | None) -> None:
        owner, name = self._owner(difference)
        if theirs is None:
            raise ByHandError
        properties = owner.setdefault("properties", CommentedMap())
        is_reply = difference.side == "reply"
        properties[name] = self._written(theirs, name, is_reply=is_reply, described=True)
        if difference.what.startswith("required") and not is_reply:
            self._require(owner, name)

    def _field_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        owner, name = self._owner(difference)
        owner["properties"].pop(name, None)
        self._no_longer_require(owner, name)

    def _became_required(self, difference: Difference, _theirs: Shape | None) -> None:
        if difference.part == "parameters":
            name = difference.path[0]
            self._parameter(self._operation(difference), name)["required"] = True
            return
        self._require(*self._owner(difference))

    def _not_required(self, difference: Difference, _theirs: Shape | None) -> None:
        if difference.part == "parameters":
            name = difference.path[0]
            self._parameter(self._operation(difference), name).pop("required", None)
            return
        self._no_longer_require(*self._owner(difference))

    @staticmethod
    def _require(owner: Any, name: str) -> None:  # noqa: ANN401
        if "required" not in owner:
            required = CommentedSeq()
            required.fa.set_flow_style()
            place = list(owner).index("properties") if "properties" in owner else len(owner)
            owner.insert(place, "required", required)
        if name not in owner["required"]:
            owner["required"].append(name)

    @staticmethod
    def _no_longer_require(owner: Any, name: str) -> None:  # noqa: ANN401
        if name in owner.get("required", ()):
            owner["required"].remove(name)
            if not owner["required"]:
                del owner["required"]

    def _listed(self, difference: Difference) -> Any:  # noqa: ANN401
        found = [each for each in self._at(difference, difference.path) if "enum" in each]
        if len(found) != 1:
            raise ByHandError
        return found[0]["enum"]

    def _value_added(self, difference: Difference, _theirs: Shape | None) -> None:
        self._listed(difference).append(difference.new)

    def _value_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        values = self._listed(difference)
        if difference.old not in values or len(values) == 1:
            raise ByHandError
        values.remove(difference.old)

    def _null_added(self, difference: Difference, _theirs: Shape | None) -> None:
        found = self._at(difference, difference.path)
        if len(found) != 1 or found[0].get("type") not in _SCALARS or "enum" in found[0]:
            raise ByHandError
        types = CommentedSeq([found[0]["type"], "null"])
        types.fa.set_flow_style()
        found[0]["type"] = types

    def _null_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        found = self._at(difference, difference.path)
        types = found[0].get("type")
        if len(found) != 1 or not isinstance(types, list) or len(types) != 2:
            raise ByHandError
        found[0]["type"] = next(each for each in types if each != "null")

    def _type_changed(self, difference: Difference, theirs: Shape | None) -> None:
        found = self._at(difference, difference.path)
        types = theirs.types if theirs is not None else frozenset()
        if len(found) != 1 or not types <= {*_SCALARS, "null"} or "type" not in found[0]:
            raise ByHandError
        found[0]["type"] = _type_word(types)

    def _bound(self, difference: Difference, theirs: Shape | None) -> None:
        name = difference.what.rpartition(" ")[0]
        found = [each for each in self._at(difference, difference.path) if "type" in each]
        holding = [each for each in found if name in each] or found
        if len(holding) != 1 or theirs is None:
            raise ByHandError
        if name in theirs.bounds:
            holding[0][name] = theirs.bounds[name]
        else:
            holding[0].pop(name, None)

    def _status_added(self, difference: Difference, _theirs: Shape | None) -> None:
        responses = self._operation(difference)["responses"]
        status = difference.new
        if not status.isdigit() or status.startswith("2"):
            raise ByHandError
        reference = CommentedMap({"$ref": "#/components/schemas/ErrorResponse"})
        media = CommentedMap({"application/json": CommentedMap({"schema": reference})})
        reply = CommentedMap({"description": TO_DESCRIBE, "content": media})
        name = f"Status{status}"
        self.root["components"]["responses"].setdefault(name, reply)
        later = [place for place, each in enumerate(responses) if str(each) > status]
        place = later[0] if later else len(responses)
        key = _quoted(status)
        responses.insert(place, key, CommentedMap({"$ref": f"#/components/responses/{name}"}))

    def _status_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        del self._operation(difference)["responses"][difference.old]

    def _parameter_added(self, difference: Difference, theirs: Shape | None) -> None:
        operation = self._operation(difference)
        place, _, shown = difference.path[0].partition(" ")
        if theirs is None:
            raise ByHandError
        key = _pascal(shown)
        parameter = CommentedMap({"name": shown, "in": place})
        if difference.what.startswith("required"):
            parameter["required"] = True
        parameter["description"] = TO_DESCRIBE
        parameter["schema"] = self._written(theirs, shown, is_reply=False, described=False)
        self.root["components"]["parameters"][key] = parameter
        reference = CommentedMap({"$ref": f"#/components/parameters/{key}"})
        operation.setdefault("parameters", CommentedSeq()).append(reference)

    def _parameter_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        parameters = self._operation(difference)["parameters"]
        gone = self._parameter(self._operation(difference), difference.path[0])
        for place, each in enumerate(parameters):
            if self._followed(each) is gone:
                del parameters[place]
                return

    def _written(self, shape: Shape, name: str, *, is_reply: bool, described: bool) -> CommentedMap:
        """Write a shape by the rules of the contract (see its head)."""
        schema = CommentedMap()
        types = shape.types - {"null"}
        if shape.variants or shape.cycle or (len(types) > 1 and not types <= set(_SCALARS)):
            raise ByHandError
        if types == {"object"} and shape.fields:
            schema = self._component(shape, name, is_reply=is_reply)
            if shape.nullable:
                schema = CommentedMap(
                    {"anyOf": CommentedSeq([schema, CommentedMap({"type": _quoted("null")})])}
                )
                if described:
                    schema.insert(0, "description", TO_DESCRIBE)
            return schema
        if shape.values is not None and is_reply:
            values = CommentedSeq(sorted(map(str, shape.values)))
            known = CommentedMap({"type": "string", "enum": values})
            kinds = [known, CommentedMap({"type": "string"})]
            kinds += [CommentedMap({"type": _quoted("null")})] if shape.nullable else []
            schema["anyOf"] = CommentedSeq(kinds)
        else:
            schema["type"] = _type_word(shape.types)
            if shape.values is not None:
                schema["enum"] = CommentedSeq(sorted(shape.values, key=str))
        if shape.items is not None:
            schema["items"] = self._written(
                shape.items, f"{name}_item", is_reply=is_reply, described=False
            )
        schema.update({key: shape.bounds[key] for key in BOUNDS if key in shape.bounds})
        if described:
            schema["description"] = TO_DESCRIBE
        return schema

    def _component(self, shape: Shape, name: str, *, is_reply: bool) -> CommentedMap:
        """Give an object a name of its own under `components`."""
        schemas = self.root["components"]["schemas"]
        key = _pascal(name)
        if key in schemas:
            raise ByHandError
        node = CommentedMap({"type": "object", "description": TO_DESCRIBE})
        schemas[key] = node
        required = [each for each, found in shape.fields.items() if found.required]
        if required and not is_reply:
            node["required"] = CommentedSeq(required)
            node["required"].fa.set_flow_style()
        node["properties"] = CommentedMap(
            {
                each: self._written(found.shape, each, is_reply=is_reply, described=True)
                for each, found in shape.fields.items()
            }
        )
        return CommentedMap({"$ref": f"#/components/schemas/{key}"})


def _has_mark(schema: Any, mark: str) -> bool:  # noqa: ANN401
    return any(each.get("const") == mark for each in schema.get("properties", {}).values())


def _type_word(types: frozenset[str]) -> Any:  # noqa: ANN401 - a word or a list of them
    names = [*sorted(types - {"null"}), *(["null"] if "null" in types else [])]
    if len(names) == 1:
        return names[0]
    words = CommentedSeq([_quoted(name) if name == "null" else name for name in names])
    words.fa.set_flow_style()
    return words


def _quoted(text: str) -> str:
    quoted: str = SingleQuotedScalarString(text)
    return quoted


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def shape_at(difference: Difference, operations: Mapping[str, Any]) -> Shape | None:
    """Find what the place of a difference looks like in the other document."""
    operation = operations[difference.operation]
    path = list(difference.path)
    if difference.part == "parameters":
        found = operation.parameters.get(path.pop(0))
        shape: Shape | None = found.shape if found else None
    elif difference.part == "body":
        shape = operation.content.get("application/json")
    else:
        reply = operation.replies.get(re.split(r",? to |, ", difference.part)[0])
        shape = reply.content.get("application/json") if reply else None
    for step in path:
        shape = _inner(shape, step) if shape is not None else None
    return shape


def _inner(shape: Shape, step: str) -> Shape | None:
    if step == "[]":
        return shape.items
    if step == "{}":
        return shape.extra if isinstance(shape.extra, Shape) else None
    if step.startswith("<"):
        return shape.variants.get(step[1:-1])
    found = shape.fields.get(step[1:]) if step.startswith(".") else None
    return found.shape if found else None


def applied(path: Path, found: list[Difference], theirs: Document) -> list[Difference]:
    """Bring differences into a contract.

    Args:
        path: The contract.
        found: The differences.
        theirs: The document that they lead to.

    Returns:
        Those that a person has to bring in.
    """
    editor = Editor.of(path.read_text(encoding="utf-8"), theirs)
    operations = {each.name: each for each in operations_of(theirs)}
    left: list[Difference] = []
    for each in found:
        try:
            editor.apply(each, shape_at(each, operations))
        except ByHandError:
            left.append(each)
    path.write_text(editor.text(), encoding="utf-8")
    return left
