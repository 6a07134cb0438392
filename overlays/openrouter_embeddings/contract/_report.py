"""Findings about a server, for a terminal, as JUnit XML and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from openrouter_embeddings._base.printable import counted, one_line
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openrouter_embeddings.contract._checks import Finding

_WORDS = {"ok": "ok", "wrong": "WRONG", "known": "known", "not checked": "-"}
_COUNTED = ("ok", "wrong", "not checked")


def to_text(
    base_url: str,
    findings: Sequence[Finding],
    requests: int,
    spent: float,
    statuses: Mapping[tuple[str, int], int],
) -> str:
    """Describe what was found, a line for each finding."""
    lines = [f"{base_url}: {counted(requests, 'request')}, {spent:.6f} USD"]
    for each in findings:
        rule = "" if each.rule == each.check else f" / {each.rule}"
        weight = f" ({each.severity})" if each.severity else ""
        word = _WORDS[each.outcome]
        lines.append(f"{word:<6} {each.check}{rule}{weight}: {one_line(each.found)}")
        lines += [f"       repeat: {one_line(each.repeat)}"] if each.repeat else []
    for operation in sorted({operation for operation, _ in statuses}):
        seen = {status: count for (name, status), count in statuses.items() if name == operation}
        shown = ", ".join(f"{status} ({seen[status]})" for status in sorted(seen))
        lines.append(f"statuses of {operation}: {shown}")
    outcomes = Counter(each.outcome for each in findings)
    counts = ", ".join(f"{outcomes[name]} {name}" for name in _COUNTED)
    counts += f", {outcomes['known']} known" if outcomes["known"] else ""
    return "\n".join([*lines, counts])


def to_junit(base_url: str, findings: Sequence[Finding]) -> str:
    """Write findings as JUnit XML: one suite, a case for each finding."""
    outcomes = Counter(each.outcome for each in findings)
    suite = ET.Element(
        "testsuite",
        name="openrouter-embeddings contract",
        hostname=base_url,
        tests=str(len(findings)),
        failures=str(outcomes["wrong"]),
        skipped=str(outcomes["not checked"] + outcomes["known"]),
        errors="0",
    )
    for each in findings:
        case = ET.SubElement(suite, "testcase", classname=each.check, name=each.rule)
        if each.outcome == "wrong":
            message = _plain(each.found)
            failure = ET.SubElement(case, "failure", message=message, type=str(each.severity))
            failure.text = _plain(each.repeat)
        elif each.outcome != "ok":
            ET.SubElement(case, "skipped", message=_plain(each.found))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def to_json(base_url: str, findings: Sequence[Finding], **counted: object) -> str:
    """Write findings as JSON; `known_faults` reads them back."""
    listed = [
        {
            "check": each.check,
            "rule": each.rule,
            "outcome": each.outcome,
            "severity": each.severity,
            "found": each.found,
            "repeat": each.repeat,
        }
        for each in findings
    ]
    return json.dumps({"base_url": base_url, **counted, "findings": listed}, indent=2)


def known_faults(text: str) -> frozenset[tuple[str, str]]:
    """Read the faults of an earlier report: check and rule of each.

    Raises:
        ConfigurationError: It is no report of ours.
    """
    try:
        return frozenset(
            (str(each["check"]), str(each["rule"]))
            for each in json.loads(text)["findings"]
            if each["outcome"] in {"wrong", "known"}
        )
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        message = "baseline: this is no JSON report of the command contract."
        raise ConfigurationError(message, argument="baseline") from exc


def _plain(text: str) -> str:
    """Leave out what XML cannot carry."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
