"""A disk that is full: a sentence and an exit code, and the same command goes on with more room."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from job_runs import MODEL, SMALL, rows_of

from openrouter_embeddings import JobStoppedError
from openrouter_embeddings.jobs import _ledger, embed_file, verify_file

BOUNDED = """
import resource, sys
size = int(sys.argv.pop(1))
import openrouter_embeddings.cli._app
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from openrouter_embeddings.cli import main
main()
"""
TEXTS, WIDTH = 300, 8
BYTES = TEXTS * WIDTH * 4
SIZES = [0, 300, 2_000, BYTES // 2, BYTES + 10, 15_000]
NAMES = ["out.parquet", "out.npy", "out.jsonl"]
# Of one format 25 sizes, so that each step meets the bound somewhere.
FULL = [(size, name) for name in NAMES for size in SIZES]
FULL += [(size, "out.npy") for size in range(600, 15_000, 760)]


@pytest.mark.skipif(os.name == "nt", reason="needs a limit that Windows does not have")
@pytest.mark.parametrize(("size", "name"), FULL)
def test_a_full_disk_is_a_sentence(size, name, service, client, write, tmp_path):
    """No file may be larger than that: the ledger, the vectors, or the output meets it first."""
    texts = [f"{number:05d} {os.urandom(8).hex()}" for number in range(TEXTS)]
    source, out = write("in.parquet", [{"text": text} for text in texts]), tmp_path / name
    command = ["embed", source, "--out", str(out), "--model", MODEL]
    options = ["--batch-size", "10", "--in-flight", "2", "--base-url", service.base_url]

    done = subprocess.run(
        [sys.executable, "-B", "-c", BOUNDED, str(size), *command, *options],
        env={"OPENROUTER_API_KEY": service.api_key, "PATH": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    paid = service.inputs_embedded
    report = embed_file(client, source, out, model=MODEL)

    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2}
    assert done.returncode == 0 or "File too large" in done.stderr, done.stderr
    assert report.failed == 0
    # Two batches in flight: one that has come and is not on the disk counts among them.
    assert service.inputs_embedded <= TEXTS + 10 * 2, (paid, done.stderr)
    assert all(check.holds for check in verify_file(out, source=source))
    if name == "out.npy":
        assert np.array_equal(np.load(out), np.stack([service.vector(text) for text in texts]))


@pytest.mark.parametrize("at", [2, 3, 4, 5, 6, 8, 11, 17])
def test_nothing_goes_out_without_a_reservation(at, service, client, write, tmp_path, monkeypatch):
    """The disk takes half a line of the ledger, and then nothing."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"
    real, written = os.write, []

    def write_less(handle, content):
        written.append(content)
        if len(written) < at:
            return real(handle, content)
        if len(written) == at:
            return real(handle, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(_ledger.os, "write", write_less)
        with pytest.raises(JobStoppedError, match="No space left on device") as stopped:
            embed_file(client, source, out, model=MODEL, limits=SMALL)
    ledger = out.with_name("out.parquet.job") / "ledger"
    reserved = ledger.read_bytes().count(b'"reserve"') if ledger.exists() else 0
    asked = len(service.requests)
    report = embed_file(client, source, out, model=MODEL, limits=SMALL)

    assert "Make room" in str(stopped.value)
    assert asked <= reserved
    assert service.inputs_embedded == len({row["text"] for row in rows_of(60)})
    assert not any("damaged" in note for note in report.notes)
