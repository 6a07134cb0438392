"""Whether a failed attempt is worth another, and when: the retry policy as pure functions.

The rules, in the order in which they are asked:

1. Only what can pass by itself is sent again: no answer, a reply that breaks the contract, and the
   statuses of `TRANSIENT_STATUSES`; never the daily limit of free models, which lasts for hours.
2. What was probably paid for is not paid for again and again: a reply that breaks the contract, or
   a request that was handed over and never answered in time, is asked for once more; a reply that
   had begun and then ran out of time is not asked for again, since it would drip again.
3. The service's own word on when to come back counts, zero included. Else the wait is drawn between
   zero and a bound that doubles (full jitter).
4. A wait that does not fit into the deadline is not begun.
5. In a bulk run what is refused because nothing more is taken for the moment has not failed: it
   waits its turn, as often as it takes, until its deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._request.verdicts import (
    is_transient,
    may_have_cost,
    wait_named,
    would_drip,
)

if TYPE_CHECKING:
    from openrouter_embeddings.errors import OpenRouterError

# Seconds. The pace of a bulk run learns a window from refusals that go on for so long, and says
# when the next request may begin from there on; a longer wait would keep it from probing.
_LONGEST_TURN = 2.0
# Refusals of one request that all named a wait: from there on "come back now" is not believed.
_DOUBTED = 4

__all__ = ["GiveUp", "Retry", "RetryConfig"]


@frozen
class Retry:
    """Send it again after `delay` seconds."""

    delay: float


@frozen
class GiveUp:
    """Do not send it again, and why."""

    reason: str


Verdict = Retry | GiveUp


@frozen
class RetryConfig:
    """How often and how patiently a failed request is sent again.

    Attributes:
        attempts: The most attempts for one logical request, the first included.
        initial: The bound of the first random wait, in seconds; it doubles with every attempt.
        maximum: The largest bound, in seconds. What the service itself asks for is not cut to it.
        most_paid: How often one input may be paid for, over all attempts, divisions and rounds:
            once more than the time that brought nothing, unless you say otherwise.
    """

    attempts: int = 4
    initial: float = 0.5
    maximum: float = 30.0
    most_paid: int = 2

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that make no policy."""
        for name in ("attempts", "most_paid"):
            argument, given = f"RetryConfig.{name}", getattr(self, name)
            object.__setattr__(self, name, arguments.whole_number(argument, given, least=1))
        for name in ("initial", "maximum"):
            argument, given = f"RetryConfig.{name}", getattr(self, name)
            bound = arguments.number(argument, given, most=arguments.MOST_SECONDS)
            object.__setattr__(self, name, bound)

    def judge(
        self,
        error: OpenRouterError,
        attempt: int,
        elapsed: float,
        random: float,
        *,
        deadline: float | None = None,
        paid: int | None = None,
        most_paid: int | None = None,
    ) -> Verdict:
        """Decide what follows a failed attempt.

        Args:
            error: What the attempt ended with.
            attempt: Which attempt it was, 1 for the first.
            elapsed: Seconds since the logical request began.
            random: A number from 0 to 1 that draws the wait.
            deadline: Seconds that the logical request may take as a whole; None for no bound.
            paid: How many attempts so far were probably charged for, this one included; None to
                count this one only.
            most_paid: How many may have been, where that is not what the policy says.

        Returns:
            `Retry` with the delay in seconds, or `GiveUp` with the reason.
        """
        paid = int(may_have_cost(error)) if paid is None else paid
        most = self.most_paid if most_paid is None else most_paid
        refusal = self._refusal(error, attempt, may_have_cost(error) and paid >= most)
        if refusal is not None:
            return GiveUp(refusal)
        return within(deadline, elapsed, self._delay(error, attempt, random))

    def _refusal(self, error: OpenRouterError, attempt: int, is_paid: bool) -> str | None:  # noqa: FBT001 - private
        if not is_transient(error):
            return "it would be refused again"
        if would_drip(error):
            return "a reply had begun and would be paid for again"
        if is_paid:
            return "it was probably paid for already, and may not be once more"
        return (
            counted(attempt, "attempt was", "attempts were") + " made"
            if attempt >= self.attempts
            else None
        )

    def _delay(self, error: OpenRouterError, attempt: int, random: float) -> float:
        named = wait_named(error)
        if named is not None:
            return named
        return backoff(attempt, random, initial=self.initial, maximum=self.maximum)


ONCE = RetryConfig(attempts=1, most_paid=1)
"""The policy of those who want none."""


def judge_turn(
    policy: RetryConfig,
    error: OpenRouterError,
    refusals: int,
    elapsed: float,
    random: float,
    *,
    deadline: float | None = None,
) -> Verdict:
    """Decide when what was refused for the pace has its turn again.

    Args:
        policy: Bounds the waits; how many attempts it allows has no meaning here.
        error: The refusal.
        refusals: How many there were of the same request, 1 for the first.
        elapsed: Seconds since the logical request began.
        random: A number from 0 to 1 that draws the wait.
        deadline: Seconds that the logical request may take as a whole; None for no bound.
    """
    most = min(policy.maximum, _LONGEST_TURN)
    delay = backoff(refusals, random, initial=policy.initial, maximum=most)
    named = wait_named(error)
    if named is not None:
        delay = named if refusals < _DOUBTED else max(named, delay)
    return within(deadline, elapsed, delay)


def within(deadline: float | None, elapsed: float, delay: float) -> Verdict:
    """Begin a wait only if it ends before the deadline."""
    if deadline is not None and elapsed + delay >= deadline:
        return GiveUp(
            f"the next attempt could begin in {delay:.3g} s at the earliest, "
            f"and only {max(0.0, deadline - elapsed):.3g} s of the deadline are left"
        )
    return Retry(delay)


def backoff(attempt: int, random: float, *, initial: float, maximum: float) -> float:
    """Draw a wait in seconds: exponential with full jitter.

    The exponent is bounded so that a very late attempt cannot overflow.
    """
    return random * min(maximum, initial * 2.0 ** min(attempt - 1, 60))
