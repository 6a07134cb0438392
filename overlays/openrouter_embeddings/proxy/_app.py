"""The ASGI application of the proxy: paths, bodies, and who is let in; it decides nothing else."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from openrouter_embeddings._base import environment
from openrouter_embeddings._base.logs import log
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import OpenRouterError
from openrouter_embeddings.proxy._access import RefusalError
from openrouter_embeddings.proxy._asks import read_ask
from openrouter_embeddings.proxy._coalescing import Coalescer
from openrouter_embeddings.proxy._envelope import Answer, refuse, write_error
from openrouter_embeddings.proxy._metrics import CONTENT_TYPE
from openrouter_embeddings.proxy._options import make_gate
from openrouter_embeddings.proxy._service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from openrouter_embeddings.proxy._access import Caller, Gate
    from openrouter_embeddings.proxy._options import ProxyOptions

    Handler = Callable[[Request], Awaitable[Answer]]

BASE_PATH = "/v1"
_PREFIXES = ("/api/v1", "/v1", "")

_log = logging.getLogger("openrouter_embeddings")


class _Endpoints:
    """The paths, each as a function from a request to an answer."""

    def __init__(self, gate: Gate, service: Service, max_body_bytes: int) -> None:
        self._gate = gate
        self._service = service
        self._max_body_bytes = max_body_bytes

    def routes(self) -> list[Route]:
        routes = [self._route("/healthz", self._health), self._route("/metrics", self._metrics)]
        for prefix in _PREFIXES:
            routes += [
                self._route(f"{prefix}/embeddings", self._embed, "POST"),
                self._route(f"{prefix}/embeddings/models", self._catalog),
                self._route(f"{prefix}/models", self._models),
            ]
        return routes

    def _route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def respond(request: Request) -> Response:
            answer = await self._guarded(request, handler)
            self._service.metrics.count_answer(answer.status)
            return _response(answer)

        return Route(path, respond, methods=[method])

    async def _guarded(self, request: Request, handler: Handler) -> Answer:
        try:
            self._gate.check_host(request.headers, request.scope["server"])
            return await handler(request)
        except (OpenRouterError, RefusalError) as error:
            return write_error(error)
        except ClientDisconnect:
            return refuse(499, "The client has gone.")
        except Exception as exc:  # noqa: BLE001 - the proxy goes on for the others
            # What an exception says may quote an input.
            log(_log, logging.WARNING, "the proxy failed inside: %s", _place_of(exc))
            return refuse(500, "Internal Server Error")

    async def _embed(self, request: Request) -> Answer:
        refusal, caller = self._check(request)
        # The body comes first: a client that is still sending would not see what is wrong.
        body = await _read(request, self._max_body_bytes, keep=refusal is None)
        if refusal is not None or caller is None:
            raise refusal or RefusalError(401, "Missing Authentication header")
        return await self._service.embed(caller, read_ask(body, request.headers))

    def _check(self, request: Request) -> tuple[RefusalError | None, Caller | None]:
        try:
            self._gate.check_type(request.headers)
            return None, self._gate.admit(request.headers)
        except RefusalError as refusal:
            return refusal, None

    async def _models(self, request: Request) -> Answer:
        caller = self._gate.admit(request.headers)
        return await self._service.list_models(caller, as_openai=True)

    async def _catalog(self, request: Request) -> Answer:
        caller = self._gate.admit(request.headers)
        return await self._service.list_models(caller, as_openai=False)

    async def _health(self, _request: Request) -> Answer:
        return Answer(b'{"status":"ok"}')

    async def _metrics(self, _request: Request) -> Answer:
        return Answer(self._service.write_metrics().encode(), content_type=CONTENT_TYPE)


def create_app(options: ProxyOptions, *, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """Make the ASGI application; its lifespan closes the connections and the cache.

    Args:
        options: How it is set up.
        clock: Returns seconds of a steady clock, which windows go by.

    Returns:
        The application; its ``state.service`` is the `Service`.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    gate = make_gate(options)
    upstream = environment.base_url(options.upstream, allow_http=options.allow_http)
    options = evolve(options, upstream=upstream)
    cache = None if options.cache is None else EmbeddingCache(options.cache)
    windows: Coalescer[Any] = Coalescer(options.window, options.limits.max_batch)
    service = Service(options, cache, windows, clock)
    endpoints = _Endpoints(gate, service, options.max_body_bytes)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    app = Starlette(
        routes=endpoints.routes(),
        exception_handlers={HTTPException: _no_route},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


async def _read(request: Request, most: int, *, keep: bool) -> bytes:
    """Read a body; one that is refused already, or too large, is read and thrown away."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # A client that is still sending does not see the refusal, so it may send as much again.
        if size > 2 * most:
            break
        if keep and size <= most:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > most:
        raise RefusalError(413, f"The body is too large: at most {most} bytes are allowed.")
    return b"".join(chunks)


def _response(answer: Answer) -> Response:
    headers = {**answer.headers, "content-type": answer.content_type}
    return Response(answer.body, answer.status, headers)


async def _no_route(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    detail = exc.detail if isinstance(exc, HTTPException) else "Not Found"
    return _response(refuse(status, f"{detail}: {request.method} {request.url.path}"))


def _place_of(exc: BaseException) -> str:
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(exc).__name__
    code = trace.tb_frame.f_code
    return f"{type(exc).__name__} in {code.co_name} ({code.co_filename}:{trace.tb_lineno})"
