"""What follows from refusals as services write them: about 150, of 28 services."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from service_refusals import AGAIN, DIVIDED, END, LONG, NUMBERS, ROWS, TURN

from openrouter_embeddings._request import verdicts
from openrouter_embeddings._request.refusals import take_payload
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import OpenRouterError

NOW = datetime(2026, 11, 26, tzinfo=UTC)


ASKED = [
    (verdicts.is_fatal, END),
    (verdicts.is_pushback, TURN),
    (verdicts.refuses_base64, NUMBERS),
    (verdicts.named_limit, None),
    (verdicts.is_too_long, LONG),
    (verdicts.may_pass, AGAIN),
    (verdicts.named_argument, None),
    (verdicts.is_divisible, DIVIDED),
]
"""The judgements in the order in which a run asks them; where one names something, that is it."""


def follows(error):
    """Say what becomes of a request that meets an error."""
    said = ((judge(error), outcome) for judge, outcome in ASKED)
    return next((outcome or found for found, outcome in said if found), None)


def read(status, body):
    error = take_payload(Reply(status, {}, body.encode(), NOW))
    assert isinstance(error, OpenRouterError)
    return error


@pytest.mark.parametrize(
    ("service", "status", "body", "expected"),
    ROWS,
    ids=[f"{service} {status} {number}" for number, (service, status, *_) in enumerate(ROWS)],
)
def test_what_follows_from_a_refusal(service, status, body, expected):
    """Whoever says it, and in whatever words."""
    error = read(status, body)

    assert follows(error) == expected, f"{service}: {error}"
    # What may be sent again as it is does not end the run, and is not divided before that.
    assert not (verdicts.is_transient(error) and verdicts.is_fatal(error))
    assert not (verdicts.is_transient(error) and verdicts.is_divisible(error))
    if isinstance(expected, int) or expected == LONG:
        assert verdicts.is_divisible(error)


def test_the_table_is_large_enough():
    """Many services, and each of the outcomes more than once."""
    assert len(ROWS) >= 120
    assert len({service for service, *_ in ROWS}) >= 20
    outcomes = [row[-1] for row in ROWS]
    assert all(outcomes.count(each) >= 3 for each in (TURN, AGAIN, LONG, DIVIDED, NUMBERS, END))


@pytest.mark.parametrize(
    ("body", "word"),
    [(row[2], row[3]) for row in ROWS if row[3] in {"input_type", "dimensions"}],
)
def test_a_hint_names_the_argument(body, word):
    """So that the caller finds what to change."""
    assert f"{word}=" in read(400, body).hint
