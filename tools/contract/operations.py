"""The two operations cut out of a document, with everything that they reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from contract.document import Document, DocumentError
from contract.shapes import Shape, shape_of

if TYPE_CHECKING:
    from contract.document import Json

OPERATIONS = (("POST", "/embeddings"), ("GET", "/embeddings/models"))
PREFIX = "/api/v1"
BESIDE = "/embeddings"
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


@frozen
class Parameter:
    """A parameter of a request, or a header of a reply.

    Attributes:
        shape: What it may look like.
        required: Whether it must be there.
        form: How it is written: a content type, or a style.
    """

    shape: Shape
    required: bool
    form: str


@frozen
class Reply:
    """What comes with one status: headers, and a body for each content type."""

    headers: Mapping[str, Parameter]
    content: Mapping[str, Shape]


@frozen
class Operation:
    """One operation.

    Attributes:
        name: Its method and path.
        facts: What holds of it as a whole: its id, server, security, and whether it is deprecated.
        parameters: By place and name, ``header x-session-id`` say; headers in lower case.
        content: What the body may look like, by content type.
        body_required: Whether there must be a body.
        replies: By status.
    """

    name: str
    facts: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    content: Mapping[str, Shape]
    body_required: bool
    replies: Mapping[str, Reply]


@frozen
class Surface:
    """What a document says of the two operations.

    Attributes:
        operations: Those of the two that it has, by name.
        beside: Other operations under the same path, by name.
    """

    operations: Mapping[str, Operation] = field(factory=dict)
    beside: frozenset[str] = frozenset()


class Place(NamedTuple):
    """Where a document has an operation: the path's node, the operation's, the path, the server."""

    item: Json
    operation: Json
    path: str
    server: str


def surface_of(document: Document) -> Surface:
    """Cut the operations out of a document.

    Raises:
        DocumentError: It has none of the two.
    """
    found = {place: _found(document, *place) for place in OPERATIONS}
    cut = [_operation(document, *name, place) for name, place in found.items() if place]
    if not cut:
        message = f"{document.name} has no {' '.join(OPERATIONS[0])}."
        raise DocumentError(message)
    return Surface({each.name: each for each in cut}, frozenset(_beside(document, found)))


def place_of(document: Document, method: str, path: str) -> Place:
    """Find an operation by the whole of its path behind the server's own.

    Raises:
        DocumentError: It is missing.
    """
    found = _found(document, method, path)
    if found is None:
        message = f"{document.name} has no {method} {path}."
        raise DocumentError(message)
    return found


def _found(document: Document, method: str, path: str) -> Place | None:
    placed = [each for each in _places(document) if each[0] == method]
    # The server may have moved: then the path alone says which one it is.
    for wanted in (f"{PREFIX}{path}", path):
        for _, template, server, place in placed:
            whole = urlsplit(server).path.rstrip("/") + template
            if wanted in ((whole,) if wanted != path else (template,)):
                base = (server.rstrip("/") + template).removesuffix(path)
                return place._replace(path=template, server=base)
    return None


def _places(document: Document) -> Iterator[tuple[str, str, str, Place]]:
    for path, value in document.paths.items():
        item = document.followed(value)
        for name in _METHODS:
            if name in item:
                operation = document.followed(item[name])
                server = _server(document.root, item, operation)
                yield name.upper(), path, server, Place(item, operation, path, server)


def _server(*nodes: Json) -> str:
    """Find the first server; the operation's own come before the path's and the document's."""
    for node in reversed(nodes):
        servers = node.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], Mapping):
            url = str(servers[0].get("url", ""))
            for name, value in (servers[0].get("variables") or {}).items():
                url = url.replace(f"{{{name}}}", str(value.get("default", "")))
            return url
    return ""


def _beside(document: Document, ours: Mapping[tuple[str, str], Place | None]) -> Iterator[str]:
    known = {(method, place.path) for (method, _), place in ours.items() if place}
    for method, path, server, _ in _places(document):
        prefix = urlsplit(server).path.rstrip("/")
        inner = (prefix + path).removeprefix(PREFIX) if path.startswith(PREFIX) else path
        is_near = inner == BESIDE or inner.startswith(f"{BESIDE}/")
        if is_near and (method, path) not in known:
            yield f"{method} {inner}"


def _operation(document: Document, method: str, path: str, place: Place) -> Operation:
    node, operation = place.item, place.operation
    given = [*_list(node.get("parameters")), *_list(operation.get("parameters"))]
    body = document.followed(operation.get("requestBody") or {})
    replies = cast("Mapping[object, object]", operation.get("responses") or {})
    return Operation(
        name=f"{method} {path}",
        facts={
            "operationId": str(operation.get("operationId", "-")),
            "server": place.server or "-",
            "security": _security(document, operation),
            "deprecated": "yes" if operation.get("deprecated") is True else "no",
        },
        parameters=dict(_named(document, each) for each in given),
        content=_content(document, body),
        body_required=body.get("required") is True,
        replies={str(status): _reply(document, each) for status, each in replies.items()},
    )


def _security(document: Document, operation: Json) -> str:
    """Describe what a caller has to show; the names of schemes do not count."""
    given = operation.get("security", document.root.get("security"))
    ways = [
        " and ".join(sorted(_scheme(document, name) for name in each)) or "nothing"
        for each in _list(given)
        if isinstance(each, Mapping)
    ]
    return " or ".join(sorted(set(ways))) or "nothing"


def _scheme(document: Document, name: str) -> str:
    node = document.followed({"$ref": f"#/components/securitySchemes/{name}"})
    words = (node.get(word) for word in ("type", "scheme", "in", "name"))
    return " ".join(str(word) for word in words if word is not None)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _named(document: Document, value: object) -> tuple[str, Parameter]:
    node = document.followed(value)
    place, name = str(node.get("in")), str(node.get("name"))
    shown = name.lower() if place == "header" else name
    return f"{place} {shown}", _parameter(document, node, place)


def _parameter(document: Document, node: Json, place: str) -> Parameter:
    content = cast("Mapping[str, Json]", node.get("content") or {})
    kind, media = next(iter(content.items()), ("", node))
    shape = shape_of(media.get("schema") or {}, document)
    if node.get("deprecated") is True:
        shape = evolve(shape, traits={**shape.traits, "deprecated": True})
    style = str(node.get("style", _STYLES.get(place, "simple")))
    exploded = node.get("explode", style == "form")
    form = kind or f"{style}{', exploded' if exploded else ''}"
    return Parameter(shape, node.get("required") is True, form)


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
            name.lower(): _parameter(document, document.followed(each), "header")
            for name, each in headers.items()
        },
        content=_content(document, node),
    )


def reached(document: Document) -> set[str]:
    """Collect every reference that the two operations reach."""
    found: set[str] = set()
    for method, path in OPERATIONS:
        place = _found(document, method, path)
        for value in (place.item.get("parameters"), place.operation) if place else ():
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
