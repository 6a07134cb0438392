"""An upstream with faults, and proxies of it."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from openrouter_embeddings import RetryConfig
from openrouter_embeddings.proxy import ProxyOptions, ProxyServer
from openrouter_embeddings.testing import FaultServer
from openrouter_embeddings.testing._answers import Answer

QUICK = RetryConfig(initial=0.001, maximum=0.002)
MODEL = "test/embedding"


class SharedServer(FaultServer):
    """An upstream that takes two keys, and remembers which came with each request."""

    keys = ("sk-or-first-0123456789", "sk-or-second-0123456789")

    def __init__(self, **options):
        super().__init__(**options)
        self.shown = []
        self.arrived, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()  # closed, it lets no answer out
        self.key_details = None  # what GET /key says of a key that is known, where there is such

    def answer(self, method, target, headers, raw):
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if self.key_details is not None and given in self.keys and target.endswith("/v1/key"):
            self.shown.append(f"{given} itself")
            return Answer(json.dumps(self.key_details).encode())
        self.shown.append(given)
        known = {"authorization": f"Bearer {self.api_key}"} if given in self.keys else {}
        answer = super().answer(method, target, {**headers, **known}, raw)
        self.arrived.release()
        self.gate.wait()
        return answer


@pytest.fixture
def upstream():
    with SharedServer(dimensions=8, poison={"a refused text"}) as running:
        yield running
        running.gate.set()


class Caller:
    """Somebody with a key or a token, who sends what any client would."""

    def __init__(self, proxy, secret):
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self.http = httpx.Client(
            base_url=proxy.root_url,
            headers=headers,
            trust_env=False,
            timeout=300,
            limits=httpx.Limits(max_connections=None),
        )

    def embed(self, texts, path="/v1/embeddings", headers=None, **fields):
        body = {"input": texts, "model": MODEL} | fields
        return self.http.post(path, json=body, headers=headers)


@pytest.fixture
def serve(upstream):
    """Start proxies of the upstream."""
    running = []

    def start(*, clock=None, **options):
        options = {"upstream": upstream.base_url, "retries": QUICK} | options
        clocked = {} if clock is None else {"clock": clock}
        running.append(ProxyServer(ProxyOptions(**options), **clocked).start())
        return running[-1]

    yield start
    for proxy in running:
        proxy.stop()


@pytest.fixture
def call(upstream):
    """Make callers of a proxy; the first key of the upstream unless another secret is given."""
    made = []

    def make(proxy, secret=upstream.keys[0]):
        made.append(Caller(proxy, secret))
        return made[-1]

    yield make
    for caller in made:
        caller.http.close()
