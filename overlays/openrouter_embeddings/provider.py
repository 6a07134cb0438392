"""Routing preferences: their type, and the check that none of them is misspelt or dropped.

A privacy setting that is lost on the way (`data_collection`, `zdr`, `only`) is worse than an error,
so an unknown name or value is refused before anything is sent. Preferences that are newer than this
package travel in `extra_body={"provider": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from openrouter_embeddings._base import arguments

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MaxPrice", "Percentiles", "ProviderPreferences", "ProviderSort"]

Price = str | int | float | Decimal
"""An amount in USD: a number, or a decimal text."""


class MaxPrice(TypedDict, total=False):
    """The most to pay, in USD: for a million tokens, or for one request, image or audio unit."""

    prompt: Price
    completion: Price
    request: Price
    image: Price
    audio: Price


class Percentiles(TypedDict, total=False):
    """Bounds for percentiles of what was measured lately."""

    p50: float | None
    p75: float | None
    p90: float | None
    p99: float | None


class ProviderSort(TypedDict, total=False):
    """How to rank providers, and whether within a model or across models."""

    by: Literal["price", "throughput", "latency", "exacto"] | None
    partition: Literal["model", "none"] | None


class ProviderPreferences(TypedDict, total=False):
    """Which providers may serve a request, and in which order; what is left out stays open.

    Attributes:
        allow_fallbacks: Whether others may serve it when the preferred ones cannot.
        data_collection: ``"deny"`` keeps to providers that do not store what they are sent.
        enforce_distillable_text: Only models whose author permits distillation.
        ignore: Providers never to use, by slug or display name.
        only: The only providers to use.
        order: Providers to try first, in this order.
        max_price: The most to pay.
        options: Options for single providers, by slug; passed on to the one that serves.
        preferred_max_latency: Seconds, as one number (the median) or by percentile.
        preferred_min_throughput: Tokens a second, as one number (the median) or by percentile.
        quantizations: The number formats of the weights that will do.
        require_parameters: Only providers that support every parameter of the request.
        sort: How to rank providers.
        zdr: Only endpoints that retain no data.
    """

    allow_fallbacks: bool | None
    data_collection: Literal["deny", "allow"] | None
    enforce_distillable_text: bool | None
    ignore: Sequence[str] | None
    only: Sequence[str] | None
    order: Sequence[str] | None
    max_price: MaxPrice
    options: Mapping[str, Mapping[str, object]]
    preferred_max_latency: float | Percentiles | None
    preferred_min_throughput: float | Percentiles | None
    quantizations: Sequence[str] | None
    require_parameters: bool | None
    sort: str | ProviderSort | None
    zdr: bool | None


_SORTS = ("price", "throughput", "latency", "exacto")
_QUANTIZATIONS = (
    *("int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8"),
    *("mxfp8", "fp16", "bf16", "fp32", "unknown"),
)


def checked_provider(
    provider: ProviderPreferences | Mapping[str, object] | None,
) -> dict[str, object] | None:
    """Check routing preferences and write them as the contract has them.

    Args:
        provider: The preferences; None for none.

    Returns:
        The preferences ready to be sent, prices as decimal texts.

    Raises:
        ConfigurationError: A name is unknown or a value cannot be used; the message names it.
    """
    if provider is None:
        return None
    return _fields("provider", provider, _CHECKS)


def _fields(
    argument: str, value: object, checks: Mapping[str, Callable[[str, object], object]]
) -> dict[str, object]:
    given = arguments.mapping(argument, value)
    for name in given:
        if name not in checks:
            raise arguments.unknown_name(f"{argument}.{name}", name, checks)
    return {name: checks[name](f"{argument}.{name}", given[name]) for name in given}


def _flag(argument: str, value: object) -> object:
    return None if value is None else arguments.flag(argument, value)


def _one_of(argument: str, value: object, known: Sequence[str]) -> str:
    if not isinstance(value, str):
        raise arguments.bad_type(argument, f"one of {', '.join(known)}", value)
    name = arguments.text(argument, value)
    if name not in known:
        raise arguments.unknown_name(argument, name, known)
    return name


def _collection(argument: str, value: object) -> object:
    return None if value is None else _one_of(argument, value, ("deny", "allow"))


def _list(argument: str, value: object) -> list[object] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise arguments.bad_type(argument, "a list", value)
    return list(cast("Sequence[object]", value))


def _names(argument: str, value: object) -> object:
    names = _list(argument, value)
    if names is None:
        return None
    return [arguments.text(f"{argument}[{i}]", name) for i, name in enumerate(names)]


def _quantizations(argument: str, value: object) -> object:
    names = _list(argument, value)
    if names is None:
        return None
    return [_one_of(f"{argument}[{i}]", name, _QUANTIZATIONS) for i, name in enumerate(names)]


def _price(argument: str, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise arguments.bad_type(argument, "a number or a decimal text", value)
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        raise arguments.bad_value(argument, "is no decimal number", value) from None
    if not amount.is_finite() or amount < 0:
        raise arguments.bad_value(argument, "must be a finite amount of at least 0", value)
    if amount and abs(amount.adjusted()) > _MOST_PLACES:
        raise arguments.bad_value(argument, f"must have at most {_MOST_PLACES} places", value)
    return format(amount, "f")


_MOST_PLACES = 400  # floats have up to 324; a text of 1e999999 would have a million


def _max_price(argument: str, value: object) -> object:
    return _fields(argument, value, dict.fromkeys(MaxPrice.__annotations__, _price))


def _percentile(argument: str, value: object) -> object:
    return None if value is None else arguments.number(argument, value)


def _cutoff(argument: str, value: object) -> object:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _fields(argument, value, dict.fromkeys(Percentiles.__annotations__, _percentile))
    return arguments.number(argument, value)


def _by(argument: str, value: object) -> object:
    return None if value is None else _one_of(argument, value, _SORTS)


def _partition(argument: str, value: object) -> object:
    return None if value is None else _one_of(argument, value, ("model", "none"))


def _sort(argument: str, value: object) -> object:
    if isinstance(value, Mapping):
        return _fields(argument, value, {"by": _by, "partition": _partition})
    return _by(argument, value)


def _options(argument: str, value: object) -> object:
    options = arguments.json_mapping(argument, value)
    return {slug: arguments.json_mapping(f"{argument}.{slug}", options[slug]) for slug in options}


_CHECKS: Mapping[str, Callable[[str, object], object]] = {
    "allow_fallbacks": _flag,
    "data_collection": _collection,
    "enforce_distillable_text": _flag,
    "ignore": _names,
    "only": _names,
    "order": _names,
    "max_price": _max_price,
    "options": _options,
    "preferred_max_latency": _cutoff,
    "preferred_min_throughput": _cutoff,
    "quantizations": _quantizations,
    "require_parameters": _flag,
    "sort": _sort,
    "zdr": _flag,
}
