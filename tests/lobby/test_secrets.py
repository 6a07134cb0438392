"""Where the key may be seen: nowhere but in the caller's own frames and on the wire."""

from __future__ import annotations

import asyncio
import gc
import pickle
import socket
import sys
import types
from pathlib import Path

import httpx
import pytest

from openrouter_embeddings import AsyncOpenRouter, OpenRouter, OpenRouterError
from openrouter_embeddings.testing import FaultServer, faults

KEY = FaultServer.api_key
TESTS = str(Path(__file__).parents[1])
NOT_ENTERED = (types.ModuleType, types.FunctionType, type, types.CodeType)
BAD_OPTIONS = [
    {"title": "a\nb"},
    {"title": "blank "},
    {"http_referer": 3},
    {"categories": ["a,b"]},
    {"headers": {"Host": "x"}},
    {"headers": {"X": "y\r\n"}},
    {"base_url": "http://example.org"},
    {"base_url": "https://a..b"},
    {"base_url": "https://example.org:port"},
    {"timeout": 10**400},
    {"deadline": "1"},
    {"retries": 3},
    {"on_event": 3},
    {"allow_http": "yes"},
    {"api_key": f"{KEY}\n"},
]
SHORT = {"drip", "drip_headers", "silence"}


def find_key(error):
    """Go through every object that an error keeps alive, but for the frames of the tests."""
    seen, left = set(), [error, pickle.dumps(error)]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, NOT_ENTERED) or one is sys.modules:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            assert KEY not in one
        elif isinstance(one, bytes | bytearray | memoryview):
            assert KEY.encode() not in bytes(one)
        elif isinstance(one, types.FrameType):
            left += [] if one.f_code.co_filename.startswith(TESTS) else one.f_locals.values()
        elif isinstance(one, types.TracebackType):
            left += [one.tb_frame, one.tb_next]
        elif not (isinstance(one, dict) and "__builtins__" in one):
            left += gc.get_referents(one)
            left += vars(one).values() if isinstance(one, BaseException) else []
    assert len(seen) > 3


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
def test_errors_of_constructors_hold_no_key(kind, options):
    """Their frames are the first that a tracker of errors sends away."""
    with pytest.raises(OpenRouterError) as caught:
        kind(**({"api_key": KEY} | options))

    find_key(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "missing.pem"),
        ("SSL_CERT_DIR", "missing"),
        ("HTTPS_PROXY", "ftp://proxy"),
        ("OPENROUTER_BASE_URL", "http://example.org"),
        ("OPENROUTER_ALLOW_HTTP", "perhaps"),
    ],
)
@pytest.mark.parametrize("kind", [OpenRouter, AsyncOpenRouter])
def test_errors_over_the_environment_hold_no_key(kind, variable, value, monkeypatch):
    """Nor do those over what surrounds the client."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv(variable, value)

    with pytest.raises(OpenRouterError) as caught:
        kind()

    find_key(caught.value)


@pytest.mark.parametrize("name", sorted(faults.menu()))
def test_errors_of_calls_hold_no_key(name, server, connect):
    """However a service fails: in its status, its words, its vectors, its connection."""
    server.always(faults.menu()[name])
    waits_its_turn = "429" in name or "in_flight" in name
    seconds = {"timeout": 0.2 if name in SHORT else 60.0, "deadline": 0.2 if waits_its_turn else 60}
    client = connect(retries=None, **seconds)

    for call in (client.generate, lambda: client.embed(["a", "b"])):
        try:
            call()
        except OpenRouterError as error:
            find_key(error)


def test_errors_without_a_reply_hold_no_key(server, connect):
    """A refused connection, a name that is not known, no time left."""
    with FaultServer() as gone:
        nobody = gone.base_url
    server.always(faults.status(503))
    calls = [
        (connect(base_url=nobody, retries=None), {}),
        (connect(base_url="https://nowhere.invalid/v1", retries=None), {}),
        (connect(), {"deadline": 0.000_001}),
        (connect(), {"input": [""]}),
        (connect(), {"extra_headers": {"TE": "x"}}),
    ]
    for client, options in calls:
        with pytest.raises(OpenRouterError) as caught:
            client.generate(**options)
        find_key(caught.value)


def test_a_request_that_is_not_taken_holds_no_key(connect):
    """Time runs out between the connection and the end of the request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        client = connect(base_url=url, retries=None, timeout=0.3)
        with pytest.raises(OpenRouterError) as caught:
            client.generate("a" * 20_000_000)

    find_key(caught.value)


def echo(request, status=400):
    """Answer with what was sent, as debugging servers and some gateways do."""
    sent = request.headers["authorization"]
    error = {"code": status, "message": f"Bad {sent}", "metadata": {"raw": sent, "k": [sent]}}
    return httpx.Response(status, headers={"X-Echo": sent}, json={"error": error})


def not_json(request):
    return httpx.Response(200, headers={"X-Echo": "a"}, text=request.headers["authorization"])


def broken(request):
    message = f"{request.headers['authorization']} broke"
    raise httpx.ReadError(message, request=request)


@pytest.mark.parametrize(
    "answer",
    [
        echo,
        not_json,
        broken,
        lambda request: echo(request, 401),
        lambda request: echo(request, 500),
    ],
)
def test_what_a_service_quotes_is_masked(answer):
    """In messages, bodies, headers, details and pickles."""
    errors = []
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter(KEY, http_client=own, retries=None) as client,
    ):
        for call in (
            client.embeddings.list_models,
            lambda: client.embeddings.embed(["a"], model="m"),
        ):
            with pytest.raises(OpenRouterError) as caught:
                call()
            errors.append(caught.value)

    async def ask():
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own,
            AsyncOpenRouter(KEY, http_client=own, retries=None) as client,
        ):
            with pytest.raises(OpenRouterError) as caught:
                await client.embeddings.list_models()
            errors.append(caught.value)

    asyncio.run(ask())
    for error in errors:
        find_key(error)
    assert "***" in repr(vars(errors[0])) + str(errors[0])


def test_the_key_still_reaches_the_service(server, client):
    """Veiled in memory, plain on the wire."""
    client.generate("a")

    assert server.requests[0].authorized
