"""The pace of a bulk run: how many requests may be in flight, and when the next may begin. Pure.

Four bounds work together, and `Pace` asks them all. The number of requests in flight rises by three
with each success until the first refusal, then by one for each round of successes; a refusal cuts
it. The rate at which requests begin, and a window that the service keeps and does not name, are
learnt; see `rate`. What the caller says that a minute may hold is kept by `Quota`.

A refusal is a 429, a 529, a 402 for credits in flight, or a timeout. When the service says when to
come back, the whole run waits, not one request.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._bulk.rate import Admission, HiddenWindow, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

# "The table" is that of benchmarks/pace.py.

# Requests in flight.
_FIRST_LIMIT = 4.0  # what browsers open at once, about: a service that knows nobody takes it
_RAMP = 3.0  # to 64 in three round trips; by 1, small runs end before they are at full speed
_LIMIT_CUT = 0.7  # TCP CUBIC's; at a half, the table loses throughput at 200 a second

# Stated bounds.
_MINUTE = 60.1  # seconds; a tenth more, since two clocks may run apart by 1 in 1,000
_MARGIN = 4.0  # tokens for one estimated, at first: a token a byte, which no tokenizer exceeds
_COUNTS = 32  # the last counts that the next estimate is held against
_SPREAD = 1.1  # beyond the largest miscount among the last: the next text is another one
_ROUNDING = 1e-6  # tokens; sums of estimates are not exact

# Sharing.
_LONGEST_WAIT = 3_600.0  # seconds; locks and event loops do not take any number of them
_SHARED_WAIT = 0.05  # seconds; nobody tells a run that another one has made room


@define
class Quota:
    """What the caller says that a minute may hold.

    A request counts from when it begins until a minute after its answer: it has reached the service
    in between, so no minute of the service's own holds more, however long the way.

    Attributes:
        requests: The most requests in a minute, None for no bound.
        tokens: The most tokens in a minute, None for no bound; a request that is larger waits until
            nothing else counts, and goes.
    """

    requests: float | None = None
    tokens: float | None = None
    _open: set[Admission] = field(init=False, factory=set)
    _replied: deque[Admission] = field(init=False, factory=deque)
    _counted: float = field(init=False, default=0.0)
    _miscounts: deque[float] = field(init=False, factory=lambda: deque(maxlen=_COUNTS))

    @property
    def is_busy(self) -> bool:
        """Say whether it may be waited for until an answer is here."""
        return bool(self._open) and not (self.requests is None and self.tokens is None)

    def counted(self, now: float) -> int:
        """Return how many requests count now."""
        self._expire(now)
        return len(self._open) + len(self._replied)

    def wait(self, now: float, tokens: float) -> float:
        """Return the seconds until a request may begin; infinity until an answer is here."""
        if self.requests is None and self.tokens is None:
            return 0.0
        self._expire(now)
        return max(self._requests_fit_at(), self._tokens_fit_at(self._likely(tokens))) - now

    def begin(self, admission: Admission) -> None:
        if self.requests is None and self.tokens is None:
            return
        admission.tokens = self._likely(admission.estimated)
        self._counted += admission.tokens
        self._open.add(admission)

    def on_reply(self, admission: Admission, now: float) -> None:
        """Let the minute of a request run out."""
        if admission in self._open:
            admission.replied_at = now
            self._open.remove(admission)
            self._replied.append(admission)

    def on_count(self, admission: Admission, tokens: int | None) -> None:
        """Put the service's count in the place of the estimate, where there is one.

        None is unknown; 0 is an answer of the service's own cache, and nobody says whether its
        limit counts that: the estimate stays.
        """
        if not tokens or admission.replied_at == math.inf:
            return
        if admission.estimated > 0:
            self._miscounts.append(tokens / admission.estimated)
        # What has left the minute was taken off with what it counted then, and so it must stay.
        if self._replied and self._replied[0].replied_at <= admission.replied_at:
            self._counted += tokens - admission.tokens
            admission.tokens = float(tokens)

    def _likely(self, tokens: float) -> float:
        """Return more tokens than an estimate is likely to turn out to be."""
        return tokens * (_SPREAD * max(self._miscounts) if self._miscounts else _MARGIN)

    def _expire(self, now: float) -> None:
        while self._replied and self._replied[0].replied_at + _MINUTE <= now:
            self._counted -= self._replied.popleft().tokens
        if not self._replied and not self._open:
            self._counted = 0.0  # rounding must not add up

    def _requests_fit_at(self) -> float:
        excess = len(self._open) + len(self._replied) + 1 - (self.requests or math.inf)
        return self._fits_at(excess, [1.0] * math.ceil(max(0.0, excess)))

    def _tokens_fit_at(self, tokens: float) -> float:
        most = self.tokens or math.inf
        excess = self._counted + min(tokens, most) - most
        return self._fits_at(excess, (each.tokens for each in self._replied))

    def _fits_at(self, excess: float, leaving: Iterable[float]) -> float:
        """Return when so much has left: in the order of the answers, each with its share."""
        at = -math.inf
        for admission, share in zip(self._replied, leaving, strict=False):
            if excess <= _ROUNDING:
                break
            excess, at = excess - share, admission.replied_at + _MINUTE
        return at if excess <= _ROUNDING else math.inf


@define
class Pace:
    """The pace of one run, or of several that share it; all times are seconds of one steady clock.

    It is not safe for threads by itself: a run asks and tells it one thing at a time. Where several
    runs share one, hand in a lock that a thread may take again (`threading.RLock()`): each method
    takes it, and a run holds it from its question until the request has begun.

    Attributes:
        max_in_flight: The bound of requests in flight that is never exceeded.
        quota: What the caller says that a minute may hold.
        lock: The lock of those who share it; without one, it belongs to one run.
        limit: How many requests may be in flight now.
        highest: The most requests that were in flight at one time.
        throttled: Seconds that the run was held back by the service.
        refusals: How many requests were refused for being too many.
        in_flight: How many requests are in flight.
    """

    max_in_flight: int
    quota: Quota = field(factory=Quota)
    lock: AbstractContextManager[object] = field(factory=nullcontext)
    limit: float = field(init=False)
    highest: int = field(init=False, default=0)
    throttled: float = field(init=False, default=0.0)
    refusals: int = field(init=False, default=0)
    in_flight: int = field(init=False, default=0)
    _held_until: float = field(init=False, default=-math.inf)
    _rate: Rate = field(init=False, factory=Rate)
    _window: HiddenWindow = field(init=False, factory=HiddenWindow)

    def __attrs_post_init__(self) -> None:
        """Begin low."""
        self.limit = min(_FIRST_LIMIT, float(self.max_in_flight))

    @property
    def rate(self) -> float | None:
        """How many requests may begin in a second; None where nothing bounds it."""
        return self._rate.rate

    @property
    def counts_tokens(self) -> bool:
        """Say whether `wait` and `begin` are to be told of tokens."""
        return self.quota.tokens is not None

    @property
    def longest_wait(self) -> float:
        """The seconds after which whoever waits must ask again.

        Nobody tells a run that another one made room in a pace that they share.
        """
        is_full = self.in_flight >= int(self.limit)
        waits_for_others = is_full or self._window.is_busy or self.quota.is_busy
        alone = isinstance(self.lock, nullcontext)
        return _SHARED_WAIT if waits_for_others and not alone else _LONGEST_WAIT

    def hold(self, now: float) -> float:
        """Return how many seconds are left of the wait that the service has named; 0 for none."""
        return max(0.0, self._held_until - now)

    def wait(self, now: float, tokens: float = 0.0) -> float:
        """Return the seconds until the next request may begin; infinity until one has ended.

        Args:
            now: The time.
            tokens: How many tokens the next request carries, about; see `counts_tokens`.
        """
        with self.lock:
            if self.in_flight >= int(self.limit):
                return math.inf
            quota = self.quota.wait(now, tokens)
            learnt = max(self._rate.wait(now), self._window.wait(now))
            return max(0.0, self._held_until - now, quota, learnt)

    def begin(self, now: float, tokens: float = 0.0) -> Admission:
        """Note that a request begins.

        Returns:
            Its admission, to be handed back with what becomes of the request.
        """
        with self.lock:
            admission = Admission(now, tokens)
            self.in_flight += 1
            self.highest = max(self.highest, self.in_flight)
            self.quota.begin(admission)
            self._window.begin(admission)
            self._rate.begin(now)
            return admission

    def on_reply(self, admission: Admission, now: float, *, admitted: bool) -> None:
        """Note that an answer is here; a request that was admitted is in flight no more."""
        with self.lock:
            self.quota.on_reply(admission, now)
            if admitted:
                self._leave(admission)

    def on_end(self, admission: Admission) -> None:
        """Note that a request is over, and all was told that follows from its answer."""
        with self.lock:
            self._leave(admission)
            self._window.on_end(admission)

    def _leave(self, admission: Admission) -> None:
        self.in_flight -= admission.in_flight
        admission.in_flight = False

    def on_success(self, admission: Admission, tokens: int | None = None) -> None:
        """Learn from a request that was admitted and answered.

        Args:
            admission: What `begin` returned.
            tokens: How many tokens the service counted, or None where it does not say.
        """
        with self.lock:
            self.quota.on_count(admission, tokens)
            self._rate.on_success()
            if self._window.on_success(admission):
                self._rate.forget(admission.started_at)
            step = _RAMP if self.rate is None else 1.0 / self.limit
            self.limit = min(float(self.max_in_flight), self.limit + step)

    def on_refusal(
        self,
        admission: Admission,
        now: float,
        retry_after: float | None,
        *,
        was_taken: bool = False,
    ) -> None:
        """Learn from a request that was refused for being too many, or timed out.

        Args:
            admission: What `begin` returned.
            now: The time.
            retry_after: When to come back in seconds, as the service said, or None.
            was_taken: Whether the service took it, and time ran out: no window was full then.
        """
        with self.lock:
            self.refusals += 1
            if retry_after is not None:
                self._hold(now, retry_after)
            if self._cuts(admission, now, retry_after, was_taken=was_taken):
                self.limit = max(1.0, self.limit * _LIMIT_CUT)

    def _cuts(
        self, admission: Admission, now: float, retry_after: float | None, *, was_taken: bool
    ) -> bool:
        """Learn from a refusal, and say whether fewer requests may be in flight."""
        if retry_after:
            # Whoever names waits need not be probed.
            self._window = HiddenWindow()
        elif not was_taken and self._window.on_refusal(admission, now):
            return True
        return self._rate.on_refusal(admission.started_at, now, self._held_until, retry_after)

    def _hold(self, now: float, seconds: float) -> None:
        until = now + seconds
        self.throttled += max(0.0, until - max(now, self._held_until))
        self._held_until = max(self._held_until, until)
