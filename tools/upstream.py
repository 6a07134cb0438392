"""Compare the vendor's new document with its last one, and with ours; bring in what has changed.

    python tools/upstream.py PATH_OR_URL            what happened, and what ours says there
    python tools/upstream.py PATH_OR_URL --json     the same for machines
    python tools/upstream.py PATH_OR_URL --apply    bring additions into openapi.yaml, and generate
    python tools/upstream.py PATH_OR_URL --apply --only PATTERN    bring in what is named, no more
    python tools/upstream.py PATH_OR_URL --record   all is decided: this is the last one now

The vendor's document may have any number of paths; the two operations are cut out of it. The last
one is kept as facts in `upstream/contract.yaml`. What was decided stands in
`upstream-differences.yml`. The exit code is 1 where something is to be decided about, 2 where
something cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from contract.decisions import Comparison, matches, read_decisions, widens
from contract.differences import differences
from contract.document import DocumentError, parsed, read, read_text
from contract.edit import TO_DESCRIBE, bring_in
from contract.operations import OPERATIONS, place_of, reached, surface_of
from contract.pin import checked_day, digest_of, pin_text, read_pin
from contract.report import comparison_json, comparison_text, places, table
from generate import CONTRACT, PACKAGE, TryError, files_of, tried, written

if TYPE_CHECKING:
    from contract.decisions import Decisions
    from contract.differences import Difference
    from contract.document import Document
    from contract.edit import Outcome
    from contract.pin import Pin

ROOT = Path(__file__).resolve().parent.parent
SAME, DRIFT, WRONG_USAGE = 0, 1, 2


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code."""
    given = _parser().parse_args(words)
    try:
        return _run(given)
    except DocumentError as error:
        sys.stderr.write(f"upstream: {error}\n")
        return WRONG_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="the vendor's document: a path or an address")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--apply", action="store_true", help="edit openapi.yaml and generate")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="with --apply: these rows alone, removals and narrowings too",
    )
    parser.add_argument("--record", action="store_true", help="keep this as the last document")
    parser.add_argument("--date", help="with --record: its day, YYYY-MM-DD; today if none is given")
    parser.add_argument("--contract", type=Path, default=CONTRACT)
    parser.add_argument("--decisions", type=Path, default=ROOT / "upstream-differences.yml")
    parser.add_argument("--pin", type=Path, default=ROOT / "upstream" / "contract.yaml")
    return parser


def _run(given: argparse.Namespace) -> int:
    text = read_text(given.source)
    theirs, pin = parsed(text, given.source), read_pin(given.pin)
    found = compared(read(str(given.contract)), theirs, pin, given.decisions)
    if given.json:
        print(comparison_json(found))
    else:
        print(_said_which(theirs))
        print(comparison_text(found, f"{pin.read} ({pin.digest[:12]})" if pin else "nothing"))
    if given.apply:
        _apply(given, chosen(found.open, given.only), theirs, found.decisions)
    elif given.record and found.settled:
        day = checked_day(given.date or datetime.now(tz=UTC).date().isoformat())
        given.pin.parent.mkdir(exist_ok=True)
        given.pin.write_text(pin_text(theirs, day, digest_of(text)), encoding="utf-8")
        print(f"\nRecorded: {given.pin.name} is the document of {day} now.")
    elif given.record:
        print("\nNot recorded: some of what happened is still to be decided about.")
    return DRIFT if found.open else SAME


def compared(ours: Document, theirs: Document, pin: Pin | None, decisions: Path) -> Comparison:
    """Compare their last document with the new one, and ours with it."""
    mine, new = surface_of(ours), surface_of(theirs)
    steps = differences(surface_of(pin.document), new) if pin else []
    drift = differences(mine, new)
    # What they have beside the two is news once, and no gap of ours.
    drift = [each for each in drift if each.operation in mine.operations]
    return Comparison(steps, drift, read_decisions(decisions))


def chosen(found: list[Difference], patterns: list[str]) -> list[Difference]:
    """Choose what to bring in: what is named, or whatever only adds."""
    if not patterns:
        return [each for each in found if widens(each)]
    return [
        each
        for each in found
        if any(
            matches(pattern, text)
            for pattern in patterns
            for text in (each.where, f"{each.where} {each.what}")
        )
    ]


def _said_which(theirs: Document) -> str:
    counts = f"{len(theirs.paths)} paths, {len(reached(theirs))} components reached"
    lines = [f"{theirs.name}: {counts} from two operations"]
    for method, path in OPERATIONS:
        try:
            place = place_of(theirs, method, path)
            lines.append(f"{method} {path} is {place.path} there, of {place.server or 'no server'}")
        except DocumentError as error:
            lines.append(str(error))
    return "\n".join(lines)


def _apply(
    given: argparse.Namespace, rows: list[Difference], theirs: Document, decisions: Decisions
) -> None:
    before = given.contract.read_text(encoding="utf-8")
    outcome = bring_in(before, rows, theirs, decisions)
    if outcome.done:
        given.contract.write_text(outcome.text, encoding="utf-8")
        try:
            _generate(given.contract)
        except TryError as error:
            given.contract.write_text(before, encoding="utf-8")
            print(f"\nNothing was written: what came of it does not generate.\n{error}")
            return
    _say_applied(given.contract, outcome)


def _generate(contract: Path) -> None:
    if contract != CONTRACT:
        tried(contract)
        return
    before = files_of(PACKAGE)
    tried(contract)
    written()
    _say_generated(before, files_of(PACKAGE))


def _say_applied(contract: Path, outcome: Outcome) -> None:
    print(f"\n{len(outcome.done)} differences are in {contract.name} now, compared anew.")
    if outcome.done:
        print(table(outcome.done))
    for found, reason in outcome.left:
        print(f"By hand: {places(found)}: {found[0].what}: {reason}")
    if TO_DESCRIBE in contract.read_text(encoding="utf-8"):
        print(f"Describe what is new: search {contract.name} for {TO_DESCRIBE}.")


def _say_generated(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    for name in sorted(set(before) | set(after)):
        if before.get(name) != after.get(name):
            kind = "new" if name not in before else "gone" if name not in after else "changed"
            print(f"generated: {kind:<8} {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
