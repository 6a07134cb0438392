"""The command `openrouter-embeddings`: errors become one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some inputs failed; 130, 143 and 129 ended by Ctrl-C,
SIGTERM and SIGHUP.
"""

from __future__ import annotations

import os
import sys

from openrouter_embeddings._base.asides import fit_to_terminal
from openrouter_embeddings._base.extras import require
from openrouter_embeddings.cli._signals import handled
from openrouter_embeddings.errors import ConfigurationError, OpenRouterError

__all__ = ["main", "run"]

FAILED = 1
WRONG_USAGE = 2
_NEEDS = ("typer", "rich", "pyarrow", "filelock")


def main() -> None:
    """Run the command line; the extra `cli` brings what it needs."""
    with handled() as ending:
        try:
            code = run(sys.argv[1:])
        except KeyboardInterrupt:
            code = FAILED
    sys.exit(ending.code(code))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after the command's name.

    Returns:
        The exit code.
    """
    try:
        for package in _NEEDS:
            require(package, extra="cli")
        from openrouter_embeddings.cli._app import app  # noqa: PLC0415 - needs the extra

        return _code(app(arguments, prog_name="openrouter-embeddings", standalone_mode=False))
    except ConfigurationError as error:
        return _say(error, WRONG_USAGE)
    except OpenRouterError as error:
        return _say(error, FAILED)
    except BrokenPipeError:
        return _close_stdout()
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        return _say(f"{where}{exc.strerror or exc}", FAILED)
    except Exception as exc:
        if not hasattr(exc, "exit_code"):
            raise
        return _usage(exc)


def _code(value: object) -> int:
    return value if isinstance(value, int) else 0


def _say(words: object, code: int) -> int:
    sys.stderr.write(f"{fit_to_terminal(f'openrouter-embeddings: {words}')}\n")
    return code


def _usage(exc: Exception) -> int:
    """Show what click says of a wrong usage; its exceptions know their code and how to look."""
    show = getattr(exc, "show", None)
    if show is not None:
        show()
    return _code(getattr(exc, "exit_code", FAILED))


def _close_stdout() -> int:
    """Leave quietly when the reader of a pipe has gone."""
    # Without this the interpreter would complain when it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    main()
