from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_input_modality import KnownInputModality, check_known_input_modality
from ..models.known_instruct_type import KnownInstructType, check_known_instruct_type
from ..models.known_output_modality import (
    KnownOutputModality,
    check_known_output_modality,
)
from ..models.known_tokenizer import KnownTokenizer, check_known_tokenizer
from ..types import UNSET, Unset

T = TypeVar("T", bound="ModelArchitecture")


@_attrs_define
class ModelArchitecture:
    """What goes into the model and what comes out.

    Attributes:
        modality (None | str | Unset):
        input_modalities (list[KnownInputModality | str] | None | Unset):
        output_modalities (list[KnownOutputModality | str] | None | Unset):
        tokenizer (KnownTokenizer | None | str | Unset):
        instruct_type (KnownInstructType | None | str | Unset):
    """

    modality: None | str | Unset = UNSET
    input_modalities: list[KnownInputModality | str] | None | Unset = UNSET
    output_modalities: list[KnownOutputModality | str] | None | Unset = UNSET
    tokenizer: KnownTokenizer | None | str | Unset = UNSET
    instruct_type: KnownInstructType | None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        modality: None | str | Unset
        if isinstance(self.modality, Unset):
            modality = UNSET
        else:
            modality = self.modality

        input_modalities: list[str] | None | Unset
        if isinstance(self.input_modalities, Unset):
            input_modalities = UNSET
        elif isinstance(self.input_modalities, list):
            input_modalities = []
            for input_modalities_type_0_item_data in self.input_modalities:
                input_modalities_type_0_item: str
                if isinstance(input_modalities_type_0_item_data, str):
                    input_modalities_type_0_item = input_modalities_type_0_item_data
                else:
                    input_modalities_type_0_item = input_modalities_type_0_item_data
                input_modalities.append(input_modalities_type_0_item)

        else:
            input_modalities = self.input_modalities

        output_modalities: list[str] | None | Unset
        if isinstance(self.output_modalities, Unset):
            output_modalities = UNSET
        elif isinstance(self.output_modalities, list):
            output_modalities = []
            for output_modalities_type_0_item_data in self.output_modalities:
                output_modalities_type_0_item: str
                if isinstance(output_modalities_type_0_item_data, str):
                    output_modalities_type_0_item = output_modalities_type_0_item_data
                else:
                    output_modalities_type_0_item = output_modalities_type_0_item_data
                output_modalities.append(output_modalities_type_0_item)

        else:
            output_modalities = self.output_modalities

        tokenizer: None | str | Unset
        if isinstance(self.tokenizer, Unset):
            tokenizer = UNSET
        elif isinstance(self.tokenizer, str):
            tokenizer = self.tokenizer
        else:
            tokenizer = self.tokenizer

        instruct_type: None | str | Unset
        if isinstance(self.instruct_type, Unset):
            instruct_type = UNSET
        elif isinstance(self.instruct_type, str):
            instruct_type = self.instruct_type
        else:
            instruct_type = self.instruct_type

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if modality is not UNSET:
            field_dict["modality"] = modality
        if input_modalities is not UNSET:
            field_dict["input_modalities"] = input_modalities
        if output_modalities is not UNSET:
            field_dict["output_modalities"] = output_modalities
        if tokenizer is not UNSET:
            field_dict["tokenizer"] = tokenizer
        if instruct_type is not UNSET:
            field_dict["instruct_type"] = instruct_type

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_modality(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        modality = _parse_modality(d.pop("modality", UNSET))

        def _parse_input_modalities(data: object) -> list[KnownInputModality | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                input_modalities_type_0 = []
                _input_modalities_type_0 = data
                for input_modalities_type_0_item_data in _input_modalities_type_0:

                    def _parse_input_modalities_type_0_item(
                        data: object,
                    ) -> KnownInputModality | str:
                        try:
                            if not isinstance(data, str):
                                raise TypeError()
                            input_modalities_type_0_item_type_0 = check_known_input_modality(data)

                            return input_modalities_type_0_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(KnownInputModality | str, data)

                    input_modalities_type_0_item = _parse_input_modalities_type_0_item(
                        input_modalities_type_0_item_data
                    )

                    input_modalities_type_0.append(input_modalities_type_0_item)

                return input_modalities_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[KnownInputModality | str] | None | Unset, data)

        input_modalities = _parse_input_modalities(d.pop("input_modalities", UNSET))

        def _parse_output_modalities(
            data: object,
        ) -> list[KnownOutputModality | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                output_modalities_type_0 = []
                _output_modalities_type_0 = data
                for output_modalities_type_0_item_data in _output_modalities_type_0:

                    def _parse_output_modalities_type_0_item(
                        data: object,
                    ) -> KnownOutputModality | str:
                        try:
                            if not isinstance(data, str):
                                raise TypeError()
                            output_modalities_type_0_item_type_0 = check_known_output_modality(data)

                            return output_modalities_type_0_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(KnownOutputModality | str, data)

                    output_modalities_type_0_item = _parse_output_modalities_type_0_item(
                        output_modalities_type_0_item_data
                    )

                    output_modalities_type_0.append(output_modalities_type_0_item)

                return output_modalities_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[KnownOutputModality | str] | None | Unset, data)

        output_modalities = _parse_output_modalities(d.pop("output_modalities", UNSET))

        def _parse_tokenizer(data: object) -> KnownTokenizer | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tokenizer_type_0 = check_known_tokenizer(data)

                return tokenizer_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownTokenizer | None | str | Unset, data)

        tokenizer = _parse_tokenizer(d.pop("tokenizer", UNSET))

        def _parse_instruct_type(data: object) -> KnownInstructType | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                instruct_type_type_0 = check_known_instruct_type(data)

                return instruct_type_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownInstructType | None | str | Unset, data)

        instruct_type = _parse_instruct_type(d.pop("instruct_type", UNSET))

        model_architecture = cls(
            modality=modality,
            input_modalities=input_modalities,
            output_modalities=output_modalities,
            tokenizer=tokenizer,
            instruct_type=instruct_type,
        )

        model_architecture.additional_properties = d
        return model_architecture

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
