"""Vectors that are written into a matrix of the caller's."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError, InvalidTypeError, Limits, PartialFailureError
from openrouter_embeddings.testing import faults

WIDTH = 8  # of the server's vectors
TEXTS = [f"text {number % 40}" for number in range(50)]
SMALL = Limits(max_batch=7)


def expected(server, texts=TEXTS):
    return np.stack([server.vector(text) for text in texts])


def zeros(rows=50, width=WIDTH, dtype=np.float32, **how):
    return np.zeros((rows, width), dtype, **how)


def in_a_file(folder):
    return np.memmap(folder / "out", np.float32, "w+", shape=(len(TEXTS), WIDTH))


def in_a_wider_one():
    return zeros(width=WIDTH + 3)[:, 1 : WIDTH + 1]


@pytest.mark.parametrize("make", [zeros, in_a_file, in_a_wider_one, lambda: zeros(100)[::2]])
def test_the_vectors_end_in_it(make, server, client, tmp_path):
    """In their rows, and the result has it; no other one is made."""
    out = make(tmp_path) if make is in_a_file else make()

    result = client.embed(TEXTS, out=out, limits=SMALL)

    assert np.array_equal(out, expected(server))
    assert np.shares_memory(result.vectors, out)
    assert np.array_equal(result.vectors, out)
    assert server.inputs_embedded == 40


def test_what_is_in_a_file_is_there_for_others(server, client, tmp_path):
    """Once it is flushed."""
    out = in_a_file(tmp_path)
    client.embed(TEXTS, out=out)
    out.flush()

    assert np.array_equal(np.fromfile(tmp_path / "out", "<f4"), expected(server).reshape(-1))


def unwritable():
    matrix = zeros()
    matrix.flags.writeable = False
    return matrix


def misaligned():
    return np.zeros(50 * 8 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(50, 8)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("x", "matrix"),
        ([[0.0] * WIDTH] * len(TEXTS), "matrix"),
        (zeros(dtype=np.float64), "float32"),
        (zeros(dtype=">f4"), "byte order"),
        (zeros(49), r"shape \(50, width\)"),
        (zeros(51), r"shape \(50, width\)"),
        (zeros(width=0), r"shape \(50, width\)"),
        (np.zeros(400, np.float32), r"shape \(50, width\)"),
        (zeros(order="F"), "rows without gaps"),
        (zeros(width=2 * WIDTH)[:, ::2], "rows without gaps"),
        (zeros()[::-1], "rows without gaps"),
        (np.lib.stride_tricks.as_strided(zeros(), (50, 8), (0, 4)), "rows without gaps"),
        (misaligned(), "multiples of 4"),
        (unwritable(), "writable"),
        (np.broadcast_to(np.float32(0), (50, 8)), "rows without gaps"),
    ],
)
def test_another_matrix_is_refused_before_anything_is_sent(out, words, server, client):
    """With the reason."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        client.embed(TEXTS, out=out)

    assert caught.value.argument == "out"
    assert server.requests == ()


def test_its_width_is_the_one_that_is_asked_for(server, client):
    """Which is known before anything is sent."""
    with pytest.raises(ConfigurationError, match="dimensions=16") as caught:
        client.embed(TEXTS, out=zeros(), dimensions=16)
    assert caught.value.argument == "out"
    assert server.requests == ()

    out = zeros(width=16)
    client.embed(TEXTS, out=out, dimensions=16)
    assert np.array_equal(out, [server.vector(text, 16) for text in TEXTS])


def test_it_needs_to_be_known_how_many_there_are(server, client):
    """An iterator says so only at its end."""
    with pytest.raises(InvalidTypeError, match="where out= is given"):
        client.embed(iter(TEXTS), out=zeros())
    assert server.requests == ()


@pytest.mark.parametrize("on_error", ["raise", "keep"])
def test_vectors_of_another_width_end_the_run_and_are_kept(on_error, server, client):
    """The first reply tells; what it cost is in the result, and no more is asked for."""
    out = zeros(width=WIDTH + 1)

    with pytest.raises(PartialFailureError, match="rows of 9 numbers") as caught:
        client.embed(TEXTS, out=out, on_error=on_error, limits=Limits(max_batch=7, max_in_flight=1))

    result = caught.value.result
    assert caught.value.__cause__.argument == "out"
    assert np.array_equal(result.vectors[:7], expected(server)[:7])
    assert (len(server.requests), server.inputs_embedded) == (1, 7)
    assert np.isnan(result.vectors[7:40]).all()  # behind these the first ones come again
    assert caught.value.cost == pytest.approx(result.stats.cost)
    assert not out.any()


def test_rows_without_a_vector_are_nan(server, client):
    """Those of inputs that failed, whatever stood there."""
    server.always(faults.status(401, "no"))
    out = zeros()
    result = client.embed(TEXTS, out=out, on_error="keep")

    assert np.isnan(out).all()
    assert np.shares_memory(result.vectors, out)


def test_nothing_may_be_written_into_nothing(client):
    """No inputs, no rows."""
    assert client.embed([], out=zeros(0)).vectors.shape == (0, WIDTH)


def test_vectors_of_the_cache_end_in_it_too(server, client, tmp_path):
    """As those of the service do."""
    client.embed(TEXTS[:20], cache=tmp_path / "cache")
    out = zeros()
    result = client.embed(TEXTS, out=out, cache=tmp_path / "cache")

    assert np.array_equal(out, expected(server))
    assert result.from_cache == 30
