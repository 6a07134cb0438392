"""What surrounds a call: proxies of the environment."""

from __future__ import annotations

import sys

import pytest

from openrouter_embeddings import MissingExtraError, OpenRouter
from openrouter_embeddings._base.environment import environment_proxy


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://example.org/v1", None),
        ({"https_proxy": "http://p:1"}, "https://example.org/v1", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://example.org/v1", "http://p:1"),
        ({"all_proxy": "http://p:1"}, "https://example.org/v1", "http://p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "example.org"}, "https://example.org/v1", None),
        ({"http_proxy": "http://p:1", "all_proxy": "http://p:1"}, "http://127.0.0.1/v1", None),
    ],
    ids=str,
)
def test_the_proxy_of_the_environment_is_used(environment, url, proxy, monkeypatch):
    """But never for plain http, which stays on this machine."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert environment_proxy(url) == proxy


def test_a_socks_proxy_names_the_package_that_it_needs(monkeypatch):
    """Before anything is sent."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "socksio", None)

    with pytest.raises(MissingExtraError, match="pip install socksio"):
        OpenRouter("k")
