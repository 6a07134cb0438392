"""A job killed at each of its steps: the same command goes on, and hardly pays twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, SMALL, digest, rows_of

from openrouter_embeddings.jobs import embed_file

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
    *(("replace", at) for at in (1, 2, 3)),  # job.json, the same with the first reply, the output
    ("rename", 1),  # the folder, to its trash name
    ("delete", 1),
    *(("write", at) for at in (1, 2, 3, 10, 11)),  # vectors and their records by turns
    *(("ledger", at) for at in (1, 2, 3, 4, 20)),  # reservations, charges, answers
]


def kill(service, source, out, step, at, when):
    arguments = [service.base_url, service.api_key, source, out, step, str(at), when]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], check=False, capture_output=True, text=True
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
def test_what_a_killed_run_may_have_spent_counts(service, client, write, tmp_path):
    """A reservation that nobody settled is told apart from what is known."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"

    kill(service, source, str(out), "ledger", 5, "after")
    report = embed_file(client, source, out, model=MODEL, limits=SMALL, id_column="id")

    assert report.possible > 0
    assert report.spent <= service.inputs_embedded * 2e-6
    assert pq.read_metadata(out).num_rows == 60
