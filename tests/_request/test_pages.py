"""The pages of the listing: which one comes next, where links lead, and what ends."""

from __future__ import annotations

import pytest
from listings import listed, listing

from openrouter_embeddings import (
    ConfigurationError,
    ModelInfo,
    ResponseValidationError,
)
from openrouter_embeddings._request.pages import Bounds, ModelPages, ModelsPage


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
