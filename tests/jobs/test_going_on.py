"""Jobs over several runs: stopped, killed, changed, begun by somebody else, and gone on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, SMALL, digest, interrupted, rows_of

from openrouter_embeddings import ConfigurationError, JobStoppedError, Limits, OpenRouter
from openrouter_embeddings.jobs import embed_file
from openrouter_embeddings.testing import FaultServer, faults


def test_a_job_goes_on_where_it_stopped(service, client, write, tmp_path):
    """Nothing is paid for twice, and the file is that of a run without an interruption."""
    rows = rows_of(60)
    source, out, other = write("in.parquet", rows), tmp_path / "a.parquet", tmp_path / "b.parquet"
    options = {"model": MODEL, "id_column": "id", "limits": SMALL}

    error = interrupted(service, client, source, str(out), id_column="id")
    before = service.inputs_embedded
    assert not out.exists()
    assert 0 < error.report.done < 60
    report = embed_file(client, source, str(out), **options)
    embedded = service.inputs_embedded
    embed_file(client, source, str(other), **options)

    assert 0 < before < embedded == len({row["text"] for row in rows}) == report.sent
    assert report.spent == pytest.approx(report.tokens * 2e-08)
    assert digest(out) == digest(other)


def test_an_interrupted_job_counts_what_came_after_its_last_batch(write, tmp_path):
    """Requests that were in flight at the interruption are in the journal, and in the report."""
    texts = [f"text {number}" for number in range(60)]
    source, out = (
        write("in.parquet", [{"text": text} for text in texts]),
        str(tmp_path / "o.parquet"),
    )
    arrived, released = threading.Event(), threading.Event()
    options = {"model": MODEL, "limits": SMALL}

    def held(healthy):
        if not np.array_equal(healthy.vectors[0], server.vector(texts[0])):
            arrived.set()
            released.wait(60)
        return healthy.answer()

    def interrupt(_progress):
        assert arrived.wait(60)
        released.set()
        raise KeyboardInterrupt

    with (
        FaultServer(dimensions=8) as server,
        OpenRouter(server.api_key, base_url=server.base_url) as client,
    ):
        server.always(faults.Fault("held", "It waits.", False, (), held))
        with pytest.raises(KeyboardInterrupt):
            embed_file(client, source, out, progress=interrupt, **options)
        assert 4 < server.inputs_embedded < 60
        report = embed_file(client, source, out, **options)

    assert report.sent == server.inputs_embedded == 60
    assert report.requests == len(server.requests)


def test_a_finished_job_is_not_begun_again(service, client, write, tmp_path):
    """The same call finds its output and sends nothing."""
    source, out = write("in.parquet", rows_of(6)), str(tmp_path / "out.parquet")
    embed_file(client, source, out, model=MODEL)
    asked = len(service.requests)

    again = embed_file(client, source, out, model=MODEL)

    assert len(service.requests) == asked
    assert (again.rows, again.requests) == (6, 0)


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "begun"])
def test_other_settings_are_refused_with_both_values(finished, service, client, write, tmp_path):
    """And can be begun anew on purpose."""
    source, out = write("in.parquet", rows_of(20)), str(tmp_path / "out.parquet")
    if finished:
        embed_file(client, source, out, model=MODEL)
    else:
        interrupted(service, client, source, out)
    asked = len(service.requests)

    with pytest.raises(ConfigurationError, match=r"dimensions = None, now it is 4") as caught:
        embed_file(client, source, out, model=MODEL, dimensions=4)
    with pytest.raises(ConfigurationError, match="model = 'test/embedding', now it is 'other/m'"):
        embed_file(client, source, out, model="other/m")
    assert len(service.requests) == asked
    assert "--overwrite" in caught.value.hint
    embed_file(client, source, out, model=MODEL, dimensions=4, overwrite=True)

    assert pq.read_schema(out).field("embedding").type.list_size == 4


def test_a_strangers_file_is_not_replaced(client, write, tmp_path):
    """It is nobody's to overwrite."""
    out = tmp_path / "out.npy"
    out.write_text("precious")

    with pytest.raises(ConfigurationError, match="is there already"):
        embed_file(client, write("in.parquet", rows_of(3)), str(out), model=MODEL)

    assert out.read_text() == "precious"


def test_an_input_that_changes_meanwhile_is_noticed(client, write, tmp_path):
    """Its rows may have moved."""
    source, out = write("in.txt", rows_of(30)), tmp_path / "out.parquet"

    def append(_progress):
        with Path(source).open("a") as file:
            file.write("more\n")

    with pytest.raises(ConfigurationError, match="was changed while it was read"):
        embed_file(client, source, str(out), model=MODEL, progress=append)

    assert not out.exists()


def test_two_processes_do_not_work_on_one_job(client, service, write, tmp_path):
    """The second is told so."""
    source, out = write("in.parquet", rows_of(20)), str(tmp_path / "out.parquet")
    said = []

    def second(_progress):
        with pytest.raises(ConfigurationError) as caught:
            embed_file(client, source, out, model=MODEL)
        said.append(str(caught.value))

    embed_file(client, source, out, model=MODEL, limits=SMALL, progress=second)

    assert "Another process works on" in said[0]


def test_the_cost_is_bounded_over_all_runs(service, client, write, tmp_path):
    """What an earlier run spent counts."""
    rows = [{"text": f"{number:08}"} for number in range(200)]
    source, out, price = write("in.parquet", rows), str(tmp_path / "out.parquet"), 2e-08 * 2
    options = {"model": MODEL, "limits": Limits(max_batch=10)}

    with pytest.raises(JobStoppedError, match="max_cost") as first:
        embed_file(client, source, out, max_cost=price * 100, **options)
    with pytest.raises(JobStoppedError, match="max_cost"):
        embed_file(client, source, out, max_cost=price * 100, **options)
    assert 70 <= service.inputs_embedded <= 100
    assert first.value.report.spent <= price * 100
    report = embed_file(client, source, out, max_cost=price * 210, **options)

    assert service.inputs_embedded == report.sent == 200
    assert report.spent == pytest.approx(price * 200)


def test_a_pinned_job_keeps_its_provider_over_runs(service, client, write, tmp_path):
    """The second run asks for the provider of the first."""
    source, out = write("in.parquet", rows_of(60)), str(tmp_path / "out.parquet")
    interrupted(service, client, source, out, pin_provider=True)
    asked, embedded = len(service.requests), service.inputs_embedded

    embed_file(client, source, out, model=MODEL, limits=SMALL, pin_provider=True)

    named = {"only": ["Example AI"], "allow_fallbacks": False}
    assert all(request.body["provider"] == named for request in service.requests[asked:])
    assert service.inputs_embedded == len({row["text"] for row in rows_of(60)}) > embedded


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "parts"])
def test_widths_do_not_mix_over_runs(journal, service, client, write, tmp_path):
    """A model that changed meanwhile is noticed, by the kept vectors or by the parts."""
    source, out = write("in.parquet", rows_of(60)), str(tmp_path / "out.parquet")
    first, second = (None if journal else str(tmp_path / name) for name in ("a", "b"))
    interrupted(service, client, source, out, cache=first)
    service.always(faults.wrong_width())
    options = {"model": MODEL, "limits": SMALL, "cache": second}

    with pytest.raises(JobStoppedError, match="8 wide before, now they are 9"):
        embed_file(client, source, out, **options)


def test_a_killed_job_goes_on(write, tmp_path):
    """However often it is killed, the file is the same, and little is embedded twice."""
    texts = [f"text {number % 900}" for number in range(1_000)]
    source = write("in.parquet", [{"id": n, "text": text} for n, text in enumerate(texts)])
    outs = [str(tmp_path / name) for name in ("killed.parquet", "whole.parquet")]
    with FaultServer(dimensions=8, delay=0.01) as server:
        kills = run_and_kill(server, source, outs[0], after=[0.1, 0.3, 0.5])
        embedded = server.inputs_embedded
        run_and_kill(server, source, outs[1], after=[])

    assert digest(outs[0]) == digest(outs[1])
    # Four batches in flight: one that has come and is not on the disk counts among them.
    assert 900 <= embedded <= 900 + kills * 10 * 4


def run_and_kill(server, source, out, *, after):
    """Run a job as a process, kill it a while after its first request, and let it finish."""
    command = [sys.executable, "-m", "openrouter_embeddings", "embed", source, "--out", out]
    options = ["--id-column", "id", "--model", MODEL, "--batch-size", "10", "--in-flight", "4"]
    environment = {
        "OPENROUTER_API_KEY": server.api_key,
        "OPENROUTER_BASE_URL": server.base_url,
        "PATH": "",
    }
    kills = 0
    for seconds in [*after, None]:
        asked = len(server.requests)
        process = subprocess.Popen([*command, *options], env=environment, stderr=subprocess.PIPE)
        while process.poll() is None and len(server.requests) == asked and seconds is not None:
            time.sleep(0.01)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        _, said = process.communicate()
    assert process.returncode == 0, said
    return kills
