"""Embed a list of texts batch by batch; a text that is refused does not sink the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openrouter_embeddings._tables import Table
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    OpenRouterError,
    PayloadTooLargeResponseError,
    UnprocessableEntityResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.values import EmbeddingsResponse

_DIVISIBLE = (
    BadRequestResponseError,
    PayloadTooLargeResponseError,
    UnprocessableEntityResponseError,
)


def ignore(_count: int) -> None:
    """Show no progress."""


def embed_texts(
    client: OpenRouter,
    texts: Sequence[str | None],
    *,
    model: str,
    source: str,
    dimensions: int | None = None,
    input_type: str | None = None,
    batch_size: int = 100,
    advance: Callable[[int], None] = ignore,
) -> Table:
    """Embed texts in order.

    A batch that is refused is halved until the guilty texts stand alone. When the service cannot be
    used any longer, the rest fails with its words, and what was paid for is kept.

    Args:
        client: The client to send through.
        texts: The texts; None for an empty row, which fails.
        model: The model's id.
        source: Where the texts come from, for the table's metadata.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        batch_size: Texts in one request.
        advance: Called with the number of texts done since the last call.

    Returns:
        One row for each text; rows that failed have an error and NaN.

    Raises:
        OpenRouterError: Not one text could be embedded.
    """
    run = _Run(client, {"model": model, "dimensions": dimensions, "input_type": input_type})
    rows = [row for row, text in enumerate(texts) if text is not None]
    errors: dict[int, str] = {
        row: "the text is empty" for row, text in enumerate(texts) if not text
    }
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    batches.reverse()
    while batches:
        batch = batches.pop()
        outcome = run.embed([texts[row] or "" for row in batch])
        if isinstance(outcome, _DIVISIBLE) and len(batch) > 1:
            middle = len(batch) // 2
            batches += [batch[middle:], batch[:middle]]
            continue
        if isinstance(outcome, OpenRouterError):
            errors.update(dict.fromkeys(batch, str(outcome)))
        else:
            run.vectors.update(zip(batch, outcome.vectors, strict=True))
        advance(len(batch))
    return run.table(len(texts), texts, errors, source)


class _Run:
    """What is known of a run: vectors by row, tokens and cost, and the error that ended it."""

    def __init__(self, client: OpenRouter, options: dict[str, object]) -> None:
        self._client = client
        self._options = options
        self._fatal: OpenRouterError | None = None
        self.vectors: dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
        self._tokens = 0
        self._cost = 0.0

    def embed(self, texts: list[str]) -> EmbeddingsResponse | OpenRouterError:
        if self._fatal is not None:
            return self._fatal
        try:
            response = self._client.embeddings.generate(input=texts, **self._options)  # type: ignore[arg-type]  # the three options above
        except _DIVISIBLE as error:
            return error
        except OpenRouterError as error:
            self._fatal = error
            return error
        self._tokens += response.usage.total_tokens or 0
        self._cost += response.usage.cost or 0.0
        return response

    def table(
        self, count: int, texts: Sequence[str | None], errors: dict[int, str], source: str
    ) -> Table:
        if not self.vectors and self._fatal is not None:
            raise self._fatal
        width = len(next(iter(self.vectors.values()))) if self.vectors else 1
        matrix = np.full((count, width), np.nan, dtype=np.float32)
        for row, vector in self.vectors.items():
            matrix[row] = vector
        asked = self._options["dimensions"]
        metadata = {
            "model": str(self._options["model"]),
            "dimensions": str(width),
            "source": source,
        } | ({} if asked is None else {"asked_dimensions": str(asked)})
        return Table(
            texts=texts,
            vectors=matrix,
            errors=[errors.get(row) for row in range(count)],
            metadata=metadata,
            tokens=self._tokens,
            cost=self._cost,
        )
