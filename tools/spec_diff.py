"""Compare `openapi.yaml` with an earlier revision: what breaks whom, and the step of the version.

python tools/spec_diff.py               against the latest tag, else the commit before its change
python tools/spec_diff.py REVISION      against any revision
python tools/spec_diff.py --write       put the changes under Unreleased in CHANGELOG.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from contract.differences import differences
from contract.document import DocumentError, read, read_revision
from contract.operations import surface_of
from contract.report import fragment, step_of, table

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## Unreleased\n"


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("revision", nargs="?", help="a tag, a branch or a commit")
    parser.add_argument("--write", action="store_true", help="add the changes to CHANGELOG.md")
    parser.add_argument("--folder", type=Path, default=ROOT, help="the checkout")
    given = parser.parse_args(words)
    try:
        old, revision = read_revision(given.folder, "openapi.yaml", given.revision)
        new = read(str(given.folder / "openapi.yaml"))
        found = differences(surface_of(old), surface_of(new))
    except DocumentError as error:
        sys.stderr.write(f"spec_diff: {error}\n")
        return 2
    words_changed = sorted(documented(old.root, new.root))
    print(f"openapi.yaml against {revision}: {len(found)} changes of the contract, ", end="")
    print(f"{len(words_changed)} of the documentation")
    if found:
        print(table(found, "old", "new"))
    for place in words_changed:
        print(f"documentation: {place}")
    print(f"The next version is a step of: {step_of(found, documented=bool(words_changed))}")
    if found:
        print(f"\n{fragment(found)}")
    if given.write and found:
        noted(given.folder / "CHANGELOG.md", fragment(found))
    return 0


def documented(old: object, new: object, place: str = "") -> set[str]:
    """Find the places whose words changed: descriptions, summaries, titles, examples."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: set[str] = set()
        for name in set(old) & set(new):
            here = f"{place}/{name}"
            if name in {"description", "summary", "title", "example", "examples"}:
                found |= {here} if old[name] != new[name] else set()
            else:
                found |= documented(old[name], new[name], here)
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return {each for number, pair in pairs for each in documented(*pair, f"{place}/{number}")}
    return set()


def noted(changelog: Path, text: str) -> None:
    """Put text under the heading for what is not released yet."""
    words = changelog.read_text(encoding="utf-8")
    if HEADING not in words:
        words = f"{words.rstrip()}\n\n{HEADING}"
    changelog.write_text(words.replace(HEADING, f"{HEADING}\n{text}\n", 1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
