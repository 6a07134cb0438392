"""What refusals in a row say of a run: whether the service is there, or nothing gets by. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_embeddings._request.verdicts import is_divisible

if TYPE_CHECKING:
    from openrouter_embeddings.errors import OpenRouterError

# Each of them had all its attempts already, with the waits between them.
_OUTAGE = 3
# A batch of 1,000 whose first input is bad is refused 11 times before anything is answered; this is
# almost three times that.
_REFUSALS = 32
# Once others were answered: two batches of nothing but bad inputs take four refusals for each input
# of one until they are told apart.
_REFUSALS_PER_INPUT = 4


@define(eq=False)
class Evidence:
    """The failures since the last answer.

    Attributes:
        max_batch: The most inputs of a batch, as the caller bounds them.
    """

    max_batch: int
    _outages: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)
    _answered: bool = field(init=False, default=False)

    def on_answer(self) -> None:
        """Note that a batch was answered."""
        self._outages = self._refusals = 0
        self._answered = True

    def on_cure(self) -> None:
        """Note that the cause of a refusal is known, and can be mended."""
        self._refusals = 0

    def is_hopeless(self, error: OpenRouterError) -> bool:
        """Count a failure, and say whether the run is to end with it."""
        if not is_divisible(error):
            self._outages += 1
            return self._outages >= _OUTAGE
        self._refusals += 1
        more = _REFUSALS_PER_INPUT * self.max_batch if self._answered else 0
        return self._refusals >= _REFUSALS + more
