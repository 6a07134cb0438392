"""The vector space of a bulk run: one width, and one provider and model where it is pinned. Pure.

Vectors of two spaces must never mix. The first answer settles the width, and with `pin` the
provider; from there on every request names it, and the cache is asked for vectors of that provider
alone. Until then nothing is taken from the cache: nobody knows yet whose vectors would fit.

A first answer that names no provider leaves nobody to be asked for. The run goes on and says so;
its vectors have keys of their own in the cache, since those of runs that are not pinned may be
anybody's. An answer that names a provider after that is of another one, as far as anybody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from openrouter_embeddings._base.model_names import Likeness, compare_names
from openrouter_embeddings._request.lessons import make_width_error
from openrouter_embeddings.cache import KeyMaker
from openrouter_embeddings.errors import VectorError

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.items import Item
    from openrouter_embeddings.inputs import EmbeddingRequest
    from openrouter_embeddings.values import EmbeddingsResponse

# More than a model has names; each is looked at for each answer that has none of them.
_MOST_MODELS = 8


@define(eq=False)
class Space:
    """What the vectors of one run have in common.

    Attributes:
        template: The request of each batch, but for its inputs; names the provider once pinned.
        pin: Whether the provider of the first answer must give all.
        source: The base URL that requests go to, or a name in its place; None for the service.
        notes: Where it is said what changed on the way, and is no error.
        width: How many numbers a vector has, once that is known.
        models: What the model was called so far, the first name first; at most eight.
        providers: Who answered so far, the first one first.
        store_keys: Makes the keys of inputs in the cache; None as long as the provider is open.
    """

    template: EmbeddingRequest
    pin: bool = False
    source: str | None = None
    notes: list[str] = field(factory=list)
    width: int | None = field(init=False, default=None)
    models: tuple[str, ...] = field(init=False, default=())
    providers: tuple[str, ...] = field(init=False, default=())
    _keys: KeyMaker = field(init=False)
    store_keys: KeyMaker | None = field(init=False)
    _unnamed: bool = field(init=False, default=False)
    _news: list[str] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        """Begin with what the request itself says."""
        self._keys = keys_of(self.template, self.source)
        self.store_keys = None if self.is_open else self._keys

    @property
    def is_open(self) -> bool:
        """Say whether the first answer is still to come that decides about the others."""
        known = self.providers or self._unnamed or named_provider(self.template)
        return self.pin and not known

    @property
    def model(self) -> str | None:
        """The model as the provider that answered first calls it, or None."""
        return next(iter(self.models), None)

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
        mixed = self._mixed(response)
        if mixed is None:
            self.width = response.dimensions
            self._meet_model(response.model)
            self._meet_provider(response.provider)
        return mixed

    def _mixed(self, response: EmbeddingsResponse) -> VectorError | None:
        if self.width is not None and response.dimensions != self.width:
            return make_width_error(self.width, next(iter(self.providers), None), response)
        if not self.pin:
            return None
        return self._other_model(response.model) or self._other_provider(response.provider)

    def _other_model(self, model: str | None) -> VectorError | None:
        for known in self.models:
            if compare_names(known, model) is Likeness.OTHER:
                message = _describe_change(model, known)
                return VectorError(message, hint="The vectors of two models cannot be compared.")
        return None

    def _other_provider(self, provider: str | None) -> VectorError | None:
        if not provider or provider in self.providers:
            return None
        if self._unnamed:
            message = f"{provider} answered a pinned run whose first reply named no provider."
        elif self.providers:
            message = f"{provider} answered though the run is pinned to {self.providers[0]}."
        else:
            return None
        return VectorError(message, hint="The vectors of two providers may differ.")

    def keeps(self, response: EmbeddingsResponse) -> bool:
        """Say whether the cache may hold an answer: vectors of another model may not."""
        return compare_names(self.model, response.model) is not Likeness.OTHER

    def take_news(self) -> list[str]:
        """Return the notes that were not told yet."""
        news, self._news = self._news, []
        return news

    def _say(self, note: str) -> None:
        self.notes.append(note)
        self._news.append(note)

    def _meet_model(self, model: str | None) -> None:
        """Take note of a name of the model; where it may be that of another one, say so."""
        if not model or len(self.models) >= _MOST_MODELS:
            return
        likeness = [compare_names(known, model) for known in self.models]
        if Likeness.SAME in likeness:
            return
        if likeness:
            self._say(_describe_change(model, self.models[0]))
        self.models = (*self.models, model)

    def _meet_provider(self, provider: str | None) -> None:
        if provider and provider not in self.providers:
            self.providers = (*self.providers, provider)
        if self.store_keys is not None:
            return
        if provider:
            self.template = _bind(self.template, provider)
            self.store_keys = keys_of(self.template, self.source)
        else:
            self._unnamed = True
            self.store_keys = keys_of(self.template, self.source, nameless=True)
            self._say("The run could not be pinned: the replies name no provider.")


def _describe_change(model: str | None, known: str) -> str:
    return f"The model {model!r} answered, and before that {known!r}."


def _bind(template: EmbeddingRequest, provider: str) -> EmbeddingRequest:
    """Let one provider alone answer a request, beside what it says of them already.

    Fields of ``extra_body`` have the last word about what is sent, and so about its keys.
    """
    preferences = {**_preferences(template), "only": [provider], "allow_fallbacks": False}
    if "provider" in template.extra_body:
        return evolve(template, extra_body={**template.extra_body, "provider": preferences})
    return evolve(template, options={**template.options, "provider": preferences})


def _preferences(template: EmbeddingRequest) -> Mapping[str, object]:
    given = template.extra_body.get("provider", template.options.get("provider"))
    return given if isinstance(given, Mapping) else {}


def keys_of(template: EmbeddingRequest, source: str | None, *, nameless: bool = False) -> KeyMaker:
    """Make what tells vectors apart: everything that one depends on.

    A field of the request that is new to the contract is among it until the keys leave it out.
    """
    options = dict(template.options)
    input_type, provider = (options.pop(name, None) for name in ("input_type", "provider"))
    return KeyMaker(
        model=template.model,
        source=source,
        dimensions=template.dimensions,
        input_type=input_type if isinstance(input_type, str) else None,
        provider=provider if isinstance(provider, dict) else None,
        extra_body={**options, **template.extra_body},
        nameless=nameless,
    )


def named_provider(template: EmbeddingRequest) -> str | None:
    """Return the one provider that a request is bound to, or None where several may answer."""
    only = _preferences(template).get("only")
    return str(only[0]) if isinstance(only, list) and len(only) == 1 else None
