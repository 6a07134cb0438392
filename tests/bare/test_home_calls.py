"""What every home calls, without a framework: prefixes, gaps, options, clients, copies."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading

import numpy as np
import pytest

from openrouter_embeddings import (
    BadRequestResponseError,
    ConfigurationError,
    InvalidTypeError,
    Limits,
    NotFoundResponseError,
    OpenRouter,
    PartialFailureError,
    UnauthorizedResponseError,
)
from openrouter_embeddings.integrations import _calls
from openrouter_embeddings.integrations._calls import Call, Clients
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"


def in_thread(clients, texts, call):
    return clients.embed(texts, call)


def in_loop(clients, texts, call):
    return asyncio.run(clients.aembed(texts, call))


@pytest.fixture(params=[in_thread, in_loop], ids=["sync", "async"])
def embed(request):
    return request.param


@pytest.fixture
def clients(server):
    return Clients(server.api_key, server.base_url)


@pytest.fixture
def picky():
    with FaultServer(poison={"poison"}) as server:
        yield Clients(server.api_key, server.base_url)


def sent_to(server):
    return [request.body["input"] for request in server.requests]


def test_texts_go_out_as_the_call_says(embed, server, clients):
    """With its input type, its width and its prefix."""
    batch = embed(clients, ["a", "b"], Call(MODEL, "search_query", "q: ", 4))

    np.testing.assert_allclose(batch.vectors, [server.vector("q: a", 4), server.vector("q: b", 4)])
    body = server.requests[0].body
    assert (body["input_type"], body["dimensions"]) == ("search_query", 4)


def test_no_texts_need_no_client(embed, server):
    """Not even a key."""
    assert embed(Clients(), [], Call(MODEL, dimensions=4)).vectors.shape == (0, 4)
    assert embed(Clients(), [None, ""], Call(MODEL, gaps=True)).vectors.shape == (2, 0)
    assert server.requests == ()


@pytest.mark.parametrize("prefix", ["", "q: "])
@pytest.mark.parametrize("text", [None, ""])
def test_a_missing_text_is_refused_before_anything_is_sent(embed, server, clients, prefix, text):
    """And never embedded as its prefix alone."""
    with pytest.raises(ConfigurationError, match=r"inputs\[1\]"):
        embed(clients, ["a", text], Call(MODEL, prefix=prefix))
    assert server.requests == ()


@pytest.mark.parametrize(
    ("texts", "call", "words"),
    [
        ("a red fox", Call(MODEL), "texts must be a list of texts"),
        (["a", [1, 2]], Call(MODEL), r"texts\[1\] must be text"),
        (["a", 7], Call(MODEL, gaps=True), r"texts\[1\] must be text"),
        (["a"], Call(MODEL, prefix=7), "prefix must be text"),  # type: ignore[arg-type]  # the point
        (["a"], Call(MODEL, options={"cach": 1}), "cach"),
        (["a"], Call(MODEL, options={"input_type": "x"}), "input_type"),
        (["a"], Call(MODEL, options={"max_cost": "much"}), "max_cost"),
        (["\ud800", None], Call(MODEL, gaps=True), r"inputs\[0\]"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    embed, server, clients, texts, call, words
):
    """With the argument and the position."""
    with pytest.raises(ConfigurationError, match=words):
        embed(clients, texts, call)
    assert server.requests == ()


def test_gaps_are_rows_of_nan_and_no_failures(embed, server, clients):
    """The texts between them keep their rows."""
    batch = embed(clients, [None, "a", "", "b"], Call(MODEL, gaps=True, prefix="p: "))

    assert batch.failures == ()
    assert np.isnan(batch.vectors).any(axis=1).tolist() == [True, False, True, False]
    np.testing.assert_allclose(batch.vectors[1], server.vector("p: a"))
    np.testing.assert_allclose(batch.vectors[3], server.vector("p: b"))
    assert sent_to(server) == [["p: a", "p: b"]]


def test_a_failure_beside_gaps_has_its_place_in_the_column(embed, picky):
    """And the result holds what was paid for."""
    with pytest.raises(PartialFailureError, match=r"1 of 2 texts failed.*inputs\[1\]") as caught:
        embed(picky, [None, "poison", "a"], Call(MODEL, gaps=True))

    result = caught.value.result
    assert [failure.position for failure in result.failures] == [1]
    assert np.isfinite(result.vectors[2]).all()
    assert isinstance(caught.value.__cause__, BadRequestResponseError)
    assert caught.value.cost == result.usage.cost > 0


@pytest.mark.parametrize("texts", [["poison"], ["poison", None], ["", "poison", "poison"]])
def test_where_nothing_has_a_vector_the_reason_is_raised(embed, picky, texts):
    """Callers look for the status."""
    with pytest.raises(BadRequestResponseError):
        embed(picky, texts, Call(MODEL, gaps=len(texts) > 1))


def test_failures_that_are_kept_are_rows_of_nan(embed, picky):
    """Each with its reason."""
    batch = embed(picky, [None, "poison", "a"], Call(MODEL, gaps=True, on_error="keep"))

    assert [failure.position for failure in batch.failures] == [1]
    assert np.isfinite(batch.vectors[2]).all()


def test_an_outage_is_an_error_where_failures_are_kept(embed, server):
    """A column of nothing but NaN would say that every text was refused."""
    call = Call(MODEL, gaps=True, on_error="keep")
    with pytest.raises(UnauthorizedResponseError):
        embed(Clients("sk-or-wrong-0123456789", server.base_url), ["a", None, "b"], call)


def test_a_client_of_the_callers_serves_both_kinds(embed, server):
    """Its connections are its own business."""
    with OpenRouter(server.api_key, base_url=server.base_url, title="Mine") as client:
        embed(Clients(client=client), ["a"], Call(MODEL))

    assert server.requests[0].headers["x-openrouter-title"] == "Mine"
    with pytest.raises(InvalidTypeError, match="client must be an OpenRouter"):
        Clients(client=object())


def test_settings_that_stay_keep_their_clients(clients, server):
    """Others are for others."""
    assert clients.matching(server.api_key, server.base_url, None) is clients
    assert clients.matching("another key", server.base_url, None) is not clients


def test_a_pickle_has_the_place_and_no_key(embed, server, clients, monkeypatch):
    """The key is that of the environment where it is used."""
    embed(clients, ["a"], Call(MODEL))
    written = pickle.dumps(clients)
    assert server.api_key.encode() not in written
    assert server.api_key not in repr(clients)

    found = pickle.loads(written)
    with pytest.raises(ConfigurationError, match="OPENROUTER_API_KEY"):
        embed(found, ["a"], Call(MODEL))
    monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
    assert embed(found, ["a"], Call(MODEL)).vectors.shape == (1, 8)


def test_a_deep_copy_has_the_key(embed, server, clients):
    """It stays in this process."""
    embed(clients, ["a"], Call(MODEL))

    assert embed(copy.deepcopy(clients), ["a"], Call(MODEL)).vectors.shape == (1, 8)


def test_the_client_of_the_callers_travels_with_a_pickle(embed, server, monkeypatch):
    """Its title shows that it is the same one."""
    monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
    with OpenRouter(base_url=server.base_url, title="Mine") as client:
        written = pickle.dumps(Clients(client=client))
    found = pickle.loads(written)
    with found.client:
        embed(found, ["a"], Call(MODEL))

    assert server.requests[0].headers["x-openrouter-title"] == "Mine"


def test_a_deep_copy_has_a_client_like_the_callers(embed, server):
    """With connections of its own: to close one of them leaves the other."""
    with OpenRouter(server.api_key, base_url=server.base_url, title="Mine") as client:
        copied = copy.deepcopy(Clients(client=client))
    with copied.client:
        embed(copied, ["a"], Call(MODEL))

    assert server.requests[0].headers["x-openrouter-title"] == "Mine"


def test_other_settings_of_any_kind_make_other_clients(clients, server):
    """And each of them is taken over."""
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        for settings in (
            ("another key", server.base_url, None),
            (server.api_key, "https://gateway.example/v1", None),
            (server.api_key, server.base_url, client),
        ):
            other = clients.matching(*settings)
            assert other is not clients
            assert (other.api_key, other.base_url, other.client) == settings


def test_connections_are_kept_from_call_to_call(embed, server, clients, monkeypatch):
    """A client is made once: each would open a connection of its own."""
    made = []
    for kind in ("OpenRouter", "AsyncOpenRouter"):
        make = getattr(_calls, kind)
        monkeypatch.setattr(_calls, kind, _noting(made, make))
    for _ in range(3):
        embed(clients, ["a"], Call(MODEL))

    assert len(made) == 1


def _noting(made, make):
    class Noted(make):
        def __init__(self, *args, **options):
            made.append(self)
            super().__init__(*args, **options)

    return Noted


def test_a_client_of_the_callers_leaves_the_event_loop_free(server):
    """It is called in a thread."""
    seen = []

    class Seen(Clients):
        def embed(self, texts, call):
            seen.append(threading.current_thread())
            return super().embed(texts, call)

    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        in_loop(Seen(client=client), ["a"], Call(MODEL))

    assert threading.main_thread() not in seen
    assert len(seen) == 1


def test_texts_that_fail_for_two_reasons_are_told_together(embed, server, clients):
    """One of the reasons would hide the other."""
    server.script(faults.status(400, "the first"), faults.status(404, "the second"))
    call = Call(MODEL, gaps=True, options={"retries": None, "limits": Limits(max_batch=1)})
    with pytest.raises(PartialFailureError, match="2 of 2 texts failed") as caught:
        embed(clients, ["a", None, "b"], call)

    assert {type(failure.error) for failure in caught.value.result.failures} == {
        BadRequestResponseError,
        NotFoundResponseError,
    }


def test_what_is_no_text_at_all_is_refused_beside_a_gap(embed, server, clients):
    """Before the texts around it are paid for."""
    with pytest.raises(ConfigurationError, match=r"inputs\[2\]"):
        embed(clients, ["a", None, "\ud800"], Call(MODEL, gaps=True))
    assert server.requests == ()
