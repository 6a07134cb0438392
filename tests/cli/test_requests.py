"""Options of the command line about each request."""

from __future__ import annotations

import pytest

from openrouter_embeddings import ConfigurationError, cli
from openrouter_embeddings.cli import _requests
from openrouter_embeddings.testing import FaultServer


@pytest.fixture
def run(capsys):
    """Run a command; give its code and what it said aside."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        return code, capsys.readouterr().err

    return call


def test_routing_and_more_reach_the_service(run, tmp_path, monkeypatch):
    """As the service has them; the base URL by option."""
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "more.json").write_text('{"new": 1}')
    with FaultServer() as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        words = ["embed", tmp_path / "in.txt", "--out", tmp_path / "o.npy", "--model", "m"]
        words += ["--base-url", server.base_url, "--provider", '{"sort": "price"}', "--zdr"]
        words += ["--deny-data-collection", "--only", "a, b", "--order", "b", "--user", "u"]
        words += ["--session-id", "s", "--extra-body", f"@{tmp_path / 'more.json'}"]
        code, said = run(*words, "--timeout", 5, "--deadline", 9, "--retries", 0)

    body = server.requests[-1].body
    assert code == 0, said
    assert body["provider"] == {
        "sort": "price",
        "zdr": True,
        "data_collection": "deny",
        "only": ["a", "b"],
        "order": ["b"],
    }
    assert (body["user"], body["session_id"], body["new"]) == ("u", "s", 1)


@pytest.mark.parametrize("given", ["{", "[1]", "3", "@missing.json", '"a"'])
def test_json_that_cannot_be_used_is_named(given):
    """With the option."""
    with pytest.raises(ConfigurationError, match=r"^provider "):
        _requests.json_object("provider", given)


def test_nothing_said_is_nothing_sent():
    """What the client has holds."""
    assert _requests.preferences(None) is None
    assert _requests.times(None, None, None) == {}
    assert _requests.times(None, None, 0)["retries"].attempts == 1
