"""The two endpoints for callers: hits, windows, runs, and the books of each key.

What is decided stands in the files beside this one; here it is carried out, in one event loop.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from openrouter_embeddings._base.logs import log
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.proxy._access import RefusalError
from openrouter_embeddings.proxy._budget import Budget
from openrouter_embeddings.proxy._envelope import Part, write_catalog, write_models, write_reply
from openrouter_embeddings.proxy._flights import Flight, Flights
from openrouter_embeddings.proxy._holders import Holder, Holders
from openrouter_embeddings.proxy._metrics import Metrics
from openrouter_embeddings.proxy._options import make_client
from openrouter_embeddings.proxy._sharing import Landing, Load, add, join, land, take_apart
from openrouter_embeddings.proxy._upstream import WriteOnly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.cache import EmbeddingCache
    from openrouter_embeddings.catalog import Catalog
    from openrouter_embeddings.proxy._access import Caller
    from openrouter_embeddings.proxy._asks import Ask
    from openrouter_embeddings.proxy._coalescing import Coalescer
    from openrouter_embeddings.proxy._envelope import Answer
    from openrouter_embeddings.proxy._options import ProxyOptions
    from openrouter_embeddings.proxy._upstream import Upstream
    from openrouter_embeddings.values import EmbeddedBatch

_log = logging.getLogger("openrouter_embeddings")

_MANY_NUMBERS = 100_000  # written in 20 ms; more would hold up the others
_LEAST_SIZE = 10  # the smallest limit that a provider has; below it was chance, or single inputs


@frozen(eq=False)
class _Member:
    """A caller who waits for its vectors."""

    holder: Holder[Upstream]
    caller: Caller
    ask: Ask
    load: Load
    outcome: asyncio.Future[Part]
    landed: asyncio.Future[Landing | Exception]

    @property
    def name(self) -> tuple[bytes, str]:
        """What all have in common who may travel with it."""
        return self.caller.id, self.ask.likeness


@define(eq=False)
class Service:
    """The endpoints.

    Attributes:
        options: How the proxy is set up.
        cache: The cache, or None.
        coalescer: Who travels with whom.
        clock: Returns seconds of a steady clock.
        wait: Waits for seconds.
        metrics: What was done.
    """

    options: ProxyOptions
    cache: EmbeddingCache | None
    coalescer: Coalescer[_Member]
    clock: Callable[[], float]
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    metrics: Metrics = field(init=False, factory=Metrics)
    _flights: Flights[_Member] = field(init=False, factory=Flights)
    _holders: Holders[Upstream] = field(init=False)
    _tasks: set[asyncio.Task[Any]] = field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        """Begin without keys."""
        self._holders = Holders(self.options.most_keys, partial(_hold, self.options))

    def write_metrics(self) -> str:
        """Write what was done, in Prometheus' text format."""
        return self.metrics.write(keys=len(self._holders), waiting=self.coalescer.waiting)

    async def close(self) -> None:
        """Keep what is in flight where there is a cache, and close all connections."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for holder in self._holders.take_all():
            await holder.client.close()
        if self.cache is not None:
            self.cache.close()

    @asynccontextmanager
    async def _held(self, caller: Caller) -> AsyncIterator[Holder[Upstream]]:
        holder, gone = self._holders.take(caller.holder, caller.key, self.clock())
        try:
            if gone is not None:
                await gone.client.close()
            yield holder
        finally:
            self._holders.release(holder)

    async def list_models(self, caller: Caller, *, as_openai: bool) -> Answer:
        """Answer with the listing, in OpenAI's shape or in the service's."""
        async with self._held(caller) as holder:
            catalog: Catalog = await holder.client.embeddings.list_models()
        return write_models(catalog) if as_openai else write_catalog(catalog)

    async def embed(self, caller: Caller, ask: Ask) -> Answer:
        """Answer with vectors.

        Raises:
            OpenRouterError: They are not to be had.
            RefusalError: The proxy itself refuses.
        """
        async with self._held(caller) as holder:
            part = await self._answer(holder, caller, ask)
        self.metrics.inputs += len(ask.inputs)
        if part.vectors.size > _MANY_NUMBERS:
            return await asyncio.to_thread(write_reply, part, ask.model, ask.encoding)
        return write_reply(part, ask.model, ask.encoding)

    async def _answer(self, holder: Holder[Upstream], caller: Caller, ask: Ask) -> Part:
        hits = await self._find(holder, ask)
        places = [place for place in range(len(ask.inputs)) if place not in hits]
        if not places and not (caller.is_known or await self._is_accepted(holder)):
            # The service has yet to say that it takes this key: the shortest input asks it.
            places = [min(hits, key=lambda place: ask.lengths[place])]
        for place in places:
            hits.pop(place, None)
        return await self._complete(holder, caller, ask, hits, places)

    async def _complete(
        self,
        holder: Holder[Upstream],
        caller: Caller,
        ask: Ask,
        hits: dict[int, Vectors],
        missing: Sequence[int],
    ) -> Part:
        """Put what is missing beside the hits: what is on its way, and what is sent for it."""
        wanted = {place: ask.inputs[place] for place in missing}
        flights = self._flights.find((caller.id, ask.likeness), wanted)
        places = [place for place in missing if place not in flights]
        part = await self._send(holder, caller, ask, places) if places else None
        found = hits | {place: await _arrival(flight) for place, flight in flights.items()}
        if len({len(row) for row in found.values()} | ({part.width} if part else set())) > 1:
            # The model gives others than it did: vectors of two spaces must not mix.
            more = await self._send(holder, caller, ask, list(found))
            part, places = add(part, more) if part else more, [*places, *found]
            hits, flights, found = {}, {}, {}
        self.metrics.cache_hits += len(hits)
        self.metrics.joined += len(flights)
        return join(len(ask.inputs), found, places, part)

    async def _is_accepted(self, holder: Holder[Upstream]) -> bool:
        """Say whether the service takes a key, which it may be asked for nothing."""
        async with holder.client.checking:
            if not holder.accepted:
                holder.accepted = await holder.client.embeddings.knows_key()
            return holder.accepted

    async def _find(self, holder: Holder[Upstream], ask: Ask) -> dict[int, Vectors]:
        """Look for vectors in the cache; a cache that fails has none."""
        if self.cache is None:
            return {}
        maker = holder.client.embeddings.keys(ask.model, self.cache, **ask.options)  # type: ignore[arg-type]  # checked when it was read
        try:
            found = await asyncio.to_thread(self.cache.find, maker.keys(ask.inputs))
        except OpenRouterError as error:
            log(_log, logging.WARNING, "the proxy's cache failed: %s", error)
            return {}
        if len({hits.vectors.shape[1] for hits in found}) > 1:
            return {}
        return {hits.start + at: row for hits in found for at, row in enumerate(hits.vectors)}

    async def _send(
        self, holder: Holder[Upstream], caller: Caller, ask: Ask, places: Sequence[int]
    ) -> Part:
        """Let inputs travel to the service, with those that come at the same time."""
        load = Load([ask.inputs[at] for at in places], [ask.lengths[at] for at in places])
        outcome: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
        landed: asyncio.Future[Landing | Exception] = asyncio.get_running_loop().create_future()
        member = _Member(holder, caller, ask, load, outcome, landed)
        self._flights.begin(member.name, load.inputs, member)
        if len(places) >= self.coalescer.most:
            # Small ones would wait for all of it.
            self._begin(self._run([member]))
        elif self.coalescer.add(member.name, member, len(places), self.clock()):
            self._begin(self._close_window(member.name))
        self._depart()
        return await outcome

    async def _close_window(self, name: tuple[bytes, str]) -> None:
        while (left := self.coalescer.seconds_left(name, self.clock())) > 0:
            await self.wait(left)
        self._depart()

    def _depart(self) -> None:
        for members in self.coalescer.take_due(self.clock()):
            self._begin(self._run(members))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # event loops hold their tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _run(self, members: Sequence[_Member]) -> None:
        """Carry out one run for all who travel in it."""
        outcomes: Sequence[Part | Exception]
        landings: Sequence[Landing | Exception]
        try:
            batch, loads = await self._embed(members), [each.load for each in members]
            outcomes, landings = take_apart(batch, loads), land(batch, loads)
        except asyncio.CancelledError:
            for member in members:
                member.outcome.cancel()
                member.landed.cancel()
            raise
        except Exception as exc:  # noqa: BLE001 - whoever waits must be told, whatever it is
            outcomes, landings = [exc] * len(members), [exc] * len(members)
        finally:
            for member in members:
                self._flights.end(member.name, member.load.inputs, member)
        for member, outcome, landing in zip(members, outcomes, landings, strict=True):
            member.landed.set_result(landing)
            if member.outcome.done():  # the caller has gone
                continue
            if isinstance(outcome, Part):
                member.outcome.set_result(outcome)
            else:
                member.outcome.set_exception(outcome)

    async def _embed(self, members: Sequence[_Member]) -> EmbeddedBatch:
        holder, ask = members[0].holder, members[0].ask
        inputs = [each for member in members for each in member.load.inputs]
        limits = self.options.limits
        most = holder.sizes.get(ask.model, limits.max_batch)
        options: dict[str, Any] = {
            **ask.options,
            "cache": None if self.cache is None else WriteOnly(self.cache),
            "limits": evolve(limits, max_batch=most),
        }
        pace, rate = holder.client.pace, self.options.requests_per_minute
        counted = pace.quota.counted(holder.client.embeddings.now)
        with holder.in_line(-(-len(inputs) // most), rate, counted, pace.in_flight):
            return await self._embed_bounded(holder, ask, inputs, options)

    async def _embed_bounded(
        self, holder: Holder[Upstream], ask: Ask, inputs: Sequence[Any], options: dict[str, Any]
    ) -> EmbeddedBatch:
        if self.options.max_cost is None:
            return await self._embed_within(holder, ask, inputs, options)
        need = await holder.client.embeddings.most_cost(ask.model, inputs)
        if need is None:
            message = f"The bound of the cost needs a fixed price; {ask.model} has none."
            raise RefusalError(402, message)
        granted = await self._grant(holder, need)
        spent: tuple[float, float | None] = (0.0, None)
        try:
            batch = await self._embed_within(holder, ask, inputs, {**options, "max_cost": granted})
            spent = batch.stats.cost, batch.stats.possible_cost
        except OpenRouterError as error:
            spent = error.cost or 0.0, error.possible_cost
            raise
        finally:
            holder.budget.settle(granted, *spent)
            holder.client.freed.set()
        return batch

    async def _embed_within(
        self, holder: Holder[Upstream], ask: Ask, inputs: Sequence[Any], options: dict[str, Any]
    ) -> EmbeddedBatch:
        batch, size = await holder.client.embeddings.embed_group(inputs, ask.model, **options)
        if _LEAST_SIZE <= size < options["limits"].max_batch:
            holder.sizes[ask.model] = size
        self._book(holder, batch)
        return batch

    def _book(self, holder: Holder[Upstream], batch: EmbeddedBatch) -> None:
        stats, metrics = batch.stats, self.metrics
        statuses = {getattr(failure.error, "status_code", None) for failure in batch.failures}
        holder.accepted = (holder.accepted or stats.inputs_sent > 0) and 401 not in statuses
        metrics.upstream_requests += stats.requests
        metrics.tokens += stats.prompt_tokens
        metrics.cost_usd += stats.cost
        metrics.possible_cost_usd += stats.possible_cost or 0.0
        metrics.possible_cost_unknown += stats.possible_cost is None
        refusals = holder.client.pace.refusals
        metrics.refusals += refusals - holder.refusals
        holder.refusals = refusals

    async def _grant(self, holder: Holder[Upstream], need: float) -> float:
        """Wait for what a run may cost."""
        async with holder.client.turn:
            while (granted := holder.budget.grant(need)) is None:
                holder.client.freed.clear()
                await holder.client.freed.wait()
        if need > 0 and granted <= 0:
            holder.budget.settle(granted, 0.0, 0.0)
            most, spent = holder.budget.most, holder.budget.known + holder.budget.possible
            message = f"The bound of {most:g} USD for this key is reached: {spent:.6g} are spent."
            raise RefusalError(402, message)
        return granted


def _hold(options: ProxyOptions, key: str) -> Holder[Upstream]:
    return Holder(make_client(options, key), Budget(options.max_cost))


async def _arrival(flight: Flight[_Member]) -> Vectors:
    """Wait for a text that somebody else has sent; whoever stops waiting leaves it to the others.

    Raises:
        OpenRouterError: It has no vector.
        RefusalError: The proxy refused to send it.
    """
    landing = await asyncio.shield(flight.carrier.landed)
    found = landing if isinstance(landing, Exception) else landing.at(flight.place)
    if isinstance(found, Exception):
        raise found
    return found
