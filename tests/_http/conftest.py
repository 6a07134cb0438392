"""Both clients for a peer that a test writes byte by byte."""

from __future__ import annotations

import asyncio
import socket

import pytest
from raw_peer import PEM, RawPeer

from openrouter_embeddings import AsyncOpenRouter, OpenRouter


class Caller:
    """A client of either kind; `generate` returns vectors."""

    def __init__(self, kind, base_url, **options):
        options = {"retries": None, "timeout": 60} | options
        self.client = kind("key", base_url=base_url, **options)
        self._runner = asyncio.Runner() if kind is AsyncOpenRouter else None

    def _run(self, result):
        return result if self._runner is None else self._runner.run(result)

    def generate(self, text, **options):
        result = self.client.embeddings.generate(input=text, model="m", **options)
        return self._run(result) if self._runner is None else self._run(self._awaited(result))

    async def _awaited(self, result):
        return await result

    def close(self):
        result = self.client.close()
        if self._runner is not None:
            self._run(self._awaited(result))
            self._runner.close()


@pytest.fixture(params=[OpenRouter, AsyncOpenRouter], ids=["sync", "async"])
def call(request):
    """Make a client of either kind for a URL."""
    made = []

    def make(base_url, **options):
        made.append(Caller(request.param, base_url, **options))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


@pytest.fixture(params=[False, True], ids=["http", "tls"])
def peer(request, monkeypatch):
    """Make a peer with or without TLS that the clients trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    made = []

    def make(answer, **options):
        made.append(RawPeer(answer, tls=request.param, **options))
        return made[-1].__enter__()

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture
def listener():
    """Accept connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening
