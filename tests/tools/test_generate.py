"""The generation writes what the contract gives, and nothing else stays or differs unseen."""

from __future__ import annotations

import shutil
import sys

import generate
import pytest


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    target = tmp_path_factory.mktemp("fresh") / generate.PACKAGE.name
    generate.generate(target)
    return target


@pytest.fixture
def committed(fresh, tmp_path, monkeypatch):
    """A copy that may be spoilt, in the place of the committed package."""
    package = tmp_path / generate.PACKAGE.name
    shutil.copytree(fresh, package)
    monkeypatch.setattr(generate, "PACKAGE", package)
    monkeypatch.setattr(generate, "generate", lambda target: shutil.copytree(fresh, target))
    return package


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["generate.py", *arguments])
    return generate.main()


def test_the_committed_package_is_what_the_contract_gives(fresh):
    """To the byte, with no file too many or too few."""
    assert generate.differences(generate.files_of(generate.PACKAGE), generate.files_of(fresh)) == []


def test_the_package_is_marked_as_typed(fresh):
    """The generator leaves the mark out."""
    assert (fresh / "py.typed").read_bytes() == b""


def spoil(package):
    (package / "left_behind.py").touch()
    (package / "py.typed").unlink()
    types = package / "types.py"
    types.write_text(types.read_text().replace("status_code: int", "status_code: str"))


def test_the_check_says_what_differs_and_writes_nothing(committed, monkeypatch, capsys):
    """A changed file, one too many, one too few."""
    spoil(committed)
    before = generate.files_of(committed)

    assert run(monkeypatch, "--check") == 1
    shown = capsys.readouterr().out.splitlines()
    assert {"--- a/left_behind.py", "+++ b/py.typed", "-    status_code: str"} <= set(shown)
    assert "+    status_code: int" in shown
    assert generate.files_of(committed) == before


def test_writing_mends_every_difference(committed, fresh, monkeypatch):
    """Files that no longer belong go, and a second run changes nothing."""
    spoil(committed)

    assert run(monkeypatch) == 0
    assert generate.files_of(committed) == generate.files_of(fresh)
    assert run(monkeypatch, "--check") == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a = '\xe4'\n", "is not UTF-8: byte 5 is 0xe4"), (b"a = 1\r\n", "has line ends")],
)
def test_the_check_says_what_is_odd_about_a_file(content, words, committed, monkeypatch, capsys):
    """Another encoding and other line ends would else be a diff of everything, or a traceback."""
    (committed / "errors.py").write_bytes(content)

    assert run(monkeypatch, "--check") == 1
    assert f"errors.py {words}" in capsys.readouterr().out


def test_parameters_keep_their_words(fresh):
    """The generator would forget them; and each reply is named once."""
    text = (fresh / "api" / "embeddings" / "create_embeddings.py").read_text(encoding="utf-8")

    assert text.count("http_referer (str | Unset): The address of the calling application;") == 4
    assert "ErrorResponse | ErrorResponse" not in text


def test_a_missing_newline_at_the_end_is_a_difference(fresh):
    """Lines are equal then, bytes are not."""
    files = generate.files_of(fresh)
    spoilt = files | {"types.py": files["types.py"].rstrip(b"\n")}

    assert generate.differences(spoilt, files) == ["--- a/types.py", "+++ b/types.py"]
