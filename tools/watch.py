"""Look whether the vendor's document has changed, and prepare a change of ours with the report.

    python tools/watch.py PATH_OR_URL --report FILE

What `upstream --apply` may bring in is in the checkout afterwards, and what it printed is in the
report, as Markdown. Where nothing happened nothing is written. The last line names the document by
its hash. The exit code is 2 where something cannot be read. `.github/workflows/upstream.yml` runs
this by the clock, and opens the change.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from contract.document import DocumentError, parsed, read, read_text
from contract.pin import digest_of, read_pin
from generate import CONTRACT, ROOT

import upstream

MOST = 60_000  # characters; the description of a change may have 65,536


def main(words: list[str]) -> int:
    """Carry out the command; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", help="the vendor's document: a path or an address")
    parser.add_argument("--report", type=Path, required=True, help="the file for the report")
    parser.add_argument("--contract", type=Path, default=CONTRACT)
    parser.add_argument("--decisions", type=Path, default=ROOT / "upstream-differences.yml")
    parser.add_argument("--pin", type=Path, default=ROOT / "upstream" / "contract.yaml")
    given = parser.parse_args(words)
    try:
        return _run(given)
    except DocumentError as error:
        sys.stderr.write(f"watch: {error}\n")
        return 2


def _run(given: argparse.Namespace) -> int:
    text = read_text(given.source)
    theirs, pin = parsed(text, given.source), read_pin(given.pin)
    found = upstream.compared(read(str(given.contract)), theirs, pin, given.decisions)
    digest = digest_of(text)[:12]
    if not found.steps and not found.open:
        print(f"Nothing happened: {digest}")
        return 0
    places = [f"--{name}={getattr(given, name)}" for name in ("contract", "decisions", "pin")]
    with tempfile.TemporaryDirectory() as folder:
        # It is read once: what is reported is what is applied.
        source = Path(folder) / "vendor.yaml"
        source.write_text(text, encoding="utf-8")
        with redirect_stdout(StringIO()) as shown:
            code = upstream.main([str(source), "--apply", *places])
    said = shown.getvalue().replace(str(source), given.source)
    given.report.write_text(markdown(said, digest), encoding="utf-8")
    print(f"Something happened: {digest}")
    return code if code == upstream.WRONG_USAGE else 0


def markdown(said: str, digest: str) -> str:
    """Write a report as the description of a change; nothing in it is read as Markdown.

    Args:
        said: What `upstream --apply` printed.
        digest: The hash of the document.
    """
    said = said if len(said) <= MOST else f"{said[:MOST]}\n... cut"
    # A fence is closed by one that is as long: names of the vendor's may hold some.
    longest = max(map(len, re.findall("`+", said)), default=0)
    fence = "`" * max(3, longest + 1)
    return (
        f"The vendor's document has changed (`{digest}`). What only adds is in this change, as\n"
        "far as it proves itself; go on with step 1 of `docs/updating-the-api.md`.\n\n"
        f"{fence}text\n{said.rstrip()}\n{fence}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
