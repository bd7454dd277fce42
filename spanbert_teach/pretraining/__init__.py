"""Pretraining: blocks, masks, two losses, one step after the other. Lesson `05_sbo_vs_mlm`.

    run = pretrain(Settings("spanbert", stages=(Stage(128, 32, 1000),)), folder="runs/first")

- `settings`: what a run is; the presets;
- `start`: the tokenizer and the model that a run begins with;
- `run`: the loop, which can be stopped at any moment and goes on when it is started again;
- `data`: which blocks a step reads, and what is hidden in them;
- `step`: one update of the weights;
- `folder`: one run in it, and one process; what the run reads is known by its fingerprint;
- `state`: what is kept on the disk;
- `watch`: what is measured meanwhile, the film, the bar at a terminal.
"""

from spanbert_teach.pretraining.data import Batches
from spanbert_teach.pretraining.run import Run, pretrain
from spanbert_teach.pretraining.settings import Settings, Stage, from_preset
from spanbert_teach.pretraining.state import CHECKPOINT, FILM, LOG, SETTINGS, STATE, read_log
from spanbert_teach.pretraining.step import autocast, learning_rate
from spanbert_teach.pretraining.watch import show_progress

__all__ = [
    "CHECKPOINT",
    "FILM",
    "LOG",
    "SETTINGS",
    "STATE",
    "Batches",
    "Run",
    "Settings",
    "Stage",
    "autocast",
    "from_preset",
    "learning_rate",
    "pretrain",
    "read_log",
    "show_progress",
]
