"""The course that the test kit's server was told to take, and the rate at which it admits."""

from __future__ import annotations

import pytest

from openrouter_embeddings.testing import faults
from openrouter_embeddings.testing._script import Bucket, Script


def test_a_script_comes_before_what_is_always_and_that_before_chaos():
    """What was named most closely wins."""
    script = Script()
    script.shares = [(faults.nan(), 1.0)]
    assert script.next_for_embeddings() == faults.nan()

    script.always = faults.status(503)
    script.embeddings.append(faults.status(402))

    assert script.next_for_embeddings() == faults.status(402)
    assert script.next_for_embeddings() == faults.status(503)
    assert script.next_for_models() == faults.ok()


@pytest.mark.parametrize(
    ("rate", "seconds", "admitted"),
    [
        (None, 0.0, [True] * 4),
        (2.0, 0.0, [True, True, False, False]),
        (2.0, 0.5, [True, True, True, True]),
        (2.0, 0.25, [True, True, True, False]),
    ],
)
def test_a_bucket_admits_at_its_rate(rate, seconds, admitted):
    """A burst at once, then as many as have flowed in since."""
    times = (seconds * number for number in range(-1, 4))
    bucket = Bucket(rate, 2.0, lambda: next(times))

    assert [bucket.admits() for _ in range(4)] == admitted
