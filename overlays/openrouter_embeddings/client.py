"""The clients: configuration, the embeddings namespace, and the generated client set up alike.

httpx is imported with the first client that is made, so that importing this package costs nothing
where no client is made.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.frames import forget_frames
from openrouter_embeddings._base.interrupts.signals import find_interrupt
from openrouter_embeddings._base.logs import follow_environment
from openrouter_embeddings._request.retry import RetryConfig
from openrouter_embeddings._request.settings import Settings, checked_retries
from openrouter_embeddings._version import __version__
from openrouter_embeddings.errors import ConfigurationError, OpenRouterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import EllipsisType

    import httpx

    from openrouter_embeddings._http.clients import Connections, HttpClients
    from openrouter_embeddings._http.secrets import BearerAuth
    from openrouter_embeddings.embeddings import AsyncEmbeddings, Embeddings
    from openrouter_embeddings.events import Event
    from openrouter_embeddings_api import Client

__all__ = ["AsyncOpenRouter", "OpenRouter"]

_MOST_CATEGORIES = 2
_CATEGORY_CHARACTERS = 30
_PYTHON = ".".join(map(str, sys.version_info[:3]))


@frozen
class _Configuration:
    """Everything that both clients are made from, checked."""

    auth: BearerAuth
    headers: Mapping[str, str]
    settings: Settings

    def override(
        self,
        timeout: float | EllipsisType | None,
        deadline: float | EllipsisType | None,
        retries: RetryConfig | EllipsisType | None,
        headers: Mapping[str, str] | None,
    ) -> _Configuration:
        """Return the same with what is said otherwise."""
        from openrouter_embeddings._http.clients import merged  # noqa: PLC0415 - imports httpx

        return evolve(
            self,
            headers=merged(self.headers, arguments.headers("headers", headers)),
            settings=self.settings.override(timeout, deadline, retries),
        )


def _configure(
    *,
    api_key: str | None,
    base_url: str | None,
    timeout: float | None,
    deadline: float | None,
    retries: RetryConfig | None,
    allow_http: bool,
    http_referer: str | None,
    title: str | None,
    categories: Sequence[str] | None,
    headers: Mapping[str, str] | None,
    on_event: Callable[[Event], None] | None,
) -> _Configuration:

    from openrouter_embeddings._base import environment  # noqa: PLC0415 - slow to import
    from openrouter_embeddings._http.secrets import BearerAuth  # noqa: PLC0415 - imports httpx

    follow_environment()
    if on_event is not None and not callable(on_event):
        raise arguments.bad_type("on_event", "a function of one event", on_event)
    return _Configuration(
        auth=BearerAuth(environment.api_key(api_key)),
        headers={
            "User-Agent": f"openrouter-embeddings/{__version__} Python/{_PYTHON}",
            **_attribution(http_referer, title, categories),
            **arguments.headers("headers", headers),
        },
        settings=Settings(
            base_url=environment.base_url(base_url, allow_http=allow_http),
            timeout=arguments.seconds("timeout", timeout),
            deadline=arguments.seconds("deadline", deadline),
            retries=checked_retries(retries),
            on_event=on_event,
            clock=time.monotonic,
            draw=_draw,
        ),
    )


def _draw() -> float:
    """Draw from the generator of this process: a pickle must not carry one to all workers."""
    return random.random()  # noqa: S311 - jitter


def _attribution(
    http_referer: str | None, title: str | None, categories: Sequence[str] | None
) -> dict[str, str]:
    """Write who is calling, for the service's public rankings."""
    named = {
        "HTTP-Referer": ("http_referer", http_referer),
        "X-OpenRouter-Title": ("title", title),
        "X-OpenRouter-Categories": ("categories", _join(categories)),
    }
    return {
        header: arguments.header(argument, value)
        for header, (argument, value) in named.items()
        if value is not None
    }


def _join(categories: Sequence[str] | None) -> str | None:
    if categories is None:
        return None
    if isinstance(categories, str) or not isinstance(categories, Sequence):
        raise arguments.bad_type("categories", "a list of texts", categories)
    return arguments.read("categories", lambda: _join_texts(list(categories)))


def _join_texts(categories: list[str]) -> str:
    if len(categories) > _MOST_CATEGORIES:
        raise arguments.bad_value("categories", f"must be at most {_MOST_CATEGORIES}", categories)
    texts = []
    for position, category in enumerate(categories):
        text = arguments.text(f"categories[{position}]", category)
        if len(text) > _CATEGORY_CHARACTERS or "," in text:
            problem = f"must have at most {_CATEGORY_CHARACTERS} characters and no comma"
            raise arguments.bad_value(f"categories[{position}]", problem, text)
        texts.append(text)
    return ",".join(texts)


class _Client:
    """What both clients share: derived clients, copies, pickles, and the generated client."""

    _configuration: _Configuration
    _connections: Connections

    def _set_up(self, configuration: _Configuration, connections: Connections) -> None:
        """Take a configuration, and make the namespace of methods on connections."""
        self._configuration = configuration
        self._connections = connections

    def _connect(
        self, configuration: _Configuration, borrowed: httpx.Client | httpx.AsyncClient | None
    ) -> None:
        from openrouter_embeddings._http.clients import Connections  # noqa: PLC0415 - imports httpx

        self._set_up(configuration, Connections(configuration.settings.base_url, borrowed))

    @property
    def _clients(self) -> HttpClients:
        from openrouter_embeddings._http.clients import HttpClients  # noqa: PLC0415 - imports httpx

        kept = self._configuration
        return HttpClients(self._connections, kept.auth, kept.headers, kept.settings.timeout)

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._configuration.settings.base_url

    @property
    def api(self) -> Client:
        """The generated client on the same connections and key, for the generated functions.

        It serves the functions of both kinds, ``sync`` and ``asyncio``. Its ``with_headers`` and
        ``with_timeout`` leave it as it is.

        Examples:
            >>> from openrouter_embeddings_api.api.embeddings import list_embeddings_models
            >>> list_embeddings_models.sync_detailed(client=client.api).status_code
            200
        """
        from openrouter_embeddings._http.generated import ApiClient  # noqa: PLC0415 - slow to import

        return ApiClient(base_url=self._configuration.settings.base_url, clients=self._clients)

    def with_options(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        deadline: float | EllipsisType | None = ...,
        retries: RetryConfig | EllipsisType | None = ...,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a client with other options on the same connections; this one stays as it is.

        To close either of them closes the connections of both.

        Args:
            timeout: Seconds for one attempt; None for no bound.
            deadline: Seconds for one logical request; None for no bound.
            retries: The retry policy; None for a single attempt.
            headers: More headers for each request.

        Raises:
            ConfigurationError: An option cannot be used.
        """
        made = object.__new__(type(self))
        changed = self._configuration.override(timeout, deadline, retries, headers)
        made._set_up(changed, self._connections)
        return made

    def __copy__(self) -> Self:
        """Make another client on the same connections."""
        return self.with_options()

    def __deepcopy__(self, memo: object) -> Self:
        """Make another client with the same key and options, and connections of its own."""
        made = object.__new__(type(self))
        made._connect(self._configuration, self._connections.borrowed)
        return made

    def __getstate__(self) -> dict[str, object]:
        """Return what a pickle holds: everything but the key.

        Raises:
            ConfigurationError: Something cannot travel: a borrowed client, a lambda.
        """
        kept = self._configuration
        if self._connections.borrowed is not None:
            message = "A client that sends through an http_client of yours cannot be pickled."
            raise ConfigurationError(message, argument="http_client")
        _check_travels("on_event", kept.settings.on_event)
        _check_travels("retries", kept.settings.retries)
        return {"headers": {**kept.headers}, "settings": kept.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the key from the environment.

        Raises:
            ConfigurationError: It is not there.
        """
        from openrouter_embeddings._base import environment  # noqa: PLC0415 - slow to import
        from openrouter_embeddings._http.secrets import BearerAuth  # noqa: PLC0415 - imports httpx

        if not os.environ.get("OPENROUTER_API_KEY"):
            message = "A pickled client holds no API key, and the environment here has none."
            hint = "Set OPENROUTER_API_KEY where the pickle is loaded."
            raise ConfigurationError(message, argument="api_key", hint=hint)
        auth = BearerAuth(environment.api_key(None))
        self._connect(_Configuration(auth=auth, **state), None)

    def __repr__(self) -> str:
        """Show where requests go, and never the key."""
        return f"{type(self).__name__}(base_url={self._configuration.settings.base_url!r})"


def _check_travels(argument: str, value: object) -> None:
    try:
        pickle.dumps(value)
    except Exception as exc:  # a class of the caller's may raise anything
        message = f"A client cannot be pickled with this {argument}: {exc}."
        hint = f"Use a function of a module as {argument}, no lambda and no inner function."
        raise ConfigurationError(message, argument=argument, hint=hint) from exc


class OpenRouter(_Client):
    """The synchronous client; safe to share between threads.

    Examples:
        >>> from openrouter_embeddings import OpenRouter
        >>> with OpenRouter() as client:  # reads OPENROUTER_API_KEY
        ...     response = client.embeddings.generate(
        ...         input=["a red fox", "a brown dog"], model="openai/text-embedding-3-small"
        ...     )
        >>> response.vectors.shape
        (2, 1536)
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        deadline: float | None = 600.0,
        retries: RetryConfig | None = RetryConfig(),  # noqa: B008 - immutable
        allow_http: bool = False,
        http_referer: str | None = None,
        title: str | None = None,
        categories: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.Client | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Configure a client; nothing is sent.

        Args:
            api_key: The key; None takes the environment variable ``OPENROUTER_API_KEY``.
            base_url: Where requests go; None takes ``OPENROUTER_BASE_URL``, else the service.
            timeout: Seconds for one attempt, its body included; None for no bound.
            deadline: Seconds for one logical request with its retries and waits; None for no bound.
            retries: How failed attempts are repeated; None for a single attempt.
            allow_http: Whether plain http may go to other machines, a gateway in a private network
                say; everybody on the way can read the key. So does ``OPENROUTER_ALLOW_HTTP=1``.
            http_referer: The URL of your application, for the service's rankings.
            title: Its name.
            categories: What kinds of application it is; at most two.
            headers: More headers for each request.
            http_client: An httpx client of yours to send through, with its proxies, certificates
                and hooks. It is not closed here, and its sockets decide how waits for headers end;
                its default headers are sent where ours say nothing else.
            on_event: Receives a record of each attempt and each scheduled retry.

        Raises:
            ConfigurationError: The key is missing or an option cannot be used.
        """
        try:
            configuration = _configure(
                api_key=api_key,
                base_url=base_url,
                timeout=timeout,
                deadline=deadline,
                retries=retries,
                allow_http=allow_http,
                http_referer=http_referer,
                title=title,
                categories=categories,
                headers=headers,
                on_event=on_event,
            )
            self._connect(configuration, http_client)
        except OpenRouterError as error:
            forget_frames(error)
            raise
        finally:
            del api_key  # errors keep this frame alive

    def _set_up(self, configuration: _Configuration, connections: Connections) -> None:
        super()._set_up(configuration, connections)
        self._http = self._clients.sync()

    @cached_property
    def embeddings(self) -> Embeddings:
        """The two endpoints."""
        # What they stand on takes long to import, and comes with the first call.
        from openrouter_embeddings.embeddings import Embeddings  # noqa: PLC0415 - the one seam

        return Embeddings(self._http, self._configuration.settings)

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards.

        Runs whose streams are half read end before: what they have in flight is waited for, within
        its timeout, kept in the cache, and handed out to whoever reads on.
        """
        self._close(None)

    def _close(self, interrupt: BaseException | None) -> None:
        try:
            for run in self._connections.users:
                run.before_close(interrupt)
        finally:
            self._connections.close()

    def __enter__(self) -> Self:
        """Use the client in a ``with`` block."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        """Close the connections."""
        self._close(find_interrupt(error))


class AsyncOpenRouter(_Client):
    """The asynchronous client, for asyncio; in each event loop it has connections of that loop."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        deadline: float | None = 600.0,
        retries: RetryConfig | None = RetryConfig(),  # noqa: B008 - immutable
        allow_http: bool = False,
        http_referer: str | None = None,
        title: str | None = None,
        categories: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Configure a client; nothing is sent. The options are those of `OpenRouter`.

        Raises:
            ConfigurationError: The key is missing or an option cannot be used.
        """
        try:
            configuration = _configure(
                api_key=api_key,
                base_url=base_url,
                timeout=timeout,
                deadline=deadline,
                retries=retries,
                allow_http=allow_http,
                http_referer=http_referer,
                title=title,
                categories=categories,
                headers=headers,
                on_event=on_event,
            )
            self._connect(configuration, http_client)
        except OpenRouterError as error:
            forget_frames(error)
            raise
        finally:
            del api_key  # errors keep this frame alive

    def _set_up(self, configuration: _Configuration, connections: Connections) -> None:
        super()._set_up(configuration, connections)
        self._http = self._clients.asynchronous()

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """The two endpoints."""
        from openrouter_embeddings.embeddings import AsyncEmbeddings  # noqa: PLC0415 - see above

        return AsyncEmbeddings(self._http, self._configuration.settings)

    async def close(self) -> None:
        """Close the connections, as `OpenRouter.close` does; in the event loop of its streams."""
        await self._close(None)

    async def _close(self, interrupt: BaseException | None) -> None:
        try:
            for run in self._connections.async_users:
                await run.before_close(interrupt)
        finally:
            self._connections.close()

    async def __aenter__(self) -> Self:
        """Use the client in an ``async with`` block."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        """Close the connections."""
        await self._close(find_interrupt(error))
