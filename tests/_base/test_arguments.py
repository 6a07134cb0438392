"""What callers hand over: it becomes a plain value, or an error that names it."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings._base import arguments


class Hostile:
    """Raises from everything that Python may ask it."""

    def _fail(self, *_):
        raise ZeroDivisionError

    __repr__ = __str__ = __index__ = __float__ = __len__ = __iter__ = __bool__ = _fail


class Text(str):
    """A text whose methods cannot be trusted."""

    __slots__ = ()

    def __str__(self):
        raise ZeroDivisionError

    __repr__ = __len__ = encode = __str__


class HostileMapping(dict):
    """A mapping that cannot be read."""

    def keys(self):
        raise ZeroDivisionError

    __iter__ = keys


HUGE = 10**5000
KIND = "{0.__class__.__name__}".format


@pytest.mark.parametrize(
    "value", [Hostile(), HUGE, -HUGE, Text("x"), [Hostile()], "\x1b[2J\n"], ids=KIND
)
def test_whatever_a_value_is_it_can_be_shown(value):
    """In a few printable characters, even where its own methods fail."""
    shown = arguments.shown(value)

    assert shown.isprintable()
    assert len(shown) < 80


@pytest.mark.parametrize(
    "check",
    [
        lambda value: arguments.text("a", value),
        lambda value: arguments.choice("a", value, ("x", "y")),
        lambda value: arguments.flag("a", value),
        lambda value: arguments.whole_number("a", value, least=0, most=10),
        lambda value: arguments.number("a", value),
        lambda value: arguments.seconds("a", value),
        lambda value: arguments.mapping("a", value),
        lambda value: arguments.json_mapping("a", value),
        lambda value: arguments.header("a", value),
        lambda value: arguments.headers("a", value),
    ],
)
@pytest.mark.parametrize(
    "value",
    [Hostile(), HUGE, math.nan, [], {1: 2}, HostileMapping(a=1), np.array([1, 2]), b"x", object],
    ids=KIND,
)
def test_every_check_names_the_argument(check, value):
    """No value of any type ends in an error of Python's."""
    with pytest.raises(ConfigurationError) as caught:
        check(value)

    assert caught.value.argument.startswith("a")


@pytest.mark.parametrize(
    ("value", "plain"),
    [(3, 3), (2.5, 2.5), (np.float32(0.5), 0.5), (np.int64(3), 3), (Decimal("0.1"), 0.1)],
)
def test_numbers_of_any_make_are_taken(value, plain):
    """And become Python's own."""
    found = arguments.number("a", value)

    assert found == plain
    assert type(found) in (int, float)


@pytest.mark.parametrize("value", [HUGE, Decimal("1e999"), math.inf, math.nan, -1], ids=KIND)
def test_numbers_without_an_end_are_refused(value):
    """A number that no float holds is none."""
    with pytest.raises(ConfigurationError, match="finite"):
        arguments.number("a", value)


def test_a_time_is_one_that_the_system_can_wait():
    """The calls of the system take milliseconds in 31 bits."""
    with pytest.raises(ConfigurationError, match="2,000,000 seconds, or None"):
        arguments.seconds("timeout", 1e12)


def test_texts_become_plain():
    """The methods of a subclass are never asked."""
    assert type(arguments.text("a", Text("x"))) is str
    assert type(arguments.header("a", Text("x"))) is str
    assert arguments.text("a", np.str_("x")) == "x"


def test_a_mapping_is_copied_to_its_last_leaf():
    """What the caller changes later does not change what is sent."""
    given = {"a": {"b": [1]}}

    taken = arguments.json_mapping("a", given)
    given["a"]["b"].append(2)

    assert taken == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "proxy-authorization", "Accept-Encoding", "Content-Length", "Host"),
        *("transfer-encoding", "Content-Encoding", "Connection", "Keep-Alive", "TE", "Trailer"),
        *("Upgrade", "Expect"),
    ],
)
def test_headers_that_frame_a_message_are_refused(name):
    """A wrong one would break the connection, or send the key of somebody else."""
    with pytest.raises(ConfigurationError, match="cannot be set"):
        arguments.headers("headers", {name: "1"})


@pytest.mark.parametrize("content", [" a", "a ", "a\r\nX: b", "a\x00", "\x85a", "\ud800", 3, b"a"])
def test_odd_values_of_headers_are_refused_by_name(content):
    """Blanks at the ends would be cut on the way, line ends would begin another header."""
    with pytest.raises(ConfigurationError) as caught:
        arguments.headers("headers", {"X-A": content})

    assert caught.value.argument == "headers['X-A']"


def test_names_of_headers_are_tokens():
    """Every character that the standard allows is allowed."""
    assert arguments.headers("headers", {"X_a.b!": "ä"}) == {"X_a.b!": "ä"}
