"""The lock of a cache: others wait their turn, for a bounded time."""

from __future__ import annotations

import os
import threading

import pytest
from cache_fixtures import MODEL, same, vectors_of

from openrouter_embeddings.cache import EmbeddingCache, _lock
from openrouter_embeddings.errors import ConfigurationError


def test_writers_wait_for_each_other_and_readers_for_nobody(tmp_path):
    """Two objects of one process exclude each other as two processes do."""
    stored, path = vectors_of([1]), tmp_path / "vectors.cache"
    with EmbeddingCache(path) as one, EmbeddingCache(path) as two:
        with _lock.locked(str(path / "cache.json")):
            put = threading.Thread(target=one.put, args=(stored,), kwargs={"model": MODEL})
            put.start()
            assert two.get(list(stored)) == {}
            put.join(0.05)
            assert put.is_alive()
        put.join()

        assert same(two.get(list(stored)), stored)


def test_a_lock_that_stays_is_told(tmp_path, monkeypatch):
    """The waiting is bounded, and the error names the file; later it works again."""
    monkeypatch.setattr(_lock, "_PATIENCE_SECONDS", 0.01)
    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        with (
            _lock.locked(f"{cache.path}/cache.json"),
            pytest.raises(ConfigurationError, match=r"cache\.json was kept locked by others"),
        ):
            cache.put(vectors_of([1]), model=MODEL)
        cache.put(vectors_of([1]), model=MODEL)

        assert cache.info().vectors == 1


def test_a_lock_that_cannot_be_had_is_an_error(tmp_path, monkeypatch):
    """Some file systems have none."""

    def refuse(_file, **_):
        raise OSError(37, "No locks available")

    with EmbeddingCache(tmp_path / "vectors.cache") as cache:
        monkeypatch.setattr(_lock, "_lock", refuse)
        with pytest.raises(ConfigurationError, match="No locks available"):
            cache.put(vectors_of([1]), model=MODEL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_with_a_copy_of_the_descriptor_keeps_no_lock(tmp_path):
    """A process that another thread begins in the middle of a put may hold it for long."""
    path = str(tmp_path / "lock")
    read, write = os.pipe()
    with _lock.locked(path):
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    os.close(read)
    with _lock.locked(path):  # would wait for as long as the child lives
        os.close(write)

    assert os.waitpid(child, 0)[1] == 0
