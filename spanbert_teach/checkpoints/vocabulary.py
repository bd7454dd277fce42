"""The vocabulary and the tokenizer of a checkpoint that another program wrote.

Everything that such a folder says about cutting text is compared with what BERT does and this
course's tokenizer can do; the rest is refused by its name, since pieces that are cut in another way
than in training make a model read nonsense without an error. Lesson `01_tokenization`.
"""

import re
import reprlib
import warnings
from collections.abc import Sequence
from pathlib import Path

from spanbert_teach.checkpoints.files import read_json
from spanbert_teach.tokenization import (
    LONGEST_WORD,
    SPECIAL_TOKENS,
    UNKNOWN,
    AddedToken,
    WordPieceTokenizer,
    read_vocabulary,
)

VOCAB, JSON, SETTINGS = "vocab.txt", "tokenizer.json", "tokenizer_config.json"
UNCASED_NAME = re.compile("uncased|chinese", re.IGNORECASE)
CASED_NAME = re.compile("spanbert|(?<!un)cased", re.IGNORECASE)
# So many pieces show by their letters whether capitals were kept; fewer may lack them by chance.
TELLING = 1000
# What tokenizer.json must say, part by part, where it says anything; its own words for BERT.
BERTS_JSON = {
    "model": {
        "type": "WordPiece",
        "unk_token": UNKNOWN,
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": LONGEST_WORD,
    },
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "decoder": {"type": "WordPiece", "prefix": "##"},
}
BERTS_FRAME = [  # what a text is put into, with the segment ids
    {kind: {"id": token, "type_id": 0}}
    for kind, token in (("SpecialToken", "[CLS]"), ("Sequence", "A"), ("SpecialToken", "[SEP]"))
]
# The same for tokenizer_config.json; other classes cut words in other ways.
BERTS_SETTINGS = {
    "tokenize_chinese_chars": True,
    "do_basic_tokenize": True,
    "never_split": None,
    **{f"{name.strip('[]').lower()}_token": name for name in SPECIAL_TOKENS},
}
CLASSES = re.compile(
    "((Bert|DistilBert|Electra)Tokenizer|PreTrainedTokenizer)(Fast)?|TokenizersBackend"
)


def foreign_tokenizer(folder: Path, name: str, lowercase: bool | None) -> WordPieceTokenizer:
    """The tokenizer of a folder with vocab.txt or, as transformers 5 saves it, tokenizer.json.

    Args:
        name, lowercase: see `casing`; lowercase overrules it.

    Raises:
        ValueError: another kind of tokenizer than BERT's, or nothing tells its casing.
    """
    path = folder / JSON
    content = read_json(path) if path.is_file() else {}
    settings = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    check_is_berts(path, content)
    check_settings(folder / SETTINGS, settings)
    pieces = read_vocabulary(folder / VOCAB) if (folder / VOCAB).is_file() else None
    if path.is_file():
        listed = pieces_of(path, content)
        # The tokenizers library leaves white space at the end of a piece out of its file.
        if pieces is not None and [p.strip() for p in pieces] != [p.strip() for p in listed]:
            raise ValueError(
                f"{VOCAB} and {JSON} in {str(folder)!r} hold different vocabularies. Expected the "
                "one of the weights: take the other file away."
            )
        pieces = pieces or listed
    if lowercase is None:
        lowercase = casing(name, folder, pieces, settings, content)
    check_accents(folder, lowercase, settings, content)
    try:
        return WordPieceTokenizer(pieces, lowercase, added_tokens(folder, settings, content))
    except ValueError as error:
        raise ValueError(f"In {str(folder)!r}: {error}") from None


def check_is_berts(path: Path, content: dict) -> None:
    """Raise a ValueError with the first entry of tokenizer.json that is not BERT's."""
    for part, expected in BERTS_JSON.items():
        if part not in content or (part == "decoder" and content[part] is None):
            continue  # a decoder only writes text
        said = content[part] if isinstance(content[part], dict) else {"type": content[part]}
        for entry, berts in expected.items():
            if said.get(entry, berts) != berts:
                raise ValueError(refusal(path, f"{part}.{entry}={said[entry]!r}", repr(berts)))
    frame = content.get("post_processor")
    single = frame.get("single", BERTS_FRAME) if isinstance(frame, dict) else BERTS_FRAME
    if single != BERTS_FRAME:
        raise ValueError(refusal(path, f"post_processor.single={single!r}", "'[CLS] A [SEP]'"))


def check_settings(path: Path, settings: dict) -> None:
    """Raise a ValueError with the first entry of tokenizer_config.json that is not BERT's."""
    for entry, berts in BERTS_SETTINGS.items():
        said = settings.get(entry, berts)
        said = said.get("content") if isinstance(said, dict) else said
        if said != berts and said is not None:
            raise ValueError(refusal(path, f"{entry}={said!r}", repr(berts)))
    kind = settings.get("tokenizer_class")
    if kind is not None and not CLASSES.fullmatch(str(kind)):
        raise ValueError(refusal(path, f"tokenizer_class={kind!r}", "'BertTokenizer'"))


def check_accents(folder: Path, lowercase: bool, settings: dict, content: dict) -> None:
    """Raise a ValueError where accents go and capitals stay, or the other way round."""
    normalizer = content.get("normalizer") or {}
    said = {SETTINGS: settings.get("strip_accents"), JSON: normalizer.get("strip_accents")}
    for file, strip in said.items():
        if strip not in (None, lowercase):
            told = f"strip_accents={strip}, for {'an un' if lowercase else 'a '}cased model"
            raise ValueError(refusal(folder / file, told, str(lowercase)))


def refusal(path: Path, said: str, expected: str) -> str:
    """That a file asks for another tokenizer than BERT's."""
    return (
        f"{str(path)!r} says {said}: the tokenizer of this course, which is BERT's, cannot do "
        f"that, and the pieces would be others. Expected {expected}. Use the one of transformers."
    )


def pieces_of(path: Path, content: dict) -> list[str]:
    """The pieces of tokenizer.json in the order of their ids, which must be 0, 1, 2, ….

    Raises:
        ValueError: no WordPiece vocabulary, or other ids.
    """
    model = content.get("model")
    ids = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(ids, dict) or model.get("type") != "WordPiece":
        raise ValueError(f"{str(path)!r} is of another kind of tokenizer. Expected WordPiece.")
    pieces: dict[int, str] = {}
    for piece, number in ids.items():
        if type(number) is not int or not 0 <= number < len(ids) or number in pieces:
            raise ValueError(
                f"{str(path)!r}: {piece!r} has the id {reprlib.repr(number)}. Expected 0 to "
                f"{len(ids) - 1:,} for its {len(ids):,} pieces, each once."
            )
        pieces[number] = piece
    return [pieces[number] for number in range(len(ids))]


# --- Added tokens ---------------------------------------------------------------------------------


def added_tokens(folder: Path, settings: dict, content: dict) -> list[AddedToken]:
    """The added tokens of a folder, whichever of its files names them, with what they ask for.

    tokenizer.json has all that is to be known; tokenizer_config.json (`added_tokens_decoder`) what
    programs without `tokenizers` wrote; the old added_tokens.json only ids. BERT's own special
    tokens are left out where they ask for nothing that they do not have anyway.

    Raises:
        ValueError: an entry that is none, or two ids for one token.
    """
    path = folder / "added_tokens.json"
    old = read_json(path) if path.is_file() else {}
    decoder = settings.get("added_tokens_decoder") or {}
    listed = content.get("added_tokens") or []
    if not isinstance(decoder, dict) or not isinstance(listed, list):
        raise ValueError(f"In {str(folder)!r} the added tokens are no list. Expected one.")
    entries = [(JSON, entry) for entry in listed]
    for number, entry in decoder.items():
        numbered = isinstance(entry, dict) and number.isdecimal()
        entries.append((SETTINGS, entry | {"id": int(number)} if numbered else entry))
    entries += [(path.name, {"content": token, "id": number}) for token, number in old.items()]
    found: dict[str, AddedToken] = {}
    for file, entry in entries:
        try:
            token = AddedToken.from_json(entry)
        except ValueError as error:
            raise ValueError(f"{str(folder / file)!r}: {error}") from None
        first = found.setdefault(token.content, token)
        if first.id != token.id:
            raise ValueError(
                f"{str(folder / file)!r} gives {token.content!r} the id {token.id}, another file "
                f"beside it {first.id}. Expected one."
            )
    usual = [
        AddedToken(token, found[token].id, normalized=False, special=True)
        for token in SPECIAL_TOKENS
        if token in found
    ]
    return [token for token in found.values() if token not in usual]


# --- Casing ---------------------------------------------------------------------------------------


def casing(name: str, folder: Path, pieces: Sequence[str], settings: dict, content: dict) -> bool:
    """Whether the text has to be put into small letters first, by the best witness there is.

    The pieces themselves, when there are enough; then the name (spanbert, -cased, -uncased,
    chinese); then do_lower_case in tokenizer_config.json, and the normalizer in tokenizer.json. A
    warning says when these are wrong.

    Raises:
        ValueError: there is no witness.
    """
    said, where = settings.get("do_lower_case"), f"{str(folder / SETTINGS)!r} says do_lower_case"
    if said is None and isinstance(normalizer := content.get("normalizer"), dict):
        said, where = normalizer.get("lowercase"), f"{str(folder / JSON)!r} says lowercase"
    seen, why = casing_of_pieces(pieces), "its pieces show it"
    if seen is None:
        seen, why = casing_of_name(name), "its name says so"
    if seen is None:
        seen = said
    if not isinstance(seen, bool):
        raise ValueError(
            f"Nothing says whether {name!r} was trained with capital letters. Expected "
            "do_lower_case in tokenizer_config.json, or load_tokenizer_of(…, lowercase=False) for "
            "a cased model, lowercase=True for an uncased one (--no-lowercase, --lowercase)."
        )
    if said is not None and said is not seen:
        warnings.warn(
            f"{where}={said}, but {name!r} is {'un' if seen else ''}cased ({why}): read with "
            f"lowercase={seen}. load_tokenizer_of(…, lowercase={said}) overrules this.",
            stacklevel=5,
        )
    return seen


def casing_of_file(path: str | Path, pieces: Sequence[str]) -> bool | None:
    """What the pieces of a vocabulary file tell or, when they are few, its name; else None."""
    seen = casing_of_pieces(pieces)
    return casing_of_name(str(path)) if seen is None else seen


def casing_of_name(name: str) -> bool | None:
    """True when the last part of a name says uncased, False when it says cased, else None."""
    last = Path(name).name
    if UNCASED_NAME.search(last):
        return True
    return False if CASED_NAME.search(last) else None


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
