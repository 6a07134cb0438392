"""A cache on disk: any order, damage, what other processes do meanwhile, what they leave."""

from __future__ import annotations

import os
import random
import shutil

import pytest
from cache_fixtures import MODEL, files_of, key_of, same, vector_of, vectors_of

from openrouter_embeddings.cache import EmbeddingCache, _folder, _segments
from openrouter_embeddings.errors import ConfigurationError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.cache"


@pytest.fixture
def cache(path):
    with EmbeddingCache(path) as opened:
        yield opened


def by_place(found):
    return {hits.start + row: vector for hits in found for row, vector in enumerate(hits.vectors)}


def flip(file, *places):
    """Change bits of a file: pairs of byte and bit."""
    content = bytearray(file.read_bytes())
    for at, bit in places:
        content[at] ^= 1 << bit
    file.write_bytes(content)


@pytest.mark.parametrize("width", [2, 3, 8, 1536, 4097, 40_000])
@pytest.mark.parametrize("read_bytes", [64 * 2**20, 64])
def test_any_order_finds_everything(cache, width, read_bytes, monkeypatch):
    """In the order of storing, backwards, shuffled, with gaps and strangers, again and again."""
    monkeypatch.setattr(_segments, "_READ_BYTES", read_bytes)
    monkeypatch.setattr(_folder, "_SEGMENT_BYTES", 20 * width * 4)
    stored = vectors_of(range(60), width)
    for start in range(0, 60, 7):
        cache.put(dict(list(stored.items())[start : start + 7]), model=MODEL)
    keys, chance = list(stored), random.Random(width)
    orders = [keys, keys[::-1], chance.sample(keys, 60), keys[3::2], [*keys[50:], *keys[:10]]]
    orders.append([key for known in keys for key in (known, os.urandom(16), known)])

    for order in orders:
        found = by_place(cache.find(order))
        assert list(found) == sorted(found)
        expected = {place: stored[key] for place, key in enumerate(order) if key in stored}
        assert same(found, expected)


def test_widths_mix_in_one_question(cache):
    """Each vector comes with its own width, in the order of the keys."""
    stored = vectors_of(range(20), 8) | vectors_of(range(20, 40), 3) | vectors_of(range(40, 50), 5)
    cache.put(stored, model=MODEL)
    keys = random.Random(1).sample(list(stored), 50)

    found = cache.find([*keys, os.urandom(16)])

    assert [hits.start for hits in found] == sorted(hits.start for hits in found)
    assert same(by_place(found), {place: stored[key] for place, key in enumerate(keys)})


def test_neighbours_come_in_one_piece(cache):
    """What was stored in an order is found in that order without work for the single vector."""
    stored = vectors_of(range(2_000), 64)
    for start in range(0, 2_000, 100):
        cache.put(dict(list(stored.items())[start : start + 100]), model=MODEL)

    assert [len(hits.vectors) for hits in cache.find(list(stored))] == [2_000]


DAMAGES = {
    "one bit": [(5, 3)],
    "top bits of two numbers": [(3, 7), (7, 7)],
    "bits here and there": [(0, 0), (17, 5), (18, 2), (31, 7)],
}


@pytest.mark.parametrize("place", ["vector", "key", "checksum"])
@pytest.mark.parametrize("bits", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("opened", ["before", "after"])
def test_a_damaged_vector_is_no_hit(path, place, bits, opened):
    """Its neighbours are found, and a new one takes its place."""
    stored, damaged = vectors_of(range(5)), key_of(2)
    rest = {key: vector for key, vector in stored.items() if key != damaged}
    cache = EmbeddingCache(path)
    cache.put(stored, model=MODEL)
    if opened == "before":
        cache.get(list(stored))
    else:
        cache.close()
    if place == "vector":
        flip(files_of(path, ".f32")[0], *((2 * 32 + at, bit) for at, bit in bits))
    else:
        start = 1024 + 2 * 20 + (16 if place == "checksum" else 0)
        size = 4 if place == "checksum" else 16
        flip(files_of(path, ".keys")[0], *{(start + at % size, bit) for at, bit in bits})
    if opened == "after":
        cache = EmbeddingCache(path)

    found = cache.get(list(stored))

    known = opened == "before" and place != "vector"  # this process has read the records before
    assert same(found, stored if known else rest)
    assert cache.corrupted == (not known and place != "key")
    assert same(cache.get(list(stored)), found)
    cache.put({damaged: stored[damaged]}, model=MODEL)
    assert same(cache.get(list(stored)), stored)
    cache.close()
    with EmbeddingCache(path) as again:
        assert same(again.get(list(stored)), stored)
        assert (again.corrupted, again.info().models[MODEL] in {5, 6}) == (0, True)


def test_a_damaged_vector_is_counted_once(cache, path):
    """It is made void, so that nobody reads it again."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    flip(files_of(path, ".f32")[0], (0, 0), (33, 1))

    assert len(cache.get(list(stored))) == 3
    assert (cache.corrupted, cache.info().vectors) == (2, 3)
    with EmbeddingCache(path) as other:
        assert len(other.get(list(stored))) == 3
        assert (other.corrupted, other.info().vectors) == (0, 3)
        assert other.find([bytes(16)]) == []
        assert other.corrupted == 0


def test_random_damage_never_gives_a_wrong_vector(tmp_path, path):
    """500 times one to four bits of any file, headers and top bits included."""
    stored = vectors_of(range(40), 16) | vectors_of(range(40, 60), 5)
    with EmbeddingCache(path) as cache:
        cache.put(stored, model=MODEL)
    kept = tmp_path / "kept"
    path.rename(kept)
    chance, lost, keys = random.Random(3), 0, list(stored)
    for _ in range(500):
        shutil.copytree(kept, path)
        file = chance.choice(files_of(path, ""))
        size = file.stat().st_size
        bits = [(chance.randrange(size), chance.randrange(8)) for _ in range(chance.randint(1, 4))]
        if file.suffix == ".f32" and chance.random() < 0.5:
            bits = [(3, 7), (7, 7)]
        flip(file, *bits)
        with EmbeddingCache(path) as cache:
            found = cache.get(chance.sample(keys, len(keys)))
            assert same(found, {key: stored[key] for key in found})
            lost += len(keys) - len(found)
        shutil.rmtree(path)

    assert 100 < lost < 3_000


def test_one_damaged_header_costs_nothing(cache, path):
    """There are two; where both are damaged, the segment is left out, and goes with `clear`."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    keys = files_of(path, ".keys")[0]
    for bits, expected in (([(3, 1)], stored), ([(3, 1), (515, 1)], stored), ([(20, 0)], {})):
        flip(keys, *bits)
        with EmbeddingCache(path) as other:
            assert same(other.get(list(stored)), expected)
    flip(keys, (530, 0))
    with EmbeddingCache(path) as other:
        assert other.get(list(stored)) == {}
        other.put(stored, model=MODEL)
        assert same(other.get(list(stored)), stored)
        assert len(files_of(path, ".keys")) == 2
        assert other.clear() == 5
    assert len(files_of(path, "")) == 1


@pytest.mark.parametrize("ending", [".keys", ".f32"])
@pytest.mark.parametrize("left", [0, 5, 1_024, 1_034, 1_024 + 33])
def test_a_file_that_was_cut_has_what_is_left(cache, path, ending, left):
    """A copy that ended early, a disk that was full: what is whole is found."""
    stored = vectors_of(range(100), 16)
    cache.put(stored, model=MODEL)
    os.truncate(files_of(path, ending)[0], left)

    with EmbeddingCache(path) as other:
        found = other.get(list(stored))
        assert same(found, {key: stored[key] for key in found})
        assert len(found) == (left // 64 if ending == ".f32" else max(0, left - 1_024) // 20)
        other.put(stored, model=MODEL)
        assert same(other.get(list(stored)), stored)


def test_vectors_without_their_file_are_lost(cache, path):
    """Where somebody has deleted it, and not as one deletes a segment."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    files_of(path, ".f32")[0].unlink()

    assert cache.get(list(stored)) == {}
    assert (cache.corrupted, cache.info().vectors) == (5, 0)


def test_what_others_delete_between_look_and_read_is_not_damaged(cache, path, monkeypatch):
    """A segment that goes meanwhile takes its vectors along, that is all."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    read = _folder.read_vectors

    def late(*arguments):
        with EmbeddingCache(path) as other:
            other.clear()
        return read(*arguments)

    monkeypatch.setattr(_folder, "read_vectors", late)
    assert cache.get(list(stored)) == {}
    monkeypatch.undo()
    assert (cache.corrupted, cache.info().vectors) == (0, 0)
    cache.put(stored, model=MODEL)
    assert same(cache.get(list(stored)), stored)


def test_damage_of_one_width_mixes_up_no_other(path, monkeypatch):
    """What is found out while one width is read may renumber all rows of the index."""
    gone, one, two = vectors_of(range(30)), vectors_of(range(30, 35), 3), vectors_of([35, 36], 5)
    read, late_calls = _folder.read_vectors, []

    def late(segments, places, width):
        late_calls.append(width)
        if len(late_calls) == 1:
            with EmbeddingCache(path) as other:
                other.clear("gone")
            flip(files_of(path, ".f32")[0 if width == 3 else 1], (3, 7))
        return read(segments, places, width)

    with EmbeddingCache(path) as cache:
        cache.put(gone, model="gone")
        cache.put(one, model="one")
        cache.put(two, model="two")
        monkeypatch.setattr(_folder, "read_vectors", late)
        found = cache.get([*one, *two])
        monkeypatch.undo()

        damaged = next(iter(one if late_calls[0] == 3 else two))
        assert same(found, {key: each for key, each in (one | two).items() if key != damaged})
        assert (sorted(late_calls), cache.corrupted) == ([3, 5], 1)


def test_caches_see_what_others_add(path, monkeypatch):
    """Into the segment at hand, into a new one, and into the one before it at the last moment."""
    monkeypatch.setattr(_folder, "_SEGMENT_BYTES", 20 * 32)
    with EmbeddingCache(path) as one, EmbeddingCache(path) as two:
        stored = {}
        for number in range(0, 90, 3):
            batch = vectors_of(range(number, number + 3))
            (two if number % 15 == 0 else one).put(batch, model=MODEL)
            stored |= batch
            if number % 15 == 12:  # one has filled a segment and begun the next
                assert same(two.get(list(stored)), stored)
        assert same(one.get(list(stored)), stored)
        assert len(files_of(path, ".keys")) > 4


def test_a_clock_that_has_not_moved_on_hides_nothing(path, monkeypatch):
    """The folder's time may stay as it was when a second change follows at once."""
    with EmbeddingCache(path) as one, EmbeddingCache(path) as two:
        one.put(vectors_of([1]), model="a")
        assert two.info().vectors == 1
        told = path.stat()
        one.put(vectors_of([2]), model="b")
        os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))

        assert two.info().vectors == 2
        os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns - 10**10))
        assert two.info().vectors == 2
        listed = []
        monkeypatch.setattr(os, "listdir", lambda name: listed.append(name) or [])
        assert two.info().vectors == 2
        assert listed == []


def test_what_a_killed_process_left_goes(cache, path):
    """Vectors without records are written over; files without their pair are deleted."""
    stored = vectors_of(range(5))
    cache.put(stored, model=MODEL)
    with files_of(path, ".f32")[0].open("ab") as file:
        file.write(b"\1" * 100)
    with files_of(path, ".keys")[0].open("ab") as file:
        file.write(b"\1" * 19)
    for name in ("0" * 24 + ".f32", "1" * 24 + ".new", "1" * 24 + ".f32", "mine.f32"):
        (path / name).write_bytes(b"\1" * 100)

    more = vectors_of(range(5, 10))
    cache.put(more, model=MODEL)
    assert same(cache.get([*stored, *more]), stored | more)
    cache.put(vectors_of([20], 3), model=MODEL)
    with EmbeddingCache(path) as other:
        assert same(other.get([*stored, *more]), stored | more)
        assert other.corrupted == 0
    assert [file.name for file in files_of(path, ".f32") if file.name[0] in "01"][1:] == [
        file.with_suffix(".f32").name for file in files_of(path, ".keys")
    ][1:]
    assert (path / "mine.f32").exists()
    assert files_of(path, ".new") == []
    cache.clear()
    assert [file.name for file in files_of(path, "")] == ["cache.json", "mine.f32"]


def test_names_go_up_even_when_the_clock_goes_back(cache, path, monkeypatch):
    """The oldest segment goes first, and no name is used twice."""
    monkeypatch.setattr(_folder.time, "time_ns", lambda: 10**18)
    for number in range(3):
        cache.put({key_of(number): vector_of(number)}, model=f"m{number}")
    before = [file.name for file in files_of(path, ".keys")]
    assert [name[:16] for name in before] == [f"{10**18 + n:016x}" for n in range(3)]
    cache.clear()
    cache.put({key_of(3): vector_of(3)}, model=MODEL)

    assert files_of(path, ".keys")[0].name not in before


def test_a_model_of_any_length_but_one_that_fits(cache):
    """It stands in the header of each segment."""
    cache.put(vectors_of([1]), model="ä" * 230)
    with pytest.raises(ConfigurationError, match="model is 9 bytes too long"):
        cache.put(vectors_of([2]), model="ä" * 240)

    assert cache.info().models == {"ä" * 230: 1}


def test_a_folder_that_goes_is_an_error_of_ours(cache, path):
    """It names the cache."""
    cache.put(vectors_of([1]), model=MODEL)
    shutil.rmtree(path)

    for use in (cache.info, lambda: cache.find([key_of(1)]), cache.clear):
        with pytest.raises(ConfigurationError, match=r"vectors\.cache cannot be used"):
            use()
