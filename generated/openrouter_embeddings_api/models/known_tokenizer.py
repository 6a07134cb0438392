from typing import Literal

KnownTokenizer = Literal[
    "Claude",
    "Cohere",
    "DeepSeek",
    "Gemini",
    "Gemma",
    "GPT",
    "Grok",
    "Llama2",
    "Llama3",
    "Llama4",
    "Media",
    "Mistral",
    "Nova",
    "Other",
    "PaLM",
    "Qwen",
    "Qwen3",
    "Router",
    "RWKV",
    "Yi",
]

KNOWN_TOKENIZER_VALUES: set[KnownTokenizer] = {
    "Claude",
    "Cohere",
    "DeepSeek",
    "Gemini",
    "Gemma",
    "GPT",
    "Grok",
    "Llama2",
    "Llama3",
    "Llama4",
    "Media",
    "Mistral",
    "Nova",
    "Other",
    "PaLM",
    "Qwen",
    "Qwen3",
    "Router",
    "RWKV",
    "Yi",
}


def check_known_tokenizer(value: str) -> KnownTokenizer:
    if value in KNOWN_TOKENIZER_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KNOWN_TOKENIZER_VALUES!r}")
