"""The rules that the contract must keep so that the generator digests it, as pure functions.

Each rule takes the decoded document and yields the places that break it.
"""

from __future__ import annotations

import re

REPLY_REQUIRED = {
    "EmbeddingsResponse": {"data"},
    "EmbeddingObject": {"embedding"},
    "ErrorResponse": {"error"},
    "ModelsListResponse": {"data"},
    "Model": {"id"},
}
METHODS = {"get", "post", "put", "patch", "delete"}


def operations(document):
    """Go through the operations with the names of their places."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def resolve(document, value):
    """Follow a reference."""
    while isinstance(value, dict) and "$ref" in value:
        *_, section, name = value["$ref"].split("/")
        value = document["components"][section][name]
    return value


def reached(document, *roots):
    """Name the component schemas that can be reached from the given values."""
    found, open_ = set(), list(roots)
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if reference:
                name = reference.split("/")[-1]
                if "/schemas/" in reference and name not in found:
                    found.add(name)
                    open_.append(document["components"]["schemas"][name])
                elif "/schemas/" not in reference:
                    open_.append(resolve(document, value))
            open_ += [inner for key, inner in value.items() if key not in ("examples", "example")]
        elif isinstance(value, list):
            open_ += value
    return found


def parameters(document):
    """Go through all parameters: of operations, of paths, and those that nobody refers to."""
    for path, item in document["paths"].items():
        holders = [item, *(item[method] for method in METHODS & item.keys())]
        for holder in holders:
            for parameter in holder.get("parameters", []):
                yield path, resolve(document, parameter)
    for name, parameter in document["components"].get("parameters", {}).items():
        yield name, parameter


def request_roots(document):
    return [operation.get("requestBody", {}) for _, operation in operations(document)]


def reply_roots(document):
    return [
        [resolve(document, reply) for reply in operation["responses"].values()]
        for _, operation in operations(document)
    ]


def reply_schemas(document):
    return reached(document, *reply_roots(document))


def nodes(value, place=""):
    """Go through all schemas below a value, examples left out."""
    if isinstance(value, dict):
        yield place, value
        for key, inner in value.items():
            if key not in ("examples", "example", "enum"):
                yield from nodes(inner, f"{place}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from nodes(inner, f"{place}/{number}")


def _schemas(document, roots, without=frozenset()):
    """Go through what the roots hold themselves, and the components that they reach."""
    yield from nodes(roots, "inline")
    for name in sorted(reached(document, *roots) - without):
        yield from nodes(document["components"]["schemas"][name], name)


def _everywhere(document):
    yield from nodes(document["paths"], "paths")
    yield from nodes(document["components"], "components")


def _branches(node):
    return [branch for word in ("anyOf", "oneOf") for branch in node.get(word, [])]


def _is(kind, schema):
    found = schema.get("type", ())
    return kind == found or (isinstance(found, list) and kind in found)


def no_const_in_replies(document):
    """`const` raises on any other value and loses the whole reply."""
    for place, node in _schemas(document, reply_roots(document)):
        if "const" in node:
            yield place


def const_only_tells_parts_apart(document):
    """Elsewhere in a request it would be an argument with one value."""
    for place, node in _schemas(document, request_roots(document)):
        if "const" in node and not re.fullmatch(r"ContentPart\w+/properties/type", place):
            yield place


def open_enums_in_replies(document):
    """An enum of a reply is one branch beside any text."""
    closed = {n for n, s in document["components"]["schemas"].items() if "enum" in s}
    for place, node in _schemas(document, reply_roots(document), closed):
        if "enum" in node:
            yield place
        if node.get("$ref", "").split("/")[-1] in closed and "/anyOf/" not in place:
            yield place
        branches = node.get("anyOf", [])
        if any(branch.get("$ref", "").split("/")[-1] in closed for branch in branches) and not any(
            branch.get("type") == "string" for branch in branches
        ):
            yield place


def no_defaults_in_requests(document):
    """A default is sent on the wire."""
    for place, node in _schemas(document, request_roots(document)):
        if "default" in node:
            yield place
    for place, parameter in parameters(document):
        if "default" in parameter["schema"]:
            yield f"{place} {parameter['name']}"


def open_objects_in_replies(document):
    """Closed objects throw unknown fields away."""
    for place, node in _schemas(document, reply_roots(document)):
        if node.get("additionalProperties") is False:
            yield place


def little_is_required_in_replies(document):
    """A missing field must not lose a reply that was paid for."""
    for name in sorted(reply_schemas(document)):
        required = set(document["components"]["schemas"][name].get("required", ()))
        if not required <= REPLY_REQUIRED.get(name, set()):
            yield f"{name}: {sorted(required)}"


def nullable_objects_by_union(document):
    """`type: [object, "null"]` makes the generator drop the whole component."""
    for place, node in _everywhere(document):
        if isinstance(node.get("type"), list) and _is("object", node):
            yield place


def objects_have_names(document):
    """An object inside another gets a name that nobody can read."""
    for name, schema in document["components"]["schemas"].items():
        for place, node in nodes(schema, name):
            if place != name and _is("object", node):
                yield place
    for place, node in nodes(document["paths"], "paths"):
        if _is("object", node):
            yield place


def security_at_operations(document):
    """At the root it is ignored."""
    if "security" in document:
        yield "root"
    for place, operation in operations(document):
        if not operation.get("security"):
            yield place


def no_authorization_parameter(document):
    """The key is not an argument of each call."""
    for place, parameter in parameters(document):
        if parameter["name"].lower() == "authorization":
            yield place


def json_is_the_only_success(document):
    """A second media type of a 200 changes what is generated."""
    for place, operation in operations(document):
        success = resolve(document, operation["responses"]["200"])
        if list(success["content"]) != ["application/json"]:
            yield place


def one_array_in_a_union(document):
    """With several array types the first list branch wins, whatever the items are."""
    for place, node in _everywhere(document):
        if sum(_is("array", resolve(document, branch)) for branch in _branches(node)) > 1:
            yield place


def one_error_schema(document):
    """All refusals share one component, by way of `components/responses`."""
    for place, operation in operations(document):
        for status, reply in operation["responses"].items():
            if status == "200":
                continue
            schema = resolve(document, reply)["content"]["application/json"]["schema"]
            if "$ref" not in reply or schema != {"$ref": "#/components/schemas/ErrorResponse"}:
                yield f"{place} {status}"


def dates_stay_texts(document):
    """A date that cannot be parsed would lose the model."""
    for place, node in _schemas(document, reply_roots(document)):
        # Among `properties`, the name is that of a field and its value a schema.
        if node.get("format") in ("date", "date-time"):
            yield place


def discriminators_are_absent(document):
    """They are ignored; `const` in the parts tells them apart."""
    for place, node in nodes(document.get("components", {}).get("schemas", {})):
        if "discriminator" in node:
            yield place


def no_local_name_hides_a_class(document):
    """A property called like its own class in snake case makes code that mypy refuses."""
    for name, schema in document["components"]["schemas"].items():
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        if snake in schema.get("properties", {}):
            yield name


RULES = (
    no_const_in_replies,
    const_only_tells_parts_apart,
    open_enums_in_replies,
    no_defaults_in_requests,
    open_objects_in_replies,
    little_is_required_in_replies,
    nullable_objects_by_union,
    objects_have_names,
    security_at_operations,
    no_authorization_parameter,
    json_is_the_only_success,
    one_array_in_a_union,
    one_error_schema,
    dates_stay_texts,
    discriminators_are_absent,
    no_local_name_hides_a_class,
)
