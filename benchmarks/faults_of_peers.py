"""Ask the same server the same things with several clients, and say what each makes of its faults.

    python -m nox -s faults_of_peers

Prints a Markdown table. The server is the test kit's, on loopback; every row is one fault, every
cell what a caller of that client gets. A call is given up after 12 seconds.
"""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import openai
from openrouter import OpenRouter as VendorClient

from openrouter_embeddings import OpenRouter
from openrouter_embeddings.testing import FaultServer, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

TEXTS = ["a red fox", "a brown dog", "a grey cat"]
MODEL = "test/embedding"
PATIENCE = 12.0
ROWS = {
    "reply in another order, right `index`": faults.reordered(),
    "one vector missing": faults.missing_vector(),
    "NaN in a vector": faults.nan(),
    "error inside a 200": faults.error_in_200(400, "The input is too long"),
    "429 once, `Retry-After: 0`": faults.status(429, retry_after=0),
    "body that drips, `timeout` 2 s": faults.drip(0.1),
    "base64 refused with empty `data`": faults.refuses_base64(),
}
ONCE = {"429 once, `Retry-After: 0`"}


def with_ours(server: FaultServer) -> ArrayLike:
    """Embed with this package."""
    with OpenRouter(server.api_key, base_url=server.base_url, timeout=2) as client:
        return client.embeddings.generate(input=TEXTS, model=MODEL).vectors


def with_openai(server: FaultServer) -> ArrayLike:
    """Embed with the client that most people use."""
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url, timeout=2) as client:
        response = client.embeddings.create(input=TEXTS, model=MODEL)
        return [item.embedding for item in response.data]


def with_vendor(server: FaultServer) -> ArrayLike:
    """Embed with the vendor's own client."""
    with VendorClient(
        api_key=server.api_key, server_url=server.base_url, timeout_ms=2000
    ) as client:
        response = client.embeddings.generate(input=TEXTS, model=MODEL)
        return [item.embedding for item in response.data]


CLIENTS: dict[str, Callable[[FaultServer], ArrayLike]] = {
    "openrouter-embeddings": with_ours,
    "openai": with_openai,
    "openrouter": with_vendor,
}


def outcome(call: Callable[[FaultServer], ArrayLike], server: FaultServer) -> str:
    """Say what a caller gets."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(_judged(call, server)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else f"still hangs after {PATIENCE:.0f} s"


def _judged(call: Callable[[FaultServer], ArrayLike], server: FaultServer) -> str:
    try:
        vectors = call(server)
    except Exception as exc:  # noqa: BLE001 - every error is a result here
        words = " ".join(str(exc).split())
        return f"{type(exc).__name__}: {words[:60]}"
    expected = np.stack([server.vector(text) for text in TEXTS])
    right = np.shape(vectors) == expected.shape and np.allclose(vectors, expected, atol=1e-6)
    return "right vectors" if right else f"**wrong**: {len(np.asarray(vectors))} vectors, no error"


def main() -> None:
    """Print the table."""
    print("| | " + " | ".join(f"{name} {_version(name)}" for name in CLIENTS) + " |")
    print("|---" * (len(CLIENTS) + 1) + "|")
    for row, fault in ROWS.items():
        cells = []
        for call in CLIENTS.values():
            with FaultServer() as server:
                server.script(fault) if row in ONCE else server.always(fault)
                cells.append(outcome(call, server).replace("|", "/"))
        print(f"| {row} | " + " | ".join(cells) + " |")


def _version(name: str) -> str:
    return version(name)


if __name__ == "__main__":
    main()
