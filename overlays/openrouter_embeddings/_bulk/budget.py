"""The bound of a bulk run's cost: what was spent, what is in flight, what comes next. Pure."""

from __future__ import annotations

from attrs import define, field

from openrouter_embeddings.errors import ConfigurationError


@define
class Budget:
    """What a run has spent, and may spend.

    Attributes:
        most: The most to spend in USD, or None.
        listed: What a token costs by the listing in USD, or None where that is not fixed.
        spent: USD, as far as the service said.
        tokens: Tokens, as far as the service said.
    """

    most: float | None = None
    listed: float | None = None
    spent: float = field(init=False, default=0.0)
    tokens: int = field(init=False, default=0)
    _reserved: dict[int, float] = field(init=False, factory=dict)

    @property
    def is_committed(self) -> bool:
        """Say whether something in flight has yet to be charged."""
        return bool(self._reserved)

    def reserve(self, tag: int, tokens: float) -> None:
        """Set the cost of a request aside while it is in flight."""
        self._reserved[tag] = self._price() * tokens

    def release(self, tag: int) -> None:
        """Note that a request is no longer in flight."""
        self._reserved.pop(tag, None)

    def charge(self, tokens: int, cost: float) -> None:
        """Note what an answer has cost."""
        self.tokens += tokens
        self.spent += cost

    def allows(self, tokens: float) -> bool:
        """Say whether so many tokens more surely stay within the bound."""
        if self.most is None:
            return True
        return self.spent + sum(self._reserved.values()) + self._price() * tokens <= self.most

    def reached(self) -> ConfigurationError:
        """Make the error that ends the run."""
        return ConfigurationError(
            f"max_cost of {self.most:g} USD is reached: {self.spent:.6g} USD were spent.",
            argument="max_cost",
            hint="What is done is kept; with a cache, a larger bound goes on from here.",
        )

    def _price(self) -> float:
        """Return what a token costs: as the service charged so far, else as it is listed."""
        return self.spent / self.tokens if self.tokens else self.listed or 0.0
