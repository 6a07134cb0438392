"""Two revisions of the packages: names that went, came or changed, and the step of the version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import api_diff
import pytest

SMALL = (Path(__file__).resolve().parent / "small.yaml").read_text(encoding="utf-8")
MODULE = """
__all__ = ["Client", "generate"]
from openrouter_embeddings._inner import Client
def generate(model, width=None): ...
def _hidden(a): ...
"""
INNER = """
class Client:
    def close(self, wait=True): ...
    def _private(self): ...
"""


@pytest.fixture
def checkout(tmp_path):
    for package in api_diff.PACKAGES:
        folder = api_diff.FOLDERS[api_diff.PACKAGES.index(package)]
        (tmp_path / folder / package).mkdir(parents=True)
        (tmp_path / folder / package / "__init__.py").write_text("")
    write(tmp_path, "__init__", MODULE)
    write(tmp_path, "_inner", INNER)
    (tmp_path / "openapi.yaml").write_text(SMALL)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)
    return tmp_path


def write(folder, name, text):
    (folder / "overlays" / "openrouter_embeddings" / f"{name}.py").write_text(text)


def shown(checkout, capsys, *words):
    assert api_diff.main(["--folder", str(checkout), *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "row", "step"),
    [
        ("__init__", "", "", "0 breaking, 0 new", "none"),
        ("__init__", "_hidden(a)", "_hidden(b)", "0 breaking, 0 new", "none"),
        ("__init__", "generate(model, ", "generate(models, ", "generate(model): ", "major"),
        ("__init__", "width=None", "width=3", "generate(width): Parameter default", "major"),
        ("__init__", "width=None", "width=None, *, unit=1", "0 breaking, 0 new", "none"),
        ("__init__", "def generate", "def make", "generate: Public object was removed", "major"),
        ("_inner", "def _private", "def reset", "0 breaking, 0 new", "none"),
        (
            "__init__",
            "def _hidden",
            "LIMIT = 3\ndef _hidden",
            "openrouter_embeddings.LIMIT",
            "minor",
        ),
    ],
)
def test_each_change_asks_for_its_step(name, old, new, row, step, checkout, capsys):
    """What is private does not count, and what only adds breaks nothing."""
    text = {"__init__": MODULE, "_inner": INNER}[name]
    write(checkout, name, text.replace(old, new) if old else text)

    found = shown(checkout, capsys, "HEAD")

    assert row in found
    assert f"a step of: {step}" in found


def test_the_contract_is_shown_beside_and_one_step_is_named(checkout, capsys):
    """The greater of the two."""
    text = SMALL.replace("enum: [float, base64]", "enum: [float, base64, int8]")
    (checkout / "openapi.yaml").write_text(text)

    found = shown(checkout, capsys, "HEAD")

    assert "The contract against HEAD: 1 changes" in found
    assert "a step of: minor (names: none, contract: minor)" in found


def test_an_unknown_revision_is_named(checkout, capsys):
    """Exit code 2."""
    assert api_diff.main(["--folder", str(checkout), "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
