"""Searches over embedded files: several of them, with ids, in bounded memory; answers as JSON."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openrouter_embeddings import ConfigurationError, __version__, cli
from openrouter_embeddings.cli import _index
from openrouter_embeddings.jobs._writers import packing_of
from openrouter_embeddings.testing import FaultServer


@pytest.fixture
def service(monkeypatch):
    """A service that refuses one text, in the place of the real one."""
    with FaultServer(poison={"poison"}) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def run(capsys):
    """Run a command; give its code, its output and what it said aside."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def embed(run, tmp_path):
    """Embed texts into a file of any format."""

    def call(name, texts, *options):
        source = tmp_path / "in.jsonl"
        rows = [{"id": f"n{number}", "text": text} for number, text in enumerate(texts)]
        source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        out = tmp_path / name
        run("embed", source, "--out", out, "--model", "m", "--id-column", "id", *options)
        return out

    return call


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.npy"])
def test_hits_have_their_ids_and_rows(name, service, run, embed):
    """Where the file has any."""
    out = embed(name, ["one", "two", "three"])

    code, shown, _ = run("search", "two", "--index", out, "-k", 1, "--model", "m", "--json")

    hit = json.loads(shown)["hits"][0]
    assert (code, hit["row"]) == (0, 2)
    assert hit["similarity"] == pytest.approx(1.0)
    known = (None, None) if name == "a.npy" else ("n1", "two")
    assert (hit["id"], hit["text"]) == known


def test_several_files_are_searched_as_one(service, run, embed):
    """The nearest of all come first, each with its file."""
    outs = [embed(f"{name}.parquet", texts) for name, texts in (("a", "bcd"), ("b", "efg"))]

    code, shown, _ = run("search", "f", "--index", outs[0], "--index", outs[1], "-k", 2, "--json")
    table = run("search", "f", "--index", outs[0], "--index", outs[1])[1]

    hits = json.loads(shown)["hits"]
    assert code == 0
    assert (hits[0]["index"], hits[0]["id"]) == (str(outs[1]), "n1")
    assert len(hits) == 2
    assert "index" in table


def test_files_of_two_models_are_not_compared(service, run, embed):
    """Their vectors mean nothing beside each other."""
    outs = [embed("a.parquet", "abc"), embed("b.parquet", "abc", "--dimensions", "4")]

    code, _, said = run("search", "x", "--index", outs[0], "--index", outs[1])

    assert code == 2
    assert "8 dimensions" in said or "4 dimensions" in said or "cannot be compared" in said


def test_a_query_is_asked_as_one(service, run, embed):
    """Where the file has documents."""
    out = embed("a.parquet", "abc", "--input-type", "search_document")

    run("search", "a", "--index", out)

    assert service.requests[-1].body["input_type"] == "search_query"


def test_an_index_whose_rows_all_failed_is_a_sentence(service, run, embed):
    """And no error of numpy's."""
    out = embed("a.parquet", ["poison"])

    code, _, said = run("search", "a", "--index", out)

    assert code == 2
    assert "index holds no vectors" in said


def test_a_search_holds_few_rows_at_a_time(tmp_path):
    """However many there are; the result is that of all of them."""
    from openrouter_embeddings.values import to_arrow

    matrix = np.random.default_rng(3).standard_normal((9_000, 4)).astype(np.float32)
    table = pa.table({"embedding": to_arrow(matrix)})
    pq.write_table(table, tmp_path / "a.parquet", **packing_of(table.schema))
    index, query = _index.open_index(str(tmp_path / "a.parquet")), matrix[77]

    sizes = [len(rows.vectors) for rows in index.rows()]
    found = _index.nearest([index], query, 20)

    assert max(sizes) <= 2_000
    expected = _index.most_similar(matrix, query, 20)
    assert [(hit.row, pytest.approx(hit.similarity, abs=1e-6)) for hit in found] == expected


def test_an_index_that_is_none_is_named(tmp_path):
    """With what was found."""
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')

    with pytest.raises(ConfigurationError, match="index cannot be read"):
        _index.nearest([_index.open_index(str(tmp_path / "a.jsonl"))], np.ones(4, "f4"), 1)


def test_every_command_answers_as_one_object(service, run, embed, tmp_path):
    """For programs; numbers stay numbers, and unknown is null."""
    model = ("--model", "test/embedding", "--json")
    out = embed("a.parquet", ["a", "poison", ""], "--cache", str(tmp_path / "cache"), *model)
    source = tmp_path / "in.jsonl"

    def answer(*words):
        code, shown, said = run(*words)
        assert shown, (code, said)
        return json.loads(shown)

    assert answer("embed", source, "--out", out, "--id-column", "id", *model)["failed"] == 1
    again = answer("embed", source, "--out", tmp_path / "b.npy", "--overwrite", *model)
    assert again["failures"][0]["row"] == 2
    assert (again["rows"], again["empty"], again["sent"]) == (3, 1, 1)
    assert answer("embed", source, "--out", out, "--dry-run", *model)["unique"] == 2
    assert answer("estimate", source, *model)["inputs"] == 2
    assert answer("retry-failed", out, "--json")["rows"] == 1
    assert answer("verify", out, "--sample", 0, "--json")["holds"] is True
    assert answer("models", "--json")["models"][0]["id"]
    assert answer("cache", "info", tmp_path / "cache", "--json")["vectors"] == 1
    assert answer("cache", "clear", tmp_path / "cache", "--json")["deleted"] == 1


def test_the_version_is_said(run):
    """By the usual option; the help by both of its names."""
    assert run("--version")[:2] == (0, f"openrouter-embeddings {__version__}\n")
    assert "Usage" in run("-h")[1]
    assert "--zdr" in run("embed", "-h")[1]
