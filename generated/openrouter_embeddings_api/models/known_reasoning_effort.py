from typing import Literal

KnownReasoningEffort = Literal["high", "low", "max", "medium", "minimal", "none", "xhigh"]

KNOWN_REASONING_EFFORT_VALUES: set[KnownReasoningEffort] = {
    "high",
    "low",
    "max",
    "medium",
    "minimal",
    "none",
    "xhigh",
}


def check_known_reasoning_effort(value: str) -> KnownReasoningEffort:
    if value in KNOWN_REASONING_EFFORT_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {KNOWN_REASONING_EFFORT_VALUES!r}"
    )
