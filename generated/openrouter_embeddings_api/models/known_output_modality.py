from typing import Literal

KnownOutputModality = Literal[
    "audio",
    "decisions",
    "embeddings",
    "image",
    "rerank",
    "speech",
    "text",
    "transcription",
    "video",
]

KNOWN_OUTPUT_MODALITY_VALUES: set[KnownOutputModality] = {
    "audio",
    "decisions",
    "embeddings",
    "image",
    "rerank",
    "speech",
    "text",
    "transcription",
    "video",
}


def check_known_output_modality(value: str) -> KnownOutputModality:
    if value in KNOWN_OUTPUT_MODALITY_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KNOWN_OUTPUT_MODALITY_VALUES!r}")
