"""How fast a service lets requests begin, learnt: a rate, or a hidden window. Pure.

The rate at which requests begin is unbounded until the first refusal. Then it doubles every second
until it is refused again, and from there on it stays near what was refused: a small step down with
each refusal, and so slow a rise that a refusal, with the wait that the service asks for, costs a
few per cent of the time. When nothing is refused for long, it rises faster and faster. Refusals of
requests that began before the last cut say nothing new and cut nothing; neither do refusals that
are rare and cost no waiting.

Some services refuse by chance, whatever the pace, and name no wait. Then cuts change nothing, and
would go on until the run stands still. This shows: after cuts that followed each other, requests
began at three quarters of the rate or less, and some of them were refused all the same, but not
many; a bound refuses none below it, and most of those far above it. Then the rate is unbounded once
more, and refusals of that share, a quarter at the most, cut nothing until there are more of them.

Other services admit so many requests within so many seconds, and neither number is named. That
shows as requests admitted, then silence: all are refused until time has passed. A silence is probed
by one request at a time, at gaps that grow. When it ends, it has said how many requests the window
holds, and between which two bounds its length is. The next window tells whether that was right: it
alone makes the difference between a window and a service that was down. From then on requests begin
when the window has room, and the run tries now and then, with one request, whether the window is
shorter, or holds more.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

# "The table" is that of benchmarks/pace.py, "chance" the test of refusals by chance; a number with
# no measurement beside it was chosen, and others near it make no difference there.

# The rate.
_FIRST_RATE = 2.0  # requests a second, the least after the first cut: doubled, 64 in five seconds
_PROBING_CUT = 0.85  # ends the doubling: it was on average half a step too far
_USUAL_CUT = 0.95  # near the bound a larger step costs throughput, a smaller one more refusals
_REPEATED_CUT = 0.85  # the last cut was too small: refused again at once
_SOON_REQUESTS = 3.0  # "at once": within so many requests
_LEAST_CYCLE = 10.0  # seconds to make a cut good: 5 % of rate in 10 s cost 2 a second 5 % refused
_CYCLE_FOR_HOLD = 30.0  # so many holds: a wait of 1 s in 30 costs 3 %
_STEADY = 0.5  # of a cycle; cuts closer than that belong to one descent
_LEAST_RATE = 0.05  # requests a second: whoever admits fewer keeps a window, which is learnt
_LATEST = 32  # requests whose beginnings make the actual rate: two rounds of 16 in flight
_LEAST_SECONDS = 0.2  # what they took at the least, so that a burst of two is no rate of 1,000
_TOO_EARLY = 10  # admitted requests; before so many the actual rate is that of the first burst

# Refusals by chance.
_REMEMBERED = 100  # outcomes, so that a share of 3 % is three refusals and not one
_TOLERATED = 0.03  # the share that cuts nothing: a cut costs more than repeating 3 %
_MOST_TOLERATED = 0.25  # beyond, a quarter of the work is in vain, and slowing down is kinder
_FEW = 0.35  # the largest share that may be chance; a bound refuses most of what is far above it
_ENOUGH = 3  # refusals below what the descent began from; with 2, a row of the table has 3 %
_IN_VAIN = 0.75  # "below": at 0.67, one chance run in 40 took 1.85 times the ideal, now 1.6

# Windows that nobody names.
_PROBES = 3  # refused one after the other before it is a silence; chance makes few such rows
_LEAST_SILENCE = 2.0  # seconds; shorter windows are a rate
_PROBE_GROWTH = 1.25  # the silence so far, to the next probe: it ends at most 25 % too late
_LEAST_PROBE = 0.5  # seconds between two probes
_MOST_PROBE = 30.0  # seconds between two probes: an hour costs 120 of them, and is noticed in time
_LARGEST_WINDOW = 1_000  # requests; of more, the rate makes a fair approximation in the same time
_SAME = 0.2  # two windows that differ by no more of their requests, or by one, confirm each other
_EXACT = 1.1  # the length is known well enough, and no more refusals are spent on it
_STRETCH = 1.05  # the length, after a refusal at what it was thought to be: clocks and networks
_IDLE = 0.25  # of the length without a request: then one goes ahead, lest sixteen are refused
_TRIAL_AFTER = 4  # windows without refusals before one request more is tried; doubles when in vain


@define(eq=False)
class Admission:
    """A request that was let begin.

    Attributes:
        started_at: When it began.
        estimated: How many tokens it carries, about.
        tokens: How many tokens it counts for: more than estimated, until the service has counted.
        replied_at: When its answer came; infinity before.
        in_flight: Whether it takes one of the places for requests in flight.
    """

    started_at: float
    estimated: float = 0.0
    tokens: float = 0.0
    replied_at: float = math.inf
    in_flight: bool = True


@define
class _Recent:
    """The last requests: when they began, and whether they were admitted."""

    begun: deque[float] = field(init=False, factory=lambda: deque(maxlen=_LATEST))
    outcomes: deque[bool] = field(init=False, factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def share(self) -> float:
        """The share that was refused."""
        return self.outcomes.count(False) / len(self.outcomes)

    @property
    def tells(self) -> bool:
        """Say whether the share means something."""
        return len(self.outcomes) >= _REMEMBERED // 2

    def rate(self, now: float) -> float:
        """Return how many requests a second began of late."""
        return len(self.begun) / max(now - self.begun[0], _LEAST_SECONDS)


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
class Rate:
    """The rate at which requests begin.

    Attributes:
        rate: How many may begin in a second, None for no bound.
    """

    rate: float | None = field(init=False, default=None)
    _recent: _Recent = field(init=False, factory=_Recent)
    _admitted: int = field(init=False, default=0)
    _next_at: float = field(init=False, default=-math.inf)
    _cut_at: float = field(init=False, default=-math.inf)
    _grown_at: float = field(init=False, default=0.0)
    _probing: bool = field(init=False, default=True)
    _cycle: float = field(init=False, default=_LEAST_CYCLE)
    _tolerated: float = field(init=False, default=_TOLERATED)
    _descent: _Descent | None = field(init=False, default=None)

    def wait(self, now: float) -> float:
        return self._next_at - now

    def begin(self, now: float) -> None:
        self._recent.begun.append(now)
        if self.rate is not None:
            self.rate = self._grown(self.rate, now)
            # A late start must not be made up for with a burst.
            self._next_at = max(self._next_at, now) + 1.0 / self.rate

    def on_success(self) -> None:
        self._admitted += 1
        self._recent.outcomes.append(True)

    def on_refusal(
        self, started_at: float, now: float, held_until: float, retry_after: float | None
    ) -> bool:
        """Learn from a refusal, and say whether the number in flight is to be cut."""
        self._recent.outcomes.append(False)
        if retry_after is not None:
            self._cycle = max(_LEAST_CYCLE, _CYCLE_FOR_HOLD * retry_after)
        if self._descent is not None:
            self._descent.refuse(self._recent.rate(now))
        if started_at <= self._cut_at or (not retry_after and self._seldom()):
            return False
        if retry_after:
            self._descent = None
        elif self._in_vain(now):
            return False
        self._cut(now, held_until, retry_after)
        return True

    def forget(self, now: float) -> None:
        """Begin anew after a silence: what was refused while a window was full is no rate."""
        self._restart(now)
        self._next_at = now

    def _restart(self, now: float) -> None:
        """Have no bound; refusals of what began before say nothing of the time from now on."""
        self.rate, self._descent, self._probing = None, None, True
        self._cut_at = self._grown_at = now

    def _cut(self, now: float, held_until: float, retry_after: float | None) -> None:
        if not retry_after and self._cut_at == -math.inf and self._admitted < _TOO_EARLY:
            # The rate so far says too little; the next refusal will tell.
            self._cut_at = now
            return
        self.rate = max(_LEAST_RATE, self._cut_rate(now, held_until))
        self._cut_at = self._grown_at = now
        self._next_at = max(now, held_until) + 1.0 / self.rate

    def _seldom(self) -> bool:
        """Recognise refusals so rare that slowing down would cost more than they do.

        Some come by chance, from a pool that is shared with others say, whatever the pace.
        """
        return self._recent.tells and self._recent.share <= self._tolerated

    def _in_vain(self, now: float) -> bool:
        """Recognise refusals by chance, and begin anew with them in mind."""
        descent, self._tolerated = self._descent, _TOLERATED
        if self.rate is None or descent is None or now - self._cut_at > _STEADY * self._cycle:
            self._descent = _Descent(self._recent.rate(now))
            return False
        share = self._recent.share
        if descent.refused < _ENOUGH or share > _FEW:
            return False
        # Half as much again, since a share of a hundred requests is itself drawn by chance.
        self._tolerated = min(_MOST_TOLERATED, max(_TOLERATED, 1.5 * share + 0.02))
        self._restart(now)
        return True

    def _cut_rate(self, now: float, held_until: float) -> float:
        if self.rate is None:
            return max(_FIRST_RATE, 0.5 * self._recent.rate(now))
        if self._probing:
            self._probing = False
            return self.rate * _PROBING_CUT
        soon = (now - max(self._cut_at, held_until)) * self.rate < _SOON_REQUESTS
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


@define
class _Silence:
    """Refusals of all that began since a time.

    Attributes:
        first: When the first request that was refused began, or None while there is none.
        last: When the last one began.
        probes: How many were refused one after the other, each begun when the one before was known.
    """

    first: float | None = field(init=False, default=None)
    last: float = field(init=False, default=-math.inf)
    probes: int = field(init=False, default=0)
    _known_at: float = field(init=False, default=-math.inf)

    def on_refusal(self, started_at: float, now: float) -> None:
        if started_at >= self._known_at:
            self.probes += 1
            self._known_at = now
        self.first = started_at if self.first is None else self.first
        self.last = max(self.last, started_at)

    def lasts(self, now: float) -> bool:
        """Say whether it is more than a few refusals, by a time."""
        first = math.inf if self.first is None else self.first
        return self.probes >= _PROBES and now - first >= _LEAST_SILENCE

    def next_probe(self) -> float:
        """Return when the next request may begin."""
        gap = (_PROBE_GROWTH - 1.0) * (self.last - (self.first or 0.0))
        return self._known_at + min(_MOST_PROBE, max(_LEAST_PROBE, gap))


@define
class HiddenWindow:
    """So many requests within so many seconds, as far as that was learnt.

    Attributes:
        count: How many requests it holds, None while it is unknown.
        least: Its length in seconds is more than this.
        most: It is at most this, as far as is known.
        confirmed: Whether two windows in a row said so.
    """

    count: int | None = field(init=False, default=None)
    least: float = field(init=False, default=0.0)
    most: float = field(init=False, default=math.inf)
    confirmed: bool = field(init=False, default=False)
    _silence: _Silence = field(init=False, factory=_Silence)
    _taken: deque[float] = field(init=False, factory=lambda: deque(maxlen=_LARGEST_WINDOW + 1))
    _admitted_at: float = field(init=False, default=-math.inf)
    _since: float = field(init=False, default=-math.inf)
    _alone: Admission | None = field(init=False, default=None)
    _quiet: int = field(init=False, default=0)
    _patience: int = field(init=False, default=_TRIAL_AFTER)

    def wait(self, now: float) -> float:
        """Return the seconds until a request may begin; infinity until an answer is here."""
        if self._alone is not None:
            return math.inf
        if self._silence.lasts(now):
            return self._next_probe() - now
        if self.count is None or not self.confirmed:
            return 0.0
        return self._opens_at(self._oldest(now, self.count), now) - now

    def begin(self, admission: Admission) -> None:
        now = admission.started_at
        if self._silence.lasts(now) or self._goes_ahead(now):
            self._alone = admission
        self._taken.append(now)
        self._quiet += 1

    def on_success(self, admission: Admission) -> bool:
        """Learn from what was admitted, and say whether it ended a silence."""
        began, first = admission.started_at, self._silence.first
        self._admitted_at = max(self._admitted_at, began)
        if admission is self._alone:
            self._alone = None
            self._on_trial(began)
        if first is None or began <= first:
            return False
        ended = self._silence.lasts(began)
        if ended:
            self._learn(began, first)
        elif self._silence.probes >= _PROBES:
            # Too short to learn from; but a window has begun, and it is counted from here.
            self._since = began
        self._silence = _Silence()
        return ended

    def on_refusal(self, admission: Admission, now: float) -> bool:
        """Learn from a refusal that named no wait, and say whether a window explains it."""
        began = admission.started_at
        if began in self._taken:
            self._taken.remove(began)
        if admission is self._alone:
            self._alone = None
        if began < self._admitted_at:
            # Others that began later were admitted: no window was full.
            return False
        self._silence.on_refusal(began, now)
        if self.confirmed and self.count is not None:
            self._on_refused(began, self.count)
        return self.confirmed or self._silence.lasts(now)

    def on_end(self, admission: Admission) -> None:
        if admission is self._alone:
            self._alone = None

    @property
    def is_busy(self) -> bool:
        """Say whether a request went alone, and others wait for its answer."""
        return self._alone is not None

    def _oldest(self, before: float, count: int) -> float:
        """Return when the request began that must have left the window for the next one."""
        taken = [began for began in self._taken if began <= before]
        return taken[-count] if len(taken) >= count else -math.inf

    def _opens_at(self, oldest: float, now: float) -> float:
        """Return when the next request may begin, once it is known how old the oldest one is."""
        if self._tries_more and now < oldest + self.least:
            return now
        sooner = oldest + math.sqrt(self.least * self.most)
        return sooner if self._tries_sooner and self._leads(sooner) else oldest + self.most

    @property
    def _tries_more(self) -> bool:
        """Say whether one request more than the window holds is to be tried."""
        return self._quiet > self._patience * (self.count or 0)

    @property
    def _tries_sooner(self) -> bool:
        """Say whether a shorter length is to be tried: once in a window that began well."""
        holds = self._quiet >= (self.count or 0) and self._silence.first is None
        return holds and self.most > _EXACT * self.least

    def _leads(self, now: float) -> bool:
        """Say whether a request is the first in a window, so that its age is the window's."""
        return not self._taken or now - self._taken[-1] > _IDLE * self.most

    def _goes_ahead(self, now: float) -> bool:
        """Say whether a request is to go alone: it may be refused, and is to tell for others."""
        if self.count is None or not self.confirmed:
            return False
        return self._leads(now) or now < self._oldest(now, self.count) + self.most

    def _on_trial(self, began: float) -> None:
        """Learn from a request that went alone and was admitted."""
        if self.count is None or not self.confirmed:
            return
        self._taken.pop()
        length = began - self._oldest(began, self.count)
        if length <= self.least:
            self.count += 1
        elif self._leads(began):
            self.most = min(self.most, length)
        self._taken.append(began)

    def _on_refused(self, began: float, count: int) -> None:
        length = began - self._oldest(began, count)
        if length <= self.least:
            self._quiet, self._patience = 0, 2 * self._patience
        elif _STRETCH * length < self.most:
            self.least = length
        elif length < math.inf:
            stretch = _STRETCH**self._silence.probes
            self.least, self.most, self._quiet = length, stretch * length, 0

    def _next_probe(self) -> float:
        """Return when to end a silence: when the window ought to, if it is the same again."""
        cycle = self._cycle(self._silence.first or 0.0)
        if self._is_same(cycle) and cycle[0] + self.most > self._silence.last:
            return cycle[0] + self.most
        return self._silence.next_probe()

    def _cycle(self, until: float) -> list[float]:
        """Return what was admitted in the window that ended at a time."""
        since = max(self._since, until - self.most) if self.confirmed else self._since
        return [began for began in self._taken if since <= began <= until]

    def _is_same(self, cycle: list[float]) -> bool:
        if self.count is None or not cycle:
            return False
        return abs(len(cycle) - self.count) <= max(1.0, _SAME * self.count)

    def _learn(self, ended: float, first: float) -> None:
        """Learn from a silence: how many requests were before it, and how long it all took."""
        cycle = self._cycle(first)
        self._since, self._quiet, self._patience = ended, 0, _TRIAL_AFTER
        self.confirmed = self._is_same(cycle)
        if not 0 < len(cycle) <= _LARGEST_WINDOW:
            self.count, self.least, self.most = None, 0.0, math.inf
            return
        self._measure(self._silence.last - cycle[0], ended - cycle[0])
        self.count = len(cycle)

    def _measure(self, least: float, most: float) -> None:
        """Take over bounds of the length, with those that are known where they agree."""
        agree = self.confirmed and max(least, self.least) < min(most, self.most)
        self.least = max(least, self.least) if agree else least
        self.most = min(most, self.most) if agree else most
