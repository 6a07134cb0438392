"""The vendor's document against ours: the cut, the comparison, the classes, and `--apply`."""

from __future__ import annotations

import copy
import difflib
import json
from pathlib import Path

import pytest
import yaml
from contract.decisions import Comparison, Decisions, Entry, by_rule, read_decisions
from contract.differences import differences
from contract.document import Document, DocumentError, parsed, read
from contract.edit import TO_DESCRIBE, Editor, bring_in
from contract.operations import reached, surface_of
from contract.pin import pin_text, read_pin

import upstream

HERE = Path(__file__).resolve().parent
SMALL, NASTY = HERE / "small.yaml", HERE / "upstream.yaml"


@pytest.fixture
def theirs():
    """The vendor's document, to be changed by a test."""
    return copy.deepcopy(dict(read(str(NASTY)).root))


def compared(root):
    found = differences(surface_of(read(str(SMALL))), surface_of(Document(root)))
    return [each for each in found if by_rule(each) is None]


def applied(contract, found, theirs):
    """Bring differences into a file; return those that a person has to."""
    outcome = bring_in(contract.read_text(encoding="utf-8"), found, theirs, Decisions())
    contract.write_text(outcome.text, encoding="utf-8")
    return [each for group, _ in outcome.left for each in group]


def schemas(root):
    return root["components"]["schemas"]


def test_only_what_the_two_operations_reach_is_cut_out():
    """Other paths may be as broken as they like."""
    found = {each.rpartition("/")[2] for each in reached(read(str(NASTY)))}

    assert "Chat" not in found
    assert "Missing~1Not" not in found
    assert {"Session", "Id", "Embed", "Problem", "RealSort", "TheModel"} <= found


def test_the_same_contract_in_other_words_has_no_differences(theirs):
    """References, `allOf` around one, `nullable`, one-value enums, order, extensions, recursion."""
    assert compared(theirs) == []


def test_our_contract_is_equal_to_itself():
    """Every construct of the real one is understood."""
    ours = surface_of(read(str(HERE.parents[1] / "openapi.yaml")))

    assert differences(ours, ours) == []


def base(root, place):
    return schemas(root)["BaseRequest"]["allOf"][place]


def change_remove_request_field(root):
    del base(root, 0)["properties"]["dimensions"]


def change_remove_reply_field(root):
    del schemas(root)["EmbeddingList"]["properties"]["provider"]


def change_add_required_field(root):
    base(root, 1)["properties"]["purpose"] = {"type": "string", "maxLength": 9}
    base(root, 1)["required"].append("purpose")


def change_add_object(root):
    schemas(root)["Extra"] = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}, "kind": {"enum": ["x", "y"]}},
    }
    schemas(root)["EmbeddingList"]["properties"]["extra"] = {
        "nullable": True,
        "allOf": [{"$ref": "#/components/schemas/Extra"}],
    }


def change_narrow_enum(root):
    schemas(root)["RealSort"]["enum"].remove("price")


def change_widen_enum(root):
    schemas(root)["Format"]["enum"].append("int8")


def change_reply_enum(root):
    tier = schemas(root)["EmbeddingList"]["properties"]["usage"]["properties"]["tier"]
    tier["anyOf"][0]["enum"].append("trial")


def change_add_status(root):
    responses = root["paths"]["/api/v1/embeddings"]["post"]["responses"]
    responses["418"] = {"$ref": "#/components/responses/Problem"}


def change_remove_status(root):
    del root["paths"]["/api/v1/embeddings"]["post"]["responses"]["429"]


def change_bound(root):
    root["components"]["parameters"]["Session"]["schema"]["maxLength"] = 64


def change_wider_bound(root):
    base(root, 0)["properties"]["dimensions"]["minimum"] = 0


def change_null_in_reply(root):
    usage = schemas(root)["EmbeddingList"]["properties"]["usage"]
    usage["properties"]["tokens"]["nullable"] = True


def change_no_null_in_request(root):
    del schemas(root)["Prefs"]["properties"]["zdr"]["nullable"]


def change_type(root):
    usage = schemas(root)["EmbeddingList"]["properties"]["usage"]
    usage["properties"]["tokens"]["type"] = "number"


def change_no_longer_required(root):
    schemas(root)["EmbeddingList"]["required"] = []


def change_became_required(root):
    base(root, 0)["required"].append("dimensions")


def change_add_parameter(root):
    root["paths"]["/api/v1/embeddings"]["post"]["parameters"] = [
        {"name": "X-Region", "in": "header", "schema": {"type": "string"}, "required": True}
    ]


def change_remove_parameter(root):
    del root["paths"]["/api/v1/embeddings/models"]["get"]["parameters"]


def change_variant(root):
    schemas(root)["PartText"]["properties"]["lang"] = {"type": "string"}


BODY, REPLY = "POST /embeddings request body", "POST /embeddings reply 200"
LIST = "GET /embeddings/models"
CHANGES = [
    (change_remove_request_field, f"{BODY} .dimensions", "field removed", "callers"),
    (change_remove_reply_field, f"{REPLY} .provider", "field removed", "readers"),
    (change_add_required_field, f"{BODY} .purpose", "required field added", "callers"),
    (change_add_object, f"{REPLY} .extra", "field added", "nobody"),
    (change_narrow_enum, f"{BODY} .preferences.sort", "value removed", "callers"),
    (change_widen_enum, f"{BODY} .format", "value added", "nobody"),
    (change_reply_enum, f"{REPLY} .usage.tier", "value added", "nobody"),
    (change_add_status, "POST /embeddings reply 418", "status added", "nobody"),
    (change_remove_status, "POST /embeddings reply 429", "status removed", "nobody"),
    (
        change_bound,
        "POST /embeddings request parameters header x-session-id",
        "maxLength narrower",
        "callers",
    ),
    (change_wider_bound, f"{BODY} .dimensions", "minimum wider", "nobody"),
    (change_null_in_reply, f"{REPLY} .usage.tokens", "null added", "readers"),
    (change_no_null_in_request, f"{BODY} .preferences.zdr", "null removed", "callers"),
    (change_type, f"{REPLY} .usage.tokens", "type changed", "readers"),
    (change_no_longer_required, f"{REPLY} .data", "no longer required", "readers"),
    (change_became_required, f"{BODY} .dimensions", "became required", "callers"),
    (
        change_add_parameter,
        "POST /embeddings request parameters header x-region",
        "required parameter added",
        "callers",
    ),
    (
        change_remove_parameter,
        f"{LIST} request parameters query limit",
        "parameter removed",
        "callers",
    ),
    (change_variant, f"{BODY} .input[]<text>.lang", "field added", "nobody"),
]
NAMES = [change.__name__.removeprefix("change_") for change, *_ in CHANGES]


@pytest.mark.parametrize(("change", "where", "what", "breaks"), CHANGES, ids=NAMES)
def test_each_change_is_one_row_of_the_right_class(change, where, what, breaks, theirs):
    """Where, what, and for whom it breaks."""
    change(theirs)

    found = compared(theirs)

    assert [(each.where, each.what, each.breaks) for each in found] == [(where, what, breaks)]


@pytest.mark.parametrize("change", [change for change, *_ in CHANGES], ids=NAMES)
def test_apply_brings_each_change_in_and_touches_nothing_else(change, theirs, tmp_path):
    """Comments, order and every other line stay, and no difference is left."""
    change(theirs)
    contract = tmp_path / "small.yaml"
    contract.write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")

    left = applied(contract, compared(theirs), Document(theirs))

    assert left == []
    after = differences(surface_of(read(str(contract))), surface_of(Document(theirs)))
    # By the rules of our contract, new replies require nothing and their values are open.
    assert [each for each in after if by_rule(each) is None] == []
    old, new = SMALL.read_text().splitlines(), contract.read_text().splitlines()
    changed = [
        line
        for line in difflib.unified_diff(old, new, lineterm="", n=0)
        if line[:1] in "+-" and line[:3] not in {"+++", "---"}
    ]
    assert 0 < len(changed) <= 22
    gone = [line for line in changed if line.startswith("-")]
    assert not [
        line for line in gone if "#" in line and "$ref" not in line and "input, model" not in line
    ]


def test_our_contract_is_written_as_it_was_read():
    """Byte for byte, so that an edit shows nothing but itself."""
    text = (HERE.parents[1] / "openapi.yaml").read_text(encoding="utf-8")

    assert Editor.of(text).text() == text


def test_what_is_new_must_be_described(theirs, tmp_path):
    """By a person; a mark asks for it."""
    change_add_object(theirs)
    contract = tmp_path / "small.yaml"
    contract.write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")

    applied(contract, compared(theirs), Document(theirs))

    reply = yaml.safe_load(contract.read_text())["components"]["schemas"]
    assert reply["Reply"]["properties"]["extra"] == {
        "description": TO_DESCRIBE,
        "anyOf": [{"$ref": "#/components/schemas/Extra"}, {"type": "null"}],
    }
    kinds = [{"type": "string", "enum": ["x", "y"]}, {"type": "string"}]
    assert reply["Extra"]["properties"]["kind"] == {"anyOf": kinds, "description": TO_DESCRIBE}
    assert "required" not in reply["Extra"]


def test_what_no_rule_covers_is_left_to_a_person(theirs, tmp_path):
    """And said."""
    schemas(theirs)["Input"]["oneOf"].append({"type": "object", "properties": {"a": {}}})
    contract = tmp_path / "small.yaml"
    contract.write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")

    left = applied(contract, compared(theirs), Document(theirs))

    assert {each.path[0] for each in left} == {".input"}
    assert contract.read_text() == SMALL.read_text()


def test_differences_on_purpose_are_told_apart(theirs):
    """By patterns, each with its reason; those that nothing needs are named."""
    change_null_in_reply(theirs)
    change_remove_reply_field(theirs)
    said = Entry("* reply 200 .usage*", "null added", "they say so")
    stale = Entry("* request .data[]", "*", "stale")
    found = compared(theirs)

    comparison = Comparison([], found, Decisions(differs=[said, stale]))

    assert [each.what for each in comparison.open] == ["field removed"]
    assert [reason for _, reason in comparison.decided] == ["they say so"]
    assert comparison.decisions.unused(found) == [stale]


def test_what_is_ours_alone_covers_nothing_else(theirs, tmp_path):
    """Else a wildcard would hide what they change there."""
    path = tmp_path / "decisions.yml"
    path.write_text("ours: [{where: '* reply 200 *', reason: recorded}]")
    decisions = read_decisions(path)
    change_remove_reply_field(theirs)
    change_null_in_reply(theirs)
    change_reply_enum(theirs)

    found = {each.what: decisions.reason(each) for each in compared(theirs)}

    assert found == {"field removed": "recorded", "null added": None, "value added": None}


@pytest.mark.parametrize("text", ["[1]", "ours: [{where: a}]", "differs: [{what: b}]", "a: ["])
def test_a_list_of_decisions_that_cannot_be_read_is_named(text, tmp_path):
    """An entry needs a place and a reason."""
    (tmp_path / "x.yml").write_text(text)

    with pytest.raises(DocumentError, match="no list of decisions"):
        read_decisions(tmp_path / "x.yml")


@pytest.fixture
def run(tmp_path, capsys, theirs, monkeypatch):
    """Run the command on the small contract and a changed document of the vendor."""
    contract, source = tmp_path / "small.yaml", tmp_path / "theirs.json"
    contract.write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "decisions.yml").write_text("{}")
    monkeypatch.setattr(upstream, "tried", lambda _: None)
    pin = str(tmp_path / "upstream" / "contract.yaml")

    def call(*words):
        source.write_text(json.dumps(theirs))
        decisions = str(tmp_path / "decisions.yml")
        files = ("--contract", str(contract), "--decisions", decisions, "--pin", pin)
        code = upstream.main([str(source), *files, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_command_tells_drift_by_its_exit_code(run, theirs):
    """A table for a person, JSON for machines, and nothing left after `--apply`."""
    assert run()[0] == 0
    change_add_required_field(theirs)
    change_reply_enum(theirs)

    code, shown, _ = run()
    assert code == 1
    assert "to decide about: 2 rows" in shown
    assert shown.index("required field added") < shown.index("value added")
    found = json.loads(run("--json")[1])["new"]
    assert [(each["what"], each["breaks"]) for each in found] == [
        ("required field added", "callers"),
        ("value added", "nobody"),
    ]
    code, shown, _ = run("--apply")
    assert code == 1
    assert "1 differences are in small.yaml now" in shown
    assert "to decide about: 1 rows" in run()[1]
    code, shown, _ = run("--apply", "--only", "* .purpose")
    assert TO_DESCRIBE in shown
    assert run()[0] == 0


def test_what_does_not_generate_is_put_back(run, theirs, monkeypatch, tmp_path):
    """The contract is as it was, and why is said."""

    def failing(_):
        raise upstream.TryError("the generator says no")

    monkeypatch.setattr(upstream, "tried", failing)
    change_reply_enum(theirs)

    shown = run("--apply")[1]

    assert "does not generate" in shown
    assert "the generator says no" in shown
    assert (tmp_path / "small.yaml").read_text() == SMALL.read_text()


def test_the_last_document_is_compared_with_the_new_one(run, theirs):
    """What happened, and what ours says there; recorded when nothing is to be decided."""
    assert "Recorded" in run("--record", "--date", "2026-04-30")[1]
    assert "Nothing happened since 2026-04-30" in run()[1]
    change_reply_enum(theirs)
    change_remove_status(theirs)

    code, shown, _ = run("--record", "--date", "2026-06-28")
    assert code == 1
    assert "What happened since 2026-04-30" in shown
    assert shown.count("to be brought in") == 2
    assert "Not recorded" in shown
    run("--apply")
    rows = {row["what"]: row["ours"] for row in json.loads(run("--json")[1])["steps"]}
    assert rows == {"value added": "already so", "status removed": "to be brought in"}
    run("--apply", "--only", "* status removed")
    assert "Recorded" in run("--record", "--date", "2026-06-28")[1]
    assert "Nothing happened since 2026-06-28" in run()[1]


def test_a_day_that_is_none_is_refused(run):
    """Before anything is written."""
    code, _, error = run("--record", "--date", "yesterday")

    assert code == 2
    assert "yesterday is no day" in error


def test_a_pin_says_the_same_as_its_document_without_a_word(theirs, tmp_path):
    """Facts stay, prose and extensions go; fields may be called as they like."""
    schemas(theirs)["EmbeddingList"]["properties"]["description"] = {
        "type": "string",
        "description": "A sentence.",
    }
    path = tmp_path / "pin.yaml"
    path.write_text(pin_text(Document(theirs), "2026-08-22", "0" * 64))

    pin = read_pin(path)

    assert differences(surface_of(Document(theirs)), surface_of(pin.document)) == []
    assert (pin.read, pin.digest) == ("2026-08-22", "0" * 64)
    text = path.read_text()
    assert "Different words" not in text
    assert "A sentence" not in text
    assert "x-vendor" not in text
    assert "Chat" not in text


def test_a_pin_that_says_nothing_of_itself_is_refused(tmp_path):
    """It was not written by `--record`."""
    (tmp_path / "x.yaml").write_text(NASTY.read_text())

    with pytest.raises(DocumentError, match="which document"):
        read_pin(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "neither YAML nor JSON"),
        ("swagger: '2.0'", "no OpenAPI document"),
        ("openapi: 3.0.0\npaths: {}", "has no POST /embeddings"),
        ("openapi: 3.0.0\npaths: {/v2/embeddings: {post: {}}}", "has no POST /embeddings"),
    ],
)
def test_documents_that_cannot_be_used_are_refused(text, message, tmp_path, capsys):
    """Exit code 2, and why."""
    (tmp_path / "x.yaml").write_text(text)

    assert upstream.main([str(tmp_path / "x.yaml")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("reference", ["#/components/schemas/Nowhere", "other.yaml#/a"])
def test_references_that_lead_nowhere_are_named(reference, theirs):
    """And not taken for anything."""
    schemas(theirs)["Sort"] = {"$ref": reference}

    with pytest.raises(DocumentError, match="leads"):
        compared(theirs)


def large_document(theirs, paths=73, count=750):
    """Put the vendor's two operations among many others that share components."""
    root = copy.deepcopy(theirs)
    for number in range(count):
        others = {
            f"field{place}": {"type": "string", "description": "words " * 20} for place in range(12)
        }
        others["next"] = {"$ref": f"#/components/schemas/Schema{(number + 1) % count}"}
        root["components"]["schemas"][f"Schema{number}"] = {"type": "object", "properties": others}
    for number in range(paths - len(root["paths"])):
        media = {"schema": {"$ref": f"#/components/schemas/Schema{number}"}}
        reply = {"description": "x", "content": {"application/json": media}}
        root["paths"][f"/other/{number}"] = {"get": {"responses": {"200": reply}}}
    return root


def test_a_large_document_is_cut_down(theirs, tmp_path):
    """Over seventy paths, over seven hundred schemas, over a megabyte."""
    root = large_document(theirs)
    text = yaml.safe_dump(root)

    assert len(text) > 1_000_000
    assert (len(root["paths"]), len(schemas(root))) >= (70, 700)
    document = parsed(text, "large")
    assert compared(dict(document.root)) == []
    assert len(reached(document)) == len(reached(read(str(NASTY))))


def test_every_decision_is_needed_by_the_newest_document():
    """One that nothing needs would hide what comes in its place."""
    root = HERE.parents[1]
    pin, ours = read_pin(root / "upstream" / "contract.yaml"), read(str(root / "openapi.yaml"))
    decisions = read_decisions(root / "upstream-differences.yml")
    found = differences(surface_of(ours), surface_of(pin.document))

    assert decisions.unused(found) == []
    assert Comparison([], found, decisions).open == []
