"""The watch over the vendor's document, and the workflow that runs it by the clock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import watch
import yaml
from contract.document import read
from contract.pin import digest_of, pin_text, read_pin

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "upstream.yml"
NEW = "tokens: {type: integer}"


class Checkout:
    """Our small contract, the vendor's document as it was recorded, and its next one."""

    def __init__(self, folder):
        self.document, self.report = folder / "vendor.yaml", folder / "report.md"
        self.contract, self.pin = folder / "openapi.yaml", folder / "pin.yaml"
        self.text = (HERE / "small.yaml").read_text(encoding="utf-8")
        self.document.write_text(self.text, encoding="utf-8")
        self.contract.write_text(self.text, encoding="utf-8")
        pin = pin_text(read(str(self.document)), "2026-08-22", digest_of(self.text))
        self.pin.write_text(pin, encoding="utf-8")
        (folder / "decisions.yml").write_text("", encoding="utf-8")
        self.words = [str(self.document), "--report", str(self.report)]
        self.words += ["--contract", str(self.contract), "--pin", str(self.pin)]
        self.words += ["--decisions", str(folder / "decisions.yml")]

    def change(self, old, new):
        assert old in self.text
        self.document.write_text(self.text.replace(old, new), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    # The small contract is none that the patches of the generated code were written for.
    monkeypatch.setattr(watch.upstream, "tried", lambda _contract: None)
    return Checkout(tmp_path)


def test_where_nothing_happened_nothing_is_written(checkout, capsys):
    """Nor reported."""
    assert watch.main(checkout.words) == 0

    assert "Nothing happened" in capsys.readouterr().out
    assert not checkout.report.exists()
    assert checkout.contract.read_text() == checkout.text


def test_what_happened_is_reported_and_brought_in(checkout, capsys):
    """As the description of a change; the last document is not moved on."""
    before = checkout.pin.read_text()
    checkout.change(NEW, f"{NEW}\n        plan: {{type: string, enum: ['`odd```']}}")

    assert watch.main(checkout.words) == 0

    report = checkout.report.read_text()
    digest = digest_of(checkout.document.read_text())[:12]
    assert f"has changed (`{digest}`)" in report
    assert re.search(r"^````text\n(.*\n)*````\n\Z", report, re.MULTILINE)
    assert "one of `odd```" in report
    assert str(checkout.document) in report
    assert "(to be described)" in checkout.contract.read_text()
    assert checkout.pin.read_text() == before
    assert read_pin(checkout.pin) is not None
    assert f"Something happened: {digest}" in capsys.readouterr().out


def test_a_report_is_no_longer_than_a_description_may_be():
    """What is cut is said."""
    report = watch.markdown("a" * 100_000, "0")

    assert len(report) < 65_536
    assert "... cut" in report


def test_a_document_that_cannot_be_read_is_named(checkout, capsys):
    """Exit code 2, so that the workflow fails."""
    checkout.document.write_text("[]")

    assert watch.main(checkout.words) == 2
    assert "watch: " in capsys.readouterr().err
    assert not checkout.report.exists()


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflow_has_the_rights_that_it_needs(workflow):
    """The job that fetches and generates may only read; no secret is used but the token."""
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}

    assert workflow["permissions"] == {}
    assert rights["compare"] == {"contents": "read"}
    assert rights["open"] == {"contents": "write", "pull-requests": "write"}
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")
    assert workflow["jobs"]["compare"]["steps"][0]["with"] == {"persist-credentials": False}


def test_what_the_workflow_uses_is_pinned(workflow):
    """By a whole commit."""
    used = [step["uses"] for step in steps(workflow) if "uses" in step]

    assert len(used) == 5
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", each) for each in used)


def test_what_the_workflow_runs_is_there(workflow):
    """The session, its tool, and the files that it commits; no expression stands in a script."""
    scripts = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
    sessions = re.findall(r"nox -s (\w+)", scripts)
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")

    assert sessions == ["watch"]
    assert "\ndef watch(session" in noxfile
    assert '"tools/watch.py"' in noxfile
    paths = re.findall(r"git add --all (.+)", scripts)[0].split()
    assert paths
    assert all((ROOT / each).exists() for each in paths)
    assert "${{" not in scripts
