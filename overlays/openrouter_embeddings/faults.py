"""The menu of faults under its older name: `openrouter_embeddings.testing.faults`."""

from openrouter_embeddings.testing import faults
from openrouter_embeddings.testing._refusals import *  # noqa: F403 - the same names, all of them
from openrouter_embeddings.testing._vectors import *  # noqa: F403 - type checkers follow no list of lists
from openrouter_embeddings.testing.faults import Answer, Fault, Healthy, menu

__all__ = ["Answer", "Fault", "Healthy", "menu"]
__all__ += [name for name in faults.__all__ if name not in __all__]
