"""What a kind of server has to do, and how much it matters where one does not."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

ProfileName = Literal["openrouter", "openai-compatible"]
Severity = Literal["grave", "serious", "slight"]

_GRAVE = {
    *("complete reply", "JSON object", "one vector for each input", "index", "numbers or base64"),
    *("one width", "width that was asked for", "finite numbers", "no zero vectors", "order"),
    *("same text, same vector", "encodings agree"),
}
_SLIGHT = {"content type", "schema of the error", "body of the error", "pages"}


def severity_of(rule: str) -> Severity:
    """Say how much a broken rule matters: vectors wrong or lost, refusals unclear, or form."""
    if rule in _GRAVE:
        return "grave"
    return "slight" if rule in _SLIGHT else "serious"


@frozen
class Profile:
    """A kind of server.

    Attributes:
        name: What it is called.
        listing: The path of its listing of models.
        pages: Whether the listing has bounds.
        drawn: The methods for which requests are drawn from the contract.
        bad_bodies: The names of the bodies that it has to refuse.
        needless: What is no fault of it: the check, ``*`` for all, and the rule.
    """

    name: ProfileName
    listing: str
    pages: bool
    drawn: frozenset[str]
    bad_bodies: frozenset[str]
    needless: frozenset[tuple[str, str]]

    def allows(self, check: str, rule: str) -> bool:
        """Say whether breaking a rule in a check is no fault of such a server."""
        return (check, rule) in self.needless or ("*", rule) in self.needless


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "openrouter": Profile(
            name="openrouter",
            listing="/embeddings/models",
            pages=True,
            drawn=frozenset({"POST", "GET"}),
            bad_bodies=frozenset(
                {"no model", "no input", "empty text", "empty texts", "null", "no width"}
            ),
            needless=frozenset(),
        ),
        # Servers of this kind have one model and its name does not matter, need no key, list at
        # /models without pages, and refuse in an envelope of their framework.
        "openai-compatible": Profile(
            name="openai-compatible",
            listing="/models",
            pages=False,
            drawn=frozenset({"POST"}),
            bad_bodies=frozenset({"no input", "null"}),
            needless=frozenset(
                {
                    ("no key", "refusals"),
                    ("unknown model", "refusals"),
                    ("listing", "schema of the reply"),
                    ("*", "schema of the error"),
                    ("*", "body of the error"),
                }
            ),
        ),
    }
)


def profile_of(name: str) -> Profile:
    """Find a profile by its name.

    Raises:
        ConfigurationError: There is none of that name.
    """
    if name not in PROFILES:
        message = f"profile: {name!r} is none of {', '.join(PROFILES)}."
        raise ConfigurationError(message, argument="profile")
    return PROFILES[name]
