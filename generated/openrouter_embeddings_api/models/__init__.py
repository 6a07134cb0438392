"""Contains all the data models used in inputs/outputs"""

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
