"""What a response is beside its vectors; prices and dates as they are read; short reprs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from openrouter_embeddings import (
    EmbeddedBatch,
    Embedding,
    EmbeddingsResponse,
    MissingExtraError,
    RunStats,
)
from openrouter_embeddings.cache import Hits
from openrouter_embeddings.values import moment, price

WIDE = np.full((2, 1536), 0.123, np.float32)
MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (EmbeddingsResponse(WIDE), "shape (2, 1536)"),
        (EmbeddedBatch(WIDE), "shape (2, 1536)"),
        (Embedding(0, WIDE[0]), "shape (1536,)"),
        (Hits(0, WIDE), "shape (2, 1536)"),
        (Embedding(0, "MATRIX0123"), "10 characters"),
    ],
    ids=["response", "batch", "vector", "hits", "base64"],
)
def test_results_show_shapes_and_never_numbers(value, shape):
    """Vectors in a log are of use to nobody, and can be turned back into texts."""
    shown = repr(value)

    assert shape in shown
    assert "0.123" not in shown
    assert "MATRIX" not in shown


@pytest.fixture(params=[EmbeddingsResponse, EmbeddedBatch], ids=lambda kind: kind.__name__)
def response(request):
    return request.param(vectors=MATRIX, model="m")


def test_it_is_a_sequence_of_vectors(response):
    """With a length, positions, slices and an order."""
    assert len(response) == 2
    assert response.dimensions == 3
    assert response[1].tolist() == [3.0, 4.0, 5.0]
    assert response[:1].shape == (1, 3)
    assert [vector.tolist() for vector in response] == MATRIX.tolist()


def test_numpy_takes_it_for_its_matrix(response):
    """Without a copy where none is needed."""
    assert np.shares_memory(np.asarray(response), MATRIX)
    assert not np.shares_memory(np.array(response, copy=True), MATRIX)
    assert np.asarray(response, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="without a copy"):
        np.array(response, dtype=np.float64, copy=False)


def test_arrow_takes_it_for_a_column(response):
    """By method and by protocol, FixedSizeList of float32."""
    kind = pa.list_(pa.float32(), 3)

    assert response.to_arrow().type == kind
    assert pa.array(response).type == kind
    assert pa.array(response).to_pylist() == MATRIX.tolist()


def test_pandas_gets_a_row_for_each_vector(response):
    """Rows are inputs, columns are dimensions."""
    assert response.to_pandas().to_numpy().tolist() == MATRIX.tolist()


def test_polars_gets_a_row_for_each_vector(response):
    """As arrays of one width, which stays where there are no rows."""
    series = response.to_polars()

    assert series.dtype == pl.Array(pl.Float32, 3)
    assert series.to_list() == MATRIX.tolist()
    assert EmbeddedBatch(MATRIX[:0]).to_polars().dtype == series.dtype
    assert EmbeddedBatch(np.empty((2, 0), np.float32)).to_polars().to_list() == [[], []]


def test_lists_hold_pythons_own_numbers(response):
    """A numpy number is no float to whoever asks for its type, JSON among them."""
    assert response.to_list() == MATRIX.tolist()
    assert {type(number) for row in response.to_list() for number in row} == {float}
    assert EmbeddedBatch(MATRIX[:0]).to_list() == []


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_what_is_missing_is_named(response, monkeypatch, package):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingExtraError, match=f"pip install {package}"):
        getattr(response, f"to_{package}")()


def test_the_repr_is_short(response):
    """Fifteen hundred numbers have no place in it."""
    assert "shape (" in repr(response)
    assert "model='m'" in repr(response)


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


@pytest.mark.parametrize(
    "value", [10**400, 1e400, "9" * 5000, "1e999999", "9999-12-31T23:59:59-23"]
)
def test_numbers_of_no_date_and_no_price_are_unknown(value):
    """They end in no exception, and lose no other entry."""
    assert moment(value) is None
    assert price(value) is None or isinstance(value, str)
    assert price("1e999999") is price(10**400) is None


@pytest.mark.parametrize(
    ("cost", "possible", "shown"),
    [(0.0, 0.0, 0.0), (0.5, None, 0.5), (0.5, 1.0, 0.5), (0.0, None, None), (0.0, 1.0, None)],
)
def test_a_cost_of_which_nothing_is_known_is_not_zero(cost, possible, shown):
    """A run that was charged, maybe, and told nothing has no known cost."""
    stats = RunStats(cost=cost, possible_cost=possible, wasted_cost=0.25)
    usage = EmbeddedBatch(np.empty((0, 2), np.float32), stats=stats).usage

    assert (usage.cost, usage.possible_cost, usage.wasted_cost) == (shown, possible, 0.25)
