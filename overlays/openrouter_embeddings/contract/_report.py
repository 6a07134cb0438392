"""Findings about a server, for a terminal and as JUnit XML."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from openrouter_embeddings._base.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings.contract._checks import Finding

_WORDS = {"ok": "ok", "wrong": "WRONG", "not checked": "-"}


def to_text(
    base_url: str,
    findings: Sequence[Finding],
    requests: int,
    spent: float,
    statuses: Mapping[tuple[str, int], int],
) -> str:
    """Describe what was found, a line for each finding."""
    lines = [f"{base_url}: {requests} requests, {spent:.6f} USD"]
    for each in findings:
        rule = "" if each.rule == each.check else f" / {each.rule}"
        lines.append(f"{_WORDS[each.outcome]:<6} {each.check}{rule}: {one_line(each.found)}")
        lines += [f"       repeat: {one_line(each.repeat)}"] if each.repeat else []
    for operation in sorted({operation for operation, _ in statuses}):
        seen = {status: count for (name, status), count in statuses.items() if name == operation}
        shown = ", ".join(f"{status} ({seen[status]})" for status in sorted(seen))
        lines.append(f"statuses of {operation}: {shown}")
    outcomes = Counter(each.outcome for each in findings)
    counted = ", ".join(f"{outcomes[name]} {name}" for name in _WORDS)
    return "\n".join([*lines, counted])


def to_junit(base_url: str, findings: Sequence[Finding]) -> str:
    """Write findings as JUnit XML: one suite, a case for each finding."""
    outcomes = Counter(each.outcome for each in findings)
    suite = ET.Element(
        "testsuite",
        name="openrouter-embeddings contract",
        hostname=base_url,
        tests=str(len(findings)),
        failures=str(outcomes["wrong"]),
        skipped=str(outcomes["not checked"]),
        errors="0",
    )
    for each in findings:
        case = ET.SubElement(suite, "testcase", classname=each.check, name=each.rule)
        if each.outcome == "wrong":
            failure = ET.SubElement(case, "failure", message=_plain(each.found))
            failure.text = _plain(each.repeat)
        elif each.outcome == "not checked":
            ET.SubElement(case, "skipped", message=_plain(each.found))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _plain(text: str) -> str:
    """Leave out what XML cannot carry."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
