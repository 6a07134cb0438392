"""What a bulk run is to do next: the steps that both runners carry out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.attempts import Attempt
    from openrouter_embeddings._bulk.output import Ready
    from openrouter_embeddings._bulk.reader import Chunk
    from openrouter_embeddings._request.request import Reply
    from openrouter_embeddings.errors import NoResponseError


@frozen
class Start:
    """Send a request; its answer goes to `Attempts.on_reply`."""

    attempt: Attempt


@frozen
class Ask:
    """Ask the cache for inputs; what it has goes to `Intake.add`, in the order of the questions."""

    chunk: Chunk


@frozen
class Hand:
    """Hand out the next positions."""

    ready: Ready


@frozen
class Settle:
    """Read the answer of an attempt, and conclude it; it is named again until that is done.

    Attributes:
        attempt: The attempt.
        answer: The reply, or the error in its place.
        came_at: When it came.
    """

    attempt: Attempt
    answer: Reply | NoResponseError
    came_at: float


@frozen
class Wait:
    """Wait for the next answer, of the service or the cache, but not longer than this."""

    seconds: float


@frozen
class Over:
    """Nothing is left to do."""


Step = Start | Ask | Hand | Settle | Wait | Over
