"""What a run writes down about one sentence while it learns: attention, and its guesses.

A file `film.npz` with a frame for each of about 24 steps, further and further apart: most happens
early. Lesson `05_sbo_vs_mlm`.
"""

from pathlib import Path

import numpy as np
import torch

from spanbert_teach import SENTENCE
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining_state import write_whole
from spanbert_teach.tokenization import WordPieceTokenizer

FRAMES = 24
HIDDEN_SPAN = "Voting Rights Act"
TOP = 5


def film_steps(steps: int, frames: int = FRAMES) -> list[int]:
    """At most `frames` numbers of steps from 1 to `steps`, evenly apart in their logarithms."""
    return sorted({round(step) for step in np.geomspace(1, steps, frames)})


def film_frame(model: SpanBert, tokenizer: WordPieceTokenizer) -> dict[str, np.ndarray]:
    """The sentence of the course as the model sees it now.

    Returns:
        attention: (layers, heads, length, length) uint8, 255 for all of it, of the whole sentence;
        mlm_top, sbo_top: (hidden pieces, 5) the likeliest ids where "Voting Rights Act" is hidden;
        mlm_share, sbo_share: the same shape, float16, their probabilities. No sbo_* without SBO.
    """
    encoding = tokenizer.encode(SENTENCE)
    first = SENTENCE.index(HIDDEN_SPAN)
    last = first + len(HIDDEN_SPAN)
    inside = [i for i, (a, b) in enumerate(encoding.offsets) if first <= a < b <= last]
    ids = torch.tensor([encoding.ids])
    masked = ids.clone()
    masked[0, inside] = tokenizer.id("[MASK]")
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with torch.no_grad():
        seen = model.encoder(ids.to(device), output_attentions=True).attentions
        hidden = model.encoder(masked.to(device)).hidden
        logits = {"mlm": model.mlm(hidden[0, inside])}
        if model.sbo is not None:
            count = min(len(inside), model.sbo.positions.num_embeddings)
            ends = [torch.full((count,), column) for column in (0, inside[0] - 1, inside[-1] + 1)]
            places = (x.to(device) for x in (*ends, torch.arange(count)))
            logits["sbo"] = model.sbo(hidden, *places)
    model.train(training)
    frame = {"attention": (torch.cat(seen) * 255).round().byte().cpu().numpy()}
    for head, scores in logits.items():
        share, top = scores.softmax(-1).topk(TOP)
        frame[f"{head}_top"] = top.to(torch.int32).cpu().numpy()
        frame[f"{head}_share"] = share.half().cpu().numpy()
    return frame


def add_frame(path: Path, step: int, frame: dict[str, np.ndarray]) -> None:
    """Write a frame into a film, behind the frames of earlier steps; later ones are left out."""
    film: dict[str, np.ndarray] = {}
    if path.exists():
        with np.load(path) as old:
            earlier = old["step"] < step
            film = {name: old[name][earlier] for name in old.files}
    added = {name: values[None] for name, values in {"step": np.array(step), **frame}.items()}
    film = {
        name: np.concatenate([film[name], values]) if name in film else values
        for name, values in added.items()
    }
    write_whole(path, lambda file: np.savez_compressed(file, **film))
