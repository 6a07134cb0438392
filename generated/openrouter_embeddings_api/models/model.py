from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_parameter import KnownParameter, check_known_parameter
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.default_parameters import DefaultParameters
    from ..models.model_alias_target import ModelAliasTarget
    from ..models.model_architecture import ModelArchitecture
    from ..models.model_benchmarks import ModelBenchmarks
    from ..models.model_links import ModelLinks
    from ..models.model_reasoning import ModelReasoning
    from ..models.per_request_limits import PerRequestLimits
    from ..models.public_pricing import PublicPricing
    from ..models.top_provider_info import TopProviderInfo


T = TypeVar("T", bound="Model")


@_attrs_define
class Model:
    """A model on offer.

    Attributes:
        id (str): What to send as `model`.
        canonical_slug (None | str | Unset): The permanent name, often with a date.
        name (None | str | Unset): What people call it.
        created (int | None | Unset): When it was added in seconds since 1970.
        description (None | str | Unset): A few sentences, cut in listings.
        context_length (int | None | Unset): The most input tokens; 0 also means unknown.
        hugging_face_id (None | str | Unset): Its id there; often empty.
        architecture (ModelArchitecture | None | Unset):
        pricing (None | PublicPricing | Unset):
        top_provider (None | TopProviderInfo | Unset):
        per_request_limits (None | PerRequestLimits | Unset):
        supported_parameters (list[KnownParameter | str] | None | Unset): Request parameters that it takes; often empty
            for embeddings.
        default_parameters (DefaultParameters | None | Unset):
        supported_voices (list[str] | None | Unset): Voices, for models that speak.
        expiration_date (None | str | Unset): The day of its removal.
        knowledge_cutoff (None | str | Unset): The day up to which it learnt.
        links (ModelLinks | None | Unset):
        alias_target (ModelAliasTarget | None | Unset):
        benchmarks (ModelBenchmarks | None | Unset):
        reasoning (ModelReasoning | None | Unset):
    """

    id: str
    canonical_slug: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    created: int | None | Unset = UNSET
    description: None | str | Unset = UNSET
    context_length: int | None | Unset = UNSET
    hugging_face_id: None | str | Unset = UNSET
    architecture: ModelArchitecture | None | Unset = UNSET
    pricing: None | PublicPricing | Unset = UNSET
    top_provider: None | TopProviderInfo | Unset = UNSET
    per_request_limits: None | PerRequestLimits | Unset = UNSET
    supported_parameters: list[KnownParameter | str] | None | Unset = UNSET
    default_parameters: DefaultParameters | None | Unset = UNSET
    supported_voices: list[str] | None | Unset = UNSET
    expiration_date: None | str | Unset = UNSET
    knowledge_cutoff: None | str | Unset = UNSET
    links: ModelLinks | None | Unset = UNSET
    alias_target: ModelAliasTarget | None | Unset = UNSET
    benchmarks: ModelBenchmarks | None | Unset = UNSET
    reasoning: ModelReasoning | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from openrouter_embeddings_api.models.default_parameters import DefaultParameters  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_alias_target import ModelAliasTarget  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_architecture import ModelArchitecture  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_benchmarks import ModelBenchmarks  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_links import ModelLinks  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_reasoning import ModelReasoning  # noqa: PLC0415
        from openrouter_embeddings_api.models.per_request_limits import PerRequestLimits  # noqa: PLC0415
        from openrouter_embeddings_api.models.public_pricing import PublicPricing  # noqa: PLC0415
        from openrouter_embeddings_api.models.top_provider_info import TopProviderInfo  # noqa: PLC0415

        id = self.id

        canonical_slug: None | str | Unset
        if isinstance(self.canonical_slug, Unset):
            canonical_slug = UNSET
        else:
            canonical_slug = self.canonical_slug

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        created: int | None | Unset
        if isinstance(self.created, Unset):
            created = UNSET
        else:
            created = self.created

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        context_length: int | None | Unset
        if isinstance(self.context_length, Unset):
            context_length = UNSET
        else:
            context_length = self.context_length

        hugging_face_id: None | str | Unset
        if isinstance(self.hugging_face_id, Unset):
            hugging_face_id = UNSET
        else:
            hugging_face_id = self.hugging_face_id

        architecture: dict[str, Any] | None | Unset
        if isinstance(self.architecture, Unset):
            architecture = UNSET
        elif isinstance(self.architecture, ModelArchitecture):
            architecture = self.architecture.to_dict()
        else:
            architecture = self.architecture

        pricing: dict[str, Any] | None | Unset
        if isinstance(self.pricing, Unset):
            pricing = UNSET
        elif isinstance(self.pricing, PublicPricing):
            pricing = self.pricing.to_dict()
        else:
            pricing = self.pricing

        top_provider: dict[str, Any] | None | Unset
        if isinstance(self.top_provider, Unset):
            top_provider = UNSET
        elif isinstance(self.top_provider, TopProviderInfo):
            top_provider = self.top_provider.to_dict()
        else:
            top_provider = self.top_provider

        per_request_limits: dict[str, Any] | None | Unset
        if isinstance(self.per_request_limits, Unset):
            per_request_limits = UNSET
        elif isinstance(self.per_request_limits, PerRequestLimits):
            per_request_limits = self.per_request_limits.to_dict()
        else:
            per_request_limits = self.per_request_limits

        supported_parameters: list[str] | None | Unset
        if isinstance(self.supported_parameters, Unset):
            supported_parameters = UNSET
        elif isinstance(self.supported_parameters, list):
            supported_parameters = []
            for supported_parameters_type_0_item_data in self.supported_parameters:
                supported_parameters_type_0_item: str
                if isinstance(supported_parameters_type_0_item_data, str):
                    supported_parameters_type_0_item = supported_parameters_type_0_item_data
                else:
                    supported_parameters_type_0_item = supported_parameters_type_0_item_data
                supported_parameters.append(supported_parameters_type_0_item)

        else:
            supported_parameters = self.supported_parameters

        default_parameters: dict[str, Any] | None | Unset
        if isinstance(self.default_parameters, Unset):
            default_parameters = UNSET
        elif isinstance(self.default_parameters, DefaultParameters):
            default_parameters = self.default_parameters.to_dict()
        else:
            default_parameters = self.default_parameters

        supported_voices: list[str] | None | Unset
        if isinstance(self.supported_voices, Unset):
            supported_voices = UNSET
        elif isinstance(self.supported_voices, list):
            supported_voices = self.supported_voices

        else:
            supported_voices = self.supported_voices

        expiration_date: None | str | Unset
        if isinstance(self.expiration_date, Unset):
            expiration_date = UNSET
        else:
            expiration_date = self.expiration_date

        knowledge_cutoff: None | str | Unset
        if isinstance(self.knowledge_cutoff, Unset):
            knowledge_cutoff = UNSET
        else:
            knowledge_cutoff = self.knowledge_cutoff

        links: dict[str, Any] | None | Unset
        if isinstance(self.links, Unset):
            links = UNSET
        elif isinstance(self.links, ModelLinks):
            links = self.links.to_dict()
        else:
            links = self.links

        alias_target: dict[str, Any] | None | Unset
        if isinstance(self.alias_target, Unset):
            alias_target = UNSET
        elif isinstance(self.alias_target, ModelAliasTarget):
            alias_target = self.alias_target.to_dict()
        else:
            alias_target = self.alias_target

        benchmarks: dict[str, Any] | None | Unset
        if isinstance(self.benchmarks, Unset):
            benchmarks = UNSET
        elif isinstance(self.benchmarks, ModelBenchmarks):
            benchmarks = self.benchmarks.to_dict()
        else:
            benchmarks = self.benchmarks

        reasoning: dict[str, Any] | None | Unset
        if isinstance(self.reasoning, Unset):
            reasoning = UNSET
        elif isinstance(self.reasoning, ModelReasoning):
            reasoning = self.reasoning.to_dict()
        else:
            reasoning = self.reasoning

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
            }
        )
        if canonical_slug is not UNSET:
            field_dict["canonical_slug"] = canonical_slug
        if name is not UNSET:
            field_dict["name"] = name
        if created is not UNSET:
            field_dict["created"] = created
        if description is not UNSET:
            field_dict["description"] = description
        if context_length is not UNSET:
            field_dict["context_length"] = context_length
        if hugging_face_id is not UNSET:
            field_dict["hugging_face_id"] = hugging_face_id
        if architecture is not UNSET:
            field_dict["architecture"] = architecture
        if pricing is not UNSET:
            field_dict["pricing"] = pricing
        if top_provider is not UNSET:
            field_dict["top_provider"] = top_provider
        if per_request_limits is not UNSET:
            field_dict["per_request_limits"] = per_request_limits
        if supported_parameters is not UNSET:
            field_dict["supported_parameters"] = supported_parameters
        if default_parameters is not UNSET:
            field_dict["default_parameters"] = default_parameters
        if supported_voices is not UNSET:
            field_dict["supported_voices"] = supported_voices
        if expiration_date is not UNSET:
            field_dict["expiration_date"] = expiration_date
        if knowledge_cutoff is not UNSET:
            field_dict["knowledge_cutoff"] = knowledge_cutoff
        if links is not UNSET:
            field_dict["links"] = links
        if alias_target is not UNSET:
            field_dict["alias_target"] = alias_target
        if benchmarks is not UNSET:
            field_dict["benchmarks"] = benchmarks
        if reasoning is not UNSET:
            field_dict["reasoning"] = reasoning

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from openrouter_embeddings_api.models.default_parameters import DefaultParameters  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_alias_target import ModelAliasTarget  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_architecture import ModelArchitecture  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_benchmarks import ModelBenchmarks  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_links import ModelLinks  # noqa: PLC0415
        from openrouter_embeddings_api.models.model_reasoning import ModelReasoning  # noqa: PLC0415
        from openrouter_embeddings_api.models.per_request_limits import PerRequestLimits  # noqa: PLC0415
        from openrouter_embeddings_api.models.public_pricing import PublicPricing  # noqa: PLC0415
        from openrouter_embeddings_api.models.top_provider_info import TopProviderInfo  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_canonical_slug(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        canonical_slug = _parse_canonical_slug(d.pop("canonical_slug", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_created(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        created = _parse_created(d.pop("created", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_context_length(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        context_length = _parse_context_length(d.pop("context_length", UNSET))

        def _parse_hugging_face_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        hugging_face_id = _parse_hugging_face_id(d.pop("hugging_face_id", UNSET))

        def _parse_architecture(data: object) -> ModelArchitecture | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                architecture_type_0 = ModelArchitecture.from_dict(data)

                return architecture_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ModelArchitecture | None | Unset, data)

        architecture = _parse_architecture(d.pop("architecture", UNSET))

        def _parse_pricing(data: object) -> None | PublicPricing | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                pricing_type_0 = PublicPricing.from_dict(data)

                return pricing_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PublicPricing | Unset, data)

        pricing = _parse_pricing(d.pop("pricing", UNSET))

        def _parse_top_provider(data: object) -> None | TopProviderInfo | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                top_provider_type_0 = TopProviderInfo.from_dict(data)

                return top_provider_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TopProviderInfo | Unset, data)

        top_provider = _parse_top_provider(d.pop("top_provider", UNSET))

        def _parse_per_request_limits(data: object) -> None | PerRequestLimits | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                per_request_limits_type_0 = PerRequestLimits.from_dict(data)

                return per_request_limits_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PerRequestLimits | Unset, data)

        per_request_limits = _parse_per_request_limits(d.pop("per_request_limits", UNSET))

        def _parse_supported_parameters(data: object) -> list[KnownParameter | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                supported_parameters_type_0 = []
                _supported_parameters_type_0 = data
                for supported_parameters_type_0_item_data in _supported_parameters_type_0:

                    def _parse_supported_parameters_type_0_item(
                        data: object,
                    ) -> KnownParameter | str:
                        try:
                            if not isinstance(data, str):
                                raise TypeError()
                            supported_parameters_type_0_item_type_0 = check_known_parameter(data)

                            return supported_parameters_type_0_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(KnownParameter | str, data)

                    supported_parameters_type_0_item = _parse_supported_parameters_type_0_item(
                        supported_parameters_type_0_item_data
                    )

                    supported_parameters_type_0.append(supported_parameters_type_0_item)

                return supported_parameters_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[KnownParameter | str] | None | Unset, data)

        supported_parameters = _parse_supported_parameters(d.pop("supported_parameters", UNSET))

        def _parse_default_parameters(data: object) -> DefaultParameters | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                default_parameters_type_0 = DefaultParameters.from_dict(data)

                return default_parameters_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DefaultParameters | None | Unset, data)

        default_parameters = _parse_default_parameters(d.pop("default_parameters", UNSET))

        def _parse_supported_voices(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                supported_voices_type_0 = cast(list[str], data)

                return supported_voices_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        supported_voices = _parse_supported_voices(d.pop("supported_voices", UNSET))

        def _parse_expiration_date(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        expiration_date = _parse_expiration_date(d.pop("expiration_date", UNSET))

        def _parse_knowledge_cutoff(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        knowledge_cutoff = _parse_knowledge_cutoff(d.pop("knowledge_cutoff", UNSET))

        def _parse_links(data: object) -> ModelLinks | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                links_type_0 = ModelLinks.from_dict(data)

                return links_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ModelLinks | None | Unset, data)

        links = _parse_links(d.pop("links", UNSET))

        def _parse_alias_target(data: object) -> ModelAliasTarget | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                alias_target_type_0 = ModelAliasTarget.from_dict(data)

                return alias_target_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ModelAliasTarget | None | Unset, data)

        alias_target = _parse_alias_target(d.pop("alias_target", UNSET))

        def _parse_benchmarks(data: object) -> ModelBenchmarks | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                benchmarks_type_0 = ModelBenchmarks.from_dict(data)

                return benchmarks_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ModelBenchmarks | None | Unset, data)

        benchmarks = _parse_benchmarks(d.pop("benchmarks", UNSET))

        def _parse_reasoning(data: object) -> ModelReasoning | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                reasoning_type_0 = ModelReasoning.from_dict(data)

                return reasoning_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ModelReasoning | None | Unset, data)

        reasoning = _parse_reasoning(d.pop("reasoning", UNSET))

        model = cls(
            id=id,
            canonical_slug=canonical_slug,
            name=name,
            created=created,
            description=description,
            context_length=context_length,
            hugging_face_id=hugging_face_id,
            architecture=architecture,
            pricing=pricing,
            top_provider=top_provider,
            per_request_limits=per_request_limits,
            supported_parameters=supported_parameters,
            default_parameters=default_parameters,
            supported_voices=supported_voices,
            expiration_date=expiration_date,
            knowledge_cutoff=knowledge_cutoff,
            links=links,
            alias_target=alias_target,
            benchmarks=benchmarks,
            reasoning=reasoning,
        )

        model.additional_properties = d
        return model

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
