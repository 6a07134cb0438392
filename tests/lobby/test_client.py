"""The two clients over real sockets: configuration, requests, retries, deadlines, secrets."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import pickle
import time
import traceback

import httpx
import numpy as np
import pytest

from openrouter_embeddings import (
    AsyncOpenRouter,
    AttemptFinished,
    ConfigurationError,
    DeadlineExceededError,
    NoResponseError,
    OpenRouter,
    OpenRouterError,
    RetryConfig,
    RetryScheduled,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    UnauthorizedResponseError,
)
from openrouter_embeddings._http.exchange import http_client
from openrouter_embeddings.testing import FaultServer, faults

KEY = "sk-or-secret-42"
QUICK = RetryConfig(initial=0.001, maximum=0.002)


def test_a_text_becomes_its_vector(server, client):
    """The first example of the README."""
    response = client.generate("a red fox")

    assert np.array_equal(response.vectors, [server.vector("a red fox")])
    assert response.data[0].embedding.shape == (8,)
    assert response.data[0].index == 0
    assert response.model == "embedding"
    assert response.provider == "Example AI"
    assert response.id.startswith("gen-emb-")
    assert response.usage.prompt_tokens == response.usage.total_tokens == 2
    assert response.usage.cost == pytest.approx(4e-08)
    assert response.usage.is_byok is False
    assert set(response.usage.cost_details) >= {"upstream_inference_cost"}


def test_the_body_is_what_was_asked_and_nothing_else(server, client):
    """No defaults travel, and every option does."""
    client.generate("a", model="m")
    client.generate(
        ["a"],
        model="m",
        dimensions=4,
        encoding_format="float",
        input_type="search_query",
        provider={"only": ["openai"], "zdr": True, "max_price": {"prompt": 0.1}},
        user="u",
        session_id="s",
        trace={"trace_id": "t", "team": "search"},
        extra_headers={"X-OpenRouter-Cache": "true"},
        extra_body={"novelty": 1},
    )

    first, second = server.requests
    assert first.body == {"input": "a", "model": "m", "encoding_format": "base64"}
    assert second.body == {
        "input": ["a"],
        "model": "m",
        "dimensions": 4,
        "encoding_format": "float",
        "input_type": "search_query",
        "provider": {"only": ["openai"], "zdr": True, "max_price": {"prompt": "0.1"}},
        "user": "u",
        "session_id": "s",
        "trace": {"trace_id": "t", "team": "search"},
        "novelty": 1,
    }
    assert second.headers["x-openrouter-cache"] == "true"


@pytest.mark.parametrize(
    "value",
    [[1, 2, 3], [[1, 2], [3]], {"content": [{"type": "text", "text": "a"}]}],
    ids=["tokens", "lists of tokens", "content"],
)
def test_every_kind_of_input_gets_its_vectors(value, server, client):
    """Token ids travel as integers, content as content."""
    response = client.generate(value)

    (request,) = server.requests
    sent = request.body["input"]
    assert sent == (value if isinstance(value, list) else [value])
    assert "1.0" not in str(sent)
    items = sent if isinstance(sent[0], list | dict) else [sent]
    assert np.array_equal(response.vectors, [server.vector(item) for item in items])


def test_explicit_base64_leaves_texts_and_still_decodes(server, client):
    """`data` has what was asked for, in the order of the inputs, and `vectors` is float32."""
    server.always(faults.reordered())

    response = client.generate(["a", "b"], encoding_format="base64")

    assert [type(item.embedding) for item in response.data] == [str, str]
    assert np.array_equal(response.vectors, [server.vector("a"), server.vector("b")])
    again = client.generate(["b"], encoding_format="base64")
    assert response.data[1].embedding == again.data[0].embedding


def test_explicit_base64_answered_with_numbers_gives_arrays(server, client):
    """What did not come as text cannot be left as text."""
    server.always(faults.floats_despite_base64())

    response = client.generate("a", encoding_format="base64")

    assert isinstance(response.data[0].embedding, np.ndarray)


@pytest.mark.parametrize("how", ["empty", "error", "400"])
def test_a_model_without_base64_is_remembered(how, server, client):
    """One detour for each model and kind of input, and nobody has to know."""
    server.always(faults.refuses_base64(how))

    for _ in range(3):
        assert np.array_equal(client.generate("a").vectors, [server.vector("a")])

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "float", "float"]
    client.generate([1, 2])
    assert server.requests[-2].body["encoding_format"] == "base64"


def test_a_failure_that_is_not_about_base64_is_not_remembered(server, client):
    """The detour through numbers must succeed to count."""
    server.script(faults.no_successful_provider(), faults.no_successful_provider())

    with pytest.raises(OpenRouterError):
        client.generate("a")
    client.generate("a")

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "base64"]


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


def test_every_attempt_sends_the_same_bytes(server, client):
    """The service's response cache tells bodies apart by them."""
    server.script(faults.status(503), faults.status(503))

    client.generate(["a", "b"])

    first, *others = server.requests
    assert [request.body for request in others] == [first.body] * 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(429, retry_after=0.05),
        faults.status(429, retry_after_ms=50),
        faults.status(429, retry_after_field=0.05),
        faults.status(429, retry_after_date=-1, date_form="imf"),
        faults.status(429, retry_after_date=-1, date_form="rfc850"),
        faults.status(429, retry_after_date=-1, date_form="asctime"),
        faults.in_flight_budget(0.05),
    ],
    ids=["seconds", "ms", "body", "imf", "rfc850", "asctime", "in flight"],
)
def test_the_wait_that_the_service_names_is_kept(fault, server, connect):
    """With a backoff of minutes, only the service's own word can let the second attempt begin."""
    server.script(fault)
    events = []
    slow = RetryConfig(initial=600.0, maximum=600.0)

    connect(retries=slow, on_event=events.append).generate("a", deadline=300)

    (scheduled,) = [event for event in events if isinstance(event, RetryScheduled)]
    assert 0.0 <= scheduled.delay <= 0.051
    assert len(server.requests) == 2


def test_a_wait_beyond_the_deadline_is_not_begun(server, client):
    """The service's own error comes at once, and says why it was not tried again."""
    server.always(faults.status(429, "Slow down", retry_after=3600))

    with pytest.raises(TooManyRequestsResponseError, match="Slow down") as caught:
        client.generate("a", deadline=60)

    assert caught.value.retry_after == 3600.0
    assert "Gave up after 1 attempt: the next attempt could begin in 3.6e+03 s" in str(caught.value)
    assert len(server.requests) == 1


def test_retries_can_be_switched_off(server, client):
    """None means one attempt."""
    server.always(faults.status(503))

    with pytest.raises(ServiceUnavailableResponseError):
        client.generate("a", retries=None)

    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [faults.drip(5), faults.silence(600)], ids=["drip", "silence"])
def test_the_deadline_covers_everything(fault, server, client):
    """A reply that has begun and one that never does: when the time is over, the call is."""
    server.always(fault)

    with pytest.raises(DeadlineExceededError, match=r"The deadline of 0\.2 s is over") as caught:
        client.generate("a", timeout=None, deadline=0.2)

    assert caught.value.timed_out


def test_a_deadline_that_is_over_before_the_next_attempt_is_an_error(server, connect):
    """No attempt begins after the deadline."""
    server.always(faults.status(503, retry_after=0))

    with pytest.raises(OpenRouterError) as caught:
        connect(retries=RetryConfig(attempts=1_000_000)).generate("a", deadline=0.2)

    assert isinstance(caught.value, DeadlineExceededError | ServiceUnavailableResponseError)


def test_slow_bodies_within_the_timeout_are_fine(server, client):
    """A drip that ends in time is a reply."""
    server.always(faults.drip(0.0))

    assert np.array_equal(client.generate("a", timeout=300).vectors, [server.vector("a")])


def test_the_connection_is_kept(server, client):
    """Many requests, one connection: what a pool is for."""
    for _ in range(5):
        client.generate("a")

    ports = {request.headers.get("connection", "keep-alive") for request in server.requests}
    assert ports == {"keep-alive"}


def test_events_tell_the_course(server, connect):
    """Each attempt and each wait is told once, with what is known of it."""
    server.script(faults.status(503, retry_after=0))
    events = []

    connect(on_event=events.append).generate(["a", "b"])

    first, wait, second = events
    assert isinstance(first, AttemptFinished)
    assert (first.operation, first.model, first.inputs) == ("generate", "test/embedding", 2)
    assert (first.attempt, first.status) == (1, 503)
    assert isinstance(first.error, ServiceUnavailableResponseError)
    assert isinstance(wait, RetryScheduled)
    assert (wait.attempt, wait.delay) == (1, 0.0)
    assert (second.attempt, second.status, second.error) == (2, 200, None)
    assert second.seconds > 0


def test_a_listener_that_fails_loses_nothing(server, connect, caplog):
    """A reply that was paid for comes back, and the log says what happened."""

    def broken(_event):
        message = "the listener is broken"
        raise RuntimeError(message)

    response = connect(on_event=broken).generate("a")

    assert len(response) == 1
    assert "the listener failed on AttemptFinished" in caplog.text


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
    with pytest.raises(UnauthorizedResponseError, match=r"No cookie auth .*settings/keys"):
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
        ({"http_referer": "a\nb"}, "http_referer", "printable"),
        ({"title": "日本"}, "title", "Latin-1"),
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


@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_bad_times_for_a_call_are_named(option, server, client):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=option):
        client.generate("a", **{option: 0})

    assert server.requests == ()


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


def test_cookies_are_not_sent_back():
    """Requests have nothing to do with each other."""
    seen = []

    def answer(request):
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}, json={"data": []})

    url = "http://localhost:1/v1"
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        http_client(url, httpx.Auth(), {}, 1.0, own) as http,
    ):
        for _ in range(2):
            http.get("/embeddings/models")

    assert seen == [None, None]


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


async def test_cancellation_leaves_nothing_behind(server):
    """A cancelled call ends at once, and the client goes on working."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        server.always(faults.silence())
        task = asyncio.create_task(client.embeddings.generate(input="a", model="m"))
        while not server.requests:  # noqa: ASYNC110 - the server lives in threads
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        server.always(None)
        response = await client.embeddings.generate(input="a", model="m")

    assert len(response) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_many_calls_at_once_do_not_disturb_each_other(server):
    """Each gets its own vectors."""
    texts = [f"text {number}" for number in range(50)]
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        responses = await asyncio.gather(
            *(client.embeddings.generate(input=text, model="m") for text in texts)
        )

    for text, response in zip(texts, responses, strict=True):
        assert np.array_equal(response.vectors, [server.vector(text)])


def test_nobody_is_home(connect):
    """A refused connection names what to check, after the usual attempts."""
    with FaultServer() as gone:
        url = gone.base_url

    with pytest.raises(NoResponseError, match=r"ConnectError.*Check base_url") as caught:
        connect(base_url=url).generate("a")

    assert not caught.value.sent
    assert "Gave up after 4 attempts" in str(caught.value)


def test_a_name_that_does_not_resolve(connect):
    """No network is asked: the name is reserved for never existing."""
    with pytest.raises(NoResponseError, match="ConnectError"):
        connect(base_url="https://nowhere.invalid/v1", retries=None).generate("a")


def test_an_endless_body_is_not_read_to_its_end(server, client, monkeypatch):
    """A reply larger than any honest one is refused."""
    monkeypatch.setattr("openrouter_embeddings._http.exchange.MOST_BODY_BYTES", 100)

    with pytest.raises(NoResponseError, match="larger than 100 bytes"):
        client.generate("a", retries=None)


def test_time_is_kept_by_a_steady_clock(server, client, monkeypatch):
    """A wall clock that jumps does no harm."""
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert len(client.generate("a", deadline=300)) == 1


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
        (p.name, p.kind, p.default, str(p.annotation).replace("AsyncClient", "Client"))
        for p in inspect.signature(function).parameters.values()
    ]
