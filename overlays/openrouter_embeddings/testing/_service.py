"""The loopback server of the test kit: what it is told to answer, and what it was asked.

A healthy reply carries a vector of unit length that follows from the input alone, so a test knows
what must come back. `faults.menu()` returns every fault by name.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self, TypeGuard, cast
from urllib.parse import parse_qs, urlsplit

import numpy as np
from attrs import frozen

from openrouter_embeddings.testing import faults
from openrouter_embeddings.testing._answers import MODELS, Listing
from openrouter_embeddings.testing._sockets import LoopbackServer
from openrouter_embeddings.testing.faults import Fault, Healthy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import NDArray

    from openrouter_embeddings.testing.faults import Answer

__all__ = ["Fault", "FaultServer", "Recorded", "faults", "vector_of"]

BASE_PATH = "/api/v1"
_MOST_DIMENSIONS = 65_536
_API_KEY = "sk-or-test-0123456789"


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


def vector_of(item: object, dimensions: int) -> NDArray[np.float32]:
    """Compute the vector that a healthy reply carries for an input.

    Args:
        item: One input: a text, a list of token ids, or a content item.
        dimensions: The width.

    Returns:
        float32 of shape ``(dimensions,)`` and unit length; it depends on the arguments alone.
    """
    canonical = json.dumps(item, sort_keys=True, ensure_ascii=False).encode()
    seed = int.from_bytes(blake2b(canonical, digest_size=8).digest(), "little")
    numbers = np.random.default_rng(seed).standard_normal(dimensions)
    return cast("NDArray[np.float32]", (numbers / np.linalg.norm(numbers)).astype(np.float32))


def items_of(value: object) -> list[object]:
    """Split the ``input`` of a request into single inputs."""
    if isinstance(value, list) and value and not isinstance(value[0], int | float):
        return cast("list[object]", value)
    return [value]


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
        self._dimensions = dimensions
        self._poison = frozenset(poison)
        self._max_inputs = max_inputs
        self._max_bytes = max_bytes
        self._max_characters = max_characters
        self._rate = rate
        self._burst = float(burst)
        self._retry_after = retry_after
        self._delay = delay
        self._padding = padding
        self._cost_per_token = cost_per_token
        self._models = list(MODELS if models is None else models)
        self._served = None if models is None else _ids(self._models)
        self._lock = threading.Lock()
        self._script: deque[Fault] = deque()
        self._models_script: deque[Fault] = deque()
        self._always: Fault | None = None
        self._chaos: list[tuple[Fault, float]] = []
        self._random = random.Random(0)  # noqa: S311 - repeatable on purpose
        self._requests: list[Recorded] = []
        self._embedded = 0
        self._refused = 0
        self._tokens = self._burst
        self._filled_at = time.monotonic()
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
            return tuple(self._requests)

    @property
    def inputs_embedded(self) -> int:
        """How many inputs the service would have charged for."""
        return self._embedded

    @property
    def requests_refused(self) -> int:
        """How many requests got an error."""
        return self._refused

    def script(self, *sequence: Fault) -> None:
        """Answer the next requests for embeddings with these in order, then healthily."""
        with self._lock:
            self._script.extend(sequence)

    def script_models(self, *sequence: Fault) -> None:
        """Answer the next requests for the listing with these; then healthily."""
        with self._lock:
            self._models_script.extend(sequence)

    def always(self, fault: Fault | None) -> None:
        """Answer every request for embeddings with one fault; None means healthily."""
        with self._lock:
            self._always = fault

    def chaos(self, shares: Mapping[Fault, float], seed: int = 0) -> None:
        """Let each request for embeddings draw a fault by its share; the rest is healthy.

        Args:
            shares: The share of requests that each fault answers; together at most 1.
            seed: The same seed draws the same faults for the same order of arrival.
        """
        with self._lock:
            self._chaos = list(shares.items())
            self._random.seed(seed)

    def vector(self, item: object, dimensions: int | None = None) -> NDArray[np.float32]:
        """Compute the vector that a healthy reply carries for an input, float32."""
        return vector_of(item, self._dimensions if dimensions is None else dimensions)

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
        path = parts.path.removeprefix(BASE_PATH)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        body = _decoded(raw)
        authorized = headers.get("authorization") == f"Bearer {self.api_key}"
        items = items_of(body.get("input")) if isinstance(body, dict) else []
        with self._lock:
            fault = (
                self._chosen(method, path, len(raw), body, items)
                if authorized
                else faults.status(401, "No cookie auth credentials found")
            )
        answer = fault.apply(self._healthy(body, items, path, query))
        kept = {name: value for name, value in headers.items() if name != "authorization"}
        seen = Recorded(
            method, path, query, kept, body, len(items), fault.name, authorized=authorized
        )
        with self._lock:
            self._requests.append(seen)
            self._embedded += len(items) if answer.paid else 0
            self._refused += not answer.paid
        self.stopping.wait(self._delay)
        return answer

    def _chosen(
        self,
        method: str,
        path: str,
        size: int,
        body: object,
        items: list[object],
    ) -> Fault:
        if (method, path) == ("GET", "/embeddings/models"):
            return self._models_script.popleft() if self._models_script else faults.ok()
        if (method, path) != ("POST", "/embeddings"):
            return faults.status(404, "Not Found")
        if not self._admits():
            return faults.status(429, "Rate limit exceeded", retry_after=self._retry_after)
        scripted = self._drawn()
        return self._refusal(size, body, items) or scripted

    def _admits(self) -> bool:
        """Let requests in at the rate, like a bucket that fills."""
        if self._rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _drawn(self) -> Fault:
        if self._script:
            return self._script.popleft()
        if self._always is not None:
            return self._always
        number = self._random.random() if self._chaos else 1.0
        for fault, share in self._chaos:
            number -= share
            if number < 0:
                return fault
        return faults.ok(self._padding)

    def _refusal(self, size: int, body: object, items: list[object]) -> Fault | None:
        if self._max_bytes is not None and size > self._max_bytes:
            return faults.status(413, f"The body is larger than {self._max_bytes} bytes")
        words = self._unusable(body, items)
        if words is not None:
            return faults.status(400, words)
        if self._max_inputs is not None and len(items) > self._max_inputs:
            return faults.status(422, f"input: at most {self._max_inputs} items are allowed")
        return self._unwelcome([item for item in items if isinstance(item, str)])

    def _unusable(self, body: object, items: list[object]) -> str | None:
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            return "model: a text is required"
        if self._served is not None and body["model"] not in self._served:
            return f"{body['model']} is not a valid model ID"
        if not items or None in items or "" in items:
            return "input: at least one, and none of them empty"
        if body.get("dimensions") is not None and not _is_width(body["dimensions"]):
            return f"dimensions: a number from 1 to {_MOST_DIMENSIONS}"
        return None

    def _unwelcome(self, texts: list[str]) -> Fault | None:
        longest = max(map(len, texts), default=0)
        if self._max_characters is not None and longest > self._max_characters:
            words = f"input is too long: the context length is {self._max_characters} characters"
            return faults.status(400, words)
        if not self._poison.isdisjoint(texts):
            return faults.provider_error('{"error": {"message": "an input is not acceptable"}}')
        return None

    def _healthy(
        self, body: object, items: list[object], path: str, query: Mapping[str, str]
    ) -> Healthy:
        if path == "/embeddings/models":
            return Listing(
                (np.ones(1, np.float32),), "float", None, {}, models=self._models, query=query
            )
        fields = body if isinstance(body, dict) else {}
        dimensions = fields.get("dimensions")
        width = dimensions if _is_width(dimensions) else self._dimensions
        vectors = [vector_of(item, width) for item in items]
        asked = "base64" if fields.get("encoding_format") == "base64" else "float"
        return Healthy(vectors, asked, dimensions, self._envelope(fields, items))

    def _envelope(self, fields: Mapping[str, Any], items: list[object]) -> dict[str, object]:
        tokens = sum(max(1, len(str(item)) // 4) for item in items)
        cost = tokens * self._cost_per_token
        details = {
            "upstream_inference_cost": cost,
            "upstream_inference_prompt_cost": cost,
            "upstream_inference_completions_cost": 0,
        }
        return {
            "model": str(fields.get("model")).rpartition("/")[2],
            "usage": {
                "prompt_tokens": tokens,
                "total_tokens": tokens,
                "cost": cost,
                "is_byok": False,
                "cost_details": details,
            },
            "provider": "Example AI",
            "id": f"gen-emb-{int(time.time())}-{random.getrandbits(80):020x}",
        }


def _ids(models: Iterable[object]) -> set[object]:
    """Collect the ids of a listing, whose entries may be odd on purpose."""
    return {entry.get("id") for entry in models if isinstance(entry, dict)}


def _is_width(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _MOST_DIMENSIONS


def _decoded(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
