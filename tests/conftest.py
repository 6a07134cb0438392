"""Fixtures for all tests: a loopback server with faults, and one test body for both clients."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from openrouter_embeddings import AsyncOpenRouter, OpenRouter, RetryConfig
from openrouter_embeddings.testing import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = RetryConfig(initial=0.001, maximum=0.002)
MODEL = "test/embedding"
OURS = ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "OPENROUTER_ALLOW_HTTP", "OPENROUTER_LOG")

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def pytest_collection_modifyitems(items):
    """Leave out what needs the local model, where it has no wheels; the summary counts it."""
    if sys.version_info < (3, 14) or find_spec("wordllama"):
        return
    reason = "the local model has no wheels for this Python"
    for item in items:
        if item.get_closest_marker("local_model"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def usual_signals():
    """Heed signals that whoever started the tests ignores, as `nohup` does and a shell's `&`."""
    plain = signal.SIG_DFL
    usual = {"SIGHUP": plain, "SIGTERM": plain, "SIGINT": signal.default_int_handler}
    for name, handler in usual.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """Keep the variables of the machine out of the tests."""
    for name in (*OURS, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(dimensions=8) as running:
        yield running


class SyncBoth:
    """The synchronous client behind the interface of the tests."""

    def __init__(self, server: FaultServer, **options: object) -> None:
        options = {
            "api_key": server.api_key,
            "base_url": server.base_url,
            "retries": QUICK,
        } | options
        self.client = OpenRouter(**options)

    def generate(self, input="a red fox", model=MODEL, **options):  # noqa: A002
        return self.client.embeddings.generate(input=input, model=model, **options)

    def list_models(self, **options):
        return self.client.embeddings.list_models(**options)

    def call(self, name, *arguments, **options):
        return getattr(self.client.embeddings, name)(*arguments, **options)

    def embed(self, inputs, model=MODEL, **options):
        return self.call("embed", inputs, model=model, **options)

    def close_connections(self) -> None:
        self.client.close()

    close = close_connections


class AsyncBoth:
    """The asynchronous client behind the interface of the tests."""

    def __init__(self, server: FaultServer, **options: object) -> None:
        options = {
            "api_key": server.api_key,
            "base_url": server.base_url,
            "retries": QUICK,
        } | options
        self.client = AsyncOpenRouter(**options)
        self._runner = asyncio.Runner()

    def generate(self, input="a red fox", model=MODEL, **options):  # noqa: A002
        return self._runner.run(
            self.client.embeddings.generate(input=input, model=model, **options)
        )

    def list_models(self, **options):
        return self._runner.run(self.client.embeddings.list_models(**options))

    def call(self, name, *arguments, **options):
        return self._runner.run(getattr(self.client.embeddings, name)(*arguments, **options))

    def embed(self, inputs, model=MODEL, **options):
        return self.call("embed", inputs, model=model, **options)

    def close_connections(self) -> None:
        self._runner.run(self.client.close())

    def close(self) -> None:
        self.close_connections()
        self._runner.close()


@pytest.fixture(params=[SyncBoth, AsyncBoth], ids=["sync", "async"])
def connect(request, server) -> Iterator[Callable[..., SyncBoth | AsyncBoth]]:
    """Make clients of either kind for the server; one test body serves both."""
    made: list[SyncBoth | AsyncBoth] = []

    def make(**options: object) -> SyncBoth | AsyncBoth:
        made.append(request.param(server, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect) -> SyncBoth | AsyncBoth:
    return connect()
