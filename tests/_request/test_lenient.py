"""Values of a reply, whatever type they came in."""

from __future__ import annotations

import json
import math
import random
import struct

import pytest

from openrouter_embeddings._request import lenient


@pytest.mark.parametrize(
    "value", [10**400, -1, -0.5, math.inf, math.nan, 1e300, True, "1", None, [], 10**15 + 1]
)
def test_a_number_that_no_service_means_is_unknown(value):
    """Unknown is not zero, and sums of what is taken stay finite."""
    assert lenient.number(value) is None
    assert lenient.count(value) is None


@pytest.mark.parametrize(("value", "number", "count"), [(0, 0, 0), (7, 7, 7), (2.5, 2.5, 2)])
def test_numbers_are_taken(value, number, count):
    """A fraction of a count is cut off."""
    assert (lenient.number(value), lenient.count(value)) == (number, count)


def test_texts_are_safe_to_show():
    """What a terminal would obey is written out, and a half surrogate fits into a file."""
    assert lenient.text("a\x1b[2J\nb\ud800") == "a\\x1b[2J b\\ud800"
    assert lenient.prose("one\ntwo\u202e") == "one\ntwo\\u202e"
    assert lenient.texts(["a\x00", 3, {}]) == ("a\\x00",)


DEEP = 900  # levels that both parsers take below pytest's own frames; 100,000 are too many for both
ODD_BODIES = [
    *(b"", b" ", b"\n\r\t {} \n", b"{} x", b"{},", b"1 2", b"[1,]", b"[,1]", b'{"a":1,}', b"{a:1}"),
    *(
        b"{'a':1}",
        b"{1:2}",
        b"[1 2]",
        b'{"a" 1}',
        b"[",
        b'{"a":',
        b'"abc',
        b'"\\',
        b"[]]",
        b"{}\x00",
    ),
    *(b"null", b"nul", b"nullx", b"True", b"//c\n1", b"0x10", b"1_000", b"\x0b1", b"\x0c1"),
    *(b'{"a":1,"b":2,"a":3}', b'{"":1}', b'{"a":{"a":1,"a":[]}}'),
    *(b"0", b"-0", b"-0.0", b"-0e5", b"[-0]", b"00", b"-01", b"+1", b"1.", b".5", b"1e", b"1e+"),
    *(b"--1", b"- 1", b"1E5", b"1.0e+0005", b"0e99999999999999999999", b"1e-99999999999999999999"),
    *(b"1e999", b"[-1e999]", b"NaN", b"[NaN]", b"Infinity", b"-Infinity", b"[1e400,2]", b"1e-999"),
    *(b"5e-324", b"2.2250738585072011e-308", b"1.7976931348623159e308", b"0.30000000000000004"),
    *(b"9007199254740993", b"9007199254740993.0", b"12345678901234567890.5"),
    *(b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809", b"1" * 60),
    *(b"1" * 4_300, b"1" * 5_000, b"-" + b"1" * 4_300, b"1" * 400 + b".0"),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\ud83d"',
        b'"\\ud83d\\ude00"',
        b'"\\uD800\\u0041"',
    ),
    *(
        b'{"\\ud800":1}',
        b'"\xed\xa0\x80"',
        b'["\xed\xa0\x80\xed\xb0\x80"]',
        b'"\xff"',
        b'"\xc0\x80"',
    ),
    *(b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\xc3\xa9"', b'"\\u00e9"', b'"\\u00zz"', b'"\\u12"'),
    *(b'"a\nb"', b'"a\tb"', b'"a\x00b"', b'"\x1f"', b'"\x7f"', b'"\\x"', b'"\\/\\b\\f\\n\\r\\t"'),
    *(b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xa01", b"\xc2\xa01", b"1\x00", b"\x001", b"\x00"),
    *(b'{"data":[{"embedding":[1.5,NaN]}]}', b'\xef\xbb\xbf{"data":[]}'),
    *(
        '{"a":1}'.encode(name)
        for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")
    ),
    *(b"[" * depth + b"]" * depth for depth in (500, DEEP, 100_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (500, DEEP, 100_000)),
]


GOOD_BODIES = [
    b'{"object":"list","data":[{"index":0,"embedding":"AACAPw=="}],"usage":{"cost":1e-7}}',
    b'[{"index":-0,"embedding":[0.25,-1e-3,12]},null,true,false,"\\u00e9\\ud83d\\ude00 \\n"]',
    '{"model":"\u00e9\u65e5\U0001f600","n":{"a":{},"b":[[]]}}'.encode(),
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:24]))
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_body_means_what_it_means_to_the_standard_library(body, kind):
    """The fast parser changes no verdict: the same value, of the same types, or none."""
    assert written(lenient.decode(kind(body))) == written(read_by_the_standard_library(body))


def test_drawn_bodies_mean_the_same():
    """Whatever the bytes are: good bodies with some places written over, seeded."""
    draw = random.Random(17)
    marks = b'[]{}",:0123456789.eE+-\\u dtrnfalsebNI\x00\x1f\x80\xc3\xed\xff'
    for _ in range(20_000):
        body = bytearray(draw.choice(GOOD_BODIES))
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(body) + 1)
            body[place : place + draw.randint(0, 2)] = draw.choices(marks, k=draw.randint(0, 3))
        assert written(lenient.decode(body)) == written(read_by_the_standard_library(body)), body


def test_drawn_numbers_mean_the_same():
    """To the last bit, however many digits they are written with."""
    draw = random.Random(17)
    for _ in range(20_000):
        (number,) = struct.unpack("<d", draw.randbytes(8))
        text = draw.choice([repr(number), f"{number:.{draw.randint(0, 25)}e}"])
        body = text.replace("nan", "NaN").replace("inf", "Infinity").encode()
        assert written(lenient.decode(body)) == written(read_by_the_standard_library(body)), body


def read_by_the_standard_library(body):
    """Read a body as it was read before."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def written(value):
    """Write a value so that types and signs show, and depth needs no stack."""
    parts, left = [], [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            parts.append(("dict", list(each)))
            left += each.values()
        elif isinstance(each, list):
            parts.append(("list", len(each)))
            left += each
        else:
            is_long = isinstance(each, int) and not isinstance(each, bool)
            parts.append((type(each), hex(each) if is_long else repr(each)))
    return parts
