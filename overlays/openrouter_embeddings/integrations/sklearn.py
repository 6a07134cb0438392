"""scikit-learn: a transformer that embeds a column of texts, for pipelines and searches.

    from openrouter_embeddings.integrations.sklearn import OpenRouterVectorizer

    make_pipeline(OpenRouterVectorizer(model="..."), LogisticRegression()).fit(texts, labels)

`cross_val_score` and grid searches transform each text once a fold: with
``options={"cache": "vectors.cache"}`` it is paid for once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from openrouter_embeddings._base.extras import require

require("sklearn", extra="sklearn")

import numpy as np
from sklearn.base import (  # type: ignore[import-untyped]  # it has no types
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.integrations._calls import DOCUMENT, Call, Clients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sklearn.utils import Tags  # type: ignore[import-untyped]  # the same

    from openrouter_embeddings.client import OpenRouter

__all__ = ["OpenRouterVectorizer"]


class OpenRouterVectorizer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # it has no types
    TransformerMixin,  # type: ignore[misc]  # the same
    BaseEstimator,  # type: ignore[misc]  # the same
):
    """Turns texts into vectors, float32 of shape ``(n, dimensions)``.

    Texts come as a list, an array, a Series, or a table of one column. There is no argument for the
    key, which `repr` would show: it is that of the environment, or of `client`. Nothing is learnt,
    and `fit` sends nothing; without `dimensions` the names of the columns are known once a text was
    embedded.
    """

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        input_type: str | None = DOCUMENT,
        prefix: str = "",
        missing: Literal["error", "nan"] = "error",
        options: Mapping[str, object] | None = None,
        base_url: str | None = None,
        client: OpenRouter | None = None,
    ) -> None:
        """Store the arguments as they are; they are checked when texts are embedded.

        Args:
            model: The model's id.
            dimensions: The width of the vectors, for models that can shorten them.
            input_type: What the texts are for, ``"classification"`` say; None says nothing.
            prefix: What stands before each text.
            missing: What becomes of texts that are empty or missing: an error, or a row of NaN.
            options: Others of `BulkOptions`, ``{"cache": "vectors.cache"}`` say.
            base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
            client: A client to send through; a clone has connections of its own.
        """
        self.model = model
        self.dimensions = dimensions
        self.input_type = input_type
        self.prefix = prefix
        self.missing = missing
        self.options = options
        self.base_url = base_url
        self.client = client

    def fit(self, X: object, y: object = None) -> Self:  # noqa: ARG002, N803 - sklearn's names
        """Check the texts; nothing is sent.

        Raises:
            ConfigurationError: They are no column of texts.
        """
        _texts(X)
        return self

    def transform(self, X: object) -> NDArray[np.float32]:  # noqa: N803 - sklearn's name
        """Embed texts.

        Returns:
            Their vectors, float32 of shape ``(n, dimensions)``.

        Raises:
            ConfigurationError: They are no column of texts, or one is missing.
            PartialFailureError: The service refused some of them; `.result` has the others.
            OpenRouterError: What became of the requests, or of the only text.
        """
        may_miss = arguments.choice("missing", self.missing, ("error", "nan")) == "nan"
        call = Call(
            self.model, self.input_type, self.prefix, self.dimensions, self.options, gaps=may_miss
        )
        return self._of_known_width(self._connect().embed(_texts(X), call).vectors)

    def _connect(self) -> Clients:
        kept: Clients = self.__dict__.get("_clients") or Clients(None, self.base_url, self.client)
        self._clients = kept.matching(None, self.base_url, self.client)
        return self._clients

    def _of_known_width(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Note the width; rows that are all missing have that of earlier ones.

        Raises:
            ConfigurationError: It is not known.
        """
        width = vectors.shape[1] or self.dimensions or self.__dict__.get("_n_features_out")
        if not width:
            message = "X has no text that could be embedded, so that the width is not known."
            raise ConfigurationError(message, argument="X", hint="Say it: dimensions=.")
        self._n_features_out = width
        return vectors if vectors.shape[1] else np.full((len(vectors), width), np.nan, np.float32)

    def __sklearn_is_fitted__(self) -> bool:
        """Say that it can be used at once: there is nothing to learn."""
        return True

    def __sklearn_tags__(self) -> Tags:
        """Say what goes in, texts, and what comes out, float32 whatever went in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = self.missing == "nan"
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags


def _texts(values: Any) -> list[object]:  # noqa: ANN401 - whatever holds a column
    """List the texts of a column; missing ones are None, whatever they were.

    Raises:
        ConfigurationError: It is no column.
    """
    if isinstance(values, str | bytes):
        raise arguments.bad_type("X", "a column of texts", values)
    return arguments.read("X", lambda: [_text(row) for row in _rows(values)])


def _rows(values: Any) -> list[object]:  # noqa: ANN401 - whatever holds a column
    columns = getattr(values, "columns", None)
    if columns is not None:
        _check_count(len(columns))
        values = values[columns[0]]
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _check_count(columns: int) -> None:
    if columns != 1:
        hint = "Embed one column at a time: a ColumnTransformer chooses it."
        raise ConfigurationError(f"X has {columns} columns, not one.", argument="X", hint=hint)


def _text(row: object) -> object:
    if isinstance(row, list | tuple | np.ndarray):
        _check_count(len(row))
        row = row[0]
    return None if _is_missing(row) else row


def _is_missing(value: object) -> bool:
    """Recognise a missing text: None, NaN, and what pandas has for it."""
    is_nan = isinstance(value, float) and value != value  # noqa: PLR0124 - as NaN alone does
    return is_nan or value is None or type(value).__name__ in {"NAType", "NaTType"}
