from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.encoding_format import EncodingFormat, check_encoding_format
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.multimodal_input import MultimodalInput
    from ..models.provider_preferences import ProviderPreferences
    from ..models.trace_config import TraceConfig


T = TypeVar("T", bound="EmbeddingsRequest")


@_attrs_define
class EmbeddingsRequest:
    """What to embed, with which model, and how.

    Attributes:
        input_ (list[float | list[float] | MultimodalInput | str] | str): One input, or a list of inputs of one kind. A
            list of numbers is one input given as token ids; a list of lists of numbers is several.
        model (str): The model's id; a suffix such as ":free" belongs to it.
        dimensions (int | Unset): The width of the vectors; for models that can shorten them, others may fail.
        encoding_format (EncodingFormat | Unset): Vectors as JSON numbers, or as base64 of little-endian float32; not
            every model has both.
        input_type (str | Unset): What the inputs are for, in the model's own words.
        provider (None | ProviderPreferences | Unset): Which providers may serve the request.
        session_id (str | Unset): Groups requests in the caller's logs; the provider does not see it.
        trace (TraceConfig | Unset): Names and ids for tracing; other keys are handed on as they are.
        user (str | Unset): A stable id of the end user.
    """

    input_: list[float | list[float] | MultimodalInput | str] | str
    model: str
    dimensions: int | Unset = UNSET
    encoding_format: EncodingFormat | Unset = UNSET
    input_type: str | Unset = UNSET
    provider: None | ProviderPreferences | Unset = UNSET
    session_id: str | Unset = UNSET
    trace: TraceConfig | Unset = UNSET
    user: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.multimodal_input import MultimodalInput  # noqa: PLC0415
        from openrouter_embeddings_api.models.provider_preferences import ProviderPreferences  # noqa: PLC0415

        input_: list[dict[str, Any] | float | list[float] | str] | str
        if isinstance(self.input_, list):
            input_ = []
            for input_type_1_item_data in self.input_:
                input_type_1_item: dict[str, Any] | float | list[float] | str
                if isinstance(input_type_1_item_data, MultimodalInput):
                    input_type_1_item = input_type_1_item_data.to_dict()
                elif isinstance(input_type_1_item_data, list):
                    input_type_1_item = input_type_1_item_data

                else:
                    input_type_1_item = input_type_1_item_data
                input_.append(input_type_1_item)

        else:
            input_ = self.input_

        model = self.model

        dimensions = self.dimensions

        encoding_format: str | Unset = UNSET
        if not isinstance(self.encoding_format, Unset):
            encoding_format = self.encoding_format

        input_type = self.input_type

        provider: dict[str, Any] | None | Unset
        if isinstance(self.provider, Unset):
            provider = UNSET
        elif isinstance(self.provider, ProviderPreferences):
            provider = self.provider.to_dict()
        else:
            provider = self.provider

        session_id = self.session_id

        trace: dict[str, Any] | Unset = UNSET
        if not isinstance(self.trace, Unset):
            trace = self.trace.to_dict()

        user = self.user

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "input": input_,
                "model": model,
            }
        )
        if dimensions is not UNSET:
            field_dict["dimensions"] = dimensions
        if encoding_format is not UNSET:
            field_dict["encoding_format"] = encoding_format
        if input_type is not UNSET:
            field_dict["input_type"] = input_type
        if provider is not UNSET:
            field_dict["provider"] = provider
        if session_id is not UNSET:
            field_dict["session_id"] = session_id
        if trace is not UNSET:
            field_dict["trace"] = trace
        if user is not UNSET:
            field_dict["user"] = user

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.multimodal_input import MultimodalInput  # noqa: PLC0415
        from openrouter_embeddings_api.models.provider_preferences import ProviderPreferences  # noqa: PLC0415
        from openrouter_embeddings_api.models.trace_config import TraceConfig  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_input_(data: object) -> list[float | list[float] | MultimodalInput | str] | str:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                input_type_1 = []
                _input_type_1 = data
                for input_type_1_item_data in _input_type_1:

                    def _parse_input_type_1_item(
                        data: object,
                    ) -> float | list[float] | MultimodalInput | str:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            input_type_1_item_type_0 = MultimodalInput.from_dict(data)

                            return input_type_1_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        try:
                            if not isinstance(data, list):
                                raise TypeError()
                            input_type_1_item_type_1 = cast(list[float], data)

                            return input_type_1_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(float | list[float] | MultimodalInput | str, data)

                    input_type_1_item = _parse_input_type_1_item(input_type_1_item_data)

                    input_type_1.append(input_type_1_item)

                return input_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float | list[float] | MultimodalInput | str] | str, data)

        input_ = _parse_input_(d.pop("input"))

        model = d.pop("model")

        dimensions = d.pop("dimensions", UNSET)

        _encoding_format = d.pop("encoding_format", UNSET)
        encoding_format: EncodingFormat | Unset
        if isinstance(_encoding_format, Unset):
            encoding_format = UNSET
        else:
            encoding_format = check_encoding_format(_encoding_format)

        input_type = d.pop("input_type", UNSET)

        def _parse_provider(data: object) -> None | ProviderPreferences | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                provider_type_0 = ProviderPreferences.from_dict(data)

                return provider_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ProviderPreferences | Unset, data)

        provider = _parse_provider(d.pop("provider", UNSET))

        session_id = d.pop("session_id", UNSET)

        _trace = d.pop("trace", UNSET)
        trace: TraceConfig | Unset
        if isinstance(_trace, Unset):
            trace = UNSET
        else:
            trace = TraceConfig.from_dict(_trace)

        user = d.pop("user", UNSET)

        embeddings_request = cls(
            input_=input_,
            model=model,
            dimensions=dimensions,
            encoding_format=encoding_format,
            input_type=input_type,
            provider=provider,
            session_id=session_id,
            trace=trace,
            user=user,
        )

        embeddings_request.additional_properties = d
        return embeddings_request

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
