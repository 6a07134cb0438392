"""Bounds of a bulk run: whole numbers that the system takes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, InvalidTypeError, Limits

NAMES = ("max_batch", "max_bytes", "max_tokens", "max_in_flight", "window")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None, True, 10**13, 10**400])
def test_a_bound_that_nothing_fits_into_is_named(name, value):
    """Nor is one so large that sums of it are no numbers of the system."""
    with pytest.raises(ConfigurationError) as caught:
        Limits(**{name: value})

    assert caught.value.argument == f"Limits.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_numpy_become_plain(name):
    """They are written into manifests."""
    assert type(getattr(Limits(**{name: np.int64(5)}), name)) is int


RATES = ["requests_per_minute", "tokens_per_minute"]


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [0, 0.5, -1, math.nan, math.inf])
def test_a_rate_that_nothing_fits_into_is_refused(name, value):
    """Nor one that is no bound; the error names the argument."""
    with pytest.raises(ConfigurationError) as caught:
        Limits(**{name: value})

    assert caught.value.argument == f"Limits.{name}"


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", ["60", True, [60]])
def test_a_rate_is_a_number(name, value):
    """A text of digits is none."""
    with pytest.raises(InvalidTypeError, match=rf"Limits\.{name} must be a number"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", RATES)
def test_a_rate_may_be_any_number_from_one_on(name):
    """And without one there is no bound."""
    assert getattr(Limits(**{name: 1}), name) == 1
    assert getattr(Limits(**{name: 1.5}), name) == 1.5
    assert getattr(Limits(), name) is None


def test_a_batch_has_a_quarter_of_the_tokens_of_a_minute_at_the_most():
    """A token may be a byte where four were estimated; `max_tokens` bounds it still."""
    assert Limits().batch_tokens == 100_000
    assert Limits(tokens_per_minute=40_000).batch_tokens == 10_000
    assert Limits(tokens_per_minute=1e9).batch_tokens == 100_000
    assert Limits(max_tokens=500, tokens_per_minute=40_000).batch_tokens == 500
