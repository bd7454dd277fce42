"""Progress: nothing is lost, nothing is torn, and a teacher sees who is stuck where."""

import json
import subprocess
import sys
import zlib

import pytest
import toy_exercises

from spanbert_teach.exercises import LESSONS, check, class_table, show_progress
from spanbert_teach.exercises.judging import NOT_ATTEMPTED, RIGHT, UNFINISHED, WRONG, Verdict
from spanbert_teach.exercises.progress import (
    Damaged,
    Standing,
    progress_line,
    read_attempts,
    read_line,
    record,
    standings,
)

TOY = toy_exercises.EXERCISES


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setitem(LESSONS, "99", "toy_exercises")
    folder = tmp_path / "home"
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(folder))
    return folder


def entry(exercise="99-1", verdict=WRONG, misconception="overlaps", attempt=1):
    return {
        "exercise": exercise,
        "verdict": verdict,
        "misconception": misconception,
        "attempt": attempt,
    }


def save(path, *attempts):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": 1, "attempts": list(attempts)}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


# --- the file -----------------------------------------------------------------------------------


def test_every_attempt_is_appended(home, capsys):
    def unfinished(words, size):
        found = ...
        return found

    check("99-1", toy_exercises.overlaps)
    check("99-1", unfinished)
    check("99-2", toy_exercises.another_style)
    check("99-1", toy_exercises.another_style)
    assert json.loads((home / "progress.json").read_text(encoding="utf-8")) == {
        "version": 1,
        "attempts": [
            entry(),
            entry(verdict="unfinished", misconception=None, attempt=2),
            entry("99-2", "right", None, 1),
            entry("99-1", "right", None, 3),
        ],
    }
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == list("✗ …✓✓")
    assert sorted(path.name for path in home.iterdir()) in (
        ["progress.json"],
        [".progress.lock", "progress.json"],
    )


def test_not_attempted_creates_nothing(home):
    assert record(Verdict("99-1", NOT_ATTEMPTED, ""), home) is None
    assert not home.exists()


BROKEN = {
    "cut off": b'{"version": 1, "attempts": [{"exercise": "99-1"',
    "empty": b"",
    "not text": b"\xff\xfe\x00",
    "another thing": b"[1, 2]",
    "a newer version": b'{"version": 2, "attempts": []}',
    "a changed entry": b'{"version": 1, "attempts": [{"exercise": "99-1", "verdict": "great"}]}',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_set_aside(home, capsys, kind):
    home.mkdir()
    (home / "progress.json").write_bytes(BROKEN[kind])
    (home / "progress.broken-1.json").write_bytes(b"an older one")
    with pytest.raises(Damaged):
        read_attempts(home / "progress.json")
    check("99-1", toy_exercises.overlaps)
    out = capsys.readouterr().out
    assert out.startswith("✗ 99-1 ") and "It is kept as progress.broken-2.json" in out
    assert (home / "progress.broken-1.json").read_bytes() == b"an older one"
    assert (home / "progress.broken-2.json").read_bytes() == BROKEN[kind]
    assert read_attempts(home / "progress.json") == [entry()]


def test_a_folder_that_cannot_be_written_still_gets_a_verdict(home, capsys):
    home.write_text("a file where the folder should be", encoding="utf-8")
    check("99-1", toy_exercises.another_style)
    verdict, warning = capsys.readouterr().out.splitlines()
    assert verdict == "✓ 99-1 Cut into windows"
    assert warning.startswith("This attempt was not recorded")


def test_a_crash_while_writing_leaves_the_old_file(home, monkeypatch, capsys):
    check("99-1", toy_exercises.overlaps)
    before = (home / "progress.json").read_bytes()

    def full(file_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    check("99-1", toy_exercises.overlaps)
    assert "not recorded" in capsys.readouterr().out
    assert (home / "progress.json").read_bytes() == before
    assert not (home / "progress.json.tmp").exists()


WRITER = """
import sys
from pathlib import Path
from spanbert_teach.exercises.judging import WRONG, Verdict
from spanbert_teach.exercises.progress import record
for n in range(50):
    warning = record(Verdict("99-1", WRONG, "", f"{sys.argv[2]}-{n}"), Path(sys.argv[1]))
    assert warning is None, warning
"""


def test_two_notebooks_at_once_lose_nothing(home):
    source = f"import sys; sys.path[:0] = {sys.path!r}\n{WRITER}"
    writers = [
        subprocess.Popen([sys.executable, "-c", source, str(home), name]) for name in ("a", "b")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    attempts = read_attempts(home / "progress.json")
    assert [attempt["attempt"] for attempt in attempts] == list(range(1, 101))
    for name in ("a", "b"):
        own = [a["misconception"] for a in attempts if a["misconception"].startswith(name)]
        assert own == [f"{name}-{n}" for n in range(50)]


def test_a_lock_that_is_held_is_not_waited_for_forever(home, monkeypatch):
    from filelock import FileLock

    home.mkdir()
    monkeypatch.setattr("spanbert_teach.exercises.progress.LOCK_SECONDS", 0.1)
    with FileLock(home / ".progress.lock"):
        warning = record(Verdict("99-1", RIGHT, ""), home)
    assert "another notebook" in warning
    assert record(Verdict("99-1", RIGHT, ""), home) is None


# --- the learner's table and line ---------------------------------------------------------------


def test_standings():
    attempts = [
        entry(attempt=1),
        entry(verdict=UNFINISHED, misconception=None, attempt=2),
        entry("99-2", WRONG, "no-list", 1),
        entry("99-2", RIGHT, None, 2),
        entry("99-2", WRONG, "crash", 3),
    ]
    assert standings(attempts) == {
        "99-1": Standing(UNFINISHED, 2, "overlaps"),
        "99-2": Standing(RIGHT, 2, "no-list"),  # solved stays solved
    }


def test_show_progress(home, capsys):
    check("99-1", toy_exercises.overlaps)
    capsys.readouterr()
    show_progress("99")
    out = capsys.readouterr().out
    assert out == (
        "   exercise  title                                 attempts  last misconception\n"
        "✗  99-1      Cut into windows                             1  overlaps\n"
        "○  99-2      Cut into windows, carelessly checked         -  -\n"
        "\n"
        "To hand in, copy this line:\n"
        "spanbert-progress 1 lesson=99 99-1=wrong/1/overlaps 99-2=none crc=83ffa6d5\n"
    )
    show_progress("99")
    assert capsys.readouterr().out == out, "the same again"
    show_progress("99", name="Zoë Ito")
    assert "lesson=99 name=Zo%C3%AB%20Ito 99-1" in capsys.readouterr().out
    with pytest.raises(ValueError, match="These have"):
        show_progress("98")


def test_show_progress_before_the_first_attempt_and_with_a_broken_file(home, capsys):
    show_progress("99")
    assert "99-1=none 99-2=none" in capsys.readouterr().out
    assert not home.exists()
    home.mkdir()
    (home / "progress.json").write_text("{", encoding="utf-8")
    show_progress("99")
    assert "cannot be read" in capsys.readouterr().out
    assert (home / "progress.json").read_text(encoding="utf-8") == "{"


FOUND = {"99-1": Standing(WRONG, 2, "a/b c=d"), "99-2": Standing(RIGHT, 1)}


def test_a_line_survives_what_mail_does_to_it():
    line = progress_line("99", TOY, FOUND, "Ana = Ó/x")
    expected = ("99", "Ana = Ó/x", FOUND)
    assert read_line(line) == expected
    assert read_line("S" + line[1:].replace(" ", " \n  ") + " ") == expected


def test_a_damaged_line_is_noticed_wherever_it_is_hurt():
    line = progress_line("99", TOY, FOUND, "Ana")
    for position in range(1, len(line)):
        with pytest.raises(Damaged):
            read_line(line[:position])  # cut off
        other = "x" if line[position] != "x" else "y"
        if position > 16:  # beyond the mark, which is what a line is found by
            with pytest.raises(Damaged):
                read_line(line[:position] + other + line[position + 1 :])
    with pytest.raises(Damaged, match="version 2"):
        read_line(line.replace("progress 1 ", "progress 2 "))


# --- the class ----------------------------------------------------------------------------------


def line_of(found, name=None):
    return progress_line("99", TOY, found, name)


def test_class_table(home, tmp_path):
    room = tmp_path / "room"
    save(room / "ana" / "my_lessons" / "progress.json", entry(), entry(attempt=2))
    save(room / "ben" / "progress.json", entry("99-1", RIGHT, None), entry("99-2", RIGHT, None))
    save(room / "cem.json", entry(verdict=UNFINISHED, misconception=None))
    chat = room / "chat.txt"
    lines = [
        "Here is mine:",
        "> " + line_of({"99-1": Standing(WRONG, 4, "overlaps")}, "Dora"),
        line_of({"99-1": Standing(WRONG, 1, "no-return")}, "Eve") + " thanks!",
        line_of({"99-1": Standing(RIGHT, 3, "no-return")}, "Eve"),
        line_of({}),
        line_of(FOUND, "Fay")[:-9],
        line_of(FOUND, "Gus").replace("wrong/2", "right/1"),
        line_of({"99-2": Standing(WRONG, 1, "no-list")}, "Hal").replace(" ", "\n"),
    ]
    chat.write_text("\n".join(lines), encoding="utf-8")
    (room / "minutes.json").write_text("{}", encoding="utf-8")
    (room / "old.txt").write_bytes(b"spanbert-progress \xff")
    (room / "hello.txt").write_text("Hello!", encoding="utf-8")
    (room / ".ipynb_checkpoints").mkdir()
    (room / ".ipynb_checkpoints" / "progress.json").write_text("{", encoding="utf-8")
    table = class_table([room, chat, tmp_path / "nobody.json"])
    learned, problems = table.split("\n\nCould not be read:\n")
    assert learned == (
        "Learners: 7\n"
        "\n"
        "exercise                                    right  stuck  not attempted\n"
        "99-1  Cut into windows                          2      3              2\n"
        "99-2  Cut into windows, carelessly checked      1      1              5\n"
        "\n"
        "Stuck, the most common first (in brackets: attempts)\n"
        "  99-1 overlaps: 2, Dora (4), ana (2)\n"
        "  99-1 unfinished: 1, cem (1)\n"
        "  99-2 no-list: 1, Hal (1)"
    )
    assert [line.strip() for line in problems.splitlines()] == [
        f"{tmp_path / 'nobody.json'}: there is no such file",
        f"{chat}, line 6: it is incomplete. Ask for this line again.",
        f"{chat}, line 7: its check sum does not match: something was cut off or changed. "
        "Ask for this line again.",
        f"{room / 'hello.txt'}: there is no line in it that begins with spanbert-progress",
        f"{room / 'minutes.json'}: it does not hold a list of attempts",
        f"{room / 'old.txt'}: it is not UTF-8 text at byte 18",
    ]


def test_two_files_are_two_learners_even_with_one_name(home, tmp_path):
    first = save(tmp_path / "monday" / "ana" / "progress.json", entry())
    second = save(tmp_path / "friday" / "ana" / "progress.json", entry(verdict=RIGHT))
    table = class_table([first, second, first])
    assert "Learners: 2\n" in table and "ana (1)" in table


def test_class_table_of_nothing(home, tmp_path):
    assert class_table([]) == "No progress was found."
    (tmp_path / "empty").mkdir()
    assert "no progress.json and no text file" in class_table([tmp_path / "empty"])


def test_unknown_exercises_and_odd_names_are_shown_safely(home, tmp_path):
    odd = {"97-10": Standing(WRONG, 1, "odd"), "97-9": Standing(RIGHT, 1)}
    line = "spanbert-progress 1 lesson=97 name=%1B%5B31mRed 97-10=wrong/1/odd 97-9=right/1"
    path = tmp_path / "paste.txt"
    path.write_text(f"{line} crc={zlib.crc32(line.encode()):08x}", encoding="utf-8")
    table = class_table([path])
    assert "\x1b" not in table and "?[31mRed (1)" in table
    assert table.index("97-9  (not in this version)") < table.index("97-10  (not in this version)")
    assert read_line(path.read_text(encoding="utf-8"))[2] == odd
