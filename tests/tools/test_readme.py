"""The tool that runs the README's examples in an empty environment: it must be able to fail."""

from __future__ import annotations

import pytest
import readme

SHOWN = "# A title\n\n```python\nprint(1 + 1)\n```\n\n```text\n{}\n```\n"


@pytest.fixture
def document(tmp_path, monkeypatch):
    """Put another document into the README's place."""
    path = tmp_path / "README.md"
    monkeypatch.setattr(readme, "README", path)
    return path


def test_an_example_that_prints_what_is_shown_passes(document, capsys):
    """Character by character."""
    document.write_text(SHOWN.format(2))

    assert readme.main([]) == 0
    assert capsys.readouterr().out == "1 of 1 examples print what the README shows\n"


def test_an_example_that_prints_something_else_fails_with_a_diff(document, capsys):
    """What is shown and what is printed stand beside each other."""
    document.write_text(SHOWN.format(3))

    assert readme.main([]) == 1
    said = capsys.readouterr().err
    assert "-3\n" in said
    assert "+2\n" in said


def test_a_document_without_examples_fails(document):
    """A pattern that finds nothing any more must not pass for a success."""
    document.write_text("# A title\n")

    assert readme.main([]) == 1


def test_examples_of_the_local_model_are_run_apart(document, capsys):
    """The base install has no model, and later Pythons have no wheels of it."""
    document.write_text(SHOWN.format(2) + "\n```python\nLocalServer = print\n```\n")

    assert readme.main(["--local"]) == readme.main([]) == 0
    assert capsys.readouterr().out.count("1 of 1 examples") == 2
