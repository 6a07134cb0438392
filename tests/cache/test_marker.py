"""What says that a folder is a cache: made, recognised, mended; other people's things are left."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cache_fixtures import ENVIRONMENT, MODEL, files_of, same, vectors_of

from openrouter_embeddings.cache import EmbeddingCache, _marker
from openrouter_embeddings.errors import ConfigurationError

STORED = vectors_of(range(20))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.cache"


@pytest.fixture
def marker(path):
    """The marker of a cache that has something."""
    with EmbeddingCache(path) as cache:
        cache.put(STORED, model=MODEL)
    return path / "cache.json"


def found(path):
    with EmbeddingCache(path) as cache:
        return cache.get(list(STORED))


def test_a_cache_is_for_its_owner_alone(path):
    """Texts cannot be read from it, but vectors tell much: 0700 and 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with EmbeddingCache(path) as cache:
            cache.put(STORED, model=MODEL)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}
    assert len(list(path.iterdir())) == 3


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(tmp_path, path, there):
    """To a folder that is there, or that is made where the link points."""
    target = tmp_path / "elsewhere"
    if there:
        target.mkdir()
    path.symlink_to(target)
    with EmbeddingCache(path) as cache:
        cache.put(STORED, model=MODEL)
        assert cache.path == str(target)

    assert {stat.S_IMODE(file.stat().st_mode) for file in target.iterdir()} == {0o600}
    assert same(found(target), STORED)


def test_an_empty_folder_becomes_a_cache(path):
    """Whoever made it."""
    path.mkdir()

    assert found(path) == {}
    assert (path / "cache.json").read_bytes() == _marker.CONTENT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,text\n" * 100, "is no folder; a cache is a folder of its own"),
        (b"", "is no folder"),
        (None, "an SQLite file, as caches once were"),
    ],
)
def test_a_file_is_refused_by_name_and_left_alone(path, content, words):
    """The error says what it is and what to do."""
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE blocks (id INTEGER)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match=words) as caught:
        EmbeddingCache(path)

    assert str(path) in str(caught.value)
    assert "Give another path, or move it away" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(path):
    """To open it would take until somebody writes into it."""
    os.mkfifo(path)

    with pytest.raises(ConfigurationError, match="is no folder"):
        EmbeddingCache(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"mine", "a folder of something else"),
        ("cache.json", b"{}", "a folder of something else"),
        ("cache.json", b"\xff\xfe", "a folder of something else"),
        ("cache.json", b"[" * 100_000, "a folder of something else"),
        ("0" * 24 + ".keys", b"no header", "a folder of something else"),
        (
            "cache.json",
            b'{"what": "openrouter-embeddings cache", "format": 4}\n',
            "is a cache of another format",
        ),
    ],
    ids=range(6),
)
def test_a_folder_of_something_else_is_refused_and_left_alone(path, name, content, words):
    """Nothing is written among other people's files."""
    path.mkdir()
    (path / name).write_bytes(content)

    with pytest.raises(ConfigurationError, match=words):
        EmbeddingCache(path)

    assert [(file.name, file.read_bytes()) for file in path.iterdir()] == [(name, content)]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\x00" * 53, _marker.CONTENT[:20], _marker.CONTENT.replace(b"3", b"2"), b"x" * 99],
    ids=range(6),
)
def test_a_damaged_marker_is_mended_where_segments_are(path, marker, content):
    """The vectors beside it say as well what the folder is."""
    if content is None:
        marker.unlink()
    else:
        marker.write_bytes(content)

    assert same(found(path), STORED)
    assert marker.read_bytes() == _marker.CONTENT


def test_a_creator_that_was_killed_leaves_a_folder_that_can_be_used(path):
    """Between making the marker and filling it."""
    path.mkdir()
    (path / "cache.json").touch()

    assert found(path) == {}
    assert (path / "cache.json").read_bytes() == _marker.CONTENT


def test_who_comes_second_finds_the_marker(path, marker, monkeypatch):
    """A folder that was empty when it was listed may have everything when the marker is read."""
    monkeypatch.setattr(os, "listdir", lambda _: [])
    assert _marker.prepare(str(path)) is True
    monkeypatch.undo()

    def late(folder):
        names = listed(folder)
        marker.write_bytes(_marker.CONTENT)
        return names

    marker.write_bytes(b"")
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", late)
    assert _marker.prepare(str(path)) is True


@pytest.mark.parametrize("name", ["missing/vectors.cache", "file/vectors.cache", "x" * 300, "loop"])
def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path, name):
    """A folder that is not there, a file in its place, a name too long, a link to itself."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigurationError, match=r"The cache .* cannot be used: .*") as caught:
        EmbeddingCache(tmp_path / name)

    assert caught.value.argument == "path"


READER = """
import fcntl, os, sys
import numpy as np
from openrouter_embeddings.cache import EmbeddingCache
from openrouter_embeddings.errors import ConfigurationError

if os.geteuid() == 0:
    os.setuid(65534)  # who may write everything becomes another
with EmbeddingCache(sys.argv[1]) as cache:
    keys = [bytes.fromhex(key) for key in sys.argv[2:]]
    print(len(cache.get(keys)), cache.writable, cache.corrupted, cache.info().vectors)
    for work in (lambda: cache.put({keys[0]: np.ones(8, np.float32)}, model="m"), cache.clear):
        try:
            work()
        except ConfigurationError as error:
            print(error)
    print(len(cache.get(keys)))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="access is another matter here")
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("damaged", [True, False])
def test_who_cannot_write_is_served(marked, damaged):
    """Reads go on, damage is left out and left there, and writing is refused by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.cache"
        with EmbeddingCache(path) as cache:
            cache.put(STORED, model=MODEL)
        if not marked:
            (path / "cache.json").write_bytes(b"")
        if damaged:
            (vectors,) = files_of(path, ".f32")
            vectors.write_bytes(b"\1" + vectors.read_bytes()[1:])
        for file in path.iterdir():
            file.chmod(0o444)
        path.chmod(0o555)
        Path(folder).chmod(0o555)
        keys = [key.hex() for key in STORED]
        done = subprocess.run(
            [sys.executable, "-c", READER, str(path), *keys],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder).chmod(0o755)
        path.chmod(0o755)

    assert done.stderr == ""
    first, put, clear, last = done.stdout.splitlines()
    hits = 20 - damaged
    assert first == f"{hits} False {int(damaged)} {hits}"
    assert f"The cache {path} cannot be written: Permission denied." in put
    assert f"The cache {path} cannot be written: Permission denied." in clear
    assert last == str(hits)
