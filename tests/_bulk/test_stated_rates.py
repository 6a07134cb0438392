"""Rates that are stated, in whole runs: what the service's log holds, for both clients."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import httpx
import numpy as np
import pytest
from run_simulation import simulate, vector

from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter, RetryConfig
from openrouter_embeddings._bulk import pace
from openrouter_embeddings.errors import ServiceUnavailableResponseError
from openrouter_embeddings.values import EmbeddingsResponse, Usage

URL = "https://gateway.example/v1"


def fullest(log, seconds):
    """Return the most requests, and the most tokens, in any so many seconds of a log."""
    windows = [[n for at, n in log if start <= at < start + seconds] for start, _ in log]
    return max(map(len, windows)), max(map(sum, windows))


class Logging:
    """Answers all but one request in ten, and writes down when each came, and its tokens."""

    def __init__(self, seed):
        self.random, self.log = random.Random(seed), []

    def answer(self, texts, now):
        tokens = 3 * len(texts)
        self.log.append((now, tokens))
        if self.random.random() < 0.1:
            return ServiceUnavailableResponseError("busy", status_code=503)
        vectors = np.stack([vector(text) for text in texts])
        return EmbeddingsResponse(vectors, provider="x", usage=Usage(prompt_tokens=tokens))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("stated", ["requests_per_minute", "tokens_per_minute"])
def test_no_minute_of_the_log_holds_more_than_was_stated(stated, seed):
    """On a virtual clock, requests that are made again included; nor much fewer."""
    texts = [f"input {number}" for number in range(2_000)]
    service = Logging(seed)
    bound = {"requests_per_minute": 60, "tokens_per_minute": 600}[stated]
    limits = Limits(max_batch=10, max_in_flight=16, **{stated: bound})

    batches, seconds = simulate(service, texts, seed=seed, limits=limits)

    requests, tokens = fullest(service.log, 60.0)
    assert (requests if stated == "requests_per_minute" else tokens) <= bound
    assert not any(batch.failures for batch in batches)
    assert seconds < 2 * 60 * len(service.log) / (60 if "requests" in stated else 20)


class Peer:
    """Answers with vectors, and writes down when each request came, by its own clock."""

    def __init__(self):
        self.log, self._lock = [], threading.Lock()

    def __call__(self, request):
        count = len(httpx.Response(200, content=request.content).json()["input"])
        with self._lock:
            self.log.append((time.monotonic(), 3 * count))
        data = [{"embedding": [1.0, float(n)], "index": n} for n in range(count)]
        usage = {"prompt_tokens": 3 * count, "total_tokens": 3 * count}
        return httpx.Response(
            200, json={"object": "list", "data": data, "model": "m", "usage": usage}
        )


def embed_in_threads(peer, texts, limits):
    with (
        httpx.Client(transport=httpx.MockTransport(peer)) as own,
        OpenRouter("k", base_url=URL, http_client=own, retries=RetryConfig()) as client,
    ):
        return client.embeddings.embed(texts, model="m", limits=limits)


def embed_in_tasks(peer, texts, limits):
    async def embed():
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(peer)) as own,
            AsyncOpenRouter("k", base_url=URL, http_client=own, retries=RetryConfig()) as client,
        ):
            return await client.embeddings.embed(texts, model="m", limits=limits)

    return asyncio.run(embed())


@pytest.mark.parametrize("embed", [embed_in_threads, embed_in_tasks])
@pytest.mark.parametrize("stated", ["requests_per_minute", "tokens_per_minute"])
def test_both_clients_keep_to_what_was_stated(embed, stated, monkeypatch):
    """By the peer's own log and clock; a minute is a fifth of a second here, and a bit."""
    monkeypatch.setattr(pace, "_MINUTE", 0.2 + 0.001)
    bound = {"requests_per_minute": 8, "tokens_per_minute": 120}[stated]
    peer = Peer()
    limits = Limits(max_batch=5, **{stated: bound})

    result = embed(peer, [f"text {number}" for number in range(150)], limits)

    requests, tokens = fullest(peer.log, 0.2)
    assert len(result.vectors) == 150
    assert (requests if stated == "requests_per_minute" else tokens) <= bound
