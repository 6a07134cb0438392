"""The homes in other frameworks, where none of these is installed: nobody needs or imports them."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import openrouter_embeddings
from openrouter_embeddings import integrations

PACKAGE = Path(openrouter_embeddings.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
LIBRARIES = {
    "chroma": "chromadb",
    "lancedb": "lancedb",
    "langchain": "langchain_core",
    "llama_index": "llama_index",
    "pydantic_ai": "pydantic_ai",
    "sklearn": "sklearn",
    "tables": "pyarrow",
}
HIDDEN = """
import sys
sys.modules[sys.argv[1]] = None
from openrouter_embeddings import MissingExtraError
try:
    __import__(f"openrouter_embeddings.integrations.{sys.argv[2]}")
except MissingExtraError as error:
    print(error)
"""


def imports_of(path):
    """Name what a file imports, below functions and `TYPE_CHECKING` too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_door_names_every_home():
    """And each has its library and its extra."""
    files = {path.stem for path in (PACKAGE / "integrations").glob("[a-z]*.py")}

    assert files == set(integrations.HOMES)
    assert {home.replace("_", "-") for home in files} <= set(EXTRAS)


@pytest.mark.parametrize("home", integrations.HOMES)
def test_a_missing_library_names_its_command(home):
    """The message can be pasted into a terminal."""
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, LIBRARIES[home], home],
        check=True,
        capture_output=True,
        text=True,
    )

    extra = home.replace("_", "-")
    assert f"pip install 'openrouter-embeddings[{extra}]'" in done.stdout


def test_nothing_imports_a_home():
    """Neither the door, nor another room, nor another home."""
    names = {f"openrouter_embeddings.integrations.{home}" for home in integrations.HOMES}
    found = {name for path in PACKAGE.rglob("*.py") for name in imports_of(path)}

    assert "openrouter_embeddings.integrations._calls.Call" in found
    assert not {name for name in found if any(name.startswith(home) for home in names)}
