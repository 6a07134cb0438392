from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.pricing_override import PricingOverride


T = TypeVar("T", bound="PublicPricing")


@_attrs_define
class PublicPricing:
    """Prices in USD as decimal texts; "0" is free, "-1" is decided for each request.

    Attributes:
        prompt (str | Unset): One input token.
        completion (str | Unset): One output token.
        request (str | Unset): One request.
        image (str | Unset): One image that goes in.
        image_token (str | Unset): One token of an image.
        image_output (str | Unset): One image that comes out.
        audio (str | Unset): One token of sound that goes in.
        audio_output (str | Unset): One token of sound that comes out.
        input_audio_cache (str | Unset): One cached token of sound.
        web_search (str | Unset): One search of the web.
        internal_reasoning (str | Unset): One token of reasoning.
        input_cache_read (str | Unset): One token read from the cache.
        input_cache_write (str | Unset): One token written to the cache.
        input_cache_write_1h (str | Unset): One token written to the cache for an hour.
        discount (float | Unset): The part taken off, 0 to 1.
        overrides (list[PricingOverride] | None | Unset): Prices under conditions; later ones win.
    """

    prompt: str | Unset = UNSET
    completion: str | Unset = UNSET
    request: str | Unset = UNSET
    image: str | Unset = UNSET
    image_token: str | Unset = UNSET
    image_output: str | Unset = UNSET
    audio: str | Unset = UNSET
    audio_output: str | Unset = UNSET
    input_audio_cache: str | Unset = UNSET
    web_search: str | Unset = UNSET
    internal_reasoning: str | Unset = UNSET
    input_cache_read: str | Unset = UNSET
    input_cache_write: str | Unset = UNSET
    input_cache_write_1h: str | Unset = UNSET
    discount: float | Unset = UNSET
    overrides: list[PricingOverride] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        prompt = self.prompt

        completion = self.completion

        request = self.request

        image = self.image

        image_token = self.image_token

        image_output = self.image_output

        audio = self.audio

        audio_output = self.audio_output

        input_audio_cache = self.input_audio_cache

        web_search = self.web_search

        internal_reasoning = self.internal_reasoning

        input_cache_read = self.input_cache_read

        input_cache_write = self.input_cache_write

        input_cache_write_1h = self.input_cache_write_1h

        discount = self.discount

        overrides: list[dict[str, Any]] | None | Unset
        if isinstance(self.overrides, Unset):
            overrides = UNSET
        elif isinstance(self.overrides, list):
            overrides = []
            for overrides_type_0_item_data in self.overrides:
                overrides_type_0_item = overrides_type_0_item_data.to_dict()
                overrides.append(overrides_type_0_item)

        else:
            overrides = self.overrides

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if completion is not UNSET:
            field_dict["completion"] = completion
        if request is not UNSET:
            field_dict["request"] = request
        if image is not UNSET:
            field_dict["image"] = image
        if image_token is not UNSET:
            field_dict["image_token"] = image_token
        if image_output is not UNSET:
            field_dict["image_output"] = image_output
        if audio is not UNSET:
            field_dict["audio"] = audio
        if audio_output is not UNSET:
            field_dict["audio_output"] = audio_output
        if input_audio_cache is not UNSET:
            field_dict["input_audio_cache"] = input_audio_cache
        if web_search is not UNSET:
            field_dict["web_search"] = web_search
        if internal_reasoning is not UNSET:
            field_dict["internal_reasoning"] = internal_reasoning
        if input_cache_read is not UNSET:
            field_dict["input_cache_read"] = input_cache_read
        if input_cache_write is not UNSET:
            field_dict["input_cache_write"] = input_cache_write
        if input_cache_write_1h is not UNSET:
            field_dict["input_cache_write_1h"] = input_cache_write_1h
        if discount is not UNSET:
            field_dict["discount"] = discount
        if overrides is not UNSET:
            field_dict["overrides"] = overrides

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.pricing_override import PricingOverride  # noqa: PLC0415

        d = dict(src_dict)
        prompt = d.pop("prompt", UNSET)

        completion = d.pop("completion", UNSET)

        request = d.pop("request", UNSET)

        image = d.pop("image", UNSET)

        image_token = d.pop("image_token", UNSET)

        image_output = d.pop("image_output", UNSET)

        audio = d.pop("audio", UNSET)

        audio_output = d.pop("audio_output", UNSET)

        input_audio_cache = d.pop("input_audio_cache", UNSET)

        web_search = d.pop("web_search", UNSET)

        internal_reasoning = d.pop("internal_reasoning", UNSET)

        input_cache_read = d.pop("input_cache_read", UNSET)

        input_cache_write = d.pop("input_cache_write", UNSET)

        input_cache_write_1h = d.pop("input_cache_write_1h", UNSET)

        discount = d.pop("discount", UNSET)

        def _parse_overrides(data: object) -> list[PricingOverride] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                overrides_type_0 = []
                _overrides_type_0 = data
                for overrides_type_0_item_data in _overrides_type_0:
                    overrides_type_0_item = PricingOverride.from_dict(overrides_type_0_item_data)

                    overrides_type_0.append(overrides_type_0_item)

                return overrides_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[PricingOverride] | None | Unset, data)

        overrides = _parse_overrides(d.pop("overrides", UNSET))

        public_pricing = cls(
            prompt=prompt,
            completion=completion,
            request=request,
            image=image,
            image_token=image_token,
            image_output=image_output,
            audio=audio,
            audio_output=audio_output,
            input_audio_cache=input_audio_cache,
            web_search=web_search,
            internal_reasoning=internal_reasoning,
            input_cache_read=input_cache_read,
            input_cache_write=input_cache_write,
            input_cache_write_1h=input_cache_write_1h,
            discount=discount,
            overrides=overrides,
        )

        public_pricing.additional_properties = d
        return public_pricing

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
