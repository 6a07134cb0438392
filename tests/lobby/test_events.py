"""What listeners receive, in both clients."""

from __future__ import annotations

import logging

import pytest

from openrouter_embeddings import AttemptFinished, Limits, OpenRouterError, RunFinished
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.testing import faults

MODEL = "test/embedding"
SMALL = Limits(max_batch=2)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_an_attempt_tells_what_was_answered(server, connect):
    """Tokens, cost, the model and the provider that answered, width, encoding, and the start."""
    events = []
    client = connect(on_event=events.append)
    client.generate(["a red fox", "b"], dimensions=4)
    client.embed(["a", "b"])
    client.list_models()
    single, batch, listing = of(AttemptFinished, events)

    assert (single.tokens, single.cost) == (3, pytest.approx(6e-8))
    assert (single.response_model, single.provider) == ("embedding", "Example AI")
    assert (single.dimensions, batch.dimensions, listing.dimensions) == (4, 8, None)
    assert (single.encoding, batch.encoding, listing.encoding) == ("base64", "base64", None)
    assert single.started + single.seconds <= batch.started <= listing.started
    assert {event.base_url for event in events[:1]} == {server.base_url}


def test_an_attempt_that_failed_tells_how_it_was_asked(server, connect):
    """The fallback to numbers is another attempt; what nobody said is None."""
    events = []
    server.always(faults.refuses_base64())
    connect(on_event=events.append).generate("a")
    first, second = of(AttemptFinished, events)

    assert (first.encoding, second.encoding) == ("base64", "float")
    assert (first.provider, first.dimensions) == (None, None)
    assert second.provider == "Example AI"


def test_a_run_tells_its_end(server, connect):
    """With hits, failures and costs of all of it."""
    events, texts = [], ["a", "b", "c", "", "d"]
    client = connect(on_event=events.append)
    with EmbeddingCache(":memory:") as cache:
        client.embed(["a", "b"], cache=cache)
        client.embed(texts, cache=cache, limits=SMALL, on_error="keep")
    first, second = of(RunFinished, events)

    assert (first.model, first.inputs, first.hits, first.failures) == (MODEL, 2, 0, 0)
    assert (second.inputs, second.hits, second.failures) == (5, 2, 1)
    assert (second.requests, second.tokens) == (1, 2)
    assert second.cost == pytest.approx(4e-8)
    assert (second.response_model, second.provider) == ("embedding", "Example AI")
    assert (first.dimensions, second.dimensions) == (8, 8)
    assert events[-1] is second


def test_a_run_that_raises_tells_its_end_too(server, connect):
    """What was done until then."""
    events = []
    server.always(faults.status(401))
    with pytest.raises(OpenRouterError):
        connect(on_event=events.append).embed(["a", "b"])

    (run,) = of(RunFinished, events)
    assert (run.inputs, run.failures, run.cost) == (2, 2, 0.0)


def test_no_log_holds_a_key_or_an_input(server, connect, caplog):
    """At the level debug, over every fault there is."""
    caplog.set_level(logging.DEBUG, "openrouter_embeddings")
    client = connect()
    texts = ["my first secret", "my second secret", "my third secret"]
    quick = {"drip": faults.drip(0.001), "drip_headers": faults.drip_headers(0.001)}
    menu = faults.menu() | quick | {"silence": faults.silence(0.01)}
    for name, fault in menu.items():
        server.script(fault)
        client.embed(texts, on_error="keep")
        assert caplog.records, name

    assert len(caplog.records) >= 2 * len(menu)
    assert server.api_key not in caplog.text
    assert "secret" not in caplog.text
