"""Servers of others, whole and broken, under both profiles."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from embedding_servers import BROKEN, HARMLESS, KEY, MODEL, MOST, NEEDLESS, Server

from openrouter_embeddings import ConfigurationError, cli
from openrouter_embeddings import contract as contract_package
from openrouter_embeddings.contract import check_server, known_faults
from openrouter_embeddings.contract._profiles import PROFILES


def checked(server, profile, key=KEY, **options):
    given = {"model": MODEL, "max_requests": 60, "max_inputs": MOST, "profile": profile, **options}
    return check_server(server.url, key, **given)


@pytest.mark.parametrize(("quirk", "rule"), BROKEN.items(), ids=BROKEN)
def test_a_broken_server_is_named(quirk, rule):
    """One fault, one rule; whoever breaks it in several checks breaks that rule in all."""
    with Server(quirk) as server:
        report = checked(server, "openrouter")

    assert rule in {each.rule for each in report.wrong}
    assert all(each.severity for each in report.wrong)
    assert not report.holds


@pytest.mark.parametrize("quirk", HARMLESS)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_harmless_server_is_not_complained_of(quirk, profile):
    """What the contract leaves open is no fault."""
    with Server(quirk, openai=profile == "openai-compatible") as server:
        report = checked(server, profile)

    assert report.wrong == ()
    assert report.holds


@pytest.mark.parametrize(("quirk", "rule"), BROKEN.items(), ids=BROKEN)
def test_less_is_asked_of_servers_of_another_kind(quirk, rule):
    """Their vectors have to be as good."""
    with Server(quirk, openai=True) as server:
        report = checked(server, "openai-compatible")

    rules = {each.rule for each in report.wrong}
    assert rules == set() if quirk in NEEDLESS else rule in rules


@pytest.mark.parametrize(("key", "words"), [(None, "no key"), ("sk-wrong", "key is refused")])
def test_a_missing_key_is_said_once(key, words):
    """And nothing else is asked, nor claimed."""
    with Server() as server:
        report = checked(server, "openrouter", key)

    assert report.requests == 1
    assert words in report.closed
    assert [each.outcome for each in report.findings] == ["not checked"]
    assert not report.holds


def test_the_command_ends_with_2_without_a_key(capsys, monkeypatch):
    """As where nothing could be checked."""
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    with Server() as server:
        assert cli.run(["contract", server.url, "--model", MODEL]) == 2

    assert capsys.readouterr().out.count("no key") == 1


def test_known_faults_do_not_count(capsys, monkeypatch, tmp_path):
    """A report in JSON is the baseline of the next; a new fault is still one."""
    monkeypatch.setenv("KEY", KEY)
    file = tmp_path / "report.json"
    words = ["--model", MODEL, "--api-key-env", "KEY", "--max-requests", "60"]
    with Server("no key") as server:
        assert cli.run(["contract", server.url, *words, "--json", str(file)]) == 1
        assert cli.run(["contract", server.url, *words, "--baseline", str(file)]) == 0
    assert "1 known" in capsys.readouterr().out
    with Server("zero") as server:
        assert cli.run(["contract", server.url, *words, "--baseline", str(file)]) == 1

    report = json.loads(file.read_text())
    assert known_faults(file.read_text()) == {("no key", "refusals")}
    assert [each["severity"] for each in report["findings"] if each["severity"]] == ["serious"]
    assert report["holds"] is False
    assert KEY not in file.read_text()


@pytest.mark.parametrize("text", ["", "[]", '{"findings": [{}]}', "[" * 100_000])
def test_a_baseline_that_is_none_is_refused(text, tmp_path, capsys):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="no JSON report"):
        known_faults(text)
    assert cli.run(["contract", "http://127.0.0.1:9", "--baseline", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_bounds_are_given_by_flags(capsys, monkeypatch):
    """They are asked of the server then."""
    monkeypatch.setenv("KEY", KEY)
    words = ["--model", MODEL, "--api-key-env", "KEY", "--max-requests", "60"]
    with Server() as server:
        assert cli.run(["contract", server.url, *words, "--max-inputs", str(MOST)]) == 0
    assert "too many inputs: 422" in capsys.readouterr().out
    with Server("no bound") as server:
        assert cli.run(["contract", server.url, *words, "--max-inputs", str(MOST)]) == 1


def test_an_unknown_profile_is_named():
    """By the name that was given."""
    with pytest.raises(ConfigurationError, match="'other' is none of"):
        check_server("http://127.0.0.1:9/v1", model="m", profile="other")


def test_the_judge_uses_nothing_of_the_client():
    """A fault that both shared would be seen by none."""
    path = Path(contract_package.__file__).with_name("_judge.py")
    nodes = ast.walk(ast.parse(path.read_text()))
    modules = {each.module for each in nodes if isinstance(each, ast.ImportFrom)}

    assert not [each for each in modules if each.startswith("openrouter_embeddings")]
