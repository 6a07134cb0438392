"""The base install: it works without any extra, and says which command brings what is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import openrouter_embeddings
from openrouter_embeddings import MissingExtraError

PACKAGE = Path(openrouter_embeddings.__file__).parent
NEEDS = {
    "cli": (
        *("cli._app", "cli._options", "cli._files", "cli._contract", "cli._demo", "cli._serve"),
        *("cli._cache", "cli._index", "cli._progress", "cli._requests", "cli._spool"),
    ),
    "otel": ("telemetry",),
    "local": ("local", "local._app", "local._request", "local._model", "_base.serving"),
}
PRESENT = find_spec("typer") is not None
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.parent.name != "integrations" or path.stem.startswith("_")  # see test_homes
)
WANTING = {module for modules in NEEDS.values() for module in modules} | {
    module for module in MODULES if module.partition(".")[0] in {"jobs", "proxy"}
}

HIDDEN = """
import sys
sys.modules[sys.argv[1]] = None
from openrouter_embeddings import MissingExtraError
try:
    exec(sys.argv[2])
except MissingExtraError as error:
    print(error)
"""
TO_ARROW = "import numpy; from openrouter_embeddings.values import to_arrow; to_arrow(numpy.eye(2))"


@pytest.mark.parametrize("module", MODULES)
def test_every_other_module_can_be_imported(module):
    """Only those that stand on an extra need it."""
    if module not in WANTING or PRESENT:
        import_module(f"openrouter_embeddings.{module}".removesuffix(".__init__"))


def test_a_missing_extra_names_its_command():
    """The message can be pasted into a terminal."""
    if PRESENT:
        assert import_module("openrouter_embeddings.local")
        return
    with pytest.raises(MissingExtraError, match=r"openrouter-embeddings\[local\]"):
        import_module("openrouter_embeddings.local")


@pytest.mark.parametrize(
    ("package", "statement", "extra"),
    [
        ("pyarrow", "import openrouter_embeddings.jobs", "jobs"),
        ("filelock", "from openrouter_embeddings.jobs import embed_file", "jobs"),
        ("pyarrow", TO_ARROW, "jobs"),
        ("pyarrow", "from openrouter_embeddings.cli import run; run(['--help'])", "cli"),
        ("filelock", "from openrouter_embeddings.cli import run; run(['--help'])", "cli"),
        ("opentelemetry", "import openrouter_embeddings.telemetry", "otel"),
        ("starlette", "import openrouter_embeddings.proxy", "proxy"),
        ("uvicorn", "import openrouter_embeddings.proxy", "proxy"),
    ],
)
def test_the_extra_is_the_one_of_the_door(package, statement, extra):
    """From Python it is `jobs`, from the command line `cli`."""
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, package, statement],
        check=False,
        capture_output=True,
        text=True,
    )

    assert f"pip install 'openrouter-embeddings[{extra}]'" in done.stdout + done.stderr


def test_the_command_line_says_what_is_missing():
    """One line and the code for wrong usage, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "openrouter_embeddings", "--help"],
        check=False,
        capture_output=True,
        text=True,
    )

    if PRESENT:
        assert done.returncode == 0
        return
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'openrouter-embeddings[cli]'" in done.stderr
