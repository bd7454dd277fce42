"""MiniLM: a small BERT with real, trained weights, from a package, to look inside.

Six layers of 384 numbers and twelve heads, uncased, trained by others to compare sentences; no
SpanBERT. Lessons `03_attention` and `04_encoder`.
"""

from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from spanbert_teach.checkpoints.places import HOW_TO_GET_IT, minilm_folder
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer

HIDDEN, INNER, LAYERS, POSITIONS = 384, 1536, 6, 512


@dataclass(frozen=True, eq=False)
class MiniLM:
    """Weights by their names in the file, the tokenizer that fits, and whether they are real."""

    weights: dict[str, torch.Tensor]
    tokenizer: WordPieceTokenizer
    is_real: bool


def load_minilm() -> MiniLM:
    """MiniLM's weights in float32, or, where the package is missing, random ones of its shapes.

    Which of both is said in a sentence only when they are random: a lesson then runs, and its
    numbers mean nothing.
    """
    folder = minilm_folder()
    if folder is None:
        print(
            f"{HOW_TO_GET_IT}\nRandom numbers stand in for its weights: what follows means nothing."
        )
        tokenizer = load_tokenizer()
        return MiniLM(stand_in(len(tokenizer)), tokenizer, is_real=False)
    loaded = load_file(folder / "model.safetensors")
    weights = {name: value.float() for name, value in loaded.items() if value.is_floating_point()}
    tokenizer = WordPieceTokenizer.load(folder / "vocab.txt", lowercase=True)
    return MiniLM(weights, tokenizer, is_real=True)


def stand_in(vocabulary: int) -> dict[str, torch.Tensor]:
    """Random weights with MiniLM's names and shapes, as BERT starts: N(0, 0.02), norms 1 and 0."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "embeddings.word_embeddings": (vocabulary, HIDDEN),
        "embeddings.position_embeddings": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings": (2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{layer}.attention.{part}"] = (HIDDEN, HIDDEN)
        shapes[f"{layer}.intermediate.dense"] = (INNER, HIDDEN)
        shapes[f"{layer}.output.dense"] = (HIDDEN, INNER)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) * 0.02
        if name.startswith("encoder"):
            weights[f"{name}.bias"] = torch.zeros(shape[0])
    for name in norms:
        weights |= {f"{name}.weight": torch.ones(HIDDEN), f"{name}.bias": torch.zeros(HIDDEN)}
    return weights
