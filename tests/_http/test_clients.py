"""Clients that share connections: other options, copies, pickles, generated functions."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle

import httpx
import pytest

from openrouter_embeddings import AsyncOpenRouter, ConfigurationError, OpenRouter, RetryConfig
from openrouter_embeddings_api.api.embeddings import list_embeddings_models

KEY = "sk-or-secret-42"


def listener(_event):
    """Hear an event; at the top of a module, so that it can travel."""


@pytest.fixture
def client(server):
    with OpenRouter(server.api_key, base_url=server.base_url, headers={"X-Own": "1"}) as made:
        yield made


def listed(api):
    return list_embeddings_models.sync_detailed(client=api).status_code


async def alisted(api):
    return (await list_embeddings_models.asyncio_detailed(client=api)).status_code


def test_other_options_share_the_connections(server, client):
    """The original stays as it is."""
    other = client.with_options(timeout=7, deadline=None, retries=None, headers={"x-own": "2"})

    for one in (client, other, client):
        one.embeddings.generate(input="a", model="m")

    assert [request.headers["x-own"] for request in server.requests] == ["1", "2", "1"]
    assert other._configuration.settings.timeout == 7
    assert other._configuration.settings.deadline is None
    assert other._configuration.settings.retries is None
    assert client._configuration.settings.retries == RetryConfig()
    assert other._http._shared is client._http._shared


def test_other_options_that_cannot_be_used_are_named(client):
    """Like those of a client."""
    for options, argument in (
        ({"timeout": 0}, "timeout"),
        ({"retries": 3}, "retries"),
        ({"headers": {"Authorization": "x"}}, "headers['Authorization']"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            client.with_options(**options)
        assert caught.value.argument == argument


@pytest.mark.parametrize("close_first", [True, False])
def test_closing_one_closes_all_that_share(server, close_first):
    """Both say so."""
    client = OpenRouter(server.api_key, base_url=server.base_url)
    other = client.with_options(timeout=1)
    (client if close_first else other).close()

    for one in (client, other):
        with pytest.raises(ConfigurationError, match="The client is closed"):
            one.embeddings.generate(input="a", model="m")


async def test_other_options_of_the_async_client(server):
    """The same names."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        other = client.with_options(headers={"X-Own": "2"})
        await other.embeddings.generate(input="a", model="m")
        assert other._http._shared is client._http._shared

    assert server.requests[0].headers["x-own"] == "2"


def test_a_dropped_derivative_leaves_the_connections_open(server, client):
    """They belong to all."""
    client.with_options(timeout=1).embeddings.generate(input="a", model="m")
    client.embeddings.generate(input="b", model="m")

    assert len(server.requests) == 2


def test_a_deep_copy_keeps_the_key(server, client):
    """With connections of its own."""
    with copy.deepcopy(client) as copied:
        copied.embeddings.generate(input="a", model="m")

        assert copied._http._shared is not client._http._shared
    client.embeddings.generate(input="b", model="m")
    assert all(request.authorized for request in server.requests)


def test_a_copy_shares_the_connections(client):
    """As copies do."""
    assert copy.copy(client)._http._shared is client._http._shared


@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
def test_a_pickle_holds_everything_but_the_key(kind, monkeypatch):
    """The key comes from where it is loaded."""
    client = kind(KEY, base_url="https://a.example/v1", timeout=7, title="T", on_event=listener)
    pickled = pickle.dumps(client)

    assert KEY.encode() not in pickled
    with pytest.raises(ConfigurationError, match="holds no API key"):
        pickle.loads(pickled)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-other-key")
    loaded = pickle.loads(pickled)
    assert repr(loaded) == repr(client)
    assert loaded._configuration.settings == client._configuration.settings
    assert loaded._configuration.headers == client._configuration.headers
    assert loaded._configuration.auth.mask("sk-or-other-key") == "***"


def test_what_cannot_travel_is_named(server):
    """A borrowed client, a lambda, and the parts of a client by themselves."""
    with httpx.Client() as own:
        borrowing = OpenRouter(KEY, base_url=server.base_url, http_client=own)
        hearing = OpenRouter(KEY, base_url=server.base_url, on_event=lambda event: None)
        for client, argument in ((borrowing, "http_client"), (hearing, "on_event")):
            with pytest.raises(ConfigurationError) as caught:
                pickle.dumps(client)
            assert caught.value.argument == argument
        for part in (hearing.embeddings, hearing._http, hearing._configuration.auth):
            with pytest.raises(ConfigurationError, match="by themselves"):
                pickle.dumps(part)
        assert copy.deepcopy(borrowing)._connections.borrowed is own


def test_results_can_be_pickled(client):
    """With what the service did not say."""
    response = client.embeddings.generate(input="a", model="m")
    batch = client.embeddings.embed(["a", "b"], model="m")

    assert pickle.loads(pickle.dumps(response)).usage == response.usage
    assert pickle.loads(pickle.dumps(batch)).vectors.tolist() == batch.vectors.tolist()
    assert pickle.loads(pickle.dumps(type(batch.usage)())) == type(batch.usage)()
    assert pickle.loads(pickle.dumps(client.embeddings.list_models()))


def test_generated_clients_leave_the_original_alone(server, client):
    """With the key, and without what was asked for another one."""
    api = client.api
    other = api.with_headers({"X-Mine": "1"})

    assert [listed(one) for one in (api, other, api)] == [200, 200, 200]
    assert [request.headers.get("x-mine") for request in server.requests] == [None, "1", None]
    assert listed(api.with_timeout(httpx.Timeout(3))) == 200
    assert api.get_httpx_client().timeout == httpx.Timeout(60)
    assert listed(api.with_cookies({"a": "b"})) == 200
    assert server.requests[-1].headers["cookie"] == "a=b"
    assert all(request.authorized for request in server.requests)
    with pytest.raises(ConfigurationError, match="pass the key"):
        api.with_headers({"Authorization": "x"})


def test_both_kinds_of_generated_functions_serve_on_both_clients(server, client):
    """The other kind has connections of its own, which close with the client."""
    assert asyncio.run(alisted(client.api)) == 200
    assert asyncio.run(alisted(client.api.with_headers({"X-Mine": "1"}))) == 200

    async def on_the_async_client():
        async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as other:
            return await asyncio.to_thread(listed, other.api)

    assert asyncio.run(on_the_async_client()) == 200
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        asyncio.run(alisted(client.api))


def test_the_other_kind_does_not_go_past_a_borrowed_client(server):
    """It has no proxies and certificates of the caller's."""
    with (
        httpx.Client() as own,
        OpenRouter(server.api_key, base_url=server.base_url, http_client=own) as client,
        pytest.raises(ConfigurationError, match="no asynchronous side"),
    ):
        client.api.get_async_httpx_client()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_run_that_was_begun_before_a_fork_says_so_in_the_child(server, client):
    """Its threads are not there; the parent goes on."""
    texts = [f"text {number}" for number in range(200)]
    batches = client.embeddings.stream(texts, model="m")
    count = len(next(batches))

    child = os.fork()
    if not child:
        try:
            next(batches)
        except ConfigurationError as exc:
            os._exit(0 if "before a fork" in str(exc) else 2)
        except BaseException:  # noqa: BLE001 - nothing may go on in the child
            os._exit(3)
        os._exit(4)

    assert os.waitpid(child, 0)[1] == 0
    assert count + sum(map(len, batches)) == 200
