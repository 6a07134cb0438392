"""The cache: complete keys, exact vectors, and a file that survives what happens to files."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import openrouter_embeddings
from openrouter_embeddings import cache as cache_module
from openrouter_embeddings.cache import CacheInfo, EmbeddingCache, KeyMaker, cache_key
from openrouter_embeddings.cache import _blocks as _cache_blocks
from openrouter_embeddings.cache import _file as _cache_file
from openrouter_embeddings.errors import ConfigurationError, InvalidTypeError

SOURCES = Path(openrouter_embeddings.__file__).parents[1]
GENERATED = SOURCES.parent / "generated"
MODEL = "test/embedding"
BASE = {
    "model": MODEL,
    "item": "a red fox",
    "dimensions": 8,
    "input_type": "search_document",
    "provider": "Test",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.sqlite"


@pytest.fixture
def cache(path):
    with EmbeddingCache(path) as opened:
        yield opened


def key_of(number, model=MODEL):
    return cache_key(model=model, item=f"text {number}")


def vector_of(number, width=8):
    return np.random.default_rng(number).standard_normal(width, dtype=np.float32)


def vectors_of(numbers, width=8, model=MODEL):
    return {key_of(number, model): vector_of(number, width) for number in numbers}


def same(actual, expected):
    return actual.keys() == expected.keys() and all(
        actual[key].dtype == np.float32 and actual[key].tobytes() == vector.tobytes()
        for key, vector in expected.items()
    )


def edit(path, statement, *values):
    """Change the file behind the cache's back."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        assert connection.execute(statement, values).rowcount
    finally:
        connection.close()


# Keys


@pytest.mark.parametrize(
    "change",
    [
        {"model": "test/embedding-2"},
        {"item": "a red fox "},
        {"item": ["a red fox"]},
        {"dimensions": 9},
        {"dimensions": None},
        {"dimensions": "8"},
        {"input_type": "search_query"},
        {"input_type": None},
        {"input_type": ""},
        {"provider": "Other"},
        {"provider": None},
        {"model": "test/embedding8", "dimensions": None},
        {"input_type": "Test", "provider": "search_document"},
        {"input_type": None, "provider": "search_document"},
    ],
    ids=str,
)
def test_each_part_of_the_key_varied_gives_a_miss(cache, change):
    """A vector is found under exactly what it was made of, and under nothing else."""
    cache.put({cache_key(**BASE): vector_of(1)}, model=MODEL)

    assert len(cache.get([cache_key(**BASE)])) == 1
    assert cache.get([cache_key(**{**BASE, **change})]) == {}


def test_inputs_that_look_alike_have_keys_of_their_own():
    """Texts, numbers, lists and items that print alike are not the same input."""
    looks = [
        *("1", 1, "[1]", [1], [[1]], ["1"], [1, 1], [11], [], "", "null", None, "t1", 'j"1"'),
        {"content": [{"type": "text", "text": "1"}]},
        {"content": [{"type": "text", "text": 1}]},
        '{"content": [{"type": "text", "text": "1"}]}',
        *("é", "e\u0301", "a\x00", "a"),
    ]

    keys = {cache_key(model=MODEL, item=look) for look in looks}

    assert len(keys) == len(looks)
    assert {len(key) for key in keys} == {32}


def test_a_key_is_the_same_in_every_process_and_order():
    """Keys live in files: neither the order of a mapping nor a release may change them."""
    one = {"content": [{"type": "text", "text": "fox"}]}
    two = {"content": [{"text": "fox", "type": "text"}]}

    assert cache_key(model=MODEL, item=one) == cache_key(model=MODEL, item=two)
    assert KeyMaker(model=MODEL).key("a red fox") == cache_key(model=MODEL, item="a red fox")


# Vectors


def test_hits_are_the_same_bits(cache):
    """What comes back is what was stored, to the bit, of every width, and cannot be changed."""
    hard = np.array([0.1, -0.0, 1e-45, 3.4e38, -1.17e-38], dtype=np.float32)
    strided = np.arange(10, dtype=np.float32)[::2]
    stored = {key_of(0): hard, key_of(1): strided, **vectors_of(range(2, 5), 3072)}
    cache.put(stored, model=MODEL)

    found = cache.get([*stored, key_of(99)])

    assert same(found, stored)
    assert not any(vector.flags.writeable for vector in found.values())
    assert cache.get([]) == {}


def test_batches_may_be_larger_than_the_parameter_limit(cache):
    """40,000 keys at once, repeated ones too, are no problem where SQLite takes 999."""
    cache._connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    stored = vectors_of(range(2_000), 2)
    cache.put(stored, model=MODEL)

    found = cache.get([*stored, *(os.urandom(32) for _ in range(38_000)), *stored])

    assert same(found, stored)


def test_what_is_stored_again_is_replaced(cache):
    """A key has one vector: the last."""
    cache.put({key_of(1): vector_of(1)}, model=MODEL)
    cache.put({key_of(1): vector_of(2)}, model="test/other")

    assert same(cache.get([key_of(1)]), {key_of(1): vector_of(2)})
    assert cache.info().models == {"test/other": 1}


def test_a_reopened_cache_has_everything(path):
    """Vectors outlive the object that stored them; a closed one says that it is closed."""
    with EmbeddingCache(str(path)) as first:
        first.put(vectors_of(range(100)), model=MODEL)
        first.close()
    with EmbeddingCache(path) as second:
        assert same(second.get(list(vectors_of(range(100)))), vectors_of(range(100)))

    assert repr(second) == f"<EmbeddingCache {str(path)!r} (closed)>"
    with pytest.raises(ConfigurationError, match="closed"):
        second.get([key_of(1)])


@pytest.mark.parametrize(
    "vector",
    [
        np.array([1.0, np.nan], dtype=np.float32),
        np.array([np.inf], dtype=np.float32),
        np.array([], dtype=np.float32),
        np.ones((1, 2), dtype=np.float32),
        np.ones(2),
        [1.0, 2.0],
    ],
    ids=repr,
)
def test_what_is_no_vector_is_refused_and_nothing_stored(cache, vector):
    """Not finite, empty, of other dimensions or another type: the whole batch stays out."""
    with pytest.raises(ConfigurationError, match=r"vectors\["):
        cache.put({key_of(1): vector_of(1), key_of(2): vector}, model=MODEL)

    assert cache.info().vectors == 0


def test_a_key_of_another_make_is_refused(cache):
    """Keys come from `cache_key`."""
    with pytest.raises(InvalidTypeError, match="32 bytes"):
        cache.put({b"short": vector_of(1)}, model=MODEL)


# The file


def test_the_file_is_for_its_owner_alone(path):
    """Texts cannot be read from it, but vectors tell much: mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with EmbeddingCache(path) as cache:
            cache.put(vectors_of(range(10)), model=MODEL)
            files = sorted(path.parent.iterdir())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(before)

    names = ("vectors.sqlite", "vectors.sqlite-shm", "vectors.sqlite-wal")
    assert modes == dict.fromkeys(names, 0o600)


DAMAGES = {
    "one bit": lambda part: bytes([part[0] ^ 1]) + part[1:],
    "two words swapped": lambda part: part[8:16] + part[:8] + part[16:],
    "zeros": lambda part: bytes(16) + part[16:],
}


def damage(path, column, change):
    """Change the bytes of the first block that has more than one vector."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        query = f"SELECT id, {column} FROM blocks ORDER BY size DESC"
        number, part = connection.execute(query).fetchone()
        update = f"UPDATE blocks SET {column} = ? WHERE id = ?"
        connection.execute(update, (change(part), number))
    finally:
        connection.close()


@pytest.mark.parametrize("column", ["keys", "checksums", "vectors"])
@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_vector_is_no_hit_and_goes(cache, path, column, change):
    """It is deleted and counted, its neighbours are found, and a new one takes its place."""
    stored = vectors_of(range(5), 16)
    cache.put(stored, model=MODEL)
    damage(path, column, change)

    found = cache.get(list(stored))

    lost = cache.corrupted
    assert 1 <= lost <= 3
    assert same(found, dict(list(stored.items())[lost:]))
    assert cache.info().vectors == 5 - lost
    assert same(cache.get(list(stored)), found)
    cache.put(dict(list(stored.items())[:lost]), model=MODEL)
    assert same(cache.get(list(stored)), stored)
    assert cache.corrupted == lost


@pytest.mark.parametrize("column", ["keys", "checksums", "vectors"])
@pytest.mark.parametrize("value", [lambda part: part[:-1], lambda _: b"", lambda _: "text"])
def test_a_block_that_cannot_be_read_goes(cache, path, column, value):
    """Nothing in it can be trusted; the vectors of other blocks are found."""
    stored = vectors_of(range(3))
    cache.put(stored, model=MODEL)
    others = vectors_of(range(3, 5))
    cache.put(others, model=MODEL)
    damage(path, column, value)

    assert same(cache.get([*stored, *others]), others)
    assert (cache.corrupted, cache.info().vectors) == (3, 2)
    cache.put(stored, model=MODEL)
    assert same(cache.get(list(stored)), stored)


def test_a_vector_under_a_wrong_key_is_damaged(cache, path):
    """The checksum covers the key, so that a whole vector of another input is no hit."""
    cache.put({key_of(1): vector_of(1)}, model=MODEL)
    edit(path, "UPDATE blocks SET keys = ?", key_of(2))
    edit(path, "UPDATE places SET key = ?", key_of(2))

    assert cache.get([key_of(1), key_of(2)]) == {}
    assert cache.corrupted == 1


def test_what_was_stored_anew_meanwhile_is_not_deleted(cache):
    """Between finding a damaged vector and deleting it, another process may store a whole one."""
    cache.put(vectors_of(range(3)), model=MODEL)

    lost = cache._run(lambda connection: cache_module._repaired(connection, {1, 99}))

    assert (lost, cache.info().vectors) == (0, 3)
    assert same(cache.get(list(vectors_of(range(3)))), vectors_of(range(3)))


@pytest.mark.parametrize("width", [2, 3, 8, 1536, 4097, 40_000])
def test_any_order_finds_everything(cache, width):
    """In the order of storing, backwards, shuffled, with gaps and strangers, again and again."""
    stored = vectors_of(range(60), width)
    for start in range(0, 60, 7):
        cache.put(dict(list(stored.items())[start : start + 7]), model=MODEL)
    keys, chance = list(stored), random.Random(width)
    orders = [keys, keys[::-1], chance.sample(keys, 60), keys[3::2], [*keys[50:], *keys[:10]]]
    orders.append([key for known in keys for key in (known, os.urandom(32), known)])

    for order in orders:
        found = cache.find(order)
        by_place = {
            hits.start + row: vector for hits in found for row, vector in enumerate(hits.vectors)
        }
        assert list(by_place) == sorted(by_place)
        expected = {place: stored[key] for place, key in enumerate(order) if key in stored}
        assert same(by_place, expected)


def test_neighbours_come_in_few_pieces(cache):
    """What was stored in an order is found in that order without work for the single vector."""
    stored = vectors_of(range(2_000), 64)
    cache.put(stored, model=MODEL)

    assert len(cache.find(list(stored))) < 10


def test_vectors_that_were_not_asked_for_take_no_memory(cache):
    """Vectors in another order than they were stored in do not keep their blocks alive."""
    stored = vectors_of(range(400), 256)
    cache.put(stored, model=MODEL)
    keys = list(stored)[::-20]

    tracemalloc.start()
    try:
        found = cache.get(keys)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert same(found, {key: stored[key] for key in keys})
    assert peak < 5 * sum(vector.nbytes for vector in found.values())


def test_a_search_sees_the_file_as_it_was_when_it_began(cache, path, monkeypatch):
    """What others replace meanwhile, between its steps, is neither damaged nor mixed with it."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    read = _cache_blocks.Head.read

    def late(head, connection, first, last):
        with EmbeddingCache(path) as other:
            other.put({key_of(0): vector_of(99)}, model=MODEL)
        return read(head, connection, first, last)

    monkeypatch.setattr(_cache_blocks.Head, "read", late)
    assert same(cache.get(list(stored)), stored)
    monkeypatch.undo()
    assert cache.corrupted == 0
    assert same(cache.get(list(stored)), stored | {key_of(0): vector_of(99)})


def test_a_vector_that_is_replaced_leaves_its_neighbours(cache):
    """Its block loses it, whatever its place was."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    new = {key_of(0): vector_of(10), key_of(2): vector_of(12), key_of(7): vector_of(17)}
    cache.put(new, model=MODEL)

    assert same(cache.get([*stored, *new]), stored | new)
    assert (cache.info().vectors, cache.corrupted) == (6, 0)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    """The error names the file and what to do."""
    path.write_text("id,text\n" * 1_000, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="no SQLite database") as caught:
        EmbeddingCache(path)

    assert str(path) in str(caught.value)
    assert "move the file away" in str(caught.value)
    assert path.read_text(encoding="utf-8") == "id,text\n" * 1_000


def test_the_database_of_something_else_is_refused_and_left_alone(path):
    """Nothing is written into other people's databases."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE people (name TEXT)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="a database of something else") as caught:
        EmbeddingCache(path)

    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_cache_of_another_format_is_refused(path):
    """Both formats are named."""
    EmbeddingCache(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConfigurationError, match="format 99, where 2 is needed"):
        EmbeddingCache(path)


def test_a_damaged_file_is_named(path):
    """When whole pages are gone, the error says that the file is damaged, and what to do."""
    with EmbeddingCache(path) as cache:
        cache.put(vectors_of(range(200), 256), model=MODEL)
    content = bytearray(path.read_bytes())
    content[32_768:] = b"\xff" * (len(content) - 32_768)
    path.write_bytes(content)

    with (
        EmbeddingCache(path) as cache,
        pytest.raises(ConfigurationError, match=r"damaged.*move the file away") as caught,
    ):
        cache.get(list(vectors_of(range(200))))

    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing/vectors.sqlite", "."])
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path, name):
    """A folder that is not there, and a folder in the file's place."""
    with pytest.raises(ConfigurationError, match=r"The cache .* cannot be"):
        EmbeddingCache(tmp_path / name)


@pytest.mark.parametrize("value", [None, b"vectors.sqlite", 7])
def test_a_path_is_a_path(value):
    """Anything else is refused by its type."""
    with pytest.raises(InvalidTypeError, match="path must be"):
        EmbeddingCache(value)


# Size


def test_info_counts_by_model(cache, path):
    """The number of vectors, of each model too, and the size of the file."""
    cache.put(vectors_of(range(5)), model=MODEL)
    cache.put(vectors_of(range(3), model="test/other"), model="test/other")

    info = cache.info()

    assert info == CacheInfo(str(path), 8, info.bytes, {MODEL: 5, "test/other": 3})
    cache.close()
    assert path.stat().st_size == info.bytes


def test_clear_by_model_leaves_the_others(cache, path):
    """Only the model's vectors go, and the file shrinks at once."""
    cache.put(vectors_of(range(2_000), 256), model=MODEL)
    others = vectors_of(range(10), model="test/other")
    cache.put(others, model="test/other")
    size = cache.info().bytes

    assert cache.clear(MODEL) == 2_000
    assert cache.clear("test/unknown") == 0
    assert cache.info().models == {"test/other": 10}
    assert cache.info().bytes == path.stat().st_size < size / 5
    assert same(cache.get(list(others)), others)


def test_clear_empties_the_cache(cache, path):
    """All vectors go, the file shrinks, and it can be used again."""
    cache.put(vectors_of(range(2_000), 256), model=MODEL)

    assert cache.clear() == 2_000
    assert cache.info().vectors == 0
    assert path.stat().st_size < 2**18
    assert Path(f"{path}-wal").stat().st_size == 0
    cache.put(vectors_of([1]), model=MODEL)
    assert same(cache.get([key_of(1)]), vectors_of([1]))


def test_the_oldest_make_room_for_the_newest(path):
    """Within the bound, what stays is the newest without a gap; the file keeps to the bound."""
    bound = 2**20
    with EmbeddingCache(path, max_bytes=bound) as cache:
        for start in range(0, 1_000, 50):
            cache.put(vectors_of(range(start, start + 50), 1_024), model=MODEL)
            assert cache.info().bytes <= bound
        found = cache.get([key_of(number) for number in range(1_000)])

    kept = range(1_000 - len(found), 1_000)
    assert same(found, vectors_of(kept, 1_024))
    assert 150 <= len(kept) <= bound // 4_096
    assert path.stat().st_size <= bound


def test_a_smaller_bound_cuts_a_larger_file(path):
    """With the first vectors that are stored under it, the file shrinks to its bound."""
    with EmbeddingCache(path) as cache:
        cache.put(vectors_of(range(2_000), 512), model=MODEL)
        assert cache.info().bytes > 2**21
    with EmbeddingCache(path, max_bytes=2**20) as cache:
        cache.put(vectors_of([9_999]), model=MODEL)
        assert cache.info().bytes <= 2**20
        assert len(cache.get([key_of(1_999), key_of(9_999)])) == 2


@pytest.mark.parametrize("size", [4_096, 32_768])
def test_pages_of_another_size_are_counted_as_they_are(path, size, monkeypatch):
    """A file may have been made with other pages."""
    monkeypatch.setattr(_cache_file, "PAGE_BYTES", size)
    stored = vectors_of(range(1_000), 512)
    with EmbeddingCache(path) as made:
        made.put(stored, model=MODEL)
    monkeypatch.undo()

    with EmbeddingCache(path) as opened:
        assert opened.info().bytes == path.stat().st_size
        assert same(opened.get(list(stored)), stored)
    with EmbeddingCache(path, max_bytes=2**20) as bounded:
        bounded.put({key_of(1_000): vector_of(1_000, 512)}, model=MODEL)
        assert bounded.info().bytes <= 2**20
        assert 300 < bounded.info().vectors < 512


def test_a_batch_beyond_the_bound_keeps_its_newest(path):
    """A bound holds even within one batch."""
    with EmbeddingCache(path, max_bytes=2**20) as cache:
        cache.put(vectors_of(range(1_000), 1_024), model=MODEL)

        assert cache.info().bytes <= 2**20
        assert len(cache.get([key_of(number) for number in range(950, 1_000)])) == 50


def test_a_bound_without_use_is_refused(path):
    """Less than 1 MiB holds next to nothing."""
    with pytest.raises(ConfigurationError, match="max_bytes must be at least 1048576"):
        EmbeddingCache(path, max_bytes=1_000)


# Threads and processes


def test_threads_share_one_cache(cache):
    """Eight threads write and read at once, and each finds what any has stored."""
    errors = []

    def work(first):
        try:
            for start in range(first, first + 200, 20):
                mine = vectors_of(range(start, start + 20))
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


SCRIPT = """
import sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache, cache_key

path, first, puts, size = sys.argv[1], *map(int, sys.argv[2:])

def vector(number):
    return np.random.default_rng(number).standard_normal(64, dtype=np.float32)

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


def writer(path, first, puts, size=1):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(path), *map(str, (first, puts, size))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (SOURCES, GENERATED)))},
    )


def test_several_processes_write_and_read_at_once(path):
    """Four processes create one file together and store 500 times each: no error, all there."""
    writers = [writer(path, 10_000 * number, 500) for number in range(4)]
    outcomes = [(process.communicate(timeout=60)[1], process.returncode) for process in writers]

    assert outcomes == [("", 0)] * 4
    expected = vectors_of((10_000 * number + put for number in range(4) for put in range(500)), 64)
    with EmbeddingCache(path) as cache:
        assert same(cache.get(list(expected)), expected)
        assert (cache.info().vectors, cache.corrupted) == (2_000, 0)


def test_who_comes_second_finds_the_tables_made(cache):
    """Two processes may both see an empty file; the slower one leaves what the faster has made."""
    cache.put(vectors_of([1]), model=MODEL)

    cache._run(lambda connection: _cache_file._create_schema(connection, cache.path))

    assert same(cache.get([key_of(1)]), vectors_of([1]))


def test_a_killed_writer_leaves_every_vector_that_it_reported(path):
    """`kill -9` at random moments loses nothing that `put` had returned from."""
    chance = random.Random(7)
    reported = []
    for number in range(4):
        first = 1_000_000 * number
        with writer(path, first, 100_000, 20) as process:
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 60))]
            threading.Event().wait(chance.random() / 50)
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        starts = [int(line) for line in lines if line.endswith("\n")]
        reported += [start + offset for start in starts for offset in range(20)]
        expected = vectors_of(reported, 64)
        with EmbeddingCache(path) as cache:
            assert same(cache.get(list(expected)), expected)
            assert cache.corrupted == 0

    assert len(reported) >= 80
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


FORK_SCRIPT = """
import os, sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache

cache = EmbeddingCache(sys.argv[1])
ones = np.ones(4, dtype=np.float32)
cache.put({bytes([0]) * 32: ones}, model="m")
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.close(write)
    os.read(read, 1)  # until the parent has closed its side
    cache.put({bytes([1]) * 32: ones}, model="m")
    found = cache.get([bytes([n]) * 32 for n in range(3)])
    os._exit(len(found))  # as if killed: nothing is closed
cache.put({bytes([2]) * 32: ones}, model="m")
cache.close()
os.close(write)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with EmbeddingCache(sys.argv[1]) as cache:
    sys.exit(f"{status} {cache.info().vectors}")
"""


def test_both_sides_of_a_fork_go_on(path):
    """The child opens the file for itself, so that its writes survive the parent's closing."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (SOURCES, GENERATED)))}
    command = [sys.executable, "-c", FORK_SCRIPT, str(path)]

    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stderr == "3 3\n"


def test_a_lock_that_stays_is_waited_for_and_then_told(path, monkeypatch):
    """The waiting is bounded, and the error names the file."""
    monkeypatch.setattr(_cache_file, "_BUSY_SECONDS", 0.01)
    monkeypatch.setattr(cache_module, "_PATIENCE_SECONDS", 0.03)
    with EmbeddingCache(path) as cache:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigurationError, match=r"vectors\.sqlite cannot be used.*locked"):
            cache.put(vectors_of([1]), model=MODEL)
        other.close()
        cache.put(vectors_of([1]), model=MODEL)

        assert cache.info().vectors == 1
