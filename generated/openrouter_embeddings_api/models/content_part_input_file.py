from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.multimodal_media import MultimodalMedia


T = TypeVar("T", bound="ContentPartInputFile")


@_attrs_define
class ContentPartInputFile:
    """A part that is a document.

    Attributes:
        type_ (Literal['input_file']):
        input_file (MultimodalMedia): Media other than images.
    """

    type_: Literal["input_file"]
    input_file: MultimodalMedia
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        input_file = self.input_file.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "input_file": input_file,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.multimodal_media import MultimodalMedia  # noqa: PLC0415

        d = dict(src_dict)
        type_ = cast(Literal["input_file"], d.pop("type"))
        if type_ != "input_file":
            raise ValueError(f"type must match const 'input_file', got '{type_}'")

        input_file = MultimodalMedia.from_dict(d.pop("input_file"))

        content_part_input_file = cls(
            type_=type_,
            input_file=input_file,
        )

        content_part_input_file.additional_properties = d
        return content_part_input_file

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
