"""What surrounds a call: proxies of the environment."""

from __future__ import annotations

import pytest

from openrouter_embeddings import ConfigurationError, OpenRouter
from openrouter_embeddings._base.environment import Proxy, environment_proxy

PROXY = Proxy("http", "p", 1)


@pytest.fixture
def proxies(monkeypatch):
    """Set the variables of proxies, and no others."""

    def set_only(**environment):
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return set_only


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://example.org/v1", None),
        ({"https_proxy": "http://p:1"}, "https://example.org/v1", PROXY),
        ({"https_proxy": "p:1"}, "https://example.org/v1", PROXY),
        ({"https_proxy": "http://p"}, "https://example.org/v1", Proxy("http", "p", 80)),
        ({"https_proxy": "socks5h://p"}, "https://example.org/v1", Proxy("socks5h", "p", 1080)),
        (
            {"https_proxy": "http://u%40x:p%3A@p:1"},
            "https://example.org/v1",
            Proxy("http", "p", 1, "u@x", "p:"),
        ),
        ({"all_proxy": "http://p:1"}, "https://example.org/v1", PROXY),
        ({"https_proxy": "http://p:1", "no_proxy": "example.org"}, "https://example.org/v1", None),
        ({"http_proxy": "http://p:1", "all_proxy": "http://p:1"}, "http://127.0.0.1/v1", None),
    ],
    ids=str,
)
def test_the_proxy_of_the_environment_is_used(environment, url, proxy, proxies):
    """But never for plain http, which stays on this machine."""
    proxies(**environment)

    assert environment_proxy(url) == proxy


@pytest.mark.parametrize("url", ["socks4://p:1", "http://:1", "http://u:secret@p:port", "http://["])
def test_a_proxy_that_cannot_be_used_is_named(url, proxies):
    """When the client is made, and without its password."""
    proxies(https_proxy=url)

    with pytest.raises(ConfigurationError, match="HTTPS_PROXY or ALL_PROXY") as caught:
        OpenRouter("k")

    assert "secret" not in str(caught.value)
