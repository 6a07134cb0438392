"""How fast a bulk run may go: adaptive, learnt from what the service admits and refuses. Pure.

Two bounds work together. The number of requests in flight rises by three with each success until
the first refusal, then by one for each round of successes; a refusal cuts it. The rate at which
requests begin is unbounded until the first refusal. Then it doubles every second until it is
refused again, and from there on it stays near what was refused: a small step down with each
refusal, and so slow a rise that a refusal, with the wait that the service asks for, costs a few per
cent of the time. When nothing is refused for long, it rises faster and faster.

A refusal is a 429, a 529, a 402 for credits in flight, or a timeout. Refusals of requests that
began before the last cut say nothing new and cut nothing; neither do refusals that are rare and
cost no waiting. When the service says when to come back, the whole run waits, not one request.

Some services refuse by chance, whatever the pace, and name no wait. Then cuts change nothing, and
would go on until the run stands still. This shows: after cuts that followed each other, requests
began at two thirds of the rate or less, and some of them were refused all the same, but not many; a
bound refuses none below it, and most of those far above it. Then the rate is unbounded once more,
and refusals of that share, a quarter at the most, cut nothing until there are more of them.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

_FIRST_LIMIT = 4.0
_RAMP = 3.0
_LIMIT_CUT = 0.7
_PROBING_CUT = 0.85
_USUAL_CUT = 0.95
_REPEATED_CUT = 0.85
_SOON_REQUESTS = 3.0
_LEAST_CYCLE = 10.0
_REMEMBERED = 100
_TOLERATED = 0.03
_MOST_TOLERATED = 0.25
_FEW = 0.35
_ENOUGH = 3
_TOO_EARLY = 10
_LATEST = 32
_IN_VAIN = 0.67
_STEADY = 0.5
_CYCLE_FOR_HOLD = 30.0
_FIRST_RATE = 2.0
_LEAST_SECONDS = 0.2
_LEAST_RATE = 0.05


@define
class _Descent:
    """Cuts that follow each other.

    Attributes:
        rate: Requests a second before the first of them.
        refused: Requests that were refused although they went out much slower.
    """

    rate: float
    refused: int = 0

    def refuse(self, rate: float) -> None:
        """Count a refusal at a rate; what came before counts only if that was slow enough."""
        self.refused = self.refused + 1 if rate <= _IN_VAIN * self.rate else 0


@define
class Pace:
    """The pace of one run; all times are seconds of one steady clock.

    Attributes:
        max_in_flight: The bound of requests in flight that is never exceeded.
        limit: How many requests may be in flight now.
        rate: How many may begin in a second, None while nothing was refused.
        highest: The most requests that were in flight at one time.
        throttled: Seconds that the run was held back by the service.
        refusals: How many requests were refused for being too many.
    """

    max_in_flight: int
    limit: float = field(init=False)
    rate: float | None = field(init=False, default=None)
    highest: int = field(init=False, default=0)
    throttled: float = field(init=False, default=0.0)
    refusals: int = field(init=False, default=0)
    _in_flight: int = field(init=False, default=0)
    _held_until: float = field(init=False, default=-math.inf)
    _next_at: float = field(init=False, default=-math.inf)
    _cut_at: float = field(init=False, default=-math.inf)
    _grown_at: float = field(init=False, default=0.0)
    _admitted: int = field(init=False, default=0)
    _probing: bool = field(init=False, default=True)
    _cycle: float = field(init=False, default=_LEAST_CYCLE)
    _tolerated: float = field(init=False, default=_TOLERATED)
    _descent: _Descent | None = field(init=False, default=None)
    _begun: deque[float] = field(init=False, factory=lambda: deque(maxlen=_LATEST))
    _outcomes: deque[bool] = field(init=False, factory=lambda: deque(maxlen=_REMEMBERED))

    def __attrs_post_init__(self) -> None:
        """Begin low."""
        self.limit = min(_FIRST_LIMIT, float(self.max_in_flight))

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._in_flight

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may begin; infinity until one has ended."""
        if self._in_flight >= int(self.limit):
            return math.inf
        return max(0.0, self._held_until - now, self._next_at - now)

    def begin(self, now: float) -> float:
        """Note that a request begins.

        Returns:
            The time, to be handed back when the request ends.
        """
        self._in_flight += 1
        self.highest = max(self.highest, self._in_flight)
        self._begun.append(now)
        if self.rate is not None:
            self.rate = self._grown(self.rate, now)
            # A late start must not be made up for with a burst.
            self._next_at = max(self._next_at, now) + 1.0 / self.rate
        return now

    def on_end(self) -> None:
        """Note that a request is in flight no more."""
        self._in_flight -= 1

    def on_success(self) -> None:
        """Learn from a request that was admitted and answered."""
        self._admitted += 1
        self._outcomes.append(True)
        step = _RAMP if self.rate is None else 1.0 / self.limit
        self.limit = min(float(self.max_in_flight), self.limit + step)

    def on_refusal(self, started_at: float, now: float, retry_after: float | None) -> None:
        """Learn from a request that was refused for being too many, or timed out.

        Args:
            started_at: When it began, as `begin` said.
            now: The time.
            retry_after: When to come back in seconds, as the service said, or None.
        """
        self.refusals += 1
        if retry_after is not None:
            self._hold(now, retry_after)
        self._outcomes.append(False)
        if self._descent is not None:
            self._descent.refuse(self._actual(now))
        if started_at <= self._cut_at or (not retry_after and self._seldom()):
            return
        if retry_after:
            self._descent = None
        elif self._in_vain(now):
            return
        self.limit = max(1.0, self.limit * _LIMIT_CUT)
        if not retry_after and self._cut_at == -math.inf and self._admitted < _TOO_EARLY:
            # The rate so far says too little; the next refusal will tell.
            self._cut_at = now
            return
        self.rate = max(_LEAST_RATE, self._cut_rate(now))
        self._cut_at = self._grown_at = now
        self._next_at = max(now, self._held_until) + 1.0 / self.rate

    def _seldom(self) -> bool:
        """Recognise refusals so rare that slowing down would cost more than they do.

        Some come by chance, from a pool that is shared with others say, whatever the pace.
        """
        enough = len(self._outcomes) >= _REMEMBERED // 2
        refused = self._outcomes.count(False)
        return enough and refused <= self._tolerated * len(self._outcomes)

    def _in_vain(self, now: float) -> bool:
        """Recognise refusals by chance, and begin anew with them in mind."""
        descent, self._tolerated = self._descent, _TOLERATED
        if self.rate is None or descent is None or now - self._cut_at > _STEADY * self._cycle:
            self._descent = _Descent(self._actual(now))
            return False
        share = self._outcomes.count(False) / len(self._outcomes)
        if descent.refused < _ENOUGH or share > _FEW:
            return False
        self._tolerated = min(_MOST_TOLERATED, max(_TOLERATED, 1.5 * share + 0.02))
        self.rate, self._descent, self._probing = None, None, True
        self._cut_at = self._grown_at = now
        return True

    def _hold(self, now: float, seconds: float) -> None:
        until = now + seconds
        self.throttled += max(0.0, until - max(now, self._held_until))
        self._held_until = max(self._held_until, until)
        self._cycle = max(_LEAST_CYCLE, _CYCLE_FOR_HOLD * seconds)

    def _actual(self, now: float) -> float:
        """Return how many requests a second began of late."""
        return len(self._begun) / max(now - self._begun[0], _LEAST_SECONDS)

    def _cut_rate(self, now: float) -> float:
        if self.rate is None:
            return max(_FIRST_RATE, 0.5 * self._actual(now))
        if self._probing:
            self._probing = False
            return self.rate * _PROBING_CUT
        soon = (now - max(self._cut_at, self._held_until)) * self.rate < _SOON_REQUESTS
        return self.rate * (_REPEATED_CUT if soon else _USUAL_CUT)

    def _grown(self, rate: float, now: float) -> float:
        seconds, self._grown_at = max(0.0, now - self._grown_at), now
        if now > self._next_at + 1.0 / rate:
            # Something else bounds the run; a rate that nobody uses proves nothing.
            return rate
        if self._probing:
            return rate * math.pow(2.0, min(seconds, 1.0))
        # The step that a cut took is made good in one cycle; then ever faster.
        late = max(0.0, (now - self._cut_at) / self._cycle - 1.5)
        growth = min(1.0, (1.0 - _USUAL_CUT) / self._cycle * math.pow(2.0, min(4.0 * late, 60.0)))
        return rate * (1.0 + growth * seconds)
