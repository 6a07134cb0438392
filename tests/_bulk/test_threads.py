"""The two runners over real sockets: chaos, outages, early ends and what they leave behind."""

from __future__ import annotations

import asyncio
import threading
from itertools import count, islice

import numpy as np
import pytest

from openrouter_embeddings import (
    AsyncOpenRouter,
    Limits,
    OpenRouter,
    RetryConfig,
    ServiceUnavailableResponseError,
)
from openrouter_embeddings._request.call import BatchCall
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

# 6 % of the requests may have been paid for in vain: twice in a row is not rare enough here.
PATIENT = RetryConfig(initial=0.001, maximum=0.002, most_paid=6)


def expected(server, texts):
    return np.stack([server.vector(text) for text in texts])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chaos_changes_nothing(seed, client, server):
    """Eight faults at once and poison: the poison fails, all else is right bit for bit."""
    texts = [f"text {number}" for number in range(1_000)]
    poison = {texts[place] for place in range(7, 1_000, 400)}
    with FaultServer(dimensions=8, poison=poison) as chaotic:
        chaotic.chaos(CHAOS, seed=seed)
        again = type(client)(chaotic, retries=PATIENT)
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


def test_an_outage_draws_few_requests(server, client):
    """The run ends, everything that was not sent fails with the service's words."""
    server.always(faults.status(503, "Down for maintenance"))

    result = client.embed(TEXTS, on_error="keep", limits=SMALL)

    assert len(result.failures) == 1_000
    assert isinstance(result.failures[-1].error, ServiceUnavailableResponseError)
    # Four attempts each: three batches, two single inputs, and what was under way beside them.
    assert len(server.requests) <= 4 * (3 + 2 + 4)
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
    proceed, interrupts = BatchCall.proceed, iter([KeyboardInterrupt])

    def interrupted(*arguments):
        for interrupt in interrupts:
            raise interrupt
        return proceed(*arguments)

    monkeypatch.setattr(BatchCall, "proceed", interrupted)
    with (
        EmbeddingCache(tmp_path / "vectors.cache") as cache,
        OpenRouter(server.api_key, base_url=server.base_url) as client,
    ):
        with pytest.raises(KeyboardInterrupt):
            client.embeddings.embed(TEXTS, model=MODEL, cache=cache, limits=SMALL)

        assert cache.info().vectors == server.inputs_embedded > 0


async def test_a_cancelled_run_keeps_what_it_was_storing(server, tmp_path, monkeypatch):
    """The cache is closed only when everything is in it."""
    path, put, puts = tmp_path / "vectors.cache", EmbeddingCache.put, []

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
