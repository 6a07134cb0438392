"""Differences brought into `openapi.yaml`: comments, order and our own words stay as they are.

Every change proves itself: the document is compared anew, and unless what was brought in is gone,
and nothing else has come or gone, it is put back and left to a person. So a component that others
use is never edited for one of them. What is new gets the description `TO_DESCRIBE`, which a test
refuses.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from contract.decisions import as_written, grouped
from contract.differences import differences
from contract.document import Document, DocumentError
from contract.operations import place_of, surface_of
from contract.places import ByHandError, Places, quoted, shape_at, type_word
from contract.report import places
from contract.shapes import BOUNDS
from contract.writing import TO_DESCRIBE, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from contract.decisions import Decisions
    from contract.differences import Difference
    from contract.operations import Surface
    from contract.shapes import Shape

__all__ = ["TO_DESCRIBE", "ByHandError", "Editor", "Outcome", "bring_in"]

_SCALARS = ("string", "number", "integer", "boolean")
_NO_RULE = "no rule covers it"
_NOT_ALONE = "compared anew, something else has come or gone"
_OTHERWISE = "written by our rules it would be something else"


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


def written_text(root: CommentedMap) -> str:
    """Write a contract."""
    out = io.StringIO()
    _yaml().dump(root, out)
    return out.getvalue()


@frozen
class Outcome:
    """What came of bringing differences in.

    Attributes:
        text: The contract.
        done: What is in it now.
        left: What a person has to bring in, in groups, with the reason.
    """

    text: str
    done: Sequence[Difference]
    left: Sequence[tuple[Sequence[Difference], str]]


def bring_in(
    text: str, rows: Sequence[Difference], theirs: Document, decisions: Decisions
) -> Outcome:
    """Bring differences of ours from theirs into a contract.

    Args:
        text: The contract.
        rows: The differences.
        theirs: The document that they lead to.
        decisions: What may differ all the same.
    """
    surface = surface_of(theirs)
    done: list[Difference] = []
    left: list[tuple[Sequence[Difference], str]] = []
    for group in grouped(rows).values():
        waiting = [each for each in group if each not in done]
        if not waiting:
            continue
        reason = _NO_RULE
        for attempt in _attempts(waiting, [each for each in rows if each not in done]):
            try:
                text = _proved(text, attempt, surface, decisions)
            except ByHandError as error:
                # The last attempt that could be written at all says the most.
                reason = str(error) if str(error) != _NO_RULE or reason == _NO_RULE else reason
                continue
            done += attempt
            break
        else:
            left.append((waiting, reason))
    return Outcome(text, done, left)


def _attempts(group: list[Difference], rows: list[Difference]) -> list[list[Difference]]:
    """List what to try: the change alone, with its like elsewhere, with what is at its place."""
    first = group[0]
    alike = [e for e in rows if (e.what, e.old, e.new) == (first.what, first.old, first.new)]
    here = {(each.operation, each.side, each.part, each.path) for each in group}
    same = [each for each in rows if (each.operation, each.side, each.part, each.path) in here]
    found: list[list[Difference]] = []
    for attempt in (group, alike, same):
        ordered = group + [each for each in attempt if each not in group]
        if ordered not in found:
            found.append(ordered)
    return found


def _proved(text: str, attempt: Sequence[Difference], theirs: Surface, decisions: Decisions) -> str:
    """Bring differences in, and compare anew.

    Raises:
        ByHandError: They cannot be brought in, or not without anything else.
    """
    old, editor = Editor.of(text).document, Editor.of(text)
    for each in attempt:
        # One component in many places is edited once.
        if each.key in _open(editor.document, theirs, decisions):
            editor.apply(each, shape_at(each, theirs))
    new = editor.text()
    again = Editor.of(new).document
    _check_alone(old, again, attempt)
    wanted = _open(old, theirs, decisions) - {each.key for each in attempt}
    if _open(again, theirs, decisions) != wanted:
        raise ByHandError(_NOT_ALONE)
    for each in attempt:
        _check_written(each, again, theirs)
    return new


def _open(ours: Document, theirs: Surface, decisions: Decisions) -> set[tuple[str, str]]:
    """Compare with theirs; what is decided is left out."""
    try:
        found = differences(surface_of(ours), theirs)
    except DocumentError as error:
        raise ByHandError(str(error)) from error
    return {each.key for each in found if decisions.reason(each) is None}


def _check_alone(old: Document, new: Document, attempt: Sequence[Difference]) -> None:
    """Check that nothing of ours has changed but in the places that were meant."""
    meant = {(each.operation, each.side, each.part, each.path) for each in attempt}
    others = [
        each
        for each in differences(surface_of(old), surface_of(new))
        if not any(
            (each.operation, each.side, each.part, each.path[:length]) in meant
            for length in range(len(each.path) + 1)
        )
    ]
    if others:
        message = f"what it is written in serves other places too: {places(others)}"
        raise ByHandError(message)


def _check_written(difference: Difference, ours: Document, theirs: Surface) -> None:
    """Check that what is new is what they have, as our rules let it be written."""
    if not difference.what.endswith(("field added", "parameter added", "header added")):
        return
    wanted, found = shape_at(difference, theirs), shape_at(difference, surface_of(ours))
    if wanted is None or found is None:
        raise ByHandError(_OTHERWISE)
    if as_written(wanted, difference.side) != as_written(found, difference.side):
        raise ByHandError(_OTHERWISE)


@define(eq=False)
class Editor:
    """A contract that is being edited.

    Attributes:
        root: The document, with its comments.
        document: The same, to be read.
        places: Where things are in it.
        writer: What writes new schemas into it.
    """

    root: CommentedMap
    document: Document = field(init=False)
    places: Places = field(init=False)
    writer: Writer = field(init=False)

    def __attrs_post_init__(self) -> None:
        """See the tree as a document too."""
        self.document = Document(self.root, "openapi.yaml")
        self.places = Places(self.document)
        self.writer = Writer(self.root)

    @classmethod
    def of(cls, text: str) -> Editor:
        """Begin with the text of a contract."""
        return cls(_yaml().load(text))

    def text(self) -> str:
        """Write the contract."""
        return written_text(self.root)

    def apply(self, difference: Difference, theirs: Shape | None) -> None:
        """Bring one difference in.

        Args:
            difference: What differs.
            theirs: What the place looks like in the other document, where that is a schema.

        Raises:
            ByHandError: A person has to do it.
        """
        works = self._works()
        work = works.get(difference.what)
        if work is None and difference.what.endswith((" narrower", " wider")):
            work = self._bound
        if work is None:
            raise ByHandError(_NO_RULE)
        try:
            work(difference, theirs)
        except (KeyError, DocumentError) as error:
            raise ByHandError(_NO_RULE) from error

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
            "header added": self._header_added,
            "header removed": self._header_removed,
            "parameter added": self._parameter_added,
            "required parameter added": self._parameter_added,
            "parameter removed": self._parameter_removed,
            "deprecated": self._deprecated,
            "no longer deprecated": self._deprecated,
            "operationId changed": self._renamed,
        }

    def _operation(self, difference: Difference) -> Any:  # noqa: ANN401 - a tree of YAML
        method, _, path = difference.operation.partition(" ")
        return place_of(self.document, method, path).operation

    def _field_added(self, difference: Difference, theirs: Shape | None) -> None:
        owner, name = self.places.owner(difference)
        if theirs is None:
            raise ByHandError(_NO_RULE)
        is_reply = difference.side == "reply"
        schema = self.writer.schema(theirs, name, is_reply=is_reply, described=True)
        owner.setdefault("properties", CommentedMap())[name] = schema
        if difference.what.startswith("required") and not is_reply:
            self._require(owner, name)

    def _field_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        owner, name = self.places.owner(difference)
        del owner["properties"][name]
        self._no_longer_require(owner, name)

    def _became_required(self, difference: Difference, _theirs: Shape | None) -> None:
        if difference.part == "parameters":
            self.places.parameter(difference)["required"] = True
            return
        self._require(*self.places.owner(difference))

    def _not_required(self, difference: Difference, _theirs: Shape | None) -> None:
        if difference.part == "parameters":
            self.places.parameter(difference).pop("required", None)
            return
        self._no_longer_require(*self.places.owner(difference))

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
        found = [each for each in self.places.schemas(difference) if "enum" in each]
        if len(found) != 1:
            raise ByHandError(_NO_RULE)
        return found[0]["enum"]

    def _value_added(self, difference: Difference, theirs: Shape | None) -> None:
        values = self._listed(difference)
        known = sorted((theirs.values if theirs else None) or (), key=str)
        values.extend(each for each in known if each not in values)

    def _value_removed(self, difference: Difference, theirs: Shape | None) -> None:
        values = self._listed(difference)
        known = (theirs.values if theirs else None) or frozenset()
        gone = [each for each in values if each is not None and each not in known]
        if not gone or len(gone) == len(values):
            raise ByHandError(_NO_RULE)
        for each in gone:
            values.remove(each)

    def _null_added(self, difference: Difference, _theirs: Shape | None) -> None:
        found = self.places.schemas(difference)
        if len(found) != 1 or found[0].get("type") not in _SCALARS or "enum" in found[0]:
            raise ByHandError(_NO_RULE)
        types = CommentedSeq([found[0]["type"], quoted("null")])
        types.fa.set_flow_style()
        found[0]["type"] = types

    def _null_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        found = self.places.schemas(difference)
        types = found[0].get("type")
        if len(found) != 1 or not isinstance(types, list) or len(types) != 2:
            raise ByHandError(_NO_RULE)
        found[0]["type"] = next(each for each in types if each != "null")

    def _type_changed(self, difference: Difference, theirs: Shape | None) -> None:
        found = self.places.schemas(difference)
        types = theirs.types if theirs is not None else frozenset[str]()
        if len(found) != 1 or not types <= {*_SCALARS, "null"} or "type" not in found[0]:
            raise ByHandError(_NO_RULE)
        found[0]["type"] = type_word(types)

    def _bound(self, difference: Difference, theirs: Shape | None) -> None:
        name = difference.what.rpartition(" ")[0]
        found = [each for each in self.places.schemas(difference) if "type" in each]
        kinds = [each for each in found if name in each] or found
        if len(kinds) != 1 or theirs is None or name not in BOUNDS:
            raise ByHandError(_NO_RULE)
        if name in theirs.bounds:
            kinds[0][name] = theirs.bounds[name]
        else:
            kinds[0].pop(name, None)

    def _status_added(self, difference: Difference, _theirs: Shape | None) -> None:
        responses = self._operation(difference)["responses"]
        status = difference.part
        if not status.isdigit() or status.startswith("2"):
            raise ByHandError(_NO_RULE)
        later = [place for place, each in enumerate(responses) if str(each) > status]
        place = later[0] if later else len(responses)
        responses.insert(place, quoted(status), self.writer.refusal(status))

    def _status_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        del self._operation(difference)["responses"][difference.part]

    def _header_added(self, difference: Difference, theirs: Shape | None) -> None:
        reply = self.places.reply(difference)
        if theirs is None:
            raise ByHandError(_NO_RULE)
        schema = self.writer.schema(theirs, "header", is_reply=True, described=False)
        header = CommentedMap({"description": TO_DESCRIBE, "schema": schema})
        name = "-".join(word.capitalize() for word in _header(difference).split("-"))
        reply.setdefault("headers", CommentedMap())[name] = header

    def _header_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        headers = self.places.reply(difference)["headers"]
        name = next(each for each in headers if each.lower() == _header(difference))
        del headers[name]

    def _parameter_added(self, difference: Difference, theirs: Shape | None) -> None:
        operation = self._operation(difference)
        place, _, shown = difference.path[0].partition(" ")
        if theirs is None:
            raise ByHandError(_NO_RULE)
        is_required = difference.what.startswith("required")
        reference = self.writer.parameter(theirs, place, shown, is_required=is_required)
        operation.setdefault("parameters", CommentedSeq()).append(reference)

    def _parameter_removed(self, difference: Difference, _theirs: Shape | None) -> None:
        parameters = self._operation(difference)["parameters"]
        gone = self.places.parameter(difference)
        for place, each in enumerate(parameters):
            if self.document.followed(each) is gone:
                del parameters[place]
                return

    def _deprecated(self, difference: Difference, _theirs: Shape | None) -> None:
        if difference.side == "operation":
            node = self._operation(difference)
        elif difference.part == "parameters" and len(difference.path) == 1:
            node = self.places.parameter(difference)
        else:
            owner, name = self.places.owner(difference)
            node = owner["properties"][name]
        if difference.what == "deprecated":
            node["deprecated"] = True
        else:
            node.pop("deprecated", None)

    def _renamed(self, difference: Difference, _theirs: Shape | None) -> None:
        self._operation(difference)["operationId"] = difference.new


def _header(difference: Difference) -> str:
    return difference.path[0].removeprefix("header ")
