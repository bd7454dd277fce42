"""What the view of lesson 01 shows, as numbers: greedy longest-match search, look-up by look-up.

The steps are not written down anywhere: a function that cuts words is called with a vocabulary
that notes what it is asked, so a learner's own function shows its own steps.
"""

import reprlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from spanbert_teach.tokenization import LONGEST_WORD, UNKNOWN, match_longest
from spanbert_teach.views.own_function import Enough, stopped_with

# A word of LONGEST_WORD letters takes 5,050 look-ups at most; far above that a loop never ends.
MOST_LOOKUPS = 20_000
MOST_WALKS = 1_000  # through the whole vocabulary, which take the time of many look-ups
NO_ID = -1
NOTHING = {"answer": 0, "word": "", "letters": [], "lookups": [], "pieces": [], "unknown": None}
NOTHING |= {"result": "", "problem": ""}


class RecordingVocabulary(Mapping):
    """A vocabulary to read from that notes each piece it is asked for, and whether it has it.

    `piece in vocabulary`, `vocabulary[piece]` and `vocabulary.get(piece)` are look-ups; to read the
    id of the piece that was just found is none. Length and loops work, and are not noted.
    """

    def __init__(self, vocabulary: Container[str]):
        self._vocabulary = vocabulary
        self._walks = 0
        self.asked: list[tuple[str, bool]] = []

    def _note(self, piece: object, found: bool) -> None:
        if len(self.asked) == MOST_LOOKUPS:
            raise Enough(f"was stopped after {MOST_LOOKUPS:,} look-ups. Does its loop ever end?")
        self.asked.append((str(piece), found))

    def __contains__(self, piece: object) -> bool:
        found = piece in self._vocabulary
        self._note(piece, found)
        return found

    def __getitem__(self, piece: str):
        if self.asked[-1:] != [(piece, True)]:
            self._note(piece, piece in self._vocabulary)
        return self._vocabulary[piece]

    def __len__(self) -> int:
        return len(self._vocabulary)

    def _walk(self) -> Container[str]:
        self._walks += 1
        if self._walks > MOST_WALKS:
            raise Enough(
                f"was stopped: it went through the whole vocabulary {MOST_WALKS:,} times. "
                "Does its loop ever end?"
            )
        return self._vocabulary

    def __iter__(self) -> Iterator[str]:
        return iter(self._walk())

    def items(self):  # Mapping's own would look every piece up
        return self._walk().items()

    def values(self):
        return self._walk().values()


class Taken(NamedTuple):
    """A piece that was taken: the word from `start` to `end` (exclusive), by the look-ups `first`
    to `last` - 1."""

    token: str
    start: int
    end: int
    first: int
    last: int


def place(word: str, text: str, starts: Iterable[int]) -> tuple[int, int] | None:
    """Which part of the word a look-up speaks of: (start, end) at the first start that it fits.

    A text with "##" where none belongs, or without it where it does, comes second.
    """
    starts = list(starts)
    bare = text.removeprefix("##")
    for regular in (True, False):
        for start in starts:
            marks = bool(start) == regular
            part = text if not marks else bare if bare != text else ""
            if part and word.startswith(part, start):
                return start, start + len(part)
    return None


def follow(
    word: str, asked: list[tuple[str, bool]], pieces: list[str] | None
) -> tuple[list[list], list[Taken]]:
    """Where in the word each look-up was, and which look-ups belong to which piece.

    A look-up that fits after a piece that was found shows that this piece was taken. Where the
    pieces are not known (None) any piece found may be the one.

    Returns:
        look-ups: [start, end, found, text] each; start and end are -1 where the text is no part of
        the rest, text is "" where it is that part, with "##" before it except at the start.
        the pieces that were taken, in the word's order.
    """
    lookups, taken = [], []
    start = first = 0
    ends: dict[int, str] = {}  # where a piece found from `start` on ends -> that piece
    for number, (text, found) in enumerate(asked):
        spot = place(word, text, [*reversed(ends), start])
        if spot and spot[0] != start:
            taken.append(Taken(ends[spot[0]], start, spot[0], first, number))
            start, first, ends = spot[0], number, {}
        regular = spot and text == ("##" if spot[0] else "") + word[spot[0] : spot[1]]
        shown = text if len(text) <= 2 * LONGEST_WORD else text[: 2 * LONGEST_WORD] + "…"
        lookups.append([*(spot or (-1, -1)), found, "" if regular else shown])
        expected = pieces is None or pieces[len(taken) : len(taken) + 1] == [text]
        if found and spot and expected:
            ends[spot[1]] = text
    if len(word) in ends:
        taken.append(Taken(ends[len(word)], start, len(word), first, len(asked)))
    elif pieces:  # what is left was not looked up, or not piece by piece
        for piece in pieces[len(taken) :]:
            end = start + len(piece) - (2 if start else 0)
            taken.append(Taken(piece, start, end, first, len(asked)))
            start, first = end, len(asked)
    return lookups, taken


def fault(word: str, answer: object, vocabulary: Container[str]) -> str:
    """What is wrong with an answer that should be the word's pieces or None; "" if nothing."""
    if answer is None:
        return ""
    if not isinstance(answer, list | tuple) or not all(isinstance(p, str) for p in answer):
        return f"gave back {reprlib.repr(answer)}; it should be a list of pieces, or None."
    if any(not piece.startswith("##") for piece in answer[1:]):
        return f"gave back {reprlib.repr(answer)}; every piece but the first begins with “##”."
    joined = "".join([*answer[:1], *(piece[2:] for piece in answer[1:])])
    if joined != word or "##" in answer[1:]:
        return f"gave back {reprlib.repr(answer)}; joined, that is not {both_ends(word)!r}."
    if wrong := [piece for piece in answer if piece not in vocabulary]:
        return f"gave back {both_ends(wrong[0])!r}, which is not in the vocabulary."
    return ""


def longest_match(
    word: str,
    vocabulary: Container[str],
    match: Callable[[str, Container[str]], list[str] | None] = match_longest,
    ids: Mapping[str, int] | None = None,
) -> dict:
    """All that the view shows of one word, as plain numbers and strings.

    Args:
        match: the function that cuts the word; None stands for [UNK]. It may fail.
        ids: the pieces' ids; if not given, the vocabulary's own where it has them.

    Returns:
        word, letters; lookups: see `follow`; pieces: the fields of `Taken` and id (-1: none) each;
        of an unknown word those found before the search gave up; unknown: the id of [UNK] if that
        is what the word becomes, else None; result: one sentence; problem: what went wrong in
        `match`, else "".
    """
    if ids is None:
        ids = vocabulary if isinstance(vocabulary, Mapping) else {}
    recording = RecordingVocabulary(vocabulary)
    answer = None
    try:
        answer = match(word, recording)
        problem = fault(word, answer, vocabulary)
    except Enough as stopped:
        problem = str(stopped)
    except Exception as error:
        problem = stopped_with(error)
    pieces = None if problem or answer is None else list(answer)
    lookups, taken = follow(word, recording.asked, pieces)
    unknown = pieces is None and not problem
    return {
        "word": word,
        "letters": list(word),
        "lookups": lookups,
        "pieces": [piece._asdict() | {"id": ids.get(piece.token, NO_ID)} for piece in taken],
        "unknown": ids.get(UNKNOWN, NO_ID) if unknown else None,
        "result": "" if problem else result(word, pieces, len(lookups), taken),
        "problem": problem and f"{getattr(match, '__name__', 'The function')} {problem}",
    }


def result(word: str, pieces: list[str] | None, lookups: int, taken: list[Taken]) -> str:
    """The outcome of a search in one sentence, or two."""
    if pieces is None and not lookups and len(word) > LONGEST_WORD:
        return (
            f"{both_ends(word)} → {UNKNOWN}: a word of more than {LONGEST_WORD} letters is not "
            f"searched at all, and this has {len(word):,}."
        )
    asked = count(lookups, "look-up") + "."
    if not lookups:
        asked = "no look-up seen. (The function does not ask “piece in vocabulary”.)"
    if pieces is not None:
        few = pieces if len(pieces) <= 12 else [*pieces[:8], "…", *pieces[-3:]]
        cut = " ".join(both_ends(piece) for piece in few)
        return f"{both_ends(word)} → {cut}: {count(len(pieces), 'piece')}, {asked}"
    rest = word[taken[-1].end if taken else 0 :]
    why = (
        f"no piece fits the rest “{both_ends(rest)}”" if lookups and rest else "the answer is None"
    )
    return f"{both_ends(word)} → {UNKNOWN}: {why}, so the whole word is unknown; {asked}"


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def both_ends(text: str) -> str:
    """A long text by its beginning and end, so that it stays on a line."""
    return text if len(text) <= 40 else f"{text[:24]}…{text[-12:]}"
