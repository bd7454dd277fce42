"""What an X-ray means: what is missing, what is unusual, each in a sentence with its numbers."""

import math
import re
from collections import Counter
from collections.abc import Mapping

import torch

from spanbert_teach.checkpoints import COUNTERS, WORDS, Stored

# In the order in which data flows through them.
PARTS = {
    "embeddings": "embeddings.",
    "layers": "encoder.layer.",
    "pooler": "pooler.",
    "MLM head": "mlm.",
    "SBO head": "sbo.",
    "NSP head": "nsp.",
}
OTHER = "other"  # what is in none of them


def part_of(name: str) -> str:
    """The part of BERT to which a tensor with our name belongs."""
    return next((part for part, start in PARTS.items() if name.startswith(start)), OTHER)


SEGMENTS = "embeddings.token_type_embeddings.weight"
FRESH = 0.02  # the standard deviation of BERT's fresh weights
LAYER = re.compile(r"encoder\.layer\.([0-9]{1,9})\.(.+)")
MISSING = {
    "pooler": "No pooler: a classifier that reads it would start from a random one. (SpanBERT is "
    "trained without.)",
    "MLM head": "No MLM head: fill-mask would be random. The encoder is whole without it.",
    "SBO head": "No SBO head: predicting a span from its boundaries would be random. (The "
    "published SpanBERTs have none, but for the large one with heads.)",
}


def findings(
    stored: Mapping[str, Stored], norms: Mapping[str, float], layout: str | None
) -> list[str]:
    """Sentences on a file.

    Args:
        stored, norms: all tensors and their norms by our names (`full_name`).
        layout: see `checkpoints.layout_of`.
    """
    said = broken(norms)
    if layout is None:
        first = ", ".join(map(repr, list(stored)[:3]))
        return [*said, f"No BERT: there is no {WORDS!r}, by any of its names. It begins {first}."]
    said += incomplete(stored)
    there = {part_of(name) for name in stored}
    said += [text for part, text in MISSING.items() if part not in there]
    said += [*precision(stored), *segments(stored), *untrained(norms), *copies(stored)]
    return said


def broken(norms: Mapping[str, float]) -> list[str]:
    names = [name for name, norm in norms.items() if not math.isfinite(norm)]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"Broken: there are NaNs or infinities in {', '.join(names[:3])}{more}."]


def incomplete(stored: Mapping[str, Stored]) -> list[str]:
    """Tensors that other layers have, and embeddings that BERT has."""
    said = []
    if SEGMENTS not in stored:
        said.append(
            "No segment embeddings: BERT adds row 0 to every piece, so without it all outputs "
            "change."
        )
    for name in ("embeddings.position_embeddings.weight", "embeddings.LayerNorm.weight"):
        if name not in stored:
            said.append(f"No {name}: the embeddings are not whole.")
    layers: dict[int, set[str]] = {}
    for name in stored:
        if found := LAYER.fullmatch(name):
            layers.setdefault(int(found[1]), set()).add(found[2])
    if not layers:
        return [*said, "No layers: these are embeddings alone."]
    whole = set().union(*layers.values())
    if absent := max(layers) + 1 - len(layers):  # counted: a name can say any number
        first = next(number for number in range(len(layers)) if number not in layers)
        said.append(
            f"Of the layers 0 to {max(layers):,} {absent:,} {'are' if absent > 1 else 'is'} "
            f"missing, the first is layer {first:,}."
        )
    for number in sorted(layers):
        lacks = sorted(whole - layers[number])
        if lacks:
            more = f" and {len(lacks) - 2} more" if len(lacks) > 2 else ""
            said.append(f"Layer {number} is not whole: it lacks {', '.join(lacks[:2])}{more}.")
    return said


def precision(stored: Mapping[str, Stored]) -> list[str]:
    counts = Counter(tensor.dtype for tensor in stored.values())
    small = [dtype for dtype in ("float16", "bfloat16") if counts[dtype]]
    return [
        f"{dtype}: {counts[dtype]} of {len(stored)} tensors have 16 bits a number. load_encoder() "
        "makes float32 of them, twice as large."
        for dtype in small
    ]


def segments(stored: Mapping[str, Stored]) -> list[str]:
    """The norms of the segment rows beside that of a fresh row: were they trained?"""
    if SEGMENTS not in stored or len(stored[SEGMENTS].shape) != 2 or 0 in stored[SEGMENTS].shape:
        return []
    rows = stored[SEGMENTS].read().double()
    norms, hidden = rows.norm(dim=1).tolist(), rows.shape[1]
    fresh = FRESH * math.sqrt(hidden)
    said = "; ".join(f"row {number} has the norm {norm:.3g}" for number, norm in enumerate(norms))
    text = f"Segment embeddings: {said}. A fresh row has about {fresh:.2g}."
    # The norm of H normal numbers spreads by 1 / sqrt(2 H) of its size.
    spread = 4 / math.sqrt(2 * hidden)
    for number, size in list(enumerate(norms))[1:]:
        if size < 0.05 * fresh:
            text += f" Row {number} looks never trained: only weight decay has worked on it."
        elif abs(size / fresh - 1) < spread and abs(norms[0] / fresh - 1) > spread:
            text += f" Row {number} looks never trained: it still has the norm of a fresh one."
    return [text]


def untrained(norms: Mapping[str, float]) -> list[str]:
    """Fresh models have zeros in all biases; training moves them at the first step."""
    said = []
    if norms.get("pooler.dense.bias") == 0:
        said.append("Pooler: it looks never trained, since its bias is exactly 0.")
    biases = [n for name, n in norms.items() if LAYER.fullmatch(name) and name.endswith(".bias")]
    if biases and not any(biases):
        return ["Untrained: every bias of every layer is 0, as in a fresh model."]
    return said


def copies(stored: Mapping[str, Stored]) -> list[str]:
    """Tied decoders that are stored again, and lists that are no weights."""
    said = []
    for name in ("mlm.decoder.weight", "sbo.decoder.weight"):
        if name in stored and WORDS in stored:
            same = torch.equal(stored[name].read(), stored[WORDS].read())
            said.append(
                f"{name} is the word embeddings, stored again: it is tied to them."
                if same
                else f"{name} is not the word embeddings: this head has a decoder of its own."
            )
    if COUNTERS[0] in stored:
        said.append(f"{COUNTERS[0]} is the list 0, 1, 2, …, not a weight: it is left out.")
    return said
