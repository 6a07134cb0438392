"""The errors that the client raises, in four families for four things a caller does next.

OpenRouterError                       .message .request_id .hint
├─ ConfigurationError                 change the call; nothing was sent          (also a ValueError)
│  └─ MissingExtraError               install an extra                      (also an ImportError)
├─ NoResponseError                    no complete answer; the request may be sent again
│  └─ DeadlineExceededError           out of time
├─ ResponseError                      the service said no
│  ├─ BadRequestResponseError          400      ├─ UnauthorizedResponseError          401
│  ├─ PaymentRequiredResponseError     402      ├─ ForbiddenResponseError             403
│  ├─ NotFoundResponseError            404      ├─ RequestTimeoutResponseError        408
│  ├─ PayloadTooLargeResponseError     413      ├─ UnprocessableEntityResponseError   422
│  ├─ TooManyRequestsResponseError     429      ├─ InternalServerResponseError        500
│  ├─ BadGatewayResponseError          502      ├─ ServiceUnavailableResponseError    503
│  ├─ GatewayTimeoutResponseError      504      ├─ EdgeNetworkTimeoutResponseError    524
│  ├─ ProviderOverloadedResponseError  529      └─ OpenRouterDefaultError             any other
├─ ResponseValidationError            a 2XX that is not what the contract promises
│  └─ VectorError                     wrong count, index, width, or not finite
├─ PartialFailureError                a bulk run with failures; `.result` holds what was paid for
└─ JobStoppedError                    a job that ended early; the same call goes on from there

Which of them are worth sending again is said in `openrouter_embeddings._request.retry`, once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BadGatewayResponseError",
    "BadRequestResponseError",
    "ConfigurationError",
    "DeadlineExceededError",
    "EdgeNetworkTimeoutResponseError",
    "ForbiddenResponseError",
    "GatewayTimeoutResponseError",
    "InternalServerResponseError",
    "InvalidTypeError",
    "JobStoppedError",
    "MissingExtraError",
    "NoResponseError",
    "NotFoundResponseError",
    "OpenRouterDefaultError",
    "OpenRouterError",
    "PartialFailureError",
    "PayloadTooLargeResponseError",
    "PaymentRequiredResponseError",
    "ProviderOverloadedResponseError",
    "RequestTimeoutResponseError",
    "ResponseError",
    "ResponseValidationError",
    "ServiceUnavailableResponseError",
    "TooManyRequestsResponseError",
    "UnauthorizedResponseError",
    "UnprocessableEntityResponseError",
    "VectorError",
]


Obstacle = Literal["certificate", "proxy", "name"]
"""What can stand in the way of every request to a service."""


class OpenRouterError(Exception):
    """Anything that this package raises on purpose.

    Attributes:
        message: What went wrong, in one line, with the service's own words where it had any.
        request_id: The id to quote to support, from the reply's headers or body, if one came.
        hint: What to do next, if that is known.
        cost: What the attempts behind it cost in USD, as far as replies said; None where something
            may have been charged and no reply said how much.
        possible_cost: What may have been charged beside it in USD, for requests that were handed
            over and never answered; None where nobody knows how much.
    """

    def __init__(
        self, message: str = "", *, request_id: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.hint = hint
        self.cost: float | None = 0.0
        self.possible_cost: float | None = 0.0

    def __str__(self) -> str:
        """Join the message, the hint and the request id into one readable text."""
        request = f"(request {self.request_id})" if self.request_id else None
        message = (
            self.message if not self.hint or self.message[-1:] in ".!?" else f"{self.message}."
        )
        return " ".join(part for part in (message, self.hint, request) if part)


class ConfigurationError(OpenRouterError, ValueError):
    """The call itself is wrong; nothing was sent.

    Attributes:
        argument: The name of the offending argument, with its position: ``"input[3]"``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        argument: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.argument = argument


class InvalidTypeError(ConfigurationError, TypeError):
    """An argument has a type that cannot be used; nothing was sent."""


class MissingExtraError(ConfigurationError, ImportError):
    """A feature needs an optional dependency that is not installed; the hint has the command."""


class NoResponseError(OpenRouterError):
    """No complete answer arrived: connection, protocol or time.

    Attributes:
        sent: The whole request was handed over, so that the service may have charged for it.
        begun: A reply had begun to arrive, so that the service most likely has charged for it.
        timed_out: Time ran out, as opposed to a connection that broke.
        written: How often the request was handed over whole within this attempt: twice where a kept
            connection turned out closed, and the request went out again on a new one.
        obstacle: What stands in the way of every request: ``"certificate"``, ``"proxy"``, or
            ``"name"`` for a host that nobody knows and that never replied; None where the next one
            may pass.
    """

    def __init__(
        self,
        message: str = "",
        *,
        sent: bool = False,
        begun: bool = False,
        timed_out: bool = False,
        written: int = 0,
        obstacle: Obstacle | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.written = written
        self.sent = sent
        self.begun = begun
        self.timed_out = timed_out
        self.obstacle: Obstacle | None = obstacle


class DeadlineExceededError(NoResponseError):
    """The time for one logical request ran out.

    Attributes:
        attempts: How many attempts were made.
        last_error: What the last attempt ended with, if there was one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        attempts: int = 0,
        last_error: OpenRouterError | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, timed_out=True, request_id=request_id, hint=hint)
        self.attempts = attempts
        self.last_error = last_error


class ResponseError(OpenRouterError):
    """The service answered, and the answer is no.

    Attributes:
        status_code: What the error means, as an HTTP status: the error object's own code where it
            is one, else the status of the reply.
        http_status: The status of the reply itself; 200 when the error came inside a success.
        code: The error object's code exactly as sent (the service also sends texts), or None.
        metadata: The error object's details as sent; provider names and the provider's words.
        headers: The reply's headers, names in lower case.
        body: The reply's body as text. It can hold the id of the account: do not log it.
        retry_after: Seconds that the service asks to wait, or None if it does not say. Zero means
            now.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int = 0,
        http_status: int | None = None,
        code: int | str | None = None,
        metadata: Mapping[str, object] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
        body: str = "",
        retry_after: float | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.status_code = status_code
        self.http_status = status_code if http_status is None else http_status
        self.code = code
        self.metadata = dict(metadata)
        self.headers = dict(headers)
        self.body = body
        self.retry_after = retry_after


class BadRequestResponseError(ResponseError):
    """400: the request is malformed, the model unknown, an input too long."""


class UnauthorizedResponseError(ResponseError):
    """401: the key is missing, unknown or switched off."""


class PaymentRequiredResponseError(ResponseError):
    """402: credits or the key's budget are used up, or too many requests are in flight for them."""


class ForbiddenResponseError(ResponseError):
    """403: a spending limit of the key, a guardrail, moderation, or the region."""


class NotFoundResponseError(ResponseError):
    """404: no such model, or no provider left that may serve it."""


class RequestTimeoutResponseError(ResponseError):
    """408: the service gave up waiting."""


class PayloadTooLargeResponseError(ResponseError):
    """413: the request is too large; send fewer inputs at once."""


class UnprocessableEntityResponseError(ResponseError):
    """422: well-formed, and still refused, for instance too many inputs for the provider."""


class TooManyRequestsResponseError(ResponseError):
    """429: a rate limit, of the service or of the provider behind it."""


class InternalServerResponseError(ResponseError):
    """500: something broke at the service."""


class BadGatewayResponseError(ResponseError):
    """502: the provider failed, or sent something unusable."""


class ServiceUnavailableResponseError(ResponseError):
    """503: no provider can serve the model now."""


class GatewayTimeoutResponseError(ResponseError):
    """504: the provider did not answer in time."""


class EdgeNetworkTimeoutResponseError(ResponseError):
    """524: the network in front of the service gave up waiting."""


class ProviderOverloadedResponseError(ResponseError):
    """529: the provider is overloaded."""


class OpenRouterDefaultError(ResponseError):
    """Any other status that is not a success."""


class ResponseValidationError(OpenRouterError):
    """A success that is not what the contract promises; it was probably paid for.

    Attributes:
        body: The first part of the reply's body as text.
    """

    def __init__(
        self,
        message: str = "",
        *,
        body: str = "",
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.body = body


class VectorError(ResponseValidationError):
    """The vectors of a reply cannot be trusted: wrong count, index, width, or odd numbers.

    Attributes:
        vectors: How many vectors came, where the count is what is wrong; else None.
        rows: The positions of the inputs concerned, where single vectors are what is wrong.
        undecodable: The base64 text cannot be what it claims; numbers may still be had.
    """

    def __init__(
        self,
        message: str = "",
        *,
        vectors: int | None = None,
        rows: tuple[int, ...] = (),
        undecodable: bool = False,
        body: str = "",
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, body=body, request_id=request_id, hint=hint)
        self.vectors = vectors
        self.rows = rows
        self.undecodable = undecodable


class PartialFailureError(OpenRouterError):
    """A bulk run ended with some inputs failed.

    Attributes:
        result: Everything that was paid for, with the failures beside it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        result: object = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.result = result


class JobStoppedError(OpenRouterError):
    """A job from file to file ended early; what was done is kept, and the same call goes on.

    Attributes:
        report: A `openrouter_embeddings.jobs.JobReport` of what was done.
    """

    def __init__(
        self,
        message: str = "",
        *,
        report: object = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, hint=hint)
        self.report = report


ERROR_OF_STATUS: Mapping[int, type[ResponseError]] = MappingProxyType(
    {
        400: BadRequestResponseError,
        401: UnauthorizedResponseError,
        402: PaymentRequiredResponseError,
        403: ForbiddenResponseError,
        404: NotFoundResponseError,
        408: RequestTimeoutResponseError,
        413: PayloadTooLargeResponseError,
        422: UnprocessableEntityResponseError,
        429: TooManyRequestsResponseError,
        500: InternalServerResponseError,
        502: BadGatewayResponseError,
        503: ServiceUnavailableResponseError,
        504: GatewayTimeoutResponseError,
        524: EdgeNetworkTimeoutResponseError,
        529: ProviderOverloadedResponseError,
    }
)
"""The class of every status that has one of its own; all others are `OpenRouterDefaultError`."""
