"""Checkpoints: an encoder with its heads and its tokenizer, saved, found, loaded.

    save_checkpoint("runs/first", encoder, tokenizer=tokenizer, provenance={"steps": 1000})
    checkpoint = load_checkpoint("runs/first")
    encoder = load_encoder("minilm")            # or a folder, or "SpanBERT/spanbert-base-cased"

A checkpoint is a folder: `model.safetensors`, `config.json`, `vocab.txt`, and
`tokenizer_config.json` for transformers, which opens it as a BERT. Lesson `04_encoder`.

- `load`: the whole way; on the way `places` finds the folder, `files` reads config.json and the
  tensors, `tensors` knows what they are called elsewhere and compares their sizes before anything
  is made; `vocabulary` reads the tokenizer of a folder that another program wrote;
- `writing`: saves, whole or not at all;
- `minilm`: real BERT weights from a package, for the lessons.
"""

from spanbert_teach.checkpoints.files import Stored, find_weights, open_weights
from spanbert_teach.checkpoints.load import (
    Checkpoint,
    check_size,
    load_checkpoint,
    load_encoder,
    load_model,
    load_tokenizer_of,
    tokenizer_in,
)
from spanbert_teach.checkpoints.minilm import load_minilm
from spanbert_teach.checkpoints.places import find_checkpoint, minilm_folder
from spanbert_teach.checkpoints.tensors import (
    COUNTERS,
    LAYOUTS,
    WORDS,
    copy_of,
    full_name,
    is_counter,
    layout_of,
    our_name,
)
from spanbert_teach.checkpoints.vocabulary import casing_of_file
from spanbert_teach.checkpoints.writing import save_checkpoint, save_model

__all__ = [
    "COUNTERS",
    "LAYOUTS",
    "WORDS",
    "Checkpoint",
    "Stored",
    "casing_of_file",
    "check_size",
    "copy_of",
    "find_checkpoint",
    "find_weights",
    "full_name",
    "is_counter",
    "layout_of",
    "load_checkpoint",
    "load_encoder",
    "load_minilm",
    "load_model",
    "load_tokenizer_of",
    "minilm_folder",
    "open_weights",
    "our_name",
    "save_checkpoint",
    "save_model",
    "tokenizer_in",
]
