"""The folder of a run: one process in it from the first moment on, and one run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spanbert_teach.pretraining import SETTINGS, STATE, Settings, Stage, pretrain
from spanbert_teach.pretraining import run as run_module
from spanbert_teach.pretraining.data import documents
from spanbert_teach.tokenization import WordPieceTokenizer

from .runs import TEXT, TOKENIZER, ask_to_stop, assert_same_run

UNDER_WAY = r"run' is under way in another process\. Expected"

# --- one process ---------------------------------------------------------------------------------


def test_a_run_that_is_under_way_is_not_begun_a_second_time(tiny, tmp_path):
    settings, said = tiny(), []

    def again(record):
        if record["step"] == 3:
            with pytest.raises(ValueError, match=UNDER_WAY):
                pretrain(settings, tmp_path / "run", watch=said.append)

    pretrain(settings, tmp_path / "run", watch=again)
    pretrain(settings, tmp_path / "undisturbed")
    assert said == []
    assert_same_run(tmp_path / "run", tmp_path / "undisturbed")


def test_two_that_begin_together_are_not_one_run(tiny, tmp_path, monkeypatch):
    """While the first still reads its text the folder is taken already."""
    settings, loop, refused = tiny(), run_module.Loop, []

    def reading(*given):
        if not refused:
            refused.append(True)
            with pytest.raises(ValueError, match=UNDER_WAY):
                pretrain(replace(settings, seed=2), tmp_path / "run")
        return loop(*given)

    monkeypatch.setattr(run_module, "Loop", reading)
    pretrain(settings, tmp_path / "run")
    assert refused
    pretrain(settings, tmp_path / "undisturbed")
    assert_same_run(tmp_path / "run", tmp_path / "undisturbed")


SCRIPT = """
import json, sys
from spanbert_teach.pretraining import Settings, pretrain
settings = Settings.from_json(json.loads(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
pretrain(settings, sys.argv[2])
"""


@pytest.mark.slow
def test_of_two_processes_in_one_new_folder_one_is_refused(tiny, tmp_path):
    folder = tmp_path / "run"
    runs = {seed: tiny(seed=seed, stages=(Stage(12, 4, 60),)) for seed in (1, 2)}
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    both = {
        seed: subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(settings.as_json()), str(folder)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed, settings in runs.items()
    }
    try:
        for process in both.values():
            assert process.stdout.readline() == "ready\n"
        for process in both.values():
            process.stdin.write("\n")
            process.stdin.flush()
        said = {seed: process.communicate(timeout=120)[1] for seed, process in both.items()}
    finally:
        for process in both.values():
            process.kill()
    [winner] = [seed for seed, process in both.items() if process.returncode == 0]
    [other] = set(runs) - {winner}
    assert "is under way in another process" in said[other] or f"now {other}" in said[other]
    pretrain(runs[winner], tmp_path / "undisturbed")
    assert_same_run(folder, tmp_path / "undisturbed")


def test_what_does_not_begin_leaves_an_empty_folder_as_it_was(tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in ("mine", "deep/down/run"):
        with pytest.raises(FileNotFoundError, match="There is no file"):
            pretrain(tiny(text=("no.txt",)), tmp_path / folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_folder_that_cannot_be_made_is_said(tiny, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"run' could not be written: Not a directory\.$"):
        pretrain(tiny(), tmp_path / "file" / "run")


# --- one run -------------------------------------------------------------------------------------


def test_another_run_in_the_folder_is_refused_by_name(whole, tmp_path):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    other = replace(settings, seed=5, stages=(Stage(12, 4, 6),))
    with pytest.raises(ValueError, match=r"other settings: stages=.*now.*seed=1, now 5") as said:
        pretrain(other, folder)
    assert "dropout" not in str(said.value)
    assert_same_run(folder, undisturbed)
    (folder / SETTINGS).write_text("{")
    with pytest.raises(ValueError, match=r"settings.json' is damaged"):
        pretrain(settings, folder)


def test_a_folder_of_something_else_is_not_touched(tiny, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(ValueError, match=r"not the folder of a run, and not empty: cat.png"):
        pretrain(tiny(), tmp_path / "photos")
    with pytest.raises(ValueError, match=r"is a file\. Expected a folder"):
        pretrain(tiny(), tmp_path / "photos" / "cat.png")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]
    # What a kill left while the settings were written, or a system's own files, is nothing.
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".settings.json.unfinished").write_text("{")
    pretrain(tiny(stages=(Stage(12, 4, 2),), warmup=0), str(tmp_path / "new"))
    assert (tmp_path / "new" / "checkpoint").is_dir()


# --- what the run reads --------------------------------------------------------------------------


def stopped(settings: Settings, folder: Path) -> Path:
    """A run that was stopped half-way."""
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, folder, watch=ask_to_stop(4))
    return folder


@pytest.fixture
def own(here, tmp_path):
    """A text and a vocabulary that may be changed: their paths."""
    return [shutil.copy(here / name, tmp_path / name) for name in ("text.txt", "vocab.txt")]


def contents(folder: Path) -> dict[str, bytes]:
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in shown}


def test_a_fingerprint_is_that_of_the_words_not_of_files(here, tmp_path):
    def of(*paths) -> list[str]:
        found = []
        assert len(list(documents(tuple(map(str, paths)), "validation", fingerprints=found))) > 1
        return found

    (tmp_path / "folder").mkdir()
    for name, part in (("a.txt", TEXT[:3]), ("b.md", TEXT[3:])):
        (tmp_path / "folder" / name).write_text("\r\n\r\n".join(part), encoding="utf-8-sig")
    (tmp_path / "lines.txt").write_text("\n".join(TEXT) + "\n\none more")
    text = of(here / "text.txt")
    assert of(tmp_path / "folder") == text and len(text) == 1
    assert of(here / "text.txt", here / "text.txt") == text * 2
    assert of(tmp_path / "lines.txt") != text  # other documents
    assert len(of()) == 1 and of() != text  # the course's own


def test_the_same_text_at_another_path_goes_on(tiny, whole, own, here, tmp_path):
    _, undisturbed = whole
    text, vocabulary = own
    folder = stopped(tiny(text=(str(text),), vocabulary=str(vocabulary)), tmp_path / "run")
    Path(text).unlink()
    Path(vocabulary).unlink()
    pretrain(tiny(), folder)
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        path.name for path in undisturbed.iterdir() if path.name[0] != "."
    }
    states = [torch.load(f / STATE, weights_only=True)["model"] for f in (folder, undisturbed)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.parametrize("kind", ["text", "validation"])
def test_a_changed_text_is_refused_by_name(tiny, own, here, tmp_path, kind):
    text = Path(own[0])
    paths = (str(here / "text.txt"), str(text))
    settings = tiny(**{kind: paths})
    folder = stopped(settings, tmp_path / "run")
    before = contents(folder)
    what = "text" if kind == "text" else "held-out text"
    said = rf"with another {what}\. It was begun with other words than are in .*text\.txt' now\."
    text.write_text("\n\n".join([*TEXT[:-1], "something else"]), encoding="utf-8")
    with pytest.raises(ValueError, match=said) as found:
        pretrain(settings, folder)
    assert repr(paths[1]) in str(found.value) and repr(paths[0]) not in str(found.value)
    said = rf"with another {what}\. It was begun with '.*', '.*', and now there is '.*text.txt'\. E"
    with pytest.raises(ValueError, match=said):
        pretrain(replace(settings, **{kind: paths[:1]}), folder)
    with pytest.raises(ValueError, match=r"and now there is (the course's own|none)\."):
        pretrain(replace(settings, **{kind: ()}), folder)
    assert contents(folder) == before
    shutil.copy(here / "text.txt", text)
    pretrain(settings, folder)


def test_a_changed_vocabulary_is_refused_in_words(tiny, own, tmp_path):
    settings = tiny(vocabulary=str(own[1]))
    folder = stopped(settings, tmp_path / "run")
    before = contents(folder)
    swapped = TOKENIZER.tokens[:-2] + TOKENIZER.tokens[:-3:-1]  # as many, two in other places
    for tokens in (swapped, TOKENIZER.tokens[:-3]):
        WordPieceTokenizer(tokens).save(own[1])
        with pytest.raises(ValueError, match=r"another vocabulary\. .* in '.*vocab.txt' now\. E"):
            pretrain(settings, folder)
        assert contents(folder) == before


def test_a_run_without_fingerprints_goes_on_with_a_word(whole, own, tiny, tmp_path, capsys):
    settings, undisturbed = whole
    folder = stopped(settings, tmp_path / "run")
    new = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps(settings.as_json()))
    with pytest.raises(ValueError, match=r"other settings: text=\['.*now"):  # nothing else tells
        pretrain(tiny(text=(str(own[0]),)), folder)
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, folder, watch=ask_to_stop(7))
    assert "nobody can tell whether its text and vocabulary are still" in capsys.readouterr().err
    assert json.loads((folder / SETTINGS).read_text()) == new
    pretrain(settings, folder)
    assert capsys.readouterr().err == ""
    assert_same_run(folder, undisturbed)


def test_where_no_fingerprint_tells_a_changed_vocabulary_is_refused_too(tiny, own, tmp_path):
    settings = tiny(vocabulary=str(own[1]))
    folder = stopped(settings, tmp_path / "run")
    (folder / SETTINGS).write_text(json.dumps(settings.as_json()))
    WordPieceTokenizer(TOKENIZER.tokens[:-3]).save(own[1])
    with pytest.raises(ValueError, match=r"state is of another model.*Was the vocabulary changed"):
        pretrain(settings, folder)
