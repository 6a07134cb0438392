"""Replies in the service's shape, errors in its envelope."""

from __future__ import annotations

import json

import numpy as np
import pybase64
import pytest

from openrouter_embeddings import errors
from openrouter_embeddings.proxy._access import RefusalError
from openrouter_embeddings.proxy._envelope import Part, write_error, write_reply
from openrouter_embeddings.proxy._sharing import Load, join, take_apart
from openrouter_embeddings.values import EmbeddedBatch, Failure, RunStats

VECTORS = np.array([[0.1, -1e-30, 3.4e38], [1.0, 2.0, 16777217.0]], np.float32)


def read(answer):
    return json.loads(answer.body)


def test_numbers_come_back_bit_for_bit():
    """Nine digits tell every float32 apart."""
    rng = np.random.default_rng(1)
    vectors = np.vstack([VECTORS, rng.standard_normal((200, 3)).astype(np.float32)])
    data = read(write_reply(Part(vectors), "m", "float"))["data"]

    assert [item["index"] for item in data] == list(range(len(vectors)))
    assert np.array_equal(np.array([i["embedding"] for i in data], np.float32), vectors)


def test_base64_comes_back_bit_for_bit():
    """Little-endian float32, as the service has it."""
    data = read(write_reply(Part(VECTORS), "m", "base64"))["data"]
    rows = [np.frombuffer(pybase64.b64decode(item["embedding"]), "<f4") for item in data]

    assert np.array_equal(np.array(rows), VECTORS)


def test_usage_is_said_as_far_as_it_is_known():
    """Unknown is not zero."""
    assert read(write_reply(Part(VECTORS, "p/m", "P", 3, 0.5), "m", "float")) | {"data": 0} == {
        "object": "list",
        "data": 0,
        "model": "p/m",
        "provider": "P",
        "usage": {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.5},
    }
    assert (
        "cost" not in read(write_reply(Part(VECTORS, tokens=3, cost=None), "m", "float"))["usage"]
    )
    assert "usage" not in read(write_reply(Part(VECTORS, tokens=None), "m", "float"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.TooManyRequestsResponseError("slow", status_code=429, retry_after=1.2), 429),
        (errors.OpenRouterDefaultError("odd", status_code=302), 502),
        (errors.NotFoundResponseError("none", status_code=404, http_status=200), 404),
        (errors.VectorError("one is missing"), 502),
        (errors.ResponseValidationError("no JSON"), 502),
        (errors.NoResponseError("broke off"), 502),
        (errors.NoResponseError("out of time", timed_out=True), 504),
        (errors.DeadlineExceededError("out of time"), 504),
        (
            errors.DeadlineExceededError(
                "out of time", last_error=errors.TooManyRequestsResponseError(status_code=429)
            ),
            429,
        ),
        (errors.ConfigurationError("input is empty", argument="input"), 400),
        (errors.ConfigurationError("no more money", argument="max_cost"), 402),
        (RefusalError(503, "full", 10.0), 503),
    ],
)
def test_errors_keep_their_status_and_words(error, status):
    """And clients are told not to ask again by themselves."""
    answer = write_error(error)

    assert answer.status == status
    assert read(answer)["error"]["code"] == status
    assert read(answer)["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    wait = getattr(error, "retry_after", None)
    assert answer.headers.get("Retry-After") == {1.2: "2", 10.0: "10"}.get(wait)


def test_what_the_service_adds_goes_along():
    """And what it said of the account does not."""
    error = errors.BadRequestResponseError(
        "odd", status_code=400, metadata={"raw": "\ud800"}, body='{"user_id": "user_1"}'
    )

    assert read(write_error(error))["error"]["metadata"] == {"raw": "\ud800"}
    assert b"user_1" not in write_error(error).body


def test_a_hint_for_the_caller_goes_along():
    """A near name, say."""
    error = errors.ConfigurationError("zdrr is unknown.", argument="zdrr", hint="Did you mean zdr?")

    assert read(write_error(error))["error"]["message"] == "zdrr is unknown. Did you mean zdr?"


def batch_of(failures=(), **stats):
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    return EmbeddedBatch(
        vectors, failures=tuple(failures), providers=("P",), stats=RunStats(**stats)
    )


LOADS = [Load(["a"], [10]), Load(["b", "c"], [10, 20]), Load(["d"], [60])]


def test_each_gets_its_own_rows_and_its_share():
    """Which add up."""
    parts = take_apart(batch_of(prompt_tokens=101, cost=1.0), LOADS)

    assert [part.vectors.tolist() for part in parts] == [[[0, 1]], [[2, 3], [4, 5]], [[6, 7]]]
    assert sum(part.tokens for part in parts) == 101
    assert [round(part.cost, 6) for part in parts] == [0.1, 0.3, 0.6]


def test_a_failure_is_that_of_its_caller_alone():
    """The first of several; the others pay for what they got."""
    first, second = errors.OpenRouterError("first"), errors.OpenRouterError("second")
    failures = [Failure(1, "b", first), Failure(2, "c", second)]
    one, two, three = take_apart(batch_of(failures, prompt_tokens=7, cost=7.0), LOADS)

    assert two is first
    assert one.tokens + three.tokens == 7
    assert abs(one.cost + three.cost - 7.0) < 1e-12


def test_nothing_that_was_not_said_is_shared_out():
    """Neither tokens nor money."""
    (part, *_) = take_apart(batch_of(possible_cost=None), LOADS)

    assert part.tokens is None
    assert part.cost is None


def test_hits_and_new_vectors_stand_in_their_places():
    """Whichever way they came."""
    hits = {0: np.array([1, 1], np.float32), 2: np.array([3, 3], np.float32)}
    new = Part(np.array([[2, 2]], np.float32), tokens=5)

    assert join(3, hits, [1], new).vectors.tolist() == [[1, 1], [2, 2], [3, 3]]
