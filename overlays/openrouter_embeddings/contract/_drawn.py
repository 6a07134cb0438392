"""Requests drawn from the contract by schemathesis, and their replies judged by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openrouter_embeddings._base.extras import require
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.contract._checks import Finding
from openrouter_embeddings.contract._judge import RawReply, judge
from openrouter_embeddings.contract._probe import ExhaustedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.contract._judge import Fits
    from openrouter_embeddings.contract._probe import Probe
    from openrouter_embeddings.contract._profiles import Profile

_SCHEMAS = {"POST": "EmbeddingsResponse", "GET": "ModelsListResponse"}


def draw_cases(
    document: Mapping[str, Any],
    probe: Probe,
    fits: Fits,
    model: str,
    count: int,
    profile: Profile,
) -> list[Finding]:
    """Send requests that the contract allows, and judge what comes back.

    Args:
        document: The contract.
        probe: What requests go through.
        fits: Checks a value against a schema of the contract.
        model: The model that half of the requests name; the others name any.
        count: The most requests for each operation.
        profile: What the server has to do.

    Returns:
        One finding for each operation, and one for each rule that a reply broke.
    """
    schemathesis = require("schemathesis", extra="contract")
    findings: list[Finding] = []
    for result in schemathesis.openapi.from_dict(dict(document)).get_all_operations():
        operation = result.ok()
        if operation.method.upper() in profile.drawn:
            findings += _operation(operation, probe, fits, model, count, profile)
    return findings


def _operation(
    operation: Any,  # noqa: ANN401 - schemathesis's own
    probe: Probe,
    fits: Fits,
    model: str,
    count: int,
    profile: Profile,
) -> list[Finding]:
    hypothesis = require("hypothesis", extra="contract")
    name = f"drawn {operation.method.upper()} {operation.path}"
    broken: dict[str, Finding] = {}
    sent, taken, ended = 0, 0, ""

    def once(case: Any) -> None:  # noqa: ANN401
        nonlocal sent, taken, ended
        if ended:
            return
        if isinstance(case.body, dict) and sent % 2:
            case.body["model"] = model
        try:
            reply = _sent(case, probe)
        except ExhaustedError as exc:
            ended = str(exc)
            return
        sent += 1
        schema = _SCHEMAS[operation.method.upper()]
        found = judge(reply, schema, fits)
        problems = [each for each in found.problems if not profile.allows(name, each[0])]
        taken += found.refusal is None
        if reply.status == 500:
            problems.append(("no server error", "500 for a request that the contract allows"))
        for rule, problem in problems:
            broken.setdefault(rule, Finding(name, rule, "wrong", problem, probe.last))

    settings = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(hypothesis.given(operation.as_strategy())(once))()
    if broken:
        return list(broken.values())
    if not sent:
        return [Finding(name, name, "not checked", ended)]
    return [Finding(name, name, "ok", _counted(sent, taken, ended))]


def _counted(sent: int, taken: int, ended: str) -> str:
    refused = "" if taken else ", all of them refused"
    return f"{counted(sent, 'request')}{refused}" + (f"; {ended}" if ended else "")


def _sent(case: Any, probe: Probe) -> RawReply:  # noqa: ANN401
    if case.method.upper() == "GET":
        bounds = {
            name: value for name, value in dict(case.query or {}).items() if value is not None
        }
        usable = {name: int(value) for name, value in bounds.items() if _is_whole(value)}
        return probe.get(case.path, **usable)
    return probe.post(case.body)


def _is_whole(value: object) -> bool:
    try:
        int(str(value))
    except ValueError:
        return False
    return True
