"""Text as the course reads it: documents, then blocks of pieces, then rows of a padded batch.

`course_documents` streams the corpus that the course ships; a learner's own files are read by
`reading`. `blocks` cuts documents, and a `BlockTable` keeps all blocks in a few flat arrays.
"""

import json
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spanbert_teach.paths import data_path
from spanbert_teach.reading import Document, read_documents
from spanbert_teach.tokenization import WordPieceTokenizer

SPLITS = ("train", "validation", "test")
SPAN_KINDS = ("entity", "noun_phrase")


def course_documents(
    split: str = "train", *, wikipedia: bool = False, source: str | None = None
) -> Iterator[Document]:
    """Stream the documents of the course's corpus.

    Args:
        split: "train", "validation" or "test"; no document has a near-duplicate in another split.
        wikipedia: the Wikipedia articles instead of the public-domain text.
        source: only documents of this source, for example "State of the Union".

    Raises:
        ValueError: a split or source that the corpus does not have.
    """
    name, rows = _rows(split, wikipedia, source)
    pairs = zip(rows, read_documents(data_path(f"corpus/{name}.txt")), strict=True)
    return (
        Document(row["id"], row["title"], row["source"], document.paragraphs)
        for row, document in pairs
        if source is None or row["source"] == source
    )


def _rows(split: str, wikipedia: bool, source: str | None) -> tuple[str, list[dict]]:
    """The stem of the split's file, and its rows of `documents.jsonl` in file order."""
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}. The splits are {', '.join(SPLITS)}.")
    name = f"wikipedia.{split}" if wikipedia else split
    lines = data_path("corpus/documents.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["file"] == f"{name}.txt"]
    sources = sorted({row["source"] for row in rows})
    if source is not None and source not in sources:
        raise ValueError(f"{name}.txt has no source {source!r}. It has {', '.join(sources)}.")
    return name, rows


def load_spans(
    split: str, kind: str, *, wikipedia: bool = False, source: str | None = None
) -> list[np.ndarray]:
    """Entity or noun-phrase spans as character offsets, one array a paragraph.

    Automatic labels (spaCy's small English model): good enough to choose what to mask, not gold.
    Entities are the non-numeric ones, as in the paper's ablation (Joshi et al. 2020, Table 6).

    Args:
        split, wikipedia, source: as for `course_documents`, whose paragraphs the list follows.
        kind: "entity" or "noun_phrase".

    Returns:
        For each paragraph `(spans, 2)` int64: start and end, so that `paragraph[start:end]` is the
        span; sorted, not overlapping.

    Raises:
        ValueError: a split, kind or source that the corpus does not have.
    """
    if kind not in SPAN_KINDS:
        raise ValueError(f"There are no spans {kind!r}. The kinds are {', '.join(SPAN_KINDS)}.")
    name, rows = _rows(split, wikipedia, source)
    with np.load(data_path(f"corpus/spans.{name}.npz")) as file:
        count, start, length = (file[f"{kind}_{part}"] for part in ("count", "start", "length"))
    spans = np.stack([start, start.astype(np.int64) + length], axis=1)
    per_paragraph = np.split(spans, np.cumsum(count)[:-1])
    of_source = (
        source is None or row["source"] == source for row in rows for _ in range(row["paragraphs"])
    )
    return [s for s, wanted in zip(per_paragraph, of_source, strict=True) if wanted]


# Words whose full stop ends no sentence: titles, abbreviations, initials and initialisms.
_ABBREVIATION = re.compile(
    r"\W*(?:Messrs|Mrs?|Ms|Dr|St|Mt|Ft|Gen|Col|Lt|Maj|Capt|Sgt|Adm|Gov|Sen|Rep|Prof|Rev|Hon|Jr|Sr|"
    r"Nos?|vs|approx|ca|cf|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|(?:[^\W_]\.)*[^\W\d_])\.\W*"
)
_END = re.compile(r".*[.!?][\"'”’)\]]*")
_BEGIN = re.compile(r"[\"'“‘(\[]*[A-ZÀ-ÖØ-Þ0-9$].*")


def sentences(paragraph: str) -> list[str]:
    """Split a paragraph into sentences by rules; joined by single spaces they give it back.

    A word that ends in `.`, `!` or `?` ends a sentence when the next begins with a capital, a digit
    or an opening quote, unless it is a title ("Mr."), an initial ("John F. Kennedy"), an initialism
    ("U.S.") or a common abbreviation: then two sentences may stay one.
    """
    all_words = paragraph.split()
    found, start = [], 0
    for i, (word, following) in enumerate(pairwise(all_words), 1):
        ends = _END.fullmatch(word) and _BEGIN.fullmatch(following)
        if ends and not _ABBREVIATION.fullmatch(word):
            found.append(" ".join(all_words[start:i]))
            start = i
    return [*found, " ".join(all_words[start:])] if all_words else []


_WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # initialisms: U.S.
    r"|\d+(?:[.,]\d+)*(?![^\W_])"  # numbers: 1,204.5
    r"|[^\W_]+(?:['’\-][^\W_]+)*"  # words: don't, well-known, 20th
    r"|[^\w\s]|_"  # one punctuation mark
)


def words(text: str) -> list[str]:
    """Split text into words and punctuation marks, in order; only white space is dropped.

    A word is a run of letters and digits; apostrophes and hyphens inside it stay ("don't",
    "well-known"), and so do the full stops of initialisms ("U.S.") and the marks inside a number
    ("1,204.5"). Every other mark is a word of its own.
    """
    return _WORD.findall(text)


def piece_spans(
    offsets: Sequence[tuple[int, int]], char_spans: Iterable[Sequence[int]]
) -> list[tuple[int, int]]:
    """Spans of characters as spans of pieces: all pieces that have a character in the span.

    Args:
        offsets: (start, end) of each piece in characters, of one text, without special tokens.
        char_spans: (start, end) in characters of the same text.

    Returns:
        (start, end) in pieces, end exclusive, in the given order; a span without a piece, of white
        space alone, is left out.
    """
    starts = [start for start, _ in offsets]
    ends = [end for _, end in offsets]
    found = [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in char_spans]
    return [(start, end) for start, end in found if start < end]


@dataclass(frozen=True)
class Block:
    """A stretch of one document as a model reads it: `[CLS] ... [SEP]`, nothing padded.

    Attributes:
        ids: numbers of the pieces, at most as many as asked for.
        word_starts: True at the first piece of each word; False for [CLS] and [SEP].
        document: the id of the document.
        spans: (start, end) of the tagged spans in it, in pieces of the text, [CLS] not counted: the
            first piece after [CLS] is 0.
    """

    ids: list[int]
    word_starts: list[bool]
    document: str
    spans: tuple[tuple[int, int], ...] = ()


def blocks(
    documents: Iterable[Document],
    tokenizer: WordPieceTokenizer,
    length: int,
    spans: Iterable[np.ndarray] | None = None,
) -> Iterator[Block]:
    """Cut documents into blocks of at most `length` pieces, [CLS] and [SEP] included; streamed.

    A block holds text of one document only, as much as fits, across its paragraphs (Joshi et al.
    2020, §3.3: one contiguous segment). It ends before a word that does not fit any more; only a
    word that is longer than a whole block is cut inside, and the next block goes on with it. The
    blocks of a document, without [CLS] and [SEP], are the pieces of its paragraphs in order.

    Args:
        spans: for each paragraph its spans in characters, as `load_spans` gives them for the same
            documents. A span that a block's end cuts is in neither block: half an entity is none.

    Raises:
        ValueError: a length below 3: there would be no room for text; while the blocks are read,
            spans for fewer or for more paragraphs than the documents have.
    """
    if length < 3:
        raise ValueError(f"A block of {length} has no room: [CLS], [SEP] and a piece are 3.")
    return _blocks(documents, tokenizer, length, None if spans is None else iter(spans))


def _blocks(
    documents: Iterable[Document],
    tokenizer: WordPieceTokenizer,
    length: int,
    spans: Iterator[np.ndarray] | None,
) -> Iterator[Block]:
    """The blocks of all documents; at the end no spans may be left."""
    for document in documents:
        yield from _blocks_of(document, tokenizer, length, spans)
    if spans is not None and next(spans, None) is not None:
        raise ValueError("There are spans for more paragraphs than the documents have.")


def _blocks_of(
    document: Document,
    tokenizer: WordPieceTokenizer,
    length: int,
    spans: Iterator[np.ndarray] | None,
) -> Iterator[Block]:
    """The blocks of one document; at most a paragraph and a block are in memory."""
    room, first, last = length - 2, tokenizer.id("[CLS]"), tokenizer.id("[SEP]")

    def block(end: int) -> Block:
        inside = tuple(span for span in tagged if span[0] >= 0 and span[1] <= end)
        framed = [first, *ids[:end], last]
        return Block(framed, [False, *starts[:end], False], document.id, inside)

    ids: list[int] = []
    starts: list[bool] = []
    tagged: list[tuple[int, int]] = []
    for paragraph in document.paragraphs:
        encoding = tokenizer.encode(paragraph, special_tokens=False)
        if spans is not None:
            found = piece_spans(encoding.offsets, _spans_of_next(spans, document))
            tagged += [(start + len(ids), end + len(ids)) for start, end in found]
        ids, starts = ids + encoding.ids, starts + encoding.word_starts
        while len(ids) > room:
            end = next((i for i in range(room, 0, -1) if starts[i]), room)
            yield block(end)
            ids, starts = ids[end:], starts[end:]
            tagged = [(start - end, stop - end) for start, stop in tagged if stop > end]
    if ids:
        yield block(len(ids))


def _spans_of_next(spans: Iterator[np.ndarray], document: Document) -> list[list[int]]:
    """The spans of the next paragraph; a ValueError when there are none any more."""
    found = next(spans, None)
    if found is None:
        raise ValueError(f"There are no spans for all paragraphs of the document {document.id!r}.")
    return np.asarray(found).reshape(-1, 2).tolist()


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Some blocks as a padded batch, ready for `mask_batch`.

    Attributes:
        ids: (batch, length) int64, 0 behind [SEP].
        word_starts: (batch, length) bool.
        real: (batch, length) bool, True for [CLS], text and [SEP]: the attention mask.
        maskable: (batch, length) bool, True for text.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    real: np.ndarray
    maskable: np.ndarray


@dataclass(frozen=True, eq=False)
class BlockTable:
    """Blocks one behind the other: block b is ids[starts[b] : starts[b + 1]], with its specials.

    Attributes:
        ids: (pieces,) int32; word_starts: (pieces,) bool; starts: (blocks + 1,) int64.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> "BlockTable":
        """The table of a stream of blocks, as `corpus.blocks` gives them.

        Raises:
            ValueError: there is none.
        """
        ids, word_starts, starts = array("i"), array("b"), array("q", [0])
        for block in blocks:
            ids.extend(block.ids)
            word_starts.extend(block.word_starts)
            starts.append(len(ids))
        if len(starts) == 1:
            raise ValueError("There is no block: the text is empty.")
        flat = np.array(ids, dtype=np.int32), np.array(word_starts, dtype=bool)
        return cls(*flat, np.array(starts, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, numbers: Iterable[int]) -> BlockRows:
        """The blocks of these numbers, padded to the longest of them."""
        numbers = np.asarray(numbers)
        begin, size = self.starts[numbers], np.diff(self.starts)[numbers]
        column = np.arange(size.max())
        real = column < size[:, None]
        # Padding reads [CLS] of its own row, which is always there, and is then overwritten.
        place = begin[:, None] + np.where(real, column, 0)
        maskable = real & (column > 0) & (column < size[:, None] - 1)
        ids = np.where(real, self.ids[place], 0).astype(np.int64)
        return BlockRows(ids, self.word_starts[place] & real, real, maskable)
