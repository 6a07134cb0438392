"""What fails beside a run costs no vector: the cache, the source, whoever is told of progress."""

from __future__ import annotations

import io
import itertools
import logging
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from openrouter_embeddings import (
    ConfigurationError,
    Limits,
    PartialFailureError,
    ResponseValidationError,
    ServiceUnavailableResponseError,
    UnauthorizedResponseError,
    VectorError,
)
from openrouter_embeddings._bulk.reader import Chunk
from openrouter_embeddings._bulk.tasks import _Tasks
from openrouter_embeddings._bulk.threads import _Threads
from openrouter_embeddings._request.settings import Settings
from openrouter_embeddings.testing import faults

TEXTS = [f"text {number}" for number in range(400)]
LIMITS = Limits(max_batch=20)


class Cache:
    """A cache that fails from a call on."""

    def __init__(self, *, finds, puts):
        self.left, self.kept = {"find": finds, "put": puts}, {}

    def _count(self, name):
        if self.left[name] == 0:
            raise OSError(28, "No space left on device")
        self.left[name] -= 1

    def find(self, keys):
        self._count("find")
        return ()

    def put(self, vectors, *, model):
        self._count("put")
        self.kept |= vectors


@pytest.mark.parametrize(("finds", "puts"), [(0, 9), (9, 0), (9, 3)])
def test_a_cache_that_fails_is_left_out(finds, puts, client, server, caplog):
    """It is said once, in the log and in the result, and all vectors are there."""
    cache = Cache(finds=finds, puts=puts)
    with caplog.at_level(logging.WARNING, "openrouter_embeddings"):
        result = client.embed(TEXTS, cache=cache, limits=LIMITS)

    assert np.array_equal(result.vectors, [server.vector(text) for text in TEXTS])
    assert server.inputs_embedded == len(TEXTS)
    (note,) = result.notes
    assert "cache was left out from here on: OSError" in note
    assert [record.getMessage() for record in caplog.records] == [note]
    assert len(cache.kept) <= puts * LIMITS.max_batch


class SlowCache:
    """A cache that answers when it is let."""

    def __init__(self):
        self.let = threading.Event()

    def find(self, keys):
        assert self.let.wait(60)
        return list(keys)


class HalfRun:
    """As much of a run as takes inputs: it notes what came in."""

    def __init__(self):
        self.came, self.ended = [], False
        self.plan, self.intake, self.account = (
            SimpleNamespace(limits=Limits()),
            SimpleNamespace(add=lambda chunk, found: self.came.append((chunk.entries, found))),
            SimpleNamespace(abandon=lambda: None),
        )
        self.source, self.attempts = None, SimpleNamespace(unread=None)
        self.unsaved = {}

    def end(self):
        self.ended = True


LOOKED_FOR, UNUSABLE = Chunk(["a"], [0], [b"key"]), Chunk(["", ""])
SETTINGS = Settings("http://localhost", None, None, None, clock=lambda: 0.0, draw=lambda: 0.5)
IN_ORDER = [(["a"], [b"key"]), (["", ""], ())]


def test_inputs_that_need_no_answer_do_not_overtake_those_that_do():
    """The cache still looks for those before them."""
    run, cache = HalfRun(), SlowCache()
    runner = _Threads(None, run, cache, SETTINGS)
    for chunk in (LOOKED_FOR, UNUSABLE):
        runner._ask(chunk)
    cache.let.set()
    while len(run.came) < 2:
        runner._wait(60.0)

    assert run.came == IN_ORDER
    runner._finders.dismiss()


async def test_nor_do_they_in_an_event_loop():
    """The same for tasks."""
    run, cache = HalfRun(), SlowCache()
    runner = _Tasks(None, run, cache, SETTINGS)
    for chunk in (LOOKED_FOR, UNUSABLE):
        runner._ask(chunk)
    cache.let.set()
    while len(run.came) < 2:
        runner._note(await runner._ended.get())

    assert run.came == IN_ORDER
    await runner.finish()


def failing(number):
    yield from TEXTS[:number]
    raise ConnectionError("the cursor is closed")


def test_a_source_that_fails_ends_with_all_that_was_read(client, server):
    """The error has the vectors of what came before, and the cause."""
    with pytest.raises(PartialFailureError, match="ended early with 250 vectors") as caught:
        client.embed(failing(250), limits=LIMITS, on_error="keep")

    assert isinstance(caught.value.__cause__, ConnectionError)
    assert np.array_equal(
        caught.value.result.vectors, [server.vector(text) for text in TEXTS[:250]]
    )
    assert server.inputs_embedded == 250
    assert caught.value.cost == caught.value.result.stats.cost > 0


def test_a_stream_yields_what_was_read_before_its_source_fails(server, client):
    """The source's own error comes behind it."""
    rows, caught = 0, None
    try:
        for batch in batches_of(client, failing(250)):
            rows += len(batch)
    except ConnectionError as exc:
        caught = exc

    assert rows == server.inputs_embedded == 250
    assert caught is not None


def batches_of(client, inputs):
    """Go through a stream of either client."""
    stream = client.client.embeddings.stream(inputs, model="test/embedding", limits=LIMITS)
    if hasattr(stream, "__next__"):
        yield from stream
        return
    while (batch := client._runner.run(anext(stream, None))) is not None:
        yield batch


def test_a_listener_of_progress_that_fails_ends_the_run(client, server):
    """Nothing more is sent; what was paid for is in the result."""
    told, released = [], threading.Event()

    def held(healthy):
        if not np.array_equal(healthy.vectors[0], server.vector(TEXTS[0])):
            assert released.wait(60)
        return healthy.answer()

    def progress(batch):
        told.append(batch)
        released.set()
        raise ZeroDivisionError("no rows")

    server.always(faults.Fault("held", "It waits.", False, (), held))

    with pytest.raises(PartialFailureError, match="ended early with") as caught:
        client.embed(iter(TEXTS * 50), progress=progress, limits=LIMITS)

    result = caught.value.result
    have = ~np.isnan(result.vectors).any(axis=1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert len(told) == 1
    assert have.sum() >= server.inputs_embedded > 0
    assert server.inputs_embedded < len(TEXTS)
    assert {id(failure.error) for failure in result.failures} <= {id(result.stopped)}


def test_one_input_that_fails_raises_its_own_error(connect):
    """A query with a bad key is refused as any other call is."""
    with pytest.raises(UnauthorizedResponseError):
        connect(api_key="sk-or-wrong").call("embed_query", "a", model="test/embedding")


def test_a_run_that_fails_for_one_reason_raises_it(server, connect):
    """There is no vector that a result would have to carry."""
    with pytest.raises(UnauthorizedResponseError):
        connect(api_key="sk-or-wrong").embed(TEXTS, limits=LIMITS)

    server.script(faults.ok())
    server.always(faults.status(503))
    with pytest.raises(PartialFailureError) as caught:
        connect().embed(TEXTS, limits=Limits(max_batch=20, max_in_flight=1))
    assert isinstance(caught.value.__cause__, ServiceUnavailableResponseError)


def test_a_run_that_cannot_be_pinned_says_so_and_goes_on(client, server, tmp_path, caplog):
    """The replies name no provider: it caches under keys of its own, and does not go one by one."""
    path = tmp_path / "cache"
    client.embed(TEXTS[40:60], cache=path, limits=LIMITS)
    server.always(renamed(provider=None))
    with caplog.at_level(logging.WARNING, "openrouter_embeddings"):
        result = client.embed(TEXTS, pin_provider=True, cache=path, limits=LIMITS)
    requests, logged = len(server.requests), [each.getMessage() for each in caplog.records]
    again = client.embed(TEXTS, pin_provider=True, cache=path, limits=LIMITS)

    assert result.notes == ("The run could not be pinned: the replies name no provider.",)
    assert logged == list(result.notes)
    assert (result.from_cache, requests) == (0, 21)
    assert again.from_cache == len(TEXTS) - LIMITS.max_batch
    assert len(server.requests) == requests + 1
    assert client.embed(TEXTS, cache=path, limits=LIMITS).from_cache == 20


def test_a_provider_that_is_named_after_all_is_an_error(client, server):
    """Nobody knows whether the first reply was its own."""
    server.script(renamed(provider=None))

    with pytest.raises(PartialFailureError, match="whose first reply named no provider") as caught:
        client.embed(list("abcd"), limits=ONE_BY_ONE, pin_provider=True)

    assert isinstance(caught.value.__cause__, VectorError)
    assert np.array_equal(caught.value.result.vectors[0], server.vector("a"))
    assert np.isnan(caught.value.result.vectors[1:]).all()


def renamed(**fields):
    """Answer with other names in the envelope."""
    return faults.Fault("renamed", "Names.", False, (), lambda healthy: healthy.answer(**fields))


ONE_BY_ONE = Limits(max_batch=1, max_in_flight=1)


def test_a_model_that_changes_on_the_way_is_noted(client, server, tmp_path, caplog):
    """Its author may be named or not; that is no change. Vectors of another are not cached."""
    server.script(faults.ok(), renamed(model="test/Embedding"), renamed(model="other"))
    path = tmp_path / "cache"
    with caplog.at_level(logging.WARNING, "openrouter_embeddings"):
        result = client.embed(list("abcd"), limits=ONE_BY_ONE, cache=path)
    logged = [each.getMessage() for each in caplog.records]

    assert result.notes == ("The model 'other' answered, and before that 'embedding'.",)
    assert logged == list(result.notes)
    assert client.embed(list("abcd"), cache=path).from_cache == 3
    assert len(server.requests) == 5


def test_a_model_with_a_version_behind_its_name_fails_no_run(client, server):
    """Services write one model in several ways; it is said, since it may be another one."""
    server.script(faults.ok(), renamed(model="embedding-v2"), renamed(model=None))
    result = client.embed(list("abcd"), limits=ONE_BY_ONE, pin_provider=True)

    assert result.notes == ("The model 'embedding-v2' answered, and before that 'embedding'.",)
    assert np.array_equal(result.vectors, [server.vector(text) for text in "abcd"])


def test_a_model_that_changes_is_an_error_of_a_pinned_run(client, server):
    """It is asked for once more, and ends the run when it comes again."""
    server.script(faults.ok())
    server.always(renamed(model="other"))

    with pytest.raises(PartialFailureError) as caught:
        client.embed(list("abcd"), limits=ONE_BY_ONE, pin_provider=True)

    assert isinstance(caught.value.__cause__, VectorError)
    assert len(server.requests) == 3


def test_an_argument_that_is_wrong_is_told_as_it_is(client, server):
    """Nothing was sent, so there is nothing to carry."""
    with pytest.raises(ConfigurationError):
        client.embed(failing(0), dimensions=-1)

    assert server.requests == ()


def test_a_run_that_fails_for_a_fatal_reason_raises_it_in_any_words(server, connect):
    """Each request that was in flight is refused with its own id."""
    numbers = itertools.count()

    def refuse(healthy):
        return faults.status(401, f"No such key, request {next(numbers)}").apply(healthy)

    server.always(faults.Fault("refused", "It says no.", False, (), refuse))

    with pytest.raises(UnauthorizedResponseError):
        connect().embed([f"text {n}" for n in range(2_000)])


def test_the_error_of_a_run_without_vectors_says_what_the_run_cost(server, connect):
    """All of it, and not what one of its requests did."""
    server.always(faults.index_out_of_range())

    with pytest.raises(ResponseValidationError) as caught:
        connect().embed([f"text {n:05}" for n in range(300)])

    assert caught.value.cost == pytest.approx(2 * 2e-08 * server.inputs_embedded)
    assert caught.value.possible_cost == 0.0


class Locked(Cache):
    """A cache that cannot be written, and says so in our own words."""

    def put(self, vectors, *, model):
        raise ConfigurationError("The cache is locked by another process.")


def test_a_cache_that_cannot_be_written_fails_no_pinned_run(client, server):
    """There it is written before it is asked for the first time."""
    cache = Locked(finds=99, puts=99)
    result = client.embed(TEXTS, cache=cache, limits=LIMITS, pin_provider=True)

    assert np.array_equal(result.vectors, [server.vector(text) for text in TEXTS])
    (note,) = result.notes
    assert "locked by another process" in note


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


class Broken(io.StringIO):
    """A terminal whose other end is gone."""

    def isatty(self):
        return True

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [None, closed(), Broken()], ids=["none", "closed", "broken"])
def test_progress_that_nobody_can_see_fails_nothing(stream, client, server, monkeypatch):
    """Services run without a standard error, and terminals are closed."""
    monkeypatch.setattr(sys, "stderr", stream)
    result = client.embed(TEXTS, progress=True, limits=LIMITS)

    assert np.array_equal(result.vectors, [server.vector(text) for text in TEXTS])


class Raising(logging.Handler):
    """A handler of somebody else."""

    def emit(self, record):
        raise ValueError("I/O operation on closed file")


def test_a_log_that_raises_fails_nothing(connect, server):
    """Neither where a listener fails, nor where the cache does."""
    logger, handler = logging.getLogger("openrouter_embeddings"), Raising()

    def fail(event):
        raise RuntimeError("the listener")

    client = connect(on_event=fail)
    logger.addHandler(handler)
    try:
        result = client.embed(TEXTS, cache=Cache(finds=9, puts=0), limits=LIMITS)
    finally:
        logger.removeHandler(handler)

    assert np.array_equal(result.vectors, [server.vector(text) for text in TEXTS])
    assert server.inputs_embedded == len(TEXTS)
