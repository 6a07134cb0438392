"""Embed the texts of a table: a bulk run, with empty rows kept in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openrouter_embeddings._bulk import Limits
from openrouter_embeddings._tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.values import EmbeddedBatch

EMPTY = "the text is empty"


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
    cache: str | None = None,
    batch_size: int = 100,
    advance: Callable[[int], None] = ignore,
) -> Table:
    """Embed texts in order; a text that is refused does not sink the others.

    Args:
        client: The client to send through.
        texts: The texts; None for an empty row, which fails.
        model: The model's id.
        source: Where the texts come from, for the table's metadata.
        dimensions: The width of the vectors, or None.
        input_type: What the texts are for, or None.
        cache: The path of a cache, or None.
        batch_size: The most texts in one request.
        advance: Called with the number of texts done since the last call.

    Returns:
        One row for each text; rows that failed have an error and NaN.

    Raises:
        OpenRouterError: Not one text could be embedded.
    """
    rows = [row for row, text in enumerate(texts) if text]

    def report(batch: EmbeddedBatch) -> None:
        advance(len(batch))

    result = client.embeddings.embed(
        [texts[row] or "" for row in rows],
        model=model,
        on_error="keep",
        progress=report,
        dimensions=dimensions,
        input_type=input_type,
        cache=cache,
        limits=Limits(max_batch=batch_size),
    )
    if rows and len(result.failures) == len(rows):
        raise result.failures[0].error
    errors: list[str | None] = [None if text else EMPTY for text in texts]
    for failure in result.failures:
        errors[rows[failure.position]] = str(failure.error)
    vectors = np.full((len(texts), max(1, result.dimensions)), np.nan, dtype=np.float32)
    vectors[rows] = result.vectors if rows else np.nan
    asked = {} if dimensions is None else {"asked_dimensions": str(dimensions)}
    return Table(
        texts=texts,
        vectors=vectors,
        errors=errors,
        metadata={"model": model, "dimensions": str(vectors.shape[1]), "source": source} | asked,
        tokens=result.stats.prompt_tokens,
        cost=result.stats.cost,
    )
