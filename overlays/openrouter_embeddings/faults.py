"""The menu of faults under its older name: `openrouter_embeddings.testing.faults`."""

from openrouter_embeddings.testing.faults import *  # noqa: F403 - the same names, all of them
from openrouter_embeddings.testing.faults import __all__ as __all__  # noqa: PLC0414 - said to type checkers
