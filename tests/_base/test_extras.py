"""Optional dependencies: what is missing is named, what is broken is not called missing."""

from __future__ import annotations

import pytest

from openrouter_embeddings import MissingExtraError
from openrouter_embeddings._base.extras import require


def test_a_package_without_an_extra_is_named_itself():
    """Pandas belongs to none of ours."""
    with pytest.raises(MissingExtraError, match="pip install no_such_package"):
        require("no_such_package.part")


def test_a_broken_dependency_is_not_called_missing(tmp_path, monkeypatch):
    """What fails inside it is its own business."""
    (tmp_path / "half_installed.py").write_text("import its_own_dependency_that_is_gone")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError, match="its_own_dependency"):
        require("half_installed")
