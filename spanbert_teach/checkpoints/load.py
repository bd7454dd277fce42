"""Checkpoints: save and load an encoder, and whatever other tensors travel along with it.

    save_checkpoint("runs/first", encoder, tokenizer=tokenizer, provenance={"steps": 1000})
    checkpoint = load_checkpoint("runs/first")
    encoder = load_encoder("minilm")            # or a folder, or "SpanBERT/spanbert-base-cased"

A checkpoint is a folder: `model.safetensors`, `config.json` (see `checkpoint_config`), `vocab.txt`,
and `tokenizer_config.json` for transformers, which opens it as a BERT. Lesson `04_encoder`.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spanbert_teach.checkpoints.config import check_tensors, read_config
from spanbert_teach.checkpoints.names import check_copy, copy_of, our_names
from spanbert_teach.checkpoints.places import find_checkpoint
from spanbert_teach.checkpoints.vocabulary import check_size, recorded_tokenizer
from spanbert_teach.checkpoints.weights import Stored, find_weights, open_weights
from spanbert_teach.model import SpanBertEncoder
from spanbert_teach.objectives import SBO_POSITIONS, SpanBert
from spanbert_teach.tokenization import WordPieceTokenizer


@dataclass(frozen=True)
class Checkpoint:
    """What was in a checkpoint.

    `extras` are all tensors beside the encoder's, by our names; `provenance` is {} and `tokenizer`
    None for a checkpoint that is not of this course (`load_tokenizer_of` reads the tokenizer then).
    """

    encoder: SpanBertEncoder
    extras: dict[str, Tensor]
    tokenizer: WordPieceTokenizer | None
    provenance: dict

    def part(self, name: str) -> dict[str, Tensor]:
        """The extras of one part without its name, for `head.load_state_dict(c.part("mlm"))`."""
        start = f"{name}."
        return {n.removeprefix(start): t for n, t in self.extras.items() if n.startswith(start)}


# --- Save ----------------------------------------------------------------------------------------


# --- Load ----------------------------------------------------------------------------------------


def load_encoder(path_or_name: str | Path) -> SpanBertEncoder:
    """An encoder with trained weights: float32, in eval mode, with a pooler if the file has one.

    Args:
        path_or_name: a folder of ours, of transformers (`BertModel` or with any head) or of the
            official SpanBERT; "minilm" (the package of `make minilm`); "course"; a BERT's name on
            the Hugging Face hub, such as "SpanBERT/spanbert-base-cased" or "bert-base-cased".

    Raises:
        OSError, ImportError: something is missing; the message says what to do.
        ValueError: damaged, or not a BERT's, or not what its config.json says; what is named.
    """
    return read_encoder(find_checkpoint(path_or_name))[0]


def load_checkpoint(path_or_name: str | Path) -> Checkpoint:
    """All of a checkpoint: `load_encoder` with heads, tokenizer and provenance.

    Tensors of 16 bits become float32; the others come as they were saved, on the processor.

    Raises:
        OSError, ImportError, ValueError: as `load_encoder`; also for a vocabulary that is not the
            one that was saved, and for a head with a decoder of its own where it should be tied.
    """
    folder = find_checkpoint(path_or_name)
    encoder, record, stored, names = read_encoder(folder)
    read = {names[ours]: ours for ours in names}
    for copy in stored:
        if record is None and copy_of(copy) in names:
            name = names[copy_of(copy)]
            check_copy(copy, stored[copy].read(), name, stored[name].read())
    inside = encoder.state_dict()
    extras = {ours: widened(stored[n].read()) for n, ours in read.items() if ours not in inside}
    tokenizer = None
    if record is not None and record["vocabulary"] is not None:
        tokenizer = recorded_tokenizer(folder, record)
        check_size(folder, tokenizer.tokens, encoder.config.vocab_size, "config.json")
    return Checkpoint(encoder, extras, tokenizer, record["provenance"] if record else {})


def load_model(path_or_name: str | Path) -> SpanBert:
    """A pretrained model, in eval mode: encoder, masked-LM head, and SBO head if there is one.

    Args:
        path_or_name: as for `load_encoder`; a file that holds the heads.

    Raises:
        OSError, ImportError, ValueError: as `load_checkpoint`; a file without a masked-LM head.
    """
    checkpoint = load_checkpoint(path_or_name)
    parts = {name: checkpoint.part(name) for name in ("mlm", "sbo")}
    if "bias" not in parts["mlm"]:
        raise ValueError(
            f"{str(path_or_name)!r} has no masked-LM head, so it cannot fill a blank: a head of "
            "random weights would. Expected a checkpoint of pretraining; load_encoder() reads the "
            "encoder of this one."
        )
    rows = len(parts["sbo"].get("positions.weight", ()))
    config = checkpoint.encoder.config
    model = SpanBert(config, sbo=rows > 0, sbo_positions=rows or SBO_POSITIONS)
    model.encoder.load_state_dict(checkpoint.encoder.state_dict(), strict=False)
    words = checkpoint.encoder.embeddings.word_embeddings.weight
    for name, head in (("mlm", model.mlm), ("sbo", model.sbo)):
        if head is not None:
            head.load_state_dict(parts[name] | {"decoder.weight": words})
    model.tokenizer = checkpoint.tokenizer
    return model.eval()


def read_encoder(
    folder: Path,
) -> tuple[SpanBertEncoder, dict | None, dict[str, Stored], dict[str, str]]:
    """The encoder in a folder; our record; the tensors of the file; our name -> the file's name."""
    path = find_weights(folder)
    config, record = read_config(folder)
    stored = open_weights(path)
    names = {name: name for name in stored} if record is not None else our_names(stored)
    with torch.device("meta"):  # shapes without numbers: nothing is drawn that is replaced anyway
        encoder = SpanBertEncoder(config, pooler="pooler.dense.weight" in names)
    expected = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    check_tensors(path, expected, stored, names)
    weights = {name: widened(stored[names[name]].read()).float() for name in expected}
    encoder.load_state_dict(weights, assign=True)
    return encoder.eval(), record, stored, names


def widened(tensor: Tensor) -> Tensor:
    """A copy, no longer tied to the file; float32 for numbers of 16 bits."""
    small = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.float() if small else tensor.clone()
