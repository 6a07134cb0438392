"""Routing preferences: all of them are checked, none is dropped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from openrouter_embeddings import ConfigurationError, ProviderPreferences
from openrouter_embeddings.provider import _CHECKS, checked_provider

EVERYTHING = {
    "allow_fallbacks": False,
    "data_collection": "deny",
    "enforce_distillable_text": None,
    "ignore": ["azure"],
    "only": ["openai", "Google AI Studio"],
    "order": ["openai"],
    "max_price": {"prompt": "0.05", "request": "0"},
    "options": {"openai": {"store": False}},
    "preferred_max_latency": {"p50": 1, "p99": 2.5},
    "preferred_min_throughput": 100,
    "quantizations": ["fp8", "bf16"],
    "require_parameters": True,
    "sort": {"by": "price", "partition": "none"},
    "zdr": True,
}


def test_every_preference_of_the_contract_is_known():
    """The type and the checks name the same preferences."""
    assert set(_CHECKS) == set(ProviderPreferences.__annotations__) == set(EVERYTHING)


def test_good_preferences_travel_unchanged():
    """What is right is left alone."""
    assert checked_provider(EVERYTHING) == EVERYTHING


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1, "1"),
        (0.05, "0.05"),
        (Decimal("1.50"), "1.50"),
        ("0.00000002", "0.00000002"),
        (1e-7, "0.0000001"),
        (0, "0"),
    ],
)
def test_prices_are_sent_as_decimal_texts(amount, text):
    """Numbers, as the guides write them, and texts, as the contract has them, are both taken."""
    assert checked_provider({"max_price": {"prompt": amount}}) == {"max_price": {"prompt": text}}


@pytest.mark.parametrize(
    ("preferences", "argument", "words"),
    [
        ({"data_colection": "deny"}, "provider.data_colection", "Did you mean 'data_collection'?"),
        ({"Only": ["x"]}, "provider.Only", "Did you mean 'only'?"),
        ({"zzzzzz": 1}, "provider.zzzzzz", "Known are: allow_fallbacks"),
        ({"data_collection": "denied"}, "provider.data_collection", "Did you mean 'deny'?"),
        ({"data_collection": True}, "provider.data_collection", "one of deny, allow"),
        ({"zdr": "yes"}, "provider.zdr", "True or False"),
        ({"zdr": 1}, "provider.zdr", "True or False"),
        ({"order": "openai"}, "provider.order", "must be a list"),
        ({"only": ["openai", 3]}, "provider.only[1]", "must be text"),
        ({"only": [""]}, "provider.only[0]", "must not be empty"),
        ({"sort": 5}, "provider.sort", "one of price"),
        ({"sort": "prise"}, "provider.sort", "Did you mean 'price'?"),
        ({"sort": {"by": "prise"}}, "provider.sort.by", "Did you mean 'price'?"),
        ({"sort": {"partition": "all"}}, "provider.sort.partition", "model"),
        ({"sort": {"on": "price"}}, "provider.sort.on", "unknown"),
        ({"quantizations": ["fp9"]}, "provider.quantizations[0]", "unknown"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt", "at least 0"),
        ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt", "no decimal number"),
        ({"max_price": {"prompt": float("nan")}}, "provider.max_price.prompt", "finite"),
        ({"max_price": {"prompt": True}}, "provider.max_price.prompt", "a number or"),
        ({"max_price": {"promt": 1}}, "provider.max_price.promt", "Did you mean 'prompt'?"),
        ({"max_price": 1}, "provider.max_price", "must be a mapping"),
        ({"preferred_max_latency": "fast"}, "provider.preferred_max_latency", "a number"),
        ({"preferred_max_latency": {"p95": 1}}, "provider.preferred_max_latency.p95", "unknown"),
        ({"preferred_min_throughput": -1}, "provider.preferred_min_throughput", "at least 0"),
        ({"options": {"openai": 1}}, "provider.options.openai", "must be a mapping"),
        ({"options": ["openai"]}, "provider.options", "must be a mapping"),
    ],
    ids=str,
)
def test_bad_preferences_are_named(preferences, argument, words):
    """A privacy setting must never be lost to a typing error."""
    with pytest.raises(ConfigurationError) as caught:
        checked_provider(preferences)

    assert caught.value.argument == argument
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["ignore", "only", "order", "quantizations", "zdr", "sort"])
def test_null_is_a_value(name):
    """None says «no preference» on the wire."""
    assert checked_provider({name: None}) == {name: None}
