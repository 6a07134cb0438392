"""Requests to a server under test: what of its replies reaches the report."""

from __future__ import annotations

import pytest

from openrouter_embeddings.contract import check_server
from openrouter_embeddings.contract._probe import Probe
from openrouter_embeddings.testing import FaultServer, faults


@pytest.mark.parametrize("key", ["sk-or-v1-0123456789", "sk-1234"])
def test_a_key_that_the_server_quotes_is_masked(key):
    """Reports are kept where everybody can read them."""
    with FaultServer() as server, Probe(server.base_url, key, 9, 0.0, 60.0) as probe:
        server.api_key = key
        server.always(faults.status(500, f"No key {key}."))
        reply = probe.post({"model": "m", "input": ["a"]})

    assert b"No key ***." in reply.body
    assert key.encode() not in reply.body


def test_a_report_quotes_no_key():
    """Findings quote how a body begins."""
    with FaultServer() as server:
        server.always(faults.status(418, f"Teapot of {server.api_key}"))
        report = check_server(server.base_url, server.api_key, model="m", max_requests=20)

    assert report.wrong
    for text in (report.to_text(), report.to_junit(), repr(report)):
        assert server.api_key not in text
