"""What do the boundaries of a span know? Asked of the encoders of the course's three checkpoints.

    python tools/probe_boundaries.py               writes data/runs/probe.json, about ten minutes
    python tools/probe_boundaries.py --again runs  and the pair with another seed, which lies in
                                                   runs/ when it was trained here; without this its
                                                   figures stay as they are

Each encoder is frozen and gets fresh span boundary heads, three of different random weights, which
are trained alike on the training text; they answer on the test split. So an encoder that was never
trained with SBO has the same chance as one that was: what differs is what it keeps at boundaries.
The three share their trunk, and differ from there on.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from spanbert_teach.checkpoints import load_model  # noqa: E402
from spanbert_teach.device import choose_precision  # noqa: E402
from spanbert_teach.evaluation import held_out, hidden_states, sbo_answers  # noqa: E402
from spanbert_teach.objectives import (  # noqa: E402
    SpanBert,
    SpanBoundaryHead,
    initialize_head,
    loss_sum,
)
from spanbert_teach.paths import data_path  # noqa: E402
from spanbert_teach.pretraining import CHECKPOINT, Batches, Settings, Stage, autocast, learning_rate  # noqa: E402
from tools.measure_trio import TRIO, figures  # noqa: E402
from tools.pretrain_trio import AGAIN  # noqa: E402

STEPS, SEEDS = 400, (1, 2, 3)
SETTINGS = Settings("spanbert", stages=(Stage(128, 32, STEPS),), peak_rate=1e-3, warmup=40, seed=7)


def fresh_heads(model: SpanBert) -> list[SpanBoundaryHead]:
    """A head for each seed, tied to the model's word embeddings."""
    embedding, config = model.encoder.embeddings.word_embeddings, model.encoder.config
    heads = [SpanBoundaryHead(config, embedding) for _ in SEEDS]
    for head, seed in zip(heads, SEEDS, strict=True):
        initialize_head(head, config, torch.Generator().manual_seed(seed))
    return heads


def probe(model: SpanBert) -> list[float]:
    """The accuracy of each fresh head on the test split, its encoder frozen."""
    model.requires_grad_(False)
    device, precision = torch.device("cpu"), choose_precision(torch.device("cpu"))
    heads = fresh_heads(model)
    own = [p for head in heads for name, p in head.named_parameters() if "decoder" not in name]
    for parameter in own:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(own, SETTINGS.peak_rate, weight_decay=0.0)
    batches = Batches.from_text(SETTINGS, model.tokenizer)
    for step in range(1, STEPS + 1):
        [part] = batches.parts(step - 1)
        where = part.masked.sbo
        with autocast(device, precision):
            hidden = model.encoder(part.masked.input_ids, part.attention_mask).hidden
            places = (where.batch, where.left, where.right, where.position)
            losses = [loss_sum(head(hidden, *places), where.target) for head in heads]
        (sum(losses) / where.count).backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, SETTINGS.peak_rate, SETTINGS.warmup, STEPS)
        optimizer.step()
        optimizer.zero_grad()
    held = held_out("test", "spans")
    hidden, found = hidden_states(model, held), []
    for head in heads:
        model.sbo = head
        found.append(figures(sbo_answers(model, held, hidden))["accuracy"])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Fresh boundary heads on frozen encoders.")
    parser.add_argument("--again", type=Path, help="where the branches trained once more are kept")
    options = parser.parse_args()
    path = data_path("runs") / "probe.json"
    encoders = {}
    for name, checkpoint in TRIO.items():
        encoders[name] = {"accuracy": probe(load_model(checkpoint))}
        print(name, encoders[name])
    if options.again is None:
        again = json.loads(path.read_text(encoding="utf-8"))["again"]
    else:
        again = {"command": "python tools/probe_boundaries.py --again runs"}
        for name in AGAIN:
            model = load_model(options.again / name / CHECKPOINT)
            again[name] = {"accuracy": probe(model)}
            print(name, again[name])
    report = {
        "command": "python tools/probe_boundaries.py",
        "trunk": "shared by the three; see runs/<name>/run.json",
        "steps": STEPS,
        "encoders": encoders,
        "again": again,
    }
    text = json.dumps(report, indent=2) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
