"""Ctrl-C while packages load, a reader that goes away, paths to type: of every command."""

import io
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spanbert_teach import cli, terminal

if os.name != "nt":
    import fcntl
    import termios

HALF = """
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C, when one package has begun to import another
try:
    time.sleep(10)
except KeyboardInterrupt:
    raise ImportError("cannot import name 'multiarray' from partially initialized module") from None
"""


def command(*arguments: str, **options) -> subprocess.Popen:
    """A command under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "spanbert_teach", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **options,
    )


def ended(process: subprocess.Popen) -> str:
    """What a command has said as errors, when it has ended by itself."""
    try:
        return process.communicate(timeout=120)[1]
    finally:
        process.kill()


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process alone")
@pytest.mark.parametrize(
    ("arguments", "package"),
    [(["--help"], "argparse"), (["fill", "a [MASK]"], "torch"), (["pretrain"], "torch")],
)
def test_ctrl_c_while_packages_load_is_a_line(arguments, package, tmp_path):
    (tmp_path / f"{package}.py").write_text(HALF)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    env = os.environ | {"PYTHONPATH": paths}
    process = command(*arguments, env=env, stdout=subprocess.PIPE, cwd=tmp_path)
    said = ended(process)
    assert (process.returncode, said) == (130, "\nStopped before anything was begun.\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == [f"{package}.py"]


def test_while_packages_load_only_pythons_own_handler_is_replaced():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with terminal.loading():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminal.loading():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_any_command_is_a_line(monkeypatch, capsys):
    def stopped(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_lessons", stopped)
    assert cli.main(["lessons"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


TEXT = "we cut taxes and paid the debt\n\nno free government can survive without schools\n"
RUN = ["pretrain", "--preset", "ci", "--steps", "4000", "--batch", "2", "--text", "my.txt"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_closed_terminal_saves_the_run(tmp_path):
    (tmp_path / "my.txt").write_text(TEXT)
    log, ours, theirs = tmp_path / "runs/spanbert/log.jsonl", *os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spanbert_teach", *RUN, "--precision", "fp32"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # it is this session's terminal
    )
    os.close(theirs)
    try:
        until = time.monotonic() + 120
        while not log.exists() or log.read_text().count("\n") < 3:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
        os.close(ours)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
    assert (log.parent / "state.pt").exists() and not (log.parent / "checkpoint").exists()


# --- nobody reads it -----------------------------------------------------------------------------


def unread() -> int:
    """The end of a pipe that is written to, when nobody has the other one any more."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("arguments", [["--help"], ["progress", "many"], ["doctor"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_error_to_show(arguments, unbuffered, tmp_path):
    """As in `| head`."""
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open(unread(), "w") as stdout:
        process = command(*arguments, stdout=stdout, cwd=tmp_path, env=env)
        said = ended(process)
    silent = arguments == ["--help"] and unbuffered  # argparse takes no notice itself
    assert (process.returncode, said) == (0 if silent else 141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_run_whose_reader_goes_away_is_saved(unbuffered, tmp_path):
    """As in `2>&1 | head -1`: nobody is told, and Python has nothing to complain about at its end.

    (Then its status would be 120.)
    """
    (tmp_path / "my.txt").write_text(TEXT)
    with open(unread(), "w") as both:
        status = subprocess.run(
            [sys.executable, "-m", "spanbert_teach", *RUN, "--precision", "fp32"],
            stdout=both,
            stderr=both,
            cwd=tmp_path,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            timeout=120,
        ).returncode
    assert status == 141
    assert (tmp_path / "runs/spanbert/state.pt").exists()


@pytest.mark.parametrize("buffered", [True, False])
def test_what_is_printed_after_that_goes_nowhere(monkeypatch, buffered):
    read, write = os.pipe()
    with open(write, "wb", buffering=-1 if buffered else 0) as end:
        stdout = io.TextIOWrapper(end, write_through=not buffered)
        monkeypatch.setattr(sys, "stdout", stdout)
        print("a line")
        assert not terminal.reader_is_gone()
        os.close(read)
        with pytest.raises(BrokenPipeError):
            print("another", flush=True)
        assert terminal.reader_is_gone()
        print("one more", flush=True)
        assert not terminal.reader_is_gone()


def test_a_page_of_a_notebook_has_no_reader_to_lose(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not terminal.reader_is_gone()
    monkeypatch.setattr(sys, "stdout", None)
    assert not terminal.reader_is_gone()


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["runs/first", "my runs/it's mine", "a$b;c"])
def test_a_path_is_typed_as_one_word(path):
    if os.name == "nt":
        assert terminal.quoted("my runs") == '"my runs"'
    else:
        assert shlex.split(terminal.quoted(Path(path))) == [path]
        assert terminal.quoted("runs/first") == "runs/first"
