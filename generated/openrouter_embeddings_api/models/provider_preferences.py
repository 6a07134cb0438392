from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.data_collection import DataCollection, check_data_collection
from ..models.provider_sort import ProviderSort, check_provider_sort
from ..models.quantization import Quantization, check_quantization
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.max_price import MaxPrice
    from ..models.percentile_cutoffs import PercentileCutoffs
    from ..models.provider_options import ProviderOptions
    from ..models.provider_sort_config import ProviderSortConfig


T = TypeVar("T", bound="ProviderPreferences")


@_attrs_define
class ProviderPreferences:
    """Conditions on the providers, and their order; the service refuses unknown keys.

    Attributes:
        allow_fallbacks (bool | None | Unset): Whether other providers may step in; they may if nothing is said.
        data_collection (DataCollection | None | Unset): "deny" leaves only providers that keep nothing of what they are
            sent.
        enforce_distillable_text (bool | None | Unset): Only models whose author allows distillation.
        ignore (list[str] | None | Unset): Providers never to use, beside those of the account's settings.
        only (list[str] | None | Unset): The only providers to use, within the account's settings.
        order (list[str] | None | Unset): Providers to try first, in this order.
        max_price (MaxPrice | Unset): The most to pay in USD: for a million tokens (prompt, completion), or for one
            unit. Texts are what the service documents; its guide also shows numbers.
        options (ProviderOptions | Unset): Options of single providers by slug; only those of the one that serves are
            used.
        preferred_max_latency (float | None | PercentileCutoffs | Unset): Seconds that a reply should take at the most;
            a number bounds the median.
        preferred_min_throughput (float | None | PercentileCutoffs | Unset): Tokens a second that a provider should
            reach; a number bounds the median.
        quantizations (list[Quantization] | None | Unset): The number formats of the weights that will do.
        require_parameters (bool | None | Unset): Only providers that know every parameter of the request; not so if
            nothing is said.
        sort (None | ProviderSort | ProviderSortConfig | Unset): How to rank providers, instead of spreading the load.
        zdr (bool | None | Unset): Only endpoints that retain no data.
    """

    allow_fallbacks: bool | None | Unset = UNSET
    data_collection: DataCollection | None | Unset = UNSET
    enforce_distillable_text: bool | None | Unset = UNSET
    ignore: list[str] | None | Unset = UNSET
    only: list[str] | None | Unset = UNSET
    order: list[str] | None | Unset = UNSET
    max_price: MaxPrice | Unset = UNSET
    options: ProviderOptions | Unset = UNSET
    preferred_max_latency: float | None | PercentileCutoffs | Unset = UNSET
    preferred_min_throughput: float | None | PercentileCutoffs | Unset = UNSET
    quantizations: list[Quantization] | None | Unset = UNSET
    require_parameters: bool | None | Unset = UNSET
    sort: None | ProviderSort | ProviderSortConfig | Unset = UNSET
    zdr: bool | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.percentile_cutoffs import PercentileCutoffs  # noqa: PLC0415
        from openrouter_embeddings_api.models.provider_sort_config import ProviderSortConfig  # noqa: PLC0415

        allow_fallbacks: bool | None | Unset
        if isinstance(self.allow_fallbacks, Unset):
            allow_fallbacks = UNSET
        else:
            allow_fallbacks = self.allow_fallbacks

        data_collection: None | str | Unset
        if isinstance(self.data_collection, Unset):
            data_collection = UNSET
        elif isinstance(self.data_collection, str):
            data_collection = self.data_collection
        else:
            data_collection = self.data_collection

        enforce_distillable_text: bool | None | Unset
        if isinstance(self.enforce_distillable_text, Unset):
            enforce_distillable_text = UNSET
        else:
            enforce_distillable_text = self.enforce_distillable_text

        ignore: list[str] | None | Unset
        if isinstance(self.ignore, Unset):
            ignore = UNSET
        elif isinstance(self.ignore, list):
            ignore = self.ignore

        else:
            ignore = self.ignore

        only: list[str] | None | Unset
        if isinstance(self.only, Unset):
            only = UNSET
        elif isinstance(self.only, list):
            only = self.only

        else:
            only = self.only

        order: list[str] | None | Unset
        if isinstance(self.order, Unset):
            order = UNSET
        elif isinstance(self.order, list):
            order = self.order

        else:
            order = self.order

        max_price: dict[str, Any] | Unset = UNSET
        if not isinstance(self.max_price, Unset):
            max_price = self.max_price.to_dict()

        options: dict[str, Any] | Unset = UNSET
        if not isinstance(self.options, Unset):
            options = self.options.to_dict()

        preferred_max_latency: dict[str, Any] | float | None | Unset
        if isinstance(self.preferred_max_latency, Unset):
            preferred_max_latency = UNSET
        elif isinstance(self.preferred_max_latency, PercentileCutoffs):
            preferred_max_latency = self.preferred_max_latency.to_dict()
        else:
            preferred_max_latency = self.preferred_max_latency

        preferred_min_throughput: dict[str, Any] | float | None | Unset
        if isinstance(self.preferred_min_throughput, Unset):
            preferred_min_throughput = UNSET
        elif isinstance(self.preferred_min_throughput, PercentileCutoffs):
            preferred_min_throughput = self.preferred_min_throughput.to_dict()
        else:
            preferred_min_throughput = self.preferred_min_throughput

        quantizations: list[str] | None | Unset
        if isinstance(self.quantizations, Unset):
            quantizations = UNSET
        elif isinstance(self.quantizations, list):
            quantizations = []
            for quantizations_type_0_item_data in self.quantizations:
                quantizations_type_0_item: str = quantizations_type_0_item_data
                quantizations.append(quantizations_type_0_item)

        else:
            quantizations = self.quantizations

        require_parameters: bool | None | Unset
        if isinstance(self.require_parameters, Unset):
            require_parameters = UNSET
        else:
            require_parameters = self.require_parameters

        sort: dict[str, Any] | None | str | Unset
        if isinstance(self.sort, Unset):
            sort = UNSET
        elif isinstance(self.sort, str):
            sort = self.sort
        elif isinstance(self.sort, ProviderSortConfig):
            sort = self.sort.to_dict()
        else:
            sort = self.sort

        zdr: bool | None | Unset
        if isinstance(self.zdr, Unset):
            zdr = UNSET
        else:
            zdr = self.zdr

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if allow_fallbacks is not UNSET:
            field_dict["allow_fallbacks"] = allow_fallbacks
        if data_collection is not UNSET:
            field_dict["data_collection"] = data_collection
        if enforce_distillable_text is not UNSET:
            field_dict["enforce_distillable_text"] = enforce_distillable_text
        if ignore is not UNSET:
            field_dict["ignore"] = ignore
        if only is not UNSET:
            field_dict["only"] = only
        if order is not UNSET:
            field_dict["order"] = order
        if max_price is not UNSET:
            field_dict["max_price"] = max_price
        if options is not UNSET:
            field_dict["options"] = options
        if preferred_max_latency is not UNSET:
            field_dict["preferred_max_latency"] = preferred_max_latency
        if preferred_min_throughput is not UNSET:
            field_dict["preferred_min_throughput"] = preferred_min_throughput
        if quantizations is not UNSET:
            field_dict["quantizations"] = quantizations
        if require_parameters is not UNSET:
            field_dict["require_parameters"] = require_parameters
        if sort is not UNSET:
            field_dict["sort"] = sort
        if zdr is not UNSET:
            field_dict["zdr"] = zdr

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.max_price import MaxPrice  # noqa: PLC0415
        from openrouter_embeddings_api.models.percentile_cutoffs import PercentileCutoffs  # noqa: PLC0415
        from openrouter_embeddings_api.models.provider_options import ProviderOptions  # noqa: PLC0415
        from openrouter_embeddings_api.models.provider_sort_config import ProviderSortConfig  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_allow_fallbacks(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        allow_fallbacks = _parse_allow_fallbacks(d.pop("allow_fallbacks", UNSET))

        def _parse_data_collection(data: object) -> DataCollection | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                data_collection_type_0 = check_data_collection(data)

                return data_collection_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DataCollection | None | Unset, data)

        data_collection = _parse_data_collection(d.pop("data_collection", UNSET))

        def _parse_enforce_distillable_text(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        enforce_distillable_text = _parse_enforce_distillable_text(
            d.pop("enforce_distillable_text", UNSET)
        )

        def _parse_ignore(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                ignore_type_0 = cast(list[str], data)

                return ignore_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        ignore = _parse_ignore(d.pop("ignore", UNSET))

        def _parse_only(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                only_type_0 = cast(list[str], data)

                return only_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        only = _parse_only(d.pop("only", UNSET))

        def _parse_order(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                order_type_0 = cast(list[str], data)

                return order_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        order = _parse_order(d.pop("order", UNSET))

        _max_price = d.pop("max_price", UNSET)
        max_price: MaxPrice | Unset
        if isinstance(_max_price, Unset):
            max_price = UNSET
        else:
            max_price = MaxPrice.from_dict(_max_price)

        _options = d.pop("options", UNSET)
        options: ProviderOptions | Unset
        if isinstance(_options, Unset):
            options = UNSET
        else:
            options = ProviderOptions.from_dict(_options)

        def _parse_preferred_max_latency(data: object) -> float | None | PercentileCutoffs | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                preferred_max_latency_type_1 = PercentileCutoffs.from_dict(data)

                return preferred_max_latency_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(float | None | PercentileCutoffs | Unset, data)

        preferred_max_latency = _parse_preferred_max_latency(d.pop("preferred_max_latency", UNSET))

        def _parse_preferred_min_throughput(
            data: object,
        ) -> float | None | PercentileCutoffs | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                preferred_min_throughput_type_1 = PercentileCutoffs.from_dict(data)

                return preferred_min_throughput_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(float | None | PercentileCutoffs | Unset, data)

        preferred_min_throughput = _parse_preferred_min_throughput(
            d.pop("preferred_min_throughput", UNSET)
        )

        def _parse_quantizations(data: object) -> list[Quantization] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                quantizations_type_0 = []
                _quantizations_type_0 = data
                for quantizations_type_0_item_data in _quantizations_type_0:
                    quantizations_type_0_item = check_quantization(quantizations_type_0_item_data)

                    quantizations_type_0.append(quantizations_type_0_item)

                return quantizations_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Quantization] | None | Unset, data)

        quantizations = _parse_quantizations(d.pop("quantizations", UNSET))

        def _parse_require_parameters(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        require_parameters = _parse_require_parameters(d.pop("require_parameters", UNSET))

        def _parse_sort(data: object) -> None | ProviderSort | ProviderSortConfig | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                sort_type_0 = check_provider_sort(data)

                return sort_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                sort_type_1 = ProviderSortConfig.from_dict(data)

                return sort_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ProviderSort | ProviderSortConfig | Unset, data)

        sort = _parse_sort(d.pop("sort", UNSET))

        def _parse_zdr(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        zdr = _parse_zdr(d.pop("zdr", UNSET))

        provider_preferences = cls(
            allow_fallbacks=allow_fallbacks,
            data_collection=data_collection,
            enforce_distillable_text=enforce_distillable_text,
            ignore=ignore,
            only=only,
            order=order,
            max_price=max_price,
            options=options,
            preferred_max_latency=preferred_max_latency,
            preferred_min_throughput=preferred_min_throughput,
            quantizations=quantizations,
            require_parameters=require_parameters,
            sort=sort,
            zdr=zdr,
        )

        return provider_preferences
