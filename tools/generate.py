"""Write `generated/` from `openapi.yaml`, or show where it is not what the contract gives.

    python tools/generate.py            write it
    python tools/generate.py --check    print a diff and exit 1 where it differs

The package is generated aside, patched, and then compared file by file: `--overwrite` of the
generator would leave files behind that no longer belong.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from contract.document import read
from patch_generated import PatchError, patch_package

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "openapi.yaml"
CONFIG = ROOT / "generator-config.yml"
PACKAGE = ROOT / "generated" / "openrouter_embeddings_api"


def generate(target: Path, *, contract: Path = CONTRACT, config: Path = CONFIG) -> None:
    """Generate the package into a folder that does not exist yet, patched and marked as typed.

    Raises:
        subprocess.CalledProcessError: The generator failed, or warned.
        PatchError: The output is not what the patch was written for.
    """
    unpatched(target, contract=contract, config=config)
    patch_package(target)
    (target / "py.typed").touch()


def unpatched(target: Path, *, contract: Path = CONTRACT, config: Path = CONFIG) -> None:
    """Generate the package as the generator writes it.

    Raises:
        subprocess.CalledProcessError: The generator failed, or warned: with a mere warning it would
            drop whole schemas.
    """
    # The generator and its post-hooks are those of this interpreter's environment.
    tool = Path(sys.executable).with_name("openapi-python-client")
    output: list[str | Path] = ["--meta", "none", "--fail-on-warning", "--output-path", target]
    environment = os.environ | {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        root = read(str(contract)).root
        source.write_text(json.dumps(prepared(root)), encoding="utf-8")
        command: list[str | Path] = [tool, "generate", "--path", source, "--config", config]
        done = subprocess.run(
            [*command, *output], env=environment, check=False, capture_output=True, text=True
        )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def prepared(value: object) -> object:
    """Copy a contract, with the words of each parameter in its schema as well.

    The generator writes a parameter's docstring from its schema, and forgets the parameter's own.
    """
    if isinstance(value, list):
        return [prepared(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    found = {str(name): prepared(each) for name, each in value.items()}
    schema = found.get("schema")
    if {"in", "name", "description"} <= set(found) and isinstance(schema, dict):
        found["schema"] = {"description": found["description"]} | schema
    return found


class TryError(Exception):
    """A contract does not generate; why is in the message."""


def tried(contract: Path) -> None:
    """Generate from a contract, and keep nothing of it.

    Raises:
        TryError: It does not generate.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            generate(Path(folder) / PACKAGE.name, contract=contract)
        except (subprocess.CalledProcessError, PatchError) as exc:
            raise TryError(str(exc)) from exc


def written() -> list[str]:
    """Write the package anew; return what changed, as lines of a diff."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / PACKAGE.name
        generate(fresh)
        changes = differences(files_of(PACKAGE) if PACKAGE.exists() else {}, files_of(fresh))
        if changes:
            shutil.rmtree(PACKAGE, ignore_errors=True)
            shutil.copytree(fresh, PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    return changes


def files_of(package: Path) -> dict[str, bytes]:
    """Read every file of a package but caches, by its path inside."""
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """Write a unified diff of two packages; no lines where they are the same."""
    lines: list[str] = []
    for name in sorted(committed.keys() | fresh.keys()):
        before, after = committed.get(name), fresh.get(name)
        if before == after:
            continue
        old = f"a/{name}" if before is not None else "/dev/null"
        new = f"b/{name}" if after is not None else "/dev/null"
        changes = difflib.unified_diff(_lines(before), _lines(after), old, new, lineterm="")
        lines += list(changes) or [f"--- {old}", f"+++ {new}"]
    return lines


def _lines(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode("utf-8", errors="replace").splitlines()


def odd(committed: dict[str, bytes]) -> list[str]:
    """Say of every text file of a package when it is not UTF-8, or has other line ends."""
    found = []
    for name, content in committed.items():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as exc:
            found.append(f"{name} is not UTF-8: byte {exc.start} is {content[exc.start]:#04x}.")
        if b"\r" in content:
            found.append(f"{name} has line ends of Windows or of old Macs, not of Unix alone.")
    return found


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, print a diff")
    if not parser.parse_args().check:
        print("\n".join(written()) or "generated/ is what openapi.yaml gives.")
        return 0
    committed = files_of(PACKAGE) if PACKAGE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / PACKAGE.name
        generate(fresh)
        changes = [*odd(committed), *differences(committed, files_of(fresh))]
    print("\n".join(changes) or "generated/ is what openapi.yaml gives.")
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
