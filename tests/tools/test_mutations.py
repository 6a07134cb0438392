"""Changes of the vendor's newest document: exactly the rows they mean, and `--apply` of each."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import pytest
from contract.decisions import by_rule, read_decisions
from contract.differences import differences
from contract.document import Document, read
from contract.edit import bring_in
from contract.operations import surface_of
from contract_fixtures import read_yaml
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_spec_validator import validate
from vendor_changes import MUTATIONS, mutated

ROOT = Path(__file__).parents[2]
PIN = read(str(ROOT / "upstream" / "contract.yaml"))
LAST = surface_of(PIN)
OURS = (ROOT / "openapi.yaml").read_text(encoding="utf-8")
DECISIONS = read_decisions(ROOT / "upstream-differences.yml")
NAMES = list(MUTATIONS)


def changed(name):
    return Document(mutated(copy.deepcopy(dict(PIN.root)), MUTATIONS[name]), name)


def drift(text, theirs):
    """Compare a contract of ours with theirs; what is decided is left out."""
    ours = Document(read_yaml(text), "ours")
    surface = surface_of(ours)
    found = differences(surface, surface_of(theirs))
    return [e for e in found if e.operation in surface.operations and DECISIONS.reason(e) is None]


def generates(text):
    """Let the generator read a contract; return what it complains of."""
    config = Config.from_sources(
        ConfigFile(literal_enums=True), MetaType.NONE, ROOT, "utf-8", False, None
    )
    data = GeneratorData.from_dict(read_yaml(text), config=config)
    errors = [] if isinstance(data, GeneratorData) else [data]
    errors += getattr(data, "errors", [])
    for endpoints in getattr(data, "endpoint_collections_by_tag", {}).values():
        errors += endpoints.parse_errors
    return errors


def test_there_are_enough_of_each_kind():
    """Three of each, ten without meaning."""
    counts = Counter(each.kind for each in MUTATIONS.values())

    assert len(MUTATIONS) >= 60
    assert counts["nothing"] >= 10
    for kind in (
        *("security", "server", "path", "operationId", "deprecated", "format", "default", "map"),
        *("patternProperties", "dependentRequired", "writeOnly", "member", "beside", "allOf"),
        *("exclusive", "enum and null", "recursion", "content"),
    ):
        assert counts[kind] >= 3, kind


@pytest.mark.parametrize("name", NAMES)
def test_a_change_is_exactly_its_rows(name):
    """Where and what, and no other."""
    found = differences(LAST, surface_of(changed(name)))

    assert sorted(each.key for each in found) == sorted(map(tuple, MUTATIONS[name].rows))


def test_ours_needs_nothing_of_the_newest():
    """Else the rows below would not be those of the change alone."""
    assert drift(OURS, PIN) == []


@pytest.mark.parametrize("name", NAMES)
def test_apply_is_right_or_leaves_it_to_a_person(name):
    """What is brought in is gone from a new comparison, and nothing else has come."""
    theirs = changed(name)
    open_ = drift(OURS, theirs)

    outcome = bring_in(OURS, open_, theirs, DECISIONS)

    left = [each.key for group, _ in outcome.left for each in group]
    done = [each.key for each in outcome.done]
    assert sorted([*done, *left]) == sorted(each.key for each in open_)
    assert sorted(each.key for each in drift(outcome.text, theirs)) == sorted(left)
    assert all(reason for _, reason in outcome.left)
    expected = MUTATIONS[name].applied
    assert (None if not open_ else not left) is expected
    if outcome.done:
        validate(read_yaml(outcome.text))
        assert generates(outcome.text) == []
    else:
        assert outcome.text == OURS
    assert [each for each in outcome.done if by_rule(each)] == []
