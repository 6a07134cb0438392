"""Questions about the listing of models: find one, filter them, compare their prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import counted, one_line
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from openrouter_embeddings.values import ModelInfo, UnreadModel

__all__ = ["Catalog"]

_MOST_SHOWN = 100  # characters of an id that was not found


@frozen(repr=False, eq=False)
class Catalog(Sequence["ModelInfo"]):
    """The models that serve embeddings: a sequence of `ModelInfo` that answers questions.

    Attributes:
        data: The models, in the order of the listing.
        unread: Entries of the listing that could not be read, kept as sent.
        total_count: How many models the service says there are, or None if it does not say.
    """

    data: tuple[ModelInfo, ...]
    unread: tuple[UnreadModel, ...] = ()
    total_count: int | None = field(default=None)

    @overload
    def __getitem__(self, key: int) -> ModelInfo: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[ModelInfo, ...]: ...
    def __getitem__(self, key: int | slice) -> ModelInfo | tuple[ModelInfo, ...]:
        """Take models by their position in the listing."""
        return self.data[key]

    def __len__(self) -> int:
        """Count the models that could be read."""
        return len(self.data)

    def __repr__(self) -> str:
        """Show how many models there are and the first ids."""
        shown = ", ".join(one_line(model.id) for model in self.data[:3])
        more = ", ..." if len(self.data) > 3 else ""
        return f"Catalog({counted(len(self.data), 'model')}: {shown}{more})"

    def find(self, model: str) -> ModelInfo:
        """Find a model by its id, its canonical slug, or its id without the author's prefix.

        Args:
            model: The id; case does not count.

        Returns:
            The model; the dearer one where an id stands twice in the listing.

        Raises:
            ConfigurationError: There is no such model, or several; the message names near ones.
        """
        wanted = arguments.text("model", model).strip().lower()
        for names in (_full_names, _short_names):
            found = [info for info in self.data if wanted in names(info)]
            if len({info.id for info in found}) == 1:
                return max(found, key=_price_rank)
            if found:
                raise ConfigurationError(_ambiguous(model, found), argument="model")
        raise ConfigurationError(self._unknown(model), argument="model")

    def filter(
        self,
        *,
        text: str | None = None,
        author: str | None = None,
        input_modality: str | None = None,
        max_price: Decimal | float | None = None,
        min_context: int | None = None,
        free: bool | None = None,
    ) -> Catalog:
        """Keep the models that fulfil every condition given.

        Args:
            text: Part of the id, the name or the description; case does not count.
            author: The part of the id before the slash.
            input_modality: What must go in: ``"image"`` say.
            max_price: The most that a million input tokens may cost, in USD; models without a
                fixed price are left out.
            min_context: The least number of input tokens; models of unknown length are left out.
            free: True for models that cost nothing, False for the others.

        Returns:
            A catalog of the models left, in the same order.
        """
        kept = (
            info
            for info in self.data
            if _mentions(info, text)
            and (author is None or info.id.partition("/")[0].lower() == author.lower())
            and (input_modality is None or input_modality in info.input_modalities)
            and _costs_at_most(info, max_price)
            and (min_context is None or (info.context_length or 0) >= min_context)
            and (free is None or (info.price_per_million == 0) is free)
        )
        return Catalog(tuple(kept), unread=self.unread, total_count=self.total_count)

    def by_price(self) -> Catalog:
        """Sort by the price of an input token, cheapest first; those without a fixed one last."""
        ranked = sorted(self.data, key=_price_rank)
        return Catalog(tuple(ranked), unread=self.unread, total_count=self.total_count)

    def _unknown(self, model: str) -> str:
        names = {
            name: info.id
            for info in self.data
            for name in (*_full_names(info), *_short_names(info))
        }
        near = _near(model.strip().lower(), names)
        ids = ", ".join(dict.fromkeys(one_line(names[name]) for name in near))
        advice = f" Did you mean {ids}?" if ids else f" It has {counted(len(self.data), 'model')}."
        return f"model {one_line(model)[:_MOST_SHOWN]!r} is not in the listing.{advice}"


def _near(wanted: str, names: Mapping[str, str]) -> list[str]:
    """Find names like the wanted one; routers write their own before it."""
    from difflib import get_close_matches  # noqa: PLC0415 - slow to import

    bare = wanted.removeprefix("openrouter/")
    return [bare] if bare in names else get_close_matches(bare, names, n=3, cutoff=0.5)


def _full_names(info: ModelInfo) -> set[str]:
    return {name.lower() for name in (info.id, info.canonical_slug) if name}


def _short_names(info: ModelInfo) -> set[str]:
    return {name.partition("/")[2] for name in _full_names(info)} | {info.name.lower()}


def _ambiguous(model: str, found: Iterable[ModelInfo]) -> str:
    ids = ", ".join(one_line(info.id) for info in found)
    return f"model {one_line(model)[:_MOST_SHOWN]!r} can mean any of {ids}."


def _mentions(info: ModelInfo, text: str | None) -> bool:
    if text is None:
        return True
    return text.lower() in f"{info.id}\n{info.name}\n{info.description}".lower()


def _costs_at_most(info: ModelInfo, limit: Decimal | float | None) -> bool:
    price = info.price_per_million
    return limit is None or (price is not None and price <= limit)


def _price_rank(info: ModelInfo) -> tuple[bool, Decimal | int]:
    price = info.price_per_million
    return (price is None, 0 if price is None else price)
