"""The output is tried before anything is paid for: its place, its columns, and the room for it."""

from __future__ import annotations

import math
import shutil
from contextlib import closing
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, SMALL, rows_of

from openrouter_embeddings import ConfigurationError, JobStoppedError
from openrouter_embeddings.jobs import embed_file
from openrouter_embeddings.jobs._ledger import JobAccount, Ledger, Spent
from openrouter_embeddings.jobs._writers import space_for


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture
def room(monkeypatch):
    """Let the disk have so many bytes left."""

    def call(free):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free, 0, free))

    return call


def test_a_folder_is_no_output(client, service, write, tmp_path):
    """Not even with `overwrite`."""
    (tmp_path / "out.parquet").mkdir()

    with pytest.raises(ConfigurationError, match="out is a folder"):
        embed_file(
            client,
            write("in.txt", rows_of(2)),
            tmp_path / "out.parquet",
            model=MODEL,
            overwrite=True,
        )

    assert service.requests == ()


def test_a_disk_without_room_is_told_before_anything_is_sent(
    client, service, write, room, tmp_path
):
    """With how much is needed; the width is known from `dimensions`."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"
    room(2_000)

    with pytest.raises(ConfigurationError, match="has 0 MiB left, and the job needs") as caught:
        embed_file(client, source, out, model=MODEL, dimensions=8)

    assert caught.value.argument == "out"
    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_disk_without_room_is_told_after_the_first_reply(client, service, write, room, tmp_path):
    """Which tells the width; what it brought is kept."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"
    room(2_000)

    with pytest.raises(JobStoppedError, match="and the job needs"):
        embed_file(client, source, out, model=MODEL, limits=SMALL)
    paid = service.inputs_embedded
    room(10**9)
    embed_file(client, source, out, model=MODEL, limits=SMALL)

    assert paid == SMALL.max_batch
    assert service.inputs_embedded == len({row["text"] for row in rows_of(60)})


def test_columns_that_the_format_does_not_have_are_named(
    client, service, write, tmp_path, monkeypatch
):
    """Before anything is sent."""

    def broken(*_arguments):
        raise pa.ArrowNotImplementedError("Unhandled type for Arrow to Parquet schema conversion")

    monkeypatch.setitem(
        embed_file.__globals__["check_output"].__globals__["_WRITERS"], ".parquet", broken
    )

    with pytest.raises(ConfigurationError, match="out cannot hold the columns id, text"):
        embed_file(
            client,
            write("in.parquet", rows_of(3)),
            tmp_path / "out.parquet",
            model=MODEL,
            id_column="id",
        )

    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize("alone", [True, False])
def test_the_first_batch_goes_out_alone(alone, tmp_path):
    """A wrong model or width is found there; a job that goes on knows them already."""
    with closing(Ledger(tmp_path / "ledger", b"j" * 16)) as ledger:
        account = JobAccount(ledger=ledger, asked=None, before=Spent(), alone=alone)

        assert account.room == math.inf
        account.reserve(1, 10)
        assert account.room == (0.0 if alone else math.inf)
        account.on_answer(4)
        assert account.room == math.inf


def test_the_space_is_that_of_vectors_and_output(tmp_path):
    """A number takes 4 bytes, and about 12 characters in JSONL."""
    counts = {"todo": 10, "rows": 100, "width": 8}

    assert space_for(tmp_path / "o.parquet", **counts) == 8 * 4 * 110
    assert space_for(tmp_path / "o.jsonl", **counts) == 8 * (4 * 10 + 12 * 100)


def test_a_link_at_the_output_keeps_its_target(client, write, tmp_path):
    """The file behind it is replaced."""
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "real.parquet"
    (tmp_path / "out.parquet").symlink_to(target)

    embed_file(client, write("in.parquet", rows_of(3)), tmp_path / "out.parquet", model=MODEL)

    assert (tmp_path / "out.parquet").is_symlink()
    assert pq.read_metadata(target).num_rows == 3
