"""Replies of the contract are read without loss; broken ones end in a named error, or are right."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from drawing import TEXTS, drawn, reply_shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation import mutated

from openrouter_embeddings import (
    BadRequestResponseError,
    EmbeddingsResponse,
    OpenRouterError,
)
from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.lessons import Lessons
from openrouter_embeddings._request.models import ModelsPage, read_models
from openrouter_embeddings._request.operations import EmbedOperation
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.inputs import embedding_request

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SAVED = Path(__file__).resolve().parent / "replies"
REPLIES = {path.name: path.read_bytes() for path in sorted(SAVED.iterdir())}
MUTATIONS, BLOCK = 10_000, 500
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def read_embeddings(body, status=200, count=3):
    request = embedding_request(input=[f"text {n}" for n in range(count)], model="test/embedding")
    operation = EmbedOperation.of(request, Lessons(lambda: 0.0))
    return operation.read(Reply(status, {"content-type": "application/json"}, body, NOW))


def dumped(value):
    return json.dumps(value, ensure_ascii=False).encode()


envelopes = drawn(reply_shape("POST /embeddings"), unknown=True).filter(
    lambda body: (
        isinstance(body, dict) and not body.get("error") and body.get("success") is not False
    )
)
widths = st.integers(1, 5)
floats = st.floats(-(2.0**99), 2.0**99, width=32).filter(lambda number: number != 0)
# As base64 they must look like a model's; eighths have no lower half that could look like another.
eighths = st.integers(-128, 128).filter(bool).map(lambda number: number / 8)


@MANY
@given(envelopes, st.data())
def test_valid_replies_are_read_without_loss(counted, envelope, data):
    """Unknown fields, unknown values and nulls included."""
    count, width = data.draw(st.integers(1, 4)), data.draw(widths)
    as_text = data.draw(st.booleans())
    vector = st.lists(eighths if as_text else floats, min_size=width, max_size=width)
    vectors = data.draw(st.lists(vector, min_size=count, max_size=count, unique_by=tuple))
    order = data.draw(st.permutations(range(count)))
    items = [{"index": row, "embedding": wire(vectors[row], as_text)} for row in order]
    envelope = {**envelope, "data": items}

    value = read_embeddings(dumped(envelope), count=count)

    counted("valid replies read")
    assert isinstance(value, EmbeddingsResponse), value
    assert np.array_equal(value.vectors, np.array(vectors, np.float32))
    for name in ("model", "provider", "id"):
        assert getattr(value, name) == lenient.text(envelope.get(name))
    usage = envelope.get("usage") or {}
    assert value.usage.cost == plausible(usage.get("cost"), 1e4)
    assert value.usage.prompt_tokens == plausible(usage.get("prompt_tokens"), 1e9)
    unknown = {name for name in envelope if name.startswith("x-")}
    assert unknown <= set(value.extra)
    assert all(value.extra[name] == envelope[name] for name in unknown)


def plausible(number, most):
    """Leave out what nobody can have counted or charged."""
    return number if number is not None and 0 <= number <= most else None


def wire(vector, as_text):
    array = np.array(vector, np.float32)
    return base64.b64encode(array.tobytes()).decode() if as_text else [float(x) for x in array]


@MANY
@given(
    st.lists(drawn(reply_shape("GET /embeddings/models").fields["data"].shape.items, unknown=True))
)
def test_valid_listings_are_read_without_loss(counted, listed):
    """One odd model does not lose the others."""
    value = read_models(Reply(200, {}, dumped({"data": listed}), NOW))

    counted("valid listings read")
    assert isinstance(value, ModelsPage), value
    kept = [model.raw for model in value.models] + [model.raw for model in value.unread]
    assert sorted(map(repr, kept)) == sorted(map(repr, listed))
    assert all(not model.raw["id"] for model in value.unread), value.unread


@MANY
@given(
    drawn(reply_shape("POST /embeddings", "400"), unknown=True), st.sampled_from([400, 429, 502])
)
def test_valid_errors_become_named_errors(counted, body, status):
    """Whatever they carry, and even where nothing says why."""
    value = read_embeddings(dumped(body), status)

    counted("valid errors read")
    assert isinstance(value, OpenRouterError)
    assert str(value)


def expected(body):
    """Read a reply as the contract of vectors has it, independently of the client.

    Returns:
        The vectors in the order of the inputs, or None where they cannot be trusted.
    """
    items = json.loads(body)["data"]
    if len(items) != 3:
        return None
    indexes = [item.get("index") for item in items]
    if all(index is None for index in indexes) or all(index == 0 for index in indexes):
        rows = [0, 1, 2]
    elif None not in indexes:
        rows = indexes
    else:
        rows = completed(indexes)
    if rows is None or sorted(map(str, rows)) != ["0", "1", "2"]:
        return None
    vectors = {row: values_of(item["embedding"]) for row, item in zip(rows, items, strict=True)}
    matrix = np.stack([vectors[row] for row in range(3)])
    return matrix if np.isfinite(matrix).all() and matrix.any(axis=1).all() else None


def completed(indexes):
    """Fill absent indexes in where there is one way to do it."""
    missing = [row for row in range(3) if row not in indexes]
    if indexes.count(None) == len(missing) == 1:
        return [missing[0] if index is None else index for index in indexes]
    fits = all(index in {None, place} for place, index in enumerate(indexes))
    return [0, 1, 2] if fits else None


def values_of(embedding):
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    with np.errstate(over="ignore"):
        return np.array(embedding, np.float64).astype(np.float32)


KEPT = [
    b'{"data": [], "total_count": 1e400}',
    b'{"data": [], "total_count": NaN}',
    b'{"data": [{"id": "a", "context_length": -1e400}]}',
]


@pytest.mark.parametrize("body", KEPT)
def test_listings_that_once_broke_the_reader(body):
    """Found by mutation, kept as they were."""
    assert isinstance(read_models(Reply(200, {}, body, NOW)), ModelsPage)


DEEP = "[" * 100_000
NESTED = [
    {"error": {"code": 400, "message": DEEP}},
    {"error": {"code": 400, "message": "no", "metadata": {"raw": DEEP}}},
    {"error": {"code": 400, "message": "no", "metadata": {"raw": "[" * 900 + "]" * 900}}},
]


@pytest.mark.parametrize("body", NESTED, ids=["message", "raw", "raw that can be parsed"])
def test_errors_that_once_broke_the_reader(body):
    """Nesting without end, found by mutation."""
    assert isinstance(read_embeddings(dumped(body), 400), BadRequestResponseError)


def test_a_cost_that_is_no_number_counts_for_nothing():
    """One NaN would make the sum of a whole run NaN, and its bound useless."""
    payload = json.loads(REPLIES["200_three_floats.json"])
    payload["usage"]["cost"] = float("nan")

    assert read_embeddings(dumped(payload)).usage.cost is None


@pytest.mark.parametrize("block", range(MUTATIONS // BLOCK))
def test_broken_replies_end_in_named_errors_or_right_vectors(block, counted):
    """Never in a bare exception, never in a wrong vector."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        draw = random.Random(seed)
        name = draw.choice(list(REPLIES))
        body = mutated(REPLIES[name], draw)
        status = int(name[:3]) if draw.random() < 0.8 else draw.choice([200, 400, 503])
        if "models" in name:
            value = read_models(Reply(status, {}, body, NOW))
            assert isinstance(value, ModelsPage | OpenRouterError), seed
            counted("mutated listings")
            continue
        value = read_embeddings(body, status)
        if isinstance(value, EmbeddingsResponse):
            assert np.array_equal(value.vectors, expected(body)), seed
            counted("mutated replies with right vectors")
        else:
            assert isinstance(value, OpenRouterError), seed
            assert str(value), seed
            counted("mutated replies with named errors")


@given(TEXTS)
def test_texts_that_are_no_json_are_named(text):
    """A success must be JSON."""
    assert isinstance(read_embeddings(text.encode()), OpenRouterError)
