"""Events as spans and metrics, in the SDK's in-memory exporters."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from openrouter_embeddings import AttemptFinished, BatchSettled, Limits, OpenRouter
from openrouter_embeddings.telemetry import OpenTelemetry
from openrouter_embeddings.testing import faults

TEXTS = [f"text {number}" for number in range(6)]


class Recorded:
    """A program's OpenTelemetry, as far as it is looked at."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.traces = TracerProvider()
        self.traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.listener = OpenTelemetry(tracer_provider=self.traces, meter_provider=self.meters)

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def points(self, name):
        found = self.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
        (metric,) = (each for each in found if each.name == name)
        return metric.unit, list(metric.data.data_points)


@pytest.fixture
def recorded():
    made = Recorded()
    yield made
    made.traces.shutdown()
    made.meters.shutdown()


def test_a_span_has_the_names_of_the_conventions(server, connect, recorded):
    """And begins and ends with its attempt."""
    connect(on_event=recorded.listener).generate(["a red fox", "b"], dimensions=4)
    (span,) = recorded.spans
    host, port = server.base_url.split("/")[2].split(":")

    assert (span.name, span.kind) == ("embeddings test/embedding", SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openrouter",
        "gen_ai.request.model": "test/embedding",
        "gen_ai.response.model": "embedding",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.embeddings.dimension.count": 4,
        "gen_ai.request.encoding_formats": ("base64",),
        "server.address": host,
        "server.port": int(port),
        "http.response.status_code": 200,
        "openrouter.attempt": 1,
        "openrouter.cost": 3 * 2e-8,
        "openrouter.inputs": 2,
        "openrouter.provider": "Example AI",
    }
    assert span.status.status_code is StatusCode.UNSET


def test_times_are_those_of_the_attempt(recorded):
    """Whenever it is told of."""
    listener = OpenTelemetry(
        tracer_provider=recorded.traces,
        meter_provider=recorded.meters,
        clock=lambda: 107.0,
        now=lambda: 1_000 * 10**9,
    )
    listener(AttemptFinished("generate", "m", 1, 1, 2.5, started=103.0))
    (span,) = recorded.spans

    assert (span.start_time, span.end_time) == (996 * 10**9, 998_500_000_000)


def test_a_failed_attempt_says_so_and_quotes_nothing(server, connect, recorded):
    """Each attempt is a span of its own."""
    server.script(faults.provider_error(), faults.status(503, "a secret", retry_after=0))
    client = connect(on_event=recorded.listener)
    with pytest.raises(Exception, match="odd"):
        client.generate("a secret text")
    client.generate("a secret text")
    first, second, third = recorded.spans

    assert first.attributes["error.type"] == "BadRequestResponseError"
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description is None
    assert second.attributes["openrouter.attempt"] == 1
    assert third.attributes["openrouter.attempt"] == 2
    assert "error.type" not in third.attributes
    told = str([(span.name, span.attributes, span.events) for span in recorded.spans])
    assert "secret" not in told
    assert server.api_key not in told


def test_no_fault_brings_a_key_or_an_input_into_a_span(server, connect, recorded):
    """Whatever there is on the menu; each attempt that was begun has a span and its time."""
    quick = {"drip": faults.drip(0.001), "drip_headers": faults.drip_headers(0.001)}
    menu = faults.menu() | quick | {"silence": faults.silence(0.01)}
    client = connect(on_event=recorded.listener, deadline=0.3)
    for fault in menu.values():
        server.script(fault)
        client.embed(["my first secret", "my second secret"], on_error="keep")
    seen = [
        (span.name, span.attributes, span.events, span.status.description)
        for span in recorded.spans
    ]
    unit, points = recorded.points("gen_ai.client.operation.duration")
    told = str([seen, unit, points])

    assert sum(point.count for point in points) == len(recorded.spans) > 0
    assert "secret" not in told
    assert server.api_key not in told


def test_a_span_is_a_child_of_its_callers(server, connect, recorded):
    """Single calls and runs, with threads and in an event loop."""
    client = connect(on_event=recorded.listener)
    tracer = recorded.traces.get_tracer("program")
    with tracer.start_as_current_span("the caller's") as caller:
        client.generate("a")
        client.embed(TEXTS, limits=Limits(max_batch=1))
    ours = [span for span in recorded.spans if span.name.startswith("embeddings")]

    assert len(ours) == 7
    assert {span.parent.span_id for span in ours} == {caller.get_span_context().span_id}


def test_metrics_have_the_bounds_of_the_conventions(server, connect, recorded):
    """Seconds by their outcome, tokens by their kind."""
    server.script(faults.status(503, retry_after=0))
    connect(on_event=recorded.listener).generate("a red fox")
    unit, points = recorded.points("gen_ai.client.operation.duration")
    failed, good = sorted(points, key=lambda point: "error.type" not in point.attributes)

    assert unit == "s"
    assert failed.attributes["error.type"] == "ServiceUnavailableResponseError"
    assert (failed.count, good.count) == (1, 1)
    assert good.explicit_bounds[:3] == (0.01, 0.02, 0.04)
    assert len(good.explicit_bounds) == 14
    unit, (tokens,) = recorded.points("gen_ai.client.token.usage")
    assert unit == "{token}"
    assert tokens.sum == 2
    assert tokens.attributes["gen_ai.token.type"] == "input"
    assert tokens.explicit_bounds[-1] == 4**13


def test_other_events_are_no_operations(server, connect, recorded):
    """Neither the listing nor the end of a batch or a run."""
    connect(on_event=recorded.listener).list_models()
    recorded.listener(BatchSettled("m", 1, 0.0))

    assert recorded.spans == ()


def test_without_an_sdk_nothing_is_recorded_and_nothing_fails(server):
    """The API alone does nothing."""
    with OpenRouter(server.api_key, base_url=server.base_url, on_event=OpenTelemetry()) as client:
        assert len(client.embeddings.embed(TEXTS, model="m")) == 6
