"""What a caller gets back: vectors as float32 arrays, usage, and models, as immutable values."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast, overload

from attrs import field, frozen

from openrouter_embeddings._base.dates import from_epoch, read_date
from openrouter_embeddings._base.extras import require
from openrouter_embeddings._base.types import show_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

    from openrouter_embeddings.errors import OpenRouterError

__all__ = [
    "EmbeddedBatch",
    "Embedding",
    "EmbeddingsResponse",
    "Estimate",
    "Failure",
    "ModelInfo",
    "Pricing",
    "RunStats",
    "Truncation",
    "UnreadModel",
    "Usage",
]


@frozen
class Usage:
    """Tokens and cost, as far as the service said; None where it did not.

    Attributes:
        prompt_tokens: Tokens in all inputs; 0 for a hit of the service's response cache.
        total_tokens: The same number, for embeddings.
        cost: What is known of the charge in USD, attempts that brought no vector included.
        possible_cost: What may have been charged beside it in USD, for requests that were handed
            over and never told their cost, as much as others for the same did; 0.0 where there were
            none, None where nobody knows how much.
        wasted_cost: How much of the cost brought no vector, in USD.
        is_byok: Whether a provider key of the caller's own was used.
        cost_details: How the charge splits up, as sent.
        prompt_tokens_details: Tokens by kind of input, as sent; only for mixed inputs.
        extra: Fields that the contract does not know, as sent.
    """

    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None
    possible_cost: float | None = 0.0
    wasted_cost: float = 0.0
    is_byok: bool | None = None
    cost_details: Mapping[str, object] = field(factory=dict)
    prompt_tokens_details: Mapping[str, object] = field(factory=dict)
    extra: Mapping[str, object] = field(factory=dict)


@frozen(eq=False)
class Embedding:
    """One vector and the input that it belongs to.

    Attributes:
        index: The position of the input.
        embedding: float32 of shape ``(dimensions,)``; base64 text if the caller asked for
            ``encoding_format="base64"`` and the service complied.
    """

    index: int
    embedding: NDArray[np.float32] | str = field(repr=show_shape)


class _Matrix:
    """What everything with vectors can do: stand for its matrix, and be taken apart by position."""

    vectors: NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        """The width of the vectors."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        """Count the vectors."""
        return len(self.vectors)

    @overload
    def __getitem__(self, key: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, key: slice) -> NDArray[np.float32]: ...
    def __getitem__(self, key: int | slice) -> NDArray[np.float32]:
        """Take vectors by the position of their inputs."""
        return self.vectors[key]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Go through the vectors in the order of the inputs."""
        return iter(self.vectors)

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - numpy's protocol
    ) -> NDArray[np.float32]:
        """Stand for the matrix wherever numpy takes an array."""
        return as_array(self.vectors, dtype, copy)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Hand the vectors over by the Arrow C data interface, as a FixedSizeList of float32."""
        exported = to_arrow(self.vectors).__arrow_c_array__(requested_schema)
        return cast("tuple[object, object]", exported)

    def to_arrow(self) -> pa.FixedSizeListArray[Any, Any]:
        """Make an Arrow array, FixedSizeList of float32; needs pyarrow."""
        return to_arrow(self.vectors)

    def to_pandas(self) -> pd.DataFrame:
        """Make a DataFrame of shape ``(n, dimensions)``; needs pandas."""
        return to_pandas(self.vectors)

    def to_polars(self) -> pl.Series:
        """Make a Series of ``Array(Float32, dimensions)``, a row a vector; needs polars."""
        return to_polars(self.vectors)

    def to_list(self) -> list[list[float]]:
        """Make lists of Python's own numbers, as many frameworks want them."""
        return cast("list[list[float]]", self.vectors.tolist())


@frozen(eq=False)
class EmbeddingsResponse(_Matrix):
    """The verified answer to one request.

    Attributes:
        vectors: float32 of shape ``(n, dimensions)``; row i belongs to input i.
        model: The model as the provider names it; it can lack the author's prefix.
        provider: Who served it, or None if the service did not say.
        id: The id of the generation, or None.
        usage: Tokens and cost.
        request_id: The id to quote to support, or None.
        encoded: The vectors as base64 texts in input order, if the caller asked for them.
        headers: The reply's headers, names in lower case.
        extra: Fields that the contract does not know, as sent.
    """

    vectors: NDArray[np.float32] = field(repr=show_shape)
    model: str | None = None
    provider: str | None = None
    id: str | None = None
    usage: Usage = field(factory=Usage)
    request_id: str | None = None
    encoded: Sequence[str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    extra: Mapping[str, object] = field(factory=dict, repr=False)

    @property
    def data(self) -> list[Embedding]:
        """The vectors one by one, in the order of the inputs."""
        values = self.vectors if self.encoded is None else self.encoded
        return [Embedding(index, value) for index, value in enumerate(values)]


def as_array(
    matrix: NDArray[np.float32],
    dtype: DTypeLike | None,
    copy: bool | None,  # noqa: FBT001 - numpy's protocol
) -> NDArray[np.float32]:
    """Answer numpy's array protocol for a matrix, with the meaning that numpy 2 gives `copy`."""
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    changes = dtype is not None and np.dtype(dtype) != matrix.dtype
    if copy is False and changes:
        message = f"A {matrix.dtype} matrix cannot become {np.dtype(dtype)} without a copy."
        raise ValueError(message)
    if changes or copy:
        return cast("NDArray[np.float32]", np.array(matrix, dtype=dtype))
    return matrix


def to_arrow(matrix: NDArray[np.float32]) -> pa.FixedSizeListArray[Any, Any]:
    """Make an Arrow array of a matrix without copying it, FixedSizeList of float32.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    import numpy as np  # noqa: PLC0415 - numpy is imported on first use

    arrow = require("pyarrow", extra="jobs")
    numbers = np.ascontiguousarray(matrix, np.float32).reshape(-1)
    # Not `pyarrow.array`, which imports pandas where it is installed: 45 MB.
    content = [None, arrow.py_buffer(numbers)]
    flat = arrow.Array.from_buffers(arrow.float32(), len(numbers), content)
    return cast(
        "pa.FixedSizeListArray[Any, Any]",
        arrow.FixedSizeListArray.from_arrays(flat, matrix.shape[1]),
    )


def to_pandas(matrix: NDArray[np.float32]) -> pd.DataFrame:
    """Make a DataFrame of a matrix, one row for each vector.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    return cast("pd.DataFrame", require("pandas").DataFrame(matrix))


def to_polars(matrix: NDArray[np.float32]) -> pl.Series:
    """Make a Series of a matrix, one row for each vector.

    Raises:
        MissingExtraError: polars is not installed.
    """
    polars = require("polars")
    kind = polars.Array(polars.Float32, matrix.shape[1])
    return cast("pl.Series", polars.Series("embedding", matrix, dtype=kind))


@frozen
class Failure:
    """An input of a bulk run that has no vector.

    Attributes:
        position: Its position among all inputs of the run.
        shown: Its first characters.
        error: Why.
    """

    position: int
    shown: str
    error: OpenRouterError


@frozen
class Truncation:
    """An input of a bulk run whose vector stands for its beginning alone.

    Attributes:
        position: Its position among all inputs of the run.
        kept: How many characters were embedded.
        of: How many it has.
    """

    position: int
    kept: int
    of: int


@frozen
class RunStats:
    """What a bulk run has done so far.

    Attributes:
        requests: HTTP requests sent, retries included.
        retries: How many of them repeated a failed one.
        refusals: How many were refused for being too many, or timed out.
        throttled_seconds: How long the service held the run back.
        highest_concurrency: The most requests in flight at one time.
        in_flight: Requests in flight now.
        inputs_sent: Inputs that were answered with vectors; equal ones in the window count once.
        prompt_tokens: Tokens, as far as the service said.
        cost: What is known of the cost in USD, replies included whose vectors were no good: what
            the service said, else the tokens that it said at the listed price, where the run asked
            for the listing. It is no more than what is known: see `possible_cost`.
        possible_cost: What may have been charged beside it in USD: for requests that were handed
            over and never told their cost, a token a byte at the dearest price seen or listed. None
            where no price is known.
        wasted_cost: How much of the cost brought no vector, in USD.
    """

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    throttled_seconds: float = 0.0
    highest_concurrency: int = 0
    in_flight: int = 0
    inputs_sent: int = 0
    prompt_tokens: int = 0
    cost: float = 0.0
    possible_cost: float | None = 0.0
    wasted_cost: float = 0.0


@frozen(eq=False)
class EmbeddedBatch(_Matrix):
    """Vectors of many inputs, in their order.

    Attributes:
        vectors: float32 of shape ``(n, dimensions)``, row i for input ``start + i``; rows of failed
            inputs are NaN. If all failed, the shape is ``(n, 0)`` unless the width is known.
        start: The position of the first input in the run.
        failures: The inputs that have no vector, in order.
        from_cache: How many rows came from the cache.
        truncated: The inputs that were cut because they are too long, if that was asked for.
        stopped: Why the run is over before its end, an outage or the bound of its cost say, or
            None; what was not sent fails with this error.
        model: The model as its provider calls it, or None.
        providers: Who answered in the run so far.
        stats: What the run has done so far.
        notes: What went wrong beside the run so far and cost no vector, in words: a cache that was
            full or damaged and was left out from there on, a provider that could not be pinned, a
            model whose name has changed.
    """

    vectors: NDArray[np.float32] = field(repr=show_shape)
    start: int = 0
    failures: tuple[Failure, ...] = ()
    from_cache: int = 0
    truncated: tuple[Truncation, ...] = ()
    stopped: OpenRouterError | None = None
    model: str | None = None
    providers: tuple[str, ...] = ()
    stats: RunStats = field(factory=RunStats)
    notes: tuple[str, ...] = ()

    @property
    def usage(self) -> Usage:
        """Tokens and cost of the run so far."""
        stats = self.stats
        return Usage(
            prompt_tokens=stats.prompt_tokens,
            total_tokens=stats.prompt_tokens,
            cost=None if stats.cost == 0 and stats.possible_cost != 0 else stats.cost,
            possible_cost=stats.possible_cost,
            wasted_cost=stats.wasted_cost,
        )

    @property
    def requests(self) -> int:
        """HTTP requests of the run so far, retries included."""
        return self.stats.requests


@frozen
class Estimate:
    """What a bulk run would take, before anything is paid.

    Attributes:
        inputs: How many inputs there are.
        unique: How many different ones.
        cached: How many of these the cache has already.
        tokens: The least and the most tokens that would be sent.
        cost: The least and the most cost in USD, or None where the price is not fixed.
    """

    inputs: int
    unique: int
    cached: int
    tokens: tuple[int, int]
    cost: tuple[Decimal, Decimal] | None


@frozen
class Pricing:
    """What a model costs, in USD; None where the price is decided for each request.

    Attributes:
        prompt: For each input token.
        completion: For each output token; 0 for embeddings.
        request: For each request.
        image: For each image.
        raw: All prices as sent.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    request: Decimal | None = None
    image: Decimal | None = None
    raw: Mapping[str, object] = field(factory=dict, repr=False)

    @property
    def per_million_tokens(self) -> Decimal | None:
        """What a million input tokens cost, in USD, or None where that is not fixed."""
        return None if self.prompt is None else self.prompt * 1_000_000


@frozen
class ModelInfo:
    """One model that serves embeddings.

    Attributes:
        id: What to pass as ``model=``.
        name: What people call it.
        canonical_slug: The permanent, often dated name, or None.
        created: When it was added, or None.
        description: A few words, cut by the service.
        context_length: The most input tokens, or None where unknown (the service also says 0).
        input_modalities: What goes in: ``"text"``, ``"image"`` and others.
        output_modalities: What comes out: ``"embeddings"`` and others.
        pricing: What it costs.
        supported_parameters: Request parameters that it takes; often empty.
        hugging_face_id: The id on Hugging Face, or None.
        expires: When it will be removed, or None.
        raw: The model as sent, unknown fields included.
    """

    id: str
    name: str = ""
    canonical_slug: str | None = None
    created: datetime | None = None
    description: str = field(default="", repr=False)
    context_length: int | None = None
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    pricing: Pricing = field(factory=Pricing, repr=False)
    supported_parameters: tuple[str, ...] = field(default=(), repr=False)
    hugging_face_id: str | None = field(default=None, repr=False)
    expires: date | None = None
    raw: Mapping[str, object] = field(factory=dict, repr=False)

    @property
    def price_per_million(self) -> Decimal | None:
        """What a million input tokens cost, in USD, or None where that is not fixed."""
        return self.pricing.per_million_tokens


@frozen
class UnreadModel:
    """An entry of the listing that could not be read; the others are not lost over it.

    Attributes:
        raw: The entry as sent.
        reason: Why it could not be read.
    """

    raw: object
    reason: str


def price(value: object) -> Decimal | None:
    """Read a price: a decimal text, or a number; negative ones mean that it is not fixed.

    Returns:
        The price, or None where it is not fixed or cannot be read.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount == 0 or (amount.is_finite() and _is_credible(amount)) else None


def _is_credible(amount: Decimal) -> bool:
    """Say whether an amount is one of money: 1e999999 has a million places."""
    return amount > 0 and abs(amount.adjusted()) <= _MOST_PLACES


_MOST_PLACES = 30


def moment(value: object) -> datetime | None:
    """Read a point in time: epoch seconds, or a date of any usual form; UTC unless it says."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return from_epoch(value)
    return read_date(value) if isinstance(value, str) else None
