"""Put faults into frameworks, through their own OpenAI class and through our home in each.

    python -m nox -s homes -- --faults

Prints a Markdown table; each session of a home adds its rows to those of the earlier ones. Every
cell is what a user of the framework has after three texts were embedded, or stored, while each
reply of the server had one fault: the right vectors, wrong ones without an error, or an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from openrouter_embeddings import RetryConfig
from openrouter_embeddings.testing import FaultServer, faults

TEXTS = ["a red fox", "a brown dog", "a grey cat"]
MODEL = "text-embedding-3-small"  # LanceDB's class takes no name that it does not know
WIDTH = 1536
FAULTS = {
    "reordered": faults.reordered(),
    "one missing": faults.missing_vector(),
    "one too many": faults.extra_vector(),
    "NaN": faults.nan(),
    "zeros": faults.zero_vector(),
    "base64 refused": faults.refuses_base64(),
    "error in a 200": faults.error_in_200(400, "The input is too long"),
}
QUICK = RetryConfig(initial=0.001, maximum=0.002)
OPTIONS: dict[str, Any] = {"retries": QUICK}
PREFIX = "openrouter_embeddings.integrations"

Embed = Callable[[list[str]], Any]
Maker = Callable[[FaultServer], Embed]


def _home(name: str, kind: str) -> Any:  # noqa: ANN401 - a class of a framework
    return getattr(import_module(f"{PREFIX}.{name}"), kind)


def langchain(_: FaultServer) -> Embed:
    """Ours for LangChain."""
    made = _home("langchain", "OpenRouterEmbeddings")(model=MODEL, options=OPTIONS)
    embed: Embed = made.embed_documents
    return embed


def langchain_openai(server: FaultServer) -> Embed:
    """LangChain's own."""
    made: Any = import_module("langchain_openai").OpenAIEmbeddings(
        model=MODEL, base_url=server.base_url, max_retries=0, check_embedding_ctx_length=False
    )
    embed: Embed = made.embed_documents
    return embed


def llama_index(_: FaultServer) -> Embed:
    """Ours for LlamaIndex."""
    made = _home("llama_index", "OpenRouterEmbedding")(model_name=MODEL, options=OPTIONS)
    embed: Embed = made.get_text_embedding_batch
    return embed


def llama_index_openai(server: FaultServer) -> Embed:
    """LlamaIndex's own."""
    module: Any = import_module("llama_index.embeddings.openai_like")
    made = module.OpenAILikeEmbedding(
        MODEL, api_base=server.base_url, api_key=server.api_key, max_retries=0
    )
    embed: Embed = made.get_text_embedding_batch
    return embed


def _embedder(model: Any) -> Embed:  # noqa: ANN401 - a model of pydantic-ai
    embedder = import_module("pydantic_ai").Embedder(model)
    return lambda texts: asyncio.run(embedder.embed_documents(texts)).embeddings


def pydantic_ai(_: FaultServer) -> Embed:
    """Ours for pydantic-ai."""
    return _embedder(_home("pydantic_ai", "OpenRouterEmbeddingModel")(MODEL, options=OPTIONS))


def pydantic_ai_openai(_: FaultServer) -> Embed:
    """pydantic-ai's own."""
    return _embedder(import_module("pydantic_ai.embeddings.openai").OpenAIEmbeddingModel(MODEL))


def _collection(function: Any) -> Embed:  # noqa: ANN401 - a function of Chroma
    chroma: Any = import_module("chromadb")
    settings = chroma.config.Settings(anonymized_telemetry=False, allow_reset=True)
    client = chroma.EphemeralClient(settings)
    client.reset()
    notes = client.create_collection("notes", embedding_function=function)

    def stored(texts: list[str]) -> Any:  # noqa: ANN401 - vectors
        notes.add(ids=list("abc"), documents=texts)
        return notes.get(ids=list("abc"), include=["embeddings"])["embeddings"]

    return stored


def chroma(_: FaultServer) -> Embed:
    """Ours for Chroma; its settings are JSON, so that the policy of retries is the usual one."""
    return _collection(_home("chroma", "OpenRouterEmbeddingFunction")(MODEL))


def chroma_openai(server: FaultServer) -> Embed:
    """Chroma's own."""
    module: Any = import_module("chromadb.utils.embedding_functions")
    return _collection(module.OpenAIEmbeddingFunction(model_name=MODEL, api_base=server.base_url))


def _table(function: Any) -> Embed:  # noqa: ANN401 - a function of LanceDB
    lancedb, lance = import_module("lancedb"), import_module("lancedb.pydantic")

    class Note(lance.LanceModel):  # type: ignore[misc, name-defined]  # its library is not here
        text: str = function.SourceField()
        vector: lance.Vector(WIDTH) = function.VectorField()  # type: ignore[valid-type]  # the same

    folder = tempfile.mkdtemp()
    table: Any = lancedb.connect(folder).create_table("notes", schema=Note)

    def stored(texts: list[str]) -> Any:  # noqa: ANN401 - vectors
        table.add([{"text": text} for text in texts])
        return [row["vector"] for row in table.to_arrow().to_pylist()]

    return stored


def lancedb(_: FaultServer) -> Embed:
    """Ours for LanceDB; its arguments are JSON, so that the policy of retries is the usual one."""
    return _table(_home("lancedb", "OpenRouterEmbeddings").create(model=MODEL, dimensions=WIDTH))


def lancedb_openai(server: FaultServer) -> Embed:
    """LanceDB's own."""
    registry: Any = import_module("lancedb.embeddings").get_registry()
    function = registry.get("openai").create(name=MODEL, base_url=server.base_url, max_retries=0)
    return _table(function)


def sklearn(_: FaultServer) -> Embed:
    """Ours for scikit-learn, which has none of its own."""
    made = _home("sklearn", "OpenRouterVectorizer")(MODEL, options=OPTIONS)
    embed: Embed = made.fit_transform
    return embed


def tables(_: FaultServer) -> Embed:
    """Ours for columns, which have none of their own."""
    embed = _home("tables", "ColumnEmbedder")(MODEL, options=OPTIONS)
    return lambda texts: np.stack(embed(texts).to_pylist())


ROWS: dict[str, dict[str, tuple[str, Maker]]] = {
    "chroma": {
        "Chroma's OpenAIEmbeddingFunction": ("chromadb", chroma_openai),
        "ours": ("", chroma),
    },
    "lancedb": {"LanceDB's openai": ("lancedb", lancedb_openai), "ours": ("", lancedb)},
    "langchain": {
        "langchain-openai": ("langchain-openai", langchain_openai),
        "ours": ("", langchain),
    },
    "llama_index": {
        "LlamaIndex's OpenAILike": ("llama-index-embeddings-openai-like", llama_index_openai),
        "ours": ("", llama_index),
    },
    "pydantic_ai": {
        "pydantic-ai's OpenAI": ("pydantic-ai-slim", pydantic_ai_openai),
        "ours": ("", pydantic_ai),
    },
    "sklearn": {"ours": ("", sklearn)},
    "tables": {"ours": ("", tables)},
}


@contextmanager
def _led_to(server: FaultServer) -> Iterator[None]:
    """Let the environment lead to a server, by the names that the classes read."""
    for name in ("OPENROUTER", "OPENAI"):
        os.environ[f"{name}_API_KEY"] = server.api_key
        os.environ[f"{name}_BASE_URL"] = server.base_url
    yield


def outcome(make: Maker, fault: faults.Fault) -> str:
    """Say what a user has after three texts went through one fault."""
    with FaultServer(dimensions=WIDTH) as server, _led_to(server):
        try:
            embed = make(server)
            server.always(fault)
            found = embed(TEXTS)
        except Exception as exc:  # noqa: BLE001 - every error is a result here
            return type(exc).__name__
        expected = np.stack([server.vector(text) for text in TEXTS])
    right = np.shape(found) == expected.shape and np.allclose(found, expected, atol=1e-6)
    return "right" if right else "**wrong**"


def main(home: str, place: Path) -> None:
    """Add the rows of a home to a file, and print all rows that it has."""
    logging.disable(logging.CRITICAL)
    rows = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    for name, (package, make) in ROWS[home].items():
        label = f"{name} {version(package)}" if package else f"{name}, for {home}"
        rows[label] = [outcome(make, fault) for fault in FAULTS.values()]
    place.write_text(json.dumps(rows), encoding="utf-8")
    print(f"| | {' | '.join(FAULTS)} |")
    print("|---" * (len(FAULTS) + 1) + "|")
    for label, cells in rows.items():
        print(f"| {label} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
