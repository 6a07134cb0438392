"""Ask the same server the same things with several clients, and say what each makes of its faults.

    python -m nox -s faults_of_peers

Prints a Markdown table. The server is the test kit's, on loopback; every row is one fault, every
cell what a caller of that client gets. A call is given up after 12 seconds.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import numpy as np
import openai
from numpy.typing import ArrayLike
from openrouter import OpenRouter as VendorClient

from openrouter_embeddings import OpenRouter
from openrouter_embeddings.testing import FaultServer, faults

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

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
FORKS, CALLS = 4, 150


Embed = Callable[[list[str]], ArrayLike]


@contextmanager
def ours(server: FaultServer) -> Iterator[Embed]:
    """Embed with this package."""
    with OpenRouter(server.api_key, base_url=server.base_url, timeout=2) as client:
        yield lambda texts: client.embeddings.generate(input=texts, model=MODEL).vectors


@contextmanager
def with_openai(server: FaultServer) -> Iterator[Embed]:
    """Embed with the client that most people use."""
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url, timeout=2) as client:
        create = client.embeddings.create
        yield lambda texts: [item.embedding for item in create(input=texts, model=MODEL).data]


@contextmanager
def with_vendor(server: FaultServer) -> Iterator[Embed]:
    """Embed with the vendor's own client."""
    with VendorClient(
        api_key=server.api_key, server_url=server.base_url, timeout_ms=2000
    ) as client:
        generate = client.embeddings.generate
        yield lambda texts: [item.embedding for item in generate(input=texts, model=MODEL).data]


CLIENTS: dict[str, Callable[[FaultServer], AbstractContextManager[Embed]]] = {
    "openrouter-embeddings": ours,
    "openai": with_openai,
    "openrouter": with_vendor,
}


def outcome(server: FaultServer, embed: Embed) -> str:
    """Say what a caller gets."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(_judge(embed, server)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else f"still hangs after {PATIENCE:.0f} s"


def _judge(embed: Embed, server: FaultServer) -> str:
    try:
        vectors = embed(TEXTS)
    except Exception as exc:  # noqa: BLE001 - every error is a result here
        words = " ".join(str(exc).split())
        return f"{type(exc).__name__}: {words[:60]}"
    expected = np.stack([server.vector(text) for text in TEXTS])
    right = np.shape(vectors) == expected.shape and np.allclose(vectors, expected, atol=1e-6)
    return "right vectors" if right else f"**wrong**: {len(np.asarray(vectors))} vectors, no error"


def after_a_fork(server: FaultServer, embed: Embed) -> str:
    """Use a client once, fork, and embed different texts in each process at the same time."""
    embed(TEXTS)
    ends = [_fork(server, embed, number) for number in range(FORKS)]
    counts = [pickle.loads(end.recv_bytes()) if end.poll(PATIENCE) else None for end in ends]
    hung = counts.count(None)
    wrong, errors = (sum(c[place] for c in counts if c is not None) for place in (0, 1))
    total = FORKS * CALLS
    if not (wrong or errors or hung):
        return "right vectors"
    more = f", {errors} errors" if errors else ""
    return f"**{wrong} of {total} vectors wrong, no error**{more}{f', {hung} hang' if hung else ''}"


def _fork(server: FaultServer, embed: Embed, number: int) -> Connection:
    here, there = Pipe()
    if os.fork():
        return here
    counts = [0, 0]
    for call in range(CALLS):
        text = f"text {number}.{call}"
        try:
            right = np.allclose(embed([text]), [server.vector(text)], atol=1e-6)
            counts[0] += not right
        except Exception:  # noqa: BLE001 - every error is a result here
            counts[1] += 1
    there.send_bytes(pickle.dumps(counts))
    os._exit(0)


def main() -> None:
    """Print the table."""
    print("| | " + " | ".join(f"{name} {_version(name)}" for name in CLIENTS) + " |")
    print("|---" * (len(CLIENTS) + 1) + "|")
    for row, fault in ROWS.items():
        cells = []
        for client in CLIENTS.values():
            with FaultServer() as server, client(server) as embed:
                server.script(fault) if row in ONCE else server.always(fault)
                cells.append(outcome(server, embed).replace("|", "/"))
        print(f"| {row} | " + " | ".join(cells) + " |")
    cells = []
    for client in CLIENTS.values():
        with FaultServer(delay=0.002) as server, client(server) as embed:
            cells.append(after_a_fork(server, embed))
    print(f"| used after a fork, {FORKS} processes at once | " + " | ".join(cells) + " |")


def _version(name: str) -> str:
    return version(name)


if __name__ == "__main__":
    main()
