"""The two endpoints as methods, for one request at a time and for any number of inputs.

Imports stand in the methods where they take long: see `_calls`.
"""

from __future__ import annotations

import os
import time
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from openrouter_embeddings._calls import Calls
from openrouter_embeddings._http.exchange import asend, check_open, send
from openrouter_embeddings._http.processes import check_process, of_one_process
from openrouter_embeddings._http.secrets import bound_to_a_process

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Generator,
        Iterable,
        Mapping,
        Sequence,
    )
    from os import PathLike
    from types import EllipsisType
    from typing import Unpack

    import httpx
    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings._bulk.options import BulkOptions, OnError, RequestOptions
    from openrouter_embeddings._bulk.output import (
        AsyncBatchStream,
        BatchStream,
        Course,
        ResultMatrix,
    )
    from openrouter_embeddings._request.flow import Answer, Flow
    from openrouter_embeddings._request.retry import RetryConfig
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Store
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.inputs import EncodingFormat, Input
    from openrouter_embeddings.provider import ProviderPreferences
    from openrouter_embeddings.values import EmbeddedBatch, EmbeddingsResponse, Estimate

__all__ = ["AsyncEmbeddings", "Embeddings"]

T = TypeVar("T")


class Embeddings(Calls):
    """The embeddings endpoints, synchronously: `OpenRouter.embeddings`."""

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        """Serve the endpoints on a configured HTTP client."""
        super().__init__(settings)
        self._http = http

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied without the client."""
        raise bound_to_a_process()

    def generate(
        self,
        *,
        input: Input | Sequence[Input],  # noqa: A002 - the contract's name
        model: str,
        encoding_format: EncodingFormat | None = None,
        dimensions: int | None = None,
        input_type: str | None = None,
        provider: ProviderPreferences | Mapping[str, object] | None = None,
        user: str | None = None,
        session_id: str | None = None,
        trace: Mapping[str, object] | None = None,
        retries: RetryConfig | EllipsisType | None = ...,
        timeout: float | EllipsisType | None = ...,
        deadline: float | EllipsisType | None = ...,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> EmbeddingsResponse:
        """Embed one input, or a list of inputs of one kind, with one logical request.

        Args:
            input: A text, token ids, `Content`, an image or other media; or a list of one kind.
            model: The model's id, ``"openai/text-embedding-3-small"`` say.
            encoding_format: None takes base64, which is fastest, and numbers where a model has no
                base64; ``"base64"`` also leaves ``data[i].embedding`` as base64 text; ``"float"``
                asks for numbers. ``vectors`` is float32 in every case.
            dimensions: The width of the vectors, for models that can shorten them.
            input_type: What the text is for, ``"search_query"`` or ``"search_document"`` say.
            provider: Which providers may serve the request; unknown names are refused.
            user: Who the request is for, a stable id of yours.
            session_id: Groups requests in the service's logs; at most 256 characters.
            trace: Names and ids for the service's tracing.
            retries: Another retry policy for this call; None for a single attempt.
            timeout: Seconds for one attempt, its body included; None for no bound.
            deadline: Seconds for the call with its retries and waits; None for no bound.
            extra_headers: More headers.
            extra_body: More fields for the body, the last word: what a newer service takes.

        Returns:
            The verified vectors, float32 of shape ``(n, dimensions)``, row i for input i.

        Raises:
            ConfigurationError: The call is wrong; nothing was sent.
            ResponseError: The service refused; the class says the status.
            NoResponseError: No complete answer came, or time ran out.
            ResponseValidationError: The reply is not what the contract promises; `VectorError` if
                its vectors cannot be trusted.
        """
        from openrouter_embeddings.inputs import embedding_request  # noqa: PLC0415 - see `_calls`

        request = embedding_request(
            input=input,
            model=model,
            encoding_format=encoding_format,
            dimensions=dimensions,
            input_type=input_type,
            provider=provider,
            user=user,
            session_id=session_id,
            trace=trace,
            extra_headers=extra_headers,
            extra_body=extra_body,
        )
        settings = self._settings.override(timeout, deadline, retries)
        return self._run(self._answer(request, settings))

    def list_models(
        self,
        *,
        offset: int | None = None,
        limit: int | None = None,
        retries: RetryConfig | EllipsisType | None = ...,
        timeout: float | EllipsisType | None = ...,
        deadline: float | EllipsisType | None = ...,
    ) -> Catalog:
        """List the models that serve embeddings.

        Args:
            offset: How many to leave out at the beginning.
            limit: The most to return, 1 to 1000; None for all of them, page after page.
            retries: Another retry policy for this call; None for a single attempt.
            timeout: Seconds for one attempt; None for no bound.
            deadline: Seconds for each page with its retries and waits; None for no bound.

        Returns:
            The models, a sequence of `ModelInfo`; an entry that cannot be read is kept in `unread`.

        Raises:
            ConfigurationError: An argument cannot be used; nothing was sent.
            ResponseError: The service refused.
            NoResponseError: No complete answer came, or time ran out.
            ResponseValidationError: The reply is no listing.
        """
        settings = self._settings.override(timeout, deadline, retries)
        return self._run(self._models(offset, limit, settings))

    def embed(
        self,
        inputs: Iterable[Input],
        *,
        model: str,
        on_error: OnError = "raise",
        progress: bool | Callable[[EmbeddedBatch], None] = False,
        out: NDArray[np.float32] | None = None,
        **options: Unpack[BulkOptions],
    ) -> EmbeddedBatch:
        """Embed any number of inputs, and return all vectors in their order.

        Equal inputs within ``limits.window`` are sent once, refused batches are halved until the
        guilty inputs stand alone, and the pace follows what the service admits.

        Args:
            inputs: Texts, lists of token ids, `Content`, images or other media; any iterable.
            model: The model's id.
            on_error: ``"raise"`` checks lists before anything is sent, and raises at the end if
                inputs failed; ``"keep"`` leaves their rows NaN and lists them in `failures`.
            progress: True for a line on standard error, which ends with the run; or a function of
                each `EmbeddedBatch`.
            out: A float32 matrix of shape ``(n, width)`` that the vectors are written into as they
                come, in any order, and that the result then has; one in a file (`numpy.memmap`) is
                taken too. Needs a list or tuple of n inputs. Rows of failed inputs become NaN.
            options: Those of `BulkOptions`: ``dimensions``, ``input_type``, ``provider``,
                ``cache``, ``limits``, ``max_cost``, ``pin_provider``, ``retries`` and others.

        Returns:
            The vectors, float32 of shape ``(n, dimensions)``, with failures, cost and counters.

        Raises:
            ConfigurationError: An argument cannot be used; nothing was sent.
            PartialFailureError: Inputs failed, or what yields them or `progress` raised, or the
                vectors do not fit into `out`, which is the ``__cause__``; `.result` has every
                vector that was paid for.
            OpenRouterError: No input has a vector, and all have the same reason: that error itself.
        """
        course, result, report = self._begin(inputs, on_error, progress, out, options)
        with (
            self._shown(report),
            closing(self._batches(inputs, model, options, result.matrix, course)) as batches,
        ):
            for batch in batches:
                result.add(batch)
                report(batch)
        return result.finish(on_error, course, report.failure or course.failure)

    def embed_query(
        self, text: Input, *, model: str, **options: Unpack[BulkOptions]
    ) -> NDArray[np.float32]:
        """Embed one search query: `embed` with ``input_type="search_query"``.

        Returns:
            Its vector, float32 of shape ``(dimensions,)``.
        """
        options = {"input_type": "search_query", **options}
        vector: NDArray[np.float32] = self.embed([text], model=model, **options).vectors[0]
        return vector

    def embed_documents(
        self, inputs: Iterable[Input], *, model: str, **options: Unpack[BulkOptions]
    ) -> EmbeddedBatch:
        """Embed documents to be searched: `embed` with ``input_type="search_document"``."""
        options = {"input_type": "search_document", **options}
        return self.embed(inputs, model=model, **options)

    def stream(
        self, inputs: Iterable[Input], *, model: str, **options: Unpack[BulkOptions]
    ) -> BatchStream:
        """Embed inputs as they come, and yield vectors in their order.

        The inputs are read lazily and the memory is bounded by ``limits``, however many there are.
        An input that fails is a `Failure` of its batch, and its row is NaN. Ending the iteration
        early waits for what is in flight, within its timeout, and keeps it in the cache.

        Args:
            inputs: Texts, lists of token ids, `Content`, images or other media; any iterable.
            model: The model's id.
            options: Those of `BulkOptions`.

        Returns:
            An iterator of batches of any size that cover the inputs one after the other. Its
            ``stats`` are final once it has ended or was closed: they count what came in after the
            last batch as well.

        Raises:
            ConfigurationError: An argument other than the inputs cannot be used.
            Exception: What yields the inputs raised it; all that had come by then was yielded.
        """
        from openrouter_embeddings._bulk.output import (  # noqa: PLC0415 - see `_calls`
            BatchStream,
            Course,
            no_matrix,
            then_fail,
        )

        course = Course()
        batches = self._batches(inputs, model, options, no_matrix, course)
        return BatchStream(then_fail(batches, course), course)

    def _batches(
        self,
        inputs: Iterable[Input],
        model: str,
        options: BulkOptions,
        matrix: ResultMatrix,
        course: Course,
    ) -> Generator[EmbeddedBatch, None, None]:
        from openrouter_embeddings._bulk.options import guarded  # noqa: PLC0415 - see `_calls`
        from openrouter_embeddings._bulk.threads import run_in_threads  # noqa: PLC0415

        check_open(self._http)
        setup, started = self._set_up(model, options), self._settings.clock()
        run = course.begin(setup.run(inputs, self._run(self._listed(setup)), matrix))
        with (
            setup.store() as store,
            self._settings.telling(partial(course.make_event, model, started)),
        ):
            kept = guarded(store, run.notes)
            batches = run_in_threads(self._http, run, kept, self._settings)
            yield from of_one_process(batches)

    def estimate(
        self,
        inputs: Iterable[Input],
        *,
        model: str,
        cache: Store | str | PathLike[str] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Estimate:
        """Estimate tokens and cost as an interval, before anything is paid.

        Args:
            inputs: What `embed` would get; it is read to its end.
            model: The model's id.
            cache: The cache that `embed` would use; what it has costs nothing.
            options: Those of `RequestOptions`, as `embed` would get them.

        Raises:
            ConfigurationError: An argument or an input cannot be used, or there is no such model.
        """
        from openrouter_embeddings._bulk.budget import estimate  # noqa: PLC0415 - see `_calls`

        setup = self._set_up(model, {"cache": cache, **options})
        listed = self._run(self._model(setup.plan.template.model))
        with setup.store() as store:
            return estimate(inputs, setup.keys, store, listed.pricing.prompt, setup.plan.prefix)

    def _run(self, flow: Flow[T]) -> T:
        from openrouter_embeddings._request.flow import Send  # noqa: PLC0415 - see `_calls`

        reply: Answer | None = None
        try:
            while True:
                step = flow.send(reply)
                if isinstance(step, Send):
                    reply = send(self._http, step.request, step.timeout)
                else:
                    time.sleep(step.seconds)
                    reply = None
        except StopIteration as end:
            value: T = end.value
            return value


class AsyncEmbeddings(Calls):
    """The embeddings endpoints, asynchronously: `AsyncOpenRouter.embeddings`."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        """Serve the endpoints on a configured HTTP client."""
        super().__init__(settings)
        self._http = http

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied without the client."""
        raise bound_to_a_process()

    async def generate(
        self,
        *,
        input: Input | Sequence[Input],  # noqa: A002 - the contract's name
        model: str,
        encoding_format: EncodingFormat | None = None,
        dimensions: int | None = None,
        input_type: str | None = None,
        provider: ProviderPreferences | Mapping[str, object] | None = None,
        user: str | None = None,
        session_id: str | None = None,
        trace: Mapping[str, object] | None = None,
        retries: RetryConfig | EllipsisType | None = ...,
        timeout: float | EllipsisType | None = ...,  # noqa: ASYNC109 - bounds an attempt
        deadline: float | EllipsisType | None = ...,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> EmbeddingsResponse:
        """Embed one input, or a list of inputs of one kind; see `Embeddings.generate`."""
        from openrouter_embeddings.inputs import embedding_request  # noqa: PLC0415 - see `_calls`

        request = embedding_request(
            input=input,
            model=model,
            encoding_format=encoding_format,
            dimensions=dimensions,
            input_type=input_type,
            provider=provider,
            user=user,
            session_id=session_id,
            trace=trace,
            extra_headers=extra_headers,
            extra_body=extra_body,
        )
        settings = self._settings.override(timeout, deadline, retries)
        return await self._run(self._answer(request, settings))

    async def list_models(
        self,
        *,
        offset: int | None = None,
        limit: int | None = None,
        retries: RetryConfig | EllipsisType | None = ...,
        timeout: float | EllipsisType | None = ...,  # noqa: ASYNC109 - bounds an attempt
        deadline: float | EllipsisType | None = ...,
    ) -> Catalog:
        """List the models that serve embeddings; see `Embeddings.list_models`."""
        settings = self._settings.override(timeout, deadline, retries)
        return await self._run(self._models(offset, limit, settings))

    async def embed(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        model: str,
        on_error: OnError = "raise",
        progress: bool | Callable[[EmbeddedBatch], None] = False,
        out: NDArray[np.float32] | None = None,
        **options: Unpack[BulkOptions],
    ) -> EmbeddedBatch:
        """Embed any number of inputs, and return all vectors in their order; see `Embeddings`.

        Inputs may come asynchronously as well. An iterator that is no list is read in a thread, so
        that nothing in the event loop waits for it.
        """
        course, result, report = self._begin(inputs, on_error, progress, out, options)
        with self._shown(report):
            async with aclosing(
                self._batches(inputs, model, options, result.matrix, course)
            ) as batches:
                async for batch in batches:
                    result.add(batch)
                    report(batch)
        return result.finish(on_error, course, report.failure or course.failure)

    async def embed_query(
        self, text: Input, *, model: str, **options: Unpack[BulkOptions]
    ) -> NDArray[np.float32]:
        """Embed one search query: `embed` with ``input_type="search_query"``; see `Embeddings`."""
        options = {"input_type": "search_query", **options}
        batch = await self.embed([text], model=model, **options)
        vector: NDArray[np.float32] = batch.vectors[0]
        return vector

    async def embed_documents(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        model: str,
        **options: Unpack[BulkOptions],
    ) -> EmbeddedBatch:
        """Embed documents to be searched; see `Embeddings`."""
        options = {"input_type": "search_document", **options}
        return await self.embed(inputs, model=model, **options)

    def stream(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        model: str,
        **options: Unpack[BulkOptions],
    ) -> AsyncBatchStream:
        """Embed inputs as they come, and yield vectors in their order; see `Embeddings`."""
        from openrouter_embeddings._bulk.output import (  # noqa: PLC0415 - see `_calls`
            AsyncBatchStream,
            Course,
            athen_fail,
            no_matrix,
        )

        course = Course()
        batches = self._batches(inputs, model, options, no_matrix, course)
        return AsyncBatchStream(athen_fail(batches, course), course)

    async def _batches(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        model: str,
        options: BulkOptions,
        matrix: ResultMatrix,
        course: Course,
    ) -> AsyncGenerator[EmbeddedBatch]:
        from openrouter_embeddings._bulk.options import guarded  # noqa: PLC0415 - see `_calls`
        from openrouter_embeddings._bulk.tasks import run_in_tasks  # noqa: PLC0415 - see `_run`

        check_open(self._http)
        setup, started = self._set_up(model, options), self._settings.clock()
        listed = await self._run(self._listed(setup))
        run = course.begin(setup.run(inputs, listed, matrix, in_loop=True))
        with (
            setup.store() as store,
            self._settings.telling(partial(course.make_event, model, started)),
        ):
            kept, process = guarded(store, run.notes), os.getpid()
            running = run_in_tasks(self._http, run, kept, self._settings)
            # Ending early must reach the runner now, not when the garbage is collected.
            async with aclosing(running):
                async for batch in running:
                    yield batch
                    check_process(process)

    async def estimate(
        self,
        inputs: Iterable[Input],
        *,
        model: str,
        cache: Store | str | PathLike[str] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Estimate:
        """Estimate tokens and cost as an interval, before anything is paid; see `Embeddings`."""
        from openrouter_embeddings._bulk.budget import estimate  # noqa: PLC0415 - see `_calls`

        setup = self._set_up(model, {"cache": cache, **options})
        listed = await self._run(self._model(setup.plan.template.model))
        with setup.store() as store:
            return estimate(inputs, setup.keys, store, listed.pricing.prompt, setup.plan.prefix)

    async def _run(self, flow: Flow[T]) -> T:
        from asyncio import sleep  # noqa: PLC0415 - the other client needs no event loop

        from openrouter_embeddings._request.flow import Send  # noqa: PLC0415 - see `_calls`

        reply: Answer | None = None
        try:
            while True:
                step = flow.send(reply)
                if isinstance(step, Send):
                    reply = await asend(self._http, step.request, step.timeout)
                else:
                    await sleep(step.seconds)
                    reply = None
        except StopIteration as end:
            value: T = end.value
            return value
