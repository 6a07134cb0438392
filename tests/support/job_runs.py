"""What the tests of jobs share: rows, a small job, one that is interrupted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve

from openrouter_embeddings import JobStoppedError, Limits
from openrouter_embeddings.jobs import embed_file
from openrouter_embeddings.testing import faults

MODEL = "test/embedding"
SMALL = Limits(max_batch=4, max_in_flight=2)


def rows_of(count):
    """Make rows in which every fifth text is a repetition, and some are odd."""
    odd = {3: "zwei\u2028Zeilen", 5: 'a "quoted", text', 8: "日本語"}
    return [
        {
            "id": f"{number:04d}",
            "text": odd.get(number, f"text {number - number % 5 if number % 5 == 4 else number}"),
            "size": number,
        }
        for number in range(count)
    ]


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def interrupted(service, client, source, out, **options):
    """Run a job until the service says that there are no credits left: after four batches."""
    service.script(*[faults.ok()] * 4, *[faults.status(402, "Insufficient credits")] * 40)
    one_by_one = evolve(SMALL, max_in_flight=1)
    with pytest.raises(JobStoppedError, match="Insufficient credits") as caught:
        embed_file(client, source, out, model=MODEL, limits=one_by_one, **options)
    service._script.embeddings.clear()
    return caught.value


def can_write(values, kind):
    """Say whether this Arrow can write a column of a type: older ones have no Parquet of some."""
    try:
        column = pa.table({"t": pa.array(values, kind)})
        pq.write_table(column, pa.BufferOutputStream())
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return False
    return True
