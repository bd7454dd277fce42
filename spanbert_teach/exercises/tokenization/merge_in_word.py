"""Exercise 01-3: merge a pair of pieces."""

from itertools import pairwise

from spanbert_teach.exercises.checking import CHANGES, ENDLESS, Wrong
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import texts

BANANA = ["b", "##a", "##n", "##a", "##n", "##a"]
AN = ("##a", "##n")
LOOKS = 1_000  # at single places, in one call; a word of six pieces needs about twenty


class Pieces(list):
    """A list that stops a loop without end, before what the loop collects fills the memory."""

    looks = 0

    def __getitem__(self, place):
        self.looks += 1
        if self.looks > LOOKS:
            message = f"has looked more than {LOOKS:,} times at the pieces: a loop does not end."
            raise Wrong(message, ENDLESS)
        return super().__getitem__(place)

    def __deepcopy__(self, memo: dict) -> "Pieces":
        return Pieces(self)


def _case(pieces, pair, misconception="other", hint=""):
    return case(Pieces(pieces), pair, hint=hint, misconception=misconception)


OVERLAPS = (
    "overlaps",
    "Pairs do not overlap, and the left one comes first: a piece that has been merged is used up, "
    "and the next pair begins after it.",
)
COMPARES_TEXT = (
    "compares-text",
    "Compare whole pieces, one by one. As text the pair may seem to be there: inside longer "
    'pieces, across their borders, or when "##" is not looked at.',
)
CASES = (
    _case(BANANA, AN),
    _case(["x", *AN], AN, "pair-at-the-end", "A pair may end the word."),
    _case(
        BANANA,
        ("b", "##a"),
        "pair-at-the-start",
        'A pair may begin the word; then the new piece begins it too, without "##".',
    ),
    _case(["b", "##a"], ("b", "##a"), "edges", "A pair may be the whole word."),
    *(_case(["b", *["##a"] * count], ("##a", "##a"), *OVERLAPS) for count in (3, 4, 5)),
    _case(
        BANANA,
        ("##n", "##a"),
        "ignores-order",
        'The order counts: "##n" before "##a" is another pair than "##a" before "##n".',
    ),
    _case(
        ["b", "##a", "##n"],
        ("b", "##n"),
        "not-neighbours",
        "Only neighbours are merged, and here the two never stand side by side.",
    ),
    _case(["x", "##ba", "##n"], AN, *COMPARES_TEXT),
    _case(["b", "##a", "##nd"], AN, *COMPARES_TEXT),
    _case(["b", "##a", "##n"], ("a", "##n"), *COMPARES_TEXT),
    _case(["a", "##n"], AN, *COMPARES_TEXT),
    _case(["h", "##an", "##n", "##a"], ("##a", "##nn"), *COMPARES_TEXT),
    _case(["x", "##ban"], AN, *COMPARES_TEXT),
    _case(["b"], AN, "edges", "A word of one piece has no pair: it stays."),
    _case([], AN, "edges", "A word without pieces stays without."),
    _case(
        ["c", "###"],
        ("c", "###"),
        "strips-letters",
        'In "###" the last "#" is a letter, the one that "c#" ends with. strip and lstrip take off '
        'every "#" they meet; .removeprefix("##") and [2:] take off two.',
    ),
)


def _letters(pieces):
    return sum(len(piece) - piece.count("#") for piece in pieces)


PROPERTIES = (
    Property(
        lambda got, right, pieces, pair: [p for p in got if "#" in p[2:] and p not in pieces],
        "marks-inside",
        'The "##" says that something stands before the piece. Inside a piece, as in {}, it would '
        "be two letters: take it off the second piece.",
    ),
    Property(
        lambda got, right, pieces, pair: [p for p in got[1:] if p[:1] != "#"],
        "loses-all-marks",
        'Only the second piece of a pair loses its "##": {} still goes on with a word.',
    ),
    Property(
        lambda got, right, pieces, pair: _letters(got) < _letters(pieces),
        "letters-lost",
        "Letters of the word are missing. A new piece has those of both, and what stands beside a "
        "pair stays.",
    ),
    Property(
        lambda got, right, pieces, pair: _letters(got) > _letters(pieces),
        "second-stays",
        "Letters of the word are there twice. The second piece is part of the new one: do not keep "
        "it as well.",
    ),
)


# --- slips --------------------------------------------------------------------------------------


def _together(pieces, at, pair):
    return tuple(pieces[at : at + 2]) == pair


def _merge(
    joined=lambda first, second: first + second[2:],
    together=_together,
    after_a_pair=2,
    after_others=1,
    left_out=0,
):
    """Right, but for one place: the new piece, when two are the pair, or how the walk goes on."""

    def merge(pieces, pair):
        found, at = [], 0
        while at < len(pieces) - left_out:
            is_pair = together(pieces, at, pair)
            found.append(joined(*pair) if is_pair else pieces[at])
            at += after_a_pair if is_pair else after_others
        return found

    return merge


def _first_only(pieces, pair):
    for i, two in enumerate(pairwise(pieces)):
        if two == pair:
            return [*pieces[:i], two[0] + two[1][2:], *pieces[i + 2 :]]
    return list(pieces)


def _chains(pieces, pair):
    found = []
    for two in zip([None, *pieces], pieces, strict=False):
        if two == pair:
            found[-1] += two[1][2:]
        else:
            found.append(two[1])
    return found


def _from_the_right(pieces, pair):
    found = list(pieces)
    for at in range(len(found) - 2, -1, -1):
        if tuple(found[at : at + 2]) == pair:
            found[at : at + 2] = [pair[0] + pair[1][2:]]
    return found


def _in_place(pieces, pair):
    at = 0
    while at < len(pieces) - 1:
        if (pieces[at], pieces[at + 1]) == pair:
            pieces[at] += pieces.pop(at + 1)[2:]
        at += 1
    return pieces


def _in_a_for_loop(joined):
    return lambda pieces, pair: [
        joined(*two) if two == pair else two[0] for two in pairwise(pieces)
    ]


SLIPS = (
    Slip(_first_only, "first-only", "The pair occurs twice: go on after the first."),
    Slip(_merge(lambda first, second: first + second), "marks-inside"),
    Slip(_in_a_for_loop(lambda first, second: first + second), "marks-inside"),
    Slip(_merge(lambda *two: "".join(two).replace("##", "")), "loses-all-marks"),
    Slip(_merge(lambda *two: "##" + "".join(two).replace("##", "")), "pair-at-the-start"),
    Slip(_merge(lambda first, second: first + second.strip("#")), "strips-letters"),
    Slip(_merge(after_a_pair=1), "second-stays"),
    Slip(
        _merge(after_a_pair=3),
        "skips-after-a-merge",
        "A piece after the merged one is missing: a pair takes two places, go on after these two.",
    ),
    Slip(
        _merge(after_others=0),
        ENDLESS,
        "Each turn must move on: by two places after a pair, else by one.",
    ),
    Slip(_merge(left_out=1), "last-piece-lost", "The last piece is missing."),
    Slip(
        _in_a_for_loop(lambda first, second: first + second[2:]),
        "visits-every-pair",
        "Two things. The second piece of a pair is part of the new one, but the loop comes to it "
        "all the same: a `for` loop goes through every place, so walk with a place of your own, in "
        "a `while` loop. And the last piece, which has no neighbour, is missing: look at every "
        "place.",
    ),
    Slip(
        lambda pieces, pair: [a + b[2:] for a, b in pairwise(pieces) if (a, b) == pair],
        "only-pairs",
        "The pieces beside the pairs are missing. They stay.",
    ),
    Slip(
        _merge(together=lambda pieces, at, pair: pieces[at : at + 2] == pair),
        "nothing-merged",
        "Nothing is merged. Do you compare a list with a tuple? [1, 2] == (1, 2) is False in "
        "Python: tuple(pieces[i : i + 2]) == pair.",
    ),
    Slip(
        _merge(together=lambda pieces, at, pair: (pieces[at], pieces[at + 1]) == pair),
        "past-the-end",
        "The last piece has no neighbour after it: look at two pieces only where two are.",
    ),
    Slip(
        _merge(
            together=lambda pieces, at, pair: at + 2 < len(pieces) and _together(pieces, at, pair)
        ),
        "pair-at-the-end",
    ),
    Slip(
        _merge(together=lambda pieces, at, pair: sorted(pieces[at : at + 2]) == sorted(pair)),
        "ignores-order",
    ),
    Slip(
        lambda pieces, pair: (
            " ".join(pieces).replace(" ".join(pair), pair[0] + pair[1][2:]).split()
        ),
        "compares-text",
    ),
    Slip(_chains, "overlaps"),
    Slip(
        _from_the_right,
        "from-the-right",
        "The left pair comes first: go through the word from its beginning.",
    ),
    Slip(_in_place, CHANGES),
)


def _glued_to_the_one_before(pieces, pair):
    merged = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece[2:]
        else:
            merged.append(piece)
    return merged


MERGE_IN_WORD = Exercise(
    id="01-3",
    title="Merge a pair",
    function="merge_in_word",
    minutes=7,
    difficulty=2,
    right=_merge(),
    cases=CASES,
    kind=texts("pieces"),
    properties=PROPERTIES,
    slips=SLIPS,
    hint="From the left: where the pair stands, one piece; every other piece stays as it is.",
    alternative=_glued_to_the_one_before,
)
