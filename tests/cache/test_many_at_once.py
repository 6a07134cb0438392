"""A cache of many threads and processes: that write at once, are killed, or fork."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import warnings

import pytest
from cache_fixtures import (
    ENVIRONMENT,
    MODEL,
    same,
    start,
    vectors_of,
)

from openrouter_embeddings.cache import EmbeddingCache, _folder


def test_threads_share_one_cache(cache):
    """Eight threads write and read at once, and each finds what any has stored."""
    errors = []

    def work(first):
        try:
            for number in range(first, first + 200, 20):
                mine = vectors_of(range(number, number + 20))
                cache.put(mine, model=MODEL)
                assert same(cache.get(list(mine)), mine)
        except BaseException as exc:  # noqa: BLE001 - judged below, in the test's own thread
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(200 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert cache.info().vectors == 1_600


WRITER = """
import sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache, cache_key

path, first, puts, size = sys.argv[1], *map(int, sys.argv[2:])

def vector(number):
    return np.random.default_rng(number).standard_normal(64, dtype=np.float32)

sys.stdin.readline()
with EmbeddingCache(path) as cache:
    for put in range(puts):
        start = first + put * size
        batch = {
            cache_key(model="test/embedding", item=f"text {number}"): vector(number)
            for number in range(start, start + size)
        }
        cache.put(batch, model="test/embedding")
        found = cache.get(list(batch)) if put % 10 == 0 else batch
        assert all(found[key].tobytes() == value.tobytes() for key, value in batch.items())
        print(start, flush=True)
"""


def test_several_processes_make_write_and_read_at_once(path):
    """Four processes create one cache together and store 300 times each: no error, all there."""
    writers = [start(WRITER, path, 10_000 * number, 300, 1) for number in range(4)]
    with EmbeddingCache(path.with_name("other")) as own:
        for process in writers:  # all have imported everything when they begin
            process.stdin.write("go\n")
            process.stdin.flush()
        outcomes = [
            (process.communicate(timeout=300)[1], process.returncode) for process in writers
        ]
        assert own.info().vectors == 0

    assert outcomes == [("", 0)] * 4
    expected = vectors_of((10_000 * number + put for number in range(4) for put in range(300)), 64)
    with EmbeddingCache(path) as cache:
        assert same(cache.get(list(expected)), expected)
        assert (cache.info().vectors, cache.corrupted) == (1_200, 0)


def test_a_killed_writer_leaves_every_vector_that_it_reported(path):
    """`kill -9` at random moments loses nothing that `put` had returned from."""
    chance = random.Random(7)
    reported = []
    for number in range(4):
        with start(WRITER, path, 1_000_000 * number, 100_000, 20) as process:
            process.stdin.write("go\n")
            process.stdin.flush()
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 60))]
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        firsts = [int(line) for line in lines if line.endswith("\n")]
        reported += [first + offset for first in firsts for offset in range(20)]
        expected = vectors_of(reported, 64)
        with EmbeddingCache(path) as cache:
            assert same(cache.get(list(expected)), expected)
            assert cache.corrupted == 0

    assert len(reported) >= 80


CHAOS = """
import random, sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache, KeyMaker

path, seed = sys.argv[1], int(sys.argv[2])
chance, keys = random.Random(seed), KeyMaker(model="m")

def vector(number):
    return np.random.default_rng(number).standard_normal(512, dtype=np.float32)

with EmbeddingCache(path, max_bytes=2**20) as cache:
    while True:
        numbers = chance.sample(range(1_000), 40)
        batch = {keys.key(number): vector(number) for number in numbers}
        for key, found in cache.get(list(batch)).items():
            assert found.tobytes() == batch[key].tobytes(), "wrong"
        cache.put(batch, model=chance.choice("ab"))
        if chance.random() < 0.05:
            cache.clear(chance.choice(["a", "b", None]))
        assert cache.corrupted == 0, "called damaged"
        print(".", end="", flush=True)
"""


def test_processes_that_evict_clear_and_are_killed_do_each_other_no_harm(path):
    """Whoever reads meanwhile finds right vectors or none, and calls nothing damaged."""
    running = [start(CHAOS, path, seed) for seed in range(3)]
    for seed in range(3, 9):
        running[0].stdout.read(30)
        running[0].kill()
        assert running.pop(0).communicate()[1] == ""
        running.append(start(CHAOS, path, seed))
    for process in running:
        process.stdout.read(30)
        process.kill()
        assert process.communicate()[1] == ""

    with EmbeddingCache(path) as cache:
        assert cache.info().bytes <= 2**20


FORK = """
import os, sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache

cache = EmbeddingCache(sys.argv[1])
ones = np.ones(4, dtype=np.float32)
cache.put({bytes([9]) * 16: ones}, model="m")
cache.get([bytes([9]) * 16])  # both sides share the open file
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.close(write)
    os.read(read, 1)  # until the parent has closed its side
    cache.put({bytes([1]) * 16: ones}, model="m")
    found = cache.get([bytes([n]) * 16 for n in (9, 1, 2)])
    os._exit(len(found))  # as if killed: nothing is closed
cache.put({bytes([2]) * 16: ones}, model="m")
cache.close()
os.close(write)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with EmbeddingCache(sys.argv[1]) as cache:
    sys.exit(f"{status} {cache.info().vectors}")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_both_sides_of_a_fork_go_on(path):
    """The child writes on when the parent has closed the cache."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.stderr == "3 3\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_waits_for_what_other_threads_do(path, monkeypatch):
    """A child never inherits a cache whose lock a thread holds that it does not have."""
    cache, begun, goes_on = EmbeddingCache(path), threading.Event(), threading.Event()
    refresh = _folder.Folder._refresh

    def slow(folder):
        if threading.current_thread() is thread:
            begun.set()
            goes_on.wait(60)
        refresh(folder)

    monkeypatch.setattr(_folder.Folder, "_refresh", slow)
    thread = threading.Thread(target=cache.put, args=(vectors_of([1]),), kwargs={"model": MODEL})
    thread.start()
    assert begun.wait(60)
    threading.Timer(0.01, goes_on.set).start()
    with warnings.catch_warnings():  # newer Pythons warn of every fork beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(300)  # instead of waiting for ever
        os._exit(cache.info().vectors)
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
