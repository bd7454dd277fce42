"""Two processes with half of each batch train as one with the whole: torchrun, on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spanbert_teach.objectives import joint_loss
from spanbert_teach.pretraining import Settings, Stage, pretrain
from spanbert_teach.pretraining.run import Loop
from spanbert_teach.pretraining.step import gradients
from spanbert_teach.pretraining.watch import film_steps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
        reason="this torch cannot train on several processes",
    ),
]

WORKER = '''
"""What each of the processes does: gradients, short runs, a stop, the command line."""
import json, os, shutil, signal, sys
from pathlib import Path

import torch
from filelock import FileLock
from torch import distributed

from spanbert_teach import cli
from spanbert_teach.pretraining import Settings, pretrain
from spanbert_teach.pretraining.run import Loop
from spanbert_teach.pretraining.step import gradients, processes

here = Path(sys.argv[1])
found = {}


def settings(name):
    return Settings.from_json(json.loads((here / f"{name}.json").read_text()))


for name in ("global", "local", "accumulate"):
    loop = Loop(settings(name))
    parts = loop.batches.parts(2, loop.rank, processes())
    told = gradients(loop.parallel, parts, loop.settings, "fp32", loop.scaler, False)
    found[name] = {
        "gradients": {n: p.grad for n, p in loop.model.named_parameters()},
        "told": told,
        "rows": [part.masked.input_ids.tolist() for part in parts],
        "targets": [part.masked.mlm_targets.tolist() for part in parts],
    }
rank = distributed.get_rank()
found["rank"], found["processes"] = rank, processes()
found["weights"] = pretrain(settings("run"), here / "run").model.state_dict()
# Each process has its own dropout, and still all have the same weights.
found["with dropout"] = pretrain(settings("dropout")).model.state_dict()


def stop(record):  # one process is asked, all stop
    if record["step"] == 1:
        os.kill(os.getpid(), signal.SIGINT)


if rank == 0:
    shutil.copytree(here / "run", here / "disk0")
try:
    pretrain(settings("run"), here / "stopped", watch=stop, save_every=1e9)
    found["stopped"] = False
except KeyboardInterrupt:
    found["stopped"] = True
pretrain(settings("run"), here / "stopped")
for name, folder in (("odd", "odd"), ("run", f"disk{rank}")):  # the second: each its own disk
    try:
        pretrain(settings(name), here / folder)
    except ValueError as error:
        found[folder] = str(error)
(here / "taken").mkdir(exist_ok=True)
lock = FileLock(here / "taken" / ".lock") if rank == 0 else None
if lock:  # another run has the folder
    lock.acquire()
distributed.barrier()
for name, folder in (("run", "taken"), ("dropout", "run"), ("other text", "run")):
    try:
        pretrain(settings(name), here / folder)
    except ValueError as error:
        found[f"{name} in {folder}"] = str(error)
try:
    pretrain(settings("too fast"), here / "too fast")
except FloatingPointError as error:
    found["too fast"] = str(error)
command = ["pretrain", "--preset", "ci", "--steps", "2", "--batch", "2", "--precision", "fp32"]
paths = ["--text", str(here / "text.txt"), "--folder", str(here / "cli")]
found["status"] = cli.main([*command, *paths])
torch.save(found, here / f"found.{rank}.pt")
distributed.destroy_process_group()
'''


def settings_of(here: Path, **changes) -> Settings:
    found = {
        "stages": (Stage(20, 4, 3),),
        "text": (str(here / "text.txt"),),
        "layers": 1,
        "hidden": 16,
        "heads": 2,
        "warmup": 1,
        "dropout": 0.0,
        "precision": "fp32",
    }
    return Settings(**found | changes)


SENTENCES = [
    "The President may recommend to Congress such measures as he shall judge necessary.",
    "We cut taxes. We paid the debt, and the people of every State were better for it.",
    "Peace.",
    "In the year 1904 the canal was begun; nobody knew how long it would take to build.",
    "Our ships and our farms feed the nation, and half the world beside.",
    "No free government can survive without schools, and no school without teachers.",
    "Texas, Ohio and Maine.",
    "I ask you tonight to give the Congress and the country a strong and lasting law.",
]


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with what two processes found."""
    here = tmp_path_factory.mktemp("processes")
    (here / "text.txt").write_text("\n\n".join(SENTENCES), encoding="utf-8")
    (here / "other.txt").write_text("\n\n".join(SENTENCES[::-1]), encoding="utf-8")
    (here / "worker.py").write_text(WORKER, encoding="utf-8")
    runs = {
        "global": settings_of(here),
        "local": settings_of(here, counts="local"),
        "accumulate": settings_of(here, accumulate=2),
        "run": settings_of(here),
        "dropout": settings_of(here, dropout=0.3),
        "odd": settings_of(here, stages=(Stage(20, 3, 3),)),
        "other text": settings_of(here, text=(str(here / "other.txt"),)),
        "too fast": settings_of(here, peak_rate=1e30),
    }
    for name, settings in runs.items():
        (here / f"{name}.json").write_text(json.dumps(settings.as_json()))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*torchrun, str(here / "worker.py"), str(here)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:  # one waits for the other; torchrun ends both
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    (here / "stdout").write_text(out, encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def found(here) -> list[dict]:
    """What each process found."""
    return [torch.load(here / f"found.{rank}.pt", weights_only=True) for rank in range(2)]


def in_one_process(settings: Settings) -> tuple[dict[str, torch.Tensor], dict, list]:
    """Gradients on one thread, as each of the two has: more threads add in another order."""
    loop, threads = Loop(settings), torch.get_num_threads()
    parts = loop.batches.parts(2)
    torch.set_num_threads(1)
    told = gradients(loop.parallel, parts, settings, "fp32", loop.scaler, False)
    torch.set_num_threads(threads)
    return {name: p.grad for name, p in loop.model.named_parameters()}, told, parts


def difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def relative(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The length of the difference, as a share of the length."""
    assert a.keys() == b.keys()
    apart = sum(float(((a[name] - b[name]) ** 2).sum()) for name in a)
    return (apart / sum(float((b[name] ** 2).sum()) for name in b)) ** 0.5


def test_each_process_has_half_of_the_rows_with_the_masks_of_one_process(here, found):
    assert [part["rank"] for part in found] == [0, 1]
    assert [part["processes"] for part in found] == [2, 2]
    _, _, [whole] = in_one_process(settings_of(here))
    width = whole.masked.input_ids.shape[1]
    for what, tensor in (("rows", whole.masked.input_ids), ("targets", whole.masked.mlm_targets)):
        filler = 0 if what == "rows" else -100
        for name, sizes in (("global", [2]), ("local", [2]), ("accumulate", [1, 1])):
            seen = []
            for rank in found:
                assert [len(part) for part in rank[name][what]] == sizes
                rows = [row for part in rank[name][what] for row in part]
                seen += [row + [filler] * (width - len(row)) for row in rows]
            assert sorted(seen) == sorted(tensor.tolist()), (what, name)


# Two halves are added in another order than one whole; four quarters in yet another.
@pytest.mark.parametrize(("name", "rounding"), [("global", 1e-6), ("accumulate", 2e-6)])
def test_both_have_the_gradient_of_one_process(here, found, name, rounding):
    alone, told, _ = in_one_process(settings_of(here))
    for rank in found:
        assert difference(rank[name]["gradients"], alone) < rounding
        assert relative(rank[name]["gradients"], alone) < 2 * rounding
        assert rank[name]["told"] == pytest.approx(told, rel=1e-6)


def test_local_counts_give_another_gradient(here, found):
    alone, _, _ = in_one_process(settings_of(here))
    local = [rank["local"]["gradients"] for rank in found]
    assert difference(*local) == 0
    assert relative(local[0], alone) > 1e-2
    # It is the mean of the gradients that each half has alone.
    loop = Loop(settings_of(here))
    for rank in range(2):
        [half] = loop.batches.parts(2, rank, 2)
        sums = loop.model(half.masked, half.attention_mask)
        (joint_loss(sums.mlm, sums.sbo, sums.mlm_count, sums.sbo_count) / 2).backward()
    halves = {name: p.grad for name, p in loop.model.named_parameters()}
    assert relative(local[0], halves) < 1e-6


def test_the_weights_after_three_steps_agree(here, found):
    alone = pretrain(settings_of(here)).model.state_dict()
    start = Loop(settings_of(here)).model.state_dict()
    a, b = (rank["weights"] for rank in found)
    assert difference(a, b) == 0
    moved = difference(a, start)
    # A key's bias has no gradient but rounding, which Adam makes as large as any other.
    compared = [name for name in alone if not name.endswith("key.bias")]
    assert len(compared) == len(alone) - 1
    apart = difference({n: a[n] for n in compared}, {n: alone[n] for n in compared})
    assert apart < 0.02 * moved
    mean = np.mean([float((a[n] - alone[n]).abs().mean()) for n in compared])
    assert mean < 1e-6
    a, b = (rank["with dropout"] for rank in found)
    assert difference(a, b) == 0 and difference(a, alone) > 1e-4


def test_one_process_writes_one_run(here):
    folder = here / "run"
    names = ["checkpoint", "film.npz", "log.jsonl", "settings.json", "state.pt"]
    shown = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    assert sorted(shown) == names
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log] == film_steps(3)
    alone = pretrain(settings_of(here)).log
    for record, expected in zip(log, alone, strict=True):
        for name in ("pieces", "mlm", "sbo", "rate", "norm"):  # of both halves together
            assert record[name] == pytest.approx(expected[name], abs=2e-4), name


def test_one_asked_to_stop_all_stop_and_go_on_together(here, found):
    assert all(rank["stopped"] for rank in found)
    weights = [here / name / "checkpoint" / "model.safetensors" for name in ("run", "stopped")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    log = (here / "stopped" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == film_steps(3)


def test_a_batch_that_cannot_be_shared_is_refused_by_all(here, found):
    for rank in found:
        assert "A batch of 3 blocks cannot be shared by 2 processes" in rank["odd"]
    assert not (here / "odd").exists()


def test_processes_with_different_states_do_not_go_on(here, found):
    for rank, told in enumerate(found):
        assert "would go on from different steps: 3, 0. Expected a folder" in told[f"disk{rank}"]
    assert not (here / "disk1").exists()


def test_what_one_refuses_all_refuse(here, found):
    for told in found:
        assert "taken' is under way in another process" in told["run in taken"]
        assert "other settings: dropout=0.0, now 0.3" in told["dropout in run"]
        assert "with another text" in told["other text in run"]
    assert not (here / "taken" / "settings.json").exists()


def test_a_failure_ends_all_and_leaves_no_checkpoint(here, found):
    for told in found:
        assert "stopped at step 2: the loss is" in told["too fast"]
    assert not (here / "too fast" / "checkpoint").exists()


def test_on_the_command_line_one_speaks(here, found):
    assert [rank["status"] for rank in found] == [0, 0]
    said = (here / "stdout").read_text(encoding="utf-8")
    assert said.count("✓ Done") == 1
    assert said.count("step 2 of 2") == 1
    assert (here / "cli" / "checkpoint" / "model.safetensors").exists()
