"""Bounds of a bulk run: whole numbers that the system takes."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, Limits

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
