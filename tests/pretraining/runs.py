"""A text of eight documents, and what makes two runs the same."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import torch

from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining import FILM, LOG, STATE
from spanbert_teach.tokenization import train_tokenizer

TEXT = [
    "the old king of france lost his golden crown near the river on a cold winter morning",
    "a small grey cat slept under the kitchen table while rain fell over the quiet village",
    "seven sailors from norway bought fresh bread and salt fish at the busy harbour market",
    "my uncle built two wooden boats for his daughters during the long summer of that year",
    "every student must bring three pencils one ruler and some paper to the first lesson",
    "doctors in the city hospital worked all night after the terrible fire at the station",
    "her brother plays violin very well but never practises before breakfast or late at night",
    "farmers planted corn along both sides of the dusty road leading south toward mexico",
]
TOKENIZER = train_tokenizer(TEXT, 400)
STEPS = 12


def weights(model: SpanBert) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: SpanBert, b: SpanBert) -> bool:
    """Bit for bit."""
    a, b = weights(a), weights(b)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def equal(a, b) -> bool:
    """Tensors bit for bit, in dicts and lists of whatever depth."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def without_speed(log: list[dict]) -> list[dict]:
    return [{k: v for k, v in record.items() if k != "pieces_per_second"} for record in log]


def assert_same_run(folder: Path, other: Path) -> None:
    """Two folders tell of the same run: weights and moments in full precision, log and film."""
    states = [torch.load(f / STATE, weights_only=True) for f in (folder, other)]
    assert equal(*states) and states[0]["model"]["mlm.bias"].dtype == torch.float32
    weights_file = Path("checkpoint", "model.safetensors")
    assert (folder / weights_file).read_bytes() == (other / weights_file).read_bytes()
    logs = [(f / LOG).read_text(encoding="utf-8").splitlines() for f in (folder, other)]
    a, b = (without_speed(map(json.loads, log)) for log in logs)
    assert a == b and len(a) >= 2
    with np.load(folder / FILM) as a, np.load(other / FILM) as b:
        assert a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)
    left = [path.name for path in folder.iterdir() if "unfinished" in path.name]
    assert not left


def ask_to_stop(at: int, number: int = signal.SIGINT):
    """A `watch` that presses Ctrl-C in a step."""

    def watch(record):
        if record["step"] == at:
            os.kill(os.getpid(), number)

    return watch
