"""What is handed to a job: paths of every kind, files that must differ, options of each request."""

from __future__ import annotations

import inspect
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, rows_of

from openrouter_embeddings import ConfigurationError, OpenRouter
from openrouter_embeddings._bulk.options import BulkOptions
from openrouter_embeddings.jobs import embed_file, estimate_file, retry_failed, verify_file


def test_every_door_takes_a_path_object(client, write, tmp_path):
    """And says the output as text."""
    source, out = Path(write("in.parquet", rows_of(4))), tmp_path / "out.parquet"

    assert estimate_file(client, source, model=MODEL, out=out).inputs == 4
    report = embed_file(client, source, out, model=MODEL)

    assert (report.out, report.done) == (str(out), 4)
    assert all(check.holds for check in verify_file(out, source=source))
    assert retry_failed(client, out, source=source).rows == 0


@pytest.mark.parametrize("path", ["", "a\0b.parquet", "\ud83d.parquet", b"a.parquet", 3, None])
@pytest.mark.parametrize("door", ["source", "out"])
def test_what_is_no_path_is_named(path, door, client, service, write, tmp_path):
    """Before anything is sent."""
    paths = {"source": write("in.txt", rows_of(2)), "out": tmp_path / "o.npy", door: path}

    with pytest.raises(ConfigurationError, match=rf"^{door} "):
        embed_file(client, paths["source"], paths["out"], model=MODEL)

    assert service.requests == ()


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("name", ["in.parquet", "./in.parquet", "link.parquet", "hard.parquet"])
def test_the_input_is_never_written_over(
    name, overwrite, client, service, write, tmp_path, monkeypatch
):
    """By whatever name the output means it."""
    monkeypatch.chdir(tmp_path)
    before = Path(write("in.parquet", rows_of(2))).read_bytes()
    Path("link.parquet").symlink_to("in.parquet")
    Path("hard.parquet").hardlink_to("in.parquet")

    with pytest.raises(ConfigurationError, match="out is the same file as source"):
        embed_file(client, "in.parquet", name, model=MODEL, overwrite=overwrite)

    assert Path("in.parquet").read_bytes() == before
    assert service.requests == ()


@pytest.mark.parametrize("same", ["in.parquet", "out.parquet"])
def test_a_cache_is_a_place_of_its_own(same, client, service, write, tmp_path):
    """Neither the input nor the output."""
    source, out = write("in.parquet", rows_of(2)), tmp_path / "out.parquet"

    with pytest.raises(ConfigurationError, match="cache is the same file as"):
        embed_file(client, source, out, model=MODEL, cache=tmp_path / same)

    assert service.requests == ()


def test_a_job_takes_what_embed_takes():
    """All that a bulk run knows, by the same names."""
    assert set(inspect.signature(embed_file).parameters) >= set(BulkOptions.__annotations__)


def test_each_request_carries_what_was_asked_for(client, service, write, tmp_path):
    """Privacy first of all."""
    source = write("in.parquet", rows_of(6))

    embed_file(
        client,
        source,
        tmp_path / "out.parquet",
        model=MODEL,
        provider={"data_collection": "deny", "zdr": True},
        user="u-1",
        session_id="s-1",
        trace={"trace_id": "t"},
        extra_headers={"X-Of-Ours": "yes"},
        extra_body={"new": 1},
    )

    request = service.requests[-1]
    wanted = {"user": "u-1", "session_id": "s-1", "trace": {"trace_id": "t"}, "new": 1}
    assert wanted.items() <= request.body.items()
    assert request.body["provider"] == {"data_collection": "deny", "zdr": True}
    assert request.headers["x-of-ours"] == "yes"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"provider": {"data_colection": "deny"}}, "data_collection"),
        ({"extra_body": {"a": {1}}}, "extra_body"),
        ({"session_id": "s" * 300}, "session_id"),
        ({"timeout": -1}, "timeout"),
        ({"deadline": "soon"}, "deadline"),
        ({"retries": 3}, "retries"),
    ],
)
def test_an_option_that_cannot_be_used_leaves_nothing_behind(
    option, message, client, service, write, tmp_path
):
    """Not a folder, not a request."""
    source = write("in.parquet", rows_of(2))

    with pytest.raises(ConfigurationError, match=message):
        embed_file(client, source, tmp_path / "out.parquet", model=MODEL, **option)

    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_other_routing_is_another_job(client, write, tmp_path):
    """Vectors of another provider would mix."""
    source, out = write("in.parquet", rows_of(2)), tmp_path / "out.parquet"
    embed_file(client, source, out, model=MODEL, provider={"only": ["a"]})

    with pytest.raises(ConfigurationError, match="begun with provider"):
        embed_file(client, source, out, model=MODEL, provider={"only": ["b"]})


def test_the_bounds_of_a_job_are_its_own(service, write, tmp_path):
    """One attempt where the client would make four."""
    from openrouter_embeddings.testing import faults

    service.always(faults.status(503, retry_after=0))
    with OpenRouter(service.api_key, base_url=service.base_url) as client:
        report = embed_file(
            client, write("in.txt", [{"text": "a"}]), tmp_path / "o.npy", model=MODEL, retries=None
        )

    assert report.failed == 1
    assert len(service.requests) < 4


def test_one_column_to_keep_is_a_name(client, write, tmp_path):
    """And not its letters."""
    source, out = write("in.parquet", rows_of(2)), tmp_path / "out.parquet"

    embed_file(client, source, out, model=MODEL, keep_columns="id")

    assert pq.read_schema(out).names == ["text", "id", "embedding", "error"]


def test_words_of_ours_give_way_to_columns(client, tmp_path):
    """In JSONL each line says what made it, unless the input says something by that name."""
    import json

    rows = {"text": ["a", "b"], "model": ["T-800", "T-1000"], "source": ["x", "y"]}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    out = tmp_path / "out.jsonl"

    embed_file(client, tmp_path / "in.parquet", out, model=MODEL, keep_columns="*")

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["model"] for line in lines] == rows["model"]
    assert [line["source"] for line in lines] == rows["source"]
    assert {line["dimensions"] for line in lines} == {"8"}
