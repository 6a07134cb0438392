"""The course of single calls, as generators: each yields what to do, and returns what it is for.

A generator knows the course and does no I/O; a driver of a few lines, one for each client, sends
and sleeps. httpx's `auth_flow` is the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from attrs import frozen

from openrouter_embeddings._request.call import Done, Failed
from openrouter_embeddings._request.operations import ListOperation
from openrouter_embeddings.errors import OpenRouterError

if TYPE_CHECKING:
    from collections.abc import Generator

    from openrouter_embeddings._request.call import Operation
    from openrouter_embeddings._request.request import HttpRequest, Reply
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.values import ModelInfo

T = TypeVar("T")


@frozen
class Send:
    """Exchange a request for a reply within `timeout` seconds, and come back with the answer."""

    request: HttpRequest
    timeout: float | None


@frozen
class Sleep:
    """Wait so many seconds, and come back with None."""

    seconds: float


if TYPE_CHECKING:
    Answer = Reply | NoResponseError
    Flow = Generator[Send | Sleep, Answer | None, T]


def answer(operation: Operation[T], settings: Settings) -> Flow[T]:
    """Ask for one thing, as often as the policy says.

    Raises:
        OpenRouterError: It was not to be had.
    """
    call = settings.call(operation, settings.clock())
    while True:
        timeout = call.begin(settings.clock())
        if isinstance(timeout, OpenRouterError):
            raise timeout
        reply = cast("Answer", (yield Send(call.request, timeout)))
        step = call.proceed(reply, settings.clock(), settings.draw())
        settings.tell(step.events)
        if isinstance(step, Done):
            return step.value
        if isinstance(step, Failed):
            raise step.error
        yield Sleep(step.delay)


def list_models(offset: object, limit: object, settings: Settings) -> Flow[Catalog]:
    """Ask for the models, page after page.

    Raises:
        ConfigurationError: A bound cannot be used.
        ResponseValidationError: The pages lead nowhere.
    """
    # Most programs list no models, and their types take as long to import as all that a call needs.
    from openrouter_embeddings._request.models import ModelPages  # noqa: PLC0415

    pages = ModelPages.of(offset, limit)
    while pages.next is not None:
        pages.add((yield from answer(ListOperation.of(pages.next), settings)))
    return pages.catalog()


def find_model(model: str, settings: Settings) -> Flow[ModelInfo]:
    """Ask what the listing says of a model.

    Raises:
        ConfigurationError: There is no such model.
    """
    return (yield from list_models(None, None, settings)).find(model)
