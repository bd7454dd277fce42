"""Exercise 01-2: cut a word into pieces."""

from spanbert_teach.exercises.checking import (
    ENDLESS,
    NO_RETURN,
    Wrong,
    call,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.kinds import Endless, expect_texts
from spanbert_teach.wordpiece import match_longest

LOOK_UPS = 2_000  # in one call; a word of eleven letters needs 66


class _OnlyIn(Exception):
    pass


class _Vocabulary:
    """Answers `in` and nothing else; remembers what it was asked, and stops a loop without end."""

    def __init__(self, pieces: list[str]):
        self._pieces = pieces
        self.asked: list[object] = []

    def __contains__(self, piece: object) -> bool:
        self.asked.append(piece)
        if len(self.asked) > LOOK_UPS:
            raise Endless
        return piece in self._pieces

    def __deepcopy__(self, memo: dict) -> "_Vocabulary":
        return self  # so that the check can read `asked`; nothing in it can be changed

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self._pieces)) + "}"

    def __iter__(self):
        raise _OnlyIn

    def __len__(self) -> int:
        raise _OnlyIn

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: object):
        raise _OnlyIn

    def __getattr__(self, name: str):
        raise AttributeError(name) if name.startswith("__") else _OnlyIn


def check_cut_word(fn) -> None:
    """`cut_word(word, vocabulary)`: again and again the longest piece that the rest begins with."""
    for word, pieces, wrongly in (
        (
            "sea",
            "s se sea ##s ##e ##a",
            [
                (
                    ["se", "##a"],
                    "The whole rest may be a piece: try it first, before anything shorter.",
                    "not-the-whole-rest",
                )
            ],
        ),
        ("a", "a b ##a", ()),
        ("seaside", "s se sea ##s ##e ##a ##i ##d ##si ##side", ()),
        (
            "unhappiness",
            "u un ##h ##happi ##s ##ness ##n",
            [
                (
                    ["un", "##happi", "##s"],
                    "It goes on too far: ## is no part of the word, so a piece found with it is "
                    "two letters shorter than it looks. Move on by letters of the word.",
                    "counts-the-marks",
                )
            ],
        ),
        ("island", "i is isl ##s ##l ##la ##a ##n ##an ##d", ()),
        (
            "nana",
            "na ##na",
            [
                (
                    ["na"],
                    "The same piece can come twice: take it off the beginning only. (replace and "
                    "strip take off more.)",
                    "takes-off-too-much",
                )
            ],
        ),
        ("seaqside", "s sea ##s ##side side", ()),
        ("seaside", "sea side", ()),
        ("aside", "a side ##side ##s", ()),
        ("seaside", "##sea ##side", ()),
        ("sea", "##sea", ()),
        ("qsea", "s sea ##s ##sea", ()),
        ("seasideq", "sea ##side", ()),
        (
            "Sea",
            "sea S ##ea",
            [
                (
                    wrong,
                    'Capitals count: "S" and "s" are two letters, and "Sea" is not in this '
                    "vocabulary. Look the word up as it is.",
                    "ignores-case",
                )
                for wrong in (["sea"], ["Sea"])
            ],
        ),
        ("seaside", "sea seas ##side", ()),
        ("seaside", "sea seas ##side ##i ##d ##e", ()),
        ("seaside", "s ##easide sea ##s ##ide seas", ()),
    ):
        _expect_cut(fn, word, pieces.split(), wrongly)


def _expect_cut(fn, word, pieces, slips) -> None:
    """`slips`: (wrong result, hint, misconception) where the result itself tells the slip."""
    vocabulary, expected = _Vocabulary(pieces), match_longest(word, pieces)
    given = shown_call(fn, word, vocabulary)
    try:
        got = call(fn, word, vocabulary)
    except Wrong as wrong:
        if isinstance(wrong.__cause__, Endless):
            message = (
                f"{given} has asked the vocabulary more than {LOOK_UPS:,} times about a word of "
                f"{len(word)} letters: a loop in it does not end.\nEach turn must take a piece "
                "and move on, or, where no piece fits the rest, return None."
            )
            raise Wrong(message, ENDLESS) from wrong
        if isinstance(wrong.__cause__, _OnlyIn):
            message = (
                f"{given}: ask with `piece in vocabulary`. The vocabulary of this check answers "
                "`in` only, as the card says.\nA vocabulary has thousands of pieces and a word "
                "only a few letters: go through the beginnings of the word, not through the "
                "vocabulary."
            )
            raise Wrong(message, "more-than-in") from wrong
        if wrong.misconception != NO_RETURN:
            raise
        got = None
    if got is not None:
        expect_texts(got, given, "pieces (or None)")
    if got == expected:
        return
    if piled := ["##" + p for p in (expected or [])[1:] if "##" + p in vocabulary.asked]:
        hint = f'It asks for {piled[0]!r}: "##" stands once before every piece but the first.'
        misconception = "marks-pile-up"
    elif got is None:
        hint, misconception = _none_slip(vocabulary.asked, expected)
    else:
        hint, misconception = _cut_slip(word, got, expected, pieces)
    for wrong, its_hint, its_misconception in slips:
        if got == wrong:
            hint, misconception = its_hint, its_misconception
    message = f"{given} should be {shown(expected)}, but is {shown(got)}.\n{hint}"
    raise Wrong(message, misconception)


def _none_slip(asked: list[object], expected: list[str]) -> tuple[str, str]:
    """What was asked tells why a function returned None where the word has a cut."""
    first = expected[0]
    if len(first) == 1 and first not in asked:
        return f"A piece may be a single letter, as {first!r} here.", "single-letter"
    if not asked:
        return "It never asks the vocabulary. Is the `return` missing?", NO_RETURN
    if first not in asked and "##" + first in asked:
        return (
            'The first piece is looked up as it is; only later ones have "##".',
            "first-has-marks",
        )
    if len(expected) > 1 and not any(str(piece).startswith("##") for piece in asked):
        return 'Every piece but the first is looked up with "##" before it.', "no-marks"
    if missing := [piece for piece in expected if piece not in asked]:
        if len(missing[0].removeprefix("##")) == 1:
            return f"A piece may be a single letter, as {missing[0]!r} here.", "single-letter"
        if missing[0] == expected[-1]:
            return (
                f"It never asks for {missing[0]!r}, the whole rest of the word. Does your range "
                "begin at len(word)? The end of a slice is exclusive: word[start : len(word)] is "
                "all of the rest.",
                "not-the-whole-rest",
            )
        return (
            f"It never asks for {missing[0]!r}. Try every end, from len(word) down to start + 1.",
            "not-every-beginning",
        )
    return "It asked for all of these pieces. Is the `return` missing at the end?", NO_RETURN


def _cut_slip(
    word: str, got: list[str], expected: list[str] | None, pieces: list[str]
) -> tuple[str, str]:
    """The hint and the misconception that a wrong cut tells of."""
    text = "".join(piece.removeprefix("##") for piece in got)
    if "[UNK]" in got:
        return (
            "Return None itself: which token stands for an unknown word, the caller decides.",
            "returns-unk",
        )
    if not got:
        return "An empty list would be a word without pieces. Return None here.", "empty-list"
    if text != word and word.startswith(text):
        return (
            f"No piece fits what comes after {text!r}, so the word cannot be cut at all: return "
            "None, not the pieces found so far. (BERT makes the whole word [UNK].)"
            if expected is None
            else f"It stops after {text!r}, but the rest has pieces too.",
            "keeps-the-beginning",
        )
    if text != word:
        return (
            "The pieces together are not the word. Where no piece fits, nothing is left out: the "
            "whole word has no cut, and the answer is None.",
            "skips-letters",
        )
    if got[0].startswith("##") or (got[0] not in pieces and "##" + got[0] in pieces):
        return 'The first piece is looked up as it is: it has no "##".', "first-has-marks"
    if any(not piece.startswith("##") or piece not in pieces for piece in got[1:]):
        return (
            'Every piece but the first is looked up with "##" before it, and keeps it: "side" '
            'begins a word, "##side" goes on with one.',
            "no-marks",
        )
    if got[0] not in pieces:
        return f"{got[0]!r} is no piece of this vocabulary.", "not-in-vocabulary"
    if expected and all(len(a) <= len(b) for a, b in zip(got, expected, strict=False)):
        return "A longer piece fits: try the whole rest first, then ever shorter.", "shortest-first"
    return (
        "This cut exists, but it is not the one asked for: from the left, the longest piece is "
        "taken at once, and nobody looks back, not even when the rest then has no cut (None).",
        "looks-back",
    )


def _cut(word, vocabulary, *, longest=True, prefix="##", first=""):
    """Longest match with one mistake at a time; None where no piece fits."""
    pieces, start = [], 0
    while start < len(word):
        marks = prefix if start else first
        ends = range(start + 1, len(word) + 1)
        for end in reversed(ends) if longest else ends:
            if marks + word[start:end] in vocabulary:
                break
        else:
            return None
        pieces.append(marks + word[start:end])
        start = end
    return pieces


def _cut_shortest(word, vocabulary):
    return _cut(word, vocabulary, longest=False)


def _cut_without_marks(word, vocabulary):
    return _cut(word, vocabulary, prefix="")


def _cut_marks_added_later(word, vocabulary):
    pieces = []
    while word:
        end = next((e for e in range(len(word), 0, -1) if word[:e] in vocabulary), None)
        if end is None:
            return None
        pieces.append("##" + word[:end] if pieces else word[:end])
        word = word[end:]
    return pieces


def _cut_all_with_marks(word, vocabulary):
    return _cut(word, vocabulary, first="##")


def _cut_counts_the_marks(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        piece = next((p for e in ends if (p := prefix + word[start:e]) in vocabulary), None)
        if piece is None:
            return None
        pieces.append(piece)
        start += len(piece)
    return pieces


def _cut_keeps_the_beginning(word, vocabulary):
    pieces = []
    while word:
        prefix = "##" if pieces else ""
        for end in range(len(word), 0, -1):
            if prefix + word[:end] in vocabulary:
                pieces.append(prefix + word[:end])
                word = word[end:]
                break
        else:
            break
    return pieces


def _cut_unknown(word, vocabulary):
    return _cut(word, vocabulary) or ["[UNK]"]


def _cut_empty(word, vocabulary):
    return _cut(word, vocabulary) or []


def _cut_skips_letters(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if pieces else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocabulary:
                pieces.append(prefix + word[start:end])
                start = end
                break
        else:
            start += 1
    return pieces or None


def _cut_for_ever(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = len(word)
        while end > start and prefix + word[start:end] not in vocabulary:
            end -= 1
        if end > start:
            pieces.append(prefix + word[start:end])
        start = end
    return pieces


def _cut_looks_back(word, vocabulary, prefix=""):
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if prefix + word[:end] in vocabulary:
            rest = _cut_looks_back(word[end:], vocabulary, "##")
            if rest is not None:
                return [prefix + word[:end], *rest]
    return None


def _cut_from_the_right(word, vocabulary):
    pieces, end = [], len(word)
    while end:
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.insert(0, piece)
                end = start
                break
        else:
            return None
    return pieces


def _cut_never_the_whole(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(max(len(word) - 1, start + 1), start, -1):
            if prefix + word[start:end] in vocabulary:
                break
        else:
            return None
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def _cut_no_single_letters(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = len(word)
        while end > start + 1 and prefix + word[start:end] not in vocabulary:
            end -= 1
        if end <= start + 1:
            return None
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def _cut_replaces(word, vocabulary):
    pieces = []
    while word:
        prefix = "##" if pieces else ""
        ends = [e for e in range(len(word), 0, -1) if prefix + word[:e] in vocabulary]
        if not ends:
            return None
        pieces.append(prefix + word[: ends[0]])
        word = word.replace(word[: ends[0]], "")
    return pieces


def _cut_through_the_vocabulary(word, vocabulary):
    fitting = [piece for piece in vocabulary if word.startswith(piece)]
    return [max(fitting, key=len)] if fitting else None


def _cut_range_too_short(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word) - 1, start, -1):
            if prefix + word[start:end] in vocabulary:
                break
        else:
            return None
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def _cut_marks_pile_up(word, vocabulary):
    pieces, start, prefix = [], 0, ""
    while start < len(word):
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocabulary:
                break
        else:
            return None
        pieces.append(prefix + word[start:end])
        prefix += "##"
        start = end
    return pieces


def _cut_lowered(word, vocabulary):
    return _cut(word.lower(), vocabulary)


def _cut_without_return(word, vocabulary):
    pieces = _cut(word, vocabulary)
    if pieces is None:
        return None


def _cut_alternative(word, vocabulary, prefix=""):
    for end in range(len(word), 0, -1):
        piece = prefix + word[:end]
        if piece in vocabulary:
            if end == len(word):
                return [piece]
            rest = _cut_alternative(word[end:], vocabulary, "##")
            return None if rest is None else [piece, *rest]
    return None


CUT_WORD = Exercise(
    id="01-2",
    title="Cut a word into pieces",
    function="cut_word",
    minutes=8,
    difficulty=3,
    more=check_cut_word,
    slips=(
        Slip(_cut_shortest, "shortest-first"),
        Slip(_cut_without_marks, "no-marks"),
        Slip(_cut_marks_added_later, "no-marks"),
        Slip(_cut_all_with_marks, "first-has-marks"),
        Slip(_cut_counts_the_marks, "counts-the-marks"),
        Slip(_cut_keeps_the_beginning, "keeps-the-beginning"),
        Slip(_cut_unknown, "returns-unk"),
        Slip(_cut_empty, "empty-list"),
        Slip(_cut_skips_letters, "skips-letters"),
        Slip(_cut_for_ever, ENDLESS),
        Slip(_cut_looks_back, "looks-back"),
        Slip(_cut_from_the_right, "looks-back"),
        Slip(_cut_never_the_whole, "not-the-whole-rest"),
        Slip(_cut_no_single_letters, "single-letter"),
        Slip(_cut_replaces, "takes-off-too-much"),
        Slip(_cut_through_the_vocabulary, "more-than-in"),
        Slip(_cut_range_too_short, "not-the-whole-rest"),
        Slip(_cut_marks_pile_up, "marks-pile-up"),
        Slip(_cut_lowered, "ignores-case"),
        Slip(_cut_without_return, NO_RETURN),
    ),
    alternative=_cut_alternative,
)
