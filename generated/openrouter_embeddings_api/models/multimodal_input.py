from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.content_part_image import ContentPartImage
    from ..models.content_part_input_audio import ContentPartInputAudio
    from ..models.content_part_input_file import ContentPartInputFile
    from ..models.content_part_input_video import ContentPartInputVideo
    from ..models.content_part_text import ContentPartText


T = TypeVar("T", bound="MultimodalInput")


@_attrs_define
class MultimodalInput:
    """One input made of parts, which together give one vector.

    Attributes:
        content (list[ContentPartImage | ContentPartInputAudio | ContentPartInputFile | ContentPartInputVideo |
            ContentPartText]):
    """

    content: list[
        ContentPartImage
        | ContentPartInputAudio
        | ContentPartInputFile
        | ContentPartInputVideo
        | ContentPartText
    ]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.content_part_image import ContentPartImage  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_input_audio import ContentPartInputAudio  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_input_video import ContentPartInputVideo  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_text import ContentPartText  # noqa: PLC0415

        content = []
        for content_item_data in self.content:
            content_item: dict[str, Any]
            if isinstance(content_item_data, ContentPartText):
                content_item = content_item_data.to_dict()
            elif isinstance(content_item_data, ContentPartImage):
                content_item = content_item_data.to_dict()
            elif isinstance(content_item_data, ContentPartInputAudio):
                content_item = content_item_data.to_dict()
            elif isinstance(content_item_data, ContentPartInputVideo):
                content_item = content_item_data.to_dict()
            else:
                content_item = content_item_data.to_dict()

            content.append(content_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "content": content,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.content_part_image import ContentPartImage  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_input_audio import ContentPartInputAudio  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_input_file import ContentPartInputFile  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_input_video import ContentPartInputVideo  # noqa: PLC0415
        from openrouter_embeddings_api.models.content_part_text import ContentPartText  # noqa: PLC0415

        d = dict(src_dict)
        content = []
        _content = d.pop("content")
        for content_item_data in _content:

            def _parse_content_item(
                data: object,
            ) -> (
                ContentPartImage
                | ContentPartInputAudio
                | ContentPartInputFile
                | ContentPartInputVideo
                | ContentPartText
            ):
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    content_item_type_0 = ContentPartText.from_dict(data)

                    return content_item_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    content_item_type_1 = ContentPartImage.from_dict(data)

                    return content_item_type_1
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    content_item_type_2 = ContentPartInputAudio.from_dict(data)

                    return content_item_type_2
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    content_item_type_3 = ContentPartInputVideo.from_dict(data)

                    return content_item_type_3
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                content_item_type_4 = ContentPartInputFile.from_dict(data)

                return content_item_type_4

            content_item = _parse_content_item(content_item_data)

            content.append(content_item)

        multimodal_input = cls(
            content=content,
        )

        multimodal_input.additional_properties = d
        return multimodal_input

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
