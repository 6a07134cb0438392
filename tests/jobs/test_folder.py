"""The folder of a job: one process at a time, and what is written outlives a power cut."""

from __future__ import annotations

import subprocess
import sys

import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.jobs import _folder
from openrouter_embeddings.jobs._folder import JobFolder, published

HELD = """
import sys
from openrouter_embeddings.jobs._folder import JobFolder
with JobFolder.of(sys.argv[1]).locked():
    print("locked", flush=True)
    sys.stdin.readline()
"""

ON_MACOS = """
import fcntl, os, sys
from pathlib import Path
import pyarrow, pyarrow.parquet, pyarrow.compute, filelock, openrouter_embeddings.cache
asked = []
def request(handle, what):
    asked.append(what)
    if len(sys.argv) > 2:
        raise OSError("this disk cannot")
fcntl.F_FULLFSYNC, fcntl.fcntl = 51, request
real, flushed = os.fsync, []
os.fsync = lambda handle: (flushed.append(handle), real(handle))
sys.platform = "darwin"
from openrouter_embeddings.jobs._folder import published
with published(Path(sys.argv[1])) as beside:
    beside.write_text("whole")
print(asked, len(flushed))
"""


@pytest.fixture
def folder(tmp_path):
    return JobFolder.of(str(tmp_path / "out.parquet"))


def test_another_process_is_kept_out_until_the_first_has_ended(folder, tmp_path):
    """The lock is the system's: a process that dies gives it back."""
    command = [sys.executable, "-c", HELD, str(tmp_path / "out.parquet")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigurationError, match="Another process works on"), folder.locked():
            pass
        other.kill()
        other.wait()

    with folder.locked():
        assert folder.path.is_dir()


def test_a_folder_with_something_in_it_outlives_its_lock(folder):
    """What is paid for stays when a job stops."""
    with folder.locked():
        (folder.path / "vectors.f32").write_bytes(b"1234")

    assert (folder.path / "vectors.f32").exists()


def test_a_folder_whose_lock_could_not_be_deleted_goes_after_the_release(folder, monkeypatch):
    """Windows deletes no open file: the folder would look like a job that was begun."""
    monkeypatch.setattr(_folder.shutil, "rmtree", lambda *_args, **_options: None)
    with folder.locked():
        (folder.path / "lock").unlink()

    assert not folder.path.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """The error is one of ours, and says which folder."""
    (tmp_path / "file").write_text("")
    folder = JobFolder.of(str(tmp_path / "file" / "out.parquet"))

    with pytest.raises(ConfigurationError, match=r"out\.parquet\.job cannot be made or locked"):
        folder.locked().__enter__()


def test_a_file_and_its_folder_are_flushed(tmp_path, monkeypatch):
    """The name of a new file is in its folder, which has to be on the disk as well."""
    flushed = []
    monkeypatch.setattr(_folder, "_flush_to_disk", flushed.append)
    with published(tmp_path / "file") as beside:
        beside.write_text("whole")

    assert len(flushed) == 2
    assert (tmp_path / "file").read_text() == "whole"


def test_no_folder_is_opened_where_none_can_be(tmp_path, monkeypatch):
    """Windows refuses to open a folder as a file."""
    opened = []
    monkeypatch.setattr(_folder, "_FOLDERS_CAN_BE_FLUSHED", False)
    monkeypatch.setattr(_folder, "_flush", lambda path, _mode: opened.append(path.is_dir()))
    with published(tmp_path / "file") as beside:
        beside.write_text("whole")

    assert opened == [False]


@pytest.mark.parametrize(("disk", "printed"), [((), "[51, 51] 0"), (("cannot",), "[51, 51] 2")])
def test_macos_is_asked_to_empty_the_buffer_of_the_disk(tmp_path, disk, printed):
    """Its fsync does not; a disk that cannot do it is flushed as elsewhere."""
    command = [sys.executable, "-c", ON_MACOS, str(tmp_path / "file"), *disk]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.stdout.strip() == printed, done.stderr
