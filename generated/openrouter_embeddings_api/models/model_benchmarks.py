from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.analysis_score import AnalysisScore
    from ..models.arena_score import ArenaScore


T = TypeVar("T", bound="ModelBenchmarks")


@_attrs_define
class ModelBenchmarks:
    """Scores by others.

    Attributes:
        design_arena (list[ArenaScore] | None | Unset):
        artificial_analysis (AnalysisScore | None | Unset):
    """

    design_arena: list[ArenaScore] | None | Unset = UNSET
    artificial_analysis: AnalysisScore | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.analysis_score import AnalysisScore  # noqa: PLC0415

        design_arena: list[dict[str, Any]] | None | Unset
        if isinstance(self.design_arena, Unset):
            design_arena = UNSET
        elif isinstance(self.design_arena, list):
            design_arena = []
            for design_arena_type_0_item_data in self.design_arena:
                design_arena_type_0_item = design_arena_type_0_item_data.to_dict()
                design_arena.append(design_arena_type_0_item)

        else:
            design_arena = self.design_arena

        artificial_analysis: dict[str, Any] | None | Unset
        if isinstance(self.artificial_analysis, Unset):
            artificial_analysis = UNSET
        elif isinstance(self.artificial_analysis, AnalysisScore):
            artificial_analysis = self.artificial_analysis.to_dict()
        else:
            artificial_analysis = self.artificial_analysis

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if design_arena is not UNSET:
            field_dict["design_arena"] = design_arena
        if artificial_analysis is not UNSET:
            field_dict["artificial_analysis"] = artificial_analysis

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.analysis_score import AnalysisScore  # noqa: PLC0415
        from openrouter_embeddings_api.models.arena_score import ArenaScore  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_design_arena(data: object) -> list[ArenaScore] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                design_arena_type_0 = []
                _design_arena_type_0 = data
                for design_arena_type_0_item_data in _design_arena_type_0:
                    design_arena_type_0_item = ArenaScore.from_dict(design_arena_type_0_item_data)

                    design_arena_type_0.append(design_arena_type_0_item)

                return design_arena_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[ArenaScore] | None | Unset, data)

        design_arena = _parse_design_arena(d.pop("design_arena", UNSET))

        def _parse_artificial_analysis(data: object) -> AnalysisScore | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                artificial_analysis_type_0 = AnalysisScore.from_dict(data)

                return artificial_analysis_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AnalysisScore | None | Unset, data)

        artificial_analysis = _parse_artificial_analysis(d.pop("artificial_analysis", UNSET))

        model_benchmarks = cls(
            design_arena=design_arena,
            artificial_analysis=artificial_analysis,
        )

        model_benchmarks.additional_properties = d
        return model_benchmarks

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
