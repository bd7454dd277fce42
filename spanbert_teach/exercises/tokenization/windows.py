"""The exercises of lesson 01 that count places: the ranges of words (01-4), windows (01-5)."""

from itertools import pairwise

from spanbert_teach.encoding import window_starts
from spanbert_teach.exercises.checking import (
    ENDLESS,
    Wrong,
    call,
    call_uncopied,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.kinds import Pairs, expect_pairs


def expect_places(fn, *args, expected: Pairs, slip) -> None:
    """Call, and expect these pairs; `slip(got)` gives hint and misconception where they differ."""
    given = shown_call(fn, *args)
    got = call(fn, *args)
    pairs = expect_pairs(got, given)
    if pairs != expected:
        hint, misconception = slip(pairs)
        message = f"{given} should be {shown(expected)}, but is {shown(got)}.\n{hint}"
        raise Wrong(message, misconception)


# --- 01-4: the range of each word ---------------------------------------------------------------


def check_word_ranges(fn) -> None:
    """`word_ranges(word_starts)`: where the pieces of each word begin and end, end exclusive."""
    for starts in (
        [True, False, False, True, True, False],
        [True, False, False, True],
        [True, False],
        [True, True, True],
        [True],
        [True, False, False, False],
        [True, True, False, False, True, False, True, True],
        [],
    ):
        firsts = [place for place, first in enumerate(starts) if first]
        expected = list(pairwise([*firsts, len(starts)]))
        given = shown_call(fn, starts)
        try:
            got = call(fn, starts)
        except Wrong as wrong:
            if starts or "IndexError" not in wrong.message:
                raise
            hint = "A text without pieces has no words: return an empty list."
            raise Wrong(f"{wrong.message}\n{hint}", "empty-text") from wrong
        _refuse_lists_of_pieces(got, expected, given)
        expect_places(
            fn, starts, expected=expected, slip=lambda got, e=expected: _range_slip(got, e)
        )
    original = [True, False, True]
    call_uncopied(fn, original)
    expect(
        original == [True, False, True],
        "word_ranges changed the list it was given. Look at it, but leave it as it is.",
        "changes-its-input",
    )


def _refuse_lists_of_pieces(got, expected: Pairs, given: str) -> None:
    """Before pairs are looked for: a list of two places looks like a pair."""
    if not isinstance(got, list) or not expected:
        return
    inner = [list(word) if isinstance(word, tuple | list | range) else word for word in got]
    kinds = {type(word) for word in inner}
    places = [list(range(start, end)) for start, end in expected]
    expect(
        not (kinds == {list} and inner == places),
        f"{given} lists every place of each word: {shown(got)}.\n"
        "Two numbers are enough: where it begins, and the place after its last piece.",
        "all-places",
    )
    expect(
        not (kinds == {int} and inner == [start for start, _ in expected]),
        f"{given} says where words begin: {shown(got)}.\nWhere does each of them end?",
        "starts-only",
    )


def _range_slip(got: Pairs, expected: Pairs) -> tuple[str, str]:
    """The hint and the misconception that wrong ranges tell of."""
    length = expected[-1][1] if expected else 0
    if not expected:
        return "A text without pieces has no words: return an empty list.", "empty-text"
    if got == expected[:-1]:
        return (
            "The last word is missing. No word begins after it, so nothing ends it but the end "
            "of the list.",
            "last-word-lost",
        )
    for wrong, hint, misconception in [
        (
            [(start, end - 1) for start, end in expected],
            "These ends are the last piece of each word. The end is exclusive, as in a slice: "
            "pieces[start:end] must give the whole word.",
            "end-included",
        ),
        (
            [(start, end - start) for start, end in expected],
            "The second number is how many pieces the word has. Return where it ends.",
            "start-and-length",
        ),
        (
            [(start, end) for start, end in expected if end - start > 1],
            "Words of a single piece are words too, and have a range: (3, 4) holds piece 3.",
            "only-cut-words",
        ),
        (
            [(place, place + 1) for place in range(length)],
            "Each piece has got its own range. A word goes on while word_starts is False.",
            "each-piece",
        ),
        (
            expected[1:],
            "The first word is missing. It begins at place 0, and 0 counts as False: after "
            "`begin = None`, ask `begin is not None` instead of `if begin`.",
            "first-word-lost",
        ),
        (
            [(start + 1, end + 1) for start, end in expected],
            "Everything is one place too far: here is no [CLS], the first piece is at place 0.",
            "counts-from-one",
        ),
        (
            [(start, end + 1) for start, end in expected],
            "The ends are one too far: a word ends where the next one begins.",
            "one-too-far",
        ),
        (
            [(start + 1, end) for start, end in expected],
            "The first piece of each word belongs to it, although it has no ## before it.",
            "first-piece-left-out",
        ),
    ]:
        if got == wrong:
            return hint, misconception
    if got[:-1] == expected[:-1] and got and got[-1][0] == expected[-1][0]:
        return "The last word ends with the text, at len(word_starts).", "wrong-last-end"
    return "A word begins where word_starts is True and ends where the next one begins.", "other"


def _ranges_without_the_last(word_starts):
    ranges, begin = [], 0
    for place, first in enumerate(word_starts):
        if first and place > 0:
            ranges.append((begin, place))
            begin = place
    return ranges


def _ranges_end_included(word_starts):
    return [(start, end - 1) for start, end in _ranges_alternative(word_starts)]


def _ranges_with_lengths(word_starts):
    return [(start, end - start) for start, end in _ranges_alternative(word_starts)]


def _ranges_of_cut_words(word_starts):
    ranges, place = [], 0
    while place < len(word_starts):
        end = place + 1
        while end < len(word_starts) and not word_starts[end]:
            end += 1
        if end - place >= 2:
            ranges.append((place, end))
        place = end
    return ranges


def _ranges_as_places(word_starts):
    words = []
    for place, first in enumerate(word_starts):
        if first:
            words.append([])
        words[-1].append(place)
    return words


def _ranges_of_pieces(word_starts):
    return [(place, place + 1) for place in range(len(word_starts))]


def _ranges_starts(word_starts):
    return [place for place, first in enumerate(word_starts) if first]


def _ranges_without_the_first(word_starts):
    ranges, begin = [], None
    for place, first in enumerate([*word_starts, True]):
        if first:
            if begin:
                ranges.append((begin, place))
            begin = place
    return ranges


def _ranges_from_one(word_starts):
    return [(start + 1, end + 1) for start, end in _ranges_alternative(word_starts)]


def _ranges_to_the_last_place(word_starts):
    firsts = [place for place, first in enumerate(word_starts) if first]
    return list(pairwise([*firsts, len(word_starts) - 1]))


def _ranges_of_nothing(word_starts):
    ranges, begin = [], 0
    for place in range(1, len(word_starts)):
        if word_starts[place]:
            ranges.append((begin, place))
            begin = place
    return [*ranges, (begin, len(word_starts))]


def _ranges_add_a_start(word_starts):
    word_starts.append(True)
    firsts = [place for place, first in enumerate(word_starts) if first]
    return list(pairwise(firsts))


def _ranges_that_yield(word_starts):
    yield from _ranges_alternative(word_starts)


def _ranges_for_ever(word_starts):
    ranges, place = [], 0
    while place < len(word_starts):
        end = place
        while end < len(word_starts) and not word_starts[end]:
            end += 1
        ranges.append((place, end))
        place = end
    return ranges


def _ranges_alternative(word_starts):
    ranges = []
    for place, first in enumerate(word_starts):
        begin = place if first else ranges.pop()[0]
        ranges.append((begin, place + 1))
    return ranges


# --- 01-5: windows over a long text -------------------------------------------------------------


def check_windows(fn) -> None:
    """`windows(length, size, stride)`: (start, end) of windows that share `stride` pieces."""
    named = [(10, 4, 1), (9, 4, 1), (12, 5, 2), (3, 4, 1), (4, 4, 1), (5, 4, 1), (0, 4, 1)]
    small = [
        (length, size, stride)
        for size in range(1, 7)
        for stride in range(size)
        for length in range(20)
    ]
    for length, size, stride in [*named, *small, (1000, 384, 128)]:
        starts = window_starts(length, size, stride)
        expected = [(start, min(start + size, length)) for start in starts]
        task = (length, size, stride)
        try:
            expect_places(
                fn,
                *task,
                expected=expected,
                slip=lambda got, t=task, e=expected: _window_slip(got, *t, e),
            )
        except Wrong as wrong:
            if wrong.misconception != ENDLESS:
                raise
            hint = (
                "Leave the loop at the first window that reaches the end: after it, end - stride "
                "is the same start again and again. Before it, each start moves on by size − "
                "stride."
            )
            raise Wrong(f"{wrong.message}\n{hint}", ENDLESS) from wrong


def _window_slip(
    got: Pairs, length: int, size: int, stride: int, expected: Pairs
) -> tuple[str, str]:
    """The hint and the misconception that wrong windows tell of."""
    if length == 0:
        return (
            "A text without pieces has one window all the same, an empty one: (0, 0). "
            "A question about it can still be asked.",
            "empty-text",
        )
    if not got:
        return "A text that fits into one window has one window, (0, length).", "no-window"
    if got == [(start, end - 1) for start, end in expected]:
        return "The end is exclusive, as in a slice: pieces[start:end].", "end-included"
    if len(got) > 1 and got == [(start, end - start) for start, end in expected]:
        return (
            "The second number is how long the window is. Return where it ends.",
            "start-and-length",
        )
    shared = [before[1] - after[0] for before, after in pairwise(got)]
    if shared and shared[0] != stride and got[0][1] < length:
        if shared[0] == size - stride:
            return (
                f"Neighbours share {shared[0]} pieces. `stride` is how many they share, here "
                f"{stride}, not how far a window moves on: that is size − stride. (BERT's "
                "run_squad.py calls the other one doc_stride, so both readings are about.)",
                "stride-is-the-step",
            )
        if shared[0] == 0:
            return f"Neighbours share nothing; they should share {stride}.", "no-overlap"
        if shared[0] < 0:
            return (
                f"No window holds the pieces from {got[0][1]} to {got[1][0]}: neighbours should "
                f"share {stride}, so a window begins size − stride after the one before.",
                "leaves-gaps",
            )
        return (
            f"The first two windows share {shared[0]} pieces and should share {stride}: "
            "a window begins size − stride after the one before.",
            "wrong-step",
        )
    if got[-1][1] > length:
        return (
            f"The text has {length} pieces, but a window ends at {got[-1][1]}: "
            "the last one may be shorter than `size`.",
            "past-the-end",
        )
    if got[-1][1] < length:
        return (
            f"The pieces from {got[-1][1]} on are in no window: add windows until one reaches the "
            "end, even if it is shorter.",
            "last-window-lost",
        )
    if len(got) > 1 and got[-2][1] >= length:
        return (
            f"The window before the last, {got[-2]}, reaches the end already: the last one, "
            f"{got[-1]}, shows nothing new. Stop at the first that reaches the end.",
            "one-too-many",
        )
    if got[-1] == (length - size, length):
        return (
            f"The last window is moved back to be full, so it shares {shared[-1]} pieces with its "
            f"neighbour. Let it begin where it should and be shorter.",
            "moves-the-last-back",
        )
    return "Each window begins size − stride after the one before it.", "other"


def _windows_by_doc_stride(length, size, stride):
    found, start = [], 0
    while True:
        found.append((start, min(start + size, length)))
        if start + size >= length or stride == 0:
            return found
        start += stride


def _windows_full_ones(length, size, stride):
    if length <= size:
        return [(0, length)]
    return [(s, s + size) for s in range(0, length - size + 1, size - stride)]


def _windows_to_the_last_piece(length, size, stride):
    starts = range(0, max(length, 1), size - stride)
    return [(start, min(start + size, length)) for start in starts]


def _windows_past_the_end(length, size, stride):
    return [(start, start + size) for start in window_starts(length, size, stride)]


def _windows_only_if_long(length, size, stride):
    starts = range(0, length - stride, size - stride) if length > size else []
    return [(start, min(start + size, length)) for start in starts]


def _windows_moved_back(length, size, stride):
    windows = _windows_alternative(length, size, stride)
    return [*windows[:-1], (max(0, length - size), length)]


def _windows_side_by_side(length, size, stride):
    return [(start, min(start + size, length)) for start in range(0, max(length, 1), size)]


def _windows_with_gaps(length, size, stride):
    starts = range(0, max(length, 1), size + stride)
    return [(start, min(start + size, length)) for start in starts]


def _windows_share_one_more(length, size, stride):
    step = max(1, size - stride - 1)
    starts = [0, *range(step, length - stride, step)]
    return [(start, min(start + size, length)) for start in starts]


def _windows_end_included(length, size, stride):
    return [(start, end - 1) for start, end in _windows_alternative(length, size, stride)]


def _windows_with_lengths(length, size, stride):
    return [(start, end - start) for start, end in _windows_alternative(length, size, stride)]


def _windows_none_for_nothing(length, size, stride):
    return _windows_alternative(length, size, stride) if length else []


def _windows_divided(length, size, stride):
    count = max(1, -(-(length - stride) // (size - stride)))
    step = (2 * size - 2 * stride) / 2
    return [(i * step, min(i * step + size, length)) for i in range(count)]


def _windows_for_ever(length, size, stride):
    found, start = [], 0
    while start < length:
        end = min(start + size, length)
        found.append((start, end))
        start = end - stride
    return found


def _windows_alternative(length, size, stride):
    if length <= size:
        return [(0, length)]
    rest = _windows_alternative(length - size + stride, size, stride)
    return [(0, size), *((size - stride + a, size - stride + b) for a, b in rest)]


PLACES = (
    Exercise(
        id="01-4",
        title="Where each word begins and ends",
        function="word_ranges",
        minutes=6,
        difficulty=2,
        more=check_word_ranges,
        slips=(
            Slip(_ranges_without_the_last, "last-word-lost"),
            Slip(_ranges_end_included, "end-included"),
            Slip(_ranges_with_lengths, "start-and-length"),
            Slip(_ranges_of_cut_words, "only-cut-words"),
            Slip(_ranges_as_places, "all-places"),
            Slip(_ranges_of_pieces, "each-piece"),
            Slip(_ranges_starts, "starts-only"),
            Slip(_ranges_without_the_first, "first-word-lost"),
            Slip(_ranges_from_one, "counts-from-one"),
            Slip(_ranges_to_the_last_place, "wrong-last-end"),
            Slip(_ranges_of_nothing, "empty-text"),
            Slip(_ranges_add_a_start, "changes-its-input"),
            Slip(_ranges_that_yield, "not-a-list"),
            Slip(_ranges_for_ever, ENDLESS),
        ),
        alternative=_ranges_alternative,
    ),
    Exercise(
        id="01-5",
        title="Windows over a long text",
        function="windows",
        minutes=8,
        difficulty=3,
        more=check_windows,
        slips=(
            Slip(_windows_by_doc_stride, "stride-is-the-step"),
            Slip(_windows_full_ones, "last-window-lost"),
            Slip(_windows_to_the_last_piece, "one-too-many"),
            Slip(_windows_past_the_end, "past-the-end"),
            Slip(_windows_only_if_long, "no-window"),
            Slip(_windows_moved_back, "moves-the-last-back"),
            Slip(_windows_side_by_side, "no-overlap"),
            Slip(_windows_with_gaps, "leaves-gaps"),
            Slip(_windows_share_one_more, "wrong-step"),
            Slip(_windows_end_included, "end-included"),
            Slip(_windows_with_lengths, "start-and-length"),
            Slip(_windows_none_for_nothing, "empty-text"),
            Slip(_windows_divided, "not-whole-numbers"),
            Slip(_windows_for_ever, ENDLESS),
        ),
        alternative=_windows_alternative,
        equivalent_mutants={
            "range argument 2 + 1 in: for start in range(0, length + 1, size - stride):": (
                "the loop is left before: the first window that reaches the end is the last"
            ),
            "1 to 2 in: for start in range(0, length + 1, size - stride):": (
                "the loop is left before: the first window that reaches the end is the last"
            ),
            "first two arguments swapped in: end = min(start + size, length)": (
                "the smaller of two numbers is the same in either order"
            ),
        },
    ),
)
