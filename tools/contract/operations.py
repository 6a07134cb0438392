"""The two operations cut out of a document, with everything that they reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from attrs import frozen

from contract.document import Document, DocumentError
from contract.shapes import Shape, shape_of

if TYPE_CHECKING:
    from contract.document import Json

OPERATIONS = (("POST", "/embeddings"), ("GET", "/embeddings/models"))


@frozen
class Parameter:
    """A parameter of a request."""

    shape: Shape
    required: bool


@frozen
class Reply:
    """What comes with one status: headers, and a body for each content type."""

    headers: Mapping[str, Shape]
    content: Mapping[str, Shape]


@frozen
class Operation:
    """One operation.

    Attributes:
        name: Its method and path.
        parameters: By place and name, ``header X-Session-Id`` say; headers in lower case.
        content: What the body may look like, by content type.
        body_required: Whether there must be a body.
        replies: By status.
    """

    name: str
    parameters: Mapping[str, Parameter]
    content: Mapping[str, Shape]
    body_required: bool
    replies: Mapping[str, Reply]


def operations_of(document: Document) -> list[Operation]:
    """Cut the operations out of a document.

    Raises:
        DocumentError: One of them is missing.
    """
    return [_operation(document, method, path) for method, path in OPERATIONS]


def node_of(document: Document, method: str, path: str) -> tuple[Json, Json]:
    """Find an operation; paths may begin with the server's own, ``/api/v1`` say.

    Returns:
        The path's node, and the operation's.
    """
    paths = document.paths
    name = path if path in paths else next((each for each in paths if each.endswith(path)), None)
    if name is not None:
        node = document.followed(paths[name])
        if method.lower() in node:
            return node, document.followed(node[method.lower()])
    message = f"{document.name} has no {method} {path}."
    raise DocumentError(message)


def _operation(document: Document, method: str, path: str) -> Operation:
    node, operation = node_of(document, method, path)
    given = [*_list(node.get("parameters")), *_list(operation.get("parameters"))]
    body = document.followed(operation.get("requestBody") or {})
    replies = cast("Mapping[object, object]", operation.get("responses") or {})
    return Operation(
        name=f"{method} {path}",
        parameters=dict(_parameter(document, each) for each in given),
        content=_content(document, body),
        body_required=body.get("required") is True,
        replies={str(status): _reply(document, each) for status, each in replies.items()},
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _parameter(document: Document, value: object) -> tuple[str, Parameter]:
    node = document.followed(value)
    place, name = str(node.get("in")), str(node.get("name"))
    shown = name.lower() if place == "header" else name
    shape = shape_of(node.get("schema") or {}, document)
    return f"{place} {shown}", Parameter(shape, node.get("required") is True)


def _content(document: Document, node: Json) -> dict[str, Shape]:
    content = cast("Mapping[str, Json]", node.get("content") or {})
    return {
        kind.partition(";")[0].strip().lower(): shape_of(media.get("schema") or {}, document)
        for kind, media in content.items()
    }


def _reply(document: Document, value: object) -> Reply:
    node = document.followed(value)
    headers = cast("Mapping[str, object]", node.get("headers") or {})
    return Reply(
        headers={
            name.lower(): shape_of(document.followed(each).get("schema") or {}, document)
            for name, each in headers.items()
        },
        content=_content(document, node),
    )


def reached(document: Document) -> set[str]:
    """Collect every reference that the two operations reach."""
    found: set[str] = set()
    for method, path in OPERATIONS:
        node, operation = node_of(document, method, path)
        for value in (node.get("parameters"), operation):
            _collect(document, value, found)
    return found


def _collect(document: Document, value: object, found: set[str]) -> None:
    waiting = [value]
    while waiting:
        for reference in _references(waiting.pop()):
            if reference not in found:
                found.add(reference)
                waiting.append(document.resolve(reference))


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
