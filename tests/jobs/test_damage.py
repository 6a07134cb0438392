"""What can become of the files of a job: each is named or healed, and never a wrong vector."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from job_runs import MODEL, SMALL, interrupted, rows_of

from openrouter_embeddings import ConfigurationError, JobStoppedError
from openrouter_embeddings.jobs import embed_file
from openrouter_embeddings.jobs._folder import Manifest, parse_manifest
from openrouter_embeddings.jobs._ledger import add_up, parsed, written
from openrouter_embeddings.jobs._run import JobRun

FILES = ["job.json", "vectors.f32", "rows", "ledger"]


def flip(path, share):
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 1
    path.write_bytes(content)


DAMAGE = {
    **{
        f"bit at {share}": lambda path, share=share: flip(path, share)
        for share in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
    },
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "noise": lambda path: path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size)),
    "longer": lambda path: path.write_bytes(path.read_bytes() * 2),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: link(path, path.parent.parent / "precious"),
    "a link to itself": lambda path: link(path, path),
    "a link to a folder": lambda path: link(path, path.parent),
}
PRECIOUS = "precious" * 500


def link(path, target):
    path.unlink()
    path.symlink_to(target)


@pytest.fixture
def begun(service, client, write, tmp_path):
    """A job that was interrupted, and its input."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"
    interrupted(service, client, source, str(out))
    return source, out


def check(service, out):
    table = pq.read_table(out)
    wanted = np.stack([service.vector(text) for text in table["text"].to_pylist()])
    assert np.array_equal(np.stack(table["embedding"].to_numpy(zero_copy_only=False)), wanted)
    assert len(table) == 60


def go_on(service, client, source, out):
    """Go on, or be told what is wrong and clear it on purpose."""
    options = {"model": MODEL, "limits": SMALL}
    named: ConfigurationError | None = None
    try:
        embed_file(client, source, out, **options)
    except ConfigurationError as error:
        named = error
    if named is not None:
        assert "out.parquet.job" in str(named)
        assert "--overwrite" in named.hint
        embed_file(client, source, out, overwrite=True, **options)
    check(service, out)
    return named is not None


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_named_or_healed(name, damage, begun, service, client):
    """Whatever it is, and wherever."""
    source, out = begun
    out.with_name("precious").write_text(PRECIOUS)
    DAMAGE[damage](out.with_name("out.parquet.job") / name)

    was_named = go_on(service, client, source, out)

    assert was_named is (name == "job.json" or damage.startswith(("a folder", "a link")))
    assert out.with_name("precious").read_text() == PRECIOUS


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name.startswith("a ")])
def test_a_lock_that_is_none_is_named_and_cleared(damage, begun, service, client):
    """A folder or a link in its place; what a link leads to is left alone."""
    source, out = begun
    out.with_name("precious").write_text(PRECIOUS)
    lock = out.with_name("out.parquet.job") / "lock"
    lock.touch()
    DAMAGE[damage](lock)
    paid = service.inputs_embedded

    with pytest.raises(ConfigurationError, match=r"job.lock is no file, or a link") as caught:
        embed_file(client, source, out, model=MODEL)

    assert "--overwrite" in caught.value.hint
    assert service.inputs_embedded == paid
    assert go_on(service, client, source, out)
    assert out.with_name("precious").read_text() == PRECIOUS


@pytest.mark.parametrize("name", FILES)
def test_files_of_another_job_are_not_taken(name, begun, service, client, write, tmp_path):
    """Though they look right in themselves."""
    source, out = begun
    other = tmp_path / "other.parquet"
    interrupted(service, client, write("b.parquet", rows_of(60)[::-1]), str(other))
    ours, theirs = (path.with_name(f"{path.name}.job") for path in (out, other))
    shutil.copy(theirs / name, ours / name)

    go_on(service, client, source, out)


def test_a_job_of_another_model_is_not_taken(begun, service, client, tmp_path):
    """All its files together say another model."""
    source, out = begun
    folder = out.with_name("out.parquet.job")
    shutil.rmtree(folder)
    other = tmp_path / "other.parquet"
    interrupted(service, client, source, str(other), dimensions=4)
    other.with_name("other.parquet.job").rename(folder)

    assert go_on(service, client, source, out)


def test_a_newer_version_is_named(begun, client):
    """And left alone."""
    source, out = begun
    path = out.with_name("out.parquet.job") / "job.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "format": 3}))

    with pytest.raises(ConfigurationError, match="is of format 3, and this version knows 2"):
        embed_file(client, source, out, model=MODEL)

    assert path.exists()


def test_a_job_of_the_version_before_is_named(client, service, write, tmp_path):
    """Its folder had another name."""
    source, out = write("in.parquet", rows_of(4)), tmp_path / "out.parquet"
    old = tmp_path / "out.parquet.parts"
    old.mkdir()
    (old / "manifest.json").write_text("{}")

    with pytest.raises(ConfigurationError, match=r"parts is a job of another version"):
        embed_file(client, source, out, model=MODEL)

    assert service.requests == ()
    embed_file(client, source, out, model=MODEL, overwrite=True)
    assert not old.exists()


def test_any_bit_of_a_manifest_counts():
    """None of them may say another width, or another model."""
    content = Manifest(b"i" * 16, {"model": "m", "n": 1}).written().encode()
    assert isinstance(parse_manifest(content), Manifest)

    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            found = parse_manifest(bytes(damaged))
            same = isinstance(found, Manifest) and found == parse_manifest(content)
            assert isinstance(found, str) or same


@pytest.mark.parametrize("how", ["bit at 0.0", "bit at 0.5", "bit at 1.0", "truncated", "emptied"])
def test_damage_before_the_output_is_written_is_named(
    how, service, client, write, tmp_path, monkeypatch
):
    """Vectors are read from the disk again: never a wrong one, and the same call goes on."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"

    def damage(run, _stats):
        DAMAGE[how](run.state.folder.path / "vectors.f32")

    with monkeypatch.context() as patch:
        patch.setattr(JobRun, "tell_of_writing", damage)
        with pytest.raises(JobStoppedError, match="damaged while the job ran"):
            embed_file(client, source, out, model=MODEL)
    assert not out.exists()

    embed_file(client, source, out, model=MODEL)
    check(service, out)


@pytest.mark.parametrize("how", ["bit at 0.0", "bit at 0.5", "bit at 1.0", "truncated", "emptied"])
def test_records_are_not_needed_once_their_vectors_are_there(
    how, service, client, write, tmp_path, monkeypatch
):
    """What the run knows of them vouches for the vectors."""
    source, out = write("in.parquet", rows_of(60)), tmp_path / "out.parquet"

    def damage(run, _stats):
        DAMAGE[how](run.state.folder.path / "rows")

    monkeypatch.setattr(JobRun, "tell_of_writing", damage)

    embed_file(client, source, out, model=MODEL)
    check(service, out)


def test_any_bit_of_a_ledger_counts():
    """A line that is damaged is told, and one that was cut is not."""
    job = b"j" * 16
    content = written({"job": "x"}, job) + written({"cost": 0.5, "sent": 3}, job)

    for place in range(len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 1
        lines, is_damaged = parsed(bytes(damaged), job)
        assert is_damaged
        assert add_up(lines).cost in {0.0, 0.5}
    assert parsed(content[:-5], job) == ([{"job": "x"}], False)
    assert parsed(content, b"other job 12345!")[1]


def test_a_bound_of_the_cost_needs_a_whole_ledger(begun, client):
    """Unknown is not zero."""
    source, out = begun
    flip(out.with_name("out.parquet.job") / "ledger", 0.5)

    with pytest.raises(ConfigurationError, match="max_cost cannot be kept") as caught:
        embed_file(client, source, out, model=MODEL, max_cost=1.0)

    assert caught.value.argument == "max_cost"
    report = embed_file(client, source, out, model=MODEL)
    assert any("ledger was damaged" in note for note in report.notes)


def test_what_is_added_up_is_what_was_written():
    """Charges, reservations that nobody settled, and who gave the vectors."""
    lines = [
        {"job": "x"},
        {"tag": 0, "reserve": 100},
        {"tag": 1, "reserve": 50},
        {"free": [0], "cost": 0.5, "unsaid": 7, "dearest": 0.01, "requests": 1, "tokens": 20},
        {"sent": 4},
        {"providers": ["A"]},
        {"providers": ["B", "A"]},
        {"failed": {"3": "why"}},
    ]

    spent = add_up(lines)

    assert (spent.cost, spent.unsaid, spent.dearest) == (0.5, 57, 0.01)
    assert (spent.requests, spent.sent, spent.tokens) == (1, 4, 20)
    assert (spent.providers, spent.failures) == (("A", "B"), {3: "why"})
    assert spent.possible == pytest.approx(0.57)
    assert add_up([{"tag": 0, "reserve": 1}]).possible is None
