"""Segments: what their headers and checksums can tell, and systems without pread."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
from cache_fixtures import MODEL, files_of, same, vectors_of

from openrouter_embeddings.cache import EmbeddingCache, _segments
from openrouter_embeddings.cache._index import words_of
from openrouter_embeddings.cache._segments import checksums


@pytest.mark.parametrize("width", [8, 256, 1536, 4096])
def test_a_checksum_tells_damage_of_one_to_four_bits(width):
    """Top bits of several numbers, which a sum of words would take for each other, too."""
    chance = np.random.default_rng(width)
    matrix = chance.standard_normal((1, width), dtype=np.float32)
    words = words_of([b"k" * 16])
    whole = checksums(words, matrix)
    for number in range(1_000):
        damaged = matrix.copy()
        bits = 1 + number % 4
        for at in chance.choice(width, bits, replace=False):
            damaged.view("<u4")[0, at] ^= 1 << (31 if number % 2 else int(chance.integers(32)))
        assert checksums(words, damaged) != whole


def test_a_checksum_covers_the_key():
    """A whole vector under another key is damaged."""
    matrix = np.ones((2, 4), np.float32)
    one, other = checksums(words_of([b"a" * 16, b"b" * 16]), matrix)

    assert one != other


def test_a_checksum_is_that_of_the_standard_library():
    """Whoever computes it, a cache is read by everyone."""
    matrix = np.random.default_rng(1).standard_normal((50, 300), dtype=np.float32)
    words = words_of([bytes([number]) * 16 for number in range(50)])
    expected = [
        zlib.crc32(vector.tobytes(), int.from_bytes(bytes([number]) * 4, "little"))
        for number, vector in enumerate(matrix)
    ]

    assert checksums(words, matrix) == expected
    assert checksums(words, [vector.tobytes() for vector in matrix]) == expected


def test_without_the_faster_package_the_standard_library_is_taken(tmp_path):
    """Some systems have no wheels of it, and read what others have stored."""
    stored = vectors_of(range(3))
    with EmbeddingCache(tmp_path / "c") as cache:
        cache.put(stored, model=MODEL)
    script = f"""
import sys
sys.modules["isal"] = None
from openrouter_embeddings.cache import EmbeddingCache, _segments
import zlib
assert _segments.crc32 is zlib.crc32
print(len(EmbeddingCache({str(tmp_path / "c")!r}).get({list(stored)!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("3\n", "")


@pytest.mark.parametrize(
    "told",
    [b"[]", b"7", b'{"model": "m"}', b'{"width": 8}', b"\xff", b"["]
    + [json.dumps({"model": "m", "width": each}).encode() for each in (0, -1, 2**32, 1e400, None)],
)
def test_a_header_of_another_make_is_left_out(tmp_path, told):
    """Its checksum is right, and yet nothing in it can be used."""
    stored = vectors_of(range(3))
    with EmbeddingCache(tmp_path / "c") as cache:
        cache.put(stored, model=MODEL)
    keys = files_of(tmp_path / "c", ".keys")[0]
    copy = b"OREC\0\0\0\3" + len(told).to_bytes(4, "little")
    copy += zlib.crc32(told).to_bytes(4, "little") + told
    keys.write_bytes(copy.ljust(512, b"\0") * 2 + keys.read_bytes()[1024:])

    with EmbeddingCache(tmp_path / "c") as cache:
        assert cache.get(list(stored)) == {}
        cache.put(stored, model=MODEL)
        assert same(cache.get(list(stored)), stored)


def test_without_pread_files_are_read_all_the_same(tmp_path, monkeypatch):
    """Windows has none; there the place is looked for first."""
    monkeypatch.setattr(_segments, "_read_at", _segments._seek_and_read)
    stored = vectors_of(range(50))
    with EmbeddingCache(tmp_path / "c") as cache:
        cache.put(stored, model=MODEL)

        assert same(cache.get(list(stored)[::-3]), dict(list(stored.items())[::-3]))


def test_a_file_that_others_have_open_is_deleted_later(tmp_path, monkeypatch):
    """Windows deletes no file that is open: its records go at once, its vectors with the next."""
    stored, path = vectors_of(range(5)), tmp_path / "c"
    unlink = _segments.os.unlink

    def refuse(name):
        if str(name).endswith(".f32"):
            raise PermissionError(13, "in use")
        unlink(name)

    with EmbeddingCache(path) as cache:
        cache.put(stored, model=MODEL)
        with monkeypatch.context() as windows:
            windows.setattr(_segments.os, "unlink", refuse)
            assert cache.clear() == 5
            assert cache.get(list(stored)) == {}
            assert [len(files_of(path, ending)) for ending in (".keys", ".f32")] == [0, 1]
        cache.put(stored, model=MODEL)

        assert same(cache.get(list(stored)), stored)
        assert len(files_of(path, ".f32")) == 1
