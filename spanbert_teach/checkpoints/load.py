"""The whole way of a checkpoint into memory: its encoder, its heads, its tokenizer.

A model that was trained cased reads nonsense in small letters, and the other way round, without an
error: SpanBERT's folder on the hub does not say that it is cased, and tools that guess guess wrong.
Lessons `01_tokenization` and `04_encoder`; `spanbert-base-cased` is the standing example.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spanbert_teach.checkpoints.files import (
    WEIGHTS,
    Stored,
    find_weights,
    open_weights,
    read_config,
)
from spanbert_teach.checkpoints.places import VOCABULARY, find_checkpoint
from spanbert_teach.checkpoints.tensors import (
    WORDS,
    check_copy,
    check_heads,
    check_tensors,
    copy_of,
    our_names,
)
from spanbert_teach.checkpoints.vocabulary import foreign_tokenizer
from spanbert_teach.model import SpanBertEncoder
from spanbert_teach.objectives import POSITION_SIZE, SBO_POSITIONS, SpanBert
from spanbert_teach.paths import sha256
from spanbert_teach.tokenization import AddedToken, WordPieceTokenizer, read_vocabulary


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
    path = find_weights(folder)
    check_heads(path, encoder.config, stored, names)
    read = {names[ours]: ours for ours in names}
    for copy in stored:
        if record is None and copy_of(copy) in names:
            name = names[copy_of(copy)]
            with naming(path):
                check_copy(copy, stored[copy].read(), name, stored[name].read())
    inside = encoder.state_dict()
    extras = {ours: widened(stored[n].read()) for n, ours in read.items() if ours not in inside}
    tokenizer = None
    if record is not None and record["vocabulary"] is not None:
        tokenizer = recorded_tokenizer(folder, record)
        check_size(folder, tokenizer.tokens, encoder.config.vocab_size, "config.json")
    return Checkpoint(encoder, extras, tokenizer, record["provenance"] if record else {})


def load_model(path_or_name: str | Path, lowercase: bool | None = None) -> SpanBert:
    """A pretrained model, in eval mode: encoder, masked-LM head, and SBO head if there is one.

    With its tokenizer, where a vocabulary came with it.

    Args:
        path_or_name: as for `load_encoder`; a file that holds the heads.
        lowercase: as for `load_tokenizer_of`.

    Raises:
        OSError, ImportError, ValueError: as `load_checkpoint` and `load_tokenizer_of`; a file
            without a masked-LM head.
    """
    folder = find_checkpoint(path_or_name)
    checkpoint = load_checkpoint(folder)
    parts = {name: checkpoint.part(name) for name in ("mlm", "sbo")}
    if "bias" not in parts["mlm"]:
        raise ValueError(
            f"{str(path_or_name)!r} has no masked-LM head, so it cannot fill a blank: a head of "
            "random weights would. Expected a checkpoint of pretraining; load_encoder() reads the "
            "encoder of this one."
        )
    rows, size = parts["sbo"].get("positions.weight", torch.empty(0, POSITION_SIZE)).shape
    if size != POSITION_SIZE:
        raise ValueError(
            f"{str(path_or_name)!r}: the SBO head has {size} numbers for each position. Expected "
            f"{POSITION_SIZE}, as SpanBERT has; load_checkpoint() reads this one."
        )
    config = checkpoint.encoder.config
    model = SpanBert(config, sbo=rows > 0, sbo_positions=rows or SBO_POSITIONS)
    model.encoder.load_state_dict(checkpoint.encoder.state_dict(), strict=False)
    words = checkpoint.encoder.embeddings.word_embeddings.weight
    for name, head in (("mlm", model.mlm), ("sbo", model.sbo)):
        if head is not None:
            head.load_state_dict(parts[name] | {"decoder.weight": words})
    model.tokenizer = tokenizer_in(folder, str(path_or_name), lowercase)
    return model.eval()


class EncoderFile(NamedTuple):
    """What was read of a folder.

    Attributes:
        encoder: in eval mode, with the weights of the file.
        record: ours from config.json; None where another program wrote it.
        stored: the file's name -> tensor, of all tensors of the file.
        names: our name -> the file's name.
    """

    encoder: SpanBertEncoder
    record: dict | None
    stored: dict[str, Stored]
    names: dict[str, str]


def read_encoder(folder: Path) -> EncoderFile:
    """The encoder in a folder, and what stands beside it in the same files."""
    path = find_weights(folder)
    config, record = read_config(folder)
    stored = open_weights(path)
    with naming(path):
        names = {name: name for name in stored} if record is not None else our_names(stored)
    check_tensors(path, config, stored, names)
    with torch.device("meta"):  # shapes without numbers: nothing is drawn that is replaced anyway
        encoder = SpanBertEncoder(config, pooler="pooler.dense.weight" in names)
    weights = {n: widened(stored[names[n]].read()).float() for n in encoder.state_dict()}
    encoder.load_state_dict(weights, assign=True)
    return EncoderFile(encoder.eval(), record, stored, names)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A ValueError on what is in a file says which file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def widened(tensor: Tensor) -> Tensor:
    """A copy, no longer tied to the file; float32 for numbers of 16 bits."""
    small = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.float() if small else tensor.clone()


# --- The tokenizer that goes with a checkpoint ----------------------------------------------------


def load_tokenizer_of(
    path_or_name: str | Path, lowercase: bool | None = None
) -> WordPieceTokenizer:
    """The tokenizer that goes with a checkpoint (see `load_encoder` for the names).

    From the hub it downloads the vocabulary, not the weights.

    Args:
        lowercase: True or False overrules what is found (see `casing`).

    Raises:
        FileNotFoundError: no checkpoint, or no vocabulary in it.
        ValueError: the vocabulary is not the one of the weights, or nothing tells its casing, or
            this course's tokenizer would cut text in another way; what is named.
    """
    folder = find_checkpoint(path_or_name, only_vocabulary=True)
    tokenizer = tokenizer_in(folder, str(path_or_name), lowercase)
    if tokenizer is None:
        own = read_config(folder)[1] is not None
        raise FileNotFoundError(
            f"The checkpoint {str(folder)!r} was saved without a vocabulary. Save it with "
            "save_checkpoint(…, tokenizer=…)."
            if own
            else f"There is no vocabulary in {str(folder)!r}. Expected {' or '.join(VOCABULARY)}. "
            "(The official SpanBERT archives have none: theirs is the vocab.txt of "
            "bert-base-cased.)"
        )
    return tokenizer


def tokenizer_in(
    folder: Path, name: str, lowercase: bool | None = None
) -> WordPieceTokenizer | None:
    """The tokenizer in a folder, see `load_tokenizer_of`; None when there is no vocabulary in it.

    Args:
        name: by which the checkpoint was asked for: it may tell its casing.
    """
    config, record = read_config(folder)
    if record is not None:
        if record.get("vocabulary") is None:
            return None
        found = recorded_tokenizer(folder, record)
        check_size(folder, found.tokens, config.vocab_size, "config.json")
        return found if lowercase is None else found.with_casing(lowercase)
    if not any((folder / file).is_file() for file in VOCABULARY):
        return None
    found = foreign_tokenizer(folder, name, lowercase)
    check_size(folder, found.tokens, *rows_of(folder, config.vocab_size))
    return found


def recorded_tokenizer(folder: Path, record: dict) -> WordPieceTokenizer:
    """The tokenizer of a checkpoint of ours, which records vocabulary and casing.

    Raises:
        FileNotFoundError, ValueError: no vocabulary file, or not the one that was saved.
    """
    saved = record["vocabulary"]
    path = folder / saved["file"]
    tokens = read_vocabulary(path)
    if len(tokens) != saved["size"]:
        raise ValueError(
            f"{str(path)!r} has {len(tokens):,} pieces, but the checkpoint was saved with "
            f"{saved['size']:,}: it is another vocabulary. Put the right vocab.txt back."
        )
    if (found := sha256(path)) != saved["sha256"]:
        raise ValueError(
            f"{str(path)!r} was changed since the checkpoint was saved (sha256 {found[:12]}…, "
            f"expected {saved['sha256'][:12]}…): ids would mean other pieces. Put the right "
            "vocab.txt back."
        )
    try:
        added = [AddedToken.from_json(token) for token in saved.get("added", [])]
        return WordPieceTokenizer(tokens, record["lowercase"], added)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(folder / 'config.json')!r}: {error}") from None


def rows_of(folder: Path, vocab_size: int) -> tuple[int, str]:
    """The rows of the word embeddings, and where they were counted; without weights config's."""
    if any((folder / name).is_file() for name in WEIGHTS):
        stored = open_weights(path := find_weights(folder))
        with naming(path):
            name = our_names(stored).get(WORDS)
        if name and stored[name].shape:
            return stored[name].shape[0], f"{name!r} in {path.name!r}"
    return vocab_size, "config.json"


def enough_rows(size: int, rows: int) -> bool:
    """Whether word embeddings of so many rows can be those of `size` pieces.

    A few rows may be left over: some round the number up, to a multiple of 8, 64 or 128, for speed.
    """
    return rows in {-(-size // multiple) * multiple for multiple in (1, 8, 64, 128)}


def check_size(folder: Path | str, tokens: Sequence[str], rows: int, where: str) -> None:
    """Raise a ValueError when there is not a row for each piece and added token."""
    if not enough_rows(len(tokens), rows):
        more = ", or one to which tokens were added (their file is missing)"
        raise ValueError(
            f"The vocabulary in {str(folder)!r} has {len(tokens):,} pieces, but the word "
            f"embeddings have {rows:,} rows ({where}): it is the vocabulary of another model"
            f"{more if rows > len(tokens) else ''}."
        )
