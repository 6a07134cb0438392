"""Fixtures for jobs and commands: a service, a client, inputs of every format."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openrouter_embeddings import OpenRouter, RetryConfig
from openrouter_embeddings.testing import FaultServer


@pytest.fixture
def service():
    """A service that refuses one text."""
    with FaultServer(dimensions=8, poison={"poison"}) as server:
        yield server


@pytest.fixture
def client(service):
    """A client that loses no time between attempts."""
    retries = RetryConfig(initial=0.001, maximum=0.002)
    with OpenRouter(service.api_key, base_url=service.base_url, retries=retries) as client:
        yield client


@pytest.fixture
def write(tmp_path):
    """Write rows in the format that the name tells."""

    def call(name, rows):
        path = tmp_path / name
        if path.suffix == ".txt":
            path.write_text("".join(f"{row['text']}\n" for row in rows), encoding="utf-8")
        elif path.suffix == ".jsonl":
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            path.write_text("\n".join(lines), encoding="utf-8")
        elif path.suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
        return str(path)

    return call
