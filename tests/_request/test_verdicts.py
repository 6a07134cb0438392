"""Every judgement over errors, in one table: an error a line, with all that is true of it."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from operator import ne

import pytest
from service_refusals import ROWS

from openrouter_embeddings import errors
from openrouter_embeddings._request import verdicts
from openrouter_embeddings._request.refusals import take_payload
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings._request.verdicts.table import TABLE as MEANINGS
from openrouter_embeddings._request.verdicts.words import WORDS
from openrouter_embeddings.errors import (
    BadGatewayResponseError,
    BadRequestResponseError,
    ConfigurationError,
    DeadlineExceededError,
    ForbiddenResponseError,
    InternalServerResponseError,
    JobStoppedError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterDefaultError,
    PartialFailureError,
    PayloadTooLargeResponseError,
    PaymentRequiredResponseError,
    ResponseError,
    ResponseValidationError,
    TooManyRequestsResponseError,
    UnauthorizedResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

PASSES = {"is_transient", "may_pass"}
SLOW = {"is_throttling", "timed_out", "ran_out_of_time"}
IN_FLIGHT = {"limit_source": "openrouter_in_flight_budget"}
DAILY = {"limit_source": "openrouter_free_tier_daily"}
NO_PROVIDER = "No successful provider responses."

TABLE = [
    (NoResponseError("reset"), PASSES),
    (NoResponseError("reset", sent=True, begun=True), PASSES | {"may_have_cost"}),
    (NoResponseError("slow", timed_out=True), PASSES | SLOW),
    (
        NoResponseError("slow", sent=True, timed_out=True),
        PASSES | SLOW | {"may_have_cost"},
    ),
    (
        NoResponseError("dripped", sent=True, begun=True, timed_out=True),
        PASSES - {"may_pass"} | SLOW | {"may_have_cost", "would_drip"},
    ),
    (DeadlineExceededError("over"), PASSES | SLOW),
    (ResponseValidationError("no JSON"), PASSES | {"may_have_cost"}),
    (
        ResponseValidationError("a page", body="<!DOCTYPE html>"),
        {"may_have_cost", "is_misdirected"},
    ),
    (NoResponseError("certificate", obstacle="certificate"), {"is_fatal"}),
    (NoResponseError("login", obstacle="proxy"), {"is_fatal"}),
    (NoResponseError("nowhere", obstacle="name"), {"is_fatal"}),
    (
        NotFoundResponseError("404: Not Found", status_code=404, http_status=404),
        {"is_fatal", "is_misdirected"},
    ),
    (OpenRouterDefaultError("405: no", status_code=405), {"is_fatal", "is_misdirected"}),
    (OpenRouterDefaultError("407: no", status_code=407), {"is_fatal"}),
    (VectorError("NaN", vectors=3), PASSES | {"may_have_cost"}),
    (
        VectorError("none", vectors=0),
        PASSES | {"may_have_cost", "refuses_base64"},
    ),
    (
        VectorError("float64", undecodable=True),
        PASSES | {"may_have_cost", "refuses_base64"},
    ),
    (VectorError("one", vectors=1), PASSES | {"may_have_cost", "is_aggregated"}),
    (ConfigurationError("wrong"), {"is_fatal"}),
    (PartialFailureError("1 of 3"), set()),
    (JobStoppedError("no credits"), set()),
    (UnauthorizedResponseError("key", status_code=401), {"is_fatal"}),
    (PaymentRequiredResponseError("credits", status_code=402), {"is_fatal"}),
    (
        ResponseError("reserved", status_code=402, metadata=IN_FLIGHT),
        PASSES | {"is_throttling", "is_pushback"},
    ),
    (
        DeadlineExceededError("over", last_error=TooManyRequestsResponseError("", status_code=429)),
        PASSES | SLOW | {"is_pushback"},
    ),
    (DeadlineExceededError("over", last_error=NoResponseError("reset")), PASSES | SLOW),
    (
        ResponseError("gave up waiting", status_code=408),
        PASSES | {"is_throttling", "may_have_cost", "ran_out_of_time"},
    ),
    (
        ForbiddenResponseError("limit of the key", status_code=403),
        {"is_fatal", "blames_content"},
    ),
    (
        ForbiddenResponseError("firewall", status_code=403, body="<html><title>Blocked</title>"),
        {"may_be_settings", "is_divisible", "blames_content"},
    ),
    (
        ForbiddenResponseError("flagged", status_code=403, metadata={"reasons": ["spam"]}),
        {"is_divisible", "blames_content"},
    ),
    (NotFoundResponseError("no such route", status_code=404, http_status=404), {"is_fatal"}),
    (
        NotFoundResponseError(NO_PROVIDER, status_code=404, http_status=200),
        PASSES | {"is_lost_inside", "refuses_base64"},
    ),
    (
        BadRequestResponseError("odd", status_code=400),
        {"may_be_settings", "is_divisible", "blames_content"},
    ),
    (
        BadRequestResponseError("x is not a valid model ID", status_code=400),
        {"is_fatal", "blames_content"},
    ),
    (
        BadRequestResponseError("no", status_code=400, body="Unsupported: encoding_format"),
        {"may_be_settings", "is_divisible", "blames_content", "refuses_base64"},
    ),
    (
        BadRequestResponseError("maximum context length is 8192 tokens", status_code=400),
        {"is_divisible", "blames_content", "is_too_long"},
    ),
    (
        BadRequestResponseError("no", status_code=400, metadata={"error_type": "string_too_long"}),
        {"is_divisible", "blames_content", "is_too_long"},
    ),
    (
        PayloadTooLargeResponseError("large", status_code=413),
        {"is_divisible", "is_too_long"},
    ),
    (
        UnprocessableEntityResponseError("many", status_code=422),
        {"may_be_settings", "is_divisible"},
    ),
    (
        UnprocessableEntityResponseError("input[0] is too long", status_code=422),
        {"is_divisible", "is_too_long"},
    ),
    (
        TooManyRequestsResponseError("slow down", status_code=429),
        PASSES | {"is_throttling", "is_pushback"},
    ),
    (
        TooManyRequestsResponseError("tomorrow", status_code=429, metadata=DAILY),
        {"is_fatal"},
    ),
    (InternalServerResponseError("oops", status_code=500), PASSES),
    (
        InternalServerResponseError("input is too large to process", status_code=500),
        {"is_divisible", "is_too_long"},
    ),
    (BadGatewayResponseError("at most 10 inputs", status_code=502), {"is_divisible"}),
    (
        TooManyRequestsResponseError("1000 requests per day", status_code=429),
        {"is_fatal"},
    ),
    (
        TooManyRequestsResponseError("200 requests per day", status_code=429, retry_after=9.0),
        PASSES | {"is_throttling", "is_pushback"},
    ),
    (
        PaymentRequiredResponseError("reserved", status_code=402, metadata=IN_FLIGHT),
        PASSES | {"is_throttling", "is_pushback"},
    ),
    (
        BadRequestResponseError("Request rate is too large", status_code=400),
        {"may_be_settings", "is_divisible", "blames_content"},
    ),
    (OpenRouterDefaultError("unknown", status_code=520), PASSES),
    (
        OpenRouterDefaultError("overloaded", status_code=529),
        PASSES | {"is_throttling", "is_pushback"},
    ),
    (
        OpenRouterDefaultError("slow", status_code=524),
        PASSES | {"may_have_cost", "ran_out_of_time"},
    ),
    (
        ResponseError("base64 is not supported", status_code=501),
        {"refuses_base64"},
    ),
    (
        OpenRouterDefaultError("teapot", status_code=418),
        {"may_be_settings", "is_divisible", "is_unexplained"},
    ),
    (OpenRouterDefaultError("moved", status_code=307), set()),
]
JUDGEMENTS = {
    name: judge
    for name, judge in inspect.getmembers(verdicts, inspect.isfunction)
    if judge.__module__ == verdicts.__name__
    and name not in {"wait_named", "named_limit", "named_argument", "words_of", "status_to_tell"}
    and name[0] != "_"
}


@pytest.mark.parametrize(
    ("error", "true"), TABLE, ids=[f"{type(e).__name__}: {e.message}" for e, _ in TABLE]
)
def test_what_an_error_means(error, true):
    """All that follows from it, and nothing else does."""
    assert {name for name, judge in JUDGEMENTS.items() if judge(error)} == true


def test_every_judgement_is_true_of_something_and_false_of_something():
    """A judgement that is added belongs into the table."""
    for name in JUDGEMENTS:
        assert {name in true for _, true in TABLE} == {True, False}, name


def test_the_table_has_every_family_of_errors():
    """Those that a status makes stand for each other; each other class has a line."""
    families = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.OpenRouterError)
        and not issubclass(kind, ResponseError | ConfigurationError)
    }
    tested = {kind.__name__ for error, _ in TABLE for kind in type(error).__mro__}

    assert families - tested == set()


NOW = datetime(2026, 11, 26, tzinfo=UTC)
KNOWN = [error for error, _ in TABLE] + [
    take_payload(Reply(status, {}, body.encode(), NOW)) for _, status, body, _ in ROWS
]
"""The errors of the table above, and those of services."""


def judge_all(error):
    judges = [*JUDGEMENTS.values(), verdicts.named_limit, verdicts.named_argument]
    return [judge(error) for judge in judges]


@pytest.mark.parametrize("place", range(len(MEANINGS)))
def test_every_row_decides_something(place, monkeypatch):
    """Without it some error would be judged otherwise."""
    row = MEANINGS[place]
    concerned = [
        error
        for error in KNOWN
        if isinstance(error, row.kinds)
        and (not row.statuses or getattr(error, "status_code", None) in row.statuses)
    ]
    right = map(judge_all, concerned)
    others = MEANINGS[:place] + MEANINGS[place + 1 :]

    def judge_without(error):
        with monkeypatch.context() as patch:
            patch.setattr(verdicts, "TABLE", others)
            return judge_all(error)

    assert any(map(ne, right, map(judge_without, concerned)))


@pytest.mark.parametrize("word", WORDS, ids=lambda word: f"{word.about}: {word.source}")
def test_every_word_is_said_by_somebody(word):
    """And says who."""
    texts = [text for error in KNOWN for text in (error.message, getattr(error, "body", ""))]
    pattern = re.compile(word.pattern, re.IGNORECASE)

    assert word.source
    assert any(map(pattern.search, texts))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ResponseError("x", status_code=429, retry_after=0.0), 0.0),
        (ResponseError("x", status_code=503, retry_after=7.0), 7.0),
        (ResponseError("x", status_code=429), None),
        (NoResponseError("x"), None),
    ],
)
def test_only_a_service_names_a_wait(error, seconds):
    """Zero is a wait as well."""
    assert verdicts.wait_named(error) == seconds
