from typing import Literal

KnownInstructType = Literal[
    "airoboros",
    "alpaca",
    "alpaca-modif",
    "chatml",
    "claude",
    "code-llama",
    "deepseek-r1",
    "deepseek-v3.1",
    "gemma",
    "llama2",
    "llama3",
    "mistral",
    "nemotron",
    "neural",
    "none",
    "openchat",
    "phi3",
    "qwen3",
    "qwq",
    "rwkv",
    "vicuna",
    "zephyr",
]

KNOWN_INSTRUCT_TYPE_VALUES: set[KnownInstructType] = {
    "airoboros",
    "alpaca",
    "alpaca-modif",
    "chatml",
    "claude",
    "code-llama",
    "deepseek-r1",
    "deepseek-v3.1",
    "gemma",
    "llama2",
    "llama3",
    "mistral",
    "nemotron",
    "neural",
    "none",
    "openchat",
    "phi3",
    "qwen3",
    "qwq",
    "rwkv",
    "vicuna",
    "zephyr",
}


def check_known_instruct_type(value: str) -> KnownInstructType:
    if value in KNOWN_INSTRUCT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KNOWN_INSTRUCT_TYPE_VALUES!r}")
