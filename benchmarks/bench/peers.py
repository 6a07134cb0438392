"""How each client is used: one request, and many texts, as its users would write them."""

from __future__ import annotations

import asyncio
import base64
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.server import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Texts = Sequence[str]
    Vectors = list[Sequence[float] | np.ndarray]
    Call = Callable[..., np.ndarray]

KEY = "sk-or-v1-" + "0" * 64  # as long as a real one
IN_FLIGHT = 16


def _stacked(vectors: Sequence[object]) -> np.ndarray:
    return np.array(vectors, dtype=np.float32)


def _in_batches(call: Callable[[Texts], Vectors], size: int) -> Callable[[Texts], np.ndarray]:
    """Write what users write: a loop over slices, and one array at the end."""

    def run(texts: Texts) -> np.ndarray:
        found: Vectors = []
        for start in range(0, len(texts), size):
            found += call(texts[start : start + size])
        return _stacked(found)

    return run


def _threads(call: Callable[[Texts], Vectors], size: int) -> Callable[[Texts], np.ndarray]:
    """Send slices from a pool of threads."""

    def run(texts: Texts) -> np.ndarray:
        slices = [texts[start : start + size] for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            return _stacked([vector for part in pool.map(call, slices) for vector in part])

    return run


def limit(url: str) -> dict[str, Call]:
    """Bare sockets."""
    from bench.limit import limit as fastest

    return fastest(url, IN_FLIGHT)


def unread(url: str) -> dict[str, Call]:
    """Bare sockets that look at nothing."""
    from bench.limit import unread as received

    return received(url, IN_FLIGHT)


def ours(url: str) -> dict[str, Call]:
    """This package."""
    from openrouter_embeddings import Limits, OpenRouter

    client = OpenRouter(KEY, base_url=url)
    embeddings = client.embeddings
    small = Limits(max_batch=100, max_in_flight=IN_FLIGHT)
    return {
        "one": lambda texts: embeddings.generate(input=list(texts), model=MODEL).vectors,
        "many": lambda texts: embeddings.embed(texts, model=MODEL).vectors,
        "parallel": lambda texts: embeddings.embed(texts, model=MODEL, limits=small).vectors,
    }


def ours_async(url: str) -> dict[str, Call]:
    """This package, asynchronously."""
    from openrouter_embeddings import AsyncOpenRouter, Limits

    runner = asyncio.Runner()
    client = AsyncOpenRouter(KEY, base_url=url)
    embeddings = client.embeddings
    small = Limits(max_batch=100, max_in_flight=IN_FLIGHT)

    async def repeated(texts: Texts, calls: int) -> np.ndarray:
        for _ in range(calls):
            reply = await embeddings.generate(input=list(texts), model=MODEL)
        return reply.vectors

    def repeat(texts: Texts, calls: int) -> np.ndarray:
        return runner.run(repeated(texts, calls))

    def parallel(texts: Texts) -> np.ndarray:
        return runner.run(embeddings.embed(texts, model=MODEL, limits=small)).vectors

    def many(texts: Texts) -> np.ndarray:
        return runner.run(embeddings.embed(texts, model=MODEL)).vectors

    return {"one": partial(repeat, calls=1), "repeat": repeat, "many": many, "parallel": parallel}


def openai(url: str) -> dict[str, Call]:
    """The package openai, with another base URL."""
    from openai import OpenAI

    client = OpenAI(api_key=KEY, base_url=url)

    def call(texts: Texts) -> Vectors:
        reply = client.embeddings.create(input=list(texts), model=MODEL)
        return [item.embedding for item in reply.data]

    return {
        "one": lambda texts: _stacked(call(texts)),
        "many": _in_batches(call, 2048),
        "parallel": _threads(call, 100),
    }


def openrouter(url: str) -> dict[str, Call]:
    """The vendor's own package."""
    from openrouter import OpenRouter

    client = OpenRouter(api_key=KEY, server_url=url)

    def call(texts: Texts) -> Vectors:
        reply = client.embeddings.generate(input=list(texts), model=MODEL)
        return [item.embedding for item in reply.data]

    return {
        "one": lambda texts: _stacked(call(texts)),
        "many": _in_batches(call, 2048),
        "parallel": _threads(call, 100),
    }


def requests_guide(url: str) -> dict[str, Call]:
    """The package requests, as the vendor's guide shows it."""
    import requests

    headers = {"Authorization": f"Bearer {KEY}"}

    def call(texts: Texts) -> Vectors:
        body = {"model": MODEL, "input": list(texts)}
        reply = requests.post(f"{url}/embeddings", headers=headers, json=body, timeout=60)
        reply.raise_for_status()
        return [item["embedding"] for item in reply.json()["data"]]

    return {
        "one": lambda texts: _stacked(call(texts)),
        "many": _in_batches(call, 2048),
        "parallel": _threads(call, 100),
    }


def httpx_base64(url: str) -> dict[str, Call]:
    """The package httpx, with base64 and numpy by hand."""
    import httpx

    client = httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, timeout=60)

    def call(texts: Texts) -> Vectors:
        body = {"model": MODEL, "input": list(texts), "encoding_format": "base64"}
        reply = client.post(f"{url}/embeddings", json=body).raise_for_status()
        found = reply.json()["data"]
        return [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in found]

    return {
        "one": lambda texts: _stacked(call(texts)),
        "many": _in_batches(call, 2048),
        "parallel": _threads(call, 100),
    }


def litellm(url: str) -> dict[str, Call]:
    """The package litellm, through its provider for servers like OpenAI's."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm as library

    def call(texts: Texts) -> Vectors:
        reply = library.embedding(
            model=f"openai/{MODEL}", input=list(texts), api_base=url, api_key=KEY
        )
        return [item["embedding"] for item in reply.data]

    return {"one": lambda texts: _stacked(call(texts))}


def langchain(url: str) -> dict[str, Call]:
    """The package langchain-openai."""
    from langchain_openai import OpenAIEmbeddings

    client = OpenAIEmbeddings(
        model=MODEL,
        api_key=KEY,
        base_url=url,
        chunk_size=2048,
        check_embedding_ctx_length=False,
    )
    return {"one": lambda texts: _stacked(client.embed_documents(list(texts)))}


PEERS: dict[str, Callable[[str], dict[str, Call]]] = {
    "received, not read": unread,
    "the limit": limit,
    "ours": ours,
    "ours, async": ours_async,
    "httpx + base64": httpx_base64,
    "openai": openai,
    "openrouter": openrouter,
    "langchain-openai": langchain,
    "litellm": litellm,
    "requests (guide)": requests_guide,
}
