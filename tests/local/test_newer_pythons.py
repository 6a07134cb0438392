"""The local model on a Python that it has no wheels for: a sentence that says so."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from openrouter_embeddings import MissingExtraError
from openrouter_embeddings.local import LocalServer, _model, serve

ROOT = Path(__file__).resolve().parents[2]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def wheels_end(monkeypatch):
    """Say where the wheels of the model end, on a Python that does not have it."""
    monkeypatch.setattr(_model.LocalModel, "_loaded", None)
    monkeypatch.setitem(sys.modules, "wordllama", None)
    return lambda first: monkeypatch.setattr(_model, "_FIRST_WITHOUT_WHEELS", first)


@pytest.mark.parametrize("start", [lambda: LocalServer().start(), lambda: serve(port=0)])
def test_the_message_names_the_python_and_the_way_out(wheels_end, start):
    """The extra cannot help here, so it is not what the user is told to install."""
    wheels_end(sys.version_info[:2])

    with pytest.raises(MissingExtraError, match=rf"no wheels for Python {HERE} yet") as caught:
        start()

    assert "Use Python 3.11 to 3.13" in str(caught.value)
    assert "pip install" not in str(caught.value)


def test_before_that_the_extra_is_named(wheels_end):
    """There the extra brings it."""
    wheels_end((sys.version_info[0], sys.version_info[1] + 1))

    with pytest.raises(MissingExtraError, match=r"openrouter-embeddings\[local\]"):
        LocalServer().start()


def test_the_extra_leaves_it_out_where_it_has_no_wheels():
    """What is said and what is installed agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    first = ".".join(map(str, _model._FIRST_WITHOUT_WHEELS))

    assert any(
        requirement.startswith("wordllama") and requirement.endswith(f"python_version < '{first}'")
        for requirement in project["optional-dependencies"]["local"]
    )
