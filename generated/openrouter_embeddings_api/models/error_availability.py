from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ErrorAvailability")


@_attrs_define
class ErrorAvailability:
    """Why a model cannot be had, and what could be instead.

    Attributes:
        code (str | Unset):
        retryable (bool | Unset):
        retry_after (float | None | Unset): Seconds to wait.
        requested_models (Any | Unset): The models that were asked for.
        affected_providers (Any | Unset): The providers that cannot serve now.
        excluded_by (Any | Unset): The condition that shut providers out.
        fallback_models (Any | Unset): Models that could serve instead.
        constraint (Any | Unset): The condition that cannot be met.
        docs_url (None | str | Unset):
    """

    code: str | Unset = UNSET
    retryable: bool | Unset = UNSET
    retry_after: float | None | Unset = UNSET
    requested_models: Any | Unset = UNSET
    affected_providers: Any | Unset = UNSET
    excluded_by: Any | Unset = UNSET
    fallback_models: Any | Unset = UNSET
    constraint: Any | Unset = UNSET
    docs_url: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        retryable = self.retryable

        retry_after: float | None | Unset
        if isinstance(self.retry_after, Unset):
            retry_after = UNSET
        else:
            retry_after = self.retry_after

        requested_models = self.requested_models

        affected_providers = self.affected_providers

        excluded_by = self.excluded_by

        fallback_models = self.fallback_models

        constraint = self.constraint

        docs_url: None | str | Unset
        if isinstance(self.docs_url, Unset):
            docs_url = UNSET
        else:
            docs_url = self.docs_url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if retryable is not UNSET:
            field_dict["retryable"] = retryable
        if retry_after is not UNSET:
            field_dict["retry_after"] = retry_after
        if requested_models is not UNSET:
            field_dict["requested_models"] = requested_models
        if affected_providers is not UNSET:
            field_dict["affected_providers"] = affected_providers
        if excluded_by is not UNSET:
            field_dict["excluded_by"] = excluded_by
        if fallback_models is not UNSET:
            field_dict["fallback_models"] = fallback_models
        if constraint is not UNSET:
            field_dict["constraint"] = constraint
        if docs_url is not UNSET:
            field_dict["docs_url"] = docs_url

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        code = d.pop("code", UNSET)

        retryable = d.pop("retryable", UNSET)

        def _parse_retry_after(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        retry_after = _parse_retry_after(d.pop("retry_after", UNSET))

        requested_models = d.pop("requested_models", UNSET)

        affected_providers = d.pop("affected_providers", UNSET)

        excluded_by = d.pop("excluded_by", UNSET)

        fallback_models = d.pop("fallback_models", UNSET)

        constraint = d.pop("constraint", UNSET)

        def _parse_docs_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        docs_url = _parse_docs_url(d.pop("docs_url", UNSET))

        error_availability = cls(
            code=code,
            retryable=retryable,
            retry_after=retry_after,
            requested_models=requested_models,
            affected_providers=affected_providers,
            excluded_by=excluded_by,
            fallback_models=fallback_models,
            constraint=constraint,
            docs_url=docs_url,
        )

        error_availability.additional_properties = d
        return error_availability

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
