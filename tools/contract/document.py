"""OpenAPI documents: read from anywhere, references followed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import unquote
from urllib.request import urlopen

import yaml
from attrs import frozen

_SECONDS = 30.0
Json = Mapping[str, object]


class DocumentError(Exception):
    """A document cannot be read, or a reference in it leads nowhere."""


@frozen(eq=False)
class Document:
    """One OpenAPI document, 3.0 or 3.1.

    Attributes:
        root: The decoded document.
        name: Where it came from.
    """

    root: Json
    name: str = "the document"

    @property
    def paths(self) -> Json:
        """The paths with their operations; none where the document has none."""
        found = self.root.get("paths")
        return found if isinstance(found, Mapping) else {}

    def resolve(self, reference: str) -> object:
        """Follow a reference inside the document, ``#/components/schemas/X`` say."""
        if not reference.startswith("#/"):
            message = f"{self.name}: {reference} leads out of the document."
            raise DocumentError(message)
        found: object = self.root
        for step in reference[2:].split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                message = f"{self.name}: {reference} leads nowhere."
                raise DocumentError(message)
            found = found[name]
        return found

    def followed(self, value: object) -> Json:
        """Follow a chain of references to the mapping at its end."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
            reference = cast("str", value["$ref"])
            if reference in seen:
                message = f"{self.name}: {reference} refers to itself."
                raise DocumentError(message)
            seen.add(reference)
            value = self.resolve(reference)
        if not isinstance(value, Mapping):
            message = f"{self.name}: an object was expected, not {type(value).__name__}."
            raise DocumentError(message)
        return value


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either of two
    """YAML as JSON has it: dates stay text."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parsed(text: str, name: str) -> Document:
    """Decode a document; JSON is YAML as well.

    Raises:
        DocumentError: It is neither, or no OpenAPI document.
    """
    try:
        root = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as exc:
        message = f"{name} is neither YAML nor JSON: {str(exc).splitlines()[0]}"
        raise DocumentError(message) from exc
    if not isinstance(root, dict) or not str(root.get("openapi", "")).startswith("3."):
        message = f"{name} is no OpenAPI document of version 3."
        raise DocumentError(message)
    return Document(root, name)


def read_text(source: str) -> str:
    """Read the text of a document from a path, or from an https or loopback address.

    Raises:
        DocumentError: It cannot be read.
    """
    try:
        if source.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            with urlopen(source, timeout=_SECONDS) as reply:  # noqa: S310 - checked above
                return cast("bytes", reply.read()).decode()
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as exc:
        message = f"{source} cannot be read: {exc}"
        raise DocumentError(message) from exc


def read(source: str) -> Document:
    """Read a document from a path, or from an https or loopback address.

    Raises:
        DocumentError: It cannot be read.
    """
    return parsed(read_text(source), source)


def read_revision(folder: Path, path: str, revision: str | None) -> tuple[Document, str]:
    """Read a document as it was in a revision of a git repository.

    Args:
        folder: The checkout.
        path: The document's path in it.
        revision: The revision; None for the latest tag, else the commit before the last change.

    Returns:
        The document, and the revision that was taken.

    Raises:
        DocumentError: There is no such revision, or no such file in it.
    """
    name = revision or _latest_tag(folder) or _before_last_change(folder, path)
    text = _git(folder, "show", f"{name}:{path}")
    if text is None:
        message = f"There is no {path} in revision {name}."
        raise DocumentError(message)
    return parsed(text, f"{path} of {name}"), name


def _latest_tag(folder: Path) -> str | None:
    found = _git(folder, "describe", "--tags", "--abbrev=0")
    return found.strip() if found else None


def _before_last_change(folder: Path, path: str) -> str:
    commits = (_git(folder, "log", "--format=%H", "-n", "2", "--", path) or "").split()
    if not commits:
        message = f"No commit has touched {path}."
        raise DocumentError(message)
    changed = _git(folder, "diff", "--quiet", "HEAD", "--", path) is None
    # What else is in the checkout is compared too: nothing older than this step belongs to it.
    last = "HEAD" if changed else f"{commits[0]}^" if len(commits) > 1 else commits[0]
    return (_git(folder, "rev-parse", "--short", last) or last).strip()


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None
