from typing import Literal

KnownInputModality = Literal["audio", "file", "image", "text", "video"]

KNOWN_INPUT_MODALITY_VALUES: set[KnownInputModality] = {
    "audio",
    "file",
    "image",
    "text",
    "video",
}


def check_known_input_modality(value: str) -> KnownInputModality:
    if value in KNOWN_INPUT_MODALITY_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KNOWN_INPUT_MODALITY_VALUES!r}")
