"""The listing of models: the request for a page, its reply as values, and how pages add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from attrs import define, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.refusals import ODD, take_payload, unreadable
from openrouter_embeddings._request.request import HttpRequest
from openrouter_embeddings.catalog import Catalog
from openrouter_embeddings.errors import OpenRouterError, ResponseValidationError
from openrouter_embeddings.values import ModelInfo, Pricing, UnreadModel, moment, price
from openrouter_embeddings_api.api.embeddings import list_embeddings_models
from openrouter_embeddings_api.models import Model, ModelsListResponse
from openrouter_embeddings_api.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings._request.request import Reply

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


_MOST_REASON = 200  # characters


def write_listing(bounds: Bounds) -> HttpRequest:
    """Write the request for a page with the generated builder."""
    kwargs = list_embeddings_models._get_kwargs(  # noqa: SLF001 - free of I/O, and so the seam
        offset=UNSET if bounds.offset is None else bounds.offset,
        limit=UNSET if bounds.limit is None else bounds.limit,
    )
    headers, params = kwargs.get("headers", {}), kwargs.get("params", {})
    return HttpRequest(kwargs["method"], kwargs["url"], headers, params=params)


def read_models(reply: Reply) -> ModelsPage | OpenRouterError:
    """Read the reply to a listing; an odd entry is kept as sent and does not lose the others."""
    payload = take_payload(reply)
    if isinstance(payload, OpenRouterError):
        return payload
    entries = payload.get("data")
    if not isinstance(entries, list):
        return unreadable(reply, "has no list of models in 'data'")
    read = [_model(entry) for entry in entries]
    try:
        envelope = ModelsListResponse.from_dict(payload | {"data": []})
        following = _next_page(envelope)
    except ODD as exc:
        return unreadable(reply, f"has links that cannot be followed ({type(exc).__name__})")
    return ModelsPage(
        models=tuple(model for model in read if isinstance(model, ModelInfo)),
        unread=tuple(model for model in read if isinstance(model, UnreadModel)),
        total_count=lenient.count(lenient.present(envelope.total_count)),
        following=following,
    )


def _next_page(envelope: ModelsListResponse) -> Bounds | None:
    """Read where the next page begins from ``links.next``.

    The link itself is not followed: it names the listing of all models, not of those for
    embeddings, and a key goes nowhere that a reply says.
    """
    link = getattr(envelope.links, "next_", None)
    if not isinstance(link, str) or not link:
        return None
    query = parse_qs(urlsplit(link).query)
    limit = int(query["limit"][0]) if "limit" in query else None
    return Bounds(int(query["offset"][0]), limit)


def _model(entry: object) -> ModelInfo | UnreadModel:
    try:
        return _model_info(cast("dict[str, Any]", entry))
    except Exception as exc:  # noqa: BLE001 - whatever is odd about an entry, the others are good
        return UnreadModel(entry, one_line(f"{type(exc).__name__}: {exc}")[:_MOST_REASON])


def _model_info(entry: dict[str, Any]) -> ModelInfo:
    model = Model.from_dict(entry)
    architecture = entry.get("architecture") or {}
    expires = moment(lenient.present(model.expiration_date))
    return ModelInfo(
        id=arguments.text("id", model.id),
        name=lenient.text(model.name) or "",
        canonical_slug=lenient.text(model.canonical_slug) or None,
        created=moment(lenient.present(model.created)),
        description=lenient.prose(model.description) or "",
        context_length=lenient.count(lenient.present(model.context_length)),
        input_modalities=lenient.texts(architecture.get("input_modalities")),
        output_modalities=lenient.texts(architecture.get("output_modalities")),
        pricing=_pricing(entry.get("pricing") or {}),
        supported_parameters=lenient.texts(entry.get("supported_parameters")),
        hugging_face_id=lenient.text(model.hugging_face_id) or None,
        expires=expires.date() if expires else None,
        raw=entry,
    )


def _pricing(prices: Mapping[str, object]) -> Pricing:
    names = ("prompt", "completion", "request", "image")
    return Pricing(**{name: price(prices.get(name)) for name in names}, raw=prices)
