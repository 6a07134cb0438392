"""What every home calls: the texts of one call in, their vectors out, by either client."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from attrs import define, evolve, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import counted
from openrouter_embeddings._bulk.options import BulkOptions
from openrouter_embeddings.client import AsyncOpenRouter, OpenRouter
from openrouter_embeddings.errors import OpenRouterError, PartialFailureError
from openrouter_embeddings.inputs import is_plain, one_input
from openrouter_embeddings.values import EmbeddedBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openrouter_embeddings._bulk.options import OnError
    from openrouter_embeddings.inputs import Input

QUERY, DOCUMENT = "search_query", "search_document"
"""The input types of a search; a home lets its user say others, or none."""

# Homes have arguments of their own for these two.
_NAMES = frozenset(BulkOptions.__annotations__) - {"dimensions", "input_type"}


@frozen
class Call:
    """How the texts of one call are embedded.

    Attributes:
        model: The model's id.
        input_type: What the texts are for; None says nothing about it.
        prefix: What stands before each text.
        dimensions: The width of the vectors, or None for the model's own.
        options: Others of `BulkOptions`.
        on_error: Whether texts that fail are an error, or rows of NaN in `failures`; with gaps, a
            run that was stopped is an error all the same.
        gaps: Whether texts may be missing or empty; their rows are NaN, and they are no failures.
    """

    model: str
    input_type: str | None = None
    prefix: str = ""
    dimensions: int | None = None
    options: Mapping[str, object] | None = None
    on_error: OnError = "raise"
    gaps: bool = False

    def inputs(self, texts: Iterable[object]) -> list[Input]:
        """Put the prefix before each text; what is empty or missing is refused as it stands.

        Raises:
            ConfigurationError: The prefix or one of the texts is no text.
        """
        prefix = self.prefix
        if not isinstance(prefix, str):
            raise arguments.bad_type("prefix", "text", prefix)
        if isinstance(texts, str):
            raise arguments.bad_type("texts", "a list of texts", texts)
        inputs = [_with_prefix(prefix, place, text) for place, text in enumerate(texts)]
        if self.gaps and self.on_error == "raise":
            _check_present(inputs)
        return inputs

    def arguments(self) -> BulkOptions:
        """Return the options, and with them what a home has arguments of its own for.

        Raises:
            ConfigurationError: An option is unknown, or none of a home's.
        """
        given = arguments.mapping("options", self.options or {})
        for name in given:
            if name not in _NAMES:
                raise arguments.unknown_name(f"options[{name!r}]", name, _NAMES)
        given |= {"input_type": self.input_type, "dimensions": self.dimensions}
        return cast("BulkOptions", given)

    @property
    def on_error_below(self) -> OnError:
        """What becomes of failures in the run itself; gaps are told apart after it."""
        return "keep" if self.gaps else self.on_error

    def needs_nothing(self, inputs: list[Input]) -> bool:
        """Say whether there is nothing to embed, so that no client is needed."""
        return all(map(is_gap, inputs)) if self.gaps else not inputs

    def nothing(self, inputs: list[Input]) -> EmbeddedBatch:
        """Make the result of no text at all."""
        return EmbeddedBatch(np.full((len(inputs), self.dimensions or 0), np.nan, np.float32))

    def result(self, inputs: list[Input], batch: EmbeddedBatch) -> EmbeddedBatch:
        """Tell gaps from failures.

        Raises:
            PartialFailureError: Some texts failed, and that is an error.
            OpenRouterError: All failed, for one reason.
        """
        if not self.gaps:
            return batch
        failures = tuple(f for f in batch.failures if not is_gap(inputs[f.position]))
        batch = evolve(batch, failures=failures)
        # Whoever gets a column alone would take an outage for texts that were refused.
        if failures and (self.on_error == "raise" or batch.stopped is not None):
            raise _failure(batch, sum(not is_gap(text) for text in inputs))
        return batch


def is_gap(text: object) -> bool:
    """Recognise a text that is missing or empty."""
    return text is None or text == ""


def _check_present(inputs: list[Input]) -> None:
    """Refuse what is no input before anything is sent, gaps aside."""
    for position, value in enumerate(inputs):
        if not is_plain(value) and not is_gap(value):
            one_input(position, value)


def _failure(batch: EmbeddedBatch, texts: int) -> OpenRouterError:
    """Return the one reason of all failures, where no text has a vector, or what is left."""
    first = batch.failures[0]
    reasons = {(type(failure.error), failure.error.message) for failure in batch.failures}
    error = first.error
    if len(batch.failures) < texts or len(reasons) > 1:
        message = f"{len(batch.failures)} of {counted(texts, 'text')} failed. The first is "
        message += f"inputs[{first.position}] ({first.shown[:40]!r}): {first.error.message}"
        error = PartialFailureError(message, result=batch, hint="What succeeded is in .result.")
        error.__cause__ = first.error
    error.cost, error.possible_cost = batch.usage.cost, batch.usage.possible_cost
    return error


def _with_prefix(prefix: str, place: int, text: object) -> Input:
    if is_gap(text):
        return cast("Input", text)  # a prefix alone must not be embedded
    if not isinstance(text, str):
        raise arguments.bad_type(f"texts[{place}]", "text", text)
    return prefix + text


@define(eq=False)
class Clients:
    """The clients of one configuration, each made when it is first needed.

    Nobody has to close them: their connections go with them. A client of the caller's own is used
    for all calls, and in a thread for those that are awaited.

    Attributes:
        api_key: The key; None for that of the environment. It is in no pickle.
        base_url: Where requests go; None for that of the environment, or the service.
        client: A client of the caller's own, which both stand back for.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    client: OpenRouter | None = None
    _sync: OpenRouter | None = field(init=False, default=None, repr=False)
    _async: AsyncOpenRouter | None = field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a client of another kind.

        Raises:
            ConfigurationError: It is one.
        """
        if self.client is not None and not isinstance(self.client, OpenRouter):
            raise arguments.bad_type("client", "an OpenRouter", self.client)

    def embed(self, texts: Iterable[object], call: Call) -> EmbeddedBatch:
        """Embed texts in their order; none at all need no client."""
        inputs, options = call.inputs(texts), call.arguments()
        if call.needs_nothing(inputs):
            return call.nothing(inputs)
        if self._sync is None:
            self._sync = self.client or OpenRouter(self.api_key, base_url=self.base_url)
        run, on_error = self._sync.embeddings.embed, call.on_error_below
        return call.result(inputs, run(inputs, model=call.model, on_error=on_error, **options))

    async def aembed(self, texts: Iterable[object], call: Call) -> EmbeddedBatch:
        """Embed texts in their order, asynchronously."""
        if self.client is not None:
            return await asyncio.to_thread(self.embed, texts, call)
        inputs, options = call.inputs(texts), call.arguments()
        if call.needs_nothing(inputs):
            return call.nothing(inputs)
        if self._async is None:
            self._async = AsyncOpenRouter(self.api_key, base_url=self.base_url)
        run, on_error = self._async.embeddings.embed, call.on_error_below
        return call.result(
            inputs, await run(inputs, model=call.model, on_error=on_error, **options)
        )

    def matching(
        self, api_key: str | None, base_url: str | None, client: OpenRouter | None
    ) -> Self:
        """Return these for the same settings, and new ones for others."""
        same = (api_key, base_url) == (self.api_key, self.base_url) and client is self.client
        return self if same else type(self)(api_key, base_url, client)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Make others of the same settings, with connections of their own."""
        return type(self)(self.api_key, self.base_url, deepcopy(self.client, memo))

    def __getstate__(self) -> tuple[str | None, OpenRouter | None]:
        """Return what a pickle holds: neither the key nor what was made."""
        return self.base_url, self.client

    def __setstate__(self, state: tuple[str | None, OpenRouter | None]) -> None:
        """Take the key from the environment, when it is needed."""
        self.api_key, self._sync, self._async = None, None, None
        self.base_url, self.client = state
