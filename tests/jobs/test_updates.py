"""Outputs brought up to date, and vectors taken from others: nothing is paid for twice."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from job_runs import MODEL, SMALL, interrupted

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.jobs import embed_file, estimate_file, retry_failed, verify_file

OUTS = ["out.parquet", "out.jsonl", "out.npy"]


def rows(count, prefix="text"):
    return [{"id": number, "text": f"{prefix} {number}"} for number in range(count)]


def vectors(out):
    if out.suffix == ".npy":
        return np.load(out)
    if out.suffix == ".jsonl":
        import json

        return np.array([json.loads(line)["embedding"] for line in out.read_text().splitlines()])
    return np.stack(pq.read_table(out)["embedding"].to_numpy(zero_copy_only=False))


@pytest.mark.parametrize("keep_text", [True, False])
@pytest.mark.parametrize("name", OUTS)
def test_new_rows_alone_are_paid_for(name, keep_text, client, service, write, tmp_path):
    """Wherever they stand; the others keep their vectors, in every format."""
    out = tmp_path / name
    options = {"model": MODEL, "id_column": "id", "keep_text": keep_text}
    embed_file(client, write("in.parquet", rows(200)), out, **options)
    paid = service.inputs_embedded
    changed = [{"id": 999, "text": "new"}, *rows(200)[::-1]]

    report = embed_file(client, write("in.parquet", changed), out, **options)

    assert service.inputs_embedded == paid + 1
    assert (report.rows, report.kept, report.failed) == (201, 200, 0)
    wanted = np.stack([service.vector(row["text"]) for row in changed])
    assert np.allclose(vectors(out), wanted, atol=1e-7)
    assert all(check.holds for check in verify_file(out, source=tmp_path / "in.parquet"))
    assert not (tmp_path / f"{name}.job").exists()


def test_an_edited_text_under_an_old_id_gets_its_own_vector(client, service, write, tmp_path):
    """The id says which row it was, and not that it is unchanged."""
    out, options = tmp_path / "out.parquet", {"model": MODEL, "id_column": "id"}
    embed_file(client, write("in.parquet", rows(10)), out, **options)
    edited = rows(10)
    edited[4]["text"] = "edited"

    embed_file(client, write("in.parquet", edited), out, **options)

    assert np.array_equal(vectors(out)[4], service.vector("edited"))


def test_an_output_most_of_which_would_go_is_not_replaced(client, service, write, tmp_path):
    """It says how many would be kept, embedded and dropped; `update` means it."""
    out = tmp_path / "out.parquet"
    embed_file(client, write("in.parquet", rows(10)), out, model=MODEL)
    before, asked = out.read_bytes(), len(service.requests)
    other = write("in.parquet", [*rows(4), *rows(3, "new")])

    with pytest.raises(ConfigurationError, match="4 would be kept, 6 dropped, and 3 new") as caught:
        embed_file(client, other, out, model=MODEL)

    assert "--update" in caught.value.hint
    assert (out.read_bytes(), len(service.requests)) == (before, asked)
    assert embed_file(client, other, out, model=MODEL, update=True).kept == 4
    assert len(vectors(out)) == 7


def test_an_update_that_was_interrupted_goes_on(client, service, write, tmp_path):
    """The old output stands until the new one is whole."""
    out = tmp_path / "out.parquet"
    embed_file(client, write("in.parquet", rows(60)), out, model=MODEL)
    before, paid = out.read_bytes(), service.inputs_embedded
    source = write("in.parquet", [*rows(60), *rows(40, "new")])

    interrupted(service, client, source, str(out))
    assert out.read_bytes() == before
    embed_file(client, source, out, model=MODEL, limits=SMALL)

    assert service.inputs_embedded == paid + 40
    assert len(vectors(out)) == 100


@pytest.mark.parametrize("name", OUTS)
def test_vectors_of_another_output_are_taken(name, client, service, write, tmp_path):
    """Of the same settings alone."""
    embed_file(client, write("a.parquet", rows(20)), tmp_path / name, model=MODEL)
    paid = service.inputs_embedded
    source, reuse = write("b.parquet", rows(25)), tmp_path / name

    with pytest.raises(ConfigurationError, match="begun with dimensions"):
        embed_file(client, source, tmp_path / "b.npy", model=MODEL, reuse=reuse, dimensions=4)
    report = embed_file(client, source, tmp_path / "b.npy", model=MODEL, reuse=reuse)

    assert (report.kept, service.inputs_embedded) == (20, paid + 5)
    assert len(vectors(tmp_path / "b.npy")) == 25


@pytest.mark.parametrize("name", OUTS)
def test_failed_rows_stay_failed_until_they_are_asked_for(name, client, service, write, tmp_path):
    """An update leaves them; `retry_failed` embeds them, and nothing else."""
    out = tmp_path / name
    start = [*rows(10), {"id": 10, "text": "poison"}]
    source = write("in.parquet", start)
    embed_file(client, source, out, model=MODEL)
    source = write("in.parquet", [*start, {"id": 11, "text": "more"}])
    service._rules = evolve(service._rules, poison=frozenset())

    assert embed_file(client, source, out, model=MODEL).failed == 1
    paid = service.inputs_embedded
    report = retry_failed(client, out, source=source if name == "out.npy" else None)

    assert (report.rows, report.done, report.failed) == (1, 1, 0)
    assert service.inputs_embedded == paid + 1
    assert np.allclose(vectors(out)[10], service.vector("poison"), atol=1e-7)
    assert all(check.holds for check in verify_file(out, source=source))


def test_an_output_that_was_changed_since_is_nobodys(client, service, write, tmp_path):
    """What stands beside it does not speak for another file."""
    out, source = tmp_path / "out.npy", write("in.parquet", rows(4))
    embed_file(client, source, out, model=MODEL)
    np.save(out, np.zeros((5, 8), np.float32))

    with pytest.raises(ConfigurationError, match="is there already"):
        embed_file(client, source, out, model=MODEL)
    with pytest.raises(ConfigurationError, match="was changed since"):
        verify_file(out)


def test_a_job_that_is_not_finished_is_left_alone(client, service, write, tmp_path):
    """Neither of the two commands takes the folder of the other: its vectors were paid for."""
    out, start = tmp_path / "out.parquet", [*rows(60), {"id": 60, "text": "poison"}]
    embed_file(client, write("a.parquet", start), out, model=MODEL)
    source = write("a.parquet", [*start, *rows(40, "new")])
    interrupted(service, client, source, str(out))
    paid, kept = service.inputs_embedded, (tmp_path / "out.parquet.job" / "rows").read_bytes()

    with pytest.raises(ConfigurationError, match="is a job of embed that is not finished"):
        retry_failed(client, out)

    assert (tmp_path / "out.parquet.job" / "rows").read_bytes() == kept
    assert 0 < paid - 60 < 40
    assert embed_file(client, source, out, model=MODEL, limits=SMALL).failed == 1
    assert service.inputs_embedded == 100


def test_the_estimate_knows_what_an_output_has(client, write, tmp_path):
    """And writes nothing."""
    out = tmp_path / "out.parquet"
    embed_file(client, write("in.parquet", rows(10)), out, model=MODEL)
    before = sorted(path.name for path in tmp_path.iterdir())

    found = estimate_file(client, write("in.parquet", rows(12)), model=MODEL, out=out)

    assert (found.inputs, found.unique, found.cached) == (12, 12, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
