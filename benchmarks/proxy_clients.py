"""Let other clients, unchanged, ask a faulty server directly and through the verifying proxy.

    python -m nox -s proxy_clients

Prints two Markdown tables: what each client gets of each fault, three texts a call. The exit code
is 1 if any of them gets a wrong vector through the proxy. The client for JavaScript comes with npm;
it is left out, and said so, where there is none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import requests

from openrouter_embeddings import RetryConfig
from openrouter_embeddings.proxy import ProxyOptions, ProxyServer
from openrouter_embeddings.testing import FaultServer, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    Embed = Callable[[str, str], list[list[float]]]

TEXTS = ["a red fox", "a brown dog", "a grey cat"]
MODEL = "test/embedding"
NPM_PACKAGE = "openai@6.49.0"
SCRIPT = Path(__file__).with_name("proxy_client.mjs")
QUICK = RetryConfig(initial=0.01, maximum=0.02)
FAULTS = {
    "none": None,
    "reordered": faults.reordered(),
    "one missing": faults.missing_vector(),
    "one too many": faults.extra_vector(),
    "NaN": faults.nan(),
    "zeros": faults.zero_vector(),
    "base64 refused": faults.refuses_base64(),
    "error in a 200": faults.error_in_200(400, "The input is too long"),
}


def with_openai(url: str, key: str) -> list[list[float]]:
    """Embed with openai's client."""
    import openai

    with openai.OpenAI(api_key=key, base_url=url) as client:
        reply = client.embeddings.create(model=MODEL, input=TEXTS)
    return [item.embedding for item in reply.data]


def with_langchain(url: str, key: str) -> list[list[float]]:
    """Embed with LangChain's class for OpenAI; token ids instead of texts are switched off."""
    from langchain_openai import OpenAIEmbeddings

    client = OpenAIEmbeddings(
        model=MODEL, api_key=key, base_url=url, check_embedding_ctx_length=False
    )
    found: list[list[float]] = client.embed_documents(TEXTS)
    return found


def with_llama_index(url: str, key: str) -> list[list[float]]:
    """Embed with LlamaIndex' class for servers like OpenAI's."""
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    client = OpenAILikeEmbedding(model_name=MODEL, api_base=url, api_key=key, max_retries=1)
    found: list[list[float]] = client.get_text_embedding_batch(TEXTS)
    return found


def with_litellm(url: str, key: str) -> list[list[float]]:
    """Embed with litellm."""
    import litellm

    litellm.suppress_debug_info = True
    reply = litellm.embedding(model=f"openai/{MODEL}", input=TEXTS, api_base=url, api_key=key)
    return [item["embedding"] for item in reply.data]


def as_open_webui(url: str, key: str) -> list[list[float]]:
    """Send what open-webui sends, and take what it takes: the vectors in the order that came."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    body = {"input": TEXTS, "model": MODEL}
    reply = requests.post(f"{url}/embeddings", headers=headers, json=body, timeout=30)
    reply.raise_for_status()
    return [item["embedding"] for item in reply.json()["data"]]


def in_javascript(folder: Path) -> Embed:
    """Embed with openai's client for JavaScript."""

    def embed(url: str, key: str) -> list[list[float]]:
        command = ["node", str(folder / SCRIPT.name), url, key, MODEL, *TEXTS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        found: list[list[float]] = json.loads(done.stdout)
        return found

    return embed


def install_javascript() -> Path | None:
    """Install the client for JavaScript; None where npm cannot."""
    if shutil.which("npm") is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="proxy-clients-"))
    npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", NPM_PACKAGE]
    done = subprocess.run(npm, cwd=folder, capture_output=True, timeout=300, check=False)
    shutil.copy(SCRIPT, folder)
    return None if done.returncode else folder


def outcome(embed: Embed, url: str, server: FaultServer) -> str:
    """Say what a client gets: right vectors, wrong ones, or an error with its words."""
    try:
        found = embed(url, server.api_key)
    except Exception as exc:  # noqa: BLE001 - that is what is to be shown
        return f"{type(exc).__name__}: {words_of(exc)}"
    wanted = [server.vector(text) for text in TEXTS]
    try:
        right = np.allclose(np.array(found, np.float32), np.array(wanted), atol=1e-6)
    except ValueError:
        right = False
    return "right" if right else "**wrong**"


def words_of(exc: Exception) -> str:
    """Take the first words of an error, or those of the service inside of it."""
    text = " ".join(str(exc).split())
    place = text.find("message")
    return text[max(0, place) :][:70].replace("|", "/")


def table(clients: dict[str, Embed], *, proxied: bool) -> list[str]:
    """Ask each client for each fault, and write a table."""
    rows = [f"| | {' | '.join(FAULTS)} |", "|---" * (len(FAULTS) + 1) + "|"]
    with FaultServer(dimensions=8) as server:
        options = ProxyOptions(upstream=server.base_url, retries=QUICK)
        with ProxyServer(options) as proxy:
            url = proxy.base_url if proxied else server.base_url
            for name, embed in clients.items():
                cells = []
                for fault in FAULTS.values():
                    server.always(fault)
                    cells.append(outcome(embed, url, server))
                rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def main() -> int:
    """Print both tables."""
    clients: dict[str, Embed] = {
        f"openai {version('openai')}": with_openai,
        f"langchain-openai {version('langchain-openai')}": with_langchain,
        f"OpenAILike {version('llama-index-embeddings-openai-like')}": with_llama_index,
        f"litellm {version('litellm')}": with_litellm,
        "open-webui's call": as_open_webui,
    }
    folder = install_javascript()
    if folder is None:
        print("openai for JavaScript is left out: npm did not install it\n")
    else:
        clients[NPM_PACKAGE.replace("@", " (js) ")] = in_javascript(folder)
    print("Directly:\n", *table(clients, proxied=False), "", sep="\n")
    through = table(clients, proxied=True)
    print("Through the proxy:\n", *through, sep="\n")
    if folder is not None:
        shutil.rmtree(folder)
    return int(any("wrong" in row for row in through))


if __name__ == "__main__":
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    sys.exit(main())
