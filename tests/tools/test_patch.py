"""The patch of generated code finds exactly what it expects, or says so."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys

import pytest
from patch_generated import (
    CLIENT,
    EMBEDDING,
    OPERATION,
    TYPES,
    PatchError,
    Replacement,
    loaded_late,
    patch_package,
    patched,
)

from openrouter_embeddings_api.models import EmbeddingObject

TWICE = "def parse() -> Reply | Refusal | Refusal: ...\n"
DOOR = """\"\"\"Contains all the data models\"\"\"

from .a_model import AModel
from .b import B

__all__ = (
    "AModel",
    "B",
)
"""
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


@pytest.fixture
def package(tmp_path):
    """A package with what is patched, and nothing else."""
    operations, models = tmp_path / "api" / "embeddings", tmp_path / "models"
    operations.mkdir(parents=True)
    models.mkdir()
    (operations / "create.py").write_text(GENERATED + TWICE)
    (tmp_path / "client.py").write_text("".join(r.old * r.times for r in CLIENT))
    (operations / "__init__.py").write_text("")
    (tmp_path / "types.py").write_text("".join(r.old for r in TYPES))
    (models / "embedding_object.py").write_text(EMBEDDING.old)
    (models / "__init__.py").write_text(DOOR)
    return tmp_path


def test_a_package_is_patched_in_place(package):
    """Operations, types, and the model of a vector."""
    patch_package(package)

    texts = [(package / name).read_text() for name in ("api/embeddings/create.py", "types.py")]
    assert "HTTPStatus" not in "".join(texts)
    assert "-> Reply | Refusal: ..." in texts[0]
    assert (package / "client.py").read_text() == "".join(r.new * r.times for r in CLIENT)
    assert (package / "models" / "embedding_object.py").read_text() == EMBEDDING.new
    assert (package / "models" / "__init__.py").read_text() == loaded_late(DOOR)
    assert Replacement("a", "b", 1).new == "b"


def test_a_generator_that_names_a_reply_once_is_noticed(package):
    """The patch has to go then."""
    (package / "api" / "embeddings" / "create.py").write_text(GENERATED)

    with pytest.raises(PatchError, match="no longer needed"):
        patch_package(package)


def test_a_vector_of_another_form_stays_as_generated(package):
    """A contract with other forms of a vector is no error: what is generated follows it."""
    other = EMBEDDING.old.replace("list[float]", "list[int]")
    (package / "models" / "embedding_object.py").write_text(other)

    patch_package(package)

    assert (package / "models" / "embedding_object.py").read_text() == other


def test_what_functions_import_is_named_in_full(package):
    """What stands above the class stays: it is looked at by type checkers alone."""
    above = "if TYPE_CHECKING:\n    from ..models.b import B\n\n\nclass A:\n"
    function = "    def c(self):\n        from %smodels.b import B\n"
    (package / "models" / "a.py").write_text(above + function % "..")

    patch_package(package)

    text = (package / "models" / "a.py").read_text()
    assert text == above + function % f"{package.name}."


def test_models_are_loaded_by_their_names(package, monkeypatch):
    """One by one, as a module or as a class; what is none of them is no attribute."""
    for name in ("AModel", "B"):
        module = {"AModel": "a_model", "B": "b"}[name]
        (package / "models" / f"{module}.py").write_text(f"class {name}: pass\n")
    patch_package(package)
    (package / "models").rename(package / "late_models")
    monkeypatch.syspath_prepend(package)

    late = importlib.import_module("late_models")
    assert "late_models.a_model" not in sys.modules
    assert late.AModel is sys.modules["late_models.a_model"].AModel
    assert late.b is sys.modules["late_models.b"]
    assert {"AModel", "B"} <= set(dir(late))
    with pytest.raises(AttributeError, match="no attribute 'C'"):
        late.C  # noqa: B018 - reading it is the point


@pytest.mark.parametrize(
    "door",
    ["", DOOR + "more = 1\n" + DOOR, DOOR.replace('"B"', '"C"'), DOOR.replace(" B\n", " *\n")],
)
def test_a_door_of_another_form_is_an_error(door):
    """A newer generator may write it in another way."""
    with pytest.raises(PatchError, match="something else"):
        loaded_late(door)


def test_each_generated_model_can_be_pickled():
    """By its own module, which the door does not have to know."""
    read = EmbeddingObject.from_dict({"embedding": "AAAAPw==", "index": 0})

    assert pickle.loads(pickle.dumps(read)).embedding == read.embedding


def test_the_model_of_a_vector_raises_nothing_on_its_way():
    """Fails? Then the generator or the contract has changed, and base64 is read more slowly."""
    assert "raise" not in inspect.getsource(EmbeddingObject.from_dict)
    for embedding in ([0.5, 1], "AAAAPw=="):
        read = EmbeddingObject.from_dict({"embedding": embedding, "index": 0, "new": 1})
        assert read.embedding is embedding
        assert read.to_dict() == {"embedding": embedding, "index": 0, "new": 1}
