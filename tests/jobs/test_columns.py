"""Kept columns in JSONL: written so that any reader of JSON can take them, or refused by name."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from job_runs import MODEL, can_write

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.jobs import embed_file, retry_failed, verify_file

NAN, HUGE = float("nan"), float("inf")


def no_constant(word):
    pytest.fail(f"{word} is no JSON")


def lines_of(path):
    """Read lines as RFC 8259 has them, without the words that Python takes beside it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=no_constant) for line in lines]


def written(client, tmp_path, column, first="first"):
    """Embed a Parquet file with a column that is kept, into JSONL."""
    texts = [first, *(f"text {row}" for row in range(1, len(column)))]
    pq.write_table(pa.table({"text": texts, "kept": column}), tmp_path / "in.parquet")
    source, out = tmp_path / "in.parquet", tmp_path / "out.jsonl"
    embed_file(client, source, out, model=MODEL, keep_columns="kept")
    return source, out


KEPT = {
    "no number": ([1.5, NAN, HUGE, -HUGE, None], None, [1.5, "NaN", "Infinity", "-Infinity", None]),
    "no number in a list": ([[1.5, NAN]], None, [[1.5, "NaN"]]),
    "no number in an object": ([{"a": NAN}], None, [{"a": "NaN"}]),
    "nanoseconds": ([1], pa.timestamp("ns"), ["1970-01-01 00:00:00.000000001"]),
    "a late year": ([568_971_820_800], pa.timestamp("s"), ["20000-01-01 00:00:00.000"]),
    "a time of day": ([1], pa.time64("ns"), ["00:00:00.000000001"]),
    "dates in a list": ([[0]], pa.list_(pa.date32()), [["1970-01-01"]]),
    "dates in a wide list": ([[0]], pa.large_list(pa.date32()), [["1970-01-01"]]),
    "dates in a pair": ([[0, 1]], pa.list_(pa.date32(), 2), [["1970-01-01", "1970-01-02"]]),
    "dates in a map": ([[("a", 0)]], pa.map_(pa.string(), pa.date32()), [[["a", "1970-01-01"]]]),
    "a date in an object": ([{"a": 0}], pa.struct([("a", pa.date32())]), [{"a": "1970-01-01"}]),
    "a large id": ([2**64 - 1], pa.uint64(), [2**64 - 1]),
    "a decimal": ([Decimal("1.50")], pa.decimal128(5, 2), ["1.50"]),
    "a dictionary": (["x", "x"], pa.dictionary(pa.int8(), pa.string()), ["x", "x"]),
    "a view": (["x"], pa.string_view(), ["x"]),
    "a wide text": (["x"], pa.large_string(), ["x"]),
    "nothing": ([None], pa.null(), [None]),
    "a small number": ([1.5], pa.float16(), [1.5]),
    "a truth": ([True], pa.bool_(), [True]),
    "a UUID": ([b"\0" * 16], pa.uuid(), ["00000000-0000-0000-0000-000000000000"]),
}


@pytest.mark.parametrize("kind", [kind for kind in KEPT if can_write(*KEPT[kind][:2])])
def test_kept_values_are_json_that_anybody_reads(kind, client, tmp_path):
    """What JSON has no form for is text; and the output is what verify expects."""
    values, kept_as, expected = KEPT[kind]
    source, out = written(client, tmp_path, pa.array(values, kept_as))

    assert [line["kept"] for line in lines_of(out)] == expected
    assert all(check.holds for check in verify_file(out, source=source))


REFUSED = {
    "bytes": (pa.binary(), "holds binary, which JSON has no form for"),
    "wide bytes": (pa.large_binary(), "holds large_binary"),
    "a few bytes": (pa.binary(3), r"holds fixed_size_binary\[3\]"),
    "bytes in a list": (pa.list_(pa.binary()), "holds binary"),
    "bytes in an object": (pa.struct([("a", pa.binary())]), "holds binary"),
    "bytes in a map": (pa.map_(pa.string(), pa.binary()), "holds binary"),
    "bytes in a dictionary": (pa.dictionary(pa.int8(), pa.binary()), "holds binary"),
    "a duration": (pa.duration("s"), r"holds duration\[s\]"),
    "a zone that nobody knows": (
        pa.timestamp("s", "Nowhere/X"),
        "holds .*, which cannot be written",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_json_cannot_say_is_refused_before_it_is_paid(kind, client, service, tmp_path):
    """By the column's name, with what to do; nothing is left behind."""
    kept_as, message = REFUSED[kind]
    with pytest.raises(ConfigurationError, match=f"The column 'kept' {message}") as caught:
        written(client, tmp_path, pa.nulls(2, kept_as))

    assert "Leave that column out, or write .parquet" in str(caught.value)
    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_kept_texts_that_are_none_are_refused_before_they_are_paid(client, service, tmp_path):
    """Nobody checks them when they are written, and JSON could not hold them."""
    raw = pa.array([b"\xff"], pa.binary())
    with pytest.raises(ConfigurationError, match="The column 'kept' holds what is none"):
        written(client, tmp_path, pa.Array.from_buffers(pa.string(), 1, raw.buffers()))
    assert service.requests == ()


def test_rows_embedded_again_keep_numbers_that_are_none(client, service, tmp_path):
    """They are numbers again when the output is read, and the same words when it is written."""
    rows = 2_100  # more than are read at once: those after them hold another kind of value
    column = pa.array([None] * 2_050 + [1.5] + [NAN] * (rows - 2_051), pa.float64())
    source, out = written(client, tmp_path, column, first="poison")
    before = [line["kept"] for line in lines_of(out)]
    assert before[2_050:2_052] == [1.5, "NaN"]
    service._rules = evolve(service._rules, poison=frozenset())

    assert retry_failed(client, out).failed == 0

    assert [line["kept"] for line in lines_of(out)] == before
    assert all(check.holds for check in verify_file(out, source=source))
