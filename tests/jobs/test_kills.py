"""A job killed at each of its steps: the same command goes on, and hardly pays twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from job_runs import MODEL, SMALL, digest, rows_of

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.jobs import embed_file, retry_failed

CHILD = """
import os, shutil, signal, sys
from pathlib import Path
from openrouter_embeddings import Limits, OpenRouter
from openrouter_embeddings.jobs import _ledger, _store, embed_file
url, key, source, out, step, at, when = sys.argv[1:]
places = {
    "write": (_store, "_write_at"), "ledger": (_ledger.Ledger, "append"),
    "replace": (Path, "replace"), "rename": (Path, "rename"), "delete": (shutil, "rmtree"),
}
owner, name = places[step]
real, seen = getattr(owner, name), []
def replaced(*args, **options):
    seen.append(args)
    if len(seen) == int(at) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    value = real(*args, **options)
    if len(seen) == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return value
setattr(owner, name, replaced)
with OpenRouter(key, base_url=url) as client:
    embed_file(client, source, out, model="test/embedding", id_column="id",
               limits=Limits(max_batch=4, max_in_flight=2))
"""

STEPS = [
    # job.json, the same with the first reply, that the output is ready, the output
    *(("replace", at) for at in (1, 2, 3, 4)),
    ("rename", 1),  # the folder, to its trash name
    ("delete", 1),
    *(("write", at) for at in (1, 2, 3, 10, 11)),  # vectors and their records by turns
    *(("ledger", at) for at in (1, 2, 3, 4, 20)),  # reservations, charges, answers
]


AGAIN = f"""{CHILD.split("with OpenRouter", maxsplit=1)[0]}
from openrouter_embeddings.jobs import retry_failed
with OpenRouter(key, base_url=url) as client:
    retry_failed(client, out, source=source)
"""


def kill(service, source, out, step, at, when, child=CHILD):
    arguments = [service.base_url, service.api_key, source, out, step, str(at), when]
    done = subprocess.run(
        [sys.executable, "-c", child, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("step", "at"), STEPS)
def test_a_kill_at_any_step_loses_what_was_in_flight_at_the_most(
    step, at, when, service, client, write, tmp_path
):
    """The file is that of a run without a kill, byte for byte, and nothing else is left."""
    rows = rows_of(60)
    source, out, whole = write("in.parquet", rows), tmp_path / "out.parquet", tmp_path / "w.parquet"
    texts, options = len({row["text"] for row in rows}), {"model": MODEL, "id_column": "id"}
    embed_file(client, source, whole, limits=SMALL, **options)
    before = service.inputs_embedded

    kill(service, source, str(out), step, at, when)
    report = embed_file(client, source, out, limits=SMALL, **options)

    assert digest(out) == digest(whole)
    assert texts <= service.inputs_embedded - before <= texts + 2 * 4
    assert (report.done, report.failed) == (60, 0)
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {"in.parquet", "out.parquet", "w.parquet"} <= trash(left)
    embed_file(client, source, out, limits=SMALL, overwrite=True, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"in.parquet", "out.parquet", "w.parquet"}


def trash(names):
    """What a finished job that was killed while it deleted its folder may leave, until the next."""
    return {name for name in names if name.endswith(".trash")}


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "at"), [*(("replace", at) for at in (1, 2, 3, 4)), ("rename", 1), ("delete", 1)]
)
def test_two_files_of_an_output_are_never_of_two_states(
    step, at, when, service, client, write, tmp_path
):
    """Vectors, and beside them what says which rows have none; the provider stays asked for."""
    source, out = write("in.parquet", rows_of(20)), tmp_path / "out.npy"
    texts = [row["text"] for row in rows_of(20)]
    service._rules = evolve(service._rules, poison=frozenset(texts[7:9]))
    embed_file(client, source, out, model=MODEL, provider={"zdr": True})
    service._rules = evolve(service._rules, poison=frozenset())
    before = len(service.requests)

    kill(service, source, str(out), step, at, when, AGAIN)
    report = retry_failed(client, out, source=source)

    assert report.failed == 0
    again = service.requests[before:]
    assert 1 <= len(again) <= 2
    assert all(request.body["provider"] == {"zdr": True} for request in again)
    assert np.array_equal(np.load(out), np.stack([service.vector(text) for text in texts]))
    assert retry_failed(client, out, source=source).rows == 0
    left = {path.name for path in tmp_path.iterdir()}
    assert left - trash(left) == {"in.parquet", "out.npy", "out.npy.rows.parquet"}


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
@pytest.mark.parametrize("at", [3, 4])
def test_who_gave_the_vectors_outlives_a_kill(at, service, client, write, tmp_path):
    """Though all vectors are here, and nothing is left to be asked for."""
    source, out = write("in.parquet", rows_of(4)), tmp_path / "out.parquet"
    child = CHILD.replace("max_in_flight=2", "max_in_flight=1")

    kill(service, source, str(out), "ledger", at, "before", child)
    embed_file(client, source, out, model=MODEL, id_column="id")

    said = pq.read_metadata(out).metadata
    assert said[b"openrouter_embeddings.providers"] == b"Example AI"


@pytest.mark.parametrize("what", ["another file", "no new output", "a damaged note"])
def test_an_output_that_is_not_what_it_was_is_not_replaced(what, client, write, tmp_path):
    """Nor does what was paid for go."""
    source, out = write("in.parquet", rows_of(20)), tmp_path / "out.npy"
    folder = tmp_path / "out.npy.job"
    folder.mkdir()
    for name in (".out.npy.tmp", ".out.npy.rows.parquet.tmp", "vectors.f32"):
        (folder / name).write_text("new")
    (folder / "ready").write_text(json.dumps([None, [1, 2, 3]]))
    if what == "another file":
        out.write_text("precious")
    elif what == "no new output":
        (folder / ".out.npy.tmp").unlink()
    else:
        (folder / "ready").write_text("{")

    with pytest.raises(ConfigurationError):
        embed_file(client, source, out, model=MODEL)

    assert out.exists() is (what == "another file")
    assert (folder / "vectors.f32").read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that Windows does not have")
def test_what_a_killed_run_may_have_spent_counts(service, client, write, tmp_path):
    """A reservation that nobody settled is told apart from what is known."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"

    kill(service, source, str(out), "ledger", 5, "after")
    report = embed_file(client, source, out, model=MODEL, limits=SMALL, id_column="id")

    assert report.possible > 0
    assert report.spent <= service.inputs_embedded * 2e-6
    assert pq.read_metadata(out).num_rows == 60
