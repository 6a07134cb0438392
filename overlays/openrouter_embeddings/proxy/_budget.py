"""The bound of what one key may spend, over all that is asked for with it. Pure.

The theory. Each run gets a grant, within which its own account keeps it: the most that it can
cost. What is granted is reserved until the run is over, and then what it has cost, or may have
cost, takes its place. Near the bound a run waits for the others, since they will cost less than
they reserved; the last one gets what is left, and sends what fits.
"""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class Budget:
    """What a key has spent and may spend, in USD.

    Attributes:
        most: The bound; None for no bound.
        known: What is known to be spent.
        possible: What may have been spent beside it.
        reserved: What runs that are not over may still spend.
    """

    most: float | None = None
    known: float = field(init=False, default=0.0)
    possible: float = field(init=False, default=0.0)
    reserved: float = field(init=False, default=0.0)
    _runs: int = field(init=False, default=0)

    @property
    def is_touched(self) -> bool:
        """Whether something was spent, or may have been, that a bound must remember."""
        return self.known + self.possible > 0

    def grant(self, need: float) -> float | None:
        """Reserve for a run; what is granted must come back to `settle`.

        Args:
            need: The most that it can cost.

        Returns:
            What it may cost: all of it, or what is left; None where it must wait for the others.
        """
        left = 0.0 if self.most is None else self.most - self.known - self.possible - self.reserved
        if need > left and self._runs:
            return None
        granted = max(0.0, min(need, left))
        self.reserved += granted
        self._runs += 1
        return granted

    def settle(self, granted: float, known: float, possible: float | None) -> None:
        """Note what a run has cost; what nobody knows is taken for all that it might have."""
        self._runs -= 1
        self.reserved = self.reserved - granted if self._runs else 0.0
        self.known += known
        self.possible += max(0.0, granted - known) if possible is None else possible
