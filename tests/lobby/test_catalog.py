"""The listing: every shape of it, page after page, and the questions that a catalog answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from openrouter_embeddings import (
    Catalog,
    ConfigurationError,
    ModelInfo,
    Pricing,
    ResponseValidationError,
    ServiceUnavailableResponseError,
)
from openrouter_embeddings.testing import FaultServer, faults
from openrouter_embeddings.values import moment, price

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


@pytest.fixture
def serve():
    running = []

    def start(models):
        running.append(FaultServer(models=models).start())
        return running[-1]

    yield start
    for one in running:
        one.stop()


def listed(connect, serve, models, **options):
    server = serve(models)
    return server, connect(base_url=server.base_url).list_models(**options)


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


def listing(payload):
    import json

    answer = faults.Answer(json.dumps(payload).encode())
    return faults.Fault("listing", "a page", False, (str(payload),), lambda _: answer)


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


def test_the_listing_is_retried_like_everything(server, client):
    """One policy for both endpoints."""
    server.script_models(faults.status(503, retry_after=0))

    assert len(client.list_models()) == 2

    server.script_models(*[faults.status(503)] * 4)
    with pytest.raises(ServiceUnavailableResponseError):
        client.list_models()


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


def model(model_id, prompt, **facts):
    return ModelInfo(model_id, pricing=Pricing(prompt=price(prompt)), **facts)


CATALOG = Catalog(
    (
        model("openai/text-embedding-3-small", "0.00000002", context_length=8192, name="Small"),
        model("openai/text-embedding-3-large", "0.00000013", context_length=8192),
        model(
            "qwen/qwen3-embedding-4b", "0.00000001", canonical_slug="qwen/qwen3-embedding-4b-2507"
        ),
        model("other/router", "-1", input_modalities=("text", "image")),
        model("nvidia/nemo:free", "0", context_length=512, description="Tiny but free."),
        model("twin/qwen3-embedding-4b", "0.5"),
    )
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("openai/text-embedding-3-small", "openai/text-embedding-3-small"),
        (" OpenAI/Text-Embedding-3-Small ", "openai/text-embedding-3-small"),
        ("text-embedding-3-large", "openai/text-embedding-3-large"),
        ("qwen/qwen3-embedding-4b-2507", "qwen/qwen3-embedding-4b"),
        ("small", "openai/text-embedding-3-small"),
    ],
)
def test_models_are_found_by_their_names(wanted, found):
    """Id, permanent name, and the name without its author."""
    assert CATALOG.find(wanted).id == found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("openai/text-embeding-3-small", "Did you mean openai/text-embedding-3-small"),
        ("qwen3-embedding-4b", "can mean any of qwen/qwen3-embedding-4b, twin/qwen3"),
        ("zzz", "There are 6 models"),
    ],
)
def test_models_that_are_not_there_are_guessed_at(wanted, words):
    """A typing error gets a suggestion, never a silent choice."""
    with pytest.raises(ConfigurationError, match=words):
        CATALOG.find(wanted)


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({}, 6),
        ({"text": "EMBEDDING"}, 4),
        ({"text": "tiny"}, 1),
        ({"author": "OpenAI"}, 2),
        ({"input_modality": "image"}, 1),
        ({"max_price": 0.02}, 3),
        ({"max_price": Decimal("0.13")}, 4),
        ({"min_context": 8192}, 2),
        ({"free": True}, 1),
        ({"free": False}, 5),
        ({"author": "openai", "max_price": 0.02}, 1),
    ],
    ids=str,
)
def test_models_are_filtered(conditions, found):
    """Every condition given must hold; what is unknown does not fulfil one."""
    assert len(CATALOG.filter(**conditions)) == found


def test_models_are_ranked_by_price():
    """Cheapest first; those without a fixed price last."""
    assert [info.id.partition("/")[0] for info in CATALOG.by_price()] == [
        *("nvidia", "qwen", "openai", "openai", "twin", "other"),
    ]


def test_a_catalog_is_a_sequence():
    """It has a length, positions, slices and a short repr."""
    assert CATALOG[0].id == "openai/text-embedding-3-small"
    assert len(CATALOG[1:3]) == 2
    assert CATALOG[-1] in CATALOG
    assert repr(CATALOG).startswith("Catalog(6 models: openai/text-embedding-3-small, ")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.00000002", Decimal("2E-8")),
        (2e-08, Decimal("2E-8")),
        (0, Decimal(0)),
        ("-1", None),
        ("", None),
        ("free", None),
        ("NaN", None),
        (True, None),
        (None, None),
    ],
)
def test_prices_are_decimals(value, amount):
    """Texts and numbers; what is negative or unreadable is not fixed."""
    assert price(value) == amount


@pytest.mark.parametrize(
    ("value", "when"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("2027-03-01", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T12:00:00Z", datetime(2027, 3, 1, 12, tzinfo=UTC)),
        ("someday", None),
        ("", None),
        (1e30, None),
        (True, None),
        (None, None),
    ],
)
def test_dates_are_read_leniently(value, when):
    """One odd date must not lose a model."""
    assert moment(value) == when
