"""Where things lie, and files that are whole or not there at all."""

import errno
import hashlib
import os

import pytest
import torch
from limits import largest_file

from spanbert_teach import paths
from spanbert_teach.paths import (
    cannot_write,
    data_path,
    learner_folder,
    may_write,
    sha256,
    write_whole,
)


def test_missing_data_lists_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"there is: .*spans"):
        data_path("corpus/trian.txt")


def test_the_learners_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path))
    assert learner_folder() == tmp_path
    monkeypatch.delenv("SPANBERT_TEACH_HOME")
    assert learner_folder().name == "my_lessons"


def test_where_the_checkout_cannot_be_written_the_home_folder_can(monkeypatch, tmp_path):
    """An installation that many share: nobody but its owner may write there."""
    monkeypatch.delenv("SPANBERT_TEACH_HOME", raising=False)
    monkeypatch.setattr(paths.Path, "home", lambda: tmp_path / "ana")
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(paths, "checkout", lambda: shared)
    assert learner_folder() == shared / "my_lessons"
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != shared and real(path, mode))
    assert learner_folder() == tmp_path / "ana" / "my_lessons"
    (shared / "my_lessons").mkdir()  # one's own inside of it is as good as any
    assert learner_folder() == shared / "my_lessons"
    monkeypatch.setattr(paths, "checkout", lambda: None)
    monkeypatch.chdir(shared)
    (shared / "my_lessons").rmdir()
    assert learner_folder() == tmp_path / "ana" / "my_lessons"


def test_below_a_file_nothing_can_be_written(tmp_path):
    (tmp_path / "notes").write_text("mine")
    assert may_write(tmp_path / "new" / "deep") and not may_write(tmp_path / "notes" / "deep")


# --- a file is written whole ---------------------------------------------------------------------


def contents(folder) -> dict[str, bytes]:
    """All files of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("content", [b"new", lambda file: file.write(b"new")])
def test_a_new_file_takes_the_place_of_the_old_one(tmp_path, content):
    path = tmp_path / "notes.txt"
    write_whole(path, content)
    assert contents(tmp_path) == {"notes.txt": b"new"}
    path.write_bytes(b"old, and longer")
    (tmp_path / ".notes.txt.unfinished").write_bytes(b"left by a process that was killed")
    write_whole(path, content)
    assert contents(tmp_path) == {"notes.txt": b"new"}
    assert sha256(path) == hashlib.sha256(b"new").hexdigest()


NO_SPACE, CTRL_C = OSError(28, "No space left on device"), KeyboardInterrupt()


@pytest.mark.parametrize("step", ["content", "fsync", "replace"])
@pytest.mark.parametrize("error", [NO_SPACE, CTRL_C], ids=["fails", "interrupted"])
@pytest.mark.parametrize("before", [{}, {"notes.txt": b"old"}], ids=["no file", "an old file"])
def test_a_write_that_ends_early_changes_nothing(tmp_path, monkeypatch, step, error, before):
    for name, old in before.items():
        (tmp_path / name).write_bytes(old)

    def fail(*_):
        raise error

    def content(file):
        file.write(b"half of the n")
        if step == "content":
            fail()

    if step != "content":
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_whole(tmp_path / "notes.txt", content)
    assert contents(tmp_path) == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "notes.txt", b"new")
    assert contents(tmp_path) == {}


def test_a_file_that_cannot_become_so_large_is_said_whoever_writes_it(tmp_path):
    """torch turns the system's error into one of its own: "enforce fail at inline_container"."""
    path = tmp_path / "state.pt"
    path.write_bytes(b"old")
    contents_of = {
        "bytes": b"x" * 100_000,
        "torch": lambda file: torch.save(torch.zeros(100_000), file),
    }
    for content in contents_of.values():
        with largest_file(10_000), pytest.raises(OSError) as said:
            write_whole(path, content)
        expected = "state.pt' could not be written: a file may not become that large here"
        assert expected in str(said.value) and "\n" not in str(said.value)
        assert contents(tmp_path) == {"state.pt": b"old"}


def test_what_has_nothing_to_do_with_the_disk_is_raised_as_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="mine"):
        write_whole(tmp_path / "a", lambda file: (_ for _ in ()).throw(RuntimeError("mine")))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "you may not write there"),
        (errno.ENODEV, os.strerror(errno.ENODEV)),
    ],
)
def test_why_a_file_could_not_be_written_is_said_in_words(tmp_path, number, said):
    found = cannot_write(tmp_path / "a", OSError(number, os.strerror(number)))
    assert str(found) == f"{str(tmp_path / 'a')!r} could not be written: {said}."
    assert type(found) is type(OSError(number, ""))
    assert cannot_write(tmp_path, found) is found  # a sentence stays as it is
