"""The course of each call and of each run, begun alike for both clients.

What they stand on takes long to import and comes with the first call that needs it: numpy and the
generated models with the first request, what a bulk run is made of with the first run. Until then
a program that has a client at hand does not pay for them.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from openrouter_embeddings._request.lessons import Lessons

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from openrouter_embeddings._bulk.options import BulkOptions, BulkSetup, OnError
    from openrouter_embeddings._bulk.output import Course, Report, Result
    from openrouter_embeddings._request.flow import Flow
    from openrouter_embeddings._request.operations import BatchOperation
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.inputs import EmbeddingRequest, Input
    from openrouter_embeddings.values import EmbeddedBatch, EmbeddingsResponse, ModelInfo


class Calls:
    """What both namespaces share: the course of each call, and what was learnt from replies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lessons = Lessons(settings.clock)

    def _answer(self, request: EmbeddingRequest, settings: Settings) -> Flow[EmbeddingsResponse]:
        """Ask for the vectors of one request."""
        from openrouter_embeddings._request.flow import answer  # noqa: PLC0415 - see above
        from openrouter_embeddings._request.operations import EmbedOperation  # noqa: PLC0415

        return answer(EmbedOperation.of(request, self._lessons), settings)

    def _models(self, offset: object, limit: object, settings: Settings) -> Flow[Catalog]:
        from openrouter_embeddings._request.flow import list_models  # noqa: PLC0415 - see above

        return list_models(offset, limit, settings)

    def _model(self, model: str) -> Flow[ModelInfo]:
        from openrouter_embeddings._request.flow import find_model  # noqa: PLC0415 - see above

        return find_model(model, self._settings)

    def _batch_operation(self, request: EmbeddingRequest) -> BatchOperation:
        from openrouter_embeddings._request.operations import BatchOperation  # noqa: PLC0415

        return BatchOperation.of(request, self._lessons)

    def _set_up(self, model: str, options: Mapping[str, object]) -> BulkSetup:
        from openrouter_embeddings._bulk.options import set_up  # noqa: PLC0415 - see above

        return set_up(model, self._settings, self._batch_operation, options)

    def _begin(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        on_error: OnError,
        progress: bool | Callable[[EmbeddedBatch], None],  # noqa: FBT001 - private
        out: object,
        options: BulkOptions,
    ) -> tuple[Course, Result, Report]:
        """Begin a run: its course, what will be returned, and who is told of each batch."""
        from openrouter_embeddings._bulk.options import choose_reporter, prepare_result  # noqa: PLC0415
        from openrouter_embeddings._bulk.output import Course, Report  # noqa: PLC0415

        course = Course()
        result = prepare_result(inputs, on_error, options, out, course)
        return course, result, Report(choose_reporter(progress, result.expected), course)

    def _shown(self, report: Report) -> AbstractContextManager[object]:
        """Let the line of a run, where one is wanted, last as long as it does."""
        from openrouter_embeddings._bulk.options import ShownBatches  # noqa: PLC0415 - see above

        return report.tell.line if isinstance(report.tell, ShownBatches) else nullcontext()

    def _listed(self, setup: BulkSetup) -> Flow[ModelInfo | None]:
        """Ask what the listing says of the model, where a run must know."""
        if not setup.needs_listing:
            return None
        return (yield from self._model(setup.plan.template.model))
