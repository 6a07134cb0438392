"""Runs of 1,000 texts of which some make their request fail, through both clients.

More of them, and more places, are in `test_guilty_inputs` on a virtual clock.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter

import httpx
import pytest

from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter, RetryConfig

URL = "https://gateway.example/v1"
TEXTS = [f"text {number}" for number in range(1_000)]
LIMITS = Limits(max_batch=50, max_in_flight=8)
# No waits: what is shown is who is delivered, and how many requests that takes.
RETRIES = RetryConfig(initial=1e-6, maximum=1e-6)


def refusal(code, message="no", *, status=None, **metadata):
    error = {"code": code, "message": message, "metadata": metadata}
    return lambda _: httpx.Response(status or code, json={"error": error})


def raising(kind):
    def answer(request):
        raise kind("scripted", request=request)

    return answer


def page(_):
    return httpx.Response(403, html="<!DOCTYPE html><title>Blocked</title>")


def no_json(_):
    return httpx.Response(200, content=b'{"object": "list", "data": [')


FREE = {
    "400": refusal(400),
    "413": refusal(413),
    "422": refusal(422),
    "418": refusal(418),
    "flagged": refusal(403, reasons=["spam"]),
    "a firewall's page": page,
    "too long, 400": refusal(400, "maximum context length is 512 tokens"),
    "too long, 500": refusal(500, "input is too large to process"),
    "500": refusal(500),
    "503": refusal(503),
    "404 inside of a 200": refusal(404, status=200),
    "no connection": raising(httpx.ConnectError),
}
BROKEN = {
    "reset": raising(httpx.ReadError),
    "a body that breaks off": no_json,
    "NaN": None,
}
SLOW = {
    "silence": raising(httpx.ReadTimeout),
    "504": refusal(504),
    "524": refusal(524),
}
GUILTY = {
    "one": {500},
    "three": {10, 500, 990},
    "forty spread": set(range(7, 1_000, 25)),
    "forty in one block": set(range(480, 520)),
}


class Peer:
    """Answers with a vector that tells each text, but for requests with a guilty one."""

    def __init__(self, fail, guilty):
        self.fail, self.guilty = fail, {TEXTS[at] for at in guilty}
        self.requests, self.sent, self.failed = 0, Counter(), Counter()
        self._lock = threading.Lock()

    def __call__(self, request):
        texts = json.loads(request.content)["input"]
        is_bad = not self.guilty.isdisjoint(texts)
        with self._lock:
            self.requests += 1
            self.sent.update(texts)
            self.failed.update(texts if is_bad else ())
        if is_bad and self.fail is not None:
            return self.fail(request)
        data = [
            {"object": "embedding", "embedding": self.vector(text), "index": index}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        body = {"object": "list", "data": data, "model": "m", "usage": usage}
        return httpx.Response(200, content=json.dumps(body).encode())

    def vector(self, text):
        return [1.0, float("nan") if text in self.guilty else float(text.split()[1])]


def embed_in_threads(peer):
    with (
        httpx.Client(transport=httpx.MockTransport(peer)) as own,
        OpenRouter("k", base_url=URL, http_client=own, retries=RETRIES) as client,
    ):
        return client.embeddings.embed(TEXTS, model="m", limits=LIMITS, on_error="keep")


def embed_in_tasks(peer):
    async def embed():
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(peer)) as own,
            AsyncOpenRouter("k", base_url=URL, http_client=own, retries=RETRIES) as client,
        ):
            return await client.embeddings.embed(TEXTS, model="m", limits=LIMITS, on_error="keep")

    return asyncio.run(embed())


def failed(result):
    """Return the texts that failed, after a look at all vectors of the others."""
    lost = {failure.position for failure in result.failures}
    right = [at for at in range(len(TEXTS)) if at not in lost]
    assert result.vectors[right].tolist() == [[1.0, float(at)] for at in right]
    assert result.stopped is None
    return {TEXTS[at] for at in lost}


@pytest.mark.parametrize("guilty", GUILTY)
@pytest.mark.parametrize("kind", FREE)
@pytest.mark.parametrize("embed", [embed_in_threads, embed_in_tasks])
def test_the_innocent_are_delivered(embed, kind, guilty):
    """Whatever it is that a text makes its request fail with."""
    peer = Peer(FREE[kind], GUILTY[guilty])

    assert failed(embed(peer)) == peer.guilty
    # Twenty batches and a few single inputs before the first answer; narrowed down from fifty: six
    # halvings, two requests each; four attempts, two rounds.
    passes = kind in {"500", "503", "404 inside of a 200", "no connection"}
    assert peer.requests <= 24 + 15 * len(peer.guilty) * (8 if passes else 1)


@pytest.mark.parametrize("guilty", GUILTY)
@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("embed", [embed_in_threads, embed_in_tasks])
def test_what_breaks_replies_is_paid_twice_at_the_most(embed, kind, guilty):
    """It and those of its batch, and the others are delivered."""
    peer = Peer(BROKEN[kind], GUILTY[guilty])

    assert failed(embed(peer)) == peer.guilty
    assert max(peer.sent.values()) == 2
    assert peer.requests <= 24 + 50 * len({at // 50 for at in GUILTY[guilty]})


# Not spread: so many timeouts slow a run down, by the real clock here; see `test_guilty_inputs`.
@pytest.mark.parametrize("guilty", ["one", "three", "forty in one block"])
@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("embed", [embed_in_threads, embed_in_tasks])
def test_only_parts_that_ran_out_of_time_twice_fail(embed, kind, guilty):
    """Nothing is paid for a third time."""
    peer = Peer(SLOW[kind], GUILTY[guilty])

    assert failed(embed(peer)) == {text for text, times in peer.failed.items() if times == 2}
    assert max(peer.sent.values()) == 2
