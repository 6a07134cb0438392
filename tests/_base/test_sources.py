"""Sources: one way of writing for all ways of writing a base URL, and names in their place."""

from __future__ import annotations

import pytest

from openrouter_embeddings._base.sources import canonical_source, name_url
from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("HTTPS://OpenRouter.AI:443/api/v1//", "https://openrouter.ai/api/v1"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://a.b:80/x", "https://a.b:80/x"),
        ("https://a.b/%7euser/%2f%e2", "https://a.b/~user/%2F%E2"),
        ("https://a.b/ä b", "https://a.b/%C3%A4%20b"),
        ("https://a.b/A/a", "https://a.b/A/a"),
        ("https://bücher.de/x", "https://xn--bcher-kva.de/x"),
        ("http://[0:0:0:0:0:0:0:1]:8080/api", "http://[::1]:8080/api"),
        ("https://a.b/x?v=1", "https://a.b/x?v=1"),
        (f"https://{'ä' * 70}.de", f"https://{'ä' * 70}.de"),
        ("a name", "a name"),
        ("A Name/", "A Name/"),
    ],
)
def test_a_source_is_written_in_one_way(given, expected):
    """What makes no difference goes, and what makes one stays."""
    assert canonical_source(given) == expected
    assert canonical_source(expected) == expected


def test_a_running_server_has_its_name():
    """However its URL is spelt, as long as it runs."""
    name_url("http://127.0.0.1:4711/api/v1", "a server")
    try:
        assert canonical_source("HTTP://127.0.0.1:4711/api/v1/") == "a server"
        assert canonical_source("http://127.0.0.1:4712/api/v1") != "a server"
    finally:
        name_url("http://127.0.0.1:4711/api/v1", None)
    name_url("http://127.0.0.1:4711/api/v1", None)

    assert canonical_source("http://127.0.0.1:4711/api/v1") == "http://127.0.0.1:4711/api/v1"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (None, InvalidTypeError),
        (b"a", InvalidTypeError),
        ("", ConfigurationError),
        ("\ud800", ConfigurationError),
        ("https://a:b/", ConfigurationError),
        ("https://[a/", ConfigurationError),
    ],
)
def test_what_is_no_source_is_refused(source, error):
    """The error names the argument."""
    with pytest.raises(error, match=r"^source "):
        canonical_source(source)
