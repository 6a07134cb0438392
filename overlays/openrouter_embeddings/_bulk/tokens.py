"""How many tokens an input has, as far as that can be known before it is sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.items import Batch, Item

# What English prose has with most tokenizers; the first answer takes its place.
_CHARACTERS_PER_TOKEN = 4.0
# Tokens of single bytes are the shortest; a count beyond four a character is none of these texts.
_LEAST_CHARACTERS_PER_TOKEN = 0.25


@define(eq=False)
class TokenRatio:
    """How long a token is, learnt from the service's own counts.

    Attributes:
        characters_per_token: What is known of the ratio.
    """

    characters_per_token: float = field(init=False, default=_CHARACTERS_PER_TOKEN)
    _characters: int = field(init=False, default=0)
    _tokens: int = field(init=False, default=0)

    def estimate(self, item: Item) -> float:
        """Estimate the tokens of an input."""
        return item.size / self.characters_per_token if item.tokens is None else item.tokens

    def learn(self, batch: Batch, tokens: int | None) -> None:
        """Learn from what the service counted for a batch; None where it does not say."""
        if tokens is None or tokens <= 0 or batch.kind != "text":
            return
        self._characters += sum(slot.sent.size for slot in batch.slots)
        self._tokens += tokens
        ratio = self._characters / self._tokens
        self.characters_per_token = max(_LEAST_CHARACTERS_PER_TOKEN, ratio)
