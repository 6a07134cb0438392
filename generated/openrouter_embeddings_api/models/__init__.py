"""Contains all the data models used in inputs/outputs"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .analysis_score import AnalysisScore
    from .arena_score import ArenaScore
    from .content_part_image import ContentPartImage
    from .content_part_input_audio import ContentPartInputAudio
    from .content_part_input_file import ContentPartInputFile
    from .content_part_input_video import ContentPartInputVideo
    from .content_part_text import ContentPartText
    from .cost_details import CostDetails
    from .data_collection import DataCollection
    from .default_parameters import DefaultParameters
    from .embedding_object import EmbeddingObject
    from .embeddings_request import EmbeddingsRequest
    from .embeddings_response import EmbeddingsResponse
    from .embeddings_usage import EmbeddingsUsage
    from .encoding_format import EncodingFormat
    from .error_availability import ErrorAvailability
    from .error_detail import ErrorDetail
    from .error_metadata import ErrorMetadata
    from .error_response import ErrorResponse
    from .free_form import FreeForm
    from .image_url import ImageUrl
    from .known_input_modality import KnownInputModality
    from .known_instruct_type import KnownInstructType
    from .known_output_modality import KnownOutputModality
    from .known_parameter import KnownParameter
    from .known_reasoning_effort import KnownReasoningEffort
    from .known_tokenizer import KnownTokenizer
    from .list_links import ListLinks
    from .max_price import MaxPrice
    from .model import Model
    from .model_alias_target import ModelAliasTarget
    from .model_architecture import ModelArchitecture
    from .model_benchmarks import ModelBenchmarks
    from .model_links import ModelLinks
    from .model_reasoning import ModelReasoning
    from .models_list_response import ModelsListResponse
    from .multimodal_input import MultimodalInput
    from .multimodal_media import MultimodalMedia
    from .per_request_limits import PerRequestLimits
    from .percentile_cutoffs import PercentileCutoffs
    from .pricing_override import PricingOverride
    from .prompt_tokens_details import PromptTokensDetails
    from .provider_options import ProviderOptions
    from .provider_preferences import ProviderPreferences
    from .provider_sort import ProviderSort
    from .provider_sort_config import ProviderSortConfig
    from .provider_sort_partition import ProviderSortPartition
    from .public_pricing import PublicPricing
    from .quantization import Quantization
    from .top_provider_info import TopProviderInfo
    from .trace_config import TraceConfig

__all__ = (
    "AnalysisScore",
    "ArenaScore",
    "ContentPartImage",
    "ContentPartInputAudio",
    "ContentPartInputFile",
    "ContentPartInputVideo",
    "ContentPartText",
    "CostDetails",
    "DataCollection",
    "DefaultParameters",
    "EmbeddingObject",
    "EmbeddingsRequest",
    "EmbeddingsResponse",
    "EmbeddingsUsage",
    "EncodingFormat",
    "ErrorAvailability",
    "ErrorDetail",
    "ErrorMetadata",
    "ErrorResponse",
    "FreeForm",
    "ImageUrl",
    "KnownInputModality",
    "KnownInstructType",
    "KnownOutputModality",
    "KnownParameter",
    "KnownReasoningEffort",
    "KnownTokenizer",
    "ListLinks",
    "MaxPrice",
    "Model",
    "ModelAliasTarget",
    "ModelArchitecture",
    "ModelBenchmarks",
    "ModelLinks",
    "ModelReasoning",
    "ModelsListResponse",
    "MultimodalInput",
    "MultimodalMedia",
    "PercentileCutoffs",
    "PerRequestLimits",
    "PricingOverride",
    "PromptTokensDetails",
    "ProviderOptions",
    "ProviderPreferences",
    "ProviderSort",
    "ProviderSortConfig",
    "ProviderSortPartition",
    "PublicPricing",
    "Quantization",
    "TopProviderInfo",
    "TraceConfig",
)

if not TYPE_CHECKING:
    _MODULES = {
        "AnalysisScore": "analysis_score",
        "ArenaScore": "arena_score",
        "ContentPartImage": "content_part_image",
        "ContentPartInputAudio": "content_part_input_audio",
        "ContentPartInputFile": "content_part_input_file",
        "ContentPartInputVideo": "content_part_input_video",
        "ContentPartText": "content_part_text",
        "CostDetails": "cost_details",
        "DataCollection": "data_collection",
        "DefaultParameters": "default_parameters",
        "EmbeddingObject": "embedding_object",
        "EmbeddingsRequest": "embeddings_request",
        "EmbeddingsResponse": "embeddings_response",
        "EmbeddingsUsage": "embeddings_usage",
        "EncodingFormat": "encoding_format",
        "ErrorAvailability": "error_availability",
        "ErrorDetail": "error_detail",
        "ErrorMetadata": "error_metadata",
        "ErrorResponse": "error_response",
        "FreeForm": "free_form",
        "ImageUrl": "image_url",
        "KnownInputModality": "known_input_modality",
        "KnownInstructType": "known_instruct_type",
        "KnownOutputModality": "known_output_modality",
        "KnownParameter": "known_parameter",
        "KnownReasoningEffort": "known_reasoning_effort",
        "KnownTokenizer": "known_tokenizer",
        "ListLinks": "list_links",
        "MaxPrice": "max_price",
        "Model": "model",
        "ModelAliasTarget": "model_alias_target",
        "ModelArchitecture": "model_architecture",
        "ModelBenchmarks": "model_benchmarks",
        "ModelLinks": "model_links",
        "ModelReasoning": "model_reasoning",
        "ModelsListResponse": "models_list_response",
        "MultimodalInput": "multimodal_input",
        "MultimodalMedia": "multimodal_media",
        "PerRequestLimits": "per_request_limits",
        "PercentileCutoffs": "percentile_cutoffs",
        "PricingOverride": "pricing_override",
        "PromptTokensDetails": "prompt_tokens_details",
        "ProviderOptions": "provider_options",
        "ProviderPreferences": "provider_preferences",
        "ProviderSort": "provider_sort",
        "ProviderSortConfig": "provider_sort_config",
        "ProviderSortPartition": "provider_sort_partition",
        "PublicPricing": "public_pricing",
        "Quantization": "quantization",
        "TopProviderInfo": "top_provider_info",
        "TraceConfig": "trace_config",
    }

    def __getattr__(name):
        if name in _MODULES:
            value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
            globals()[name] = value
            return value
        if name in _MODULES.values():
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return [*globals(), *__all__]
