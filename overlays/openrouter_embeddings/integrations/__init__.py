"""At home in other frameworks: one file each, which needs its library and the extra of its name.

This door imports none of them:

    from openrouter_embeddings.integrations.sklearn import OpenRouterVectorizer

What holds in all of them: a query goes out as ``input_type="search_query"`` and a document as
``"search_document"``, each with a prefix of its own where there is one; ``options=`` takes what
`openrouter_embeddings.BulkOptions` names; the key comes from the environment, or from a client that
is handed in, and is in no configuration, copy on disk or pickle; one text that fails raises its own
error, some of many raise `PartialFailureError`, whose `result` has what was paid for.
"""

from __future__ import annotations

__all__ = ["HOMES"]

HOMES = ("chroma", "lancedb", "langchain", "llama_index", "pydantic_ai", "sklearn", "tables")
"""The names of the homes, which are those of their files."""
