"""A learner's days: what happens to their copies when the course changes under them."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach import my_lessons
from spanbert_teach.my_lessons import RECORD, fingerprint, refresh

LESSON = "00_start_here.ipynb"
NEW = "00_start_here.new.ipynb"
NEW2 = "00_start_here.new2.ipynb"
SOLUTION = "def count_the(text):\n    return text.split().count('the')\n"


def code(source, outputs=(), tags=()):
    return {
        "cell_type": "code",
        "id": f"cell-{abs(hash(source)) % 10**6}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source.splitlines(keepends=True),
        "outputs": list(outputs),
        "execution_count": 3,
    }


def text(source):
    return {"cell_type": "markdown", "id": "text", "metadata": {}, "source": source}


def notebook(*cells):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def printed(words):
    return {"output_type": "stream", "name": "stdout", "text": [words]}


def lesson(version):
    return notebook(text(f"# Start here, version {version}"), code("...", [printed("○")]))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def solve(path, solution=SOLUTION):
    """What a learner does: write into the exercise's cell, run it, save."""
    content = read(path)
    content["cells"][-1] = code(solution, [printed("✓")])
    write(path, content)


def snapshot(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture
def course(tmp_path):
    write(tmp_path / "notebooks" / LESSON, lesson(1))
    write(tmp_path / "notebooks" / "solutions" / LESSON, notebook(code(SOLUTION)))
    return tmp_path / "notebooks"


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "my_lessons"


def test_a_learners_day(course, mine):
    first = refresh(course, mine)
    assert len(first) == 2 and LESSON in first[0] and f"my_lessons/{LESSON}" in first[-1]

    solve(mine / LESSON)
    solved = (mine / LESSON).read_bytes()
    write(course / LESSON, lesson(2))  # git pull
    said = refresh(course, mine)

    assert (mine / LESSON).read_bytes() == solved
    assert fingerprint(read(mine / NEW)) == fingerprint(lesson(2))
    assert len(said) == 2 and NEW in said[0] and "your work" in said[0]

    everything = snapshot(mine)
    assert len(refresh(course, mine)) == 1, "a second call has nothing to tell but where to work"
    assert snapshot(mine) == everything


def test_outputs_are_cleared_and_a_view_keeps_its_picture(course, mine):
    view = {
        "output_type": "execute_result",
        "execution_count": 2,
        "data": {
            "application/vnd.jupyter.widget-view+json": {"model_id": "0"},
            "text/html": "<table></table>",
            "image/png": "aGVsbG8=",
            "text/plain": "TokenStrip",
        },
        "metadata": {"image/png": {"alt": "tokens"}, "application/x": {}},
    }
    write(
        course / LESSON,
        notebook(
            code("print(1)", [printed("1")]),
            code("strip", [printed("noise"), view], tags=["view"]),
            code("strip2", [view]),
        ),
    )
    before = snapshot(course)
    refresh(course, mine)
    plain, picture, untagged = read(mine / LESSON)["cells"]
    assert plain["outputs"] == [] and untagged["outputs"] == []
    assert [c["execution_count"] for c in (plain, picture, untagged)] == [None, None, None]
    (kept,) = picture["outputs"]
    assert set(kept["data"]) == {"text/html", "image/png", "text/plain"}
    assert kept["metadata"] == {"image/png": {"alt": "tokens"}}
    assert snapshot(course) == before


def test_a_copy_is_a_valid_notebook(course, mine):
    import nbformat

    view = {"output_type": "display_data", "data": {"text/html": "x"}, "metadata": {}}
    write(course / LESSON, notebook(text("# T"), code("v", [view], tags=["view"]), code("w")))
    refresh(course, mine)
    nbformat.validate(nbformat.read(mine / LESSON, as_version=4))


def test_solutions_are_not_handed_out(course, mine):
    refresh(course, mine)
    assert sorted(p.name for p in mine.iterdir()) == [RECORD, LESSON]
    assert "count_the" not in (mine / LESSON).read_text(encoding="utf-8")


def test_a_copy_that_was_only_run_is_replaced(course, mine):
    refresh(course, mine)
    content = read(mine / LESSON)
    content["cells"][-1]["outputs"] = [printed("ran")]
    content["cells"][-1]["execution_count"] = 17
    content["cells"].append(code(""))  # Shift+Enter on the last cell adds an empty one
    write(mine / LESSON, content)
    write(course / LESSON, lesson(2))
    said = refresh(course, mine)
    assert fingerprint(read(mine / LESSON)) == fingerprint(lesson(2))
    assert not (mine / NEW).exists() and "replaced" in said[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cells.append(text("my note")),
        lambda cells: cells.reverse(),
        lambda cells: cells[1].update(cell_type="raw"),
        lambda cells: cells.pop(),
        lambda cells: cells[1].update(source="....\n"),
    ],
    ids=["added", "reordered", "type changed", "removed", "edited"],
)
def test_every_kind_of_edit_counts_as_work(course, mine, change):
    refresh(course, mine)
    content = read(mine / LESSON)
    change(content["cells"])
    write(mine / LESSON, content)
    kept = (mine / LESSON).read_bytes()
    write(course / LESSON, lesson(2))
    refresh(course, mine)
    assert (mine / LESSON).read_bytes() == kept and (mine / NEW).exists()


def test_new_outputs_upstream_change_nothing(course, mine):
    refresh(course, mine)
    before = snapshot(mine)
    content = lesson(1)
    content["cells"][1]["outputs"] = [printed("other")]
    write(course / LESSON, content)
    assert len(refresh(course, mine)) == 1
    assert snapshot(mine) == before


def test_a_deleted_copy_is_handed_out_again(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    (mine / LESSON).unlink()
    said = refresh(course, mine)
    assert LESSON in said[0] and fingerprint(read(mine / LESSON)) == fingerprint(lesson(1))


@pytest.mark.parametrize("damage", ["", '{"cells": [', "[]", '{"cells": 1}', '{"cells": [{}]}'])
def test_a_damaged_copy_stays_and_a_fresh_one_arrives(course, mine, damage):
    refresh(course, mine)
    (mine / LESSON).write_text(damage, encoding="utf-8")
    said = refresh(course, mine)
    assert (mine / LESSON).read_text(encoding="utf-8") == damage
    assert fingerprint(read(mine / NEW)) == fingerprint(lesson(1))
    assert "cannot be read" in said[0] and NEW in said[0]
    before = snapshot(mine)
    assert len(refresh(course, mine)) == 1
    assert snapshot(mine) == before


def test_work_in_the_new_copy_is_not_lost_either(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    write(course / LESSON, lesson(2))
    refresh(course, mine)
    solve(mine / NEW, "second = 'attempt'")
    kept = snapshot(mine)
    write(course / LESSON, lesson(3))
    said = refresh(course, mine)
    assert NEW2 in said[0]
    now = snapshot(mine)
    assert now[LESSON] == kept[LESSON] and now[NEW] == kept[NEW]
    assert fingerprint(read(mine / NEW2)) == fingerprint(lesson(3))


def test_new_copies_without_work_do_not_pile_up(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    for version in range(2, 6):
        write(course / LESSON, lesson(version))
        refresh(course, mine)
    assert sorted(p.name for p in mine.iterdir()) == sorted([RECORD, LESSON, NEW])
    assert fingerprint(read(mine / NEW)) == fingerprint(lesson(5))


def test_a_deleted_or_renamed_new_copy_does_not_come_back(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    write(course / LESSON, lesson(2))
    refresh(course, mine)
    solve(mine / NEW, "moved = 'over'")
    (mine / NEW).replace(mine / LESSON)  # the learner goes on in the new lesson
    assert len(refresh(course, mine)) == 1 and not (mine / NEW).exists()
    assert "moved" in (mine / LESSON).read_text(encoding="utf-8")


def test_starting_over_leaves_one_copy(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    write(course / LESSON, lesson(2))
    refresh(course, mine)
    (mine / LESSON).unlink()
    said = refresh(course, mine)
    assert not (mine / NEW).exists() and any(NEW in s and "removed" in s for s in said)
    assert fingerprint(read(mine / LESSON)) == fingerprint(lesson(2))


def test_starting_over_keeps_work_in_the_new_copy(course, mine):
    refresh(course, mine)
    solve(mine / LESSON)
    write(course / LESSON, lesson(2))
    refresh(course, mine)
    solve(mine / NEW)
    kept = (mine / NEW).read_bytes()
    (mine / LESSON).unlink()
    refresh(course, mine)
    assert (mine / NEW).read_bytes() == kept
    assert fingerprint(read(mine / LESSON)) == fingerprint(lesson(2))


@pytest.mark.parametrize("broken", [None, "", "{", "[]", '{"copies": 3, "gone": []}'])
def test_without_a_record_every_copy_is_the_learners(course, mine, broken):
    refresh(course, mine)
    kept = (mine / LESSON).read_bytes()
    if broken is None:
        (mine / RECORD).unlink()
    else:
        (mine / RECORD).write_text(broken, encoding="utf-8")
    write(course / LESSON, lesson(2))
    said = refresh(course, mine)
    assert (mine / LESSON).read_bytes() == kept and (mine / NEW).exists()
    assert RECORD in said[0]
    assert len(refresh(course, mine)) == 1


def test_a_lesson_that_left_the_course_stays_and_is_mentioned_once(course, mine):
    write(course / "01_next.ipynb", lesson(1))
    refresh(course, mine)
    kept = (mine / "01_next.ipynb").read_bytes()
    (course / "01_next.ipynb").unlink()
    assert [s for s in refresh(course, mine) if "01_next" in s]
    assert not [s for s in refresh(course, mine) if "01_next" in s]
    assert (mine / "01_next.ipynb").read_bytes() == kept


def test_an_interrupted_refresh_is_taken_up_again(course, mine, monkeypatch):
    refresh(course, mine)
    write(course / LESSON, lesson(2))
    real = my_lessons._write

    def no_room_for_the_record(path, content):
        if path.name == RECORD:
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(my_lessons, "_write", no_room_for_the_record)
    with pytest.raises(OSError, match="No space"):
        refresh(course, mine)
    monkeypatch.undo()
    refresh(course, mine)
    write(course / LESSON, lesson(3))
    refresh(course, mine)
    assert sorted(p.name for p in mine.iterdir()) == [RECORD, LESSON]


def test_a_write_that_fails_leaves_the_old_copy(course, mine, monkeypatch):
    refresh(course, mine)
    before = snapshot(mine)
    write(course / LESSON, lesson(2))

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # the new copy is written, and not yet on the disk
    with pytest.raises(OSError, match="could not be written: the disk is full"):
        refresh(course, mine)
    assert snapshot(mine) == before


def test_other_files_of_the_learner_are_left_alone(course, mine):
    write(mine / "notes.ipynb", lesson(9))
    (mine / "progress.json").write_text("[]", encoding="utf-8")
    before = snapshot(mine)
    refresh(course, mine)
    assert before.items() <= snapshot(mine).items()


def test_nothing_is_written_outside_the_folder(course, mine, tmp_path):
    outside = tmp_path / "elsewhere.ipynb"
    write(outside, lesson(1))
    refresh(course, mine)
    (mine / LESSON).unlink()
    try:
        (mine / LESSON).symlink_to(outside)
    except OSError:  # Windows without the right to make links
        (mine / LESSON).write_bytes(outside.read_bytes())
    kept = outside.read_bytes()
    write(course / LESSON, lesson(2))
    lessons_before = snapshot(course)
    refresh(course, mine)
    assert fingerprint(read(mine / LESSON)) == fingerprint(lesson(2))
    assert outside.read_bytes() == kept and snapshot(course) == lessons_before


def test_mistakes_are_explained(course, mine, tmp_path):
    with pytest.raises(ValueError, match="Choose another folder"):
        refresh(course, course)
    with pytest.raises(FileNotFoundError, match="no lesson"):
        refresh(tmp_path / "nowhere", mine)
    mine.write_text("", encoding="utf-8")
    with pytest.raises(NotADirectoryError, match="Move or rename"):
        refresh(course, mine)
    mine.unlink()
    (course / "01_bad.ipynb").write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(ValueError, match="01_bad"):
        refresh(course, mine)
    assert not mine.exists(), "nothing was begun"


steps = st.one_of(
    st.tuples(st.just("pull"), st.integers(1, 4)),
    st.tuples(st.just("edit"), st.sampled_from([LESSON, NEW, NEW2]), st.integers(0, 9)),
    st.tuples(st.just("damage"), st.sampled_from([LESSON, NEW, RECORD])),
    st.tuples(st.just("delete"), st.sampled_from([LESSON, NEW, RECORD])),
    st.tuples(st.just("rename"), st.sampled_from([LESSON, NEW]), st.sampled_from([LESSON, NEW2])),
    st.tuples(st.just("leave the course")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=12))
def test_law_what_a_learner_wrote_is_never_changed_by_refresh(days):
    """After any history: every file whose text the course did not write stays byte for byte,
    the current lesson can be worked in, and a second call does nothing."""
    ours = {fingerprint(lesson(version)) for version in range(1, 5)}

    def is_ours(content):
        try:
            return fingerprint(json.loads(content)) in ours
        except (ValueError, TypeError, KeyError):
            return False

    with tempfile.TemporaryDirectory() as folder:
        course, mine = Path(folder, "notebooks"), Path(folder, "my_lessons")
        write(course / "01_stays.ipynb", lesson(1))
        write(course / LESSON, lesson(1))
        refresh(course, mine)
        for what, *how in days:
            if what == "pull":
                write(course / LESSON, lesson(how[0]))
            elif what == "leave the course":
                (course / LESSON).unlink(missing_ok=True)
            elif (mine / how[0]).exists():
                path = mine / how[0]
                if what == "delete":
                    path.unlink()
                elif what == "damage":
                    path.write_bytes(path.read_bytes()[:20])
                elif what == "rename":
                    path.replace(mine / how[1])
                elif is_ours(path.read_bytes()):
                    solve(path, f"answer = {how[1]}")
            before = snapshot(mine)
            said = refresh(course, mine)
            after = snapshot(mine)
            for name, content in before.items():
                if name != RECORD and not is_ours(content):
                    assert after.get(name) == content, f"{name} was changed or lost"
            assert all(sentence.strip() for sentence in said)
            assert refresh(course, mine) == said[-1:]
            assert snapshot(mine) == after
