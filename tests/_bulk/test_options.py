"""Options of a run: checked, written as a template, and who is told of progress."""

from __future__ import annotations

import pytest

from openrouter_embeddings import ConfigurationError, EmbeddedBatch
from openrouter_embeddings._bulk.options import choose_reporter, prepare_result, write_template


def test_a_template_carries_what_each_request_carries():
    """But for its inputs."""
    template = write_template("m", {"dimensions": 4, "input_type": "a"})

    assert (template.model, template.dimensions) == ("m", 4)
    assert template.options["input_type"] == "a"


@pytest.mark.parametrize(
    ("given", "argument"),
    [({"dimension": 4}, "dimension"), ({"dimensions": 0}, "dimensions"), ({"cache": "x"}, "cache")],
)
def test_what_no_request_carries_is_named(given, argument):
    """A typing error is never passed over in silence."""
    with pytest.raises(ConfigurationError) as caught:
        write_template("m", given)

    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("inputs", "on_error", "expected"),
    [
        (["a", "b"], "raise", 2),
        (("a",), "raise", 1),
        (["a", ""], "keep", 2),
        (iter("ab"), "raise", None),
    ],
    ids=["list", "tuple", "kept", "iterator"],
)
def test_lists_are_checked_and_measured_beforehand(inputs, on_error, expected):
    """What is read as it comes has no length yet."""
    assert prepare_result(inputs, on_error).expected == expected


@pytest.mark.parametrize(("on_error", "words"), [("raise", r"inputs\[1\]"), ("skip", "on_error")])
def test_lists_with_bad_inputs_and_unknown_ways_are_refused(on_error, words):
    """Before anything is sent or paid."""
    with pytest.raises(ConfigurationError, match=words):
        prepare_result(["a", ""], on_error)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_terminals_alone(terminal, monkeypatch, capsys):
    """A log is no place for a line that is overwritten."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    choose_reporter(progress=True)(EmbeddedBatch([[1.0]], start=9))

    assert ("10 inputs" in capsys.readouterr().err) is terminal


def test_a_function_is_told_of_each_batch():
    """Itself; and nobody where progress is off."""
    seen = []

    assert choose_reporter(seen.append) == seen.append
    assert choose_reporter(progress=False)(EmbeddedBatch([[1.0]])) is None
