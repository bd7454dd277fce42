"""The whole way of a checkpoint into memory: its encoder, its heads, its tokenizer.

A model that was trained cased reads nonsense in small letters, and the other way round, without an
error: SpanBERT's folder on the hub does not say that it is cased, and tools that guess guess wrong.
Lessons `01_tokenization` and `04_encoder`; `spanbert-base-cased` is the standing example.
"""

import re
import warnings
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
    read_json,
)
from spanbert_teach.checkpoints.names import WORDS, check_copy, copy_of, our_name, our_names
from spanbert_teach.checkpoints.places import VOCABULARY, find_checkpoint
from spanbert_teach.checkpoints.sizes import check_heads, check_tensors, in_order
from spanbert_teach.model import SpanBertEncoder
from spanbert_teach.objectives import POSITION_SIZE, SBO_POSITIONS, SpanBert
from spanbert_teach.paths import sha256
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, read_vocabulary


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
    model.tokenizer = checkpoint.tokenizer
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

UNCASED_NAME = re.compile("uncased|chinese", re.IGNORECASE)
CASED_NAME = re.compile("spanbert|(?<!un)cased", re.IGNORECASE)
# So many pieces show by their letters whether capitals were kept; fewer may lack them by chance.
TELLING = 1000


def load_tokenizer_of(
    path_or_name: str | Path, lowercase: bool | None = None
) -> WordPieceTokenizer:
    """The tokenizer that goes with a checkpoint (see `load_encoder` for the names).

    From the hub it downloads the vocabulary, not the weights.

    Args:
        lowercase: True or False overrules what is found (see `casing`).

    Raises:
        FileNotFoundError: no checkpoint, or no vocabulary in it.
        ValueError: the vocabulary is not the one of the weights, or nothing tells its casing.
    """
    folder = find_checkpoint(path_or_name, only_vocabulary=True)
    config, record = read_config(folder)
    if record is not None:
        tokenizer = recorded_tokenizer(folder, record)
        check_size(folder, tokenizer.tokens, config.vocab_size, "config.json")
        return tokenizer if lowercase is None else WordPieceTokenizer(tokenizer.tokens, lowercase)
    tokens = vocabulary_of(folder)
    check_size(folder, tokens, *rows_of(folder, config.vocab_size))
    if lowercase is None:
        lowercase = casing(str(path_or_name), folder, tokens)
    return WordPieceTokenizer(tokens, lowercase)


def recorded_tokenizer(folder: Path, record: dict) -> WordPieceTokenizer:
    """The tokenizer of a checkpoint of ours, which records vocabulary and casing.

    Raises:
        FileNotFoundError, ValueError: no vocabulary, or not the one that was saved.
    """
    saved = record["vocabulary"]
    if saved is None:
        raise FileNotFoundError(
            f"The checkpoint {str(folder)!r} was saved without a vocabulary. Save it with "
            "save_checkpoint(…, tokenizer=…)."
        )
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
    return WordPieceTokenizer(tokens, record["lowercase"])


def vocabulary_of(folder: Path) -> list[str]:
    """The pieces of vocab.txt or, as transformers 5 saves them, of tokenizer.json."""
    if (folder / "vocab.txt").is_file():
        return read_vocabulary(folder / "vocab.txt")
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no vocabulary in {str(folder)!r}. Expected {' or '.join(VOCABULARY)}. (The "
            "official SpanBERT archives have none: theirs is the vocab.txt of bert-base-cased.)"
        )
    model = read_json(path).get("model")
    ids = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(ids, dict) or model.get("type") != "WordPiece":
        raise ValueError(f"{str(path)!r} is of another kind of tokenizer. Expected WordPiece.")
    return in_order(path, ids)


def rows_of(folder: Path, vocab_size: int) -> tuple[int, str]:
    """The rows of the word embeddings, and where they were counted; without weights config's."""
    if any((folder / name).is_file() for name in WEIGHTS):
        for name, tensor in open_weights(path := find_weights(folder)).items():
            if our_name(name) == WORDS and tensor.shape:
                return tensor.shape[0], f"{name!r} in {path.name!r}"
    return vocab_size, "config.json"


def check_size(folder: Path, tokens: Sequence[str], rows: int, where: str) -> None:
    """Raise a ValueError when there is not a row for each piece.

    A few rows may be left over: some round the number up, to 64 or 128, for speed.
    """
    size = len(tokens)
    if rows not in {-(-size // multiple) * multiple for multiple in (1, 8, 64, 128)}:
        raise ValueError(
            f"The vocabulary in {str(folder)!r} has {size:,} pieces, but the word embeddings have "
            f"{rows:,} rows ({where}): it is the vocabulary of another model."
        )


def casing(name: str, folder: Path, tokens: Sequence[str]) -> bool:
    """Whether the text has to be put into small letters first, by the best witness there is.

    The pieces themselves, when there are enough; then the name (spanbert, -cased, -uncased,
    chinese); then do_lower_case in tokenizer_config.json. A warning says when that file is wrong.

    Raises:
        ValueError: there is no witness.
    """
    path = folder / "tokenizer_config.json"
    settings = read_json(path) if path.is_file() else {}
    for setting, ours in {"tokenize_chinese_chars": True, "strip_accents": None}.items():
        if settings.get(setting, ours) is not ours:
            raise ValueError(
                f"{str(path)!r} says {setting}={settings[setting]}: the tokenizer of this course "
                "cannot do that, and the pieces would be others. Use the one of transformers."
            )
    said = settings.get("do_lower_case")
    seen, why = casing_of_pieces(tokens), "its pieces show it"
    if seen is None:
        last = Path(name).name
        seen, why = next(
            (
                (lower, "its name says so")
                for pattern, lower in ((UNCASED_NAME, True), (CASED_NAME, False))
                if pattern.search(last)
            ),
            (said, ""),
        )
    if not isinstance(seen, bool):
        raise ValueError(
            f"Nothing says whether {name!r} was trained with capital letters. Expected "
            "do_lower_case in tokenizer_config.json, or load_tokenizer_of(…, lowercase=False) for "
            "a cased model, lowercase=True for an uncased one."
        )
    if said is not None and said is not seen:
        warnings.warn(
            f"{str(path)!r} says do_lower_case={said}, but {name!r} is "
            f"{'un' if seen else ''}cased ({why}): read with lowercase={seen}. "
            f"load_tokenizer_of(…, lowercase={said}) overrules this.",
            stacklevel=3,
        )
    return seen


def casing_of_pieces(tokens: Sequence[str]) -> bool | None:
    """True when the pieces are of small letters alone, False when many have capitals, else None.

    None, too, for fewer than `TELLING` pieces with letters that come in two sizes.
    """
    words = [t for t in tokens if t not in SPECIAL_TOKENS and not t.startswith("[")]
    telling = [t for t in words if t.lower() != t.upper()]
    capitals = sum(t.lower() != t for t in telling)
    if len(telling) < TELLING:
        return None
    return True if capitals == 0 else False if capitals > len(telling) / 50 else None
