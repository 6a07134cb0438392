"""The two endpoints as methods, in both clients: one request, and any number of inputs."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest
from attrs import evolve

from openrouter_embeddings import (
    AsyncOpenRouter,
    BatchSettled,
    ConfigurationError,
    Content,
    Limits,
    OpenRouter,
    PartialFailureError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import Fault, FaultServer, faults

MODEL = "test/embedding"
TEXTS = [f"text {number % 700}" for number in range(1_000)]
SMALL = Limits(max_batch=20)


def expected(server, texts):
    return np.stack([server.vector(text) for text in texts])


def test_every_input_gets_its_vector_in_order(server, client):
    """Equal inputs are sent once, and the counters say what was done."""
    result = client.embed(TEXTS, limits=SMALL)

    assert np.array_equal(result.vectors, expected(server, TEXTS))
    assert result.vectors.dtype == np.float32
    assert server.inputs_embedded == 700
    assert result.requests == len(server.requests) == 35
    assert result.stats.inputs_sent == 700
    assert result.usage.cost == pytest.approx(result.stats.prompt_tokens * 2e-08)
    assert result.failures == ()
    assert result.providers == ("Example AI",)


@pytest.mark.parametrize(
    "inputs",
    [
        [[1, 2], [3]],
        [Content("a"), Content("b", "c")],
        ["a", [1, 2], Content("b"), "c"],
        (text for text in ("a", "b")),
        np.array(["a", "b"]),
        [],
    ],
    ids=["tokens", "content", "mixed", "generator", "array", "none"],
)
def test_any_iterable_of_any_kinds_is_taken(inputs, server, client):
    """Each request carries one kind; the order is the input's."""
    wanted = list(inputs) if not hasattr(inputs, "send") else ["a", "b"]
    inputs = iter(wanted) if hasattr(inputs, "send") else inputs

    result = client.embed(inputs)

    assert len(result) == len(wanted)
    for row, value in zip(result.vectors, wanted, strict=True):
        item = value.to_item() if isinstance(value, Content) else value
        assert np.array_equal(
            row, server.vector(item if isinstance(item, list | dict) else str(item))
        )


def test_failures_raise_at_the_end_with_everything_that_was_paid_for(client):
    """The error names the first one, and carries the result."""
    with FaultServer(dimensions=8, poison={"bad"}) as server:
        with pytest.raises(PartialFailureError, match="1 of 3 inputs failed") as caught:
            connected(client, server).embed(["a", "bad", "b"])

        result = caught.value.result
        assert np.array_equal(result.vectors[[0, 2]], expected(server, ["a", "b"]))
    (failure,) = result.failures
    assert (failure.position, failure.shown) == (1, "bad")
    assert "inputs[1] ('bad')" in str(caught.value)
    assert "an input is not acceptable" in str(caught.value)


def connected(client, server):
    """Make a client of the same kind for another server; the test closes its server anyway."""
    other = type(client)(server)
    _OPEN.append(other)
    return other


_OPEN: list = []


@pytest.fixture(autouse=True)
def close_others():
    yield
    while _OPEN:
        _OPEN.pop().close()


@pytest.mark.parametrize("bad", ["", None, 3, float("nan"), "\ud800", [1.5]], ids=repr)
def test_bad_inputs_of_a_list_are_named_before_anything_is_sent(bad, server, client):
    """With their position; or kept as failures, if that is wanted."""
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        client.embed(["a", bad, "b"])
    assert server.requests == ()

    result = client.embed(["a", bad, "b"], on_error="keep")
    assert [failure.position for failure in result.failures] == [1]
    assert np.array_equal(result.vectors[[0, 2]], expected(server, ["a", "b"]))


@pytest.mark.parametrize(
    ("inputs", "options", "argument"),
    [
        ("one text", {}, "inputs"),
        (Content("a"), {}, "inputs"),
        (b"bytes", {}, "inputs"),
        ({"a"}, {}, "inputs"),
        (7, {}, "inputs"),
        (["a"], {"on_error": "ignore"}, "on_error"),
        (["a"], {"limits": 5}, "limits"),
        (["a"], {"max_cost": -1}, "max_cost"),
        (["a"], {"dimension": 5}, "dimension"),
        (["a"], {"dimensions": 0}, "dimensions"),
        (["a"], {"provider": {"zrd": True}}, "provider.zrd"),
        (["a"], {"timeout": 0}, "timeout"),
        (["a"], {"retries": 3}, "retries"),
    ],
    ids=str,
)
def test_wrong_calls_are_named(inputs, options, argument, server, client):
    """Nothing is sent."""
    with pytest.raises(ConfigurationError) as caught:
        client.embed(inputs, **options)

    assert caught.value.argument == argument
    assert server.requests == ()


def test_the_cost_has_a_bound(server, client):
    """The run stops before it is crossed; what is done is kept."""
    price = 2e-08 * 2
    result = client.embed(
        [f"{number:08}" for number in range(1_000)],
        max_cost=price * 300,
        on_error="keep",
        limits=SMALL,
    )

    done = len(result) - len(result.failures)
    assert 200 <= done <= 300
    assert result.stats.cost <= price * 300
    assert "max_cost" in str(result.failures[0].error)


def test_the_width_may_not_change_within_a_run(server, client):
    """Vector spaces never mix: another width is asked for once more, and ends the run."""
    server.script(faults.ok())
    server.always(faults.wrong_width())

    with pytest.raises(PartialFailureError, match=r"have 9 numbers .* had 8") as caught:
        client.embed(list("abc"), limits=Limits(max_batch=1, max_in_flight=1))

    assert isinstance(caught.value.result.failures[0].error, VectorError)
    assert len(server.requests) == 3


def test_another_width_that_comes_once_is_an_accident(server, client):
    """It is asked for once more, and the run goes on."""
    server.script(faults.ok(), faults.wrong_width())

    batch = client.embed(list("abc"), limits=Limits(max_batch=1, max_in_flight=1))

    assert np.array_equal(batch.vectors, [server.vector(text) for text in "abc"])


def test_a_pinned_provider_is_asked_for(server, client):
    """The first answer decides, and every request after it says so."""
    client.embed(list("abcd"), limits=Limits(max_batch=1), pin_provider=True)

    first, *others = [request.body.get("provider") for request in server.requests]
    assert first is None
    assert others == [{"only": ["Example AI"], "allow_fallbacks": False}] * 3


def test_another_provider_than_the_pinned_one_is_an_error(server, client):
    """Even if its vectors look good; that it comes once more makes it no accident."""
    server.script(faults.ok())
    server.always(faults.new_enum_values())

    with pytest.raises(PartialFailureError, match="pinned to Example AI"):
        client.embed(list("ab"), limits=Limits(max_batch=1), pin_provider=True)


def test_queries_and_documents_say_what_they_are(server, client):
    """The short forms set the type; it can still be named otherwise."""
    vector = client.call("embed_query", "a", model=MODEL)
    batch = client.call("embed_documents", ["a"], model=MODEL)
    client.call("embed_query", "a", model=MODEL, input_type="query")

    assert np.array_equal(vector, server.vector("a"))
    assert batch.vectors.shape == (1, 8)
    types = [request.body["input_type"] for request in server.requests]
    assert types == ["search_query", "search_document", "query"]


def test_progress_and_events_are_told(server, connect):
    """Each batch to the one, each attempt and outcome to the other."""
    events, seen = [], []

    connect(on_event=events.append).embed(TEXTS, limits=SMALL, progress=seen.append)

    assert sum(len(batch) for batch in seen) == 1_000
    settled = [event for event in events if isinstance(event, BatchSettled)]
    assert len(settled) == 35
    assert sum(event.inputs for event in settled) == 700


def test_who_is_told_of_progress_changes_nothing(client):
    """The batches are parts of the result, to be looked at."""
    seen = []
    result = client.embed(TEXTS, limits=SMALL, progress=seen.append)

    with pytest.raises(ValueError, match="read-only"):
        seen[0].vectors[0] = 0
    assert np.array_equal(np.concatenate([batch.vectors for batch in seen]), result.vectors)
    result.vectors[0] = 0


def test_the_batches_of_a_stream_are_the_callers(server):
    """Whoever normalises them in place spoils no later vector of an equal input."""
    texts = [f"text {number % 30}" for number in range(300)]
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        for batch in client.embeddings.stream(texts, model=MODEL, limits=Limits(max_batch=10)):
            rows = texts[batch.start : batch.start + len(batch)]
            assert np.array_equal(batch.vectors, expected(server, rows))
            batch.vectors[:] = 0


def test_an_estimate_costs_nothing(server, client):
    """An interval that holds what it will cost."""
    estimate = client.call("estimate", TEXTS, model=MODEL)

    assert [request.method for request in server.requests] == ["GET"]
    assert (estimate.inputs, estimate.unique, estimate.cached) == (1_000, 700, 0)
    result = client.embed(TEXTS)
    assert estimate.tokens[0] <= result.stats.prompt_tokens <= estimate.tokens[1]
    assert float(estimate.cost[0]) <= result.stats.cost <= float(estimate.cost[1])


def test_a_cache_is_filled_and_asked(server, client, tmp_path):
    """A second run costs nothing, and gives the same vectors bit for bit."""
    path = tmp_path / "vectors.cache"
    first = client.embed(TEXTS, cache=path, limits=SMALL)
    paid = server.inputs_embedded

    second = client.embed([*TEXTS, "new"], cache=str(path), limits=SMALL)

    assert np.array_equal(second.vectors[:-1], first.vectors)
    assert server.inputs_embedded == paid + 1
    assert second.from_cache == 1_000
    assert client.call("estimate", TEXTS, model=MODEL, cache=path).cached == 700


def test_a_cache_keeps_settings_apart(server, client, tmp_path):
    """Another width, type or model is another vector."""
    path = tmp_path / "vectors.cache"
    for options in ({}, {"dimensions": 4}, {"input_type": "a"}, {"provider": {"only": ["x"]}}):
        client.embed(["a"], cache=path, **options)
    client.embed(["a"], model="other/model", cache=path)

    assert server.inputs_embedded == 5


def test_a_cache_of_the_callers_stays_open(server, client, tmp_path):
    """It serves several runs."""
    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        client.embed(["a"], cache=cache)
        client.embed(["a"], cache=cache)

        assert cache.info().vectors == 1
    assert server.inputs_embedded == 1


def test_a_run_that_failed_goes_on_from_the_cache(server, client, tmp_path):
    """Only what is missing is sent again."""
    path = tmp_path / "vectors.cache"
    server.script(*[faults.ok()] * 4)
    server.always(None)
    client.embed(TEXTS[:80], cache=path, limits=SMALL)
    server.always(faults.status(503))
    client.embed(TEXTS, cache=path, on_error="keep", limits=SMALL)
    server.always(None)
    before = server.inputs_embedded

    client.embed(TEXTS, cache=path, limits=SMALL)

    assert server.inputs_embedded - before == 620


def test_the_listing_is_retried_like_everything(server, client):
    """One policy for both endpoints."""
    server.script_models(faults.status(503, retry_after=0))

    assert len(client.list_models()) == 2

    server.script_models(*[faults.status(503)] * 4)
    with pytest.raises(ServiceUnavailableResponseError):
        client.list_models()


@pytest.mark.parametrize("on_long", ["cut", None, 1])
def test_unknown_ways_with_long_texts_are_refused(client, on_long):
    """Nothing is guessed."""
    with pytest.raises(ConfigurationError, match="on_long"):
        client.embed(["a"], on_long=on_long)


def test_a_bound_of_the_cost_shortens_nothing(client):
    """Every input has its row, whatever was sent."""
    texts = [f"{number:08}" for number in range(3_000)]
    limits = Limits(max_batch=20, window=100)

    result = client.embed(texts, max_cost=2e-08 * 200, on_error="keep", limits=limits)

    assert len(result) == 3_000
    assert "max_cost" in str(result.stopped)
    assert result.failures[-1].position == 2_999
    assert result.failures[-1].error is result.stopped


def test_a_pinned_run_takes_nothing_of_others_from_the_cache(server, client, tmp_path):
    """Vectors that nobody was pinned for are not taken; those of the pinned provider are."""
    path, limits = tmp_path / "vectors.cache", Limits(max_batch=2)
    texts = list("abcdef")
    client.embed(texts, cache=path, limits=limits)

    pinned = client.embed(texts, cache=path, limits=limits, pin_provider=True)
    again = client.embed(texts, cache=path, limits=limits, pin_provider=True)

    assert (pinned.from_cache, again.from_cache) == (0, 4)
    with EmbeddingCache(path) as cache:
        assert cache.info().vectors == 12
    named = {"only": ["Example AI"], "allow_fallbacks": False}
    assert client.embed(texts, cache=path, provider=named).from_cache == 6


def test_a_pinned_run_goes_on_when_its_first_batch_fails(server, client):
    """Inputs that cannot be sent settle nothing about the provider."""
    result = client.embed(
        ["", "", "a"], limits=Limits(max_batch=2), pin_provider=True, on_error="keep"
    )

    assert [failure.position for failure in result.failures] == [0, 1]
    assert np.array_equal(result.vectors[2], server.vector("a"))


def test_an_outage_is_named_in_the_result(server, client):
    """Callers can tell what was refused from what was never sent."""
    server.always(faults.status(402, "Insufficient credits"))

    result = client.embed(list("abc"), on_error="keep")

    assert "Insufficient credits" in str(result.stopped)


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


@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_bad_times_for_a_call_are_named(option, server, client):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=option):
        client.generate("a", **{option: 0})

    assert server.requests == ()


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


def paid_by_input(server):
    """Count how often each input was sent for embeddings."""
    bodies = (seen.body for seen in server.requests if seen.path == "/embeddings")
    return Counter(text for body in bodies for text in body["input"])


@pytest.mark.parametrize("dimensions", [None, 512])
@pytest.mark.parametrize(
    "kind",
    ["float64", "float16", "bfloat16", "int8", "big-endian", "hex", "url-safe", "unpadded"],
)
def test_numbers_of_every_type_end_in_the_right_vectors(kind, dimensions, connect):
    """Where base64 is of another type, numbers are asked for, once, and then at once."""
    texts = [f"text {number}" for number in range(6)]
    with FaultServer(dimensions=512) as server:
        server.always(faults.another_type(kind))
        client = connect(api_key=server.api_key, base_url=server.base_url)

        response = client.generate(texts[:3], dimensions=dimensions)
        batch = client.embed(texts, dimensions=dimensions, limits=Limits(max_batch=3))

        expected = np.stack([server.vector(text, 512) for text in texts])
        assert np.array_equal(response.vectors, expected[:3])
        assert np.array_equal(batch.vectors, expected)
        assert len(server.requests) == (3 if kind in {"url-safe", "unpadded"} else 4)


def test_a_model_that_aggregates_gets_single_inputs(server, client):
    """A thousand texts cost at most fifteen hundred inputs, none is paid for more than twice."""
    server.always(faults.one_vector())
    texts = [f"text {number}" for number in range(1_000)]

    batch = client.embed(texts)

    paid = paid_by_input(server)
    assert np.array_equal(batch.vectors, [server.vector(text) for text in texts])
    assert sum(paid.values()) <= 1_500
    assert max(paid.values()) == 2


def bad_rows(*bad):
    """Answer with NaN in the vectors of some texts, whoever asks for them with them."""

    def apply(healthy):
        vectors = [
            np.full_like(vector, np.nan) if tuple(vector) in bad else vector
            for vector in healthy.vectors
        ]
        return evolve(healthy, vectors=vectors).answer()

    return Fault("bad_rows", "NaN for some.", True, bad, apply)


def test_one_bad_vector_costs_one_input_more(server, client):
    """The others of its reply are good, and kept; it is asked for once more, alone."""
    texts = [f"text {number}" for number in range(20)]
    server.always(bad_rows(tuple(server.vector(texts[7]))))

    batch = client.embed(texts, on_error="keep", limits=Limits(max_batch=10))

    assert [failure.position for failure in batch.failures] == [7]
    assert "not finite" in batch.failures[0].error.message
    assert paid_by_input(server) == Counter(texts) + Counter([texts[7]])
    good = [place for place in range(20) if place != 7]
    assert np.array_equal(batch.vectors[good], [server.vector(texts[place]) for place in good])


@pytest.mark.parametrize("name", ["nan", "zero_vector", "null_embedding", "mixed_widths"])
def test_a_vector_that_is_bad_once_is_delivered(name, server, client):
    """It came by chance."""
    server.script(faults.menu()[name])

    batch = client.embed(list("abc"))

    assert np.array_equal(batch.vectors, [server.vector(text) for text in "abc"])
    assert paid_by_input(server) == Counter("abcc")


def test_a_request_of_ones_own_is_asked_for_as_a_whole(server, client):
    """Then its error names the inputs concerned."""
    server.always(faults.nan())

    with pytest.raises(VectorError, match="input 2 holds a number that is not finite") as caught:
        client.generate(list("abc"))

    assert caught.value.rows == (2,)
    assert paid_by_input(server) == Counter("abcabc")


def test_a_wait_beyond_the_deadline_ends_the_run_instead_of_holding_it(server, client):
    """The service's own error says for how long; nothing is slept."""
    server.script(faults.status(429, retry_after=3600))

    batch = client.embed(
        [f"text {number}" for number in range(50)],
        on_error="keep",
        deadline=60,
        limits=Limits(max_batch=5, max_in_flight=1),
    )

    assert isinstance(batch.stopped, TooManyRequestsResponseError)
    assert batch.stopped.retry_after == 3600
    assert len(batch.failures) == 50
    assert len(server.requests) == 1


def test_settings_that_nothing_survives_end_a_run_after_a_few_requests(server, client):
    """With the service's own error, and a hint that names the argument."""
    server.always(faults.status(422, "This model has no dimensions of 77"))

    with pytest.raises(UnprocessableEntityResponseError) as caught:
        client.embed([f"text {number}" for number in range(1_000)], dimensions=77)

    assert "dimensions=" in caught.value.hint
    assert "8 different inputs" in caught.value.hint
    assert len(server.requests) <= 12


@pytest.mark.parametrize("known", [0, 8])
def test_refused_texts_are_failures_where_the_cache_has_others(known, client):
    """The settings are good: nothing is an outage, however many there are."""
    odd = [f"odd {number}" for number in range(32)]
    texts = [f"fine {number}" for number in range(known)] + odd
    cache = EmbeddingCache(":memory:")
    with FaultServer(dimensions=8, poison=odd) as server:
        other = type(client)(server)
        if known:
            other.embed(texts[:known], cache=cache)
        result = other.embed(texts, cache=cache, on_error="keep", limits=Limits(max_batch=1))
        other.close()

    assert len(result.failures) == 32
    assert (result.stopped is None) is (known > 0)


LISTED = {"id": MODEL, "context_length": 8192, "pricing": {"prompt": "0.01"}}


@pytest.mark.parametrize("prompt", ["-1", None, "free"])
def test_a_bound_of_the_cost_needs_a_fixed_price(prompt, client):
    """Nothing is sent where nobody can say what it would cost."""
    with FaultServer(models=[{**LISTED, "pricing": {"prompt": prompt}}]) as server:
        other = type(client)(server)
        with pytest.raises(ConfigurationError, match="needs a fixed price") as caught:
            other.embed(["a"], max_cost=1.0)
        other.close()

        assert caught.value.argument == "max_cost"
        assert server.inputs_embedded == 0


def test_a_price_of_zero_is_a_price(client):
    """Such a model fits into every bound."""
    models = [{**LISTED, "pricing": {"prompt": "0"}}]
    with FaultServer(models=models, cost_per_token=0.0) as server:
        other = type(client)(server)
        result = other.embed(["a", "b"], max_cost=0.0)
        other.close()

    assert result.stats.cost == 0.0
    assert not result.failures


def test_replies_that_are_thrown_away_count_against_the_bound(client):
    """A NaN in every reply: what was charged stays below the bound, and is told."""
    with FaultServer(models=[LISTED], cost_per_token=0.01) as server:
        server.always(faults.nan())
        other = type(client)(server)
        result = other.embed([f"{n:08}" for n in range(400)], max_cost=4.0, on_error="keep")
        other.close()
        charged = 0.02 * server.inputs_embedded

    assert 3.5 <= charged <= 4.0
    assert result.stats.cost == pytest.approx(charged)
    assert 0.0 < result.stats.wasted_cost <= result.stats.cost
    assert result.stats.possible_cost == 0.0
