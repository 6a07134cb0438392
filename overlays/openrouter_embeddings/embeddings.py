"""The two endpoints as methods: the only code that sends and sleeps, waiting or awaiting."""

from __future__ import annotations

import logging
import random
import time
from types import EllipsisType
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from openrouter_embeddings import _checks
from openrouter_embeddings._call import Call, Done, Failed, Operation
from openrouter_embeddings._pages import ModelPages
from openrouter_embeddings.errors import ConfigurationError, OpenRouterError
from openrouter_embeddings.inputs import embedding_request
from openrouter_embeddings.transport import asend, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpx

    from openrouter_embeddings._pages import Bounds
    from openrouter_embeddings._retry import RetryConfig
    from openrouter_embeddings._wire import EmbedOperation, ListOperation
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.events import Event
    from openrouter_embeddings.inputs import EmbeddingRequest, EncodingFormat, Input
    from openrouter_embeddings.provider import ProviderPreferences
    from openrouter_embeddings.values import EmbeddingsResponse

T = TypeVar("T")

_log = logging.getLogger("openrouter_embeddings")


@frozen
class Settings:
    """What holds for each request unless it says otherwise.

    Attributes:
        timeout: Seconds for one attempt, its body included; None for no bound.
        deadline: Seconds for one logical request, waits included; None for no bound.
        retries: The retry policy; None for a single attempt.
        on_event: The listener, or None.
    """

    timeout: float | None
    deadline: float | None
    retries: RetryConfig | None
    on_event: Callable[[Event], None] | None = field(default=None, repr=False)

    def call(
        self,
        operation: Operation[T],
        timeout: float | EllipsisType | None,
        deadline: float | EllipsisType | None,
        retries: RetryConfig | EllipsisType | None,
    ) -> Call[T]:
        """Begin a logical request under these settings and what a call says otherwise."""
        return Call(
            operation,
            retries=self.retries if isinstance(retries, EllipsisType) else retries,
            timeout=self.timeout
            if isinstance(timeout, EllipsisType)
            else _checks.seconds("timeout", timeout),
            deadline=self.deadline
            if isinstance(deadline, EllipsisType)
            else _checks.seconds("deadline", deadline),
            started=time.monotonic(),
        )

    def tell(self, events: Iterable[Event]) -> None:
        """Pass events on; a listener that fails must not lose a reply that was paid for."""
        for event in events:
            _log.debug("%s", event)
            if self.on_event is not None:
                try:
                    self.on_event(event)
                except Exception:  # noqa: BLE001 - the listener is not ours, and can fail in any way
                    _log.exception("the listener failed on %s", type(event).__name__)


class _Operations:
    """What both namespaces share: which operation a call is, and what was learnt from replies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._float_only: set[tuple[str, str]] = set()

    def _embed_operation(self, request: EmbeddingRequest) -> EmbedOperation:
        from openrouter_embeddings._wire import EmbedOperation  # noqa: PLC0415 - slow to import

        return EmbedOperation.of(request, self._float_only)

    def _list_operation(self, bounds: Bounds) -> ListOperation:
        from openrouter_embeddings._wire import ListOperation  # noqa: PLC0415 - slow to import

        return ListOperation(bounds)


class Embeddings(_Operations):
    """The embeddings endpoints, synchronously: `OpenRouter.embeddings`."""

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        """Serve the endpoints on a configured HTTP client."""
        super().__init__(settings)
        self._http = http

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
        operation = self._embed_operation(request)
        return self._run(self._settings.call(operation, timeout, deadline, retries))

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
        pages = ModelPages.of(offset, limit)
        while pages.next is not None:
            operation = self._list_operation(pages.next)
            pages.add(self._run(self._settings.call(operation, timeout, deadline, retries)))
        return pages.catalog()

    def _run(self, call: Call[T]) -> T:
        while True:
            _check_open(self._http)
            timeout = call.begin(time.monotonic())
            if isinstance(timeout, OpenRouterError):
                raise timeout
            answer = send(self._http, call.operation.wire(), timeout)
            step = call.settle(answer, time.monotonic(), random.random())  # noqa: S311 - jitter
            self._settings.tell(step.events)
            if isinstance(step, Done):
                return step.value
            if isinstance(step, Failed):
                raise step.error
            time.sleep(step.delay)


class AsyncEmbeddings(_Operations):
    """The embeddings endpoints, asynchronously: `AsyncOpenRouter.embeddings`."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        """Serve the endpoints on a configured HTTP client."""
        super().__init__(settings)
        self._http = http

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
        operation = self._embed_operation(request)
        return await self._run(self._settings.call(operation, timeout, deadline, retries))

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
        pages = ModelPages.of(offset, limit)
        while pages.next is not None:
            operation = self._list_operation(pages.next)
            pages.add(await self._run(self._settings.call(operation, timeout, deadline, retries)))
        return pages.catalog()

    async def _run(self, call: Call[T]) -> T:
        import asyncio  # noqa: PLC0415 - the other client needs none of it

        while True:
            _check_open(self._http)
            timeout = call.begin(time.monotonic())
            if isinstance(timeout, OpenRouterError):
                raise timeout
            answer = await asend(self._http, call.operation.wire(), timeout)
            step = call.settle(answer, time.monotonic(), random.random())  # noqa: S311 - jitter
            self._settings.tell(step.events)
            if isinstance(step, Done):
                return step.value
            if isinstance(step, Failed):
                raise step.error
            await asyncio.sleep(step.delay)


def _check_open(http: httpx.Client | httpx.AsyncClient) -> None:
    if http.is_closed:
        message = "The client is closed."
        hint = "Make the calls inside its with block, or make a new client."
        raise ConfigurationError(message, hint=hint)
