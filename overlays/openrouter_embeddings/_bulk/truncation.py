"""Inputs that are longer than the model takes: recognised, and cut where that is wanted. Pure.

How much fits is known roughly: the listing says how many tokens a model takes, and the run learns
how many characters a token has. So the first cut goes there, the next ones somewhat below, and then
down by halves, until the service accepts the text. A cut text is cached under its own key, never
under that of the whole one, and every cut is reported.
"""

from __future__ import annotations

from attrs import frozen

MOST_CUTS = 12
_SHARE = 0.95
_GENTLE = (0.9, 0.8, 0.65)
_HALF = 0.5


@frozen
class Cutting:
    """How texts that are too long are cut.

    Attributes:
        context: The most tokens that the model takes, or None where that is unknown.
    """

    context: int | None = None

    def shorter(self, text: str, characters_per_token: float, cuts: int) -> str | None:
        """Cut a text that was refused, or return None where that leads nowhere.

        Args:
            text: What was refused.
            characters_per_token: What is known of the ratio.
            cuts: How often it was cut before.
        """
        if cuts >= MOST_CUTS:
            return None
        known = self.context is not None and cuts < len(_GENTLE)
        fitting = len(text) * (_GENTLE[cuts] if known else _HALF)
        if self.context is not None and not cuts:
            fitting = min(fitting, self.context * characters_per_token * _SHARE)
        return text[: int(fitting)].rstrip() or None
