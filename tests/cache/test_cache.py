"""A cache as its user has it: hits, arguments, the bound, what is counted and cleared."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from cache_fixtures import (
    MODEL,
    files_of,
    key_of,
    same,
    vector_of,
    vectors_of,
)

from openrouter_embeddings.cache import CacheInfo, EmbeddingCache, Store, _folder
from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError

OPEN_FILES = Path("/proc/self/fd")


def test_hits_are_the_same_bits(cache):
    """What comes back is what was stored, to the bit, of every width, and cannot be changed."""
    hard = np.array([0.1, -0.0, 1e-45, 3.4e38, -1.17e-38], dtype=np.float32)
    strided = np.arange(10, dtype=np.float32)[::2]
    stored = {key_of(0): hard, key_of(1): strided, **vectors_of(range(2, 5), 3072)}
    cache.put(stored, model=MODEL)

    found = cache.get([*stored, key_of(99)])

    assert same(found, stored)
    assert not any(vector.flags.writeable for vector in found.values())


def test_an_empty_question_has_an_empty_answer(cache):
    """Before anything was stored, and after."""
    assert cache.get([]) == {}
    assert cache.find([]) == []
    assert cache.find([key_of(1)]) == []
    cache.put({}, model=MODEL)
    cache.put(vectors_of(range(3)), model=MODEL)

    assert cache.find([]) == []
    assert cache.info().vectors == 3


def test_many_keys_at_once_and_repeated_ones_are_no_problem(cache):
    """40,000 keys, most of them unknown, some asked for twice."""
    stored = vectors_of(range(2_000), 2)
    cache.put(stored, model=MODEL)

    found = cache.get([*stored, *(os.urandom(16) for _ in range(38_000)), *stored])

    assert same(found, stored)
    twice = cache.find([key_of(1), key_of(1), key_of(0)])
    assert [hits.vectors[:, 0].tolist() for hits in twice] == [[vector_of(n)[0] for n in (1, 1, 0)]]


def test_what_is_stored_again_is_replaced(cache):
    """A key has one vector: the last; in whatever order it is asked for."""
    cache.put(vectors_of(range(4)), model=MODEL)
    cache.put({key_of(1): vector_of(11)}, model="test/other")
    cache.put({key_of(2): vector_of(12), key_of(3): vector_of(13)}, model=MODEL)
    cache.put({key_of(3): vector_of(23)}, model=MODEL)

    expected = [vector_of(n) for n in (0, 11, 12, 23)]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 2], [2, 3]):
        found = cache.get([key_of(n) for n in order])
        assert same(found, {key_of(n): expected[n] for n in order})
    assert cache.info().models == {MODEL: 3, "test/other": 1}


def test_a_reopened_cache_has_everything(path):
    """Vectors outlive the object that stored them; a closed one says that it is closed."""
    with EmbeddingCache(str(path)) as first:
        first.put(vectors_of(range(100)), model=MODEL)
        first.close()
    with EmbeddingCache(path) as second:
        assert same(second.get(list(vectors_of(range(100)))), vectors_of(range(100)))

    assert repr(second) == f"<EmbeddingCache {str(path)!r} (closed)>"
    for use in (lambda: second.get([key_of(1)]), second.info, second.clear):
        with pytest.raises(ConfigurationError, match="closed"):
            use()


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="the system does not list open files")
def test_no_file_is_open_between_calls(path):
    """A cache that nobody closes leaves nothing behind, however many segments it has."""
    before = len([*OPEN_FILES.iterdir()])
    cache = EmbeddingCache(path)
    for number in range(5):
        cache.put({key_of(number): vector_of(number)}, model=f"m{number}")
    assert len(cache.get([key_of(number) for number in range(5)])) == 5

    assert len([*OPEN_FILES.iterdir()]) == before


def test_any_object_with_find_and_put_is_a_cache():
    """Engines bring theirs."""

    class Mine:
        def find(self, keys):
            return []

        def put(self, vectors, *, model):
            pass

    assert isinstance(Mine(), Store)
    assert isinstance(EmbeddingCache(":memory:"), Store)
    assert not isinstance({}, Store)


@pytest.mark.parametrize(
    "vector",
    [
        np.array([1.0, np.nan], dtype=np.float32),
        np.array([np.inf], dtype=np.float32),
        np.array([], dtype=np.float32),
        np.ones((1, 2), dtype=np.float32),
        np.array(1.0, dtype=np.float32),
        np.ones(2),
        np.ones(2, dtype=">f4"),
        [1.0, 2.0],
    ],
    ids=repr,
)
def test_what_is_no_vector_is_refused_and_nothing_stored(cache, vector):
    """Not finite, empty, of other dimensions or another type: the whole batch stays out."""
    batch = {key_of(1): vector_of(1), key_of(3): vector_of(3, 2), key_of(2): vector}
    with pytest.raises(ConfigurationError, match=rf"vectors\[{key_of(2).hex()[:8]}"):
        cache.put(batch, model=MODEL)

    assert cache.info().vectors == 0


@pytest.mark.parametrize("key", [b"short", bytes(32), "a" * 16, None, bytearray(16)], ids=repr)
def test_a_key_of_another_make_is_refused(cache, key):
    """Keys come from `cache_key`; none can be divided differently among its neighbours."""
    with pytest.raises(InvalidTypeError, match=r"keys\[1\] must be 16 bytes"):
        cache.find([key_of(1), key])
    if key.__hash__ is not None:
        with pytest.raises(InvalidTypeError, match=r"keys\[0\] must be 16 bytes"):
            cache.put({key: vector_of(1)}, model=MODEL)


def test_keys_are_a_list(cache):
    """And what is none is refused by name."""
    with pytest.raises(InvalidTypeError, match="keys must be a list of keys"):
        cache.find(None)
    with pytest.raises(ConfigurationError, match="is under the key that nothing has"):
        cache.put({bytes(16): vector_of(1)}, model=MODEL)
    assert cache.find([bytes(16)]) == []


@pytest.mark.parametrize("model", ["", None, "\ud800", 7])
def test_a_model_is_a_text(cache, model):
    """It stands in the files."""
    with pytest.raises(ConfigurationError, match="model "):
        cache.put({key_of(1): vector_of(1)}, model=model)


@pytest.mark.parametrize("value", [None, b"vectors.cache", 7])
def test_a_path_is_a_path(value):
    """Anything else is refused by its type."""
    with pytest.raises(InvalidTypeError, match="path must be the path of a folder"):
        EmbeddingCache(value)


@pytest.mark.parametrize("value", ["", "a\0b", Path("a\0b"), "a\ud800b"])
def test_a_path_that_no_system_takes_is_refused(value):
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^path "):
        EmbeddingCache(value)


def test_a_bound_without_use_is_refused(path):
    """Less than 1 MiB holds next to nothing, and a vector has to fit."""
    with pytest.raises(ConfigurationError, match="max_bytes must be at least 1048576"):
        EmbeddingCache(path, max_bytes=1_000)
    with (
        EmbeddingCache(path, max_bytes=2**20) as cache,
        pytest.raises(ConfigurationError, match="a width of 262144, which is none or more"),
    ):
        cache.put({key_of(1): np.ones(2**18, np.float32)}, model=MODEL)


def test_a_source_has_one_way_of_writing(path):
    """It stands in keys in place of the base URL."""
    with EmbeddingCache(path, source="HTTPS://A.example:443/v1/", max_bytes=2**20) as cache:
        assert cache.source == "https://a.example/v1"
        assert "max_bytes=1048576, source='https://a.example/v1'" in repr(cache)
    with pytest.raises(ConfigurationError, match=r"^source "):
        EmbeddingCache(path, source="")


def test_info_counts_by_model(cache):
    """The number of vectors, of each model too, and the size."""
    cache.put(vectors_of(range(5)), model=MODEL)
    cache.put(vectors_of(range(3), model="test/other"), model="test/other")

    info = cache.info()

    assert info == CacheInfo(cache.path, 8, info.bytes, {MODEL: 5, "test/other": 3})
    if cache.path != ":memory:":
        files = Path(cache.path).iterdir()
        assert info.bytes == sum(file.stat().st_size for file in files)


def test_clear_by_model_leaves_the_others(cache):
    """Only the model's vectors go, and the space is given back at once."""
    cache.put(vectors_of(range(2_000), 256), model=MODEL)
    others = vectors_of(range(10), model="test/other")
    cache.put(others, model="test/other")
    size = cache.info().bytes

    assert cache.clear(MODEL) == 2_000
    assert cache.clear("test/unknown") == 0
    assert cache.info().models == {"test/other": 10}
    assert cache.info().bytes < size / 100
    assert same(cache.get(list(others)), others)
    assert cache.clear() == 10
    cache.put(vectors_of([1]), model=MODEL)
    assert same(cache.get([key_of(1)]), vectors_of([1]))


def test_the_oldest_make_room_for_the_newest(path):
    """Within the bound, what stays is the newest without a gap; the folder keeps to the bound."""
    bound = 2**20
    with EmbeddingCache(path, max_bytes=bound) as cache:
        for first in range(0, 1_000, 50):
            cache.put(vectors_of(range(first, first + 50), 1_024), model=MODEL)
            assert cache.info().bytes <= bound
        found = cache.get([key_of(number) for number in range(1_000)])

    kept = range(1_000 - len(found), 1_000)
    assert same(found, vectors_of(kept, 1_024))
    assert 200 <= len(kept) <= bound // 4_096
    assert sum(file.stat().st_size for file in path.iterdir()) <= bound


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_a_batch_beyond_the_bound_keeps_its_newest(path, where):
    """A bound holds even within one batch."""
    place = path if where == "folder" else ":memory:"
    with EmbeddingCache(place, max_bytes=2**20) as cache:
        cache.put(vectors_of(range(1_000), 1_024), model=MODEL)

        assert cache.info().bytes <= 2**20
        assert len(cache.get([key_of(number) for number in range(950, 1_000)])) == 50


def test_a_smaller_bound_cuts_a_larger_cache(path, monkeypatch):
    """With the first vectors that are stored under it, it shrinks to its bound."""
    monkeypatch.setattr(_folder, "_SEGMENT_BYTES", 2**18)
    with EmbeddingCache(path) as cache:
        for first in range(0, 2_000, 100):
            cache.put(vectors_of(range(first, first + 100), 512), model=MODEL)
        assert cache.info().bytes > 2**21
    with EmbeddingCache(path, max_bytes=2**20) as cache:
        cache.put(vectors_of([9_999]), model=MODEL)
        assert cache.info().bytes <= 2**20
        assert len(cache.get([key_of(1_999), key_of(9_999)])) == 2


def test_vectors_that_were_not_asked_for_take_no_memory(path):
    """Vectors in another order than they were stored in bring no neighbours along."""
    stored = vectors_of(range(400), 256)
    with EmbeddingCache(path) as cache:
        cache.put(stored, model=MODEL)
        keys = list(stored)[::-20]
        cache.get(keys)

        tracemalloc.start()
        try:
            found = cache.get(keys)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert same(found, {key: stored[key] for key in keys})
    assert peak < 5 * sum(vector.nbytes for vector in found.values())


def test_a_full_disk_is_an_error_of_ours_and_no_end(path, monkeypatch):
    """What had been stored stays, and storing goes on when there is room."""
    first, second = vectors_of(range(5)), vectors_of(range(5, 10))
    write, room = os.write, [10**6]

    def limited(file, content):
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(file, bytes(content[: room[0]]))
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", limited)
    with EmbeddingCache(path) as cache:
        cache.put(first, model=MODEL)
        for left in (0, 30, 5 * 32, 5 * 32 + 50):
            room[0] = left
            with pytest.raises(ConfigurationError, match="No space left on device") as caught:
                cache.put(second, model=MODEL)
            assert str(path) in str(caught.value)
        room[0] = 10**6
        cache.put(second, model=MODEL)

        assert same(cache.get([*first, *second]), first | second)
        assert (cache.corrupted, len(files_of(path, ".keys"))) == (0, 1)
    with EmbeddingCache(path) as again:
        assert same(again.get([*first, *second]), first | second)
