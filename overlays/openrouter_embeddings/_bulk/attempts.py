"""The attempts of a bulk run that are not over, and the steps that the run takes. Pure.

The theory. An attempt is in flight until its reply is here, and open until that was read. To read a
reply takes longer than the next request should wait, so a reply that is here makes room for the
next request at once. A refusal does not: it is to be read first, since it may slow the run down.
An attempt that is to be made again waits for its time, and no new batch begins in its place.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.events import BatchSettled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openrouter_embeddings._bulk.items import Batch, Keeper
    from openrouter_embeddings._bulk.output import Ready
    from openrouter_embeddings._bulk.pace import Pace
    from openrouter_embeddings._bulk.rate import Admission
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._request.call import BatchCall, Done, Failed
    from openrouter_embeddings._request.call import Wait as Again
    from openrouter_embeddings._request.embeddings import Verified
    from openrouter_embeddings.errors import NoResponseError, OpenRouterError

    Outcome = Done[Verified] | Again | Failed

# Replies that are here and unread do not pile up: of large ones a quarter of what may be in flight,
# of smaller ones as many as can be read while the next one is under way, so that requests go on
# where whoever reads is late. With 16 in flight, 50 ms, 100 texts of 1,536 numbers and a busy
# machine, a quarter alone kept requests back two times in three, and half of the possible ones were
# under way. Without a delay more than that bring nothing but threads that take turns. Not before
# some were good: what is unread may say that the others are paid for in vain.
_MOST_UNREAD = 0.25
_UNREAD_BYTES = 16 * 2**20  # 20 such replies
_STEADY = 8  # twice what a run begins with
_SHARE = 0.1  # of the last reading in the mean of all

# Runs without a deadline, seconds.
_LONGEST_HOLD = 86_400.0  # a quota of a day is the longest that comes back by itself
_LONGEST_SHUT = 3_600.0  # without one admitted request: a quota of an hour came back meanwhile


@define(eq=False)
class Attempt:
    """One attempt to be made.

    Attributes:
        batch: What it is for.
        call: The course of its logical request.
        most_tokens: The most tokens that its inputs can have.
        timeout: Seconds that the attempt may take; None for no bound.
        admission: What the pace gave it when it began; None before.
        tokens: How many tokens it carries, about, where the pace counts them.
        replied: Whether its reply is here, so that it is in flight no more.
        rows: Where its vectors stand in the matrix of the whole run; None if they do not.
    """

    batch: Batch
    call: BatchCall[Verified]
    most_tokens: int = 1
    timeout: float | None = None
    admission: Admission | None = None
    tokens: float = 0.0
    replied: bool = False
    rows: list[int] | None = None

    def make_event(
        self, model: str, now: float, error: OpenRouterError | None, cost: float | None = None
    ) -> BatchSettled:
        """Tell how its logical request ended."""
        seconds = now - self.call.started
        return BatchSettled(model, len(self.batch), seconds, error, cost)


@frozen
class Start:
    """Send a request; its answer goes to `Attempts.on_reply`."""

    attempt: Attempt


@frozen
class Ask:
    """Ask the cache for inputs; what it has goes to `Intake.add`, in the order of the questions."""

    chunk: Chunk


@frozen
class Hand:
    """Hand out the next positions."""

    ready: Ready


@frozen
class Settle:
    """Read the answer of an attempt, and conclude it; it is named again until that is done.

    Attributes:
        attempt: The attempt.
        answer: The reply, or the error in its place.
        came_at: When it came.
    """

    attempt: Attempt
    answer: Reply | NoResponseError
    came_at: float


@frozen
class Wait:
    """Wait for the next answer, of the service or the cache, but not longer than this."""

    seconds: float


@frozen
class Over:
    """Nothing is left to do."""


Step = Start | Ask | Hand | Settle | Wait | Over


@define(eq=False)
class Attempts:
    """The attempts that are not over.

    Attributes:
        pace: Says how many may be in flight, and when the next may begin.
        admitted_at: When the service last answered what was asked, or judged it; -infinity before.
        refusal: What the service last refused for the pace; None before.
        good: How many answers in a row brought vectors, up to the last that was read.
        soonest: Seconds that the fastest reply took; infinity before there is one.
        reading: Seconds that reading one takes, about, where others wait for it; 0 before.
    """

    pace: Pace
    admitted_at: float = field(init=False, default=-math.inf)
    refusal: OpenRouterError | None = field(init=False, default=None)
    good: int = field(init=False, default=0)
    soonest: float = field(init=False, default=math.inf)
    reading: float = field(init=False, default=0.0)
    _busy_since: float | None = field(init=False, default=None)
    _open: int = field(init=False, default=0)
    _unread: dict[Attempt, Settle] = field(init=False, factory=dict)
    _later: list[tuple[float, int, Attempt]] = field(init=False, factory=list)
    _serial: Iterator[int] = field(init=False, factory=count)

    @property
    def is_open(self) -> bool:
        """Say whether an answer is under way or unread."""
        return self._open > 0

    def has_room(self, keeper: Keeper | None) -> bool:
        """Say whether a new batch may begin, beside what is open and what waits for its time.

        Where vectors are kept one by one, a kill loses those that are not: they count as in flight.
        """
        limit, in_flight = int(self.pace.limit), self.pace.in_flight
        if keeper is not None:
            return len(self._later) + self._open + bool(keeper.untold) < limit
        answers = [step.answer for step in self._unread.values() if step.attempt.replied]
        sizes = [len(answer.body) for answer in answers if isinstance(answer, Reply)]
        is_steady = self.good >= _STEADY and sum(sizes) <= _UNREAD_BYTES
        most = _MOST_UNREAD * limit
        if is_steady:
            most = min(limit - 1, max(most, self._worth_having))
        return len(self._later) + in_flight < limit and len(sizes) <= most

    @property
    def _worth_having(self) -> float:
        """How many replies are read in the time that the fastest one took to come."""
        return self.soonest / self.reading if self.reading else math.inf

    def wait(self, now: float, next_tokens: Callable[[], float]) -> float:
        """Return the seconds until the pace lets the next attempt begin.

        Args:
            now: The time.
            next_tokens: Estimates the tokens of the next new batch.
        """
        if not self.pace.counts_tokens:
            return self.pace.wait(now)
        due = self.seconds_left(now) <= 0
        return self.pace.wait(now, self._later[0][2].tokens if due else next_tokens())

    def begin(self, attempt: Attempt, timeout: float | None, now: float) -> None:
        """Note that an attempt begins."""
        attempt.timeout, attempt.replied = timeout, False
        attempt.admission = self.pace.begin(now, attempt.tokens)
        self._open += 1

    def on_reply(self, attempt: Attempt, answer: Reply | NoResponseError, now: float) -> None:
        """Note that an answer is here."""
        self._unread[attempt] = Settle(attempt, answer, now)
        attempt.replied = isinstance(answer, Reply) and 200 <= answer.status < 300
        if attempt.admission is not None:
            self.pace.on_reply(attempt.admission, now, admitted=attempt.replied)
            if attempt.replied:
                self.soonest = min(self.soonest, now - attempt.admission.started_at)

    @property
    def unread(self) -> Settle | None:
        """The answer that is to be read next, in the order in which they came."""
        return next(iter(self._unread.values()), None)

    def end(self, attempt: Attempt, now: float) -> None:
        """Note that the answer was read, and all that follows from it."""
        del self._unread[attempt]
        if self._busy_since is not None:
            seconds = max(0.0, now - self._busy_since)
            self.reading += (seconds - self.reading) * (_SHARE if self.reading else 1)
        self._busy_since = now if self._unread else None
        self._open -= 1
        if attempt.admission is not None:
            self.pace.on_end(attempt.admission)

    def is_shut(self, attempt: Attempt, named: float | None, now: float) -> bool:
        """Say whether the run would wait for longer than any of its requests may take.

        Args:
            attempt: What was refused for the pace.
            named: The seconds that the service asks to wait, or None.
            now: The time.
        """
        deadline = attempt.call.deadline
        if deadline is not None:
            return named is not None and named >= deadline
        since = max(attempt.call.started, self.admitted_at)
        return now - since >= _LONGEST_SHUT or (named or 0.0) > _LONGEST_HOLD

    def put_off(self, attempt: Attempt, due: float) -> None:
        """Keep an attempt that is to be made again at a time."""
        heapq.heappush(self._later, (due, next(self._serial), attempt))

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the next one is to be made again; infinity where none is."""
        return self._later[0][0] - now if self._later else math.inf

    def take_due(self, now: float) -> Attempt | None:
        """Take the one that is to be made again now, or None."""
        return heapq.heappop(self._later)[2] if self.seconds_left(now) <= 0 else None

    def take_missed(self, now: float) -> tuple[Attempt, OpenRouterError] | None:
        """Take the next one if its time ends before the pace lets it begin, with its error.

        An answer that is under way or unread may change the pace, and comes first.
        """
        if not self._later or self.is_open or self.pace.in_flight:
            return None
        attempt = self._later[0][2]
        delay = max(self.seconds_left(now), self.pace.wait(now, attempt.tokens))
        error = attempt.call.miss_turn(delay, now, self.refusal)
        return None if error is None else (heapq.heappop(self._later)[2], error)

    def give_up_waiting(self) -> list[Attempt]:
        """Take all that are to be made again: the run is over."""
        later, self._later = self._later, []
        return [attempt for _, _, attempt in later]
