from typing import Literal

ProviderSortPartition = Literal["model", "none"]

PROVIDER_SORT_PARTITION_VALUES: set[ProviderSortPartition] = {
    "model",
    "none",
}


def check_provider_sort_partition(value: str) -> ProviderSortPartition:
    if value in PROVIDER_SORT_PARTITION_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {PROVIDER_SORT_PARTITION_VALUES!r}"
    )
