from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.free_form import FreeForm


T = TypeVar("T", bound="ErrorMetadata")


@_attrs_define
class ErrorMetadata:
    """Details of a refusal; more keys come and go.

    Attributes:
        provider_name (None | str | Unset): The provider that failed.
        raw (Any | Unset): The provider's own reply, often JSON as text.
        provider_error_code (Any | Unset): The provider's own code.
        provider_code (Any | Unset): Another code by the provider.
        error_type (None | str | Unset): The kind of failure in one word.
        limit_source (None | str | Unset): Whose limit was hit.
        remedy_hint (None | str | Unset): What the service advises.
        reason (None | str | Unset): Why in one word.
        is_byok (bool | None | Unset):
        retry_after_seconds (float | None | Unset): The same as Retry-After, rounded.
        retry_after_seconds_raw (float | None | Unset): The same, not rounded.
        previous_errors (Any | Unset): Refusals of the providers that were tried before.
        reasons (Any | Unset): What moderation objected to.
        flagged_input (Any | Unset): The passage that moderation objected to.
        model_slug (Any | Unset): The model that moderation judged for.
        patterns (Any | Unset): Which guardrails were hit.
        routing_funnel (Any | Unset): How many providers each condition left.
        failed_routing_step (Any | Unset): The condition that left none.
        file_annotations (Any | Unset): What was read from files before the failure.
        headers (FreeForm | None | Unset): Headers of the provider's reply.
    """

    provider_name: None | str | Unset = UNSET
    raw: Any | Unset = UNSET
    provider_error_code: Any | Unset = UNSET
    provider_code: Any | Unset = UNSET
    error_type: None | str | Unset = UNSET
    limit_source: None | str | Unset = UNSET
    remedy_hint: None | str | Unset = UNSET
    reason: None | str | Unset = UNSET
    is_byok: bool | None | Unset = UNSET
    retry_after_seconds: float | None | Unset = UNSET
    retry_after_seconds_raw: float | None | Unset = UNSET
    previous_errors: Any | Unset = UNSET
    reasons: Any | Unset = UNSET
    flagged_input: Any | Unset = UNSET
    model_slug: Any | Unset = UNSET
    patterns: Any | Unset = UNSET
    routing_funnel: Any | Unset = UNSET
    failed_routing_step: Any | Unset = UNSET
    file_annotations: Any | Unset = UNSET
    headers: FreeForm | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.free_form import FreeForm  # noqa: PLC0415

        provider_name: None | str | Unset
        if isinstance(self.provider_name, Unset):
            provider_name = UNSET
        else:
            provider_name = self.provider_name

        raw = self.raw

        provider_error_code = self.provider_error_code

        provider_code = self.provider_code

        error_type: None | str | Unset
        if isinstance(self.error_type, Unset):
            error_type = UNSET
        else:
            error_type = self.error_type

        limit_source: None | str | Unset
        if isinstance(self.limit_source, Unset):
            limit_source = UNSET
        else:
            limit_source = self.limit_source

        remedy_hint: None | str | Unset
        if isinstance(self.remedy_hint, Unset):
            remedy_hint = UNSET
        else:
            remedy_hint = self.remedy_hint

        reason: None | str | Unset
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        is_byok: bool | None | Unset
        if isinstance(self.is_byok, Unset):
            is_byok = UNSET
        else:
            is_byok = self.is_byok

        retry_after_seconds: float | None | Unset
        if isinstance(self.retry_after_seconds, Unset):
            retry_after_seconds = UNSET
        else:
            retry_after_seconds = self.retry_after_seconds

        retry_after_seconds_raw: float | None | Unset
        if isinstance(self.retry_after_seconds_raw, Unset):
            retry_after_seconds_raw = UNSET
        else:
            retry_after_seconds_raw = self.retry_after_seconds_raw

        previous_errors = self.previous_errors

        reasons = self.reasons

        flagged_input = self.flagged_input

        model_slug = self.model_slug

        patterns = self.patterns

        routing_funnel = self.routing_funnel

        failed_routing_step = self.failed_routing_step

        file_annotations = self.file_annotations

        headers: dict[str, Any] | None | Unset
        if isinstance(self.headers, Unset):
            headers = UNSET
        elif isinstance(self.headers, FreeForm):
            headers = self.headers.to_dict()
        else:
            headers = self.headers

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if provider_name is not UNSET:
            field_dict["provider_name"] = provider_name
        if raw is not UNSET:
            field_dict["raw"] = raw
        if provider_error_code is not UNSET:
            field_dict["provider_error_code"] = provider_error_code
        if provider_code is not UNSET:
            field_dict["provider_code"] = provider_code
        if error_type is not UNSET:
            field_dict["error_type"] = error_type
        if limit_source is not UNSET:
            field_dict["limit_source"] = limit_source
        if remedy_hint is not UNSET:
            field_dict["remedy_hint"] = remedy_hint
        if reason is not UNSET:
            field_dict["reason"] = reason
        if is_byok is not UNSET:
            field_dict["is_byok"] = is_byok
        if retry_after_seconds is not UNSET:
            field_dict["retry_after_seconds"] = retry_after_seconds
        if retry_after_seconds_raw is not UNSET:
            field_dict["retry_after_seconds_raw"] = retry_after_seconds_raw
        if previous_errors is not UNSET:
            field_dict["previous_errors"] = previous_errors
        if reasons is not UNSET:
            field_dict["reasons"] = reasons
        if flagged_input is not UNSET:
            field_dict["flagged_input"] = flagged_input
        if model_slug is not UNSET:
            field_dict["model_slug"] = model_slug
        if patterns is not UNSET:
            field_dict["patterns"] = patterns
        if routing_funnel is not UNSET:
            field_dict["routing_funnel"] = routing_funnel
        if failed_routing_step is not UNSET:
            field_dict["failed_routing_step"] = failed_routing_step
        if file_annotations is not UNSET:
            field_dict["file_annotations"] = file_annotations
        if headers is not UNSET:
            field_dict["headers"] = headers

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.free_form import FreeForm  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_provider_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        provider_name = _parse_provider_name(d.pop("provider_name", UNSET))

        raw = d.pop("raw", UNSET)

        provider_error_code = d.pop("provider_error_code", UNSET)

        provider_code = d.pop("provider_code", UNSET)

        def _parse_error_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        error_type = _parse_error_type(d.pop("error_type", UNSET))

        def _parse_limit_source(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        limit_source = _parse_limit_source(d.pop("limit_source", UNSET))

        def _parse_remedy_hint(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        remedy_hint = _parse_remedy_hint(d.pop("remedy_hint", UNSET))

        def _parse_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reason = _parse_reason(d.pop("reason", UNSET))

        def _parse_is_byok(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_byok = _parse_is_byok(d.pop("is_byok", UNSET))

        def _parse_retry_after_seconds(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        retry_after_seconds = _parse_retry_after_seconds(d.pop("retry_after_seconds", UNSET))

        def _parse_retry_after_seconds_raw(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        retry_after_seconds_raw = _parse_retry_after_seconds_raw(
            d.pop("retry_after_seconds_raw", UNSET)
        )

        previous_errors = d.pop("previous_errors", UNSET)

        reasons = d.pop("reasons", UNSET)

        flagged_input = d.pop("flagged_input", UNSET)

        model_slug = d.pop("model_slug", UNSET)

        patterns = d.pop("patterns", UNSET)

        routing_funnel = d.pop("routing_funnel", UNSET)

        failed_routing_step = d.pop("failed_routing_step", UNSET)

        file_annotations = d.pop("file_annotations", UNSET)

        def _parse_headers(data: object) -> FreeForm | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                headers_type_0 = FreeForm.from_dict(data)

                return headers_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FreeForm | None | Unset, data)

        headers = _parse_headers(d.pop("headers", UNSET))

        error_metadata = cls(
            provider_name=provider_name,
            raw=raw,
            provider_error_code=provider_error_code,
            provider_code=provider_code,
            error_type=error_type,
            limit_source=limit_source,
            remedy_hint=remedy_hint,
            reason=reason,
            is_byok=is_byok,
            retry_after_seconds=retry_after_seconds,
            retry_after_seconds_raw=retry_after_seconds_raw,
            previous_errors=previous_errors,
            reasons=reasons,
            flagged_input=flagged_input,
            model_slug=model_slug,
            patterns=patterns,
            routing_funnel=routing_funnel,
            failed_routing_step=failed_routing_step,
            file_annotations=file_annotations,
            headers=headers,
        )

        error_metadata.additional_properties = d
        return error_metadata

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
