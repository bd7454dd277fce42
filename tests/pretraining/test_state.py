"""What a run keeps on the disk: killed, damaged or without room, nothing is lost."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from limits import largest_file

from spanbert_teach.checkpoints import load_model
from spanbert_teach.pretraining import FILM, LOG, SETTINGS, STATE, Settings, pretrain
from spanbert_teach.pretraining.state import add_record

from .runs import STEPS, TOKENIZER, assert_same_run, same, weights


def test_a_folder_has_all_of_a_run(whole):
    settings, folder = whole
    shown = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    assert sorted(shown) == ["checkpoint", "film.npz", "log.jsonl", "settings.json", "state.pt"]
    assert Settings.from_json(json.loads((folder / SETTINGS).read_text())) == settings
    loaded = load_model(folder / "checkpoint")
    run = pretrain(settings)
    assert run.settings == settings
    assert (folder / LOG).read_text().count("\n") == len(run.log) == STEPS
    for name, tensor in weights(run.model).items():
        assert torch.equal(tensor.half().float(), loaded.state_dict()[name]), name
    assert loaded.tokenizer.tokens == TOKENIZER.tokens


class Killed(Exception):
    pass


@pytest.mark.parametrize("save_every", [0, 1e9])
def test_what_was_done_after_the_last_state_is_done_again(whole, tmp_path, save_every):
    settings, undisturbed = whole
    folder = tmp_path / "run"

    def kill(record):
        if record["step"] == 7:
            raise Killed

    with pytest.raises(Killed):
        pretrain(settings, folder, watch=kill, save_every=save_every)
    steps = [json.loads(line)["step"] for line in (folder / LOG).read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6, 7]  # the state is that of step 6, or there is none
    with (folder / LOG).open("a") as file:
        file.write('{"step": 8, "ml')  # half a line
    seen = []

    def look(record):
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        seen.append([line["step"] for line in lines])

    pretrain(settings, folder, watch=look)
    first = 7 if save_every == 0 else 1
    assert seen[0] == list(range(1, first + 1)) and len(seen) == STEPS - first + 1
    assert_same_run(folder, undisturbed)


SCRIPT = """
import json, os, signal, sys, time
from spanbert_teach.pretraining import pretrain
from spanbert_teach.pretraining import Settings
settings = Settings.from_json(json.loads(sys.argv[1]))
replace = os.replace


def killed(unfinished, path):  # the new state is written, and not yet in the old one's place
    if path.name == "state.pt" and path.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    replace(unfinished, path)


if "saving" in sys.argv:
    os.replace = killed
pretrain(settings, sys.argv[2], watch=lambda record: time.sleep(0.1), save_every=0.2)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_saves_loses_the_last_state_only(whole, tmp_path):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings.as_json()), str(folder), "saving"]
    assert subprocess.run(command, env=env).returncode == -signal.SIGKILL
    assert list(folder.glob(".*unfinished"))
    assert 1 <= torch.load(folder / STATE, weights_only=True)["step"] < STEPS
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


@pytest.mark.slow
def test_a_killed_process_goes_on_as_if_it_had_not_been(whole, tmp_path):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings.as_json()), str(folder)]
    process = subprocess.Popen(command, env=env)
    try:
        until = time.monotonic() + 120
        while not (folder / STATE).exists() or (folder / LOG).read_text().count("\n") < 5:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 1 <= torch.load(folder / STATE, weights_only=True)["step"] < STEPS
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


def test_a_disk_without_room_loses_nothing_and_is_said_in_a_sentence(whole, tmp_path):
    settings, undisturbed = whole
    folder, full = tmp_path / "run", contextlib.ExitStack()

    def fill_the_disk(record):
        if record["step"] == 5:
            full.enter_context(largest_file(100_000))

    with full, pytest.raises(OSError) as said:
        pretrain(settings, folder, watch=fill_the_disk, save_every=0)
    assert re.fullmatch(
        r".*state\.pt' could not be written: a file may not become that large .*\. The last state "
        r"that was saved is kept: put right, the same command goes on from there\.",
        str(said.value),
    )
    assert torch.load(folder / STATE, weights_only=True)["step"] == 4
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


def test_without_room_for_the_first_state_or_a_record_that_is_said(whole, tmp_path):
    settings, undisturbed = whole
    for size, name in ((40, "settings.json"), (100_000, "state.pt"), (1000, "film.npz")):
        with largest_file(size), pytest.raises(OSError, match=f"{name}' could not be.*Nothing of"):
            pretrain(settings, tmp_path / "run", save_every=0)
    with pytest.raises(OSError, match=r"log\.jsonl' could not be written: a file may not"):
        add_record_to_a_full_disk(tmp_path / LOG)
    pretrain(settings, tmp_path / "run")
    assert_same_run(tmp_path / "run", undisturbed)


def add_record_to_a_full_disk(path) -> None:
    with largest_file(10):
        add_record(path, {"step": 1, "mlm": 2.5})


def test_a_finished_run_called_again_does_nothing(whole, tmp_path):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    (folder / "checkpoint" / "notes.txt").write_text("mine")
    kept = [folder / STATE, folder / FILM, *(folder / "checkpoint").iterdir()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}
    seen = []
    run = pretrain(settings, folder, watch=seen.append)
    assert seen == [] and len(run.log) == STEPS and not run.model.training
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept} == before
    assert same(run.model, pretrain(settings).model)
    # Where a kill fell between the last state and the checkpoint, it is written.
    shutil.rmtree(folder / "checkpoint")
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_damaged_state_says_what_to_do(whole, tmp_path, keep):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    content = (folder / STATE).read_bytes()
    kept = content[: int(keep * len(content)) if keep < 1 else keep]
    (folder / STATE).write_bytes(kept)
    with pytest.raises(ValueError, match=r"state.pt' is damaged.*Remove the file to start") as said:
        pretrain(settings, folder)
    assert "\n" not in str(said.value)
    assert (folder / STATE).read_bytes() == kept
    (folder / STATE).unlink()
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


def test_a_run_that_is_older_than_a_setting_goes_on(whole, tmp_path):
    """Its settings lack the name; it was trained with what is the default today."""
    settings, folder = whole
    other = tmp_path / "run"
    shutil.copytree(folder, other)
    told = json.loads((other / SETTINGS).read_text(encoding="utf-8"))
    del told["text_field"]
    (other / SETTINGS).write_text(json.dumps(told), encoding="utf-8")
    pretrain(settings, other)
    with pytest.raises(ValueError, match="text_field='text', now 'body'"):
        pretrain(replace(settings, text_field="body"), other)
    (other / SETTINGS).write_text("[]")
    with pytest.raises(ValueError, match="is no JSON with settings"):
        pretrain(settings, other)
