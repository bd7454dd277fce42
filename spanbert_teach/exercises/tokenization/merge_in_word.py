"""Exercise 01-3: merge a pair of pieces."""

from itertools import pairwise

from spanbert_teach.exercises.checking import (
    ENDLESS,
    Wrong,
    call,
    call_uncopied,
    expect,
    expect_equal,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.kinds import Endless, expect_texts

BANANA = ["b", "##a", "##n", "##a", "##n", "##a"]
AN = ("##a", "##n")
LOOKS = 1_000  # at the list, in one call; a word of six pieces needs about twenty


class _Pieces(list):
    """A list that stops a loop without end, before what the loop collects fills the memory."""

    looks = 0

    def _look(self) -> None:
        self.looks += 1
        if self.looks > LOOKS:
            raise Endless

    def __len__(self) -> int:
        self._look()
        return super().__len__()

    def __getitem__(self, place):
        self._look()
        return super().__getitem__(place)


def check_merge_in_word(fn) -> None:
    """`merge_in_word(pieces, pair)`: every occurrence of the pair as one piece, from the left."""

    def expect_merged(pieces, pair, expected, hint, misconception, slips=()):
        """`slips`: (wrong result, hint, misconception) where the result itself tells the slip."""
        given = shown_call(fn, pieces, pair)
        try:
            got = call(fn, _Pieces(pieces), pair)
        except Wrong as wrong:
            if isinstance(wrong.__cause__, Endless):
                message = (
                    f"{given} has looked more than {LOOKS:,} times at the pieces: a loop in it "
                    "does not end.\n"
                    "Each turn must move on: by two places after a pair, else by one."
                )
                raise Wrong(message, ENDLESS) from wrong
            if "IndexError" not in wrong.message:
                raise
            hint = (
                "The last piece has no neighbour after it: look at two pieces only where two are."
            )
            raise Wrong(f"{wrong.message}\n{hint}", "past-the-end") from wrong
        expect_texts(got, given, "pieces")
        for wrong, its_hint, its_misconception in slips:
            if got == wrong:
                hint, misconception = its_hint, its_misconception
        expect_equal(got, expected, given=given, hint=hint, misconception=misconception)

    left = "From the left: where the pair stands, one piece; every other piece stays as it is."
    marks_inside = (
        'The "##" says that something stands before the piece. Inside a piece it would be '
        "two letters: take it off the second piece.",
        "marks-inside",
    )
    expect_merged(
        BANANA,
        AN,
        ["b", "##an", "##an", "##a"],
        left,
        "other",
        [
            (
                ["b", "##an", "##a", "##n", "##a"],
                "The pair occurs twice: go on after the first.",
                "first-only",
            ),
            (["b", "##a##n", "##a##n", "##a"], *marks_inside),
            (["b", "##a##n", "##n", "##a##n", "##n"], *marks_inside),
            (
                ["b", "##an", "##n", "##an", "##n"],
                "Two things. The second piece of a pair is part of the new one, but the loop comes "
                "to it all the same: a `for` loop goes through every place, so walk with a place "
                "of your own, in a `while` loop. And the last piece, which has no neighbour, is "
                "missing: look at every place.",
                "visits-every-pair",
            ),
            (
                ["b", "an", "an", "##a"],
                'Only the second piece loses its "##": the new piece still goes on with a word.',
                "loses-all-marks",
            ),
            (
                ["b", "##an", "##n", "##an", "##n", "##a"],
                "The second piece is part of the new one: do not keep it as well.",
                "second-stays",
            ),
            (["b", "##an", "##an"], "The last piece is missing.", "last-piece-lost"),
            (
                ["b", "##an", "##n", "##a"],
                "A piece after the merged one is missing: a pair takes two places, go on after "
                "these two.",
                "skips-after-a-merge",
            ),
            (["##an", "##an"], "The pieces beside the pairs are missing. They stay.", "only-pairs"),
            (
                ["b", "##anan", "##a"],
                "Two merged pieces are merged once more. One call makes each pair one piece, and "
                "no more.",
                "merges-the-merged",
            ),
            (
                BANANA,
                "Nothing is merged. Do you compare a list with a tuple? [1, 2] == (1, 2) is False "
                "in Python: tuple(pieces[i : i + 2]) == pair.",
                "nothing-merged",
            ),
            (
                ["b", "##an", "##an", "##an", "##a"],
                'After a merge the "##n" is used up: begin again after it.',
                "overlaps",
            ),
        ],
    )
    expect_merged(["x", *AN], AN, ["x", "##an"], "A pair may end the word.", "pair-at-the-end")
    expect_merged(
        BANANA,
        ("b", "##a"),
        ["ba", *BANANA[2:]],
        'A pair may begin the word; then the new piece begins it too, without "##".',
        "pair-at-the-start",
    )
    expect_merged(["b", "##a"], ("b", "##a"), ["ba"], "A pair may be the whole word.", "edges")
    overlapping = (
        "Pairs do not overlap, and the left one comes first: a piece that has been merged is used "
        "up, and the next pair begins after it."
    )
    from_the_right = "The left pair comes first: go through the word from its beginning."
    for count, expected, right in [
        (3, ["b", "##aa", "##a"], ["b", "##a", "##aa"]),
        (4, ["b", "##aa", "##aa"], []),
        (5, ["b", "##aa", "##aa", "##a"], ["b", "##a", "##aa", "##aa"]),
    ]:
        pieces = ["b", *["##a"] * count]
        slips = [(right, from_the_right, "from-the-right")]
        expect_merged(pieces, ("##a", "##a"), expected, overlapping, "overlaps", slips)
    expect_merged(
        BANANA,
        ("##n", "##a"),
        ["b", "##a", "##na", "##na"],
        'The order counts: "##n" before "##a" is another pair than "##a" before "##n".',
        "ignores-order",
    )
    neighbours = "Only neighbours are merged, and here the two never stand side by side."
    apart = ["b", "##a", "##n"]
    expect_merged(apart, ("b", "##n"), apart, neighbours, "not-neighbours")
    whole = (
        "Compare whole pieces, one by one. As text the pair may seem to be there: inside longer "
        'pieces, across their borders, or when "##" is not looked at.'
    )
    for pieces, pair in [
        (["x", "##ba", "##n"], AN),
        (["b", "##a", "##nd"], AN),
        (["b", "##a", "##n"], ("a", "##n")),
        (["a", "##n"], AN),
        (["h", "##an", "##n", "##a"], ("##a", "##nn")),
        (["x", "##ban"], AN),
    ]:
        expect_merged(pieces, pair, pieces, whole, "compares-text")
    expect_merged(["b"], AN, ["b"], "A word of one piece has no pair: it stays.", "edges")
    expect_merged([], AN, [], "A word without pieces stays without.", "edges")
    expect_merged(
        ["c", "###"],
        ("c", "###"),
        ["c#"],
        'In "###" the last "#" is a letter, the one that "c#" ends with. strip and lstrip take '
        'off every "#" they meet; .removeprefix("##") and [2:] take off two.',
        "strips-letters",
    )
    original = list(BANANA)
    call_uncopied(fn, original, AN)
    expect(
        original == BANANA,
        "merge_in_word changed the list it was given: whoever called it has lost the old pieces.\n"
        "Build a new list.",
        "changes-its-input",
    )


def _merge_first_only(pieces, pair):
    for i in range(len(pieces) - 1):
        if (pieces[i], pieces[i + 1]) == pair:
            return [*pieces[:i], pieces[i] + pieces[i + 1][2:], *pieces[i + 2 :]]
    return pieces


def _merge_marks_inside(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1])


def _merge_all_marks_off(pieces, pair):
    return _merge_with(pieces, pair, "".join(pair).replace("##", ""))


def _merge_with(pieces, pair, merged, step=2, places=0):
    """`step`: how far to go on after a pair; `places`: how many at the end are not looked at."""
    found, at = [], 0
    while at < len(pieces) - places:
        together = tuple(pieces[at : at + 2]) == pair
        found.append(merged if together else pieces[at])
        at += step if together else 1
    return found


def _merge_and_skip(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1][2:], step=3)


def _merge_overlapping(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1][2:], step=1)


def _merge_without_the_last(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1][2:], places=1)


def _merge_chains(pieces, pair):
    found, before = [], None
    for piece in pieces:
        if (before, piece) == pair:
            found[-1] += piece[2:]
        else:
            found.append(piece)
        before = piece
    return found


def _merge_list_with_tuple(pieces, pair):
    found, at = [], 0
    while at < len(pieces):
        if pieces[at : at + 2] == pair:
            found.append(pieces[at] + pieces[at + 1][2:])
            at += 2
        else:
            found.append(pieces[at])
            at += 1
    return found


def _merge_past_the_end(pieces, pair):
    found, at = [], 0
    while at < len(pieces):
        if pieces[at] == pair[0] and pieces[at + 1] == pair[1]:
            found.append(pieces[at] + pieces[at + 1][2:])
            at += 2
        else:
            found.append(pieces[at])
            at += 1
    return found


def _merge_for_ever(pieces, pair):
    found, at = [], 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            found.append(pieces[at] + pieces[at + 1][2:])
            at += 2
        else:
            found.append(pieces[at])
    return found


def _merge_never_the_last_two(pieces, pair):
    found, at = [], 0
    while at < len(pieces):
        if at + 2 < len(pieces) and (pieces[at], pieces[at + 1]) == pair:
            found.append(pieces[at] + pieces[at + 1][2:])
            at += 2
        else:
            found.append(pieces[at])
            at += 1
    return found


def _merge_text(pieces, pair):
    return " ".join(pieces).replace(" ".join(pair), pair[0] + pair[1][2:]).split()


def _merge_joined(pieces, pair):
    found, at = [], 0
    merged = pair[0] + pair[1].removeprefix("##")
    while at < len(pieces):
        if "".join(pieces[at : at + 1]) + "".join(pieces[at + 1 : at + 2])[2:] == merged:
            found.append(merged)
            at += 2
        else:
            found.append(pieces[at])
            at += 1
    return found


def _merge_any_order(pieces, pair):
    found, at = [], 0
    while at < len(pieces):
        if sorted(pieces[at : at + 2]) == sorted(pair):
            found.append(pieces[at] + pieces[at + 1][2:])
            at += 2
        else:
            found.append(pieces[at])
            at += 1
    return found


def _merge_from_the_right(pieces, pair):
    found = list(pieces)
    for at in range(len(found) - 2, -1, -1):
        if tuple(found[at : at + 2]) == pair:
            found[at : at + 2] = [pair[0] + pair[1][2:]]
    return found


def _merge_in_place(pieces, pair):
    at = 0
    while at < len(pieces) - 1:
        if (pieces[at], pieces[at + 1]) == pair:
            pieces[at] += pieces.pop(at + 1)[2:]
        at += 1
    return pieces


def _merge_keeps_the_second(pieces, pair):
    found = []
    for at, piece in enumerate(pieces):
        together = tuple(pieces[at : at + 2]) == pair
        found.append(piece + pair[1][2:] if together else piece)
    return found


def _merge_visits_every_pair(pieces, pair):
    found = []
    for at in range(len(pieces) - 1):
        if (pieces[at], pieces[at + 1]) == pair:
            found.append(pieces[at] + pieces[at + 1].removeprefix("##"))
        else:
            found.append(pieces[at])
    return found


def _merge_visits_and_keeps_marks(pieces, pair):
    return [a + b if (a, b) == pair else a for a, b in pairwise(pieces)]


def _merge_lstrips(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1].lstrip("##"))  # noqa: B005 (the mistake)


def _merge_strips(pieces, pair):
    return _merge_with(pieces, pair, pair[0] + pair[1].strip("#"))


def _merge_with_marks(pieces, pair):
    return _merge_with(pieces, pair, "##" + "".join(pair).replace("##", ""))


def _merge_alternative(pieces, pair):
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
    more=check_merge_in_word,
    slips=(
        Slip(_merge_first_only, "first-only"),
        Slip(_merge_marks_inside, "marks-inside"),
        Slip(_merge_all_marks_off, "loses-all-marks"),
        Slip(_merge_with_marks, "pair-at-the-start"),
        Slip(_merge_keeps_the_second, "second-stays"),
        Slip(_merge_and_skip, "skips-after-a-merge"),
        Slip(_merge_without_the_last, "last-piece-lost"),
        Slip(_merge_list_with_tuple, "nothing-merged"),
        Slip(_merge_past_the_end, "past-the-end"),
        Slip(_merge_for_ever, ENDLESS),
        Slip(_merge_never_the_last_two, "pair-at-the-end"),
        Slip(_merge_overlapping, "second-stays"),
        Slip(_merge_chains, "overlaps"),
        Slip(_merge_from_the_right, "from-the-right"),
        Slip(_merge_any_order, "ignores-order"),
        Slip(_merge_text, "compares-text"),
        Slip(_merge_joined, "compares-text"),
        Slip(_merge_in_place, "changes-its-input"),
        Slip(_merge_visits_every_pair, "visits-every-pair"),
        Slip(_merge_visits_and_keeps_marks, "marks-inside"),
        Slip(_merge_lstrips, "strips-letters"),
        Slip(_merge_strips, "strips-letters"),
    ),
    alternative=_merge_alternative,
)
