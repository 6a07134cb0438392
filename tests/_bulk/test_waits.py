"""Every way to say "later", obeyed by a bulk run on a virtual clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
from run_simulation import simulate, vector
from ways_to_say_later import WAYS, refusal

from openrouter_embeddings.errors import TooManyRequestsResponseError
from openrouter_embeddings.values import EmbeddingsResponse

TEXTS = [f"input {number}" for number in range(400)]
DEADLINES = [2.0, 60.0]


class Refusing:
    """Says "later" in one way, always or for the first requests."""

    def __init__(self, name, most=math.inf):
        self.name, self.most = name, most
        self.asked_at = []

    def answer(self, texts, now):
        self.asked_at.append(now)
        if len(self.asked_at) <= self.most:
            return refusal(self.name)
        return EmbeddingsResponse(np.stack([vector(text) for text in texts]), provider="x")


def failures(batches):
    return [failure for batch in batches for failure in batch.failures]


@pytest.mark.parametrize("deadline", DEADLINES)
@pytest.mark.parametrize("name", WAYS)
def test_no_wait_of_a_run_is_begun_that_its_deadline_has_no_room_for(name, deadline):
    """It ends before its deadline with the service's own error and hint, for all inputs alike."""
    service = Refusing(name)

    batches, took = simulate(service, TEXTS, deadline=deadline)

    stopped = batches[-1].stopped
    assert type(stopped) is TooManyRequestsResponseError
    assert stopped.retry_after == WAYS[name][1]
    assert stopped.hint.count("Gave up after") == 1
    assert took < deadline
    assert len(failures(batches)) == 400
    assert stopped in {failure.error for failure in failures(batches)}
    assert {type(failure.error) for failure in failures(batches)} == {type(stopped)}
    if (WAYS[name][1] or 0.0) >= deadline:
        assert took < 0.1
        assert len(service.asked_at) <= 4


@pytest.mark.parametrize("deadline", DEADLINES)
@pytest.mark.parametrize("name", WAYS)
def test_a_wait_that_fits_is_waited_for_and_nothing_is_lost(name, deadline):
    """One refusal among requests that are admitted holds the run for as long as it says."""
    service = Refusing(name, most=1)
    named = WAYS[name][1]

    batches, took = simulate(service, TEXTS, deadline=deadline)

    if named is not None and named >= deadline:
        assert batches[-1].stopped.retry_after == named
        assert took < 1.0
        return
    assert failures(batches) == []
    assert batches[-1].stopped is None
    assert sum(len(batch) for batch in batches) == 400
    if named:
        held = [at for at in service.asked_at if 0.03 < at < named]
        assert held == []
