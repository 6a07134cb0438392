"""Files of every odd kind: embedded as a person would expect, or refused before paying."""

from __future__ import annotations

import codecs

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, can_write

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.jobs import embed_file
from openrouter_embeddings.jobs._columns import Columns, columns_of
from openrouter_embeddings.jobs._input import look_through
from openrouter_embeddings.jobs._lines import JsonReader, ReadOptions
from openrouter_embeddings.jobs._rows import Rows


def mark(encoding):
    return {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE}.get(encoding, b"")


HUGE = b"huge " * 400_000
BESIDE_HUGE = ["a", HUGE.decode(), "b"]
READ = {
    # name of the file, its content: the texts that must be embedded, None for an empty row
    "txt": (".txt", b"a\nb\n", ["a", "b"]),
    "txt without an end": (".txt", b"a\nb", ["a", "b"]),
    "txt of Windows": (".txt", b"a\r\nb\r\n", ["a", "b"]),
    "txt with a mark": (".txt", codecs.BOM_UTF8 + b"a\n", ["a"]),
    "txt in UTF-16": (".txt", "a\nä\n".encode("utf-16"), ["a", "ä"]),
    "txt in UTF-32": (".txt", "a\nä\n".encode("utf-32"), ["a", "ä"]),
    "txt with an empty line": (".txt", b"a\n\nb\n", ["a", None, "b"]),
    "txt with separators inside": (".txt", "a\u2028b\x0bc\x85d\n".encode(), ["a\u2028b\x0bc\x85d"]),
    "txt with NUL": (".txt", b"a\0b\n", ["a\0b"]),
    "txt like numbers": (".txt", b"007\n1e5\nNA\n2020-01-01\n", ["007", "1e5", "NA", "2020-01-01"]),
    "txt of an old Mac": (".txt", b"a\rb\r", ["a", "b"]),
    "txt of several systems": (".txt", b"a\rb\r\nc\n\r\nd", ["a", "b", "c", None, "d"]),
    "txt with a huge line": (".txt", b"a\n" + HUGE + b"\nb", ["a", HUGE.decode(), "b"]),
    "csv": (".csv", b"id,text\n1,a\n2,b\n", ["a", "b"]),
    "csv with a mark": (".csv", codecs.BOM_UTF8 + b"text\na\n", ["a"]),
    "csv with a mark and quotes": (".csv", codecs.BOM_UTF8 + b'"text","id"\na,1\n', ["a"]),
    "csv in UTF-16": (".csv", "id,text\n1,ä\n".encode("utf-16"), ["ä"]),
    "csv of Windows": (".csv", b"id,text\r\n1,a\r\n", ["a"]),
    "csv of an old Mac": (".csv", b"id,text\r1,a\r2,b\r", ["a", "b"]),
    "csv with lines in fields": (".csv", b'id,text\n1,"a\nb"\n2,c\n', ["a\nb", "c"]),
    "csv with quotes": (".csv", b'id,text\n1,"say ""a"""\n', ['say "a"']),
    "csv with empty lines": (".csv", b"id,text\n\n1,a\n\n", ["a"]),
    "csv with an empty field": (".csv", b"id,text\n1,\n2,b\n", [None, "b"]),
    "csv like numbers": (".csv", b"id,text\n1,007\n2,NA\n3,1e5\n", ["007", "NA", "1e5"]),
    "csv like dates": (".csv", b"id,text\n1,2020-01-01\n2,true\n", ["2020-01-01", "true"]),
    "csv of one column": (".csv", b"anything\na\nb\n", ["a", "b"]),
    "csv with blanks": (".csv", b"id,text\n1, a \n", [" a "]),
    "csv with NULs": (".csv", b"id,text\n\0,a\0b\n2,\0\n", ["a\0b", "\0"]),
    "csv with a huge line": (".csv", b"id,text\n1,a\n2," + HUGE + b"\n3,b\n", BESIDE_HUGE),
    "csv with a huge field": (".csv", b'id,text\n1,a\n2,"' + HUGE + b'"\n3,b\n', BESIDE_HUGE),
    "csv with huge quotes": (".csv", b'text\n"' + b'""' * 1_000_000 + b'"\n', ['"' * 1_000_000]),
    "csv of huge other fields": (".csv", b"id,text\n" + HUGE + b",a\n2,b\n", ["a", "b"]),
    "jsonl": (".jsonl", b'{"text": "a"}\n{"text": "b"}\n', ["a", "b"]),
    "jsonl of texts": (".jsonl", b'"a"\n"b"\n', ["a", "b"]),
    "jsonl with a mark": (".jsonl", codecs.BOM_UTF8 + b'{"text": "a"}\n', ["a"]),
    "jsonl with empty lines": (".jsonl", b'{"text": "a"}\n\n  \n{"text": "b"}\n\n', ["a", "b"]),
    "jsonl with null": (".jsonl", b'{"text": null}\n{"text": "b"}\n', [None, "b"]),
    "jsonl in UTF-16": (".jsonl", '{"text": "ä"}\n'.encode("utf-16"), ["ä"]),
    "jsonl of Windows": (".jsonl", b'{"text": "a"}\r\n{"text": "b"}\r\n', ["a", "b"]),
    "jsonl with escapes": (".jsonl", b'{"text": "\\ud83d\\ude00 \\u0000"}\n', ["\U0001f600 \0"]),
    "jsonl with NULs": (".jsonl", b'{"text": "\\u0000a"}\n"\\u0000"\n', ["\0a", "\0"]),
    "jsonl with a huge line": (".jsonl", b'"a"\n{"text": "' + HUGE + b'"}\n"b"', BESIDE_HUGE),
    "jsonl of an old Mac": (".jsonl", b'{"text": "a"}\r{"text": "b"}\r', ["a", "b"]),
    "jsonl with separators": (".jsonl", '{"text": "a\u2028b"}\n'.encode(), ["a\u2028b"]),
}


@pytest.mark.parametrize("kind", READ)
def test_texts_are_what_stands_in_the_file(kind, client, service, tmp_path):
    """No reader changes a value."""
    suffix, content, texts = READ[kind]
    (tmp_path / f"in{suffix}").write_bytes(content)

    embed_file(client, tmp_path / f"in{suffix}", tmp_path / "out.parquet", model=MODEL)

    table = pq.read_table(tmp_path / "out.parquet")
    assert [text or None for text in table["text"].to_pylist()] == texts
    sent = [text for request in service.requests for text in request.body["input"]]
    assert sorted(sent) == sorted({text for text in texts if text})


BAD_ROWS = {
    # the file, its content, which row cannot be read, and what is said of it
    "txt": (".txt", b"a\n\xff\nb\n", 1, "line 2 is no UTF-8"),
    "csv, few fields": (".csv", b"id,text\n1,a\n2\n3,b\n", 1, "line 3 has 1 field, the header 2"),
    "csv, many fields": (".csv", b"id,text\n1,a\n2,b,c\n3,b\n", 1, "line 3 has 3 fields"),
    "csv, open quote": (".csv", b'id,text\n1,a\n2,"x\n3,b\n', 1, "line 3 is no CSV"),
    "csv, odd quote": (".csv", b'id,text\n1,a\n2,"x"y\n3,b\n', 1, "line 3 is no CSV"),
    "csv, swallowed": (".csv", b'id,text\n1,a\n2,"x\n3,"b"\n', 1, "line 3 is no CSV"),
    "csv, bytes": (".csv", b"id,text\n1,a\n2,\xff\n3,b\n", 1, "line 3 is no UTF-8"),
    "jsonl, cut": (".jsonl", b'{"text":"a"}\n{"text":\n{"text":"b"}\n', 1, "line 2 is no JSON"),
    "jsonl, half": (".jsonl", b'{"text":"a"}\n{"text":"\\ud83d"}\n{"text":"b"}\n', 1, "surrogate"),
    "jsonl, half in a key": (
        ".jsonl",
        b'{"text":"a"}\n{"text":"\\udc00 c"}\n"b"\n',
        1,
        "surrogate",
    ),
    "jsonl, no text": (".jsonl", b'{"text":"a"}\n{"x":1}\n{"text":"b"}\n', 1, "has no 'text'"),
    "jsonl, number": (".jsonl", b'{"text":"a"}\n{"text":3}\n{"text":"b"}\n', 1, "must be text"),
    "jsonl, list": (".jsonl", b'{"text":"a"}\n[1]\n{"text":"b"}\n', 1, "must be text"),
    "jsonl, bytes": (".jsonl", b'{"text":"a"}\n{"text":"\xff"}\n{"text":"b"}\n', 1, "no UTF-8"),
    "jsonl, NULs": (".jsonl", b'{"text":"a"}\n\0\0\0\0\n{"text":"b"}\n', 1, "line 2 is no JSON"),
    "jsonl, NUL": (
        ".jsonl",
        b'{"text":"a"}\n{"text":"\0"}\n{"text":"b"}\n',
        1,
        "line 2 is no JSON",
    ),
    "jsonl, huge": (".jsonl", b'"a"\n{"text": "' + HUGE + b'\n"b"\n', 1, "line 2 is no JSON"),
    "csv, huge": (".csv", b"id,text\n1,a\n" + HUGE + b"\n3,b\n", 1, "line 3 has 1 field"),
    "csv, huge and open": (".csv", b'id,text\n1,a\n3,b\n2,"' + HUGE, 2, "line 4 is no CSV"),
    "csv, NULs": (".csv", b"id,text\n1,a\n\0\0\n3,b\n", 1, "line 3 has 1 field"),
    "jsonl, deep": (".jsonl", b'"a"\n' + b"[" * 100_000 + b'\n"b"\n', 1, "line 2 is no JSON"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_fails_alone(kind, client, tmp_path):
    """With the number of its line; those before and after it are embedded."""
    suffix, content, place, said = BAD_ROWS[kind]
    (tmp_path / f"in{suffix}").write_bytes(content)

    report = embed_file(client, tmp_path / f"in{suffix}", tmp_path / "out.parquet", model=MODEL)

    table = pq.read_table(tmp_path / "out.parquet")
    errors = table["error"].to_pylist()
    assert (report.rows, report.failed) == (3, 1)
    assert said in errors[place]
    assert said in report.failures[0][1]
    assert [
        text for text, error in zip(table["text"].to_pylist(), errors, strict=True) if not error
    ] == ["a", "b"]
    matrix = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    assert np.isnan(matrix).all(axis=1).tolist() == [row == place for row in range(3)]


REFUSED = {
    "semicolons": (".csv", b"id;text\n1;a\n", {}, r'Add --delimiter ";"'),
    "tabs": (".csv", b"id\ttext\n1\ta\n", {}, "Add --delimiter tab"),
    "bars": (".csv", b"id|text\n1|a\n", {}, r'Add --delimiter "\|"'),
    "quoted names and tabs": (
        ".csv",
        b'"id"\t"text"\n1\ta\n',
        {},
        "is no CSV .* Add --delimiter tab",
    ),
    "quoted names, open": (".csv", b'"id","text\n1,a\n', {}, r"line 1 is no CSV \(.*\)\.$"),
    "UTF-16 without a mark": (".txt", "ab\n".encode("utf-16-le"), {}, "--encoding utf-16-le"),
    "UTF-16 of one column": (".csv", "text\na\n".encode("utf-16-be"), {}, "--encoding utf-16-be"),
    "UTF-32 without a mark": (".jsonl", '"a"\n'.encode("utf-32-le"), {}, "--encoding utf-32-le"),
    "UTF-32 big, no mark": (".txt", "ab".encode("utf-32-be"), {}, "--encoding utf-32-be"),
    "the mark of UTF-8": (
        ".txt",
        codecs.BOM_UTF8 + b"a\n",
        {"encoding": "latin-1"},
        "begins with the mark of utf-8, and encoding is 'latin-1'",
    ),
    "the mark of UTF-16": (
        ".csv",
        "text\na\n".encode("utf-16"),
        {"encoding": "utf-8"},
        "begins with the mark of utf-16, and encoding is 'utf-8'",
    ),
    "no header": (".csv", b"1,a\n2,b\n", {}, "There is no column 'text'"),
    "an empty csv": (".csv", b"", {}, "There is no column 'text'"),
    "a misspelt column": (".csv", b"txet,b\n1,2\n", {"column": "text"}, "Did you mean 'txet'"),
    "two columns of a name": (".csv", b"text,a,a\nx,1,2\n", {"keep_columns": "*"}, "'a' stands"),
    "two texts": (".csv", b"text,text\nx,1\n", {}, "'text' stands in the input 2 times"),
    "a column like ours": (".csv", b"text,error\nx,1\n", {"keep_columns": "*"}, "'error' would"),
    "an id like ours": (
        ".csv",
        b"text,embedding\nx,1\n",
        {"id_column": "embedding"},
        "'embedding'",
    ),
    "a delimiter for lines": (".txt", b"a\n", {"delimiter": ";"}, "delimiter is about .csv alone"),
    "no header for lines": (".txt", b"a\n", {"header": False}, "header is about .csv alone"),
    "a long delimiter": (".csv", b"text\na\n", {"delimiter": "::"}, "must be one character"),
    "no delimiter": (".csv", b"text\na\n", {"delimiter": ""}, "must be one character"),
    "an unknown encoding": (".txt", b"a\n", {"encoding": "klingon"}, "encoding is unknown"),
    "an encoding of bytes": (".txt", b"a\n", {"encoding": "base64"}, "encod"),
    "no row that is JSON": (".jsonl", b"{\n", {}, "line 1 is no JSON"),
    "no row that is text": (".jsonl", b'{"text": 3}\n', {}, "line 1 must be text"),
    "one JSON over many lines": (".jsonl", b'[\n{"text": "a"}\n]\n', {"column": "x"}, "column 'x'"),
    "no parquet": (".parquet", b"PAR1 not", {}, "input cannot be read"),
    "another format": (".xlsx", b"a", {}, "tells no known format"),
    "an encoding for parquet": (".parquet", b"", {"encoding": "utf-8"}, "says nothing"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_nobody_can_mean_is_refused_with_what_to_do(kind, client, service, tmp_path):
    """Before anything is paid, and nothing is left behind."""
    suffix, content, options, message = REFUSED[kind]
    (tmp_path / f"in{suffix}").write_bytes(content)

    with pytest.raises(ConfigurationError, match=message):
        embed_file(client, tmp_path / f"in{suffix}", tmp_path / "o.npy", model=MODEL, **options)

    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == [f"in{suffix}"]


@pytest.mark.parametrize(
    ("content", "options", "texts"),
    [
        (b"id;text\n1;a, b\n", {"delimiter": ";"}, ["a, b"]),
        (b"id\ttext\n1\ta\n", {"delimiter": "tab"}, ["a"]),
        (b"a;b\nc\n", {"delimiter": ","}, ["c"]),
        (b"1,a\n2,b\n", {"header": False, "column": "2"}, ["a", "b"]),
        (b"a\nb\n", {"header": False}, ["a", "b"]),
        ("text\nä\n".encode("latin-1"), {"encoding": "latin-1"}, ["ä"]),
        (codecs.BOM_UTF8 + b"text\na\n", {"encoding": "utf-8"}, ["a"]),
    ],
)
def test_a_file_is_read_as_it_was_said(content, options, texts, client, tmp_path):
    """Delimiter, header and encoding."""
    (tmp_path / "in.csv").write_bytes(content)

    embed_file(client, tmp_path / "in.csv", tmp_path / "out.parquet", model=MODEL, **options)

    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == texts


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["1", "2"], [1, 2]),
        (['"007"', '"8"'], ["007", "8"]),
        (["18446744073709551616", "1"], ["18446744073709551616", "1"]),
        (["18446744073709551615", "1"], [18446744073709551615, 1]),
        (["18446744073709551615", "-1"], ["18446744073709551615", "-1"]),
        (["1", '"x"'], ["1", "x"]),
        (["1", "0.5"], [1.0, 0.5]),
        (["9007199254740993", "0.5"], ["9007199254740993", "0.5"]),
        (["true", "1"], ["true", "1"]),
        (["true", "null"], [True, None]),
        (["[1, 2]", "[]"], [[1, 2], []]),
        (['{"a": 1}', "[2]"], ['{"a": 1}', "[2]"]),
        (["[18446744073709551616]", "[1]"], ["[18446744073709551616]", "[1]"]),
        (["null", "null"], [None, None]),
    ],
)
def test_other_columns_of_jsonl_keep_their_values(values, kept, tmp_path):
    """What no type holds unchanged is text, as it was written."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"text": "a", "k": {value}}}\n' for value in values))

    rows = next(JsonReader(path, ReadOptions()).read(Columns("text", None, ("k",))))

    assert rows.batch["k"].to_pylist() == kept


def test_ids_of_csv_stay_as_they_are_written(client, tmp_path):
    """Numbers, dates, blanks."""
    (tmp_path / "in.csv").write_text("id,text\n007,a\n18446744073709551616,b\n1.50,c\n")

    embed_file(client, tmp_path / "in.csv", tmp_path / "o.parquet", model=MODEL, id_column="id")

    ids = pq.read_table(tmp_path / "o.parquet")["id"].to_pylist()
    assert ids == ["007", "18446744073709551616", "1.50"]


def test_texts_of_parquet_that_are_none_fail_alone(client, tmp_path):
    """Nobody checks them when they are written."""
    raw = pa.array([b"a", b"\xff", b"b"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"text": text}), tmp_path / "in.parquet")

    report = embed_file(client, tmp_path / "in.parquet", tmp_path / "o.parquet", model=MODEL)

    assert report.failures[0][0] == 1
    assert "no UTF-8" in report.failures[0][1]
    assert report.done - report.failed == 2


COLUMNS = {
    # the values of a column of Parquet, its type, and the texts that must be embedded
    "wide texts": (["a", None], pa.large_string(), ["a", None]),
    "views": (["a", "b"], pa.string_view(), ["a", "b"]),
    "a dictionary": (["a", "b", "a"], pa.dictionary(pa.int32(), pa.string()), ["a", "b", "a"]),
    "nothing at all": ([None, None], pa.null(), [None, None]),
    "no rows": ([], pa.string(), []),
}


@pytest.mark.parametrize("kind", [kind for kind in COLUMNS if can_write(*COLUMNS[kind][:2])])
def test_texts_of_parquet_are_taken_whatever_their_type(kind, client, service, tmp_path):
    """A row without a text is no failure, and nothing is sent for it."""
    values, kept_as, texts = COLUMNS[kind]
    pq.write_table(pa.table({"text": pa.array(values, kept_as)}), tmp_path / "in.parquet")

    report = embed_file(client, tmp_path / "in.parquet", tmp_path / "o.parquet", model=MODEL)

    assert (report.rows, report.failed) == (len(texts), 0)
    assert pq.read_table(tmp_path / "o.parquet")["text"].to_pylist() == texts
    sent = [text for request in service.requests for text in request.body["input"]]
    assert sorted(sent) == sorted({text for text in texts if text})


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.list_(pa.string())],
    ids=str,
)
def test_columns_of_parquet_that_are_no_texts_are_refused(kind, client, service, tmp_path):
    """By name and type, before anything is paid."""
    pq.write_table(pa.table({"text": pa.nulls(2, kind)}), tmp_path / "in.parquet")

    with pytest.raises(ConfigurationError, match=r"The column 'text' holds .*, not text"):
        embed_file(client, tmp_path / "in.parquet", tmp_path / "o.parquet", model=MODEL)

    assert service.requests == ()


def test_long_texts_are_read_a_few_at_a_time(tmp_path):
    """Whatever the format."""
    from openrouter_embeddings.jobs._input import look_through

    texts = [f"{number:03d}" + "x" * 500_000 for number in range(40)]
    (tmp_path / "in.txt").write_text("\n".join(texts))
    pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet")

    for name in ("in.txt", "in.parquet"):
        sizes = [len(rows) for rows in look_through(str(tmp_path / name)).read()]
        assert sum(sizes) == 40
        assert max(sizes) <= 17


def test_the_names_of_many_columns_are_not_all_said():
    """Twenty, and how many more."""
    with pytest.raises(ConfigurationError, match="x19 and 5 more"):
        columns_of([f"x{number}" for number in range(25)], "text", None, ())


def sealed(texts):
    """Seal texts that stand behind another row."""
    batch = pa.record_batch({"text": pa.array(["before", *texts], pa.string())})
    return Rows(batch.slice(1), {}).seal


@pytest.mark.parametrize(
    "other", [["ab", "", None, "d"], ["a", "bc", None, ""], ["ab", "c", "", ""], ["ab", "c", None]]
)
def test_a_seal_tells_texts_from_all_others(other):
    """Where they end, and whether there is one, as well as what they say."""
    assert sealed(["ab", "c", None, ""]) == sealed(["ab", "c", None, ""])
    assert sealed(["ab", "c", None, ""]) != sealed(other)


def test_long_texts_have_no_seal():
    """Each is hashed anyway, and twice would take twice as long."""
    assert sealed(["a" * 10_000]) is None


@pytest.mark.parametrize("ids", [[1, 2, 2, None], ["1", "2", "2", None], [[1], [2], [2], None]])
def test_ids_of_every_kind_are_compared(ids, tmp_path):
    """Whole numbers by themselves, texts by their hashes, anything else as it is written."""
    source = str(tmp_path / "in.parquet")
    pq.write_table(pa.table({"id": ids, "text": ["a", "b", "c", "d"]}), source)
    given = look_through(source, id_column="id")
    assert (given.nameless, given.repeated) == (1, 1)


def test_a_row_that_cannot_be_read_may_have_its_id(tmp_path):
    """It is not taken off the rows without one: there were -1 of them."""
    source = str(tmp_path / "in.parquet")
    buffers = pa.array([b"a", b"\xff", b"\xff"]).buffers()
    texts = pa.Array.from_buffers(pa.string(), 3, buffers)
    pq.write_table(pa.table({"id": [1, 2, None], "text": texts}), source)
    given = look_through(source, id_column="id")
    assert (given.bad, given.nameless, given.notes) == (2, 0, ())
