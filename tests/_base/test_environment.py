"""What surrounds a call: the key, the address, proxies and certificates of the environment."""

from __future__ import annotations

import pytest

from openrouter_embeddings import AsyncOpenRouter, ConfigurationError, OpenRouter
from openrouter_embeddings._base import environment as surroundings
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

    with pytest.raises(ConfigurationError, match="HTTPS_PROXY is no URL") as caught:
        OpenRouter("k")

    assert "secret" not in str(caught.value)


@pytest.fixture
def no_proxies(monkeypatch):
    """Keep the proxies of the machine out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    [
        *("ftp://p:1", "socks4://p:1", "http://", "://", "http://p:port", "http://p:99999"),
        *("http://p:0", "http://p q:1", "http://p:1\nX: y", "http://[::1", "p..q:1", "http:p"),
        *(f"http://{'p' * 64}:1", "http://user:secret@p:port"),
    ],
)
def test_an_odd_proxy_is_named_by_its_variable_and_not_shown(
    variable, proxy, monkeypatch, no_proxies
):
    """It can hold a password."""
    monkeypatch.setenv(variable, proxy)

    with pytest.raises(ConfigurationError, match=variable) as caught:
        OpenRouter("k")

    assert caught.value.argument == variable
    assert "secret" not in str(caught.value)


def test_line_ends_around_a_proxy_are_cut(monkeypatch, no_proxies):
    """Files that set variables leave them there."""
    monkeypatch.setenv("HTTPS_PROXY", " http://p:1\n")

    assert environment_proxy("https://example.org/v1") == PROXY


@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
def test_certificates_that_are_not_there_are_named(kind, monkeypatch, tmp_path):
    """The variable and its path, when the client is made."""
    empty = tmp_path / "empty.pem"
    empty.write_text("none\n")
    for variable, path in (
        ("SSL_CERT_FILE", tmp_path / "missing.pem"),
        ("SSL_CERT_FILE", tmp_path),
        ("SSL_CERT_FILE", empty),
        ("SSL_CERT_DIR", tmp_path / "missing"),
        ("SSL_CERT_DIR", tmp_path),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(path))
            with pytest.raises(ConfigurationError) as caught:
                kind("k")

        assert caught.value.argument == variable
        assert str(path)[:30] in str(caught.value)


def test_certificates_are_not_looked_for_where_none_are_needed(monkeypatch):
    """A server on this machine speaks plain http."""
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")

    OpenRouter("k", base_url="http://127.0.0.1:1").close()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (" https://example.org/v1\n", "https://example.org/v1"),
        ("https://example.org/v1/\t", "https://example.org/v1"),
        ("https://my_gateway:8443/v1", "https://my_gateway:8443/v1"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://example.org./v1", "https://example.org./v1"),
    ],
)
def test_addresses_are_taken_as_they_are_meant(given, url):
    """Blanks and line ends around them are cut, hosts are written in ASCII."""
    assert surroundings.checked_base_url(given) == url


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("https://example.org/v1/embeddings", "Leave out '/embeddings'"),
        ("https://example.org/v1/embeddings/models/", "Leave out '/embeddings/models'"),
        ("https://example.org/v1/chat/completions", "Leave out '/chat/completions'"),
        ("https://exa mple.org", "white space"),
        ("https://example.org/v 1", "white space"),
        ("https://example.org/v\n1", "white space"),
        ("https://example.org\\@evil.example", "no user"),
        ("https://a..b/", "host"),
        ("https://.example.org", "host"),
        ("https://-a.org", "host"),
        (f"https://{'a' * 64}.org", "host"),
        (f"https://{'a.' * 130}org", "host"),
        ("https://a%00b.org", "host"),
        ("https://xn--\u0130.org", "host"),
        ("https://xn--\x80.org", "host"),
        ("https://xn--a.org", "host"),
        ("https://example.org:0", "port 0"),
        ("https://example.org:65536", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://user@example.org", "no user"),
        ("https://example.org/\ud800", "surrogate"),
    ],
)
def test_addresses_that_cannot_be_asked_are_named(given, words, monkeypatch):
    """By their argument, or by the variable that they came from."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        OpenRouter("k", base_url=given)
    assert caught.value.argument == "base_url"
    if "\ud800" in given:
        return
    monkeypatch.setenv("OPENROUTER_BASE_URL", given)

    with pytest.raises(ConfigurationError, match=words) as caught:
        AsyncOpenRouter("k")

    assert caught.value.argument == "OPENROUTER_BASE_URL"


PRIVATE = ["http://litellm:4000/v1", "http://192.168.1.5:8000/v1", "http://host.docker.internal/v1"]


@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
@pytest.mark.parametrize("url", PRIVATE)
def test_plain_http_in_a_private_network_is_allowed_on_purpose(kind, url, monkeypatch):
    """The refusal names both ways; either will do."""
    with pytest.raises(ConfigurationError, match=r"allow_http=True or OPENROUTER_ALLOW_HTTP=1"):
        kind("k", base_url=url)

    assert url in repr(kind("k", base_url=url, allow_http=True))
    monkeypatch.setenv("OPENROUTER_ALLOW_HTTP", "1")
    assert url in repr(kind("k", base_url=url))


def test_plain_http_never_goes_by_a_proxy(monkeypatch, no_proxies):
    """The proxy would read the key."""
    monkeypatch.setenv("HTTP_PROXY", "http://p:1")
    monkeypatch.setenv("ALL_PROXY", "http://p:1")

    assert environment_proxy("http://192.168.1.5/v1") is None


@pytest.mark.parametrize("value", ["0", "", "false", "No", " off "])
def test_the_switch_for_plain_http_can_be_off(value, monkeypatch):
    """Its usual words are understood."""
    monkeypatch.setenv("OPENROUTER_ALLOW_HTTP", value)

    with pytest.raises(ConfigurationError, match="unencrypted"):
        OpenRouter("k", base_url=PRIVATE[0])


def test_a_switch_that_says_neither_is_named(monkeypatch):
    """Nothing is guessed where a key is at stake."""
    monkeypatch.setenv("OPENROUTER_ALLOW_HTTP", "maybe")

    with pytest.raises(ConfigurationError, match="must be 1 or 0") as caught:
        OpenRouter("k")

    assert caught.value.argument == "OPENROUTER_ALLOW_HTTP"


def test_a_key_of_the_environment_is_named_by_its_variable(monkeypatch):
    """And not shown."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-secret\n")

    with pytest.raises(ConfigurationError, match="OPENROUTER_API_KEY") as caught:
        OpenRouter()

    assert caught.value.argument == "OPENROUTER_API_KEY"
    assert "secret" not in str(caught.value)
