"""The error tree: families, pickling, and the texts that people read."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from openrouter_embeddings import errors
from openrouter_embeddings.errors import (
    ERROR_OF_STATUS,
    ConfigurationError,
    MissingExtraError,
    OpenRouterError,
    ResponseError,
    TooManyRequestsResponseError,
)

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, OpenRouterError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_survives_pickling(kind):
    """An error that crosses a process keeps its class, its text and all its facts."""
    error = kind("It went wrong.", request_id="req-1", hint="Do this.")

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert str(copy) == str(error) == "It went wrong. Do this. (request req-1)"
    assert vars(copy) == vars(error)


def test_a_response_error_keeps_its_facts_through_pickling():
    """Status, code, headers and the time to wait travel along."""
    error = TooManyRequestsResponseError(
        "429: slow down",
        status_code=429,
        http_status=200,
        code="429",
        metadata={"limit_source": "x"},
        headers={"retry-after": "0"},
        body="{}",
        retry_after=0.0,
    )

    copy = pickle.loads(pickle.dumps(error))

    assert (copy.status_code, copy.http_status, copy.code) == (429, 200, "429")
    assert (copy.metadata, copy.headers, copy.body) == (error.metadata, error.headers, "{}")
    assert copy.retry_after == 0.0


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_tree_is_drawn_at_the_top(kind):
    """A reader sees every class in the module's first lines."""
    if kind is errors.InvalidTypeError:
        assert issubclass(kind, ConfigurationError)
    else:
        assert kind.__name__ in errors.__doc__


def test_every_status_class_is_a_response_error_whose_docstring_names_the_status():
    """The table and the classes cannot drift apart."""
    for status, kind in ERROR_OF_STATUS.items():
        assert issubclass(kind, ResponseError)
        assert kind.__doc__.startswith(f"{status}:")
        assert re.search(rf"{kind.__name__}\s+{status}\b", errors.__doc__)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ConfigurationError, ValueError),
        (errors.InvalidTypeError, TypeError),
        (MissingExtraError, ImportError),
    ],
)
def test_errors_of_the_call_are_also_the_builtin_ones(kind, builtin):
    """Code that catches ValueError, TypeError or ImportError keeps working."""
    assert issubclass(kind, builtin)
    assert issubclass(kind, ConfigurationError)
