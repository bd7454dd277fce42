"""Trains the course's three checkpoints, which differ in their objective alone.

    python tools/pretrain_trio.py trunk            what all three share: token masks, short blocks
    python tools/pretrain_trio.py trunk-128        the same, going on with blocks that grow to 128
    python tools/pretrain_trio.py spanbert         one branch of it, or mlm-spans, or mlm-tokens
    python tools/pretrain_trio.py                  all that is not done yet, one after the other
    python tools/pretrain_trio.py spanbert-again   a branch with another seed (see AGAIN)
    python tools/pretrain_trio.py plateau-base     a short run from scratch, of those that show what
                                                   gets a model off the plateau (see TRIALS)
    python tools/pretrain_trio.py mlm-spans-dropout   a branch, longer and with dropout

A run is kept in `--folder` (default: runs/, which git ignores), stops at any moment and goes on
when it is called again; the runs that it starts from are trained before it where they are missing.
When a branch is done, its checkpoint goes to data/checkpoints/ and its log and film to data/runs/.
One run at a time: a lock sees to that.
"""

import argparse
import dataclasses
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

# Threads that wait sleep. Else they spin, and whatever else computes on the same cores slows a run
# down five times and more.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from filelock import FileLock, Timeout  # noqa: E402

from spanbert_teach.device import CPUINFO, choose_device, choose_precision  # noqa: E402
from spanbert_teach.paths import sha256  # noqa: E402
from spanbert_teach.pretraining import (  # noqa: E402
    CHECKPOINT,
    FILM,
    LOG,
    Settings,
    Stage,
    pretrain,
    show_progress,
)

TRUNK = Settings(
    "mlm-tokens", stages=(Stage(32, 64, 6000),), peak_rate=7e-4, warmup=200, dropout=0.0, seed=1
)
# Positions behind the first 32 are new to the trunk; to learn them under token masks costs least.
LONGER = {
    "stages": (Stage(64, 64, 300), Stage(128, 32, 7000)),
    "peak_rate": 7e-4,
    "dropout": 0.0,
}
BRANCHES = ("spanbert", "mlm-tokens", "mlm-spans")
# A lower rate than the trunk's, so that less of what the trunk knows is unlearnt at the beginning.
BRANCH = {"stages": (Stage(128, 32, 2100),), "peak_rate": 5e-4, "dropout": 0.0}
FIRST_FIVE = ("trunk", "trunk-128", *BRANCHES)
# The same with another order of the text and other masks: how much is chance?
AGAIN = {"spanbert-again": "spanbert", "mlm-spans-again": "mlm-spans"}
# The trunk has read every piece more than twenty times. Do BERT's dropout and more steps help?
LONGER_WITH_DROPOUT = {"mlm-spans-dropout": "mlm-spans"}
PARENTS = {"trunk-128": "trunk"} | dict.fromkeys(
    (*BRANCHES, *AGAIN, *LONGER_WITH_DROPOUT), "trunk-128"
)

# What gets a model off the plateau: short runs from scratch, which differ from the first in one
# thing each. All read 2,048 pieces a step.
BASE = dataclasses.replace(TRUNK, stages=(Stage(32, 64, 1200),))
TRIALS = {
    "plateau-base": BASE,
    "plateau-128": dataclasses.replace(BASE, stages=(Stage(128, 16, 1200),)),
    "plateau-spans": dataclasses.replace(BASE, objective="mlm-spans"),
    "plateau-random": dataclasses.replace(BASE, positions="random"),
    "plateau-fast": dataclasses.replace(BASE, peak_rate=2e-3),
}


def settings_of(name: str, folder: Path) -> Settings:
    """The settings of a run, where those that it starts from are in `folder`."""
    if name == "trunk":
        return TRUNK
    if name in TRIALS:
        return TRIALS[name]
    if name in AGAIN:
        return dataclasses.replace(settings_of(AGAIN[name], folder), seed=4)
    if name in LONGER_WITH_DROPOUT:
        branch = settings_of(LONGER_WITH_DROPOUT[name], folder)
        return dataclasses.replace(branch, stages=(Stage(128, 32, 3000),), dropout=0.1)
    shared = {"warmup": 100, "start": checkpoint_of(PARENTS[name], folder)}
    if name == "trunk-128":
        return Settings("mlm-tokens", seed=2, **shared, **LONGER)
    return Settings(name, seed=3, **shared, **BRANCH)


def checkpoint_of(name: str, folder: Path) -> str:
    """Where a finished run has its checkpoint, as seen from the repository."""
    return os.path.relpath(folder / name / CHECKPOINT, ROOT)


def train(name: str, folder: Path) -> None:
    """Train, or go on with, one run, after those that it starts from; publish it when done."""
    parent = PARENTS.get(name)
    if parent is not None and not (folder / parent / CHECKPOINT).exists():
        train(parent, folder)
    print(f"{name}: in {os.path.relpath(folder / name)}")
    settings = settings_of(name, folder)
    with show_progress(settings) as watch:
        pretrain(settings, folder / name, watch=watch)
    publish(name, folder)


def publish(name: str, folder: Path) -> None:
    """Copy into data/: the log, of the first five runs the film, a branch's checkpoint; hashes."""
    run = folder / name
    kept = ROOT / "data" / "runs" / name
    kept.mkdir(parents=True, exist_ok=True)
    for file in (LOG, FILM) if name in FIRST_FIVE else (LOG,):
        shutil.copyfile(run / file, kept / file)
    weights = run / CHECKPOINT / "model.safetensors"
    record = {
        "command": f"python tools/pretrain_trio.py {name}",
        "settings": settings_of(name, ROOT / "runs").as_json(),
        "weights_sha256": sha256(weights),
        "precision": choose_precision(choose_device()),
        "machine": f"{processor()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}",
    }
    if name in PARENTS:
        start = folder / PARENTS[name] / CHECKPOINT
        record["start_sha256"] = sha256(start / "model.safetensors")
    if name in BRANCHES:
        target = ROOT / "data" / "checkpoints" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(run / CHECKPOINT, target)
    text = json.dumps(record, indent=2) + "\n"
    (kept / "run.json").write_text(text, encoding="utf-8", newline="\n")


def processor() -> str:
    """Its type: only on the same one the weights come out bit for bit."""
    model = platform.processor() or platform.machine()
    if CPUINFO.exists():
        names = re.findall(r"model name\s*: (.*)", CPUINFO.read_text(encoding="utf-8"))
        model = ", ".join([*names[:1], platform.machine()])
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the course's three checkpoints.")
    known = (*FIRST_FIVE, *AGAIN, *LONGER_WITH_DROPOUT, *TRIALS)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(known)}; none: the first five")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs", help="where runs are kept")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"no run {', '.join(unknown)}; there is {', '.join(known)}")
    folder = options.folder.resolve()
    os.chdir(ROOT)  # where a run starts from is part of its settings, as seen from here
    lock = FileLock(Path(tempfile.gettempdir()) / "spanbert-teach-pretraining.lock")
    try:
        with lock.acquire(timeout=0):
            for name in options.names or FIRST_FIVE:
                train(name, folder)
    except Timeout:
        print("✗ Another pretraining run is under way on this machine. Wait until it is done.")
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
