"""The tokenizer as a model needs it: text in; ids, offsets, word starts and segments out.

The rules are those of `wordpiece`, the training that of `wordpiece_training`, the frame `[CLS] ...
[SEP]` that of `encoding`; here they come together, with a memory for what was met before. Lesson
`01_tokenization`.

    tokenizer = load_tokenizer()
    encoding = tokenizer.encode("The Isthmus of Panama")
    encoding.tokens, encoding.offsets, encoding.word_starts

For more text than a laptop holds, the same vocabulary file opens in the `tokenizers` library, with
identical ids (`tests/test_tokenization.py` shows how, and proves it).
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from spanbert_teach.paths import data_path
from spanbert_teach.tokenization.encoding import (
    Encoding,
    Row,
    cut,
    frame,
    truncated_lengths,
    window_starts,
)
from spanbert_teach.tokenization.steps import (
    BETWEEN_SPACES,
    UNKNOWN,
    Piece,
    Word,
    refuse_surrogates,
    text_pieces,
    word_pieces,
)
from spanbert_teach.tokenization.training import count_words, train_vocabulary

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
    """

    def __init__(self, vocabulary: Sequence[str], lowercase: bool = False):
        check_vocabulary(vocabulary)
        self.tokens = list(vocabulary)
        self.vocabulary = {token: number for number, token in enumerate(self.tokens)}
        self.lowercase = lowercase
        self._remembered: dict[str, Row] = {}

    @classmethod
    def load(cls, path: str | Path, lowercase: bool = False) -> "WordPieceTokenizer":
        """Read BERT's `vocab.txt`: one piece a line, UTF-8, the line number is the id.

        Raises:
            FileNotFoundError, ValueError: no such file, or no vocabulary in it.
        """
        return cls(read_vocabulary(path), lowercase)

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, lowercase: bool = False
    ) -> "WordPieceTokenizer":
        """Train a vocabulary of `vocab_size` pieces, special tokens first.

        See `wordpiece_training`. The order of the texts makes no difference. The vocabulary stays
        smaller when every word of the texts has become one piece.

        Raises:
            ValueError: no words, or too small a size for the letters of the texts.
        """
        return cls(train_vocabulary(count_words(texts, lowercase), vocab_size), lowercase)

    def save(self, path: str | Path) -> None:
        """Write `vocab.txt`, the same bytes on every system; an old file stays until it is done."""
        write_vocabulary(path, self.tokens)

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

        Raises:
            ValueError: a lone surrogate in a text, or no room for [CLS] and [SEP].
        """
        rows = [self._row(text)] if pair is None else [self._row(text), self._row(pair)]
        if max_length is not None:
            room = max_length - (len(rows) + 1 if special_tokens else 0)
            if room < 0:
                raise ValueError(f"max_length={max_length} leaves no room for [CLS] and [SEP].")
            lengths = [len(row[0]) for row in rows]
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
        size = max_length - len(first[0]) - 3
        if not 0 <= stride < size:
            raise ValueError(
                f"max_length={max_length} leaves {max(size, 0)} pieces of context beside a question"
                f" of {len(first[0])}; the stride, {stride}, must be less than that and at least "
                "0. Give a larger max_length, a smaller stride or a shorter question."
            )
        starts = window_starts(len(second[0]), size, stride)
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
        """The pieces of a text; what stands between two spaces is cut once and remembered."""
        refuse_surrogates(text)
        ids, tokens, offsets, starts = row = ([], [], [], [])
        remembered = self._remembered
        for match in BETWEEN_SPACES.finditer(text):
            chunk, at = match[0], match.start()
            found = remembered.get(chunk) or self._chunk(chunk)
            ids += found[0]
            tokens += found[1]
            for start, end in found[2]:
                offsets.append((at + start, at + end))
            starts += found[3]
        return row

    def _chunk(self, chunk: str) -> Row:
        """The row of what stands between two spaces, by the rules of `wordpiece`."""
        if PLAIN.fullmatch(chunk):
            words = [(match[0], match.start()) for match in PLAIN_WORD.finditer(chunk)]
            pieces = [piece for word, at in words for piece in self._plain_word(word, at)]
        else:
            pieces = text_pieces(chunk, self.vocabulary, self.lowercase)
        ids = [self.vocabulary[piece.token] for piece in pieces]
        row = (
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
        return word_pieces(Word(word, range(at, at + len(word))), self.vocabulary)


def load_tokenizer() -> WordPieceTokenizer:
    """The course's own tokenizer: cased, 8,192 pieces, trained on the corpus's train split."""
    return WordPieceTokenizer.load(data_path("vocab.txt"))


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
        if not BETWEEN_SPACES.fullmatch(token):
            raise ValueError(f"{name} has white space or nothing in line {line}: {token!r}.")
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


def write_vocabulary(path: str | Path, tokens: Sequence[str]) -> None:
    """Write `vocab.txt`, the same bytes on every system; an old file stays until it is done."""
    path = Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes("".join(token + "\n" for token in tokens).encode("utf-8"))
    os.replace(unfinished, path)
