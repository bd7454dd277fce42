"""Exercise 01-2: cut a word into pieces."""

from spanbert_teach.exercises.checking import ENDLESS, NO_RETURN, Wrong
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import texts
from spanbert_teach.tokenization import match_longest

LOOK_UPS = 2_000  # in one call; a word of eleven letters needs 66


class Vocabulary:
    """Answers `in` and nothing else; remembers what it was asked, and stops a loop without end."""

    def __init__(self, pieces: list[str]):
        self.pieces = pieces
        self.asked: list[object] = []

    def __contains__(self, piece: object) -> bool:
        self.asked.append(piece)
        if len(self.asked) > LOOK_UPS:
            message = f"has asked the vocabulary more than {LOOK_UPS:,} times: a loop never ends."
            raise Wrong(message, ENDLESS)
        return piece in self.pieces

    def __deepcopy__(self, memo: dict) -> "Vocabulary":
        return Vocabulary(self.pieces)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self.pieces)) + "}"

    def __bool__(self) -> bool:
        return True

    def _refuse(self, *_):
        raise Wrong(
            "uses the vocabulary in another way than `piece in vocabulary`. The vocabulary of this "
            "check answers `in` only, as the card says.\nA vocabulary has thousands of pieces and "
            "a word only a few letters: go through the beginnings of the word, not through the "
            "vocabulary.",
            "more-than-in",
        )

    __iter__ = __len__ = __getitem__ = _refuse

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


CASES = tuple(
    case(word, Vocabulary(pieces.split()))
    for word, pieces in (
        ("sea", "s se sea ##s ##e ##a"),
        ("a", "a b ##a"),
        ("seaside", "s se sea ##s ##e ##a ##i ##d ##si ##side"),
        ("unhappiness", "u un ##h ##happi ##s ##ness ##n"),
        ("island", "i is isl ##s ##l ##la ##a ##n ##an ##d"),
        ("nana", "na ##na"),
        ("seaqside", "s sea ##s ##side side"),
        ("seaside", "sea side"),
        ("aside", "a side ##side ##s"),
        ("seaside", "##sea ##side"),
        ("sea", "##sea"),
        ("qsea", "s sea ##s ##sea"),
        ("seasideq", "sea ##side"),
        ("Sea", "sea S ##ea"),
        ("seaside", "sea seas ##side"),
        ("seaside", "sea seas ##side ##i ##d ##e"),
        ("seaside", "s ##easide sea ##s ##ide seas"),
    )
)


# --- properties: what was asked tells why there is no cut; else the cut tells ---------------------


def _bare(pieces):
    return [piece.removeprefix("##") for piece in pieces]


def _unknown(pieces, vocabulary):
    return [piece for piece in pieces if piece not in vocabulary.pieces]


def _never_asked(got, right, vocabulary):
    """The pieces of the right cut that were not looked up, where there is no cut."""
    if got is None and vocabulary.asked:
        return [piece for piece in right if piece not in vocabulary.asked]
    return []


PROPERTIES = (
    Property(
        lambda got, right, word, vocabulary: got and "[UNK]" in got,
        "returns-unk",
        "Return None itself: which token stands for an unknown word, the caller decides.",
    ),
    Property(
        lambda got, right, word, vocabulary: got and got[0].lower() == word.lower() != word,
        "ignores-case",
        'Capitals count: "S" and "s" are two letters, and "Sea" is not in this vocabulary. Look '
        "the word up as it is.",
    ),
    Property(
        lambda got, right, word, vocabulary: [
            f"##{piece}" for piece in (right or [])[1:] if f"##{piece}" in vocabulary.asked
        ],
        "marks-pile-up",
        'It asks for {}: "##" stands once before every piece but the first.',
    ),
    Property(
        lambda got, right, word, vocabulary: (
            f"##{right[0]}" in vocabulary.asked and right[0] not in vocabulary.asked
            if got is None
            else got
            and (got[0].startswith("##") or _unknown(got[:1], vocabulary))
            and f"##{_bare(got)[0]}" in vocabulary.pieces
        ),
        "first-has-marks",
        'The first piece is looked up as it is; only later ones have "##".',
    ),
    Property(
        lambda got, right, word, vocabulary: (
            right[1:] and vocabulary.asked and "##" not in str(vocabulary.asked)
            if got is None
            else [p for p in got[1:] if p[:2] != "##"] or _unknown(got[1:], vocabulary)
        ),
        "no-marks",
        'Every piece but the first is looked up with "##" before it, and keeps it: "side" begins a '
        'word, "##side" goes on with one.',
    ),
    Property(
        lambda got, right, word, vocabulary: [
            piece for piece in _never_asked(got, right, vocabulary)[:1] if piece == right[-1]
        ],
        "not-the-whole-rest",
        "It never asks for {}, the whole rest of the word. Does your range begin at len(word)? The "
        "end of a slice is exclusive: word[start : len(word)] is all of the rest.",
    ),
    Property(
        lambda got, right, word, vocabulary: _never_asked(got, right, vocabulary),
        "not-every-beginning",
        "It never asks for {}. Try every end, from len(word) down to start + 1.",
    ),
    Property(
        lambda got, *_: got is None,
        NO_RETURN,
        "The word has a cut. Is the `return` missing at the end?",
    ),
    Property(
        lambda got, *_: not got,
        "empty-list",
        "An empty list would be a word without pieces. Return None here.",
    ),
    Property(
        lambda got, right, word, vocabulary: (
            word != "".join(_bare(got)) and word.startswith("".join(_bare(got)))
        ),
        "keeps-the-beginning",
        "It stops before the word ends. Where no piece fits the rest, the word cannot be cut at "
        "all: return None, not the pieces found so far. (BERT makes the whole word [UNK].)",
    ),
    Property(
        lambda got, right, word, vocabulary: word != "".join(_bare(got)),
        "skips-letters",
        "The pieces together are not the word. Where no piece fits, nothing is left out: the whole "
        "word has no cut, and the answer is None.",
    ),
    Property(
        lambda got, right, word, vocabulary: _unknown(got, vocabulary),
        "not-in-vocabulary",
        "{} is no piece of this vocabulary.",
    ),
    Property(
        lambda got, right, *_: right and all(map(str.startswith, right, got)),
        "shortest-first",
        "A longer piece fits: try the whole rest first, then ever shorter.",
    ),
    Property(
        lambda *_: True,
        "looks-back",
        "This cut exists, but it is not the one asked for: from the left, the longest piece is "
        "taken at once, and nobody looks back, not even when the rest then has no cut (None).",
    ),
)


# --- slips --------------------------------------------------------------------------------------


def _cut(
    ends=lambda start, length: range(length, start, -1),
    marks=lambda pieces: "##" if pieces else "",
    no_fit=lambda pieces: None,
):
    """Right, but for one place: the ends that are tried, the marks, or what comes without a fit."""

    def cut(word, vocabulary):
        pieces, start = [], 0
        while start < len(word):
            before = marks(pieces)
            tried = ends(start, len(word))
            end = next((end for end in tried if before + word[start:end] in vocabulary), None)
            if end is None:
                return no_fit(pieces)
            pieces.append(before + word[start:end])
            start = end
        return pieces

    return cut


def _cut_off(rest):
    """Piece after piece is cut off; `rest(word, end, piece)` is what is left of the word then."""

    def cut(word, vocabulary):
        pieces = []
        while word:
            marks = "##" if pieces else ""
            ends = range(len(word), 0, -1)
            end = next((end for end in ends if marks + word[:end] in vocabulary), 0)
            pieces += [marks + word[:end]] if end else []
            word = rest(word, end, marks + word[:end])
        return pieces or None

    return cut


def _marks_added_later(word, vocabulary):
    pieces = _cut(marks=lambda pieces: "")(word, vocabulary)
    return pieces and [pieces[0], *(f"##{piece}" for piece in pieces[1:])]


def _looks_back(word, vocabulary, marks=""):
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if marks + word[:end] in vocabulary:
            rest = _looks_back(word[end:], vocabulary, "##")
            if rest is not None:
                return [marks + word[:end], *rest]
    return None


def _from_the_right(word, vocabulary):
    for start in range(len(word)):
        piece = ("##" if start else "") + word[start:]
        if piece in vocabulary:
            before = _from_the_right(word[:start], vocabulary) if start else []
            return None if before is None else [*before, piece]
    return None


SLIPS = (
    Slip(_cut(ends=lambda start, length: range(start + 1, length + 1)), "shortest-first"),
    Slip(_cut(marks=lambda pieces: ""), "no-marks"),
    Slip(_marks_added_later, "no-marks"),
    Slip(_cut(marks=lambda pieces: "##"), "first-has-marks"),
    Slip(_cut(marks=lambda pieces: "##" * len(pieces)), "marks-pile-up"),
    Slip(_cut(no_fit=lambda pieces: pieces), "keeps-the-beginning"),
    Slip(_cut(no_fit=lambda pieces: ["[UNK]"]), "returns-unk"),
    Slip(_cut(no_fit=lambda pieces: []), "empty-list"),
    Slip(
        _cut_off(lambda word, end, piece: word[len(piece) :]),
        "counts-the-marks",
        "It goes on too far: ## is no part of the word, so a piece found with it is two letters "
        "shorter than it looks. Move on by letters of the word.",
    ),
    Slip(_cut_off(lambda word, end, piece: word[end or 1 :]), "skips-letters"),
    Slip(
        _cut_off(lambda word, end, piece: word[end:]),
        ENDLESS,
        "Each turn must take a piece and move on, or, where no piece fits the rest, return None.",
    ),
    Slip(
        _cut_off(lambda word, end, piece: word.replace(word[:end], "") if end else ""),
        "takes-off-too-much",
        "The same piece can come twice: take it off the beginning only. (replace and strip take "
        "off more.)",
    ),
    Slip(_looks_back, "looks-back"),
    Slip(_from_the_right, "looks-back"),
    Slip(
        _cut(ends=lambda start, length: range(max(length - 1, start + 1), start, -1)),
        "not-the-whole-rest",
        "The whole rest may be a piece: try it first, before anything shorter.",
    ),
    Slip(_cut(ends=lambda start, length: range(length - 1, start, -1)), "not-the-whole-rest"),
    Slip(
        _cut(ends=lambda start, length: range(length, start + 1, -1)),
        "single-letter",
        "A piece may be a single letter: the last end to try is start + 1.",
    ),
    Slip(
        lambda word, vocabulary: [piece for piece in vocabulary if word.startswith(piece)],
        "more-than-in",
        "A vocabulary has thousands of pieces and a word only a few letters: go through the "
        "beginnings of the word, not through the vocabulary.",
    ),
    Slip(lambda word, vocabulary: match_longest(word.lower(), vocabulary), "ignores-case"),
    Slip(lambda word, vocabulary: match_longest(word, vocabulary) and None, NO_RETURN),
)


def _cut_and_go_on(word, vocabulary, marks=""):
    for end in range(len(word), 0, -1):
        piece = marks + word[:end]
        if piece in vocabulary:
            if end == len(word):
                return [piece]
            rest = _cut_and_go_on(word[end:], vocabulary, "##")
            return None if rest is None else [piece, *rest]
    return None


CUT_WORD = Exercise(
    id="01-2",
    title="Cut a word into pieces",
    function="cut_word",
    minutes=8,
    difficulty=3,
    right=match_longest,
    cases=CASES,
    kind=texts("pieces", or_none=True),
    properties=PROPERTIES,
    slips=SLIPS,
    alternative=_cut_and_go_on,
)
