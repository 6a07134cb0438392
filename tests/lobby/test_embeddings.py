"""Bulk runs over real sockets: order, failures, chaos, cost and early ends, in both clients."""

from __future__ import annotations

import asyncio
import threading
from itertools import count, islice

import numpy as np
import pytest

from openrouter_embeddings import (
    AsyncOpenRouter,
    BatchSettled,
    ConfigurationError,
    Content,
    Limits,
    OpenRouter,
    PartialFailureError,
    ServiceUnavailableResponseError,
    VectorError,
)
from openrouter_embeddings._bulk.run import Attempt
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
TEXTS = [f"text {number % 700}" for number in range(1_000)]
SMALL = Limits(max_batch=20)
CHAOS = {
    faults.status(429, retry_after=0): 0.02,
    faults.status(503, retry_after=0): 0.02,
    faults.reset_before_body(): 0.02,
    faults.truncated_body(): 0.02,
    faults.reordered(): 0.02,
    faults.nan(): 0.02,
    faults.missing_vector(): 0.02,
    faults.error_in_200(): 0.02,
}


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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chaos_changes_nothing(seed, client, server):
    """Eight faults at once and poison: the poison fails, all else is right bit for bit."""
    texts = [f"text {number}" for number in range(1_000)]
    poison = {texts[place] for place in range(7, 1_000, 400)}
    with FaultServer(dimensions=8, poison=poison) as chaotic:
        chaotic.chaos(CHAOS, seed=seed)
        again = type(client)(chaotic)
        try:
            result = again.embed(texts, on_error="keep", limits=SMALL)
        finally:
            again.close()

    failed = {texts[failure.position] for failure in result.failures}
    right = [place for place, text in enumerate(texts) if text not in poison]
    assert failed == poison
    assert np.array_equal(result.vectors[right], expected(server, [texts[p] for p in right]))
    assert np.isnan(result.vectors[[f.position for f in result.failures]]).all()
    assert result.stats.retries > 0


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


def test_an_outage_draws_few_requests(server, client):
    """The run ends, everything that was not sent fails with the service's words."""
    server.always(faults.status(503, "Down for maintenance"))

    result = client.embed(TEXTS, on_error="keep", limits=SMALL)

    assert len(result.failures) == 1_000
    assert isinstance(result.failures[-1].error, ServiceUnavailableResponseError)
    assert len(server.requests) <= 30
    assert result.vectors.shape == (1_000, 0)


def test_a_key_that_is_refused_ends_the_run_at_once(server, connect):
    """One round of requests, not thousands."""
    result = connect(api_key="sk-or-wrong").embed(TEXTS, on_error="keep", limits=SMALL)

    assert len(result.failures) == 1_000
    assert len(server.requests) <= 4


def test_refusals_for_being_too_many_lose_nothing(client):
    """Everything arrives, and each refusal is counted; how few there are is the pace's to show."""
    with FaultServer(dimensions=8) as server:
        slow_down = faults.status(429, retry_after=0)
        server.script(faults.ok(), slow_down, faults.ok(), slow_down, slow_down)
        result = connected(client, server).embed(TEXTS, limits=Limits(max_batch=14))

        assert np.array_equal(result.vectors, expected(server, TEXTS))
    assert result.stats.refusals == server.requests_refused == 3
    assert result.stats.retries == 3


def test_a_size_that_the_provider_refuses_is_learnt(client):
    """Once refused, the run keeps to what is taken."""
    with FaultServer(dimensions=8, max_inputs=30) as server:
        result = connected(client, server).embed(TEXTS, limits=Limits(max_batch=100))

        assert np.array_equal(result.vectors, expected(server, TEXTS))
    assert server.requests_refused <= 12


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
    """Vector spaces never mix."""
    server.script(faults.ok(), faults.wrong_width())

    with pytest.raises(PartialFailureError, match="The width changed within the run") as caught:
        client.embed(list("ab"), limits=Limits(max_batch=1, max_in_flight=1))

    assert isinstance(caught.value.result.failures[0].error, VectorError)


def test_a_pinned_provider_is_asked_for(server, client):
    """The first answer decides, and every request after it says so."""
    client.embed(list("abcd"), limits=Limits(max_batch=1), pin_provider=True)

    first, *others = [request.body.get("provider") for request in server.requests]
    assert first is None
    assert others == [{"only": ["Example AI"], "allow_fallbacks": False}] * 3


def test_another_provider_than_the_pinned_one_is_an_error(server, client):
    """Even if its vectors look good."""
    server.script(faults.ok(), faults.new_enum_values())

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


def test_a_stream_reads_no_further_than_it_must(server):
    """An endless generator is fine: the window bounds what is held."""
    read = count()
    limits = Limits(max_batch=10, max_in_flight=2, window=100)
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        stream = client.embeddings.stream((f"t{n}" for n in read), model=MODEL, limits=limits)
        rows = sum(len(batch) for batch in islice(stream, 30))
        stream.close()

    assert next(read) <= rows + 101
    assert server.inputs_embedded <= rows + 100


def test_ending_a_stream_early_leaves_nothing_behind(server):
    """No thread goes on."""
    before = threading.active_count()
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        for _ in client.embeddings.stream(TEXTS, model=MODEL, limits=SMALL):
            break
        assert not [t for t in threading.enumerate() if t.name.startswith("embeddings")]

    assert threading.active_count() <= before + 32


def test_a_reply_that_ctrl_c_interrupts_is_kept(server, tmp_path, monkeypatch):
    """It was paid for; it is read once more on the way out."""
    outcome, interrupts = Attempt.outcome, iter([KeyboardInterrupt])

    def interrupted(*arguments):
        for interrupt in interrupts:
            raise interrupt
        return outcome(*arguments)

    monkeypatch.setattr(Attempt, "outcome", interrupted)
    with (
        EmbeddingCache(tmp_path / "vectors.sqlite") as cache,
        OpenRouter(server.api_key, base_url=server.base_url) as client,
    ):
        with pytest.raises(KeyboardInterrupt):
            client.embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=SMALL)

        assert cache.info().vectors == server.inputs_embedded > 0


async def test_a_cancelled_run_keeps_what_it_was_storing(server, tmp_path, monkeypatch):
    """The cache is closed only when everything is in it."""
    path, put, puts = tmp_path / "vectors.sqlite", EmbeddingCache.put, []

    def slow(*arguments, **options):
        puts.append(arguments)
        release.wait(60)
        put(*arguments, **options)

    release = threading.Event()
    monkeypatch.setattr(EmbeddingCache, "put", slow)
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        run = asyncio.create_task(client.embeddings.embed(["a", "b"], model=MODEL, cache=path))
        while not puts:  # noqa: ASYNC110 - the cache works in a thread
            await asyncio.sleep(0.001)
        run.cancel()
        await asyncio.sleep(0)  # the run hears of it before the cache is done
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await run

    with EmbeddingCache(path) as cache:
        assert cache.info().vectors == server.inputs_embedded == 2


async def test_cancelling_a_run_leaves_nothing_behind(server):
    """No task goes on, and what was in flight was waited for."""
    async with AsyncOpenRouter(server.api_key, base_url=server.base_url) as client:
        run = asyncio.create_task(client.embeddings.embed(TEXTS * 20, model=MODEL, limits=SMALL))
        while len(server.requests) < 3:  # noqa: ASYNC110 - the server lives in threads
            await asyncio.sleep(0.001)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

        assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_cache_is_filled_and_asked(server, client, tmp_path):
    """A second run costs nothing, and gives the same vectors bit for bit."""
    path = tmp_path / "vectors.sqlite"
    first = client.embed(TEXTS, cache=path, limits=SMALL)
    paid = server.inputs_embedded

    second = client.embed([*TEXTS, "new"], cache=str(path), limits=SMALL)

    assert np.array_equal(second.vectors[:-1], first.vectors)
    assert server.inputs_embedded == paid + 1
    assert second.from_cache == 1_000
    assert client.call("estimate", TEXTS, model=MODEL, cache=path).cached == 700


def test_a_cache_keeps_settings_apart(server, client, tmp_path):
    """Another width, type or model is another vector."""
    path = tmp_path / "vectors.sqlite"
    for options in ({}, {"dimensions": 4}, {"input_type": "a"}, {"provider": {"only": ["x"]}}):
        client.embed(["a"], cache=path, **options)
    client.embed(["a"], model="other/model", cache=path)

    assert server.inputs_embedded == 5


def test_a_cache_of_the_callers_stays_open(server, client, tmp_path):
    """It serves several runs."""
    with EmbeddingCache(tmp_path / "vectors.sqlite") as cache:
        client.embed(["a"], cache=cache)
        client.embed(["a"], cache=cache)

        assert cache.info().vectors == 1
    assert server.inputs_embedded == 1


def test_a_run_that_failed_goes_on_from_the_cache(server, client, tmp_path):
    """Only what is missing is sent again."""
    path = tmp_path / "vectors.sqlite"
    server.script(*[faults.ok()] * 4)
    server.always(None)
    client.embed(TEXTS[:80], cache=path, limits=SMALL)
    server.always(faults.status(503))
    client.embed(TEXTS, cache=path, on_error="keep", limits=SMALL)
    server.always(None)
    before = server.inputs_embedded

    client.embed(TEXTS, cache=path, limits=SMALL)

    assert server.inputs_embedded - before == 620
