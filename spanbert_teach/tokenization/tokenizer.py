"""The tokenizer as a model needs it: text in; ids, offsets, word starts and segments out.

The rules are those of `steps`; here they come together in the form that a model reads, `[CLS] ...
[SEP]`, with pairs, truncation and windows, and with a memory for what was met before. What fits and
what is cut off is decided as the `tokenizers` library does. Source: Devlin et al. 2019, §3. Lesson
`01_tokenization`.

    tokenizer = load_tokenizer()
    encoding = tokenizer.encode("The Isthmus of Panama")
    encoding.tokens, encoding.offsets, encoding.word_starts

For more text than a laptop holds, the same vocabulary file opens in the `tokenizers` library, with
identical ids (`tests/tokenization/` shows how, and proves it).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spanbert_teach.paths import data_path, write_whole
from spanbert_teach.tokenization.steps import (
    BETWEEN_SPACES,
    SPECIAL_TOKENS,
    UNKNOWN,
    AddedToken,
    Piece,
    Word,
    forms_of,
    refuse_surrogates,
    split_added,
    split_words,
    text_pieces,
    word_pieces,
)

# --- The form that a model reads ------------------------------------------------------------------


class Row(NamedTuple):
    """The pieces of a text without [CLS] and [SEP]; the lists of `Encoding`, one entry a piece."""

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    word_starts: list[bool]


@dataclass(frozen=True)
class Encoding:
    """A text, or two, as pieces; every list has one entry a piece.

    Attributes:
        ids: numbers of the pieces in the vocabulary.
        tokens: the pieces themselves.
        offsets: (start, end) in characters of the original text; (0, 0) for [CLS] and [SEP]. In the
            second text of a pair they count from its own beginning.
        word_starts: True at the first piece of each of BERT's words (a punctuation mark is a word,
            and so is a special token typed into the text); False for [CLS] and [SEP].
        segment_ids: 0 for the first text and its [CLS] and [SEP], 1 for the second and its [SEP].
        attention_mask: 1 for each piece: nothing is padded here.
        sequence_ids: 0 in the first text, 1 in the second, None for [CLS] and [SEP].
    """

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    word_starts: list[bool]
    segment_ids: list[int]
    attention_mask: list[int]
    sequence_ids: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)


def frame(rows: Sequence[Row], special: dict[str, int] | None) -> Encoding:
    """Put `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]` together.

    Args:
        special: the ids of "[CLS]" and "[SEP]"; None puts the rows together without them.
    """
    parts: list[tuple[Row, int, int | None]] = []  # pieces, segment id, sequence id
    for number, row in enumerate(rows):
        parts.append((row, number, number))
        if special:
            end = Row([special["[SEP]"]], ["[SEP]"], [(0, 0)], [False])
            parts.append((end, number, None))
    if special:
        parts.insert(0, (Row([special["[CLS]"]], ["[CLS]"], [(0, 0)], [False]), 0, None))
    found = Encoding([], [], [], [], [], [], [])
    for row, segment, sequence in parts:
        found.ids.extend(row.ids)
        found.tokens.extend(row.tokens)
        found.offsets.extend(row.offsets)
        found.word_starts.extend(row.word_starts)
        found.segment_ids.extend([segment] * len(row.ids))
        found.attention_mask.extend([1] * len(row.ids))
        found.sequence_ids.extend([sequence] * len(row.ids))
    return found


def cut(row: Row, start: int, end: int) -> Row:
    """The pieces from `start` to `end` of a row."""
    return Row(*(values[start:end] for values in row))


def truncated_lengths(first: int, second: int, room: int) -> tuple[int, int]:
    """How many pieces of a pair stay when only `room` fit: the longer text gives first.

    A text of at most half the room stays whole; when both are longer, each gets half of it, and the
    longer one (of equals the second) the odd piece. The same as "longest_first" of `tokenizers`.
    """
    if first + second <= room:
        return first, second
    short = min(first, second, room // 2)
    return (room - short, short) if first > second else (short, room - short)


def window_starts(length: int, size: int, stride: int) -> list[int]:
    """Where windows of `size` pieces begin so that neighbours share `stride` pieces.

    The last window is the first that reaches the end; it may be shorter. A text without pieces has
    one empty window.
    """
    step = size - stride
    return [0, *range(step, length - stride, step)] if length > size else [0]


# --- The tokenizer --------------------------------------------------------------------------------

# How many different words with the marks around them are remembered, and up to which length:
# enough for nearly all of a text, in at most about 50 MB.
REMEMBERED = 65_536
REMEMBERED_LENGTH = 100
# Letters, digits and the commonest marks, in which no special token can be: no rule changes these
# but small letters, and every mark is a word.
PLAIN = re.compile("[0-9A-Za-z!-/:-@]+")
PLAIN_WORD = re.compile("[0-9A-Za-z]+|[!-/:-@]")


class WordPieceTokenizer:
    """BERT's tokenizer over one vocabulary.

    Args:
        vocabulary: the pieces in the order of their ids, as BERT's `vocab.txt` has them.
        lowercase: True for an uncased vocabulary: small letters, no accents. A model that was
            trained cased reads nonsense with it, and the other way round; nothing can check that.
        added: tokens that were added to it later: `tokens` has them behind the pieces.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lowercase: bool = False,
        added: Sequence[AddedToken] = (),
    ):
        check_vocabulary(vocabulary)
        self.added = tuple(sorted(added, key=lambda token: token.id))
        self.tokens = [*vocabulary, *new_tokens(vocabulary, self.added)]
        self.vocabulary = {token: number for number, token in enumerate(self.tokens)}
        self.lowercase = lowercase
        self._pieces = {token: number for number, token in enumerate(vocabulary)}
        known = {token.content for token in self.added}
        specials = [  # they compete with added tokens for the same letters
            AddedToken(token, self._pieces[token], normalized=False)
            for token in SPECIAL_TOKENS
            if token in self._pieces and token not in known
        ]
        self._forms = forms_of([*specials, *self.added], lowercase)
        self._remembered: dict[str, Row] = {}

    @property
    def pieces(self) -> list[str]:
        """The tokens that words are cut into: all but the added ones."""
        return self.tokens[: len(self._pieces)]

    @classmethod
    def load(cls, path: str | Path, lowercase: bool = False) -> "WordPieceTokenizer":
        """Read BERT's `vocab.txt`: one piece a line, UTF-8, the line number is the id.

        Raises:
            FileNotFoundError, ValueError: no such file, or no vocabulary in it.
        """
        return cls(read_vocabulary(path), lowercase)

    def with_casing(self, lowercase: bool) -> "WordPieceTokenizer":
        """The same vocabulary for text with capital letters, or without."""
        return WordPieceTokenizer(self.pieces, lowercase, self.added)

    def save(self, path: str | Path) -> None:
        """Write `vocab.txt`, the same bytes on every system; an old file stays until it is done.

        Added tokens have no place in it.
        """
        write_whole(Path(path), "".join(piece + "\n" for piece in self.pieces).encode())

    def __len__(self) -> int:
        return len(self.tokens)

    def id(self, token: str) -> int:
        """The id of a piece; a ValueError when the vocabulary does not have it."""
        if token not in self.vocabulary:
            raise ValueError(
                f"{token!r} is no piece of this vocabulary of {len(self):,}. "
                "A whole word or a text is cut into pieces by encode()."
            )
        return self.vocabulary[token]

    def token(self, id: int) -> str:
        """The piece of an id; a ValueError when there is none."""
        if not 0 <= id < len(self.tokens):
            raise ValueError(f"There is no piece {id}: the ids are 0 to {len(self) - 1}.")
        return self.tokens[id]

    def encode(
        self,
        text: str,
        pair: str | None = None,
        max_length: int | None = None,
        special_tokens: bool = True,
    ) -> Encoding:
        """Cut a text, or a pair of texts, into pieces.

        Args:
            max_length: at most so many pieces, [CLS] and [SEP] included; the rest is cut off at the
                end, of a pair at the end of the longer text (see `truncated_lengths`).
            special_tokens: False leaves [CLS] and [SEP] out.

        Returns:
            An `Encoding`: ids, tokens, offsets into the text, word starts, segments, one entry a
            piece.

        Raises:
            ValueError: a lone surrogate in a text, or no room for [CLS] and [SEP].
        """
        rows = [self._row(text)] if pair is None else [self._row(text), self._row(pair)]
        if max_length is not None:
            room = max_length - (len(rows) + 1 if special_tokens else 0)
            if room < 0:
                raise ValueError(f"max_length={max_length} leaves no room for [CLS] and [SEP].")
            lengths = [len(row.ids) for row in rows]
            lengths = truncated_lengths(*lengths, room) if pair is not None else [room]
            rows = [cut(row, 0, length) for row, length in zip(rows, lengths, strict=True)]
        return frame(rows, self._frame_ids() if special_tokens else None)

    def encode_windows(
        self, question: str, context: str, max_length: int, stride: int
    ) -> list[Encoding]:
        """Pair the question with each window of a context that is too long for one encoding.

        Args:
            max_length: at most so many pieces each: `[CLS] question [SEP] window [SEP]`.
            stride: so many pieces of the context stand in two neighbouring windows, as in
                `tokenizers`. (BERT's run_squad.py calls `doc_stride` how far the window moves.)

        Raises:
            ValueError: the question leaves no room, or the stride is no smaller than a window.
        """
        first, second = self._row(question), self._row(context)
        size = max_length - len(first.ids) - 3
        if not 0 <= stride < size:
            raise ValueError(
                f"max_length={max_length} leaves {max(size, 0)} pieces of context beside a question"
                f" of {len(first.ids)}; the stride, {stride}, must be less than that and at least "
                "0. Give a larger max_length, a smaller stride or a shorter question."
            )
        starts = window_starts(len(second.ids), size, stride)
        return [frame([first, cut(second, s, s + size)], self._frame_ids()) for s in starts]

    def decode(self, ids: Iterable[int]) -> str:
        """The pieces with spaces between them, "##" pieces glued on; special tokens stay.

        As BERT does it: what stood between the words is not known any more, so "Panama, 1903."
        becomes "Panama , 1903 ." (to get the text itself back, cut it out by its offsets).
        """
        return " ".join(self.token(i) for i in ids).replace(" ##", "")

    def _frame_ids(self) -> dict[str, int]:
        return {token: self.id(token) for token in ("[CLS]", "[SEP]")}

    def _row(self, text: str) -> Row:
        """The pieces of a text, and the added tokens in it, which are one piece each."""
        refuse_surrogates(text)
        row = Row([], [], [], [])
        if not self.added:
            self._extend(row, text, 0)
            return row
        for token, start, end in split_added(text, *self._forms, self.lowercase):
            if token is None:
                self._extend(row, text[start:end], start)
            else:
                one = Row([token.id], [token.content], [(start, end)], [True])
                for values, value in zip(row, one, strict=True):
                    values += value
        return row

    def _extend(self, row: Row, text: str, shift: int) -> None:
        """Add the pieces of a part of a text, from position `shift` on, to a row.

        What stands between two spaces is cut once and remembered.
        """
        ids, tokens, offsets, starts = row
        remembered = self._remembered
        for match in BETWEEN_SPACES.finditer(text):
            chunk, at = match[0], shift + match.start()
            found = remembered.get(chunk) or self._chunk(chunk)
            ids += found.ids
            tokens += found.tokens
            for start, end in found.offsets:
                offsets.append((at + start, at + end))
            starts += found.word_starts

    def _chunk(self, chunk: str) -> Row:
        """The row of what stands between two spaces, by the rules of `steps`."""
        if PLAIN.fullmatch(chunk):
            words = [(match[0], match.start()) for match in PLAIN_WORD.finditer(chunk)]
            pieces = [piece for word, at in words for piece in self._plain_word(word, at)]
        elif self.added:  # special tokens were looked for together with the added ones
            words = split_words(chunk, self.lowercase)
            pieces = [piece for word in words for piece in word_pieces(word, self._pieces)]
        else:
            pieces = text_pieces(chunk, self._pieces, self.lowercase)
        ids = [self._pieces[piece.token] for piece in pieces]
        row = Row(
            ids,
            [self.tokens[id] for id in ids],  # the same string each time: it is remembered often
            [(piece.start, piece.end) for piece in pieces],
            [piece.word_start for piece in pieces],
        )
        if len(chunk) <= REMEMBERED_LENGTH and len(self._remembered) < REMEMBERED:
            self._remembered[chunk] = row
        return row

    def _plain_word(self, word: str, at: int) -> list[Piece]:
        word = word.lower() if self.lowercase else word
        return word_pieces(Word(word, range(at, at + len(word))), self._pieces)


def new_tokens(pieces: Sequence[str], added: Sequence[AddedToken]) -> list[str]:
    """The added tokens that are no pieces, in the order of their ids, which go on from the pieces'.

    Args:
        added: in the order of their ids.

    Raises:
        ValueError: an id that is taken or leaves a gap, or a token that has two.
    """
    new: list[str] = []
    for token in added:
        size = len(pieces) + len(new)
        if 0 <= token.id < len(pieces) and pieces[token.id] == token.content:
            continue  # a piece that was added once more is found in the text from then on
        if token.id != size or not token.content or token.content in [*pieces, *new]:
            raise ValueError(
                f"The added token {token.content!r} has the id {token.id}. Expected a token that "
                f"is not there yet, with the id {size:,}: added tokens follow the pieces."
            )
        new.append(token.content)
    return new


def load_tokenizer() -> WordPieceTokenizer:
    """The course's own tokenizer: cased, 8,192 pieces, trained on the corpus's train split."""
    return WordPieceTokenizer.load(data_path("vocab.txt"))


# --- The file vocab.txt: one piece a line, the line number is the id ------------------------------

EXPECTED = "Expected BERT's vocab.txt: UTF-8, one piece a line, [UNK] among them."


def check_vocabulary(tokens: Sequence[str], name: str = "The vocabulary") -> None:
    """Raise a ValueError, with the line, when the pieces are no vocabulary."""
    if list(tokens) in ([], [""]):
        raise ValueError(f"{name} is empty. {EXPECTED}")
    if UNKNOWN not in tokens:
        looks_like = " It looks like JSON." if tokens[0].lstrip().startswith(("{", "[{")) else ""
        raise ValueError(f"{name} has no {UNKNOWN}.{looks_like} {EXPECTED}")
    lines: dict[str, int] = {}
    for line, token in enumerate(tokens, 1):
        if not token or "\n" in token or "\r" in token:  # all else has been a piece somewhere
            what = "a line end within a piece" if token else "nothing"
            raise ValueError(f"{name} has {what} in line {line}: {token!r}.")
        if token in lines:
            raise ValueError(
                f"{name} has {token!r} in line {lines[token]} and in line {line}, "
                "but a piece can have one id only."
            )
        lines[token] = line


def read_vocabulary(path: str | Path) -> list[str]:
    """The pieces of a `vocab.txt`, in order.

    Raises:
        FileNotFoundError, ValueError: no such file, or no vocabulary in it; the line is named.
    """
    path = Path(path)
    name = repr(str(path))
    if not path.is_file():
        raise FileNotFoundError(f"There is no vocabulary file {name}. Is the name right?")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 (byte {error.start + 1}). {EXPECTED}") from None
    tokens = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    check_vocabulary(tokens, name)
    return tokens
