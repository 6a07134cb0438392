"""The questions that a catalog answers: names, conditions, prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from openrouter_embeddings import (
    Catalog,
    ConfigurationError,
    ModelInfo,
    Pricing,
)
from openrouter_embeddings.values import price


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
        ("zzz", "It has 6 models"),
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


def test_an_id_with_the_routers_name_before_it_gets_the_right_one():
    """Other packages write their ids so."""
    catalog = Catalog((ModelInfo("openai/text-embedding-3-small"), ModelInfo("openai/x")))

    with pytest.raises(ConfigurationError, match=r"Did you mean openai/text-embedding-3-small\?"):
        catalog.find("openrouter/openai/text-embedding-3-small")


@pytest.mark.parametrize("model", [3, None, "", "\ud800"])
def test_what_is_no_id_is_named(model):
    """It is not looked for."""
    with pytest.raises(ConfigurationError) as caught:
        Catalog(()).find(model)

    assert caught.value.argument == "model"


def test_an_id_that_stands_twice_is_one_model_at_its_dearer_price():
    """Whoever bounds a cost by it must not be told the cheaper one."""
    twice = [ModelInfo("a/b", pricing=Pricing(prompt=Decimal(price))) for price in ("1", "2", "0")]
    assert Catalog(tuple(twice)).find("a/b") is twice[1]

    open_price = ModelInfo("a/b")
    assert Catalog((*twice, open_price)).find("b") is open_price
