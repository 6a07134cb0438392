"""Compare `openapi.yaml` with the vendor's own document, and bring in what has changed there.

    python tools/upstream.py PATH_OR_URL            a table of what to decide about; exit 1 on drift
    python tools/upstream.py PATH_OR_URL --json     the same for machines
    python tools/upstream.py PATH_OR_URL --apply    edit openapi.yaml, and generate anew

The vendor's document may have any number of paths; the two operations are cut out of it. What
differs on purpose is listed in `upstream-differences.yml`, each with its reason.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import yaml
from contract.differences import Difference, differences
from contract.document import DocumentError, read
from contract.edit import TO_DESCRIBE, applied
from contract.operations import operations_of, reached
from contract.report import Intended, drift_json, drift_text, sorted_out, table
from generate import PACKAGE, files_of

ROOT = Path(__file__).resolve().parent.parent
SAME, DRIFT, WRONG_USAGE = 0, 1, 2


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="the vendor's document: a path or an address")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--apply", action="store_true", help="edit openapi.yaml and generate")
    parser.add_argument("--contract", type=Path, default=ROOT / "openapi.yaml")
    parser.add_argument("--intended", type=Path, default=ROOT / "upstream-differences.yml")
    given = parser.parse_args(words)
    try:
        ours, theirs = read(str(given.contract)), read(given.source)
        found = differences(operations_of(ours), operations_of(theirs))
    except DocumentError as error:
        sys.stderr.write(f"upstream: {error}\n")
        return WRONG_USAGE
    entries = yaml.safe_load(given.intended.read_text(encoding="utf-8")) or []
    drift = sorted_out(found, [Intended(**entry) for entry in entries])
    if given.json:
        print(drift_json(drift))
    else:
        print(f"{theirs.name}: {len(theirs.paths)} paths, ", end="")
        print(f"{len(reached(theirs))} components reached from two operations")
        print(drift_text(drift))
    if given.apply and drift.new:
        left = applied(given.contract, list(drift.new), theirs)
        _say_applied(given.contract, len(drift.new) - len(left), left)
    return DRIFT if drift.new else SAME


def _say_applied(contract: Path, done: int, left: list[Difference]) -> None:
    print(f"\n{done} differences are in {contract.name} now.")
    if left:
        print(f"{len(left)} have to be brought in by hand:\n{table(left)}")
    if TO_DESCRIBE in contract.read_text(encoding="utf-8"):
        print(f"Describe what is new: search {contract.name} for {TO_DESCRIBE}.")
    if contract == ROOT / "openapi.yaml":
        before = files_of(PACKAGE)
        subprocess.run(
            [sys.executable, ROOT / "tools" / "generate.py"], check=True, capture_output=True
        )
        _say_generated(before, files_of(PACKAGE))


def _say_generated(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    for name in sorted(set(before) | set(after)):
        if before.get(name) != after.get(name):
            kind = "new" if name not in before else "gone" if name not in after else "changed"
            print(f"generated: {kind:<8} {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
