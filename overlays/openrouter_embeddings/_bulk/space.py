"""The vector space of a bulk run: one width, and one provider where it is pinned. Pure.

Vectors of two spaces must never mix. The first answer settles the width, and with `pin` the
provider; from there on every request names it, and the cache is asked for vectors of that provider
alone. Until then nothing is taken from the cache: nobody knows yet whose vectors would fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field

from openrouter_embeddings._request.lessons import make_width_error
from openrouter_embeddings.cache import KeyMaker
from openrouter_embeddings.errors import VectorError

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.values import EmbeddingsResponse


@define(eq=False)
class Space:
    """What the vectors of one run have in common.

    Attributes:
        template: The request of each batch, but for its inputs; names the provider once pinned.
        pin: Whether the provider of the first answer must give all.
        source: The base URL that requests go to, or a name in its place; None for the service.
        notes: Where it is said what changed on the way, and is no error.
        width: How many numbers a vector has, once that is known.
        model: The model as its provider calls it, once that is known.
        providers: Who answered so far, the first one first.
        store_keys: Makes the keys of inputs in the cache; None as long as the provider is open.
    """

    template: EmbeddingRequest
    pin: bool = False
    source: str | None = None
    notes: list[str] = field(factory=list)
    width: int | None = field(init=False, default=None)
    model: str | None = field(init=False, default=None)
    providers: tuple[str, ...] = field(init=False, default=())
    _keys: KeyMaker = field(init=False)
    store_keys: KeyMaker | None = field(init=False)
    _unnamed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Begin with what the request itself says."""
        self._keys = keys_of(self.template, self.source)
        self.store_keys = None if self.is_open else self._keys

    @property
    def is_open(self) -> bool:
        """Say whether the first answer is still to come that decides about the others."""
        known = self.providers or self._unnamed or named_provider(self.template)
        return self.pin and not known

    def key(self, wire: object) -> str | bytes:
        """Tell inputs of the run apart: a text by itself, anything else by a digest."""
        return wire if isinstance(wire, str) else self._keys.key(wire)

    def store_key(self, item: Item) -> bytes | None:
        """Return the key of an input in the cache, or None as long as that is open."""
        if item.store_key is None and self.store_keys is not None:
            item.store_key = self.store_keys.key(item.wire)
        return item.store_key

    def admits(self, width: int) -> bool:
        """Say whether vectors of the cache are as wide as the others."""
        if self.width is None:
            self.width = width
        return width == self.width

    def check(self, response: EmbeddingsResponse) -> VectorError | None:
        """Take note of an answer, or say why its vectors do not belong to the others."""
        if self.width is None:
            self.width = response.dimensions
        if response.dimensions != self.width:
            return make_width_error(self.width, next(iter(self.providers), None), response)
        return self._compare_models(response) or self._meet(response.provider)

    def _compare_models(self, response: EmbeddingsResponse) -> VectorError | None:
        """Notice a model that changes on the way: an error where the run is pinned, else a note."""
        if response.model is None or self.model is None:
            self.model = self.model or response.model
            return None
        if _short_name(response.model) == _short_name(self.model):
            return None
        message = f"The model {response.model!r} answered, and before that {self.model!r}."
        if self.pin:
            return VectorError(message, hint="The vectors of two models cannot be compared.")
        if message not in self.notes:
            self.notes.append(message)
        return None

    def _meet(self, provider: str | None) -> VectorError | None:
        if provider is None:
            self._go_on_unpinned()
        if provider is None or provider in self.providers:
            return None
        if self.pin and self.providers:
            message = f"{provider} answered though the run is pinned to {self.providers[0]}."
            return VectorError(message)
        self.providers = (*self.providers, provider)
        if self.store_keys is None:
            self._pin_to(provider)
        return None

    def _go_on_unpinned(self) -> None:
        """Go on where the first reply names no provider: nobody can be asked for alone."""
        if not self.is_open:
            return
        self._unnamed, self.store_keys = True, self._keys
        self.notes.append("The run could not be pinned: the replies name no provider.")

    def _pin_to(self, provider: str) -> None:
        given = self.template.options.get("provider")
        preferences = dict(given) if isinstance(given, dict) else {}
        preferences |= {"only": [provider], "allow_fallbacks": False}
        options = {**self.template.options, "provider": preferences}
        self.template = evolve(self.template, options=options)
        self.store_keys = keys_of(self.template, self.source)


def _short_name(model: str) -> str:
    """Leave out the author, whom some providers name and others do not."""
    return model.rpartition("/")[2].lower()


def keys_of(template: EmbeddingRequest, source: str | None) -> KeyMaker:
    """Make what tells vectors apart: everything that one depends on."""
    input_type, provider = (template.options.get(name) for name in ("input_type", "provider"))
    return KeyMaker(
        model=template.model,
        source=source,
        dimensions=template.dimensions,
        input_type=input_type if isinstance(input_type, str) else None,
        provider=provider if isinstance(provider, dict) else None,
        extra_body=template.extra_body,
    )


def named_provider(template: EmbeddingRequest) -> str | None:
    """Return the provider, or the providers, that a request is bound to."""
    provider = template.options.get("provider")
    only = provider.get("only") if isinstance(provider, dict) else None
    return ",".join(map(str, only)) if isinstance(only, list) and only else None
