"""The direction of imports, the public surface, and what an import must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import openrouter_embeddings

PACKAGE = Path(openrouter_embeddings.__file__).parent
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in PACKAGE.rglob("*.py")
}
RUNNERS = {"_bulk/threads", "_bulk/tasks"}
PURE = {
    name for name in MODULES if name.startswith(("_request/", "_bulk/")) and name not in RUNNERS
}
PARTS = {"httpx", "httpcore", "time", "asyncio", "threading", "socket"}
TOP = ("cli", "testing", "faults", "local", "jobs", "contract")
EXTRAS = {
    *("typer", "rich", "click", "pyarrow", "pandas", "PIL", "wordllama", "starlette", "uvicorn"),
    *("pydantic", "numpy", "pybase64", "dateutil", "openrouter_embeddings_api"),
}


def imports_of(path, *, at_run_time=False):
    """Collect the modules that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    nodes = [node for node in tree.body if not _is_type_checking(node)]
    if at_run_time:
        nodes = [inner for node in nodes for inner in ast.walk(node)]
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def tops(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", sorted(PURE))
def test_decisions_do_no_io(module):
    """They import no clock, no network and no thread."""
    assert not tops(imports_of(MODULES[module], at_run_time=True)) & PARTS


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"_request/operations", "client"}))
def test_only_the_wire_imports_generated_code(module):
    """`client` does as well, only to hand out the generated client."""
    found = tops(imports_of(MODULES[module], at_run_time=True))

    assert "openrouter_embeddings_api" not in found


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.partition("/")[0] not in (*TOP, "__main__")]
)
def test_nobody_below_imports_what_is_above(module):
    """Command line, local server and test kit stand on top."""
    found = imports_of(MODULES[module], at_run_time=True)

    assert not {f"openrouter_embeddings.{name}" for name in TOP} & found


def test_the_test_kit_needs_nothing_of_the_client():
    """It must be able to judge the client from outside."""
    for module in (name for name in MODULES if name.startswith("testing/")):
        ours = {
            name.split(".")[1]
            for name in imports_of(MODULES[module], at_run_time=True)
            if name.startswith("openrouter_embeddings.")
        }
        assert ours <= {"testing"}, module


def test_generated_code_imports_nothing_of_ours():
    """Arrows point one way."""
    import openrouter_embeddings_api

    for path in Path(openrouter_embeddings_api.__file__).parent.rglob("*.py"):
        assert "openrouter_embeddings" not in tops(imports_of(path, at_run_time=True))


@pytest.mark.parametrize(
    "statement",
    [
        "import openrouter_embeddings",
        "from openrouter_embeddings import *",
        "from openrouter_embeddings import OpenRouter; OpenRouter('k').close()",
    ],
)
def test_an_import_loads_nothing_heavy(statement):
    """Neither numpy nor any extra nor the generated models: they come with the first call.

    httpx loads click and rich for its own command line where it finds them; that is not ours.
    """
    loaded = loaded_by(statement)

    assert "openrouter_embeddings" in loaded
    assert not EXTRAS & (loaded - loaded_by("import httpx"))


def test_httpx_comes_with_the_first_client():
    """A program that imports the package and makes no client does not pay for it."""
    assert "httpx" not in loaded_by("from openrouter_embeddings import AsyncOpenRouter, OpenRouter")
    assert "httpx" in loaded_by("from openrouter_embeddings import OpenRouter; OpenRouter('k')")


def loaded_by(statement):
    script = f"{statement}\nimport sys\nprint(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_every_module_says_in_one_line_what_is_in_it():
    """A reader finds the room by its first line."""
    for name, path in MODULES.items():
        line = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        assert line.endswith((".", ":")), name
        assert 20 < len(line) <= 97, name


def test_the_public_surface_is_sorted_and_documented():
    """Whoever adds a name decides that it is a promise."""
    names = openrouter_embeddings.__all__

    assert names == sorted(names)
    aliases = {"EncodingFormat", "Event", "Input", "Part", "TokenIds", "__version__"}
    for name in set(names) - aliases:
        assert getattr(openrouter_embeddings, name).__doc__, name


def test_the_names_of_the_vendors_sdk_are_there():
    """A user switches by changing an import."""
    for name in ("OpenRouter", "AsyncOpenRouter", "RetryConfig", "OpenRouterDefaultError"):
        assert name in openrouter_embeddings.__all__
    assert {"generate", "list_models"} <= set(dir(openrouter_embeddings.Embeddings))


def test_typing_information_is_shipped():
    """Both packages say that they are typed."""
    import openrouter_embeddings_api

    assert (PACKAGE / "py.typed").exists()
    assert (Path(openrouter_embeddings_api.__file__).parent / "py.typed").exists()


def test_lazy_names_are_those_that_type_checkers_see():
    """The names that are loaded on first use, and where they live, are said twice: equal."""
    tree = ast.parse(MODULES["__init__"].read_text(encoding="utf-8"))
    block = next(node for node in tree.body if _is_type_checking(node))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    homes = openrouter_embeddings._HOME_OF

    assert {name: f"openrouter_embeddings.{home}" for name, home in homes.items()} == seen
    assert {*homes, "__version__"} == set(openrouter_embeddings.__all__)
    assert all(getattr(openrouter_embeddings, name) is not None for name in homes)
    assert dir(openrouter_embeddings) == sorted(openrouter_embeddings.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        openrouter_embeddings.Nonsense  # noqa: B018 - reading it is the point
