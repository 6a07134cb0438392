"""Any system: what only some of them have is missed by no import and by no command's help."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

TAKE_AWAY = """
import os, signal, sys
for name in sys.argv[1].split():
    module, _, part = name.partition(".")
    if part:
        delattr(sys.modules[module], part)
    else:
        sys.modules[module] = None
"""

IMPORT_ALL = """
from importlib import import_module
from pathlib import Path
import openrouter_embeddings
from openrouter_embeddings import MissingExtraError
package = Path(openrouter_embeddings.__file__).parent
for path in sorted(package.rglob("*.py")):
    parts = path.relative_to(package.parent).with_suffix("").parts
    if parts[-1] != "__main__":
        try:
            import_module(".".join(parts).removesuffix(".__init__"))
        except MissingExtraError:
            pass
        except ModuleNotFoundError as error:
            if error.name not in {"typer", "rich", "pyarrow", "starlette", "uvicorn"}:
                raise
"""

HELP = """
from openrouter_embeddings.cli import run
sys.exit(run(["--help"]))
"""

MISSING = ["fcntl os.fork signal.SIGHUP", "fcntl os.fork os.register_at_fork signal.SIGHUP"]


def run_without(names, script):
    return subprocess.run(
        [sys.executable, "-c", TAKE_AWAY + script, names],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("names", MISSING)
def test_every_module_can_be_imported(names):
    """Windows has none of these; what is built upon them must ask whether they are there."""
    done = run_without(names, IMPORT_ALL)

    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(find_spec("typer") is None, reason="needs the extra cli")
@pytest.mark.parametrize("names", MISSING)
def test_the_command_shows_its_help(names):
    """A user of any system learns what the command can do."""
    done = run_without(names, HELP)

    assert done.returncode == 0, done.stderr
    assert "embed" in done.stdout
