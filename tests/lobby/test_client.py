"""The two clients: configuration, secrets, what they borrow, and how they are closed."""

from __future__ import annotations

import gc
import inspect
import logging
import pickle
import traceback

import httpx
import pytest

from openrouter_embeddings import (
    AsyncOpenRouter,
    ConfigurationError,
    NoResponseError,
    OpenRouter,
    OpenRouterError,
    RetryConfig,
    UnauthorizedResponseError,
)
from openrouter_embeddings.testing import FaultServer, faults

KEY = "sk-or-secret-42"
QUICK = RetryConfig(initial=0.001, maximum=0.002)


def test_attribution_travels_in_headers(server, connect):
    """The service credits calls by them."""
    connect(
        http_referer="https://app.example.org",
        title="Library",
        categories=["cli-agent", "cloud-agent"],
        headers={"X-Own": "1"},
    ).generate("a")

    headers = server.requests[0].headers
    assert headers["http-referer"] == "https://app.example.org"
    assert headers["x-openrouter-title"] == "Library"
    assert headers["x-openrouter-categories"] == "cli-agent,cloud-agent"
    assert headers["x-own"] == "1"
    assert headers["user-agent"].startswith("openrouter-embeddings/")


def test_the_key_is_never_shown(server, connect, caplog):
    """Not in a repr, a log, an exception, its cause, its pickle or its traceback."""
    caplog.set_level(logging.DEBUG)
    both = connect(api_key=KEY)
    shown = [repr(both.client), repr(vars(both.client)), repr(both.client.embeddings)]
    shown += [repr(both.client.api), repr(both.client._http.auth)]

    for fault in (None, faults.reset_before_body(), faults.truncated_body(), faults.redirect()):
        server.always(fault)
        with pytest.raises(OpenRouterError) as caught:
            both.generate("a")
        error = caught.value
        shown += [str(error), repr(error), repr(vars(error)), str(pickle.dumps(error))]
        shown += ["".join(traceback.format_exception(error))]
        cause = error.__cause__
        if isinstance(cause, httpx.RequestError):
            shown += [str(dict(cause.request.headers))]

    assert KEY not in "".join(shown)
    assert KEY not in caplog.text
    assert all("authorization" not in request.headers for request in server.requests)


def test_the_key_is_not_sent_to_a_redirect_target(server, client):
    """A redirect is an error, not a way."""
    with FaultServer() as other:
        server.always(faults.redirect(f"{other.base_url}/embeddings"))

        with pytest.raises(OpenRouterError, match="Redirects are not followed"):
            client.generate("a")

        assert other.requests == ()


def test_a_wrong_key_says_what_to_do(connect):
    """The service's words, and where keys are."""
    with pytest.raises(
        UnauthorizedResponseError, match=r"No cookie auth .*the service that base_url names"
    ):
        connect(api_key="sk-or-wrong").generate("a")


@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"api_key": None}, "api_key", "OPENROUTER_API_KEY"),
        ({"api_key": ""}, "api_key", "no API key"),
        ({"api_key": "sk or"}, "api_key", "white space"),
        ({"api_key": "sk-or-1\n"}, "api_key", "white space"),
        ({"api_key": "schlüssel"}, "api_key", "no key has"),
        ({"api_key": 3}, "api_key", "must be text"),
        ({"base_url": "openrouter.ai/api/v1"}, "base_url", "needs a scheme"),
        ({"base_url": "https://"}, "base_url", "needs a scheme"),
        ({"base_url": "ftp://openrouter.ai"}, "base_url", "needs a scheme"),
        ({"base_url": ""}, "base_url", "empty"),
        ({"base_url": "http://openrouter.ai/api/v1"}, "base_url", "unencrypted"),
        ({"base_url": "http://192.168.1.5/v1"}, "base_url", "unencrypted"),
        ({"base_url": "http://127.0.0.1.example.org/"}, "base_url", "unencrypted"),
        ({"base_url": "https://user:pass@example.org"}, "base_url", "no user"),
        ({"base_url": "https://example.org:port"}, "base_url", "cannot be read"),
        ({"timeout": 0}, "timeout", "more than 0"),
        ({"timeout": -1}, "timeout", "at least 0"),
        ({"timeout": "60"}, "timeout", "a number"),
        ({"deadline": float("nan")}, "deadline", "finite"),
        ({"retries": 3}, "retries", "RetryConfig"),
        ({"http_referer": "a\nb"}, "http_referer", "line ends"),
        ({"title": "Café "}, "title", "blank"),
        ({"categories": "cli-agent"}, "categories", "a list"),
        ({"categories": ["a", "b", "c"]}, "categories", "at most 2"),
        ({"categories": ["x" * 31]}, "categories[0]", "at most 30"),
        ({"headers": {"authorization": "x"}}, "headers['authorization']", "pass the key"),
        ({"on_event": 3}, "on_event", "a function"),
    ],
    ids=str,
)
def test_bad_configuration_is_named(kind, options, argument, words):
    """Nothing is sent, and the value of a key is never shown."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        kind(**({"api_key": KEY} | options))

    assert caught.value.argument == argument
    assert not options.get("api_key") or str(options["api_key"]) not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1/v1", "http://127.0.0.2:1", "http://[::1]:1/", "https://example.org/v1/"],
)
def test_good_addresses_are_taken(url):
    """Plain http on this machine, https anywhere."""
    with OpenRouter(KEY, base_url=url) as client:
        assert repr(client) == f"OpenRouter(base_url='{url.rstrip('/')}')"


def test_the_environment_is_read(server, monkeypatch):
    """Key and address may come from there."""
    monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)

    with OpenRouter() as client:
        client.embeddings.generate(input="a", model="m")

    assert len(server.requests) == 1


def test_an_explicit_empty_key_does_not_fall_back_to_the_environment(monkeypatch):
    """It is most likely a variable that was not set."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)

    with pytest.raises(ConfigurationError, match="no API key"):
        OpenRouter("")


def test_a_closed_client_says_so(client):
    """And what to do."""
    client.close_connections()

    with pytest.raises(ConfigurationError, match=r"The client is closed\. Make the calls"):
        client.generate("a")


def test_the_generated_client_is_closed_as_well(server):
    """It would open new connections that nobody closes."""
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        http = client.api.get_httpx_client()
        assert http.get("/embeddings/models").is_success

    with pytest.raises(ConfigurationError, match="The client is closed"):
        http.get("/embeddings/models")


def test_a_client_that_is_dropped_closes_its_connections(server):
    """Scripts forget to close; warnings are errors here."""
    OpenRouter(server.api_key, base_url=server.base_url).embeddings.generate(input="a", model="m")

    gc.collect()

    assert len(server.requests) == 1


def test_a_borrowed_client_is_used_and_left_open(server):
    """Proxies, certificates and hooks of the caller's stay theirs."""
    seen = []
    with httpx.Client(event_hooks={"request": [lambda r: seen.append(r.url.path)]}) as own:
        with OpenRouter(server.api_key, base_url=server.base_url, http_client=own) as client:
            client.embeddings.generate(input="a", model="m")
            server.always(faults.drip(5))
            with pytest.raises(NoResponseError, match=r"within 0\.2 s"):
                client.embeddings.generate(input="a", model="m", timeout=0.2, retries=None)

        assert not own.is_closed
    assert seen == ["/api/v1/embeddings"] * 2


async def test_a_borrowed_async_client_is_used_and_left_open(server):
    """The same for the other client."""
    async with httpx.AsyncClient() as own:
        async with AsyncOpenRouter(
            server.api_key, base_url=server.base_url, http_client=own
        ) as client:
            await client.embeddings.generate(input="a", model="m")
            server.always(faults.drip(5))
            with pytest.raises(NoResponseError, match=r"within 0\.2 s"):
                await client.embeddings.generate(input="a", model="m", timeout=0.2, retries=None)

        assert not own.is_closed


def test_both_clients_have_the_same_signatures():
    """One page of documentation serves both."""
    for sync_class, async_class in (
        (OpenRouter, AsyncOpenRouter),
        (type(OpenRouter(KEY).embeddings), type(AsyncOpenRouter(KEY).embeddings)),
    ):
        names = {name for name in dir(sync_class) if not name.startswith("_")}
        assert names == {name for name in dir(async_class) if not name.startswith("_")}
        for name in names | {"__init__"}:
            theirs = getattr(async_class, name)
            ours = getattr(sync_class, name)
            if callable(ours):
                assert _shape(ours) == _shape(theirs), name


def _shape(function):
    return [
        (p.name, p.kind, p.default, _of_both(str(p.annotation)))
        for p in inspect.signature(function).parameters.values()
    ]


def _of_both(annotation):
    """Only an event loop can go through inputs that come asynchronously."""
    return annotation.replace("AsyncClient", "Client").replace(" | AsyncIterable[Input]", "")
