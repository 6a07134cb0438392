"""The client of one key: its pace is that of all its runs, and the listing is asked for rarely."""

from __future__ import annotations

from contextlib import aclosing
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, Unpack, cast

from attrs import evolve, field, frozen

from openrouter_embeddings._bulk.budget import TokenRatio
from openrouter_embeddings._bulk.items import Item
from openrouter_embeddings._bulk.options import prepare_result
from openrouter_embeddings._bulk.output import Course
from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.call import Label
from openrouter_embeddings._request.charges import FREE
from openrouter_embeddings._request.flow import answer
from openrouter_embeddings._request.operations import BatchOperation
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings.client import AsyncOpenRouter
from openrouter_embeddings.embeddings import AsyncEmbeddings
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.inputs import one_input

if TYPE_CHECKING:
    from asyncio import Event, Lock
    from collections.abc import Mapping, Sequence

    import httpx

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings._bulk.options import BulkOptions, BulkSetup, RequestOptions
    from openrouter_embeddings._bulk.pace import Pace
    from openrouter_embeddings._request.charges import Bill, Charge
    from openrouter_embeddings._request.embeddings import Verified
    from openrouter_embeddings._request.flow import Flow
    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings._request.settings import Settings
    from openrouter_embeddings.cache import Hits, KeyMaker, Store
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.inputs import EmbeddingRequest, Input
    from openrouter_embeddings.values import EmbeddedBatch, ModelInfo

_LISTING_SECONDS = 600.0  # a price that rises meanwhile is found out by the first reply anyway
_MOST_MODELS = 1_000
_KEY_SECONDS = 10.0  # a question that is answered at once, or whose answer is not worth the wait
_MANAGES = ("is_management_key", "is_provisioning_key")


class _Operation(BatchOperation):
    """One request of a run, whose vectors are as wide as those of the runs before."""

    def read(self, reply: Reply) -> Verified | OpenRouterError:
        """Read a reply, and hold its width against what the model gave before."""
        found = super().read(reply)
        if isinstance(found, OpenRouterError):
            return found
        return self._lessons.check_width(self.asked, found.response) or found


@frozen
class _KeyOperation:
    """Asking what the service knows of the key, which is free.

    The service's reference of its API keys: GET /key has details of the key that asks, among them
    its label, and answers a wrong one with 401. Other services may have no such path.
    """

    request: HttpRequest = field(factory=lambda: HttpRequest("get", "/key", {}))
    label: Label = field(factory=lambda: Label("check_key"))

    def read(self, reply: Reply) -> bool | OpenRouterError:
        """Say whether the key is known, and may ask for more than other keys."""
        payload = lenient.decode(reply.body) if reply.status == HTTPStatus.OK else None
        details = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(details, dict) or not isinstance(details.get("label"), str):
            return False
        return not any(details.get(name) for name in _MANAGES)

    def fallback(self, error: OpenRouterError) -> Self | None:  # noqa: ARG002 - the protocol's
        """Return None: there is no other way."""
        return None

    def charge(self, answer: Reply | NoResponseError, value: object) -> Charge:  # noqa: ARG002 - the same
        """Return no cost."""
        return FREE

    def bill(self, value: bool, bill: Bill) -> bool:  # noqa: ARG002, FBT001 - the same
        """Leave the answer alone."""
        return value


class UpstreamEmbeddings(AsyncEmbeddings):
    """The endpoints, for runs that share one pace."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings, pace: Pace) -> None:
        super().__init__(http, settings)
        self._pace = pace
        self._known: dict[str, tuple[float, ModelInfo]] = {}

    def _batch_operation(self, request: EmbeddingRequest) -> BatchOperation:
        return _Operation.of(request, self._lessons)

    def _set_up(self, model: str, options: Mapping[str, object]) -> BulkSetup:
        setup = super()._set_up(model, options)
        return evolve(setup, plan=evolve(setup.plan, pace=self._pace))

    def _listed(self, setup: BulkSetup) -> Flow[ModelInfo | None]:
        if not setup.needs_listing:
            return None
        model, now = setup.plan.template.model, self._settings.clock()
        known = self._known.get(model)
        if known is not None and now - known[0] < _LISTING_SECONDS:
            return known[1]
        info = yield from super()._listed(setup)
        if len(self._known) >= _MOST_MODELS:
            self._known.clear()
        if info is not None:
            self._known[model] = now, info
        return info

    @property
    def now(self) -> float:
        """The time that the pace goes by."""
        return self._settings.clock()

    async def knows_key(self) -> bool:
        """Ask whether the service knows the key; False where it does not say."""
        settings = self._settings.override(_KEY_SECONDS, _KEY_SECONDS, None)
        try:
            return await self._run(answer(_KeyOperation(), settings))
        except OpenRouterError:
            return False

    async def most_cost(self, model: str, inputs: Sequence[Input]) -> float | None:
        """Return the most that inputs can cost in USD, each paid for as often as may be.

        Returns:
            The bound; None where the price of the model is not fixed.
        """
        listed = await self._run(self._listed(self._set_up(model, {"max_cost": 0.0})))
        price = None if listed is None else listed.pricing.prompt
        if listed is None or price is None:
            return None
        ratio = TokenRatio(listed.context_length or None)
        tokens = sum(ratio.most(_item(value)) for value in inputs)
        return float(price) * tokens * self._settings.most_paid

    async def embed_group(
        self, inputs: Sequence[Input], model: str, **options: Unpack[BulkOptions]
    ) -> tuple[EmbeddedBatch, int]:
        """Embed inputs, and return what came of each, and how many inputs a request may have."""
        result, course = prepare_result(list(inputs), "keep"), Course()
        async with aclosing(
            self._batches(inputs, model, options, result.matrix, course)
        ) as batches:
            async for batch in batches:
                result.add(batch)
        whole = result.finish("keep", course)
        return whole, 0 if course.run is None else course.run.ledger.halving.max_batch

    def keys(self, model: str, cache: Store, **options: Unpack[RequestOptions]) -> KeyMaker:
        """Make what tells inputs apart in a cache."""
        return self._set_up(model, {"cache": cache, **options}).keys


def _item(value: Input) -> Item:
    wire, kind, size, tokens = one_input(0, value)
    return Item(wire, kind, b"", size, tokens)


class Upstream(AsyncOpenRouter):
    """A client all of whose runs go at one pace.

    Attributes:
        pace: The pace.
        turn: Who waits for room in the bound of the cost comes one after the other.
        freed: Is set when such room was given back.
        checking: One asks about the key at a time; the others wait for the answer.
    """

    pace: Pace
    turn: Lock
    freed: Event
    checking: Lock

    @cached_property
    def embeddings(self) -> UpstreamEmbeddings:  # pyright: ignore[reportIncompatibleVariableOverride]  # the same, narrowed
        """The two endpoints."""
        return UpstreamEmbeddings(self._http, self._configuration.settings, self.pace)


class WriteOnly:
    """A cache that keeps what is new and gives nothing: what it has was given before."""

    def __init__(self, cache: Store) -> None:
        self._cache = cache
        self.source = cast("str | None", getattr(cache, "source", None))
        self.writable = bool(getattr(cache, "writable", True))

    def find(self, keys: Sequence[bytes]) -> Sequence[Hits]:  # noqa: ARG002 - the protocol's
        """Return nothing."""
        return ()

    def put(self, vectors: Mapping[bytes, Vectors], *, model: str) -> None:
        """Keep vectors."""
        self._cache.put(vectors, model=model)
