"""Compare the public names of both packages with a revision: what breaks, and the next version.

python tools/api_diff.py               against the latest tag, else the commit before the contract's
python tools/api_diff.py REVISION      against any revision

A name is public where neither it nor what it is in has an underscore. A parameter that is renamed,
another default, a name that is gone break. The contract's own differences are shown beside them,
since both decide about the next version. The exit code is 2 where a revision cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import griffe
from contract.differences import differences
from contract.document import DocumentError, read, read_revision
from contract.operations import surface_of
from contract.report import step_of, table
from spec_diff import documented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.report import Version

Node: TypeAlias = "griffe.Object | griffe.Alias"
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("openrouter_embeddings", "openrouter_embeddings_api")
FOLDERS = ("overlays", "generated")
STEPS: tuple[Version, ...] = ("none", "patch", "minor", "major")


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("revision", nargs="?", help="a tag, a branch or a commit")
    parser.add_argument("--folder", type=Path, default=ROOT, help="the checkout")
    given = parser.parse_args(words)
    try:
        return _run(given.folder, given.revision)
    except (DocumentError, griffe.GitError, ModuleNotFoundError) as error:
        sys.stderr.write(f"api_diff: {error}\n")
        return 2


def _run(folder: Path, revision: str | None) -> int:
    old, name = read_revision(folder, "openapi.yaml", revision)
    new = read(str(folder / "openapi.yaml"))
    breaking, added = [], []
    for package in PACKAGES:
        before, after = _at(folder, package, name), _now(folder, package)
        breaking += _breaking(before, after)
        added += sorted(set(_names(after)) - set(_names(before)))
    print(f"Public names against {name}: {len(breaking)} breaking, {len(added)} new")
    print("".join(f"  breaks  {line}\n" for line in breaking), end="")
    print("".join(f"  new     {line}\n" for line in added), end="")
    found = differences(surface_of(old), surface_of(new))
    print(f"The contract against {name}: {len(found)} changes")
    if found:
        print(table(found, "old", "new"))
    contract = step_of(found, documented=bool(documented(old.root, new.root)))
    names = "major" if breaking else "minor" if added else "none"
    step = max(contract, names, key=STEPS.index)
    print(f"The next version is a step of: {step} (names: {names}, contract: {contract})")
    print("Before 1.0 what breaks is a step of a minor version.")
    return 0


def _now(folder: Path, package: str) -> Node:
    paths = [str(folder / each) for each in FOLDERS]
    return griffe.load(package, search_paths=paths, allow_inspection=False)


def _at(folder: Path, package: str, revision: str) -> Node:
    return griffe.load_git(
        package, ref=revision, repo=folder, search_paths=FOLDERS, allow_inspection=False
    )


def _breaking(before: Node, after: Node) -> list[str]:
    found = {
        f"{each.obj.path}{_argument(each)}: {each.kind.value}"
        for each in griffe.find_breaking_changes(before, after)
        if _is_public(each.obj.path)
    }
    return sorted(found)


def _argument(breakage: griffe.Breakage) -> str:
    """Name the parameter that a change of a signature is about."""
    value = breakage.old_value or breakage.new_value
    return f"({value.name})" if isinstance(value, griffe.Parameter) else ""


def _is_public(path: str) -> bool:
    return not any(each.startswith("_") and each != "__init__" for each in path.split("."))


def _names(node: Node) -> Iterator[str]:
    """Go through public names; what a module only imports is none of its own."""
    yield node.path
    for name, member in node.members.items():
        exported = node.is_module and node.exports is not None and name in node.exports
        if name.startswith("_") or (member.is_alias and not exported):
            continue
        if member.is_alias or member.is_attribute or member.is_function:
            yield f"{node.path}.{name}"
        else:
            yield from _names(member)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
