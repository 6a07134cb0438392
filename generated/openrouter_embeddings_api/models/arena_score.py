from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ArenaScore")


@_attrs_define
class ArenaScore:
    """A place in a ranking by votes.

    Attributes:
        arena (str | Unset):
        category (str | Unset):
        elo (float | Unset):
        win_rate (float | Unset):
        rank (int | Unset):
    """

    arena: str | Unset = UNSET
    category: str | Unset = UNSET
    elo: float | Unset = UNSET
    win_rate: float | Unset = UNSET
    rank: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        arena = self.arena

        category = self.category

        elo = self.elo

        win_rate = self.win_rate

        rank = self.rank

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if arena is not UNSET:
            field_dict["arena"] = arena
        if category is not UNSET:
            field_dict["category"] = category
        if elo is not UNSET:
            field_dict["elo"] = elo
        if win_rate is not UNSET:
            field_dict["win_rate"] = win_rate
        if rank is not UNSET:
            field_dict["rank"] = rank

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        arena = d.pop("arena", UNSET)

        category = d.pop("category", UNSET)

        elo = d.pop("elo", UNSET)

        win_rate = d.pop("win_rate", UNSET)

        rank = d.pop("rank", UNSET)

        arena_score = cls(
            arena=arena,
            category=category,
            elo=elo,
            win_rate=win_rate,
            rank=rank,
        )

        arena_score.additional_properties = d
        return arena_score

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
