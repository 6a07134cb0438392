"""The patches of generated code: replies that its reader cannot take, and one that it takes slowly.

As generated, a status that Python's `HTTPStatus` does not know (499, 524 and 529 are in the
contract) raises a ValueError, and a documented status with an HTML page dies in `json()`. Patched,
the status is a plain int, and a body that cannot be read leaves `parsed` None; status, headers and
content are there in any case. The operations also accept the plain `Client`, whose key an auth
object can hold.

The token of `AuthenticatedClient` is not shown by its `repr`, and a reply that several statuses
share is named once.

The models are loaded one by one, on their first use. As generated, the first of them loads all,
which takes 42 ms where a call needs a quarter of them.

What their functions import at each call is named in full. As generated it is relative, for which
Python asks for the parent of the package in Python: 2 us each, and a call does it eight times.

An embedding is a list or a text, and stays what it is. As generated, every text raises an exception
and builds a type on its way to that: 1 ms for each thousand vectors.

Each text must be found exactly as often as expected, so that a newer generator is noticed. The last
one alone may be missing, since what it replaces is right, and follows the contract.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PatchError(Exception):
    """The generated code is not what the patch was written for."""


class Replacement(NamedTuple):
    """A text that must occur so many times, and what takes its place."""

    old: str
    new: str
    times: int


MODELS = "models/__init__.py"
VECTOR = "models/embedding_object.py"
MODEL = re.compile(r"^from \.(\w+) import (\w+)\n", re.MULTILINE)
DOOR = re.compile(
    r'(?P<head>"""[^"]*"""\n\n)(?P<imports>(?:from \.\w+ import \w+\n)*)'
    r'\n__all__ = \(\n(?P<names>(?:    "\w+",\n)*)\)\n'
)
RELATIVE = re.compile(r"^( +)from \.\.models\.", re.MULTILINE)
TWICE = re.compile(r"\b(\w+)(?: \| \1\b)+")

IMPORT = Replacement("from http import HTTPStatus\n", "", 1)

OPERATION = (
    IMPORT,
    Replacement(
        """\
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )
""",
        """\
    try:
        parsed = _parse_response(client=client, response=response)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        parsed = None
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=parsed,
    )
""",
        1,
    ),
    Replacement(
        "    client: AuthenticatedClient,\n", "    client: AuthenticatedClient | Client,\n", 4
    ),
)
"""For each module of an operation."""

CLIENT = (
    Replacement("    token: str\n", "    token: str = field(repr=False)\n", 1),
    # The token is in these headers as soon as a request was made.
    Replacement(
        '= field(factory=dict, kw_only=True, alias="headers")\n',
        '= field(factory=dict, kw_only=True, alias="headers", repr=False)\n',
        2,
    ),
)
"""For the module with the clients: the token is not shown."""

TYPES = (IMPORT, Replacement("    status_code: HTTPStatus\n", "    status_code: int\n", 1))
"""For the module with `Response`."""


LOADER = """
if not TYPE_CHECKING:
    _MODULES = {
        %s,
    }

    def __getattr__(name):
        if name in _MODULES:
            value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
            globals()[name] = value
            return value
        if name in _MODULES.values():
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return [*globals(), *__all__]
"""
"""What loads the models of a package by their names; type checkers see imports."""

EMBEDDING = Replacement(
    """\
            try:
                if not isinstance(data, list):
                    raise TypeError()
                embedding_type_0 = cast(list[float], data)

                return embedding_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | str, data)
""",
    """\
            return cast("list[float] | str", data)
""",
    1,
)
"""For the model of one vector, as long as the contract has these two forms of it."""


def patched(text: str, replacements: Sequence[Replacement], name: str) -> str:
    """Apply replacements to a module's text.

    Args:
        text: The text as generated.
        replacements: What to replace.
        name: What to call the module in an error.

    Raises:
        PatchError: A text does not occur as often as expected.
    """
    for old, new, times in replacements:
        found = text.count(old)
        if found != times:
            message = f"{name}: expected {times} times, found {found} times:\n{old}"
            raise PatchError(message)
        text = text.replace(old, new)
    if "HTTPStatus" in text:
        message = f"{name}: HTTPStatus is used in a place that the patch does not know"
        raise PatchError(message)
    return text


def named_once(operations: Sequence[Path]) -> None:
    """Name each model of a union once: a reply that two statuses share comes twice.

    Raises:
        PatchError: No model comes twice; then the generator does it itself.
    """
    count = 0
    for path in operations:
        text, found = TWICE.subn(r"\1", path.read_text(encoding="utf-8"))
        _write(path, text)
        count += found
    if not count:
        message = "No reply is named twice: this patch is no longer needed."
        raise PatchError(message)


def patch_package(package: Path) -> None:
    """Patch every operation of a generated package, its `Response`, and its models.

    Raises:
        PatchError: The package is not what the patch was written for.
    """
    for path, replacements in plan(package).items():
        _rewrite(path, replacements)
    named_once(operations_of(package))
    models = package / MODELS
    _write(models, loaded_late(models.read_text(encoding="utf-8")))
    name_in_full(package)
    vector = package / VECTOR
    if vector.exists() and EMBEDDING.old in vector.read_text(encoding="utf-8"):
        _rewrite(vector, [EMBEDDING])


def loaded_late(text: str) -> str:
    """Rewrite the door of the models so that each is loaded on its first use.

    Raises:
        PatchError: It has other lines than imports of one model each, and their names.
    """
    found = DOOR.fullmatch(text)
    places = [(match[2], match[1]) for match in MODEL.finditer(found["imports"] if found else "")]
    names = re.findall(r"\w+", found["names"]) if found else []
    if found is None or not places or sorted(names) != sorted(name for name, _ in places):
        message = f"{MODELS}: something else than imports of models and their names"
        raise PatchError(message)
    imports = "".join(f"    from .{module} import {name}\n" for name, module in places)
    lines = ",\n        ".join(f'"{name}": "{module}"' for name, module in places)
    head = "from importlib import import_module\nfrom typing import TYPE_CHECKING\n"
    exported = f"__all__ = (\n{found['names']})\n"
    loader = LOADER % lines
    return f"{found['head']}{head}\nif TYPE_CHECKING:\n{imports}\n{exported}{loader}"


def name_in_full(package: Path) -> bool:
    """Name the models that functions import by the package; return whether there are any."""
    modules = {path: path.read_text(encoding="utf-8") for path in package.glob("models/*.py")}
    named = {path: _named_in_full(text, package.name) for path, text in modules.items()}
    for path, text in named.items():
        _write(path, text)
    return named != modules


def _named_in_full(text: str, package: str) -> str:
    head, *functions = re.split(r"(?m)^(?=    def )", text)
    named = (RELATIVE.sub(rf"\1from {package}.models.", function) for function in functions)
    return "".join([head, *named])


def operations_of(package: Path) -> list[Path]:
    """Find the module of every operation.

    Raises:
        PatchError: There is none.
    """
    found = sorted(path for path in package.glob("api/*/*.py") if path.name != "__init__.py")
    if not found:
        message = f"{package.name}: there are no operations"
        raise PatchError(message)
    return found


def plan(package: Path) -> dict[Path, Sequence[Replacement]]:
    """Say what must be replaced in which module.

    Raises:
        PatchError: There are no operations.
    """
    found: dict[Path, Sequence[Replacement]] = dict.fromkeys(operations_of(package), OPERATION)
    return found | {package / "client.py": CLIENT, package / "types.py": TYPES}


def _rewrite(path: Path, replacements: Sequence[Replacement]) -> None:
    _write(path, patched(path.read_text(encoding="utf-8"), replacements, path.name))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
