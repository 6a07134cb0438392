"""Listings are read leniently: one odd entry, field or envelope loses no model."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from listings import listed, listing

from openrouter_embeddings import (
    ConfigurationError,
    ModelInfo,
    ResponseValidationError,
)
from openrouter_embeddings._request.models import Bounds, ModelPages, ModelsPage

ODD = [
    {"id": "a/plain"},
    {"id": "b/nulls", "pricing": None, "architecture": None, "links": None, "created": None},
    {"id": "c/numbers", "pricing": {"prompt": 2e-08, "completion": 0}, "created": 1.5},
    {"id": "d/router", "pricing": {"prompt": "-1", "completion": "-1"}, "context_length": 0},
    {
        "id": "e/new",
        "architecture": {"input_modalities": ["smell"], "tokenizer": "Tomorrow", "x": 1},
        "supported_parameters": ["mood"],
        "expiration_date": "2027-03-01",
        "hugging_face_id": "",
        "novelty": True,
    },
    {"id": 17},
    {"name": "no id"},
    "a text",
    None,
    {"id": "f/odd", "pricing": "free"},
    {"id": "g/last", "pricing": {"prompt": "0.000001", "overrides": [{"prompt": "0.000002"}]}},
]


def test_one_odd_model_does_not_lose_the_others(connect, serve):
    """Entries that cannot be read are kept as they are, with the reason."""
    _, catalog = listed(connect, serve, ODD)

    assert [model.id[0] for model in catalog] == ["a", "b", "c", "d", "e", "g"]
    assert [entry.raw for entry in catalog.unread] == [*ODD[5:9], ODD[9]]
    assert all(entry.reason for entry in catalog.unread)
    assert catalog.total_count == len(ODD)


def test_what_is_known_of_a_model(connect, serve):
    """Texts become dates and decimals; new values pass; the rest is in `raw`."""
    _, catalog = listed(connect, serve, ODD)
    by_id = {model.id: model for model in catalog}

    assert by_id["c/numbers"].price_per_million == Decimal("0.02")
    assert by_id["c/numbers"].created == datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)
    assert by_id["d/router"].price_per_million is None
    new = by_id["e/new"]
    assert new.input_modalities == ("smell",)
    assert new.supported_parameters == ("mood",)
    assert new.expires == date(2027, 3, 1)
    assert new.hugging_face_id is None
    assert new.raw["novelty"] is True


@pytest.mark.parametrize(
    "payload",
    [
        {"data": [{"id": "m/0"}]},
        {"data": [{"id": "m/0"}], "links": None},
        {"data": [{"id": "m/0"}], "links": {}},
        {"data": [{"id": "m/0"}], "links": {"next": ""}},
        {"data": [{"id": "m/0"}], "links": [], "total_count": "1"},
    ],
    ids=str,
)
def test_older_and_odder_envelopes_are_read(payload, connect, serve):
    """The count and the links were not always there."""
    server = serve([])
    server.script_models(listing(payload))

    assert [model.id for model in connect(base_url=server.base_url).list_models()] == ["m/0"]


@pytest.mark.parametrize("payload", [{}, {"data": None}, {"data": {"id": "m/0"}}, []], ids=str)
def test_what_is_no_listing_is_an_error(payload, connect, serve):
    """No empty catalog stands in for a reply that cannot be read."""
    server = serve([])
    server.script_models(*[listing(payload)] * 4)

    with pytest.raises(ResponseValidationError):
        connect(base_url=server.base_url).list_models()


def test_what_a_terminal_would_obey_is_written_out(serve, connect):
    """Names are; an id is kept, since it is sent back as it is, and shown with care."""
    server = serve([{"id": "a/\x1b[2J", "name": "G\x1b[1A\n"}])
    catalog = connect(base_url=server.base_url).list_models()

    assert [info.name for info in catalog] == ["G\\x1b[1A "]
    assert catalog[0].id == "a/\x1b[2J"
    assert repr(catalog).isprintable()
    with pytest.raises(ConfigurationError) as caught:
        catalog.find("a/[2J")
    assert str(caught.value).isprintable()


def test_every_page_is_fetched(connect, serve):
    """The service decides how much is on a page; the link leads on."""
    models = [{"id": f"m/{number}"} for number in range(25)]
    server, catalog = listed(connect, serve, models, offset=3)

    assert [model.id for model in catalog] == [f"m/{number}" for number in range(3, 25)]
    assert len(server.requests) == 1


def test_links_are_followed_on_our_own_endpoint(connect, serve):
    """The link names the listing of all models; only its bounds are taken."""
    server = serve([{"id": "m/0"}])
    pages = [
        {"data": [{"id": "m/0"}], "links": {"next": "/api/v1/models?offset=1&limit=1"}},
        {"data": [{"id": "m/1"}], "links": {"next": "https://elsewhere.example/x?offset=2"}},
        {"data": [{"id": "m/2"}], "links": {"next": None}, "total_count": 3},
    ]
    server.script_models(*(listing(page) for page in pages))

    catalog = connect(base_url=server.base_url).list_models()

    assert [model.id for model in catalog] == ["m/0", "m/1", "m/2"]
    assert catalog.total_count == 3
    assert [request.path for request in server.requests] == ["/embeddings/models"] * 3
    assert [request.query for request in server.requests] == [
        {},
        {"offset": "1", "limit": "1"},
        {"offset": "2"},
    ]


def test_a_limit_means_one_page(connect, serve):
    """Who asks for two gets two."""
    server, catalog = listed(
        connect, serve, [{"id": f"m/{n}"} for n in range(9)], limit=2, offset=4
    )

    assert [model.id for model in catalog] == ["m/4", "m/5"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "link", ["/api/v1/models?offset=0", "/api/v1/models?offset=x", "/api/v1/models?cursor=abc"]
)
def test_links_that_lead_nowhere_end_in_an_error(link, connect, serve):
    """Neither an endless loop nor a listing cut in silence."""
    server = serve([])
    server.script_models(*[listing({"data": [{"id": "m/0"}], "links": {"next": link}})] * 9)

    with pytest.raises(ResponseValidationError):
        connect(base_url=server.base_url).list_models()

    assert len(server.requests) <= 2


@pytest.mark.parametrize(
    ("options", "argument"),
    [({"offset": -1}, "offset"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit")],
)
def test_bad_bounds_are_named(options, argument, server, client):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        client.list_models(**options)

    assert caught.value.argument == argument
    assert server.requests == ()


def page(*names, following=None, count=None):
    return ModelsPage(tuple(ModelInfo(name) for name in names), (), count, following)


def test_pages_add_up_to_a_catalog():
    """In their order; the count is the first that a page names."""
    pages = ModelPages.of(None, None)
    assert pages.next == Bounds()
    pages.add(page("a", "b", following=Bounds(2)))
    assert pages.next == Bounds(2)
    pages.add(page("c", count=3))

    assert pages.next is None
    assert [model.id for model in pages.catalog()] == ["a", "b", "c"]
    assert pages.catalog().total_count == 3


def test_who_named_a_limit_gets_one_page():
    """Wherever its link leads."""
    pages = ModelPages.of(3, 2)
    assert pages.next == Bounds(3, 2)
    pages.add(page("a", following=Bounds(5, 2)))

    assert pages.next is None


@pytest.mark.parametrize("following", [Bounds(4), Bounds(3), Bounds()])
def test_a_page_must_lead_on(following):
    """To a larger offset than its own."""
    pages = ModelPages.of(4, None)

    with pytest.raises(ResponseValidationError, match="no end in sight"):
        pages.add(page("a", following=following))
