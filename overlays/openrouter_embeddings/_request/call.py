"""One logical request as data: what to send next, and what its answer means.

A `Call` is fed with answers and the time, and says what follows; it sends nothing, sleeps never and
reads no clock. `flow` makes single calls of it, a bulk run many at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from attrs import define, evolve, field, frozen

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._request.charges import FREE, Bill, Charge
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings._request.retry import ONCE, GiveUp, judge_turn, within
from openrouter_embeddings._request.verdicts import is_pushback, is_transient, timed_out
from openrouter_embeddings.errors import (
    DeadlineExceededError,
    NoResponseError,
    OpenRouterError,
    ResponseValidationError,
)
from openrouter_embeddings.events import AttemptFinished, RetryScheduled

if TYPE_CHECKING:
    from openrouter_embeddings._request.request import HttpRequest
    from openrouter_embeddings._request.retry import RetryConfig, Verdict
    from openrouter_embeddings.events import Event

T = TypeVar("T")


@frozen
class Label:
    """What an operation is called in events and messages.

    Attributes:
        name: The name of the method.
        model: The model asked for, or None.
        inputs: How many inputs it carries.
    """

    name: str
    model: str | None = None
    inputs: int = 0


class Operation(Protocol[T]):
    """What a call asks for: its request, and how the reply is read."""

    @property
    def request(self) -> HttpRequest:
        """The request; the same bytes serve every attempt."""
        ...

    @property
    def label(self) -> Label:
        """What it is called in events and messages."""
        ...

    def read(self, reply: Reply) -> T | OpenRouterError:
        """Read a reply of any kind into what was asked for, or into the error that it is."""
        ...

    def fallback(self, error: OpenRouterError) -> Self | None:
        """Return another way of asking for the same, where the error says that there is one."""
        ...

    def charge(self, answer: Reply | NoResponseError, value: object) -> Charge:
        """Say what an attempt cost whose answer was read into a value, or into an error."""
        ...

    def bill(self, value: T, bill: Bill) -> T:
        """Write onto what was read what all attempts cost."""
        ...


@frozen
class Done(Generic[T]):
    """The answer is here."""

    value: T
    events: tuple[Event, ...]
    charge: Charge = FREE


@frozen
class Wait:
    """Send again after `delay` seconds, because of an error."""

    delay: float
    error: OpenRouterError
    events: tuple[Event, ...]
    charge: Charge = FREE


@frozen
class Failed:
    """It is over."""

    error: OpenRouterError
    events: tuple[Event, ...]
    charge: Charge = FREE


@define
class Call(Generic[T]):
    """The course of one logical request.

    Attributes:
        operation: What is asked for; another way of asking can take its place once.
        retries: The policy; None for a single attempt.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for the whole, waits included; None for no bound.
        started: When the logical request began, in seconds of any steady clock.
        most_paid: How often it may be paid for, in whatever way it is asked for.
        base_url: Where it goes, or None where that is not known.
        paid: How often it may have been paid for and brought nothing.
        bill: What its attempts cost.
    """

    operation: Operation[T]
    retries: RetryConfig | None
    timeout: float | None
    deadline: float | None
    started: float
    most_paid: int = 2
    base_url: str | None = None
    paid: int = field(init=False, default=0)
    bill: Bill = field(init=False, factory=Bill)
    _attempt_started: float = field(init=False, default=0.0)
    _attempts: int = field(init=False, default=0)
    _last_error: OpenRouterError | None = field(init=False, default=None)

    @property
    def request(self) -> HttpRequest:
        """What the next attempt sends: once, where it may not be paid for twice as it is.

        Without a policy a kept connection that turns out closed is no attempt.
        """
        once = self.retries is not None and not self._may_repeat_paid
        return evolve(self.operation.request, once=True) if once else self.operation.request

    @property
    def _may_repeat_paid(self) -> bool:
        return self.most_paid - self.paid > 1

    def begin(self, now: float) -> float | OpenRouterError | None:
        """Begin an attempt.

        Returns:
            The seconds that it may take, None for no bound, or the error if no time is left.
        """
        self._attempt_started = now
        if self.deadline is None:
            return self.timeout
        left = self.started + self.deadline - now
        if left <= 0:
            return self._out_of_time(self._last_error)
        return left if self.timeout is None else min(self.timeout, left)

    def proceed(
        self, answer: Reply | NoResponseError, now: float, random: float
    ) -> Done[T] | Wait | Failed:
        """Take the answer to an attempt and say what follows.

        Args:
            answer: The reply, or the error in its place.
            now: The time, on the clock of `started`.
            random: A number from 0 to 1 that draws a wait.
        """
        self._attempts += 1
        value = self._read(answer) if isinstance(answer, Reply) else answer
        error = value if isinstance(value, OpenRouterError) else None
        charge = self.operation.charge(answer, value)
        self.bill = self.bill.plus(charge, wasted=error is not None)
        self.paid += charge.computed if error else max(0, charge.computed - 1)
        finished = self._make_finished(answer, value, now, charge)
        if not isinstance(value, OpenRouterError):
            return Done(self.operation.bill(value, self.bill), (finished,), charge)
        return evolve(self._after(value, now, random, finished), charge=charge)

    def _read(self, reply: Reply) -> T | OpenRouterError:
        try:
            return self.operation.read(reply)
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - a reply that surprises is one failure, not the end of a run
            return _surprising(reply, exc)

    def _after(
        self, error: OpenRouterError, now: float, random: float, finished: Event
    ) -> Wait | Failed:
        previous, self._last_error = self._last_error, error
        other = self.operation.fallback(error)
        if other is not None and self.paid < self.most_paid:
            self.operation = other
            return self._wait(0.0, error, finished)
        if timed_out(error) and self._is_over(now):
            return Failed(self._out_of_time(error, previous), (finished,))
        verdict = self._judge(error, now - self.started, random)
        if isinstance(verdict, GiveUp):
            return Failed(self._given_up(error, verdict.reason), (finished,))
        return self._wait(verdict.delay, error, finished)

    def _judge(self, error: OpenRouterError, elapsed: float, random: float) -> Verdict:
        return (self.retries or ONCE).judge(
            error,
            self._attempts,
            elapsed,
            random,
            deadline=self.deadline,
            paid=self.paid,
            most_paid=self.most_paid,
        )

    def _is_over(self, now: float) -> bool:
        return self.deadline is not None and now - self.started >= self.deadline

    def _wait(self, delay: float, error: OpenRouterError, finished: Event) -> Wait:
        name, model = self.operation.label.name, self.operation.label.model
        scheduled = RetryScheduled(name, model, self._attempts, delay, error)
        return Wait(delay, error, (finished, scheduled))

    def _make_finished(
        self,
        answer: Reply | NoResponseError,
        value: object,
        now: float,
        charge: Charge,
    ) -> AttemptFinished:
        reply = answer if isinstance(answer, Reply) else None
        error = value if isinstance(value, OpenRouterError) else None
        # An answer of a bulk run has its response inside; a listing has none of these.
        response = getattr(value, "response", value)
        return AttemptFinished(
            operation=self.operation.label.name,
            model=self.operation.label.model,
            inputs=self.operation.label.inputs,
            attempt=self._attempts,
            seconds=now - self._attempt_started,
            status=reply.status if reply else None,
            error=error,
            request_id=reply.request_id if reply else None,
            cost=None if charge.unsaid else charge.cost or 0.0,
            tokens=charge.tokens,
            response_model=getattr(response, "model", None),
            provider=getattr(response, "provider", None),
            dimensions=getattr(response, "dimensions", None),
            encoding=getattr(self.operation, "encoding", None),
            started=self._attempt_started,
            base_url=self.base_url,
        )

    def _given_up(self, error: OpenRouterError, reason: str) -> OpenRouterError:
        if is_transient(error):
            note = f"Gave up after {_attempts(self._attempts)}: {reason}."
            error.hint = f"{error.hint} {note}" if error.hint else note
        return self.bill.put_on(error)

    def _out_of_time(self, *errors: OpenRouterError | None) -> DeadlineExceededError:
        last = next((error for error in errors if error is not None), None)
        said = f" The last one said: {last.message}" if last else ""
        message = (
            f"The deadline of {self.deadline:g} s is over after {_attempts(self._attempts)}.{said}"
        )
        error = DeadlineExceededError(
            message,
            attempts=self._attempts,
            last_error=last,
            request_id=last.request_id if last else None,
            hint="Allow more time with deadline=.",
        )
        error.__cause__ = last
        self.bill.put_on(error)
        return error


@define
class BatchCall(Call[T]):
    """The course of one request of a bulk run.

    A refusal for the pace is no failed attempt of it. What may have been paid for is not asked for
    in the same way again: the run has better ways.
    """

    _pushbacks: int = field(init=False, default=0)

    def begin(self, now: float) -> float | OpenRouterError | None:
        """Begin an attempt; what waited for its turn until its time was over, was refused."""
        timeout = super().begin(now)
        if isinstance(timeout, OpenRouterError) and is_pushback(timeout):
            return self.miss_turn(0.0, now) or timeout
        return timeout

    def miss_turn(
        self, delay: float, now: float, refusal: OpenRouterError | None = None
    ) -> OpenRouterError | None:
        """Return what the request ends with where its next attempt would come too late, or None.

        Args:
            delay: The seconds until the next attempt could begin.
            now: The time.
            refusal: What holds it back, if it was never sent.
        """
        verdict = within(self.deadline, now - self.started, delay)
        if not isinstance(verdict, GiveUp):
            return None
        if self._last_error is not None:
            return self._given_up(self._last_error, verdict.reason)
        return refusal or self._out_of_time()

    @property
    def _may_repeat_paid(self) -> bool:
        return False

    def _judge(self, error: OpenRouterError, elapsed: float, random: float) -> Verdict:
        policy, deadline = self.retries or ONCE, self.deadline
        if is_pushback(error):
            self._pushbacks += 1
            return judge_turn(policy, error, self._pushbacks, elapsed, random, deadline=deadline)
        failed = self._attempts - self._pushbacks
        return policy.judge(
            error, failed, elapsed, random, deadline=deadline, paid=self.paid, most_paid=0
        )


def _surprising(reply: Reply, exc: Exception) -> ResponseValidationError:
    """Make the error for a reply that reading fails over in a way that nobody foresaw."""
    error = ResponseValidationError(
        f"A reply ({reply.status}) that cannot be read: reading raised {type(exc).__name__}.",
        request_id=reply.request_id,
    )
    error.__cause__ = exc
    return error


def _attempts(number: int) -> str:
    return counted(number, "attempt")
