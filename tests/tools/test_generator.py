"""The report on another version of the generator: patches that fit, files and lines that differ."""

from __future__ import annotations

import subprocess

import generate
import generator
import pytest
from generator import Fit
from patch_generated import CLIENT, EMBEDDING, OPERATION, PatchError


def test_the_installed_one_fits_and_differs_in_nothing(tmp_path, capsys):
    """A whole run; what is kept is what `generated/` has."""
    assert generator.main(["--write", str(tmp_path / "kept")]) == 0

    shown = capsys.readouterr().out
    assert "Patches: 14 of 14 fit" in shown
    assert "Files: 0 changed, 0 new, 0 gone" in shown
    assert "Lines: 0 more, 0 less" in shown
    assert generate.files_of(tmp_path / "kept") == generate.files_of(generate.PACKAGE)


@pytest.fixture
def package(tmp_path):
    """What a generator writes, cut down to what the patches ask for."""
    text = "".join(each.old * each.times for each in OPERATION)
    files = {
        "api/embeddings/create.py": f"{text}def parse() -> A | B | B: ...\n",
        "client.py": "".join(each.old * each.times for each in CLIENT),
        "models/embedding_object.py": EMBEDDING.old,
        "models/a.py": "class A:\n    def b(self):\n        from ..models.b import B\n",
        "models/__init__.py": '"""Models"""\n\nfrom .a import A\n\n__all__ = (\n    "A",\n)\n',
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_what_does_not_fit_is_named_and_the_rest_is_made(package):
    """The module with `Response` is missing, and a token is called otherwise."""
    client = package / "client.py"
    client.write_text(client.read_text().replace("    token: str", "    key: str"))

    fits = generator.patched_where_it_fits(package)

    bad = {(each.module, each.found) for each in fits if not each.fits}
    assert bad == {("client.py", 0), ("types.py", 0)}
    assert client.read_text().count("repr=False") == 2
    assert "A | B:" in (package / "api/embeddings/create.py").read_text()
    assert EMBEDDING.new in (package / "models/embedding_object.py").read_text()
    assert "__getattr__" in (package / "models/__init__.py").read_text()


def test_models_in_a_door_of_another_form_stay_as_generated(package):
    """It is said, and the rest is made."""
    door = package / "models/__init__.py"
    door.write_text("from .a import *\n")

    fits = generator.patched_where_it_fits(package)

    assert Fit("models/__init__.py", "imports of one model each", 1, 0) in fits
    assert door.read_text() == "from .a import *\n"


def test_a_generator_that_names_replies_once_is_noticed(package):
    """Then that patch is no longer needed."""
    path = package / "api/embeddings/create.py"
    path.write_text(path.read_text().replace("A | B | B", "A | B"))

    fits = generator.patched_where_it_fits(package)

    assert Fit("api", "a reply named twice", 1, 0) in fits


BEFORE = b'"""Of a module."""\n\nimport a\n\n\nclass A:\n    """Of a class."""\n\n    b: int\n'
AFTER = (
    b'"""Of another."""\n\nimport a\nimport b\n\n\nclass A:\n    """Of a class."""\n\n'
    b"    b: str\n    c()\n"
)


def test_lines_are_counted_by_their_kind():
    """Those that came, and those that went."""
    old = {"a.py": BEFORE, "gone.py": b"x()\n", "same.py": b""}
    new = {"a.py": AFTER, "models/new.py": b"def f(): ...\n", "same.py": b""}

    come, left = generator.kinds_of(old, new)
    text = generator.report([Fit("m.py", "old", 2, 1)], old, new)

    kinds = {"docstrings and comments", "imports", "annotations", "other lines", "definitions"}
    assert come == dict.fromkeys(kinds, 1)
    assert left == dict.fromkeys(["docstrings and comments", "annotations", "other lines"], 1)
    assert "does not fit: m.py: 'old': expected 2 times, found 1 times" in text
    assert "Files: 1 changed, 1 new, 1 gone, 1 the same" in text
    assert "  in models: 1" in text
    assert "Lines: 5 more, 3 less\n  annotations: +1 -1" in text


@pytest.mark.parametrize(
    "error", [PatchError("no operations"), subprocess.CalledProcessError(1, [])]
)
def test_a_generator_that_fails_is_said(error, monkeypatch, capsys):
    """With its words, and exit code 1."""

    def failing(target):
        raise error

    monkeypatch.setattr(generator, "unpatched", failing)

    assert generator.main([]) == 1
    assert "It does not generate" in capsys.readouterr().out


def test_a_text_that_does_not_parse_is_counted_all_the_same():
    """Nothing of it is a docstring then."""
    come, _ = generator.kinds_of({}, {"a.py": b"x = (\n"})

    assert come == {"other lines": 1}
