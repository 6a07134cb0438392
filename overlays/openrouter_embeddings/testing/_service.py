"""The loopback server of the test kit: what it is told to answer, and what it was asked.

A healthy reply carries a vector of unit length that follows from the input alone, so a test knows
what must come back. `faults.menu()` returns every fault by name.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from attrs import define, field, frozen

from openrouter_embeddings.testing import faults
from openrouter_embeddings.testing._rules import Rules, items_of, vector_of
from openrouter_embeddings.testing._script import Bucket, Script
from openrouter_embeddings.testing._sockets import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings.testing._answers import Answer, Fault, Healthy

__all__ = ["FaultServer", "Recorded"]

BASE_PATH = "/api/v1"
_API_KEY = "sk-or-test-0123456789"
_EMBEDDINGS = ("POST", "/embeddings")
_LISTING = ("GET", "/embeddings/models")
_FOREIGN_KEY = faults.status(401, "No cookie auth credentials found")


@frozen
class Recorded:
    """One request as the server saw it.

    Attributes:
        method: The method.
        path: The path below the base URL.
        query: The query, the last value of each name.
        headers: The headers, names in lower case, the key left out.
        body: The decoded JSON body, or None.
        inputs: How many inputs it carried.
        fault: The name of the fault that answered it; ``"ok"`` for none.
        authorized: Whether it carried the server's key.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    inputs: int
    fault: str
    authorized: bool


@define(eq=False)
class _Seen:
    """What a server was asked so far, and what it would have charged for."""

    requests: list[Recorded] = field(init=False, factory=list)
    embedded: int = field(init=False, default=0)
    refused: int = field(init=False, default=0)

    def add(self, request: Recorded, answer: Answer) -> None:
        self.requests.append(request)
        self.embedded += request.inputs if answer.paid else 0
        self.refused += not answer.paid


class FaultServer:
    """A server for both endpoints on loopback, healthy until it is told otherwise.

    Use it in a ``with`` block. It answers from threads, so clients of both kinds can talk to it
    from the same process.

    Attributes:
        api_key: The key that it accepts; every other one gets a 401.
    """

    api_key = _API_KEY

    def __init__(
        self,
        *,
        dimensions: int = 8,
        poison: Collection[str] = (),
        max_inputs: int | None = None,
        max_bytes: int | None = None,
        max_characters: int | None = None,
        rate: float | None = None,
        burst: int = 1,
        retry_after: float | None = None,
        delay: float = 0.0,
        padding: str = "",
        cost_per_token: float = 2e-08,
        models: Iterable[Mapping[str, object]] | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            dimensions: The width of its vectors where a request names none.
            poison: Texts that it refuses, together with the whole request that carries them.
            max_inputs: The most inputs in one request; more get a 422.
            max_bytes: The largest body; larger ones get a 413.
            max_characters: The longest text; a request with a longer one gets a 400 that says so.
            rate: Requests that it admits a second; the others get a 429.
            burst: How many requests it admits at once under `rate`.
            retry_after: What these 429 say about when to come back, in seconds.
            delay: Seconds before each reply.
            padding: White space before each healthy reply.
            cost_per_token: What it says that a token costs, in USD.
            models: The entries of its listing, which alone it serves; None for two of its own, and
                then it serves any model.
        """
        self._rules = Rules(
            dimensions=dimensions,
            poison=frozenset(poison),
            max_inputs=max_inputs,
            max_bytes=max_bytes,
            max_characters=max_characters,
            padding=padding,
            cost_per_token=cost_per_token,
            models=None if models is None else list(models),
        )
        self._bucket = Bucket(rate, float(burst))
        self._retry_after = retry_after
        self._delay = delay
        self._script = Script()
        self._seen = _Seen()
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._http = LoopbackServer(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.01,), name="fault-server", daemon=True
        )

    @property
    def base_url(self) -> str:
        """Where the server is, for `OpenRouter(base_url=...)`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{BASE_PATH}"

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """All requests so far, in order of arrival."""
        with self._lock:
            return tuple(self._seen.requests)

    @property
    def inputs_embedded(self) -> int:
        """How many inputs the service would have charged for."""
        return self._seen.embedded

    @property
    def requests_refused(self) -> int:
        """How many requests got an error."""
        return self._seen.refused

    def script(self, *sequence: Fault) -> None:
        """Answer the next requests for embeddings with these in order, then healthily."""
        with self._lock:
            self._script.embeddings.extend(sequence)

    def script_models(self, *sequence: Fault) -> None:
        """Answer the next requests for the listing with these; then healthily."""
        with self._lock:
            self._script.models.extend(sequence)

    def always(self, fault: Fault | None) -> None:
        """Answer every request for embeddings with one fault; None means healthily."""
        with self._lock:
            self._script.always = fault

    def chaos(self, shares: Mapping[Fault, float], seed: int = 0) -> None:
        """Let each request for embeddings draw a fault by its share; the rest is healthy.

        Args:
            shares: The share of requests that each fault answers; together at most 1.
            seed: The same seed draws the same faults for the same order of arrival.
        """
        with self._lock:
            self._script.shares = list(shares.items())
            self._script.random.seed(seed)

    def vector(self, item: object, dimensions: int | None = None) -> NDArray[np.float32]:
        """Compute the vector that a healthy reply carries for an input, float32."""
        return vector_of(item, self._rules.dimensions if dimensions is None else dimensions)

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and close all connections, those that drip included."""
        self.stopping.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Begin to answer."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop answering."""
        self.stop()

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Decide what to answer to a request, and remember it."""
        parts = urlsplit(target)
        endpoint = method, parts.path.removeprefix(BASE_PATH)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        body = _decoded(raw)
        items = items_of(body.get("input")) if isinstance(body, dict) else []
        authorized = headers.get("authorization") == f"Bearer {self.api_key}"
        with self._lock:
            fault = self._choose(endpoint, len(raw), body, items) if authorized else _FOREIGN_KEY
        answer = fault.apply(self._healthy(endpoint, query, body, items))
        kept = {name: value for name, value in headers.items() if name != "authorization"}
        seen = Recorded(*endpoint, query, kept, body, len(items), fault.name, authorized=authorized)
        with self._lock:
            self._seen.add(seen, answer)
        self.stopping.wait(self._delay)
        return answer

    def _choose(
        self, endpoint: tuple[str, str], size: int, body: object, items: list[object]
    ) -> Fault:
        if endpoint == _LISTING:
            return self._script.next_for_models()
        if endpoint != _EMBEDDINGS:
            return faults.status(404, "Not Found")
        if not self._bucket.admits():
            return faults.status(429, "Rate limit exceeded", retry_after=self._retry_after)
        scripted = self._script.next_for_embeddings()
        return self._rules.refusal(size, body, items) or scripted

    def _healthy(
        self,
        endpoint: tuple[str, str],
        query: Mapping[str, str],
        body: object,
        items: list[object],
    ) -> Healthy:
        if endpoint == _LISTING:
            return self._rules.listing(query)
        return self._rules.healthy(body, items)


def _decoded(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
