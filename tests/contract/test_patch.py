"""The patch of generated code finds exactly what it expects, or says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from patch_generated import OPERATION, TYPES, PatchError, Replacement, patch_package, patched

GENERATED = "".join(replacement.old * replacement.times for replacement in OPERATION)


def test_every_replacement_is_made():
    """Nothing of the old text is left."""
    text = patched(GENERATED, OPERATION, "module.py")

    assert "HTTPStatus" not in text
    assert "        status_code=response.status_code,\n" in text
    assert text.count("client: AuthenticatedClient | Client,") == 4


@pytest.mark.parametrize("replacement", OPERATION, ids=range(len(OPERATION)))
def test_text_that_is_missing_is_an_error(replacement):
    """A newer generator is noticed."""
    with pytest.raises(PatchError, match=r"module\.py: expected"):
        patched(GENERATED.replace(replacement.old, "", 1), OPERATION, "module.py")


@pytest.mark.parametrize("replacement", OPERATION, ids=range(len(OPERATION)))
def test_text_that_occurs_too_often_is_an_error(replacement):
    """So is one that grew."""
    with pytest.raises(PatchError, match=r"module\.py: expected"):
        patched(GENERATED + replacement.old, OPERATION, "module.py")


def test_a_use_that_the_patch_does_not_know_is_an_error():
    """The status must be a plain int everywhere."""
    with pytest.raises(PatchError, match="does not know"):
        patched("HTTPStatus.OK", (), "module.py")


def test_a_package_without_operations_is_an_error(tmp_path):
    """An empty folder is no package."""
    with pytest.raises(PatchError, match="no operations"):
        patch_package(tmp_path)


def test_a_package_is_patched_in_place(tmp_path):
    """Operations and types, and nothing else."""
    operation = tmp_path / "api" / "embeddings" / "create.py"
    operation.parent.mkdir(parents=True)
    operation.write_text(GENERATED)
    (operation.parent / "__init__.py").write_text("")
    (tmp_path / "types.py").write_text("".join(r.old for r in TYPES))

    patch_package(tmp_path)

    assert "HTTPStatus" not in operation.read_text() + (tmp_path / "types.py").read_text()
    assert Replacement("a", "b", 1).new == "b"
