"""When failures in a row are the end of a run."""

from __future__ import annotations

import pytest

from openrouter_embeddings._bulk.evidence import Evidence
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    NoResponseError,
    ServiceUnavailableResponseError,
    VectorError,
)

DOWN = ServiceUnavailableResponseError("down", status_code=503)
BAD = BadRequestResponseError("bad", status_code=400)


def count_until_hopeless(evidence, errors):
    return next(n for n, error in enumerate(errors, 1) if evidence.is_hopeless(error))


@pytest.mark.parametrize(
    ("error", "answered", "count"),
    [
        (DOWN, False, 3),
        (DOWN, True, 3),
        (NoResponseError("reset"), False, 3),
        (BAD, False, 32),
        (BAD, True, 32 + 4 * 10),
        (VectorError("nan"), False, 32),
        (VectorError("nan"), True, 32 + 4 * 10),
    ],
)
def test_so_many_in_a_row_end_the_run(error, answered, count):
    """Few where the service is away, more where inputs may be odd, most once others were fine."""
    evidence = Evidence(10)
    if answered:
        evidence.on_answer()

    assert count_until_hopeless(evidence, [error] * 100) == count


def test_an_answer_ends_the_row():
    """What counts are failures that follow each other."""
    evidence = Evidence(10)
    for _ in range(100):
        assert not evidence.is_hopeless(DOWN)
        assert not evidence.is_hopeless(DOWN)
        assert not evidence.is_hopeless(BAD)
        evidence.on_answer()


def test_a_refusal_with_a_cure_ends_the_row_of_refusals_alone():
    """A text that is cut says nothing of whether the service is there."""
    evidence = Evidence(10)
    for _ in range(100):
        assert not evidence.is_hopeless(BAD)
        evidence.on_cure()

    assert count_until_hopeless(evidence, [DOWN, DOWN, BAD, DOWN]) == 4
    evidence.on_cure()
    assert evidence.is_hopeless(DOWN)
