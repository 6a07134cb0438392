"""What replies have taught about models: which have no base64, how wide their vectors are. Pure.

A lesson holds for a while and not for ever: a single event may have been an accident, and models
change behind their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.values import EmbeddingsResponse

_FIRST_SECONDS = 600.0  # after one event; numbers cost twenty times as much time as base64
_LONGER = 10.0  # times as long with each event that confirms it
_MOST_SECONDS = 86_400.0  # a day: providers behind a model change about as often
_SURE = 2  # replies of one width make it the width


@define
class Lesson:
    """That a model has no base64 for a kind of input.

    Attributes:
        until: When base64 is tried again, in seconds of a steady clock.
        seconds: How long the lesson was made to hold.
    """

    until: float
    seconds: float


@define
class Width:
    """How wide the vectors of a model are.

    Attributes:
        numbers: The width.
        provider: Who gave vectors of it, as far as that is known.
        replies: How many replies had it.
        rival: Another width that came last, or None.
    """

    numbers: int
    provider: str | None
    replies: int = 1
    rival: Width | None = None


@define(eq=False)
class Lessons:
    """What was learnt by one client.

    Attributes:
        clock: Returns seconds of a steady clock.
    """

    clock: Callable[[], float]
    _numbers_only: dict[tuple[str, str], Lesson] = field(init=False, factory=dict)
    _base64: set[tuple[str, str]] = field(init=False, factory=set)
    _widths: dict[tuple[str, int | None], Width] = field(init=False, factory=dict)

    def has_base64(self, asked: EmbeddingRequest) -> bool:
        """Say whether base64 is worth a try."""
        lesson = self._numbers_only.get((asked.model, asked.kind))
        return lesson is None or self.clock() >= lesson.until

    def has_given_base64(self, asked: EmbeddingRequest) -> bool:
        """Say whether good vectors came where base64 was asked for, of some provider at least."""
        return (asked.model, asked.kind) in self._base64

    def note_base64(self, asked: EmbeddingRequest) -> None:
        """Note that good vectors came where base64 was asked for."""
        self._base64.add((asked.model, asked.kind))

    def note_numbers_only(self, asked: EmbeddingRequest) -> None:
        """Note that numbers came where base64 had failed."""
        key, now = (asked.model, asked.kind), self.clock()
        before = self._numbers_only.get(key)
        if before is not None and now < before.until:
            return
        seconds = _FIRST_SECONDS if before is None else before.seconds * _LONGER
        seconds = min(seconds, _MOST_SECONDS)
        self._numbers_only[key] = Lesson(now + seconds, seconds)

    def check_width(
        self, asked: EmbeddingRequest, response: EmbeddingsResponse
    ) -> VectorError | None:
        """Take note of the width of a reply, or say that it is not the width of the model.

        A width that two replies had is the width. Another one is an error; when it comes twice in a
        row it takes the place of the first, so that the calls after it go on.
        """
        key, new = (asked.model, asked.dimensions), Width(response.dimensions, response.provider)
        known = self._widths.setdefault(key, new)
        if known.numbers == new.numbers:
            known.replies, known.rival = known.replies + (known is not new), None
            return None
        if known.replies < _SURE:
            self._widths[key] = new
            return None
        if known.rival is not None and known.rival.numbers == new.numbers:
            self._widths[key] = Width(new.numbers, new.provider, _SURE)
        known.rival = new
        return make_width_error(known.numbers, known.provider, response)


def make_width_error(width: int, provider: str | None, response: EmbeddingsResponse) -> VectorError:
    """Make the error for vectors of another width than those before."""
    message = (
        f"The vectors have {counted(response.dimensions, 'number')} "
        f"(provider {_name(response.provider)}), "
        f"those before had {width} (provider {_name(provider)})."
    )
    return VectorError(message, hint="Pin the provider, or name the dimensions.")


def _name(provider: str | None) -> str:
    return "unknown" if provider is None else provider
