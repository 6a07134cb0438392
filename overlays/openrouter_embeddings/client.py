"""The clients: configuration, the embeddings namespace, and the generated client set up alike.

httpx is imported with the first client that is made, so that importing this package costs nothing
where no client is made.
"""

from __future__ import annotations

import os
import random
import sys
import time
from functools import cached_property
from typing import TYPE_CHECKING, Self

from attrs import frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._request.retry import RetryConfig
from openrouter_embeddings._request.settings import Settings, checked_retries
from openrouter_embeddings._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx

    from openrouter_embeddings._http.exchange import BearerAuth
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

    base_url: str
    auth: BearerAuth
    headers: Mapping[str, str]
    settings: Settings


def _configure(
    *,
    api_key: str | None,
    base_url: str | None,
    timeout: float | None,
    deadline: float | None,
    retries: RetryConfig | None,
    http_referer: str | None,
    title: str | None,
    categories: Sequence[str] | None,
    headers: Mapping[str, str] | None,
    on_event: Callable[[Event], None] | None,
) -> _Configuration:

    from openrouter_embeddings._base import environment  # noqa: PLC0415 - slow to import
    from openrouter_embeddings._http.exchange import BearerAuth  # noqa: PLC0415 - imports httpx

    key = os.environ.get("OPENROUTER_API_KEY") if api_key is None else api_key
    default_url = os.environ.get("OPENROUTER_BASE_URL") or environment.DEFAULT_BASE_URL
    if on_event is not None and not callable(on_event):
        raise arguments.bad_type("on_event", "a function of one event", on_event)
    return _Configuration(
        base_url=environment.checked_base_url(default_url if base_url is None else base_url),
        auth=BearerAuth(environment.checked_api_key(key)),
        headers={
            "User-Agent": f"openrouter-embeddings/{__version__} Python/{_PYTHON}",
            **_attribution(http_referer, title, categories),
            **arguments.headers("headers", headers),
        },
        settings=Settings(
            timeout=arguments.seconds("timeout", timeout),
            deadline=arguments.seconds("deadline", deadline),
            retries=checked_retries(retries),
            on_event=on_event,
            clock=time.monotonic,
            draw=random.random,
        ),
    )


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
    if isinstance(categories, str):
        raise arguments.bad_type("categories", "a list of texts", categories)
    if len(categories) > _MOST_CATEGORIES:
        raise arguments.bad_value("categories", f"must be at most {_MOST_CATEGORIES}", categories)
    for position, category in enumerate(categories):
        text = arguments.text(f"categories[{position}]", category)
        if len(text) > _CATEGORY_CHARACTERS or "," in text:
            problem = f"must have at most {_CATEGORY_CHARACTERS} characters and no comma"
            raise arguments.bad_value(f"categories[{position}]", problem, text)
    return ",".join(categories)


class OpenRouter:
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
            http_referer: The URL of your application, for the service's rankings.
            title: Its name.
            categories: What kinds of application it is; at most two.
            headers: More headers for each request.
            http_client: An httpx client of yours to send through, with its proxies, certificates
                and hooks. It is not closed here, and its sockets decide how waits for headers end.
            on_event: Receives a record of each attempt and each scheduled retry.

        Raises:
            ConfigurationError: The key is missing or an option cannot be used.
        """
        configuration = _configure(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            deadline=deadline,
            retries=retries,
            http_referer=http_referer,
            title=title,
            categories=categories,
            headers=headers,
            on_event=on_event,
        )
        from openrouter_embeddings._http.exchange import http_client as made  # noqa: PLC0415 - it too

        self._base_url = configuration.base_url
        self._http = made(
            configuration.base_url,
            configuration.auth,
            configuration.headers,
            configuration.settings.timeout,
            borrowed=http_client,
        )
        self._settings = configuration.settings

    @cached_property
    def embeddings(self) -> Embeddings:
        """The two endpoints."""
        # What they stand on takes long to import, and comes with the first call.
        from openrouter_embeddings.embeddings import Embeddings  # noqa: PLC0415 - the one seam

        return Embeddings(self._http, self._settings)

    @property
    def api(self) -> Client:
        """The generated client on the same connections and key, for the generated functions.

        Examples:
            >>> from openrouter_embeddings_api.api.embeddings import list_embeddings_models
            >>> list_embeddings_models.sync_detailed(client=client.api).status_code
            200
        """
        from openrouter_embeddings_api import Client  # noqa: PLC0415 - slow to import

        return Client(base_url=self._base_url).set_httpx_client(self._http)

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use the client in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Show where requests go, and never the key."""
        return f"OpenRouter(base_url={self._base_url!r})"


class AsyncOpenRouter:
    """The asynchronous client, for asyncio; use it in the event loop that it was first used in."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        deadline: float | None = 600.0,
        retries: RetryConfig | None = RetryConfig(),  # noqa: B008 - immutable
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
        configuration = _configure(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            deadline=deadline,
            retries=retries,
            http_referer=http_referer,
            title=title,
            categories=categories,
            headers=headers,
            on_event=on_event,
        )
        from openrouter_embeddings._http.exchange import async_http_client  # noqa: PLC0415 - it too

        self._base_url = configuration.base_url
        self._http = async_http_client(
            configuration.base_url,
            configuration.auth,
            configuration.headers,
            configuration.settings.timeout,
            borrowed=http_client,
        )
        self._settings = configuration.settings

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """The two endpoints."""
        from openrouter_embeddings.embeddings import AsyncEmbeddings  # noqa: PLC0415 - see above

        return AsyncEmbeddings(self._http, self._settings)

    @property
    def api(self) -> Client:
        """The generated client on the same connections, for the ``asyncio_`` functions."""
        from openrouter_embeddings_api import Client  # noqa: PLC0415 - slow to import

        return Client(base_url=self._base_url).set_async_httpx_client(self._http)

    async def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use the client in an ``async with`` block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    def __repr__(self) -> str:
        """Show where requests go, and never the key."""
        return f"AsyncOpenRouter(base_url={self._base_url!r})"
