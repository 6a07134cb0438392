"""What holds for each request: what a call says otherwise, and who is told of events."""

from __future__ import annotations

import pytest

from openrouter_embeddings import ConfigurationError, RetryConfig
from openrouter_embeddings._request.settings import Settings


def test_a_listener_that_fails_loses_nothing(server, connect, caplog):
    """A reply that was paid for comes back, and the log says what happened."""

    def broken(_event):
        message = "the listener is broken"
        raise RuntimeError(message)

    response = connect(on_event=broken).generate("a")

    assert len(response) == 1
    assert "the listener failed on AttemptFinished" in caplog.text


SETTINGS = Settings(
    "https://example.com/v1", 60.0, None, RetryConfig(), clock=lambda: 0.0, draw=lambda: 0.5
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((..., ..., ...), (60.0, None, RetryConfig())),
        ((5, ..., ...), (5.0, None, RetryConfig())),
        ((None, 7.5, ...), (None, 7.5, RetryConfig())),
        ((..., ..., None), (60.0, None, None)),
        ((..., None, RetryConfig(attempts=2)), (60.0, None, RetryConfig(attempts=2))),
    ],
)
def test_a_call_says_otherwise_with_anything_but_the_ellipsis(said, expected):
    """None is a word of its own: no bound, or a single attempt."""
    changed = SETTINGS.override(*said)

    assert (changed.timeout, changed.deadline, changed.retries) == expected
    assert changed.clock is SETTINGS.clock


@pytest.mark.parametrize(
    ("said", "argument"),
    [((0, ..., ...), "timeout"), ((..., -1, ...), "deadline"), ((..., ..., 3), "retries")],
)
def test_what_cannot_be_used_is_named(said, argument):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        SETTINGS.override(*said)

    assert caught.value.argument == argument
