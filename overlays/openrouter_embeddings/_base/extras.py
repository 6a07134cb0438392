"""Optional dependencies: import one, or say which command installs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from openrouter_embeddings.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType


def require(module: str, *, extra: str | None = None) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: The dotted name to import, ``"pyarrow.parquet"`` say.
        extra: The extra of this package that brings it, or None to name the module's own package.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: It is not installed; the hint has the pip command.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != package:
            raise
        wanted = f"'openrouter-embeddings[{extra}]'" if extra else package
        message = f"This needs the package {package!r}, which is not installed."
        hint = f"Install it with: pip install {wanted}"
        raise MissingExtraError(message, hint=hint) from exc
