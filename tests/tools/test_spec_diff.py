"""Two revisions of the contract: classes, the step of the version, the changelog."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import spec_diff

SMALL = (Path(__file__).resolve().parent / "small.yaml").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


class Checkout:
    """A repository with one revision of the contract."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q")
        words = "# Changelog\n\n## Unreleased\n\n### Added\n\n- This.\n"
        (folder / "CHANGELOG.md").write_text(words)
        self.write(SMALL)
        self.commit()

    def git(self, *words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(self.folder), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, text):
        (self.folder / "openapi.yaml").write_text(text, encoding="utf-8")

    def commit(self, tag=None):
        self.git("add", ".")
        self.git("commit", "-qm", "x", "--allow-empty")
        if tag:
            self.git("tag", tag)


def diff(checkout, capsys, *words):
    assert spec_diff.main(["--folder", str(checkout.folder), *words]) == 0
    return capsys.readouterr().out


def changed(old, new):
    assert old in SMALL
    return SMALL.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "row", "step"),
    [
        ("enum: [float, base64]", "enum: [float]", "value removed", "major"),
        ("enum: [float, base64]", "enum: [float, base64, int8]", "value added", "minor"),
        (
            "required: [input, model]",
            "required: [input, model, format]",
            "became required",
            "major",
        ),
        ("tokens: {type: integer}", "tokens: {type: [integer, 'null']}", "null added", "major"),
        ("enum: [free, paid]", "enum: [free, paid, trial]", "value added", "minor"),
        ("maxLength: 256", "maxLength: 64", "maxLength narrower", "major"),
        ("description: Groups requests.", "description: Better.", "documentation", "patch"),
    ],
)
def test_each_change_asks_for_its_step(old, new, row, step, checkout, capsys):
    """Breaking, compatible, or words alone."""
    checkout.write(changed(old, new))

    shown = diff(checkout, capsys)

    assert row in shown
    assert f"a step of: {step}" in shown


def test_nothing_asks_for_nothing(checkout, capsys):
    """An unchanged contract."""
    assert "0 changes of the contract, 0 of the documentation" in diff(checkout, capsys)
    assert "a step of: none" in diff(checkout, capsys)


def test_the_latest_tag_is_compared_with(checkout, capsys):
    """Else the commit before the last that touched the contract; or any that is named."""
    checkout.write(changed("maxLength: 256", "maxLength: 128"))
    checkout.commit()
    assert "maxLength narrower" in diff(checkout, capsys)
    checkout.commit(tag="v1")
    assert "against v1: 0 changes" in diff(checkout, capsys)
    checkout.write(changed("maxLength: 256", "maxLength: 512"))
    checkout.commit()
    assert "128" in diff(checkout, capsys)
    assert "256" in diff(checkout, capsys, "v1~2")


def test_without_a_tag_the_step_begins_before_the_last_change(checkout, capsys):
    """Not with an older one of the contract: what lies between is none of this step."""
    checkout.commit()
    checkout.write(changed("maxLength: 256", "maxLength: 128"))
    before = checkout.git("rev-parse", "--short", "HEAD")
    assert f"against {before}: 1 changes" in diff(checkout, capsys)
    checkout.commit()
    assert f"against {before}: 1 changes" in diff(checkout, capsys)


def test_an_unknown_revision_is_named(checkout, capsys):
    """Exit code 2."""
    assert spec_diff.main(["--folder", str(checkout.folder), "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_changelog_gets_the_changes(checkout, capsys):
    """Those that break first, above what is there."""
    text = changed("enum: [float, base64]", "enum: [float]")
    checkout.write(text.replace("enum: [free, paid]", "enum: [free, paid, trial]"))

    diff(checkout, capsys, "--write")

    words = (checkout.folder / "CHANGELOG.md").read_text()
    places = [
        words.index(each) for each in ("breaking", "base64", "### Changed\n", "trial", "This")
    ]
    assert places == sorted(places)
    assert "(breaks callers)" in words
