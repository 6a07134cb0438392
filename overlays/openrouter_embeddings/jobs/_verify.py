"""An output checked: its rows, ids, widths and numbers, and a sample embedded again."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._columns import EMBEDDING, ERROR, KEPT, TEXT, json_schema, said
from openrouter_embeddings.jobs._finished import Output, vectors_of
from openrouter_embeddings.jobs._input import look_through
from openrouter_embeddings.jobs._lines import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.jobs._input import JobInput

LEAST_COSINE = 0.999
_UNIT = 1e-2


@frozen
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        holds: Whether it is as it should be.
        found: What was found, in words.
    """

    name: str
    holds: bool
    found: str


@define(eq=False)
class _Numbers:
    """What the vectors of an output are like."""

    rows: int = 0
    width: int = 0
    failed: int = 0
    not_finite: int = 0
    not_empty: int = 0
    norms: list[NDArray[np.float32]] = field(factory=list)

    def add(self, table: pa.Table) -> None:
        """Look at some rows."""
        vectors, embedded = vectors_of(table), table[ERROR].is_null().to_numpy()
        finite = np.isfinite(vectors).all(axis=1)
        self.rows += len(table)
        self.width = vectors.shape[1]
        self.failed += int((~embedded).sum())
        self.not_finite += int((embedded & ~finite).sum())
        self.not_empty += int((~embedded & ~np.isnan(vectors).all(axis=1)).sum())
        self.norms.append(np.linalg.norm(vectors[embedded & finite], axis=1))


def checks_of_numbers(output: Output) -> Iterator[Check]:
    """Check the rows, the widths and the numbers of an output."""
    numbers = _Numbers()
    for table in output.tables([EMBEDDING, ERROR]):
        numbers.add(table)
    rows, said = output.job["rows"], output.failed + output.empty
    yield Check("rows", numbers.rows == rows, f"{numbers.rows:,} of {rows:,}")
    yield Check("failed rows", numbers.failed == said, f"{numbers.failed:,}, as noted: {said:,}")
    wide, noted = numbers.width, output.width
    yield Check("widths", wide in {0, noted}, f"{wide or noted}, as noted: {noted}")
    wrong = counted(
        numbers.not_finite, "row with numbers that are not", "rows with numbers that are not"
    )
    yield Check("finite", numbers.not_finite == 0, wrong)
    left = counted(
        numbers.not_empty, "failed row that holds numbers", "failed rows that hold numbers"
    )
    yield Check("failed rows are NaN", numbers.not_empty == 0, left)
    norms = np.concatenate([*numbers.norms, np.empty(0, np.float32)])
    if len(norms):
        yield _check_of_norms(norms)


def _check_of_norms(norms: NDArray[np.float32]) -> Check:
    """Accept no zero vector, and no odd one where the others have unit length."""
    least, middle, most = norms.min(), float(np.median(norms)), norms.max()
    holds = bool(least > 0)
    if abs(middle - 1) < _UNIT:
        holds = bool(abs(least - 1) < _UNIT and abs(most - 1) < _UNIT)
    return Check("norms", holds, f"{least:.4g} to {most:.4g}, median {middle:.4g}")


def checks_against_input(output: Output, source: str) -> Iterator[Check]:
    """Check that an output has the rows of its input: ids, texts, other columns."""
    job = output.job
    given = look_through(
        source,
        column=job["column"],
        id_column=job["id_column"],
        keep_columns=job["keep_columns"],
        options=ReadOptions(**job["reading"]),
    )
    same = given.fingerprint == job["input"]
    yield Check("input", same, "the same bytes" if same else "another file, or it was changed")
    compared = {name: name for name in given.columns.others if name in output.names}
    compared |= {given.columns.text: TEXT} if TEXT in output.names else {}
    if TEXT not in output.names:
        digests = np.concatenate([*output.digests(), np.empty((0, 2), np.uint64)])
        equal = np.array_equal(digests, given.digests)
        yield Check("digests", equal, "equal in every row" if equal else "some differ")
    for name, column in compared.items():
        wrong = _first_difference(output, given, name, column)
        found = "equal in every row" if wrong is None else f"row {wrong + 1} differs"
        yield Check(f"column {column}", wrong is None, found)


def _first_difference(output: Output, given: JobInput, name: str, column: str) -> int | None:
    ours = (value for table in output.tables([column]) for value in _values(table[column]))
    theirs = (value for rows in given.read() for value in _values(rows.batch[name]))
    row = 0
    for value in ours:
        if not _are_same(value, next(theirs, _ENDED)):
            return row
        row += 1
    return None if next(theirs, _ENDED) is _ENDED else row


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types of its own
    """Return values as both Parquet and JSON can hold them: times as text, as in JSON."""
    try:
        kind = json_schema(pa.schema([("", column.type)])).field(0).type
    except ConfigurationError:
        return list(column.to_pylist())
    return list(column.cast(kind).to_pylist())


def _are_same(one: object, other: object) -> bool:
    """Compare values; NaN is no other than NaN, and a number may be written in words."""
    return one == other or (other is not _ENDED and said(one) == said(other))


_ENDED = object()


def check_of_sample(output: Output, client: OpenRouter, source: str | None, count: int) -> Check:
    """Embed some texts again, and compare by cosine.

    Args:
        output: The output.
        client: The client to send through.
        source: The input, which is needed where the output has no texts.
        count: The most rows to compare.
    """
    texts, vectors = _sample(output, source, count)
    if not texts:
        return Check("sample", holds=True, found="no row to compare")
    again = client.embeddings.embed(
        texts,
        model=output.job["model"],
        dimensions=output.job["dimensions"],
        input_type=output.job["input_type"],
        prefix=output.prefix,
        provider=output.provider,
        extra_body=output.job["extra_body"],
        on_error="keep",
    )
    if again.failures or again.dimensions != output.width:
        why = again.failures[0].error if again.failures else f"the width is {again.dimensions}"
        return Check("sample", holds=False, found=f"could not be compared: {why}")
    lengths = np.linalg.norm(again.vectors, axis=1) * np.linalg.norm(vectors, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        least = float(((again.vectors * vectors).sum(axis=1) / lengths).min())
    found = f"{counted(len(texts), 'row')} embedded again, least cosine {least:.6f}"
    return Check("sample", least >= LEAST_COSINE, found)


def _sample(
    output: Output, source: str | None, count: int
) -> tuple[list[str], NDArray[np.float32]]:
    """Draw rows that have a vector, and read what was embedded for them."""
    rng = random.Random(output.job["input"])  # noqa: S311 - the same rows each time
    wanted = set(rng.sample(range(output.rows), min(count, output.rows)))
    texts: list[str] = []
    vectors: list[Any] = []
    for row, (text, vector, error, kept) in enumerate(_rows(output, source)):
        if row in wanted and error is None:
            texts.append(text if kept is None else text[:kept])
            vectors.append(vector)
    return texts, np.array(vectors, dtype=np.float32)


def _rows(output: Output, source: str | None) -> Iterator[tuple[str, Any, str | None, int | None]]:
    texts = _texts_of(output, source)
    columns = [name for name in (EMBEDDING, ERROR, KEPT) if name in output.names]
    for table in output.tables(columns):
        kept = table[KEPT].to_pylist() if KEPT in columns else [None] * len(table)
        here = islice(texts, len(table))
        yield from zip(here, vectors_of(table), table[ERROR].to_pylist(), kept, strict=True)


def _texts_of(output: Output, source: str | None) -> Iterator[Any]:
    """Read the texts of an output: its own, or those of its input."""
    if source is not None:
        given = look_through(
            source, column=output.job["column"], options=ReadOptions(**output.job["reading"])
        )
        for rows in given.read():
            yield from rows.texts
    elif TEXT in output.names:
        for table in output.tables([TEXT]):
            yield from table[TEXT].to_pylist()
    else:
        message = f"{output.path} holds no texts."
        raise ConfigurationError(message, argument="input", hint="Name the input with --input.")
