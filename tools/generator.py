"""Say what another version of the generator would bring: patches that fit, and what differs.

    python tools/generator.py                   the report, with the generator that is installed
    python tools/generator.py --write FOLDER    keep what it generates, patched as far as that goes

`nox -s generator -- VERSION` installs a version, and runs the tests over what it generates.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from generate import PACKAGE, ROOT, differences, files_of, unpatched
from patch_generated import (
    EMBEDDING,
    MODELS,
    TWICE,
    VECTOR,
    PatchError,
    loaded_late,
    name_in_full,
    named_once,
    operations_of,
    plan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GENERATOR = "openapi-python-client"
OTHER = "other lines"
_FILE = re.compile(r"^(?:---|\+\+\+) ")


class Fit(NamedTuple):
    """How often the text of a patch occurs in a module, and how often it should."""

    module: str
    text: str
    wanted: int
    found: int

    @property
    def fits(self) -> bool:
        """Say whether the patch can be made."""
        return self.found == self.wanted


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code: 1 where a patch does not fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", type=Path, help="a folder for what it generates")
    given = parser.parse_args(words)
    print(f"{GENERATOR} {version(GENERATOR)}; {_pinned()} is the one that generated/ is made with")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / PACKAGE.name
        try:
            unpatched(fresh)
            fits = patched_where_it_fits(fresh)
        except (subprocess.CalledProcessError, PatchError) as error:
            print(f"It does not generate from openapi.yaml: {error}")
            return 1
        print(report(fits, files_of(PACKAGE), files_of(fresh)))
        if given.write:
            shutil.rmtree(given.write, ignore_errors=True)
            shutil.copytree(fresh, given.write)
    return 0 if all(each.fits for each in fits) else 1


def _pinned() -> str:
    lines = (ROOT / "requirements" / "generate.txt").read_text(encoding="utf-8").splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{GENERATOR}=="))


def patched_where_it_fits(package: Path) -> list[Fit]:
    """Make every patch that fits; say of each whether it does.

    Raises:
        PatchError: The package has no operations.
    """
    fits: list[Fit] = []
    for path, replacements in plan(package).items():
        name = path.relative_to(package).as_posix()
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for old, new, times in replacements:
            fits.append(Fit(name, _first(old), times, text.count(old)))
            text = text.replace(old, new) if fits[-1].fits else text
        if path.exists():
            path.write_text(text, encoding="utf-8", newline="\n")
    fits += _others(package)
    (package / "py.typed").touch()
    return fits


def _others(package: Path) -> Iterator[Fit]:
    """Make the four patches that are no plain replacements in every package."""
    operations = operations_of(package)
    texts = [path.read_text(encoding="utf-8") for path in operations]
    is_needed = any(TWICE.search(text) for text in texts)
    if is_needed:
        named_once(operations)
    yield Fit("api", "a reply named twice", 1, int(is_needed))
    vector = package / VECTOR
    text = vector.read_text(encoding="utf-8") if vector.exists() else ""
    yield Fit(VECTOR, _first(EMBEDDING.old), EMBEDDING.times, text.count(EMBEDDING.old))
    if EMBEDDING.old in text:
        text = text.replace(EMBEDDING.old, EMBEDDING.new)
        vector.write_text(text, encoding="utf-8", newline="\n")
    yield Fit(MODELS, "imports of one model each", 1, int(_made_late(package / MODELS)))
    yield Fit("models", "imports within functions", 1, int(name_in_full(package)))


def _made_late(models: Path) -> bool:
    """Have models loaded one by one, if their door is of the known form."""
    text = models.read_text(encoding="utf-8") if models.exists() else ""
    try:
        models.write_text(loaded_late(text), encoding="utf-8", newline="\n")
    except PatchError:
        return False
    return True


def _first(text: str) -> str:
    return text.strip().splitlines()[0].strip()


def report(fits: Sequence[Fit], committed: Mapping[str, bytes], fresh: Mapping[str, bytes]) -> str:
    """Write the report on what was generated.

    Args:
        fits: How the patches fit.
        committed: The files of `generated/`, by name.
        fresh: Those of the other version, patched where that fits.
    """
    good = [each for each in fits if each.fits]
    lines = [f"Patches: {len(good)} of {len(fits)} fit"]
    lines += [
        f"  does not fit: {each.module}: {each.text!r}: expected {each.wanted} times,"
        f" found {each.found} times"
        for each in fits
        if not each.fits
    ]
    return "\n".join([*lines, *_differing(dict(committed), dict(fresh))])


def _differing(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    names = committed.keys() | fresh.keys()
    changed = {name for name in names if committed.get(name) != fresh.get(name)}
    new, gone = fresh.keys() - committed.keys(), committed.keys() - fresh.keys()
    counts = f"{len(changed - new - gone)} changed, {len(new)} new, {len(gone)} gone"
    lines = [f"Files: {counts}, {len(names - changed)} the same"]
    lines += [f"  new: {name}" for name in sorted(new)]
    lines += [f"  gone: {name}" for name in sorted(gone)]
    rooms = Counter(name.partition("/")[0] for name in changed)
    lines += [f"  in {room}: {count}" for room, count in sorted(rooms.items())]
    come, left = kinds_of(committed, fresh)
    lines.append(f"Lines: {come.total()} more, {left.total()} less")
    lines += [
        f"  {kind}: +{come[kind]} -{left[kind]}" for kind in sorted(come.keys() | left.keys())
    ]
    return lines


def kinds_of(
    committed: dict[str, bytes], fresh: dict[str, bytes]
) -> tuple[Counter[str], Counter[str]]:
    """Count the lines that came and those that went, by what they are."""
    notes = {"+": _docstrings(fresh), "-": _docstrings(committed)}
    found: dict[str, Counter[str]] = {"+": Counter(), "-": Counter()}
    for line in differences(committed, fresh):
        sign = line[:1]
        if sign in found and not _FILE.match(line):
            text = line[1:].strip()
            found[sign][_kind(text, is_note=text in notes[sign])] += 1
    return found["+"], found["-"]


def _kind(text: str, *, is_note: bool) -> str:
    """Tell a line by how it begins."""
    if not text:
        return "empty lines"
    if is_note or text.startswith("#"):
        return "docstrings and comments"
    if text.startswith(("import ", "from ")):
        return "imports"
    if text.startswith(("def ", "async def ", "class ", "@")):
        return "definitions"
    return "annotations" if re.match(r"\w+: [^=]+(=|,|$)", text) else OTHER


def _docstrings(files: Mapping[str, bytes]) -> set[str]:
    """Collect the lines of all docstrings."""
    lines: set[str] = set()
    for name, content in files.items():
        if name.endswith(".py"):
            lines.update(_notes(content.decode("utf-8", errors="replace")))
    return lines


def _notes(text: str) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    except SyntaxError:
        return
    lines = text.splitlines()
    for node in nodes:
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and ast.get_docstring(node, clean=False) is not None:
            yield from (line.strip() for line in lines[first.lineno - 1 : first.end_lineno])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
