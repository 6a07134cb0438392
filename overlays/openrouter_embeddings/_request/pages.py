"""The pages of the listing: which one comes next, and what they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from attrs import define, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.catalog import Catalog
from openrouter_embeddings.errors import ResponseValidationError

if TYPE_CHECKING:
    from openrouter_embeddings.values import ModelInfo, UnreadModel

_MOST_PAGES = 1_000
_MOST_LISTED = 1_000


_MOST_OFFSET = 2**31 - 1  # what the databases behind such listings count to


def _offset(value: object) -> int:
    return arguments.whole_number("offset", value, least=0, most=_MOST_OFFSET)


@frozen
class Bounds:
    """Which part of the listing to ask for; None leaves a bound open."""

    offset: int | None = None
    limit: int | None = None


@frozen
class ModelsPage:
    """One page of the listing.

    Attributes:
        models: The models that could be read.
        unread: The entries that could not.
        total_count: How many models there are, if the service says.
        following: Where the next page is, or None on the last.
    """

    models: tuple[ModelInfo, ...]
    unread: tuple[UnreadModel, ...] = ()
    total_count: int | None = None
    following: Bounds | None = None


@define
class ModelPages:
    """The course of one listing.

    Attributes:
        next: The page to ask for next, or None when there is none.
        single: The caller gave a limit, so one page is all.
    """

    next: Bounds | None
    single: bool
    _pages: list[ModelsPage] = field(init=False, factory=list)

    @classmethod
    def of(cls, offset: object, limit: object) -> Self:
        """Begin a listing.

        Raises:
            ConfigurationError: A bound cannot be used.
        """
        least = None if offset is None else _offset(offset)
        if limit is None:
            return cls(Bounds(least), single=False)
        most = arguments.whole_number("limit", limit, least=1, most=_MOST_LISTED)
        return cls(Bounds(least, most), single=True)

    def add(self, page: ModelsPage) -> None:
        """Take a page.

        Raises:
            ResponseValidationError: The links lead nowhere new.
        """
        before = (self.next.offset if self.next else None) or 0
        self._pages.append(page)
        self.next = None if self.single else page.following
        if self.next is None:
            return
        after = self.next.offset or 0
        if after <= before or len(self._pages) >= _MOST_PAGES:
            message = f"The listing leads from offset {before} to {after}: no end in sight."
            raise ResponseValidationError(message)

    def catalog(self) -> Catalog:
        """Join the pages."""
        counts = (page.total_count for page in self._pages)
        return Catalog(
            data=tuple(model for page in self._pages for model in page.models),
            unread=tuple(model for page in self._pages for model in page.unread),
            total_count=next((count for count in counts if count is not None), None),
        )
