"""The cache as callers have it: exact vectors, refused arguments, threads, processes, forks."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from cache_fixtures import (
    ENVIRONMENT,
    MODEL,
    files_of,
    key_of,
    same,
    start,
    vector_of,
    vectors_of,
)

from openrouter_embeddings.cache import CacheInfo, EmbeddingCache, Store, _folder
from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.cache"


@pytest.fixture(params=["folder", "memory"])
def cache(request, path):
    with EmbeddingCache(path if request.param == "folder" else ":memory:") as opened:
        yield opened


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
        pytest.raises(ConfigurationError, match="262144 numbers, which is none or more than fit"),
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
        outcomes = [(process.communicate(timeout=60)[1], process.returncode) for process in writers]
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
        timeout=30,
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
            goes_on.wait(30)
        refresh(folder)

    monkeypatch.setattr(_folder.Folder, "_refresh", slow)
    thread = threading.Thread(target=cache.put, args=(vectors_of([1]),), kwargs={"model": MODEL})
    thread.start()
    begun.wait(30)
    threading.Timer(0.01, goes_on.set).start()
    with warnings.catch_warnings():  # newer Pythons warn of every fork beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(30)  # instead of waiting for ever
        os._exit(cache.info().vectors)
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


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
