"""Files that nobody thought of: each embedded as a person expects, or refused with a sentence."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from odd_files import COUNTS, odd_files

from openrouter_embeddings import cli
from openrouter_embeddings.testing import FaultServer


@pytest.fixture
def service(monkeypatch):
    """A service of narrow vectors, in the place of the real one."""
    with FaultServer(dimensions=4) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        yield server


def embedded(folder, odd):
    """Embed a file by the command line; return the exit code and the output's path."""
    source, out = folder / f"in{odd.suffix}", folder / "out.parquet"
    source.write_bytes(odd.content)
    words = ["embed", str(source), "--out", str(out), "--model", "m", *odd.words]
    return cli.run(words), out


def wrong_with(odd, code, out, said, service, seen):
    """Say what differs from what a person expects."""
    sent = [text for request in service.requests[seen:] for text in request.body["input"]]
    if odd.refused:
        left = sorted(path.name for path in out.parent.iterdir())
        found = (code, sent, left, bool(re.search(odd.refused, said)))
        expected = (2, [], [f"in{odd.suffix}"], True)
        return None if found == expected else (found, expected, said)
    failed = [row.failed for row in odd.rows if row.failed]
    wanted = {row.text for row in odd.rows if row.text}
    if code != (3 if failed else 0) or sorted(sent) != sorted(wanted):
        return code, said, set(sent) ^ wanted
    return next(filter(None, wrong_rows(odd, out, service)), None)


def wrong_rows(odd, out, service):
    """Compare each row with what it was made of."""
    table = pq.read_table(out).to_pydict()
    yield None if len(table["error"]) == len(odd.rows) else ("rows", len(table["error"]))
    for place, row in enumerate(odd.rows):
        text, error = table["text"][place], table["error"][place]
        vector = np.array(table["embedding"][place], np.float32)
        if "id" in table and not row.failed and table["id"][place] != row.id:
            yield "id", place, table["id"][place], row.id
        if (text or None) != row.text:
            yield "text", place, text, row.text
        if row.text:
            if error is not None or not np.array_equal(vector, service.vector(row.text)):
                yield "vector", place, row.text, error
        elif not np.isnan(vector).all() or (row.failed or "the text is empty") not in error:
            yield "error", place, error, row.failed


@pytest.mark.parametrize("suffix", COUNTS)
def test_odd_files_are_embedded_as_a_person_expects_or_refused(suffix, service, tmp_path, capsys):
    """With the right texts, ids, failed rows and exit code; what is refused sends nothing."""
    wrong = {}
    for number, odd in enumerate(odd_files(suffix)):
        folder = tmp_path / str(number)
        folder.mkdir()
        seen = len(service.requests)
        code, out = embedded(folder, odd)
        problem = wrong_with(odd, code, out, capsys.readouterr().err, service, seen)
        if problem:
            wrong[odd.kind] = problem
    assert not wrong
