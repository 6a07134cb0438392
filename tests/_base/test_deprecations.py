"""Deprecated arguments: noted, and warned of once for each call."""

from __future__ import annotations

import inspect
import re

import pytest

from openrouter_embeddings import OpenRouter
from openrouter_embeddings._base import deprecations
from openrouter_embeddings._base.deprecations import DEPRECATED, Deprecation
from openrouter_embeddings.embeddings import Embeddings
from openrouter_embeddings.testing import FaultServer

USER = Deprecation(since="0.2.0", gone_in="0.4.0", instead="give it in trace")


def unnoted(names, docstring):
    """Name those arguments whose docstring says nothing of it, in any of its lines."""
    said = re.findall(r"^( +)(\w+): (.*(?:\n\1 .*)*)", docstring, re.MULTILINE)
    noted = {name for _, name, words in said if "Deprecated" in words}
    return {name for name in names if "." not in name} - noted


def test_what_is_warned_of_is_noted():
    """In the docstring of the argument."""
    assert unnoted(DEPRECATED, inspect.getdoc(Embeddings.generate)) == set()
    assert unnoted({"user"}, "Args:\n    user: A stable id.") == {"user"}
    assert unnoted({"user"}, "Args:\n    user: A stable id. Deprecated since 0.2.0.") == set()
    wrapped = "Args:\n    user: A stable id.\n        Deprecated since 0.2.0.\n    trace: Names."
    assert unnoted({"user", "trace"}, wrapped) == {"trace"}


@pytest.fixture
def client(monkeypatch):
    """A client for whose service two arguments are deprecated."""
    monkeypatch.setattr(deprecations, "DEPRECATED", {"user": USER, "provider.zdr": USER})
    with FaultServer() as server, OpenRouter(server.api_key, base_url=server.base_url) as client:
        yield client


def test_a_call_warns_once_at_the_callers_line(client):
    """However many requests a run makes."""
    with pytest.warns(DeprecationWarning, match="user .since 0.2.0, gone in 0.4.0: give") as found:
        client.embeddings.generate(input="a", model="test/embedding", user="u")
    assert [each.filename for each in found] == [__file__]
    with pytest.warns(DeprecationWarning, match="provider.zdr") as found:
        client.embeddings.embed(["a"] * 300, model="test/embedding", provider={"zdr": True})
    assert len(found) == 1
    with pytest.warns(DeprecationWarning, match="user"):
        client.embeddings.generate(input="a", model="test/embedding", extra_body={"user": "u"})


def test_other_calls_do_not_warn(client):
    """Warnings are errors in these tests."""
    client.embeddings.generate(input="a", model="test/embedding", session_id="s")
