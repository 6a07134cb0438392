"""What is put before each text of a job: it decides the vectors, and is no part of the texts."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from job_runs import MODEL, SMALL, interrupted, rows_of

from openrouter_embeddings import ConfigurationError, Limits, OpenRouter
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.jobs import embed_file, estimate_file, retry_failed, verify_file
from openrouter_embeddings.jobs._finished import finished_output
from openrouter_embeddings.jobs._folder import parse_manifest
from openrouter_embeddings.testing import FaultServer

OUTS = ["out.parquet", "out.jsonl", "out.npy"]
Q = "query: "


def vectors(out):
    found = [piece.vectors for piece in finished_output(str(out)).pieces()]
    return np.concatenate(found)


@pytest.mark.parametrize("keep_text", [True, False])
@pytest.mark.parametrize("name", OUTS)
def test_it_is_embedded_and_stands_in_no_output(name, keep_text, client, service, write, tmp_path):
    """Neither in the texts nor in their digests; what has no text stays without."""
    rows = [*rows_of(12), {"id": "none", "text": "", "size": 0}]
    source, plain, out = write("in.parquet", rows), tmp_path / f"a{name}", tmp_path / name
    embed_file(client, source, plain, model=MODEL, keep_text=keep_text)

    report = embed_file(client, source, out, model=MODEL, keep_text=keep_text, prefix=Q)

    sent = {text for request in service.requests for text in request.body["input"]}
    assert Q not in sent
    wanted = np.stack([service.vector(Q + row["text"]) for row in rows[:-1]])
    assert np.allclose(vectors(out)[:-1], wanted, atol=1e-7)
    assert (report.failed, report.empty) == (0, 1)
    digests = [list(finished_output(str(path)).digests()) for path in (plain, out)]
    assert np.array_equal(np.concatenate(digests[0]), np.concatenate(digests[1]))
    assert finished_output(str(out)).job["prefix"] == Q
    assert all(check.holds for check in verify_file(out, source=source))
    if name == "out.parquet" and keep_text:
        assert pq.read_table(out)["text"].to_pylist() == [row["text"] for row in rows]


@pytest.mark.parametrize("one", [Q, None])
def test_a_job_goes_on_with_its_own_alone(one, client, service, write, tmp_path):
    """Another is named, before anything is sent."""
    source, out = write("in.parquet", rows_of(40)), tmp_path / "out.parquet"
    other = None if one else Q
    interrupted(service, client, source, str(out), prefix=one)
    said = json.loads((tmp_path / "out.parquet.job" / "job.json").read_text())
    assert said["settings"]["prefix"] == one
    paid, asked = service.inputs_embedded, len(service.requests)

    with pytest.raises(ConfigurationError, match="begun with prefix = ") as caught:
        embed_file(client, source, out, model=MODEL, prefix=other)
    assert caught.value.argument == "prefix"
    assert len(service.requests) == asked
    assert estimate_file(client, source, model=MODEL, out=out, prefix=other).cached == 0
    assert estimate_file(client, source, model=MODEL, out=out, prefix=one).cached == paid

    embed_file(client, source, out, model=MODEL, limits=SMALL, prefix=one)
    wanted = np.stack([service.vector((one or "") + row["text"]) for row in rows_of(40)])
    assert np.allclose(vectors(out), wanted, atol=1e-7)
    assert service.inputs_embedded == len({row["text"] for row in rows_of(40)})


@pytest.mark.parametrize("name", OUTS)
@pytest.mark.parametrize("one", [Q, None])
def test_an_output_is_added_to_with_its_own_alone(one, name, client, service, write, tmp_path):
    """And gives its vectors to such alone."""
    out, other = tmp_path / name, None if one else Q
    source = write("in.parquet", rows_of(20))
    embed_file(client, source, out, model=MODEL, prefix=one)
    paid, more = service.inputs_embedded, write("in.parquet", rows_of(23))

    for options in ({"out": out}, {"out": tmp_path / "b.npy", "reuse": out}):
        with pytest.raises(ConfigurationError, match="begun with prefix"):
            embed_file(client, more, model=MODEL, prefix=other, **options)
    assert estimate_file(client, more, model=MODEL, out=out, prefix=other).cached == 0
    assert service.inputs_embedded == paid

    taken = embed_file(client, more, tmp_path / "b.npy", model=MODEL, prefix=one, reuse=out)
    added = embed_file(client, more, out, model=MODEL, prefix=one)
    assert taken.kept == added.kept == paid
    assert service.inputs_embedded == paid + 2 * 3


@pytest.mark.parametrize("name", OUTS)
def test_failed_rows_get_it_again(name, client, service, write, tmp_path):
    """Which comes from the output."""
    rows = [*rows_of(6), {"id": "p", "text": "poison", "size": 0}]
    source, out = write("in.parquet", rows), tmp_path / name
    service._rules = evolve(service._rules, poison=frozenset({Q + "poison"}))
    assert embed_file(client, source, out, model=MODEL, prefix=Q).failed == 1
    service._rules = evolve(service._rules, poison=frozenset())

    report = retry_failed(client, out, source=source if name == "out.npy" else None)

    assert (report.rows, report.failed) == (1, 0)
    assert service.requests[-1].body["input"] == [Q + "poison"]
    assert np.allclose(vectors(out)[-1], service.vector(Q + "poison"), atol=1e-7)
    assert finished_output(str(out)).job["prefix"] == Q
    checks = verify_file(out, source=source, client=client)
    assert checks[-1].name == "sample"
    assert all(check.holds for check in checks)


def test_a_sample_of_cut_texts_has_it(write, tmp_path):
    """What was embedded is counted without it."""
    with FaultServer(dimensions=8, max_characters=60) as server:
        source = write("in.parquet", [{"text": f"{number} {'word ' * 40}"} for number in range(4)])
        out = tmp_path / "out.parquet"
        with OpenRouter(server.api_key, base_url=server.base_url) as client:
            embed_file(client, source, out, model=MODEL, on_long="truncate", prefix=Q)
            kept = pq.read_table(out)["kept_characters"].to_pylist()
            texts = pq.read_table(out)["text"].to_pylist()
            checks = verify_file(out, client=client)

        assert all(0 < count <= 60 - len(Q) for count in kept)
        wanted = [server.vector(Q + text[:count]) for text, count in zip(texts, kept, strict=True)]
        assert np.allclose(vectors(out), np.stack(wanted), atol=1e-7)
    assert checks[-1].name == "sample"
    assert all(check.holds for check in checks)


def test_the_cache_tells_prefixes_apart(client, service, write, tmp_path):
    """As `embed` does: what one has paid for, the other has under the same key."""
    source, cache = write("in.parquet", rows_of(6)), EmbeddingCache(tmp_path / "cache")
    with cache:
        embed_file(client, source, tmp_path / "a.parquet", model=MODEL, cache=cache)
        paid = service.inputs_embedded
        assert estimate_file(client, source, model=MODEL, cache=cache, prefix=Q).cached == 0
        embed_file(client, source, tmp_path / "b.parquet", model=MODEL, cache=cache, prefix=Q)
        assert service.inputs_embedded == 2 * paid
        assert estimate_file(client, source, model=MODEL, cache=cache, prefix=Q).cached == paid

        texts = [row["text"] for row in rows_of(6)]
        client.embeddings.embed(texts, model=MODEL, cache=cache, prefix=Q)
    assert service.inputs_embedded == 2 * paid


def test_the_estimate_and_the_limits_count_it(client, service, write, tmp_path):
    """Its bytes are part of each text, as with `embed`."""
    source, before = write("in.parquet", rows_of(6)), "p" * 600
    texts = [row["text"] for row in rows_of(6)]
    limits = Limits(max_bytes=1_000)

    plain = estimate_file(client, source, model=MODEL)
    found = estimate_file(client, source, model=MODEL, prefix=before)
    embed_file(client, source, tmp_path / "o.npy", model=MODEL, prefix=before, limits=limits)

    assert found == client.embeddings.estimate(texts, model=MODEL, prefix=before)
    assert found.tokens[0] > plain.tokens[1]
    sent = [request.body["input"] for request in service.requests if request.body]
    assert sorted(sent) == sorted([before + text] for text in set(texts))


def test_nothing_is_no_prefix(client, service, write, tmp_path):
    """By either word for it the job is the same one."""
    source, out = write("in.parquet", rows_of(6)), tmp_path / "out.parquet"
    embed_file(client, source, out, model=MODEL, prefix="")
    asked = len(service.requests)

    assert embed_file(client, source, out, model=MODEL).rows == 6
    assert len(service.requests) == asked


@pytest.mark.parametrize("name", OUTS)
def test_what_goes_before_a_query_stays_with_the_output(name, client, service, write, tmp_path):
    """Also where failed rows are embedded again; it is no matter of the vectors."""
    source, out = write("in.parquet", [{"text": "a"}, {"text": "poison"}]), tmp_path / name
    embed_file(client, source, out, model=MODEL, query_prefix=Q)
    service._rules = evolve(service._rules, poison=frozenset())

    assert retry_failed(client, out, source=source).failed == 0
    assert finished_output(str(out)).notes["query_prefix"] == Q
    taken = embed_file(client, source, tmp_path / "b.npy", model=MODEL, reuse=out)
    assert taken.kept == 2
    with pytest.raises(ConfigurationError, match=r"^query_prefix"):
        embed_file(client, source, tmp_path / "c.npy", model=MODEL, query_prefix="\ud83d")


def test_a_job_of_before_there_were_prefixes_goes_on(client, service, write, tmp_path):
    """It had none."""
    source, out = write("in.parquet", rows_of(40)), tmp_path / "out.parquet"
    interrupted(service, client, source, str(out))
    path = tmp_path / "out.parquet.job" / "job.json"
    begun = parse_manifest(path.read_bytes())
    old = {name: value for name, value in begun.settings.items() if "prefix" not in name}
    path.write_text(evolve(begun, settings=old).written(), encoding="utf-8")

    with pytest.raises(ConfigurationError, match="begun with prefix = None"):
        embed_file(client, source, out, model=MODEL, prefix=Q)
    embed_file(client, source, out, model=MODEL)

    assert service.inputs_embedded == len({row["text"] for row in rows_of(40)})


@pytest.mark.parametrize("prefix", [3, b"q", ["q"], "\ud83d"])
def test_what_cannot_stand_before_a_text_is_named(prefix, client, service, write, tmp_path):
    """Before anything is sent or written."""
    source = write("in.parquet", rows_of(2))

    with pytest.raises(ConfigurationError, match="prefix"):
        embed_file(client, source, tmp_path / "out.parquet", model=MODEL, prefix=prefix)
    with pytest.raises(ConfigurationError, match="prefix"):
        estimate_file(client, source, model=MODEL, prefix=prefix)

    assert service.requests == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]
