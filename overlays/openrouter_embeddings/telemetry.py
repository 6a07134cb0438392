"""Events as OpenTelemetry spans and metrics: pass `on_event=OpenTelemetry()` to a client.

    from openrouter_embeddings.telemetry import OpenTelemetry

    client = OpenRouter(on_event=OpenTelemetry())

Each attempt becomes one span, a child of whatever span its caller is in. The names are those of
OpenTelemetry's conventions for generative AI; what these have no name for begins with
``openrouter.``. No input, no vector and no words of an error are recorded. The extra `otel` brings
the API; without an SDK in the program nothing is recorded, and nothing fails.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openrouter_embeddings._base.extras import require
from openrouter_embeddings._version import __version__
from openrouter_embeddings.events import AttemptFinished

require("opentelemetry.metrics", extra="otel")

from opentelemetry import metrics, trace  # noqa: E402 - after the check that names the extra
from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from openrouter_embeddings.events import Event

    Value = str | int | float | tuple[str, ...]

__all__ = ["OpenTelemetry"]

_SCOPE = "openrouter_embeddings"
_PORTS = {"http": 80, "https": 443}

# The bounds that the conventions recommend.
_SECONDS = tuple(0.01 * 2**power for power in range(14))
_TOKENS = tuple(4**power for power in range(14))


class OpenTelemetry:
    """A listener that turns attempts at embeddings into spans and metrics."""

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Make the instruments.

        Args:
            tracer_provider: Where spans go; None for the program's own.
            meter_provider: Where metrics go; None for the program's own.
            clock: The clock that events go by, in seconds.
            now: Returns the time of day in nanoseconds since 1970.
        """
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="How long an attempt took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="How many tokens an attempt had.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._clock = clock
        self._now = now

    def __call__(self, event: Event) -> None:
        """Record an attempt at embeddings; other events are no operations of their own."""
        if not isinstance(event, AttemptFinished) or event.operation != "generate":
            return
        common = _common(event)
        self._record_span(event, {**common, **_details(event)})
        self._seconds.record(event.seconds, {**common, **_failure(event)})
        if event.tokens is not None:
            self._tokens.record(event.tokens, {**common, "gen_ai.token.type": "input"})

    def _record_span(self, event: AttemptFinished, attributes: Mapping[str, Value]) -> None:
        begun = self._now() - round((self._clock() - event.started) * 1e9)
        span = self._tracer.start_span(
            f"embeddings {event.model}",
            kind=SpanKind.CLIENT,
            start_time=begun,
            attributes=attributes,
        )
        if event.error is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(begun + round(event.seconds * 1e9))


def _common(event: AttemptFinished) -> dict[str, Value]:
    """Write what spans and metrics have in common."""
    parts = urlsplit(event.base_url or "")
    return _known(
        {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openrouter",
            "gen_ai.request.model": event.model,
            "gen_ai.response.model": event.response_model,
            "server.address": parts.hostname,
            "server.port": parts.port or _PORTS.get(parts.scheme),
        }
    )


def _details(event: AttemptFinished) -> dict[str, Value]:
    """Write what a span has beside it."""
    return _failure(event) | _known(
        {
            "gen_ai.usage.input_tokens": event.tokens,
            "gen_ai.embeddings.dimension.count": event.dimensions,
            "gen_ai.request.encoding_formats": event.encoding and (event.encoding,),
            "http.response.status_code": event.status,
            "openrouter.attempt": event.attempt,
            "openrouter.cost": event.cost,
            "openrouter.inputs": event.inputs,
            "openrouter.provider": event.provider,
            "openrouter.request_id": event.request_id,
        }
    )


def _failure(event: AttemptFinished) -> dict[str, Value]:
    return {} if event.error is None else {"error.type": type(event.error).__name__}


def _known(values: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}
