"""The retry policy, as a table of decisions: no clock, no network."""

from __future__ import annotations

import pytest

from openrouter_embeddings import ConfigurationError, GiveUp, Retry, RetryConfig
from openrouter_embeddings._request.retry import backoff
from openrouter_embeddings._request.verdicts import TRANSIENT_STATUSES
from openrouter_embeddings.errors import (
    NoResponseError,
    ResponseError,
    ResponseValidationError,
    VectorError,
)


def refused(status, **facts):
    return ResponseError("no", status_code=status, **facts)


@pytest.mark.parametrize(
    ("attempt", "random", "delay"),
    [(1, 1.0, 0.5), (2, 1.0, 1.0), (3, 1.0, 2.0), (3, 0.5, 1.0), (3, 0.0, 0.0)],
)
def test_waits_double_and_are_drawn_from_zero(attempt, random, delay):
    """Full jitter spreads clients that failed together."""
    verdict = RetryConfig().judge(refused(503), attempt, 0.0, random)

    assert verdict == Retry(delay)


@pytest.mark.parametrize("attempt", [20, 10_000])
def test_a_wait_never_exceeds_the_maximum(attempt):
    """Even an absurd attempt number neither overflows nor waits longer."""
    assert backoff(attempt, 1.0, initial=0.5, maximum=30.0) == 30.0


def test_the_last_attempt_is_not_followed_by_another():
    """The default is four attempts."""
    assert isinstance(RetryConfig().judge(refused(503), 3, 0.0, 0.5), Retry)
    assert RetryConfig().judge(refused(503), 4, 0.0, 0.5) == GiveUp("4 attempts were made")


@pytest.mark.parametrize("wait", [0.0, 0.25, 90.0])
def test_the_services_own_word_counts(wait):
    """Retry-After is neither cut nor stretched, and zero means now."""
    verdict = RetryConfig().judge(refused(429, retry_after=wait), 1, 0.0, 1.0)

    assert verdict == Retry(wait)


def test_a_wait_that_does_not_fit_into_the_deadline_is_not_begun():
    """Giving up at once beats sleeping for nothing, and the reason says both numbers."""
    verdict = RetryConfig().judge(refused(429, retry_after=90.0), 1, 550.0, 1.0, deadline=600.0)

    assert isinstance(verdict, GiveUp)
    assert "90 s" in verdict.reason
    assert "50 s" in verdict.reason


def test_a_wait_that_fits_is_begun():
    """The bound is the deadline, not less."""
    verdict = RetryConfig().judge(refused(429, retry_after=49.0), 1, 550.0, 1.0, deadline=600.0)

    assert verdict == Retry(49.0)


@pytest.mark.parametrize("status", sorted(TRANSIENT_STATUSES))
def test_transient_statuses_are_sent_again(status):
    """408, 409, 425, 429 and the failures of servers and networks can pass."""
    assert isinstance(RetryConfig().judge(refused(status), 1, 0.0, 0.5), Retry)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 499, 501, 505, 525, 526])
def test_other_statuses_are_not(status):
    """Sending the same again would be refused again."""
    assert isinstance(RetryConfig().judge(refused(status), 1, 0.0, 0.5), GiveUp)


@pytest.mark.parametrize("error", [VectorError("x"), ResponseValidationError("x")])
def test_what_was_paid_for_is_asked_for_once_more_and_no_more(error):
    """A reply that breaks the contract costs twice at the most."""
    assert isinstance(RetryConfig().judge(error, 1, 0.0, 0.5, paid=1), Retry)
    assert isinstance(RetryConfig().judge(error, 2, 0.0, 0.5, paid=2), GiveUp)


def test_free_failures_do_not_count_as_paid():
    """After two refusals a reply that breaks the contract still gets its second chance."""
    assert isinstance(RetryConfig().judge(VectorError("x"), 3, 0.0, 0.5, paid=1), Retry)


def test_a_reply_that_had_begun_and_ran_out_of_time_is_not_asked_for_again():
    """It was paid for, and would drip again."""
    error = NoResponseError("x", sent=True, begun=True, timed_out=True)

    assert isinstance(RetryConfig().judge(error, 1, 0.0, 0.5), GiveUp)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": True},
        {"initial": -1.0},
        {"maximum": float("nan")},
        {"maximum": float("inf")},
    ],
)
def test_numbers_that_make_no_policy_are_refused(options):
    """The message names the setting."""
    (name,) = options

    with pytest.raises(ConfigurationError, match=name):
        RetryConfig(**options)
