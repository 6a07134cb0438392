"""The table of refusals: errors by status, envelope and words, and what each may mean.

`TABLE` is read from the top: each row that fits an error says what it may mean, and may ask for
what rows above it said, or forbid that.
"""

from __future__ import annotations

from enum import Flag, auto
from types import EllipsisType
from typing import TYPE_CHECKING

from attrs import field, frozen

from openrouter_embeddings._request.verdicts.words import number_in, words_about
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ConfigurationError,
    ForbiddenResponseError,
    InternalServerResponseError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterError,
    PayloadTooLargeResponseError,
    PaymentRequiredResponseError,
    ResponseError,
    ResponseValidationError,
    UnauthorizedResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 525), 529})
"""The statuses that can pass by themselves; so can a 402 that requests in flight caused."""


class Means(Flag):
    """What an error may mean; the first ones are steps to the others."""

    FLAGGED = auto()
    A_PAGE = auto()
    LASTS = auto()
    LOST_INSIDE = auto()
    FELL_OVER_INPUTS = auto()
    NUMBER = auto()
    LONG = auto()
    PASSES = auto()
    MISDIRECTED = auto()
    FATAL = auto()
    THROTTLING = auto()
    PACE = auto()
    MAY_HAVE_COST = auto()
    DRIPS = auto()
    TIMED_OUT = auto()
    RAN_OUT = auto()
    AGGREGATED = auto()
    NO_BASE64 = auto()
    CONTENT = auto()
    INPUTS = auto()
    UNKNOWN = auto()
    SETTINGS = auto()
    ARGUMENT = auto()


_NOTHING = Means(0)


@frozen
class Row:
    """A kind of refusal, and what it may mean.

    Attributes:
        means: What that is.
        kinds: Errors of these families.
        statuses: With one of these statuses, the envelope's own where it has one; any if empty.
        having: With attributes of these values; the ellipsis is any but None.
        metadata: With one of these in the metadata: a value, one of several, or any: the ellipsis.
        says: With these words in the message.
        holds: With these words in the body.
        silent: Without any of these words in the message.
        given: Where rows above said one of these.
        unless: Where rows above said none of these.
    """

    means: Means
    kinds: tuple[type[OpenRouterError], ...]
    statuses: Collection[int] = ()
    having: Mapping[str, object] = field(kw_only=True, factory=dict)
    metadata: Mapping[str, object] = field(kw_only=True, factory=dict)
    says: str = field(kw_only=True, default="")
    holds: str = field(kw_only=True, default="")
    silent: tuple[str, ...] = field(kw_only=True, default=())
    given: Means = field(kw_only=True, default=_NOTHING)
    unless: Means = field(kw_only=True, default=_NOTHING)

    def fits(self, error: OpenRouterError, found: Means) -> bool:
        """Say whether an error is of this kind, with what was found of it so far."""
        return (
            isinstance(error, self.kinds)
            and (not self.given or bool(self.given & found))
            and not self.unless & found
            and (not self.statuses or getattr(error, "status_code", None) in self.statuses)
            and all(_has(getattr(error, name, None), v) for name, v in self.having.items())
            and self._has_metadata(error)
            and self._has_words(error)
        )

    def _has_metadata(self, error: OpenRouterError) -> bool:
        own: Mapping[str, object] = getattr(error, "metadata", {})
        wanted = self.metadata.items()
        return not wanted or any(
            name in own and (value is ... or _has(own[name], value)) for name, value in wanted
        )

    def _has_words(self, error: OpenRouterError) -> bool:
        if self.says and not words_about(self.says).search(error.message):
            return False
        if self.says == "number" and not number_in(error.message):
            return False
        if self.holds and not words_about(self.holds).search(getattr(error, "body", "")):
            return False
        return not any(words_about(about).search(error.message) for about in self.silent)


def _has(own: object, wanted: object) -> bool:
    if isinstance(wanted, EllipsisType):
        return own is not None
    if isinstance(wanted, frozenset):
        return isinstance(own, str) and own in wanted
    return own == wanted


_REPLY, _SILENT = (ResponseError,), (NoResponseError,)
_UNREADABLE, _VECTORS = (ResponseValidationError,), (VectorError,)
_ODD, _FORBIDDEN = (BadRequestResponseError,), (ForbiddenResponseError,)
_LARGE = (PayloadTooLargeResponseError,)
_ABOUT_INPUTS = (*_ODD, *_LARGE, UnprocessableEntityResponseError)
_SIZED = (*_ABOUT_INPUTS, InternalServerResponseError)
_KEY = (UnauthorizedResponseError, PaymentRequiredResponseError, ConfigurationError)

_SLOW_STATUSES = {408, 504, 524}
_IN_FLIGHT = {"limit_source": "openrouter_in_flight_budget"}
_DAILY = {"limit_source": "openrouter_free_tier_daily"}
_FLAGS: Mapping[str, object] = {"reasons": ..., "flagged_input": ..., "patterns": ...}
_TOO_LONG = {
    "error_type": frozenset(
        {
            "context_length_exceeded",
            "max_tokens_exceeded",
            "token_limit_exceeded",
            "string_too_long",
        }
    )
}
_M = Means

TABLE = (
    # What other rows ask for.
    Row(_M.FLAGGED, _REPLY, metadata=_FLAGS),
    Row(_M.A_PAGE, (*_REPLY, *_UNREADABLE), holds="page"),
    # A quota is used up that does not come back for hours. Where the words alone say so and a wait
    # is named, the wait is what counts.
    Row(_M.LASTS, _REPLY, {429}, metadata=_DAILY),
    Row(_M.LASTS, _REPLY, {429}, having={"retry_after": None}, says="lasts"),
    Row(_M.LASTS, _REPLY, {429}, holds="lasts, in the body"),
    # No provider answered a request that the service had begun to answer: a blocked host, a passing
    # fault of a provider, or settings that the model has not.
    Row(_M.LOST_INSIDE, (NotFoundResponseError,), having={"http_status": 200}),
    # How many and how long.
    Row(_M.NUMBER, _REPLY, {400, 413, 422, *range(500, 529)}, says="number", silent=("pace",)),
    Row(_M.LONG, _SIZED, metadata=_TOO_LONG),
    Row(_M.LONG, _SIZED, says="long", silent=("pace", "number")),
    Row(_M.LONG, _LARGE, silent=("pace", "number")),
    Row(_M.FELL_OVER_INPUTS, _REPLY, range(500, 1_000), given=_M.NUMBER | _M.LONG),
    # There is no such endpoint: base_url is wrong. A 404 that speaks of a model is another matter;
    # so is a page under a status that says that the network before the service is down.
    Row(_M.MISDIRECTED, _UNREADABLE, given=_M.A_PAGE),
    Row(_M.MISDIRECTED, _REPLY, having={"http_status": 405}),
    Row(_M.MISDIRECTED, _REPLY, having={"http_status": 404}, given=_M.A_PAGE),
    Row(_M.MISDIRECTED, _REPLY, having={"http_status": 404}, says="nowhere"),
    # It can succeed later, without anybody doing anything.
    Row(_M.PASSES, _SILENT, having={"obstacle": None}),
    Row(_M.PASSES, _UNREADABLE, unless=_M.MISDIRECTED),
    Row(_M.PASSES, _REPLY, {404}, given=_M.LOST_INSIDE),
    Row(_M.PASSES, _REPLY, {402}, metadata=_IN_FLIGHT),
    Row(_M.PASSES, _REPLY, TRANSIENT_STATUSES, unless=_M.LASTS | _M.FELL_OVER_INPUTS),
    # Too much at once; a 408 is not for the pace: the work had begun, and may be charged for.
    Row(_M.THROTTLING, _SILENT, having={"timed_out": True}),
    Row(_M.THROTTLING, _REPLY, {402, 408, 429, 529}, given=_M.PASSES),
    Row(_M.PACE, _REPLY, {402, 429, 529}, given=_M.PASSES),
    # Every other request would end in the same way.
    Row(_M.FATAL, _SILENT, having={"obstacle": ...}),
    Row(_M.FATAL, _REPLY, given=_M.LASTS),
    Row(_M.FATAL, _KEY, unless=_M.PASSES),
    # A limit of the key, as opposed to moderation, or to a firewall that dislikes a text.
    Row(_M.FATAL, _FORBIDDEN, unless=_M.FLAGGED | _M.A_PAGE),
    Row(_M.FATAL, _ODD, says="account"),
    Row(_M.FATAL, _REPLY, {404, 405, 407}, unless=_M.PASSES),
    # The service may have computed what was asked for: it began a success, took the whole request
    # and gave no status, or says that time ran out. Every other refusal is free.
    Row(_M.MAY_HAVE_COST, _SILENT, having={"sent": True}),
    Row(_M.MAY_HAVE_COST, _UNREADABLE),
    Row(_M.MAY_HAVE_COST | _M.RAN_OUT, _REPLY, _SLOW_STATUSES),
    Row(_M.TIMED_OUT | _M.RAN_OUT, _SILENT, having={"timed_out": True}),
    Row(_M.DRIPS, _SILENT, having={"timed_out": True, "begun": True}),
    Row(_M.AGGREGATED, _VECTORS, having={"vectors": 1}),
    # Models without base64 that were asked for it. 422: TEI and FastAPI servers; 501: gateways;
    # 500: a server that fell over it.
    Row(_M.NO_BASE64, _VECTORS, having={"vectors": 0}),
    Row(_M.NO_BASE64, _VECTORS, having={"undecodable": True}),
    Row(_M.NO_BASE64, _REPLY, given=_M.LOST_INSIDE, says="nobody answered"),
    Row(
        _M.NO_BASE64,
        _REPLY,
        {400, 404, 415, 422, 500, 501},
        says="encoding_format",
        unless=_M.LOST_INSIDE,
    ),
    Row(
        _M.NO_BASE64,
        _REPLY,
        {400, 404, 415, 422, 500, 501},
        holds="encoding_format",
        unless=_M.LOST_INSIDE,
    ),
    # An input must be to blame, as opposed to their number or chance.
    Row(_M.CONTENT, (*_ODD, *_FORBIDDEN)),
    # A smaller request may succeed, or tell which input is to blame.
    Row(_M.INPUTS, _REPLY, given=_M.FELL_OVER_INPUTS),
    Row(_M.INPUTS, (*_ABOUT_INPUTS, *_FORBIDDEN), unless=_M.FATAL),
    # Nobody knows what a 406, 418 or 451 is about: dividing finds out.
    Row(_M.INPUTS | _M.UNKNOWN, _REPLY, range(400, 500), unless=_M.FATAL | _M.PASSES | _M.INPUTS),
    # What all requests have in common.
    Row(_M.SETTINGS, _REPLY, given=_M.UNKNOWN),
    Row(
        _M.SETTINGS,
        _REPLY,
        {400, 403, 422},
        given=_M.INPUTS,
        unless=_M.LONG | _M.NUMBER | _M.FLAGGED,
    ),
    Row(_M.ARGUMENT, _REPLY, {400, 422, 501}, unless=_M.FATAL | _M.LONG | _M.NUMBER),
)
"""Every refusal, and what it may mean."""
