"""The ASGI application of the local server: two endpoints, keys, sizes and the error envelope."""

from __future__ import annotations

import json
import secrets
import string
import sys
import threading
import time
from typing import TYPE_CHECKING, cast

import pybase64

from openrouter_embeddings._base.extras import require
from openrouter_embeddings.local._model import CONTEXT_LENGTH, LocalModel
from openrouter_embeddings.local._request import MODEL_ID, PROVIDER, RefusalError, read_job

require("starlette", extra="local")

from starlette.applications import Starlette  # noqa: E402 - after the check that names the extra
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.exceptions import HTTPException  # noqa: E402
from starlette.requests import ClientDisconnect, Request  # noqa: E402
from starlette.responses import Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings.local._request import Job

BASE_PATH = "/api/v1"
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_INPUTS = 65_536

_PATH = f"{BASE_PATH}/embeddings"
_LETTERS = string.ascii_letters + string.digits
_ADDED = 1795132800

_MODEL: Mapping[str, object] = {
    "id": MODEL_ID,
    "canonical_slug": MODEL_ID,
    "hugging_face_id": "dleemiller/word-llama-l2-supercat",
    "name": "Local: WordLlama 256",
    "created": _ADDED,
    "description": "Static token vectors on this machine; widths 64, 128 and 256.",
    "context_length": CONTEXT_LENGTH,
    "architecture": {
        "modality": "text->embeddings",
        "input_modalities": ["text"],
        "output_modalities": ["embeddings"],
        "tokenizer": "Llama2",
        "instruct_type": None,
    },
    "pricing": {"prompt": "0", "completion": "0"},
    "top_provider": {
        "context_length": CONTEXT_LENGTH,
        "max_completion_tokens": None,
        "is_moderated": False,
    },
    "per_request_limits": None,
    "supported_parameters": [],
    "default_parameters": {},
    "supported_voices": None,
    "expiration_date": None,
    "links": {"details": f"{_PATH}/models"},
}


class Stats:
    """What a server has done so far.

    Attributes:
        inputs_embedded: Inputs for which vectors were sent.
        requests_served: Requests for embeddings that were answered with vectors.
    """

    def __init__(self) -> None:
        self.inputs_embedded = 0
        self.requests_served = 0
        self._lock = threading.Lock()

    def add(self, inputs: int) -> None:
        """Count one request with so many inputs."""
        with self._lock:
            self.inputs_embedded += inputs
            self.requests_served += 1


class _Service:
    """The two endpoints, and what they share."""

    def __init__(
        self, model: LocalModel, stats: Stats, max_body_bytes: int, max_inputs: int
    ) -> None:
        self._model = model
        self._stats = stats
        self._max_body_bytes = max_body_bytes
        self._max_inputs = max_inputs

    async def create_embeddings(self, request: Request) -> Response:
        # The body comes first: a client that is still sending would not see what is wrong.
        body = await _read(request, self._max_body_bytes)
        _check_key(request)
        # A large batch takes a second, in which the loop goes on answering others.
        return await run_in_threadpool(self._embed, body)

    def _embed(self, body: bytes) -> Response:
        job = read_job(body, self._model, self._max_inputs)
        vectors = self._model.embed_tokens(job.tokens, job.dimensions)
        generation = _generation_id(int(time.time()))
        content = _reply(job, vectors, generation)
        self._stats.add(len(job.tokens))
        return _response(content, headers={"X-Generation-Id": generation})

    async def list_models(self, request: Request) -> Response:
        _check_key(request)
        offset = _bound(request, "offset", 0, least=0, most=sys.maxsize)
        _bound(request, "limit", 500, least=1, most=1000)
        page = [_MODEL][offset:]
        return _response(_json({"data": page, "total_count": 1, "links": {"next": None}}))


def create_app(
    model: LocalModel | None = None,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_inputs: int = MAX_INPUTS,
) -> Starlette:
    """Make the ASGI application.

    Args:
        model: The model; the embedded one if None.
        max_body_bytes: The largest body of a request; a larger one is refused with 413.
        max_inputs: The most inputs of a request; more are refused with 422.

    Returns:
        The application; its ``state.stats`` are the `Stats`.

    Raises:
        MissingExtraError: The extra `local` is not installed.
    """
    stats = Stats()
    service = _Service(
        model or LocalModel.load(), stats, max_body_bytes=max_body_bytes, max_inputs=max_inputs
    )
    app = Starlette(
        routes=[
            Route(_PATH, service.create_embeddings, methods=["POST"]),
            Route(f"{_PATH}/models", service.list_models, methods=["GET"]),
            # Where tools for OpenAI's protocol look for it.
            Route(f"{BASE_PATH}/models", service.list_models, methods=["GET"]),
        ],
        exception_handlers={
            RefusalError: _refused,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False
    app.state.stats = stats
    return app


def _check_key(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RefusalError(401, "Missing Authentication header: any bearer key will do here.")


async def _read(request: Request, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # A client that is still sending does not see the refusal, so it may send as much again.
        if size > 2 * most:
            break
        if size > most:
            chunks.clear()
        else:
            chunks.append(chunk)
    if size > most:
        raise RefusalError(413, f"The body is too large: at most {most} bytes are allowed.")
    return b"".join(chunks)


def _bound(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    is_number = value.isascii() and value.isdigit() and len(value) < 20
    if not is_number or not least <= int(value) <= most:
        upper = f" to {most}" if name == "limit" else " on"
        raise RefusalError(400, f"{name} must be an integer from {least}{upper}.")
    return int(value)


def _reply(job: Job, vectors: NDArray[np.float32], generation: str) -> bytes:
    written = _as_base64(vectors) if job.encoding == "base64" else _as_numbers(vectors)
    items = ",".join(
        f'{{"object":"embedding","embedding":{embedding},"index":{index}}}'
        for index, embedding in enumerate(written)
    )
    rest = {
        "model": MODEL_ID.partition("/")[2],
        "usage": _usage(sum(len(ids) for ids in job.tokens)),
        "provider": PROVIDER,
        "id": generation,
    }
    return f'{{"object":"list","data":[{items}],'.encode() + _json(rest)[1:]


def _as_base64(vectors: NDArray[np.float32]) -> list[str]:
    return [f'"{pybase64.b64encode_as_string(row.tobytes())}"' for row in vectors.astype("<f4")]


def _as_numbers(vectors: NDArray[np.float32]) -> list[str]:
    # Nine digits carry a float32 exactly; json would write 17, in three times the time.
    template = f"[{','.join(['%.9g'] * vectors.shape[1])}]"
    return [template % tuple(row) for row in vectors.tolist()]


def _usage(tokens: int) -> dict[str, object]:
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "cost": 0,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": 0,
            "upstream_inference_completions_cost": 0,
        },
    }


def _generation_id(now: int) -> str:
    return f"gen-emb-{now}-{''.join(secrets.choice(_LETTERS) for _ in range(20))}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _response(
    content: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(content, status, headers, media_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _response(_json({"error": {"message": message, "code": status}}), status, headers)


async def _refused(_request: Request, exc: Exception) -> Response:
    refusal = cast("RefusalError", exc)
    return _error(refusal.status, refusal.message)


async def _no_route(request: Request, exc: Exception) -> Response:
    missing = cast("HTTPException", exc)
    message = f"{missing.detail}: {request.method} {request.url.path}"
    return _error(missing.status_code, message, missing.headers)


async def _gone(_request: Request, _exc: Exception) -> Response:
    return _error(499, "The client has gone.")


async def _broken(_request: Request, exc: Exception) -> Response:
    return _error(500, f"Internal Server Error: {type(exc).__name__}")
