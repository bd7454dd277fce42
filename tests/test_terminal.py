"""Ctrl-C while packages load, a reader that goes away, paths to type: of every command."""

import io
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spanbert_teach import cli, terminal

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
