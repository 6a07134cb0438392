"""What `embed`, `stream` and `estimate` of both clients share: options checked, runs set up."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar, cast

from attrs import define, evolve, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.asides import ProgressLine, fitting, silence
from openrouter_embeddings._base.logs import log
from openrouter_embeddings._base.matrices import checked_matrix
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._bulk.halving import Cutting
from openrouter_embeddings._bulk.intake import checked_hits
from openrouter_embeddings._bulk.output import Course, Result
from openrouter_embeddings._bulk.reader import make_source
from openrouter_embeddings._bulk.run import BulkRun, Plan
from openrouter_embeddings._bulk.space import keys_of
from openrouter_embeddings.cache import EmbeddingCache, Store
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import (
    are_plain,
    checked_inputs,
    checked_prefix,
    embedding_request,
    is_plain,
    one_input,
)
from openrouter_embeddings.limits import Limits
from openrouter_embeddings.values import RunStats

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
    from os import PathLike
    from types import EllipsisType

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.output import ResultMatrix
    from openrouter_embeddings._request.operations import BatchOperation
    from openrouter_embeddings._request.retry import RetryConfig
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits, KeyMaker
    from openrouter_embeddings.inputs import EmbeddingRequest, Input
    from openrouter_embeddings.provider import ProviderPreferences
    from openrouter_embeddings.values import EmbeddedBatch, ModelInfo

T = TypeVar("T")

__all__ = ["BulkOptions", "OnError", "OnLong", "RequestOptions"]

_log = logging.getLogger("openrouter_embeddings")

OnError = Literal["raise", "keep"]
OnLong = Literal["error", "truncate"]


class RequestOptions(TypedDict, total=False):
    """What each request of a bulk run carries.

    Attributes:
        dimensions: The width of the vectors, for models that can shorten them.
        input_type: What the inputs are for, ``"search_document"`` say.
        provider: Which providers may serve the requests.
        user: Who the requests are for.
        session_id: Groups requests in the service's logs.
        trace: Names and ids for the service's tracing.
        extra_headers: More headers.
        extra_body: More fields for each body.
        prefix: What is put before each text as it stands, ``"query: "`` say, for models that were
            trained so. It counts as part of the text in the key, the limits and the estimate, and
            is refused with inputs that are no texts.
    """

    dimensions: int | None
    input_type: str | None
    provider: ProviderPreferences | Mapping[str, object] | None
    user: str | None
    session_id: str | None
    trace: Mapping[str, object] | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, object] | None
    prefix: str | None


class BulkOptions(RequestOptions, total=False):
    """How a bulk run goes about it; beside what each request carries.

    Attributes:
        cache: An `EmbeddingCache`, any other object with ``find`` and ``put``, or the path of a
            cache; what it has is not sent.
        limits: Bounds of batches, concurrency and memory.
        max_cost: The most to spend in USD; the run stops before the next request could cross it,
            which counts each byte of a text as a token. The model's price must be fixed.
        pin_provider: Let the provider of the first answer give all; another one is an error, and
            another model too. Where the first answer names none, `notes` says so.
        on_long: What becomes of a text that the service refuses as too long: ``"error"`` makes it a
            failure, ``"truncate"`` cuts it until it fits and lists it in `truncated`.
        retries: Another retry policy; None for single attempts. What the service refuses because it
            takes nothing more for the moment is no attempt: it waits its turn until its deadline.
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for each request with its retries, waits and time in the queue.
    """

    cache: Store | str | PathLike[str] | None
    limits: Limits
    max_cost: float | None
    pin_provider: bool
    on_long: OnLong
    retries: RetryConfig | None
    timeout: float | None
    deadline: float | None


@frozen
class BulkSetup:
    """A bulk run that is set up, but for its inputs.

    Attributes:
        plan: What it is to do, but for what the listing says and where its vectors end.
        settings: Times and retries.
        may_cut: Whether texts that are too long are cut.
        cache: The cache, its path, or None.
    """

    plan: Plan
    settings: Settings
    may_cut: bool
    cache: Store | str | PathLike[str] | None

    @property
    def keys(self) -> KeyMaker:
        """Make the keys of inputs, as a run would that is not pinned to a provider."""
        return keys_of(self.plan.template, self.plan.source)

    @property
    def needs_listing(self) -> bool:
        """Say whether the run must know what the listing says of the model."""
        return self.plan.max_cost is not None or self.may_cut

    def run(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        listed: ModelInfo | None,
        matrix: ResultMatrix,
        *,
        in_loop: bool = False,
    ) -> BulkRun:
        """Begin the run over the inputs.

        Args:
            inputs: The inputs.
            listed: What the listing says of the model, if that is needed.
            matrix: The matrix that collects the vectors of the whole run, if there is one.
            in_loop: Whether the run is carried out in an event loop.
        """
        context = listed.context_length if listed else None
        plan = evolve(
            self.plan,
            price=self._price(listed),
            context=context or None,
            cutting=Cutting(context, len(self.plan.prefix)) if self.may_cut else None,
            matrix=matrix,
        )
        checked = checked_inputs(inputs, in_loop=in_loop)
        return BulkRun(plan, make_source(checked, self.settings.clock, in_loop=in_loop))

    def _price(self, listed: ModelInfo | None) -> float | None:
        """Return what a token costs; a bound of the cost needs to know.

        Raises:
            ConfigurationError: There is such a bound, and no fixed price.
        """
        price = listed.pricing.prompt if listed else None
        if price is None and self.plan.max_cost is not None:
            model = self.plan.template.model
            message = f"max_cost needs a fixed price; the listing has none for {model}."
            hint = "Leave max_cost out, or choose a model whose price is listed."
            raise ConfigurationError(message, argument="max_cost", hint=hint)
        return None if price is None else float(price)

    @contextmanager
    def store(self) -> Iterator[Store | None]:
        """Open the cache by its path; only what is opened here is closed again."""
        if not isinstance(self.cache, str | os.PathLike):
            yield _usable(self.cache)
            return
        with EmbeddingCache(self.cache) as opened:
            yield _usable(opened)


@frozen
class _Guarded:
    """A cache of another make, whose answers are checked, or one that cannot be written."""

    cache: Store
    writable: bool

    def find(self, keys: Sequence[bytes]) -> Sequence[Hits]:
        """Return the vectors that are there, in the order of the keys."""
        return checked_hits(self.cache.find(keys), len(keys))

    def put(self, vectors: Mapping[bytes, Vectors], *, model: str) -> None:
        """Keep vectors, or nothing where the cache cannot be written."""
        if self.writable:
            self.cache.put(vectors, model=model)


def _usable(cache: Store | None) -> Store | None:
    writable = bool(getattr(cache, "writable", True))
    if cache is None or (writable and isinstance(cache, EmbeddingCache)):
        return cache
    if not writable:
        message = "%r cannot be written: what is paid for now is not kept in it"
        log(_log, logging.WARNING, message, cache)
    return _Guarded(cache, writable)


Refusal = type[ConfigurationError] | tuple[()]


@define(eq=False)
class Guarded:
    """A cache that is left out from its first failure on: that costs no vector that was paid for.

    An object that is no cache at all is told by its first answer, before anything is sent.

    Attributes:
        cache: The cache.
        notes: Where the failure is said, for the result.
    """

    cache: Store
    notes: list[str]
    _failed: bool = field(init=False, default=False)
    _answered: bool = field(init=False, default=False)

    def find(self, keys: Sequence[bytes]) -> Sequence[Hits]:
        """Return the vectors that are there, in the order of the keys; none after a failure.

        Raises:
            ConfigurationError: The first answer is none that a cache gives.
        """
        nothing: Sequence[Hits] = ()
        refuses = () if self._answered else ConfigurationError
        found = self._try(lambda: self.cache.find(keys), nothing, refuses)
        self._answered = True
        return found

    def put(self, vectors: Mapping[bytes, Vectors], *, model: str) -> None:
        """Keep vectors, where nothing has failed so far."""
        self._try(lambda: self.cache.put(vectors, model=model), None)

    def _try(self, work: Callable[[], T], instead: T, refuses: Refusal = ()) -> T:
        if self._failed:
            return instead
        try:
            return work()
        except refuses:
            raise
        except Exception as exc:  # noqa: BLE001 - a cache of any make fails in any way
            self._leave_out(exc)
            return instead

    def _leave_out(self, exc: Exception) -> None:
        if self._failed:  # beside this, in another thread
            return
        self._failed = True
        note = f"The cache was left out from here on: {type(exc).__name__}: {exc}"
        self.notes.append(note)
        log(_log, logging.WARNING, "%s", note)


def guarded(cache: Store | None, notes: list[str]) -> Store | None:
    """Guard a run against its cache."""
    return None if cache is None else Guarded(cache, notes)


_BULK_NAMES = frozenset(BulkOptions.__annotations__)
_REQUEST_NAMES = frozenset(RequestOptions.__annotations__)


def set_up(
    model: object,
    settings: Settings,
    operation: Callable[[EmbeddingRequest], BatchOperation],
    given: Mapping[str, object],
) -> BulkSetup:
    """Check the options of a bulk run.

    Raises:
        ConfigurationError: One is unknown or cannot be used.
    """
    limits = given.get("limits", Limits())
    if not isinstance(limits, Limits):
        raise arguments.bad_type("limits", "Limits", limits)
    template = write_template(model, given, _BULK_NAMES)
    own = settings.override(
        cast("float | EllipsisType | None", given.get("timeout", ...)),
        cast("float | EllipsisType | None", given.get("deadline", ...)),
        cast("RetryConfig | EllipsisType | None", given.get("retries", ...)),
    )
    most, cache = given.get("max_cost"), _checked_cache(given.get("cache"))
    named = getattr(cache, "source", None)
    plan = Plan(
        template=template,
        call=lambda request, now, paid: own.batch_call(operation(request), now, paid),
        limits=limits,
        most_paid=own.most_paid,
        max_cost=None if most is None else arguments.number("max_cost", most),
        pin_provider=arguments.flag("pin_provider", given.get("pin_provider", False)),
        asks=cache is not None,
        source=named if isinstance(named, str) else own.base_url,
        prefix=checked_prefix(given.get("prefix")),
    )
    on_long = arguments.choice("on_long", given.get("on_long", "error"), ("error", "truncate"))
    return BulkSetup(plan, own, on_long == "truncate", cache)


def _checked_cache(cache: object) -> Store | str | PathLike[str] | None:
    if cache is None or isinstance(cache, str | os.PathLike):
        return cache
    if isinstance(cache, type) or not isinstance(cache, Store):
        wanted = "an EmbeddingCache, an object with find and put, or the path of a cache"
        raise arguments.bad_type("cache", wanted, cache)
    return cache


def write_template(
    model: object, given: Mapping[str, object], known: frozenset[str] = _REQUEST_NAMES
) -> EmbeddingRequest:
    """Check what each request carries, and write it as one request without its inputs."""
    for name in given:
        if name not in known:
            raise arguments.unknown_name(name, name, known)
    request = {name: given[name] for name in given if name in _REQUEST_NAMES - {"prefix"}}
    return embedding_request(input="template", model=model, **request)  # type: ignore[arg-type]  # checked in there


def prepare_result(
    inputs: Iterable[Input] | AsyncIterable[Input],
    on_error: object,
    options: BulkOptions | None = None,
    out: object = None,
    course: Course | None = None,
) -> Result:
    """Prepare the result, and check lists as a whole before anything is sent or paid.

    Raises:
        ConfigurationError: An input of a list cannot be used, and errors are to be raised; or the
            vectors cannot be written into `out`.
    """
    arguments.choice("on_error", on_error, ("raise", "keep"))
    if not isinstance(inputs, list | tuple):
        if out is not None:
            raise arguments.bad_type("inputs", "a list or tuple where out= is given", inputs)
        return Result(None)
    given = options or {}
    dimensions = given.get("dimensions")
    matrix = None if out is None else checked_matrix("out", out, len(inputs))
    if matrix is not None and isinstance(dimensions, int) and dimensions != matrix.shape[1]:
        problem = f"must be as wide as dimensions={dimensions!r} asks for"
        raise arguments.bad_value("out", problem, matrix.shape)
    if on_error == "raise" and not are_plain(inputs):
        before = checked_prefix(given.get("prefix"))
        for position, value in enumerate(inputs):
            if not is_plain(value):
                one_input(position, value, before)
    return Result(len(inputs), matrix, course or Course())


def choose_reporter(
    progress: bool | Callable[[EmbeddedBatch], None],  # noqa: FBT001 - a switch for callers
    total: int | None = None,
) -> Callable[[EmbeddedBatch], None]:
    """Return what is told of each batch: the caller's function, a line, nothing.

    Args:
        progress: The caller's function, or whether a line is wanted.
        total: How many inputs there are; None where nobody knows yet.
    """
    if callable(progress):
        return progress
    return ShownBatches(total) if arguments.flag("progress", progress) else _nowhere


def _nowhere(_batch: EmbeddedBatch) -> None:
    """Report nothing."""


@define(eq=False)
class ShownBatches:
    """How far a run is, on a line of standard error.

    Attributes:
        total: How many inputs there are, or None.
        line: The line; entered while the run lasts.
    """

    total: int | None
    line: ProgressLine = field(init=False)
    _done: int = field(init=False, default=0)
    _failed: int = field(init=False, default=0)
    _stats: RunStats = field(init=False, factory=RunStats)

    def __attrs_post_init__(self) -> None:
        """Prepare the line."""
        self.line = ProgressLine(self.words, seldom=_SELDOM, is_kept=True)

    def __call__(self, batch: EmbeddedBatch) -> None:
        """Show a batch."""
        self._done, self._stats = batch.start + len(batch), batch.stats
        self._failed += len(batch.failures)
        self.line.tell()

    def words(self, columns: int, idle: float) -> str:
        """Say how far the run is, after so many seconds without a batch."""
        stats, inputs = self._stats, counted(self._done, "input")
        if self.total is not None:
            inputs = f"{self._done:,} of {counted(self.total, 'input')}"
        parts = [
            inputs,
            silence(idle) if self._done else "waiting for the first reply",
            f"{self._failed:,} failed" if self._failed else "",
            f"throttled {stats.throttled_seconds:.0f} s" if stats.throttled_seconds else "",
            counted(stats.retries, "retry", "retries") if stats.retries else "",
            f"${stats.cost:.6f}",
        ]
        return fitting(parts if self._done or idle else parts[:2], columns)


# Seconds between two lines where none can be redrawn: in a pipe, a file, a notebook.
_SELDOM = 10.0
