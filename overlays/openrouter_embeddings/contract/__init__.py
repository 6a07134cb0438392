"""Contract tests of any server that speaks the two endpoints, for users without a checkout.

    report = check_server("http://127.0.0.1:8080/api/v1", "any-key", model="local/wordllama-256")
    print(report.to_text())

The rules are those of `openapi.yaml`, which comes with the package. Two kinds of checks share one
bound of requests and of cost: stateful ones (a vector for each input, widths, both encodings agree,
the same text has the same vector, refusals by the contract), and requests drawn from the document.
Needs the extra `contract`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.environment import checked_api_key
from openrouter_embeddings._base.extras import require
from openrouter_embeddings.contract._checks import ALL, Checks, Finding, why_shut
from openrouter_embeddings.contract._drawn import draw_cases
from openrouter_embeddings.contract._probe import Probe
from openrouter_embeddings.contract._profiles import ProfileName, profile_of
from openrouter_embeddings.contract._report import known_faults, to_json, to_junit, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.contract._judge import Fits

__all__ = [
    "ContractReport",
    "Finding",
    "ProfileName",
    "check_server",
    "contract_document",
    "known_faults",
]

_STATEFUL_REQUESTS = 40
_DOOR = "key"


@frozen
class ContractReport:
    """What was found about a server.

    Attributes:
        base_url: Where it is.
        findings: What was looked at, in order.
        requests: How many requests were made.
        spent: USD, as far as the server said.
        statuses: How often each status came, by operation.
    """

    base_url: str
    findings: tuple[Finding, ...]
    requests: int
    spent: float
    statuses: Mapping[tuple[str, int], int]

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What breaks the contract."""
        return tuple(each for each in self.findings if each.outcome == "wrong")

    @property
    def closed(self) -> str | None:
        """Why nothing could be checked: there is no key, or it is refused. None elsewhere."""
        return next((each.found for each in self.findings if each.check == _DOOR), None)

    @property
    def holds(self) -> bool:
        """Say whether nothing breaks the contract, and something was checked."""
        return not self.wrong and any(each.outcome == "ok" for each in self.findings)

    def to_text(self) -> str:
        """Describe it for a terminal."""
        return to_text(self.base_url, self.findings, self.requests, self.spent, self.statuses)

    def to_json(self) -> str:
        """Write it as JSON, which `known_faults` reads back."""
        seen = [
            {"operation": operation, "status": status, "count": count}
            for (operation, status), count in self.statuses.items()
        ]
        counted = {"requests": self.requests, "spent": self.spent, "statuses": seen}
        return to_json(self.base_url, self.findings, holds=self.holds, **counted)

    def to_junit(self) -> str:
        """Write it as JUnit XML."""
        return to_junit(self.base_url, self.findings)


def check_server(
    base_url: str,
    api_key: str | None = None,
    *,
    model: str,
    max_requests: int = 200,
    max_cost: float = 0.05,
    timeout: float = 30.0,
    max_inputs: int | None = None,
    max_body_bytes: int | None = None,
    profile: ProfileName = "openrouter",
    known: frozenset[tuple[str, str]] = frozenset(),
) -> ContractReport:
    """Check a server against the contract.

    Args:
        base_url: Where the server is, ``"https://host/api/v1"`` say; plain http on loopback only.
        api_key: The key, or None for a server that asks for none.
        model: The model to embed with.
        max_requests: The most requests to make.
        max_cost: The most to spend in USD, as far as the server says; 0 for no bound.
        timeout: Seconds for one request, its body included.
        max_inputs: The most inputs of one request that the server takes, if that is known; one more
            must be refused.
        max_body_bytes: The largest body that it takes, if that is known; a larger one must be
            refused.
        profile: What the server has to do: all that the contract says, or what servers do that
            speak OpenAI's protocol (one model, no key, a listing at ``/models``).
        known: Faults that are known, as check and rule, `known_faults` reads them from a report;
            they do not count.

    Returns:
        What was found; only that there is no key, or that it is refused, where that is so.

    Raises:
        ConfigurationError: An argument cannot be used; nothing was sent.
        MissingExtraError: The extra `contract` is not installed.
    """
    fits = _fits(contract_document())
    kind = profile_of(profile)
    key = None if api_key is None else checked_api_key(api_key)
    most = arguments.whole_number("max_requests", max_requests, least=1)
    cost = arguments.number("max_cost", max_cost)
    with Probe(base_url, key, most, cost, timeout) as probe:
        name = arguments.text("model", model)
        checks = Checks(probe, fits, name, max_inputs, max_body_bytes, kind)
        shut = why_shut(checks)
        findings = [Finding(_DOOR, _DOOR, "not checked", shut)] if shut else _checked(checks, most)
        return ContractReport(
            base_url=probe.base_url,
            findings=tuple(_told(each, known) for each in findings),
            requests=probe.requests,
            spent=probe.spent,
            statuses=dict(probe.statuses),
        )


def _checked(checks: Checks, most: int) -> list[Finding]:
    checks.run(ALL)
    count = max(2, most - min(most, _STATEFUL_REQUESTS)) // 2
    document, probe = contract_document(), checks.probe
    drawn = draw_cases(document, probe, checks.fits, checks.model, count, checks.profile)
    return [*checks.findings, *drawn]


def _told(finding: Finding, known: frozenset[tuple[str, str]]) -> Finding:
    is_known = finding.outcome == "wrong" and (finding.check, finding.rule) in known
    return evolve(finding, outcome="known") if is_known else finding


@cache
def contract_document() -> dict[str, Any]:
    """Read the contract that comes with the package: OpenAPI 3.1, decoded."""
    yaml = require("yaml", extra="contract")
    packaged = files("openrouter_embeddings").joinpath("openapi.yaml")
    # In a checkout there is one copy, at the top.
    path = packaged if packaged.is_file() else Path(__file__).parents[3] / "openapi.yaml"
    return cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")))


def _fits(document: Mapping[str, Any]) -> Fits:
    schemas = document["components"]["schemas"]
    jsonschema = require("jsonschema_rs", extra="contract")
    validators = {
        name: jsonschema.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        )
        for name in ("EmbeddingsResponse", "ModelsListResponse", "ErrorResponse")
    }

    def fits(schema: str, value: object) -> str | None:
        error = next(iter(validators[schema].iter_errors(value)), None)
        if error is None:
            return None
        place = "/".join(map(str, error.instance_path))
        return f"{place or 'the body'}: {str(error.message)[:200]}"

    return fits
