"""Tables: a column of texts in, a column of vectors out, and what is missing stays missing.

    from openrouter_embeddings.integrations import tables

    embed = tables.ColumnEmbedder("...", dimensions=256)
    embed(frame["text"])  # of pandas, polars or Arrow: a column of the same kind
    dataset.map(embed.mapping("text", "vector"), batched=True)  # of Hugging Face
    embed.to_duckdb(connection)  # SELECT embed(text) FROM ...

    tables.register("pandas", "polars")
    frame["text"].openrouter.embed("...")  # a Series of either
    frame.with_columns(pl.col("text").openrouter.embed("...", dimensions=256))

It stands on Arrow; the library of a column is there already where there is such a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openrouter_embeddings._base.extras import require

require("pyarrow", extra="tables")

import numpy as np
import pyarrow as pa

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.integrations._calls import DOCUMENT, Call, Clients

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openrouter_embeddings._bulk.options import OnError
    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.values import EmbeddedBatch

    ArrowColumn = pa.Array[Any]

__all__ = ["ColumnEmbedder", "DatasetMapping", "register"]


class ColumnEmbedder:
    """Embeds columns; a text that is missing or empty is null, and is not sent.

    It can be pickled, without the key, for workers that have it in their environment.
    """

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        input_type: str | None = DOCUMENT,
        prefix: str = "",
        on_error: OnError = "raise",
        options: Mapping[str, object] | None = None,
        base_url: str | None = None,
        client: OpenRouter | None = None,
    ) -> None:
        """Keep the settings; nothing is sent.

        Args:
            model: The model's id.
            dimensions: The width of the vectors, for models that can shorten them.
            input_type: What the texts are for, ``"search_query"`` say; None says nothing.
            prefix: What stands before each text.
            on_error: ``"raise"``, or ``"keep"`` to make texts that the service refuses null; an
                outage is an error all the same.
            options: Others of `BulkOptions`, ``{"cache": "vectors.cache"}`` say.
            base_url: Where requests go; None for ``OPENROUTER_BASE_URL``, else the service.
            client: A client to send through.

        Raises:
            ConfigurationError: `on_error` or `client` cannot be used.
        """
        arguments.choice("on_error", on_error, ("raise", "keep"))
        kept = dict(options) if options else None
        self._call = Call(model, input_type, prefix, dimensions, kept, on_error, gaps=True)
        self._clients = Clients(None, base_url, client)

    def __call__(self, column: Any) -> Any:  # noqa: ANN401 - a column of any library
        """Embed a column.

        Args:
            column: A Series of pandas or polars, an Arrow array, a list, or any other column.

        Returns:
            A Series of the same library with the same name and index, else an Arrow array:
            FixedSizeList of float32, as wide as the vectors. Where all is null and no `dimensions`
            are said, the width is not known, and the type is List.

        Raises:
            ConfigurationError: An argument or a value cannot be used; nothing was sent.
            PartialFailureError: The service refused some of the texts; `.result` has the others.
            OpenRouterError: What became of the requests, or of the only text.
        """
        batch = self._clients.embed(_texts(column), self._call)
        return _like(column, self._to_arrow(batch))

    async def aembed(self, column: Any) -> Any:  # noqa: ANN401 - a column of any library
        """Embed a column, asynchronously; see `__call__`."""
        batch = await self._clients.aembed(_texts(column), self._call)
        return _like(column, self._to_arrow(batch))

    def mapping(self, column: str, into: str = "vector") -> DatasetMapping:
        """Make what ``map(..., batched=True)`` of a Hugging Face dataset takes.

        Args:
            column: The column with the texts.
            into: The column that the vectors come into.
        """
        return DatasetMapping(self, column, into)

    def to_duckdb(self, connection: Any, name: str = "embed") -> None:  # noqa: ANN401 - DuckDB's
        """Register a function of SQL, from VARCHAR to ``FLOAT[dimensions]``.

        Args:
            connection: A connection of DuckDB.
            name: What the function is called.

        Raises:
            ConfigurationError: There are no `dimensions`: the type is fixed beforehand.
        """
        kind = f"FLOAT[{self.fixed_width('to_duckdb')}]"
        options = {"type": "arrow", "null_handling": "special"}
        connection.create_function(name, self._in_sql, ["VARCHAR"], kind, **options)

    def _in_sql(self, column: Any) -> Any:  # noqa: ANN401 - DuckDB evaluates annotations
        return self(column)

    def fixed_width(self, what: str) -> int:
        """Return `dimensions` for a type that is fixed before anything is sent.

        Args:
            what: What needs it, in words.

        Raises:
            ConfigurationError: There are none.
        """
        if self._call.dimensions is None:
            message = f"{what} needs dimensions=, since its type is fixed before anything is sent."
            raise ConfigurationError(message, argument="dimensions")
        return self._call.dimensions

    def _to_arrow(self, batch: EmbeddedBatch) -> ArrowColumn:
        vectors, width = batch.vectors, batch.dimensions
        if not width:
            return pa.nulls(len(vectors), pa.list_(pa.float32()))
        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1), type=pa.float32())
        missing = pa.array(np.isnan(vectors[:, 0]))
        return pa.FixedSizeListArray.from_arrays(flat, width, mask=missing)


class DatasetMapping:
    """Adds a column of vectors to the batches of a dataset; equal ones have equal fingerprints."""

    def __init__(self, embed: ColumnEmbedder, column: str, into: str) -> None:
        """Keep what it embeds with, from which column, and into which."""
        self._embed = embed
        self._column = column
        self._into = into

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, object]:
        """Embed the texts of a batch."""
        return {self._into: self._embed(batch[self._column]).to_pylist()}

    def features(self, features: Any) -> Any:  # noqa: ANN401 - of datasets
        """Return the features of the dataset with the new column, so that its width is kept.

        Raises:
            ConfigurationError: There are no `dimensions`.
        """
        datasets = require("datasets")
        width = self._embed.fixed_width("features")
        column = datasets.List(datasets.Value("float32"), length=width)
        return datasets.Features({**features, self._into: column})


def register(*libraries: str) -> None:
    """Give the columns of libraries a namespace ``openrouter`` with a function ``embed``.

    Args:
        libraries: ``"pandas"``, ``"polars"``, or both.

    Raises:
        ConfigurationError: There is none for such a library.
        MissingExtraError: It is not installed.
    """
    for library in libraries:
        arguments.choice("libraries", library, tuple(_REGISTER))
        _REGISTER[library](require(library))


class _Namespace:
    """What ``series.openrouter`` is."""

    def __init__(self, column: Any) -> None:  # noqa: ANN401 - a column of any library
        self._column = column

    def embed(self, model: str, **settings: Any) -> Any:  # noqa: ANN401 - see `ColumnEmbedder`
        """Embed the column; the arguments are those of `ColumnEmbedder`."""
        return ColumnEmbedder(model, **settings)(self._column)


class _LazyNamespace(_Namespace):
    """What ``pl.col(...).openrouter`` is."""

    def embed(self, model: str, **settings: Any) -> Any:  # noqa: ANN401 - see `ColumnEmbedder`
        """Embed the column when it is needed; `dimensions` must be said."""
        polars, embed = require("polars"), ColumnEmbedder(model, **settings)
        kind = polars.Array(polars.Float32, embed.fixed_width("A lazy column"))
        return self._column.map_batches(embed, return_dtype=kind)


def _register_pandas(pandas: Any) -> None:  # noqa: ANN401 - a module
    if getattr(pandas.Series, "openrouter", None) is not _Namespace:  # else it would warn
        pandas.api.extensions.register_series_accessor("openrouter")(_Namespace)


def _register_polars(polars: Any) -> None:  # noqa: ANN401 - a module
    if getattr(polars.Series, "openrouter", None) is not _Namespace:  # the same
        polars.api.register_series_namespace("openrouter")(_Namespace)
        polars.api.register_expr_namespace("openrouter")(_LazyNamespace)


_REGISTER: Mapping[str, Callable[[Any], None]] = {
    "pandas": _register_pandas,
    "polars": _register_polars,
}


def _library(column: object) -> str:
    return type(column).__module__.partition(".")[0]


def _texts(column: Any) -> list[object]:  # noqa: ANN401 - a column of any library
    """List the texts of a column; null, None and NaN are None.

    Raises:
        ConfigurationError: It is no column.
    """
    if isinstance(column, str | bytes) or hasattr(type(column), "columns"):
        raise arguments.bad_type("column", "one column of texts", column)
    return arguments.read("column", lambda: _read_column(column))


def _read_column(column: Any) -> list[object]:  # noqa: ANN401 - a column of any library
    if _library(column) == "pandas":
        column = [
            None if missing else text for text, missing in zip(column, column.isna(), strict=True)
        ]
    for convert in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, convert):
            values: list[object] = getattr(column, convert)()
            return values
    return list(column)


def _like(column: Any, vectors: ArrowColumn) -> Any:  # noqa: ANN401 - a column of any library
    """Make a column of the library that the texts came from."""
    library = _library(column)
    if library == "pandas":
        pandas = require("pandas")
        array = pandas.arrays.ArrowExtensionArray(vectors)
        return pandas.Series(array, index=column.index, name=column.name)
    if library == "polars":
        return require("polars").Series(column.name, vectors)
    return vectors
