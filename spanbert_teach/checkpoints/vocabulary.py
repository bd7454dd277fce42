"""The vocabulary of a checkpoint, cut as it was in training: the right pieces, the right letters.

A model that was trained cased reads nonsense in small letters, and the other way round, without an
error: SpanBERT's folder on the hub does not say that it is cased, and tools that guess guess wrong.
Lesson `01_tokenization`; `spanbert-base-cased` is the standing example.
"""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from spanbert_teach.checkpoints.config import read_config
from spanbert_teach.checkpoints.names import WORDS, our_name
from spanbert_teach.checkpoints.places import VOCABULARY, find_checkpoint
from spanbert_teach.checkpoints.weights import WEIGHTS, find_weights, open_weights, read_json
from spanbert_teach.files import sha256
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, read_vocabulary

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
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(f"{str(path)!r}: the ids of the vocabulary are not 0, 1, 2, ….")
    return sorted(ids, key=ids.get)


def rows_of(folder: Path, vocab_size: int) -> tuple[int, str]:
    """The rows of the word embeddings, and where they were counted; without weights config's."""
    if any((folder / name).is_file() for name in WEIGHTS):
        for name, tensor in open_weights(path := find_weights(folder)).items():
            if our_name(name) == WORDS:
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
