"""Files of every odd kind, drawn from a fixed seed, and what a person expects of each.

What is expected comes from the values that a file was made of, never from reading it again. Each
property of a file is dealt like a card: all of its values turn up before one comes again.
"""

from __future__ import annotations

import codecs
import io
import json
import random
from collections import deque
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, evolve, field, frozen
from job_runs import can_write

SEED = 18
COUNTS = {".csv": 130, ".jsonl": 80, ".txt": 60, ".parquet": 60}


@frozen
class Row:
    """A row as a person reads it.

    Attributes:
        text: Its text, or None where it has none.
        id: Its id as it is written.
        failed: What must be said of it where it cannot be embedded.
    """

    text: str | None
    id: Any = None
    failed: str = ""


@frozen
class OddFile:
    """A file, and what a person expects.

    Attributes:
        kind: What is odd about it.
        suffix: The end of its name.
        content: Its bytes.
        words: What is said of it on the command line.
        rows: The rows that must come out.
        refused: The sentence, or a part of it, with which it must be refused; "" for none.
    """

    kind: str
    suffix: str
    content: bytes = field(repr=False)
    words: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    refused: str = ""


TEXTS = (
    *("007", "1e5", "1.50", "-0", "18446744073709551616", "0x1F", "1_000", "1,5", "=1+1"),
    *("2020-01-01", "01/02/03", "2020-01-01T00:00:00Z", "12:30", "Mar-04"),
    *("NA", "N/A", "#N/A", "null", "NULL", "None", "nan", "NaN", "-inf", "true", "FALSE"),
    *('say "a"', '"', '""', '"quoted"', "'single'", "it's", "a\\nb", "\\", "# no comment", "`"),
    *("a;b|c", "tab\there", "a, b", " blanks ", "\ttab first", "no\u00a0break", "a\x85b"),
    *("für Élise", "a\0b", "\0", "a\x0bb\x0cc", "a\x1cb\x1dc\x1ed", "\x7f", "\x1a", "\x1b[31mred"),
    *("日本語", "\U0001f600 and more", "a\u2028b\u2029c", "a\ufeffb", "e\u0301", "\u202eabc"),
    *('{"text": "inner"}', "[1, 2]", "</text>", "%00", "&amp;", "{}", "text", "id,text"),
)
WITH_LINES = ("a\nb", "a\r\nb", "a\rb", "a\n\nb", "\nfirst", "last\n", 'a\n"b"\r\nc')
HUGE = "huge " * 400_000  # 2 MB
ENDS = (("\n",), ("\r\n",), ("\r",), ("\n", "\r\n", "\r"))
BAD_BYTE = "\udcff"

ENCODINGS = {
    # how the file is written, its mark, what is said of it, and what is answered
    "utf-8": ("utf-8", b"", None, ""),
    "utf-8, said": ("utf-8", b"", "utf-8", ""),
    "utf-8 with a mark": ("utf-8", codecs.BOM_UTF8, None, ""),
    "utf-8 with a mark, said": ("utf-8", codecs.BOM_UTF8, "utf-8", ""),
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE, None, ""),
    "utf-16, said": ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16", ""),
    "utf-16 big": ("utf-16-be", codecs.BOM_UTF16_BE, None, ""),
    "utf-16 without a mark, said": ("utf-16-le", b"", "utf-16-le", ""),
    "latin-1, said": ("latin-1", b"", "latin-1", ""),
    "utf-16 without a mark": ("utf-16-le", b"", None, "--encoding utf-16-le"),
    "utf-16 big without a mark": ("utf-16-be", b"", None, "--encoding utf-16-be"),
    "utf-8 with a mark, latin-1 said": ("utf-8", codecs.BOM_UTF8, "latin-1", "begins with the"),
    "utf-16, utf-8 said": ("utf-16-le", codecs.BOM_UTF16_LE, "utf-8", "begins with the mark of"),
}


@define
class Dealer:
    """Deals the values of each property; all of them turn up before one comes again."""

    random: random.Random
    _decks: dict[str, deque[Any]] = field(factory=dict)

    def deal(self, name: str, values: Any) -> Any:
        """Deal one value."""
        deck = self._decks.setdefault(name, deque())
        if not deck:
            deck.extend(self.random.sample(list(values), len(values)))
        return deck.popleft()

    def some(self, name: str, values: Any, count: int) -> list[Any]:
        """Deal a few."""
        return [self.deal(name, values) for _ in range(count)]


def most_good(kinds: dict[str, tuple[Any, ...]]) -> list[str]:
    """Name each kind, and those that are not refused three times."""
    return [kind for kind, of in kinds.items() for _ in range(1 if of[-1] else 3)]


@define
class Written:
    """A file of text on its way: its lines, with ends that may differ, and their numbers."""

    ends: tuple[str, ...]
    text: str = ""
    line: int = 1
    _ended: int = 0

    def add(self, row: str) -> int:
        """Write a row, and return the number of its first line."""
        number = self.line
        end = self.ends[self._ended % len(self.ends)]
        if not row and end == "\n" and self.text.endswith("\r"):
            end = "\r\n"  # or the two would be one
        self._ended += 1
        self.text += row + end
        self.line += lines_in(row + end)
        return number

    def encoded(self, codec: str, *, is_ended: bool) -> bytes:
        """Write the bytes, the last line with its end or without."""
        whole = self.text if is_ended else self.text.rstrip("\r\n")
        return whole.encode(codec, "surrogateescape" if codec == "utf-8" else "strict")


def lines_in(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def fits(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def texts_for(dealer: Dealer, codec: str, *, lines: bool, number: int) -> list[str | None]:
    """Deal texts that the encoding has, one of them empty, now and then a huge one."""
    dealt = dealer.some("texts", TEXTS, 8) + (dealer.some("lines", WITH_LINES, 2) if lines else [])
    texts: list[str | None] = [text for text in dealt if fits(text, codec)]
    texts.insert(len(texts) // 2, None)
    return [*texts, HUGE] if number % 20 == 0 else texts


def encoding_of(dealer: Dealer) -> tuple[str, str, bytes, tuple[str, ...], str]:
    kind = dealer.deal("encoding", most_good(ENCODINGS))
    codec, mark, said, refused = ENCODINGS[kind]
    return kind, codec, mark, ("--encoding", said) if said else (), refused


# --- CSV ---------------------------------------------------------------------------------------

HEADERS = {
    # the names, whether they are quoted, the words about them, and what is answered
    "usual": (("id", "text", "more"), False, ("--id-column", "id"), ""),
    "quoted": (("id", "text", "more"), True, ("--id-column", "id"), ""),
    "other names": (("key", "Body of it", ""), False, ("--id-column", "key"), ""),
    "blanks, said": (("id", " text", "more"), False, ("--id-column", "id"), ""),
    "others twice": (("id", "text", "a", "a"), False, ("--id-column", "id"), ""),
    "none": (("1", "2", "3"), None, ("--no-header", "--id-column", "1"), ""),
    "blanks": (("id", " text", "more"), False, (), "Did you mean ' text'"),
    "large": (("ID", "TEXT"), False, ("--column", "Text"), "There is no column 'Text'"),
    "text twice": (("id", "text", "text"), False, (), "'text' stands in the input 2 times"),
    "id twice": (("id", "text", "id"), True, ("--id-column", "id"), "'id' stands in the input 2"),
    "ours": (("error", "text"), False, ("--id-column", "error"), "'error' would be in the output"),
    "not there": (("007", "a"), None, (), "There is no column 'text'"),
}
COLUMN = {"other names": "Body of it", "blanks, said": " text", "none": "2"}
DELIMITERS = {",": None, ";": ";", "\t": "tab", "|": "|"}
CSV_BADS = (None, "few", "many", "junk", "bytes", "open")
IDS = ("007", "18446744073709551616", "1.50", "2020-01-01", "NA", "", "é", " x ", "1e5", "-0")


def quoted(value: str, delimiter: str, *, always: bool) -> str:
    if not always and value and not set(value) & {delimiter, '"', "\r", "\n"}:
        return value
    return '"' + value.replace('"', '""') + '"'


def csv_file(dealer: Dealer, number: int) -> OddFile:
    kind, codec, mark, words, refused = encoding_of(dealer)
    header = dealer.deal("header", most_good(HEADERS))
    names, is_quoted, said, wrong = HEADERS[header]
    delimiter = dealer.deal("delimiter", DELIMITERS)
    bad, always = dealer.deal("csv bad", CSV_BADS), dealer.deal("always", (True, False))
    written = Written(dealer.deal("ends", ENDS))
    width = len(names)
    if is_quoted is not None:
        written.add(delimiter.join(quoted(name, delimiter, always=is_quoted) for name in names))
    rows: list[Row] = []

    def add(values: list[str], row: Row, broken: str = "") -> None:
        line = delimiter.join(quoted(value, delimiter, always=always) for value in values)
        at = written.add(line + broken)
        rows.append(evolve(row, failed=row.failed.format(at)))

    texts = texts_for(dealer, codec, lines=True, number=number)
    for text in ["no name", *texts] if header == "not there" else texts:
        name = dealer.deal("ids", [one for one in IDS if fits(one, codec)])
        name = name if fits(name, codec) else "x"
        filler = dealer.some("fillers", ("", "x", "a\nb", '"', "0"), width - 2)
        add([name, text or "", *filler], Row(text, name))
        if dealer.random.random() < 0.2:
            written.add("")
    if bad == "few":
        add(["x"], Row(None, failed=f"line {{}} has 1 field, the header {width}"))
    elif bad == "many":
        add(["x"] * (width + 1), Row(None, failed=f"line {{}} has {width + 1} fields"))
    elif bad == "junk":
        add(["x"], Row(None, failed="line {} is no CSV"), f'{delimiter}"a"b')
    elif bad == "bytes" and codec == "utf-8":
        add(["x", BAD_BYTE, *["x"] * (width - 2)], Row(None, failed="line {} is no "))
    add(["last", "the last one", *["x"] * (width - 2)], Row("the last one", "last"))
    if bad == "open":
        add(["x"], Row(None, failed="line {} is no CSV"), f'{delimiter}"open')
    is_said = DELIMITERS[delimiter] is not None
    if is_said and dealer.deal("delimiter said", (True, True, True, False)):
        words += ("--delimiter", DELIMITERS[delimiter] or "")
    elif is_said:
        wrong = "Add --delimiter" if is_quoted is not None else "Add --delimiter|There is no column"
    if header in COLUMN:
        words += ("--column", COLUMN[header])
    return OddFile(
        f"csv {number}: {kind}; {header}; {delimiter!r}; {bad}; {written.ends!r}",
        ".csv",
        mark + written.encoded(codec, is_ended=dealer.deal("ended", (True, True, False))),
        words + said,
        tuple(rows),
        refused or wrong,
    )


# --- JSONL -------------------------------------------------------------------------------------

JSON_IDS = {
    # the ids, and as what they come out
    "texts": (["007", "NA", "é", "", "1e5"], None),
    "whole": ([1, -(2**63), 2**63 - 1, 0], None),
    "large": ([2**64 - 1, 0, 7, 2**63], None),
    "larger": ([2**64, 1, 2], ["18446744073709551616", "1", "2"]),
    "mixed": ([1, "007", None, True], ["1", "007", None, "true"]),
    "lists": ([[1], [], [2, 3]], None),
    "none": ([None], None),
}
JSON_BADS = {
    "none": None,
    "cut": ('{"text": "a', "is no JSON"),
    "two": ('{"text": "a"} {"text": "b"}', "is no JSON"),
    "comma": ('{"text": "a"},', "is no JSON"),
    "NULs": ("\0\0\0\0", "is no JSON"),
    "single quotes": ("{'text': 'a'}", "is no JSON"),
    "no text": ('{"id": null, "more": "x"}', "has no 'text'"),
    "number": ('{"text": 7}', "must be text, not int 7"),
    "list": ('{"text": ["a"]}', "must be text, not list"),
    "object": ('{"text": {"text": "a"}}', "must be text, not dict"),
    "half": ('{"text": "a\\ud83d"}', "half of a surrogate pair"),
    "half of an id": ('{"id": "\\udc00", "text": "a"}', "half of a surrogate pair"),
    "bytes": (f'{{"text": "{BAD_BYTE}"}}', "is no "),
    "deep": ("[" * 100_000, "is no JSON"),
}
JSON_NAMES = {"text": "", "body": "", "Text": "There is no column 'text'. Did you mean 'Text'"}


def jsonl_file(dealer: Dealer, number: int) -> OddFile:
    kind, codec, mark, words, refused = encoding_of(dealer)
    written = Written(dealer.deal("ends", ENDS))
    ids, bad = dealer.deal("json ids", JSON_IDS), dealer.deal("json bad", JSON_BADS)
    if bad == "half of an id" and ids != "texts":
        bad = "half"  # a text among other ids would make texts of all
    name, is_ascii = (
        dealer.deal("json name", ("text", "body", "text", "Text")),
        dealer.deal("ascii", (True, False)),
    )
    given, come = JSON_IDS[ids]
    come = come or given
    rows: list[Row] = []
    texts = texts_for(dealer, "utf-8" if is_ascii else codec, lines=True, number=number)
    for place, text in enumerate(texts):
        known = given[place % len(given)]
        row = {"id": known, name: text, "nested": {name: [name]}, "z": float(place)}
        if dealer.deal("null or empty", (True, False)) and text is None:
            row[name] = ""
        line = json.dumps(row, ensure_ascii=is_ascii or codec == "latin-1")
        written.add(dealer.deal("around", ("{}", "  {}  ", "\t{}")).format(line.join(("", ""))))
        rows.append(Row(text, come[place % len(given)]))
        if dealer.random.random() < 0.2:
            written.add(dealer.deal("void", ("", "   ")))
    found = JSON_BADS[bad]
    if found and (bad != "bytes" or codec == "utf-8"):
        line, why = found
        at = written.add(line.replace('"text"', f'"{name}"'))
        rows.append(Row(None, failed=f"line {at} {why.replace('text', name, 1)}"))
        if why.startswith(("must", "half")):
            rows[-1] = Row(None, failed=why)
    if name == "body":
        words += ("--column", "body")
    return OddFile(
        f"jsonl {number}: {kind}; {ids}; {bad}; {name}; {written.ends!r}",
        ".jsonl",
        mark + written.encoded(codec, is_ended=dealer.deal("ended", (True, True, False))),
        (*words, "--id-column", "id"),
        tuple(rows),
        refused or JSON_NAMES[name],
    )


# --- lines of text -----------------------------------------------------------------------------


def txt_file(dealer: Dealer, number: int) -> OddFile:
    kind, codec, mark, words, refused = encoding_of(dealer)
    written = Written(dealer.deal("ends", ENDS))
    rows: list[Row] = []
    for text in texts_for(dealer, codec, lines=False, number=number):
        written.add(text or "")
        rows.append(Row(text))
    if codec == "utf-8" and dealer.deal("txt bad", (True, False)):
        rows.append(Row(None, failed=f"line {written.add(f'a{BAD_BYTE}')} is no "))
    wrong, extra = dealer.deal(
        "txt options", [("", ())] * 6 + [("is about .csv alone", ("--delimiter", ";"))]
    )
    return OddFile(
        f"txt {number}: {kind}; {written.ends!r}; {extra}",
        ".txt",
        mark + written.encoded(codec, is_ended=dealer.deal("ended", (True, True, False))),
        words + extra,
        tuple(rows),
        wrong or refused,
    )


# --- Parquet -----------------------------------------------------------------------------------

TEXT_TYPES = {
    "string": pa.string(),
    "large": pa.large_string(),
    "view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "small dictionary": pa.dictionary(pa.int8(), pa.string()),
    "null": pa.null(),
}
NO_TEXTS = {
    "int": ([1, 2], pa.int64()),
    "bytes": ([b"a", b"b"], pa.binary()),
    "list": ([["a"], ["b"]], pa.list_(pa.string())),
    "object": ([{"text": "a"}, None], pa.struct([("text", pa.string())])),
    "dictionary of numbers": ([1, 1], pa.dictionary(pa.int8(), pa.int64())),
}
PARQUET_IDS = {
    "int64": ([1, -(2**63), None, 2**63 - 1], pa.int64()),
    "uint64": ([2**64 - 1, 0, 7, 2**63], pa.uint64()),
    "texts": (["007", "NA", "", None, "é"], pa.string()),
    "views": (["007", "NA"], pa.string_view()),
    "large": (["007", "x"], pa.large_string()),
    "dictionary": (["x", "y", "x"], pa.dictionary(pa.int8(), pa.string())),
    "truths": ([True, False, None], pa.bool_()),
    "lists": ([[1], [], None], pa.list_(pa.int64())),
    "objects": ([{"a": 1}, {"a": None}], pa.struct([("a", pa.int64())])),
    "nothing": ([None], pa.null()),
}
PARQUET_NAMES = {
    # the columns, the words about them, and what is answered
    "usual": (("id", "text", "more"), (), ""),
    "spaces": (("id", " my text ", "text"), ("--column", " my text "), ""),
    "dots": (("id", "a.b", "a"), ("--column", "a.b"), ""),
    "a prefix": (("id", "text", "text.more"), (), ""),
    "others twice": (("id", "text", "x", "x"), (), ""),
    "text twice": (("id", "text", "text"), (), "'text' stands in the input 2 times"),
    "id twice": (("id", "text", "id"), (), "'id' stands in the input 2 times"),
    "misspelt": (("id", "txet", "more"), (), "Did you mean 'txet'"),
}


def parquet_file(dealer: Dealer, number: int) -> OddFile:
    names, words, wrong = PARQUET_NAMES[
        (layout := dealer.deal("parquet names", most_good(PARQUET_NAMES)))
    ]
    kinds = [kind for kind, held in TEXT_TYPES.items() if kind == "null" or can_write(["a"], held)]
    kind, ids = dealer.deal("text type", kinds), dealer.deal("parquet ids", PARQUET_IDS)
    values, held = PARQUET_IDS[ids]
    if not can_write(values, held):
        values, held = PARQUET_IDS["int64"]
    texts = texts_for(dealer, "utf-8", lines=True, number=number)
    if kind == "null":
        texts = [None] * len(texts)
    as_empty = dealer.deal("null or empty", (True, False)) and kind != "null"
    stored = ["" if text is None and as_empty else text for text in texts]
    column = pa.array(stored, TEXT_TYPES[kind])
    ids_held = [values[place % len(values)] for place in range(len(texts))]
    if number % 7 == 0:
        no_text = dealer.deal("no texts", NO_TEXTS)
        column = pa.array(*NO_TEXTS[no_text])
        ids_held, kind = ids_held[:2], f"{no_text}, no texts"
        wrong = wrong or "not text"
    filler = pa.array(["x"] * len(column))
    table = pa.Table.from_arrays(
        [pa.array(ids_held, held), column, *[filler] * (len(names) - 2)], list(names)
    )
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        row_group_size=dealer.deal("group", (1, 3, 1_000)),
        compression=dealer.deal("compression", ("none", "snappy", "zstd")),
        version=dealer.deal("version", ("1.0", "2.6")) if ids != "uint64" else "2.6",
    )
    content = sink.getvalue()
    if number % 20 == 7:
        content, wrong = content[:-5], "input cannot be read"
    rows = tuple(Row(text, known) for text, known in zip(texts, ids_held, strict=False))
    named = f"parquet {number}: {layout}; {kind}; {ids}"
    return OddFile(named, ".parquet", content, (*words, "--id-column", "id"), rows, wrong)


MAKERS = {".csv": csv_file, ".jsonl": jsonl_file, ".txt": txt_file, ".parquet": parquet_file}


def odd_files(suffix: str) -> list[OddFile]:
    """Make the files of one format; the same ones every time."""
    dealer = Dealer(random.Random(SEED))
    return [MAKERS[suffix](dealer, number) for number in range(COUNTS[suffix])]
