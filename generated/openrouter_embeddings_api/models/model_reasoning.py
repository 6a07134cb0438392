from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_reasoning_effort import (
    KnownReasoningEffort,
    check_known_reasoning_effort,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="ModelReasoning")


@_attrs_define
class ModelReasoning:
    """Whether and how hard a model reasons; absent where it does not.

    Attributes:
        mandatory (bool | Unset):
        default_enabled (bool | None | Unset):
        default_effort (KnownReasoningEffort | None | str | Unset):
        supported_efforts (list[KnownReasoningEffort | None | str] | None | Unset):
        supports_max_tokens (bool | None | Unset):
    """

    mandatory: bool | Unset = UNSET
    default_enabled: bool | None | Unset = UNSET
    default_effort: KnownReasoningEffort | None | str | Unset = UNSET
    supported_efforts: list[KnownReasoningEffort | None | str] | None | Unset = UNSET
    supports_max_tokens: bool | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        mandatory = self.mandatory

        default_enabled: bool | None | Unset
        if isinstance(self.default_enabled, Unset):
            default_enabled = UNSET
        else:
            default_enabled = self.default_enabled

        default_effort: None | str | Unset
        if isinstance(self.default_effort, Unset):
            default_effort = UNSET
        elif isinstance(self.default_effort, str):
            default_effort = self.default_effort
        else:
            default_effort = self.default_effort

        supported_efforts: list[None | str] | None | Unset
        if isinstance(self.supported_efforts, Unset):
            supported_efforts = UNSET
        elif isinstance(self.supported_efforts, list):
            supported_efforts = []
            for supported_efforts_type_0_item_data in self.supported_efforts:
                supported_efforts_type_0_item: None | str
                if isinstance(supported_efforts_type_0_item_data, str):
                    supported_efforts_type_0_item = supported_efforts_type_0_item_data
                else:
                    supported_efforts_type_0_item = supported_efforts_type_0_item_data
                supported_efforts.append(supported_efforts_type_0_item)

        else:
            supported_efforts = self.supported_efforts

        supports_max_tokens: bool | None | Unset
        if isinstance(self.supports_max_tokens, Unset):
            supports_max_tokens = UNSET
        else:
            supports_max_tokens = self.supports_max_tokens

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if mandatory is not UNSET:
            field_dict["mandatory"] = mandatory
        if default_enabled is not UNSET:
            field_dict["default_enabled"] = default_enabled
        if default_effort is not UNSET:
            field_dict["default_effort"] = default_effort
        if supported_efforts is not UNSET:
            field_dict["supported_efforts"] = supported_efforts
        if supports_max_tokens is not UNSET:
            field_dict["supports_max_tokens"] = supports_max_tokens

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        mandatory = d.pop("mandatory", UNSET)

        def _parse_default_enabled(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        default_enabled = _parse_default_enabled(d.pop("default_enabled", UNSET))

        def _parse_default_effort(data: object) -> KnownReasoningEffort | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                default_effort_type_0 = check_known_reasoning_effort(data)

                return default_effort_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownReasoningEffort | None | str | Unset, data)

        default_effort = _parse_default_effort(d.pop("default_effort", UNSET))

        def _parse_supported_efforts(
            data: object,
        ) -> list[KnownReasoningEffort | None | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                supported_efforts_type_0 = []
                _supported_efforts_type_0 = data
                for supported_efforts_type_0_item_data in _supported_efforts_type_0:

                    def _parse_supported_efforts_type_0_item(
                        data: object,
                    ) -> KnownReasoningEffort | None | str:
                        if data is None:
                            return data
                        try:
                            if not isinstance(data, str):
                                raise TypeError()
                            supported_efforts_type_0_item_type_0 = check_known_reasoning_effort(
                                data
                            )

                            return supported_efforts_type_0_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(KnownReasoningEffort | None | str, data)

                    supported_efforts_type_0_item = _parse_supported_efforts_type_0_item(
                        supported_efforts_type_0_item_data
                    )

                    supported_efforts_type_0.append(supported_efforts_type_0_item)

                return supported_efforts_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[KnownReasoningEffort | None | str] | None | Unset, data)

        supported_efforts = _parse_supported_efforts(d.pop("supported_efforts", UNSET))

        def _parse_supports_max_tokens(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        supports_max_tokens = _parse_supports_max_tokens(d.pop("supports_max_tokens", UNSET))

        model_reasoning = cls(
            mandatory=mandatory,
            default_enabled=default_enabled,
            default_effort=default_effort,
            supported_efforts=supported_efforts,
            supports_max_tokens=supports_max_tokens,
        )

        model_reasoning.additional_properties = d
        return model_reasoning

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
