"""The generated client on connections of ours, for the generated functions of both kinds.

The generated class changes the HTTP client that it was given when it is asked for another one
with more headers, and then makes one of its own, without the key. This one leaves the original
alone, and the key goes along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field

from openrouter_embeddings._base import arguments
from openrouter_embeddings_api import Client

if TYPE_CHECKING:
    import httpx

    from openrouter_embeddings._http.clients import HttpClients


@define(eq=False)
class ApiClient(Client):
    """The generated client with the key, for functions of both kinds."""

    _clients: HttpClients = field(kw_only=True, alias="clients", repr=False)

    def _over(self, clients: HttpClients) -> ApiClient:
        return ApiClient(
            base_url=self._base_url,
            raise_on_unexpected_status=self.raise_on_unexpected_status,
            clients=clients,
        )

    def with_headers(self, headers: dict[str, str]) -> ApiClient:
        """Make one with more headers.

        Raises:
            ConfigurationError: A header cannot be sent, or is the key's own.
        """
        return self._over(self._clients.with_headers(arguments.headers("headers", headers)))

    def with_cookies(self, cookies: dict[str, str]) -> ApiClient:
        """Make one with more cookies."""
        return self._over(evolve(self._clients, cookies={**self._clients.cookies, **cookies}))

    def with_timeout(self, timeout: httpx.Timeout) -> ApiClient:
        """Make one with another timeout; its ``read`` bounds each exchange as a whole."""
        return self._over(evolve(self._clients, timeout=timeout))

    def get_httpx_client(self) -> httpx.Client:
        """Return what the synchronous functions send with."""
        if self._client is None:
            self._client = self._clients.sync()
        return self._client

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Return what the asynchronous functions send with."""
        if self._async_client is None:
            self._async_client = self._clients.asynchronous()
        return self._async_client
