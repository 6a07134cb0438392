"""Servers against the contract: the local one holds, and every fault that breaks it is named."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from openrouter_embeddings import ConfigurationError, cli
from openrouter_embeddings.contract import check_server, contract_document
from openrouter_embeddings.local import MODEL_ID, LocalServer
from openrouter_embeddings.testing import FaultServer, faults
from openrouter_embeddings.testing._answers import MODELS
from openrouter_embeddings.testing._rules import Rules

# What each fault of the menu is by the contract: the rule that it breaks, or None.
DECISIONS = {
    "ok": None,
    "leading_whitespace": None,
    "status": None,
    "error_in_200": None,
    "no_successful_provider": None,
    "wrapped_502": None,
    "in_flight_budget": None,
    "free_tier_daily": None,
    "zod_error": None,
    "string_error": "no server error",
    "provider_error": None,
    "html": None,
    "redirect": "status",
    "empty_body": "JSON object",
    "whitespace_only": "JSON object",
    "not_json": "JSON object",
    "json_array": "JSON object",
    "no_data": "schema of the reply",
    "truncated_body": "complete reply",
    "reset_before_body": "complete reply",
    "reset_in_body": "complete reply",
    "drip": "complete reply",
    "drip_headers": "complete reply",
    "silence": "complete reply",
    "reordered": None,
    "absent_index": None,
    "missing_index": "index",
    "duplicate_index": "index",
    "index_out_of_range": "index",
    "missing_vector": "one vector for each input",
    "extra_vector": "one vector for each input",
    "empty_data": "one vector for each input",
    "nan": "finite numbers",
    "infinity": "finite numbers",
    "zero_vector": "no zero vectors",
    "mixed_widths": "one width",
    "wrong_width": "width that was asked for",
    "floats_despite_base64": None,
    "base64_despite_float": None,
    "refuses_base64": "one vector for each input",
    "junk_base64": "numbers or base64",
    "short_base64": "numbers or base64",
    "text_numbers": "numbers or base64",
    "null_numbers": "numbers or base64",
    "null_embedding": "numbers or base64",
    "another_alphabet": "numbers or base64",
    "another_type": "encodings agree",
    "another_type: float16": "encodings agree",
    "another_type: big-endian": "encodings agree",
    "one_vector": "one vector for each input",
    "one_for_all": "order",
    "new_enum_values": None,
    "extra_fields": None,
    "null_usage": None,
    "wrong_content_type": "content type",
    "status: 429 with Retry-After": None,
    "html: 200": "JSON object",
    "error_in_200: 429": None,
    "refuses_base64: error": None,
    "refuses_base64: 400": None,
}


# Slower than any machine, so that a short patience always ends.
SLOW = {
    "drip": faults.drip(5),
    "drip_headers": faults.drip_headers(5),
    "silence": faults.silence(600),
}


def test_every_fault_has_been_decided_about():
    """A new one fails here until somebody says what it is."""
    assert set(DECISIONS) == set(faults.menu())


@pytest.fixture
def server():
    with FaultServer(dimensions=8, models=MODELS) as server:
        yield server


def checked(server, **options):
    given = {"model": "test/embedding", "max_requests": 60, "timeout": 60.0, **options}
    return check_server(server.base_url, server.api_key, **given)


@pytest.mark.parametrize(("name", "rule"), DECISIONS.items(), ids=DECISIONS)
def test_every_fault_that_breaks_the_contract_is_named(name, rule, server):
    """And what the contract allows is not."""
    server.always(SLOW.get(name) or faults.menu()[name])

    report = checked(server, timeout=0.3 if name in SLOW else 60.0)

    rules = {finding.rule for finding in report.wrong}
    assert rules == set() if rule is None else rule in rules
    assert report.holds is (rule is None)
    assert report.requests <= 60


def test_vectors_in_the_wrong_places_are_noticed(server, monkeypatch):
    """Without an index, only a comparison with single texts can tell."""
    assert checked(server).wrong == ()
    healthy = Rules.healthy

    def shuffled(rules, body, items):
        return healthy(rules, body, items[1:] + items[:1])

    monkeypatch.setattr(Rules, "healthy", shuffled)
    assert "order" in {finding.rule for finding in checked(server).wrong}


def test_encodings_that_disagree_are_noticed(server, monkeypatch):
    """Both must be the same vectors."""
    healthy = Rules.healthy

    def doubled(rules, body, items):
        odd = isinstance(body, dict) and body.get("encoding_format") == "base64"
        return healthy(rules, body, [f"{item}!" if odd else item for item in items])

    monkeypatch.setattr(Rules, "healthy", doubled)

    assert "encodings agree" in {finding.rule for finding in checked(server).wrong}


@pytest.mark.local_model
def test_the_local_server_holds_and_shows_every_status_that_it_has():
    """No failure, and all documented statuses that it can produce."""
    with LocalServer(max_inputs=100, max_body_bytes=100_000) as server:
        report = check_server(
            server.base_url,
            server.api_key,
            model=MODEL_ID,
            max_inputs=100,
            max_body_bytes=100_000,
        )

    assert report.wrong == ()
    assert report.holds
    seen = {status for operation, status in report.statuses if operation == "POST /embeddings"}
    assert seen >= {200, 400, 401, 413, 422}
    assert ("GET /embeddings/models", 200) in report.statuses


def test_requests_and_cost_are_bounded(server):
    """What was not checked any more is said."""
    report = checked(server, max_requests=5)
    assert report.requests == len(server.requests) == 5
    assert "bound of 5 requests" in report.to_text()

    with FaultServer(models=MODELS, cost_per_token=1.0) as dear:
        report = checked(dear, max_cost=10.0)
    assert 10 <= report.spent <= 40
    assert "bound of 10 USD" in report.to_text()


def test_the_key_is_nowhere_in_the_report(server):
    """Neither in the text nor in the XML."""
    server.always(faults.nan())

    report = checked(server)

    for text in (report.to_text(), report.to_junit(), repr(report)):
        assert server.api_key not in text
    assert "$OPENROUTER_API_KEY" in report.to_text()


def test_the_xml_is_that_of_junit(server):
    """A failure for each finding, with what repeats it."""
    server.always(faults.nan())

    report = checked(server)
    suite = ET.fromstring(report.to_junit())

    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) == len(report.wrong)
    assert suite.find("testcase/failure").text.startswith("curl -X POST")


def test_a_key_does_not_travel_in_the_clear():
    """Plain HTTP is for this machine."""
    with pytest.raises(ConfigurationError, match="unencrypted"):
        check_server("http://example.org/api/v1", "sk-or-x", model="m")


def test_the_packaged_document_is_the_contract(document):
    """One committed copy."""
    assert contract_document() == document


@pytest.mark.local_model
def test_the_command(server, capsys, monkeypatch, tmp_path):
    """0 where it holds, 1 where it does not, 2 where there is nothing to check."""
    monkeypatch.setenv("KEY", server.api_key)
    words = ["--model", "test/embedding", "--api-key-env", "KEY", "--max-requests", "40"]
    junit = tmp_path / "report.xml"

    assert cli.run(["contract", server.base_url, *words, "--junit", str(junit)]) == 0
    assert "At most 40 requests" in capsys.readouterr().out
    assert ET.parse(junit).getroot().get("failures") == "0"
    server.always(faults.nan())
    assert cli.run(["contract", server.base_url, *words]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert cli.run(["contract"]) == 2
    assert "URL is missing" in capsys.readouterr().err
    assert cli.run(["contract", "--local", "--max-requests", "30"]) == 0
